# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Semantic fields of SpatialSplat and GSemSplat seen by a camera."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.base import LanguageKind, LanguageProfile
from semsplat_ros.families.fields.dual_branch import DualBranchSemantics, ProjectedField
from semsplat_ros.families.fields.dual_field import CoarseGaussians, DualFieldSemantics
from semsplat_ros.families.semantic_rendering import (
    render_branches,
    render_coarse_semantics,
    render_fine_field,
)
from semsplat_ros.geometry.views import central_crop
from semsplat_ros.language.relevancy import Relevancy
from semsplat_ros.networks.gsemsplat import Projection
from semsplat_ros.scene import (
    Cameras,
    Gaussians,
    IntrinsicsSource,
    Provenance,
    Scale,
    ScaleStatus,
    SemanticScene,
)

SIDE = 16
K = torch.tensor([[20.0, 0, 8], [0, 20.0, 8], [0, 0, 1]])


def wall(
    step: int = 1, depth: float = 2.0, opacity: float = 0.95, importances: float | None = None
) -> Gaussians:
    """A flat wall: one Gaussian for step x step pixels of a camera at the origin."""
    at = torch.arange(SIDE // step) * step + step / 2
    rows, columns = torch.meshgrid(at, at, indexing="ij")
    means = torch.stack([(columns - 8) / 20, (rows - 8) / 20, torch.ones_like(rows)], -1) * depth
    n = means.shape[0] * means.shape[1]
    return Gaussians(
        means=means.reshape(-1, 3),
        scales=torch.full((n, 3), 0.5 * step * depth / 20),
        quats_wxyz=torch.tensor([[1.0, 0, 0, 0]]).repeat(n, 1),
        opacities=torch.full((n,), opacity),
        sh=torch.zeros(n, 1, 3),
        view=torch.zeros(n, dtype=torch.long),
        pixel=torch.arange(n),
        importances=None if importances is None else torch.full((n,), importances),
    )


def left_half(gaussians: Gaussians) -> torch.Tensor:
    return gaussians.means[:, 0] < 0


def scene_of(gaussians: Gaussians, semantics, instances=None) -> SemanticScene:
    return SemanticScene(
        gaussians=gaussians,
        semantics=semantics,
        instance_features=instances,
        cameras=Cameras(torch.eye(4)[None], K[None], IntrinsicsSource.PARAMETER),
        scale=Scale(ScaleStatus.RELATIVE),
        images=torch.zeros(1, 3, SIDE, SIDE),
        crops=(central_crop(SIDE, SIDE, SIDE, SIDE),),
        provenance=Provenance("test-rule"),
    )


def spatialsplat_scene(importances: torch.Tensor | None = None) -> SemanticScene:
    """A wall whose left half means axis 0 and whose right half means axis 1 of three."""
    coarse, fine = wall(4), wall(importances=0.9)
    if importances is not None:
        fine = replace(fine, importances=importances)
    axes = torch.eye(3)
    meaning = torch.where(left_half(coarse)[:, None], 2 * axes[0], 5 * axes[1])
    kinds = F.normalize(torch.tensor([[1.0, 0.1], [-0.1, 1.0]]), dim=1)

    def instances(g: Gaussians) -> torch.Tensor:
        return torch.where(left_half(g)[:, None], kinds[0], kinds[1])

    field = DualFieldSemantics(
        CoarseGaussians(coarse, instances(coarse), meaning), fine.means, instances(fine)
    )
    return scene_of(fine, field, instances(fine))


def seen_from(x: float = 0.0) -> torch.Tensor:
    pose = torch.eye(4)
    pose[0, 3] = x
    return pose


def test_coarse_semantics_are_where_they_belong():
    seen = render_coarse_semantics(spatialsplat_scene(), seen_from(), K, SIDE, SIDE)
    assert seen.features.shape == (SIDE, SIDE, 3)
    winner = seen.features.argmax(-1)
    assert (winner[:, :7] == 0).all() and (winner[:, 9:] == 1).all()
    # Blended with the weights of colour, as predicted: neither normalised nor divided by alpha.
    inner = seen.features[4:12, 2, 0] / seen.alpha[4:12, 2]
    torch.testing.assert_close(inner, torch.full((8,), 2.0), atol=0.1, rtol=0)


def test_a_camera_that_moves_right_sees_the_edge_further_left():
    # 0.4 m at 2 m distance and a focal length of 20 pixels are 4 pixels.
    seen = render_coarse_semantics(spatialsplat_scene(), seen_from(0.4), K, SIDE, SIDE)
    winner = seen.features.argmax(-1)[8]
    assert (winner[:3] == 0).all() and (winner[5:10] == 1).all()


def test_coarse_opacity_is_free_of_importance():
    scene = spatialsplat_scene()
    coarse = scene.semantics.coarse
    damped = replace(coarse.gaussians, importances=torch.full((len(coarse.gaussians),), 0.1))
    other = replace(scene.semantics, coarse=replace(coarse, gaussians=damped))
    a = render_coarse_semantics(scene, seen_from(), K, SIDE, SIDE)
    b = render_coarse_semantics(replace(scene, semantics=other), seen_from(), K, SIDE, SIDE)
    assert torch.equal(a.features, b.features)


def test_coarse_semantics_can_be_trained_through_the_image():
    scene = spatialsplat_scene()
    coarse = scene.semantics.coarse
    free = coarse.semantics.clone().requires_grad_()
    field = replace(scene.semantics, coarse=replace(coarse, semantics=free))
    render_coarse_semantics(replace(scene, semantics=field), seen_from(), K, 4, 4).features[
        ..., 0
    ].sum().backward()
    assert (free.grad[:, 0] != 0).any()
    assert (free.grad[:, 1:] == 0).all()


def test_too_near_for_the_published_rasteriser():
    scene = spatialsplat_scene()
    behind = seen_from()
    behind[2, 3] = 1.9  # the wall is 0.1 before the camera
    assert not render_coarse_semantics(scene, behind, K, SIDE, SIDE).alpha.any()


def test_importance_damps_the_fine_field():
    importances = torch.where(left_half(wall()), 0.4, 0.9)
    scene = spatialsplat_scene(importances)
    seen = render_fine_field(scene, seen_from(), K, SIDE, SIDE)
    assert seen.alpha[:, :6].max() < 0.01
    assert seen.alpha[4:12, 10:14].min() > 0.8
    assert seen.features.shape == (SIDE, SIDE, 2)


class Words:
    """The words of the scene below, and the canonical phrases, in four dimensions."""

    dimension = 4

    def encode(self, texts):
        axes = {"chair": 0, "lamp": 1}
        return torch.stack([torch.eye(4)[axes.get(text, 3)] for text in texts])


def chosen(*axes: int) -> Projection:
    """A projection that turns its two inputs into the given axes of four."""
    projection = Projection(2, 2, 4)
    with torch.no_grad():
        projection.hidden.weight.copy_(torch.eye(2) * 10)
        projection.hidden.bias.zero_()
        projection.out.bias.copy_(torch.tensor([0, 0, 1.0, 0]))
        projection.out.weight.zero_()
        for i, axis in enumerate(axes):
            projection.out.weight[axis, i] = 3
    return projection.requires_grad_(False)


def gsemsplat_scene() -> SemanticScene:
    """The left half is a chair for the region branch, the right half a lamp for the context
    branch."""
    fine = wall()
    left = left_half(fine).float()[:, None]
    region = ProjectedField(torch.cat([left, 0 * left], 1), chosen(0, 2))
    context = ProjectedField(torch.cat([1 - left, 0 * left], 1), chosen(1, 2))
    return scene_of(fine, DualBranchSemantics(region, context))


@pytest.mark.parametrize(("text", "inside", "outside"), [("chair", 3, 12), ("lamp", 12, 3)])
def test_each_word_is_answered_by_the_branch_that_knows_it(text, inside, outside):
    seen = render_branches(gsemsplat_scene(), seen_from(), K, SIDE, SIDE)
    assert seen.alpha[8, 8] > 0.8
    scorer = Relevancy(LanguageProfile(LanguageKind.OPEN), Words())
    score = scorer.score(seen.semantics, text).view(SIDE, SIDE)
    assert score[4:12, inside].min() > 0.9
    assert score[4:12, outside].max() < 0.6


def test_projection_comes_after_blending():
    scene = gsemsplat_scene()
    seen = render_branches(scene, seen_from(), K, SIDE, SIDE)
    region = seen.semantics.region
    assert region.compressed.shape == (SIDE * SIDE, 2)
    edge = region.compressed.view(SIDE, SIDE, 2)[8, 7:9, 0]
    assert ((edge > 0.05) & (edge < 0.95)).any()  # blended before the projection
    torch.testing.assert_close(
        region.features(), F.normalize(scene.semantics.region.projection(region.compressed), dim=1)
    )


@pytest.mark.parametrize("render", [render_coarse_semantics, render_branches])
def test_a_scene_without_such_a_field_is_refused(render):
    with pytest.raises(SemsplatError, match="test-rule") as refusal:
        render(scene_of(wall(), None), seen_from(), K, SIDE, SIDE)
    assert refusal.value.code is ErrorCode.NO_LANGUAGE_MODEL
