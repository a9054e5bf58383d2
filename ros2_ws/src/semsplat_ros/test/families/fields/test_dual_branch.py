# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""GSemSplat's two fields and which of them answers."""

import pytest
import torch
from torch.nn.functional import normalize

from semsplat_ros.families.base import LanguageKind, LanguageProfile
from semsplat_ros.families.fields import dual_branch
from semsplat_ros.families.fields.dual_branch import DualBranchSemantics, ProjectedField
from semsplat_ros.language.relevancy import CANONICAL_PHRASES, Relevancy
from semsplat_ros.networks.gsemsplat import Projection
from semsplat_ros.perceiver import _Selected

COUNT, CLIP = 50, 24


def projected(seed: int) -> ProjectedField:
    torch.manual_seed(seed)
    return ProjectedField(torch.randn(COUNT, 16), Projection(16, 8, CLIP))


def texts(count: int = 6) -> torch.Tensor:
    return normalize(torch.randn(count, CLIP, generator=torch.Generator().manual_seed(9)), dim=1)


@pytest.mark.parametrize("chunk", [7, 1000])
def test_similarity_is_the_cosine_of_the_projected_features(monkeypatch, chunk):
    monkeypatch.setattr(dual_branch, "CHUNK", chunk)
    field = projected(0)
    with torch.no_grad():
        expected = normalize(field.projection(field.compressed), dim=1) @ texts().T
    torch.testing.assert_close(field.similarity(texts()), expected)
    torch.testing.assert_close(field.features() @ texts().T, expected)
    assert field.dimension == CLIP


def test_each_text_is_answered_by_the_branch_with_the_highest_cosine():
    field = DualBranchSemantics(projected(1), projected(2))
    answer = field.similarity(texts(20))
    first, second = (branch.similarity(texts(20)) for branch in field.branches)
    chosen = first.amax(0) >= second.amax(0)
    assert 0 < chosen.sum() < 20
    for i, region in enumerate(chosen):
        torch.testing.assert_close(answer[:, i], (first if region else second)[:, i])
    torch.testing.assert_close(field.features().norm(dim=1), torch.ones(COUNT))


class Fixed:
    """A text encoder with given rows."""

    dimension = CLIP

    def __init__(self, rows: dict[str, torch.Tensor]) -> None:
        self.rows = rows

    def encode(self, names: list[str]) -> torch.Tensor:
        return torch.stack([self.rows[name] for name in names])


class Given:
    """A field of given unit vectors."""

    dimension = CLIP

    def __init__(self, vectors: torch.Tensor) -> None:
        self.vectors = vectors

    def similarity(self, text: torch.Tensor) -> torch.Tensor:
        return self.vectors @ text.T

    def features(self) -> torch.Tensor:
        return self.vectors


class Branched(Given):
    """Two given fields."""

    def __init__(self, *branches: Given) -> None:
        super().__init__(branches[0].vectors)
        self.branches = branches


@pytest.mark.parametrize("wrapped", [False, True])
def test_relevancy_decides_by_score_and_not_by_cosine(wrapped):
    """The context field is less similar to the text, but even less to the canonical phrases."""
    axis = torch.eye(CLIP)
    rows = {"chair": axis[0]} | dict.fromkeys(CANONICAL_PHRASES, axis[1])
    region = normalize(0.8 * axis[0] + 0.6 * axis[1], dim=0).repeat(4, 1)
    context = normalize(0.6 * axis[0] + 0.8 * axis[2], dim=0).repeat(4, 1)
    field = Branched(Given(region), Given(context))
    if wrapped:
        field = _Selected(field, torch.tensor([True, True, False, True]))
    relevancy = Relevancy(LanguageProfile(LanguageKind.OPEN), Fixed(rows))
    expected = torch.sigmoid(torch.full((3 if wrapped else 4,), 10 * 0.6))
    torch.testing.assert_close(relevancy.score(field, "chair"), expected)


def test_a_field_without_branches_answers_itself():
    rows = {"chair": torch.eye(CLIP)[0]} | dict.fromkeys(CANONICAL_PHRASES, torch.eye(CLIP)[1])
    relevancy = Relevancy(LanguageProfile(LanguageKind.OPEN), Fixed(rows))
    field = _Selected(Given(torch.eye(CLIP)[:2]), torch.tensor([True, True]))
    expected = torch.sigmoid(torch.tensor([10.0, -10.0]))
    torch.testing.assert_close(relevancy.score(field, "chair"), expected)
