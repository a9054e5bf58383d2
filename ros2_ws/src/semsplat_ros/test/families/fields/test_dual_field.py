# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Lifting of coarse semantics to fine Gaussians."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from semsplat_ros.families.fields import dual_field
from semsplat_ros.families.fields.dual_field import (
    CoarseGaussians,
    DualFieldSemantics,
    LiftingOptions,
)
from semsplat_ros.scene import Gaussians, SemanticField

CHAIR, TABLE = torch.eye(6)[:2]


def gaussians(means: torch.Tensor, opacities: torch.Tensor | None = None) -> Gaussians:
    m = len(means)
    return Gaussians(
        means=means,
        scales=torch.full((m, 3), 0.01),
        quats_wxyz=torch.tensor([[1.0, 0, 0, 0]]).repeat(m, 1),
        opacities=torch.full((m,), 0.9) if opacities is None else opacities,
        sh=torch.zeros(m, 1, 3),
        view=torch.zeros(m, dtype=torch.long),
        pixel=torch.arange(m),
    )


def random_field(n=50, m=20, seed=0, **options) -> DualFieldSemantics:
    g = torch.Generator().manual_seed(seed)
    coarse = CoarseGaussians(
        gaussians(torch.randn(m, 3, generator=g) + 3, torch.rand(m, generator=g)),
        F.normalize(torch.randn(m, 4, generator=g), dim=-1),
        torch.rand(m, 6, generator=g) * 7,
    )
    means = torch.randn(n, 3, generator=g) + 3
    instances = F.normalize(torch.randn(n, 4, generator=g), dim=-1)
    return DualFieldSemantics(coarse, means, instances, LiftingOptions(**options))


def two_objects(**options) -> DualFieldSemantics:
    """Two neighbours at one place that differ in instance, and a third far away of the first
    instance."""
    a, b = F.normalize(torch.tensor([[1.0, 0.2], [-0.2, 1.0]]), dim=-1)
    coarse = CoarseGaussians(
        gaussians(torch.tensor([[0.0, 0, 2], [0.05, 0, 2], [1.5, 0, 2]])),
        torch.stack((a, b, a)),
        torch.stack((3 * CHAIR, 5 * TABLE, TABLE)),
    )
    means = torch.tensor([[0.03, 0.0, 2.0], [0.03, 0, 2], [1.45, 0, 2]])
    return DualFieldSemantics(coarse, means, torch.stack((a, b, a)), LiftingOptions(**options))


def test_it_is_a_semantic_field():
    field = random_field()
    assert isinstance(field, SemanticField)
    assert field.dimension == field.features().shape[1] == 6
    assert field.similarity(torch.eye(6)).shape == (len(field.means), 6)
    torch.testing.assert_close(field.features().norm(dim=1), torch.ones(len(field.means)))


def test_instances_decide_between_neighbours_and_distance_between_likes():
    scores = two_objects().similarity(torch.stack((CHAIR, TABLE)))
    assert scores[0, 0] > 0.99  # on the chair, though the table's Gaussian is nearer
    assert scores[1, 1] > 0.99
    assert scores[2, 1] > 0.99  # same instance vector, other place


def test_without_instances_the_edge_leaks():
    scores = two_objects(sharpness=0.0).similarity(torch.stack((CHAIR, TABLE)))
    assert scores[0].max() < 0.95


def test_similarity_is_the_cosine_of_the_features():
    field = random_field()
    text = F.normalize(torch.randn(3, 6), dim=-1)
    features = field.features()
    torch.testing.assert_close(features.norm(dim=-1), torch.ones(50))
    torch.testing.assert_close(field.similarity(text), features @ text.T, atol=1e-5, rtol=1e-4)


def test_by_the_formula():
    field = random_field(neighbours=20)
    coarse, o = field.coarse, field.options
    log_weight = (
        o.sharpness * field.instances @ coarse.instances.T
        - torch.cdist(field.means, coarse.gaussians.means) ** 2
        / (2 * (o.reach * field.means.norm(dim=-1, keepdim=True)) ** 2)
        + coarse.gaussians.opacities.log()
    )
    expected = log_weight.softmax(1) @ F.normalize(coarse.semantics, dim=-1)
    torch.testing.assert_close(
        field.features(), F.normalize(expected, dim=-1), atol=1e-4, rtol=1e-3
    )


def test_the_unit_of_length_does_not_matter():
    field = random_field()
    far = field.coarse.gaussians
    scaled = DualFieldSemantics(
        replace(field.coarse, gaussians=replace(far, means=far.means * 50)),
        field.means * 50,
        field.instances,
    )
    torch.testing.assert_close(scaled.features(), field.features(), atol=1e-4, rtol=1e-3)


def test_the_length_of_semantics_does_not_matter():
    field = random_field()
    longer = replace(field, coarse=replace(field.coarse, semantics=field.coarse.semantics * 9))
    torch.testing.assert_close(longer.features(), field.features())


def test_chunks_do_not_change_results(monkeypatch):
    whole = random_field().features()
    monkeypatch.setattr(dual_field, "CHUNK", 7)
    torch.testing.assert_close(random_field().features(), whole)


def test_order_of_coarse_gaussians_does_not_matter():
    field = random_field()
    order = torch.randperm(20, generator=torch.Generator().manual_seed(1))
    coarse = CoarseGaussians(
        field.coarse.gaussians.select(order),
        field.coarse.instances[order],
        field.coarse.semantics[order],
    )
    torch.testing.assert_close(
        replace(field, coarse=coarse).features(), field.features(), atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize("m", [1, 5])
def test_few_coarse_gaussians(m):
    assert torch.isfinite(random_field(m=m, neighbours=8).features()).all()


def test_no_semantics_is_no_similarity():
    field = random_field()
    empty = replace(field, coarse=replace(field.coarse, semantics=torch.zeros(20, 6)))
    assert torch.equal(empty.similarity(torch.eye(6)), torch.zeros(50, 6))
