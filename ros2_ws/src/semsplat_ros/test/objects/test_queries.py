# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from semsplat_ros.families.base import LanguageKind, LanguageProfile
from semsplat_ros.language.relevancy import Relevancy
from semsplat_ros.objects.queries import pool_scores, rank
from semsplat_ros.perceiver import Perceiver
from semsplat_ros.scene import Perception
from test.support.fake_model import FakeModel, ToyTextEncoder, block_image


def test_the_half_that_scores_highest_counts() -> None:
    score = np.array([0.9, 0.1, 0.8, 0.2, 0.3, 0.7], np.float32)
    group = np.array([1, 1, 1, 1, 2, 0])
    weight = np.array([1.0, 1.0, 3.0, 1.0, 1.0, 1.0], np.float32)
    found = pool_scores(score, group, weight, 3)
    np.testing.assert_allclose(found, [(0.9 + 3 * 0.8) / 4, 0.3, 0.0], atol=1e-6)


def test_a_thin_rim_of_something_else_does_not_make_an_object_it() -> None:
    score = np.zeros(100, np.float32)
    score[:10] = 1.0
    found = pool_scores(score, np.ones(100, np.int64), np.ones(100, np.float32), 1)
    assert found[0] == pytest.approx(0.2)


@given(st.integers(0, 2**32 - 1))
def test_pooled_scores_lie_between_mean_and_maximum_in_any_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    score = rng.uniform(0, 1, 60).astype(np.float32)
    group = rng.integers(0, 5, 60)
    weight = np.ones(60, np.float32)
    found = pool_scores(score, group, weight, 4)
    for i in range(4):
        mine = score[group == i + 1]
        if len(mine):
            assert mine.mean() - 1e-5 <= found[i] <= mine.max() + 1e-5
    order = rng.permutation(60)
    np.testing.assert_allclose(
        pool_scores(score[order], group[order], weight, 4), found, atol=1e-6
    )


class Responses(Relevancy):
    """Each object responds as it is told to, everything else with 0.1."""

    def __init__(self, perception: Perception, levels: tuple[float, ...], kind: LanguageKind):
        # The kind is only looked at: nothing here asks the router of a closed set.
        super().__init__(LanguageProfile(LanguageKind.OPEN), ToyTextEncoder())
        self.profile = LanguageProfile(kind)
        generator = torch.Generator().manual_seed(0)
        table = torch.tensor([0.1, *levels])
        noise = 0.01 * torch.randn(len(perception.instance_ids), generator=generator)
        self._scores = table[perception.instance_ids] + noise

    def score(self, field, text):
        return self._scores

    def similarity(self, field, text):
        return self._scores


@pytest.fixture(scope="module")
def two_objects() -> Perception:
    perceiver = Perceiver(FakeModel())
    left = block_image({"red": (20, 40, 40, 60), "green": (100, 60, 30, 30)})
    vocabulary = perceiver.make_vocabulary(["chair", "table", "wall"], 1)
    perception = perceiver.perceive(perceiver.prepare((left, left)), vocabulary)
    assert len(perception.instances) == 2
    return perception


def asked(perception, levels, adaptive=True, kind=LanguageKind.OPEN, min_score=0.25):
    relevancy = Responses(perception, levels, kind)
    return rank(perception, relevancy, "chair", "chair", 5, min_score, adaptive)


def test_a_clear_low_response_is_taken_only_with_the_adaptive_threshold(two_objects):
    assert not asked(two_objects, (0.5, 0.1), adaptive=False).found
    answer = asked(two_objects, (0.5, 0.1))
    assert answer.found
    assert [match.instance.id for match in answer.matches] == [1]
    assert answer.matches[0].score < 0.25  # the score stays what it is, and the message says so
    assert "adaptive threshold 0." in answer.message
    closed = asked(two_objects, (0.5, 0.1), kind=LanguageKind.CLOSED_SET, min_score=0.6)
    assert not closed.found


def test_a_clear_low_response_beside_a_strong_one_is_taken_after_it(two_objects):
    plain = asked(two_objects, (0.5, 0.95), adaptive=False)
    assert [match.instance.id for match in plain.matches] == [2]
    both = asked(two_objects, (0.5, 0.95))
    assert [match.instance.id for match in both.matches] == [2, 1]
    assert plain.matches[0] == both.matches[0]


@pytest.mark.parametrize("levels", [(0.1, 0.1), (0.25, 0.2), (0.3, 0.1)])
def test_without_a_clear_response_nothing_changes(two_objects, levels):
    assert asked(two_objects, levels) == asked(two_objects, levels, adaptive=False)
    assert not asked(two_objects, levels).found
