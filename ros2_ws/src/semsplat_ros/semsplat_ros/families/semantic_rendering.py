# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Semantic fields seen by any camera, also one between the views that were given.

No code of this was published for SpatialSplat's coarse field, and none at all for GSemSplat; what
the papers say is followed, and everything is blended by the project's own rasteriser
(:func:`semsplat_ros.rendering.rasterize.rasterize`): features with the weights of colour, nothing
behind them, not divided by alpha.
"""

from dataclasses import replace
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.fields.dual_branch import DualBranchSemantics
from semsplat_ros.families.fields.dual_field import DualFieldSemantics
from semsplat_ros.families.splat_models import blending_opacities
from semsplat_ros.rendering.rasterize import Rendering, rasterize
from semsplat_ros.scene import SemanticScene

SPATIALSPLAT_NEAR = 0.2
"""Nearer Gaussians are left out, in units of the scene; fixed in the published rasteriser."""


class RenderedBranches(NamedTuple):
    """GSemSplat's semantics of one image."""

    semantics: DualBranchSemantics
    """A semantic field whose rows are the pixels, row-major: texts are scored on it as on
    Gaussians, and the stronger branch of the image answers."""
    alpha: Float[Tensor, "h w"]
    """0 where no Gaussian is: semantics mean nothing there."""


def render_fine_field(
    scene: SemanticScene,
    first_from_camera: Float[Tensor, "4 4"],
    intrinsics: Float[Tensor, "3 3"],
    height: int,
    width: int,
) -> Rendering:
    """Colour, depth and instance features of SpatialSplat's fine field.

    A Gaussian's opacity is multiplied by its importance, and by a thousandth where that does not
    exceed tau (SpatialSplat paper); scenes of other systems are rendered as they are.

    Args:
        scene: of any model.
        first_from_camera: pose of the camera in the first view's frame.
        intrinsics: pixels of the rendered image.
        height: rows.
        width: columns.
    """
    gaussians = replace(scene.gaussians, opacities=blending_opacities(scene.gaussians))
    return rasterize(
        gaussians,
        torch.linalg.inv(first_from_camera),
        intrinsics,
        height,
        width,
        scene.instance_features,
        SPATIALSPLAT_NEAR,
    )


def render_coarse_semantics(
    scene: SemanticScene,
    first_from_camera: Float[Tensor, "4 4"],
    intrinsics: Float[Tensor, "3 3"],
    height: int,
    width: int,
) -> Rendering:
    """Uncompressed semantics of SpatialSplat's coarse field, in `features`.

    Their opacities do not contain the importance (SpatialSplat paper). The field has one Gaussian
    for 8 x 8 pixels, so an image of an eighth of the side holds all it can show; that is what
    training compares with the 2D model's map of the true image. The vectors are not normalised.

    Args:
        scene: of SpatialSplat, with language.
        first_from_camera: pose of the camera in the first view's frame.
        intrinsics: pixels of the rendered image.
        height: rows.
        width: columns.

    Raises:
        SemsplatError: NO_LANGUAGE_MODEL if the scene has no coarse field.
    """
    if not isinstance(scene.semantics, DualFieldSemantics):
        raise _without("a coarse semantic field, which SpatialSplat's have", scene)
    coarse = scene.semantics.coarse
    return rasterize(
        coarse.gaussians,
        torch.linalg.inv(first_from_camera),
        intrinsics,
        height,
        width,
        coarse.semantics,
        SPATIALSPLAT_NEAR,
    )


def render_branches(
    scene: SemanticScene,
    first_from_camera: Float[Tensor, "4 4"],
    intrinsics: Float[Tensor, "3 3"],
    height: int,
    width: int,
) -> RenderedBranches:
    """GSemSplat's two fields, blended compressed and projected pixel by pixel (GSemSplat paper).

    Args:
        scene: of GSemSplat.
        first_from_camera: pose of the camera in the first view's frame.
        intrinsics: pixels of the rendered image.
        height: rows.
        width: columns.

    Raises:
        SemsplatError: NO_LANGUAGE_MODEL if the scene has no such fields.
    """
    if not isinstance(scene.semantics, DualBranchSemantics):
        raise _without("a region and a context field, which GSemSplat's have", scene)
    fields = scene.semantics.branches
    both = torch.cat([field.compressed for field in fields], dim=1)
    seen = rasterize(
        scene.gaussians, torch.linalg.inv(first_from_camera), intrinsics, height, width, both
    )
    maps = seen.features.flatten(0, 1).split([f.compressed.shape[1] for f in fields], dim=1)
    pixels = (replace(f, compressed=m) for f, m in zip(fields, maps, strict=True))
    return RenderedBranches(DualBranchSemantics(*pixels), seen.alpha)


def _without(what: str, scene: SemanticScene) -> SemsplatError:
    return SemsplatError(
        ErrorCode.NO_LANGUAGE_MODEL,
        f"this scene of {scene.provenance.model} has not {what}; nothing can be rendered",
    )
