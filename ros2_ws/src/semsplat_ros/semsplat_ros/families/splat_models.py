# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""SpatialSplat and NoPoSplat as scene models: views in, a semantic Gaussian scene out.

Both predict up to an unknown scale. Poses come from the predicted points by PnP; focal lengths,
where none are given, from the first view's points.
"""

import time
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.base import LanguageKind, LanguageProfile, TextEncoder
from semsplat_ros.families.fields.dual_field import (
    CoarseGaussians,
    DualFieldSemantics,
)
from semsplat_ros.geometry.point_cameras import cameras_from_points
from semsplat_ros.networks.gaussian_adapter import selected_opacities
from semsplat_ros.networks.spatialsplat import (
    GaussianField,
    NoPoSplatNetwork,
    SpatialSplatNetwork,
)
from semsplat_ros.scene import (
    IMPORTANCE_THRESHOLD,
    Gaussians,
    ModelInfo,
    Provenance,
    Scale,
    ScaleStatus,
    SemanticScene,
    Views,
)
from semsplat_ros.view_layout import ViewLayout

ASSUMED_FOCAL = 1.2
"""Focal length over image side, of the whole image, along each axis: what the published
inference assumes where no intrinsics are given."""
SH_COEFFICIENTS = 16
"""Up to degree 3; a 3DGS rasteriser does not read the predicted coefficients of degree 4."""
LanguageExtractor = Callable[[Tensor], Tensor]
"""Dense 2D language features: RGB images 0..1 [v, 3, h, w] to features [v, d, hl, wl] of any
size, not normalised."""


class NoPoSplatModel:
    """Geometry and colour without language (NoPoSplat paper).

    Args:
        network: in evaluation mode, on the device to run on.
        info: facts about it.
    """

    language: LanguageProfile | None = None
    text_encoder: TextEncoder | None = None

    def __init__(self, network: NoPoSplatNetwork, info: ModelInfo) -> None:
        self.network = network
        self._info = info

    @property
    def info(self) -> ModelInfo:
        """Facts about the model."""
        return self._info

    @property
    def view_layout(self) -> ViewLayout:
        """How more than two views are read."""
        return self.network.backbone.layout

    @view_layout.setter
    def view_layout(self, layout: ViewLayout) -> None:
        self.network.backbone.layout = layout

    @property
    def device(self) -> torch.device:
        """Where predict runs."""
        return self.network.backbone.enc_norm.weight.device

    @torch.inference_mode()
    def predict(self, views: Views) -> SemanticScene:
        """One pass over two or more views.

        Raises:
            SemsplatError: INVALID_ARGUMENT if there is one view only or the images have another
                size.
        """
        self._check(views)
        start = time.perf_counter()
        images = views.images.to(self.device)
        intrinsics = normalised_intrinsics(views).to(self.device)
        field = self.network((images * 2 - 1)[None], intrinsics[None])
        return self._scene(views, field, gaussians_of(field), None, start)

    def _check(self, views: Views) -> None:
        count, _, height, width = views.images.shape
        if count < 2 or (height, width) != self.info.image_size:
            expected = "x".join(str(side) for side in self.info.image_size)
            raise SemsplatError(
                ErrorCode.INVALID_ARGUMENT,
                f"{count} views of {height}x{width} given; {self.info.name} takes two or more of "
                f"{expected} pixels (height x width)",
            )

    def _scene(
        self,
        views: Views,
        field: GaussianField,
        gaussians: Gaussians,
        semantics: DualFieldSemantics | None,
        start: float,
    ) -> SemanticScene:
        points = field.means[0].unflatten(1, self.info.image_size)
        instances = None
        if field.instances is not None:
            instances = field.instances[0].flatten(0, 1)
        cameras = cameras_from_points(points, views)
        return SemanticScene(
            gaussians=gaussians,
            semantics=semantics,
            instance_features=instances,
            cameras=cameras,
            scale=Scale(ScaleStatus.RELATIVE),
            images=views.images,
            crops=views.crops,
            provenance=Provenance(
                model=f"{self.info.name}-{self.info.checksum}",
                inference_seconds=time.perf_counter() - start,
                stamps_ns=views.prior.stamps_ns,
                frame=views.prior.frame,
            ),
        )


class SpatialSplatModel(NoPoSplatModel):
    """The dual field (SpatialSplat paper).

    Args:
        network: in evaluation mode, on the device to run on.
        info: facts about it.
        extractor: 2D language features for the coarse semantics: CLIP's dense image tower ("Lite")
            or LSeg; None for a scene without language.
        text_encoder: of the extractor's space.
    """

    network: SpatialSplatNetwork

    def __init__(
        self,
        network: SpatialSplatNetwork,
        info: ModelInfo,
        extractor: LanguageExtractor | None = None,
        text_encoder: TextEncoder | None = None,
    ) -> None:
        super().__init__(network, info)
        self.extractor = extractor
        self.text_encoder = text_encoder
        self.language = None if extractor is None else LanguageProfile(LanguageKind.OPEN)

    @torch.inference_mode()
    def predict(self, views: Views) -> SemanticScene:
        """One pass over two or more views.

        Raises:
            SemsplatError: INVALID_ARGUMENT if there is one view only or the images have another
                size.
        """
        self._check(views)
        start = time.perf_counter()
        images = views.images.to(self.device)
        intrinsics = normalised_intrinsics(views).to(self.device)
        language = None if self.extractor is None else self.extractor(images)[None]
        fields = self.network((images * 2 - 1)[None], intrinsics[None], language)
        gaussians = gaussians_of(fields.fine)
        semantics = None
        if fields.coarse.semantics is not None:
            coarse = CoarseGaussians(
                gaussians=gaussians_of(fields.coarse),
                instances=fields.coarse.instances[0].flatten(0, 1),
                semantics=fields.coarse.semantics[0].flatten(0, 1),
            )
            semantics = DualFieldSemantics(
                coarse, gaussians.means, fields.fine.instances[0].flatten(0, 1)
            )
        return self._scene(views, fields.fine, gaussians, semantics, start)


def gaussians_of(field: GaussianField) -> Gaussians:
    """The Gaussians of the first (only) batch item, views one after the other."""
    _, views, pixels, _ = field.means.shape
    device = field.means.device
    quats = field.quats_xyzw[0].flatten(0, 1).roll(1, dims=-1)
    sh = field.sh[0, ..., :SH_COEFFICIENTS].flatten(0, 1).transpose(1, 2)
    return Gaussians(
        means=field.means[0].flatten(0, 1),
        scales=field.scales[0].flatten(0, 1),
        quats_wxyz=torch.nn.functional.normalize(quats, dim=-1),
        opacities=field.opacities[0].flatten(),
        sh=sh.contiguous(),
        view=torch.arange(views, device=device).repeat_interleave(pixels),
        pixel=torch.arange(pixels, device=device).repeat(views),
        importances=None if field.importances is None else field.importances[0].flatten(),
    )


def blending_opacities(gaussians: Gaussians) -> Float[Tensor, " n"]:
    """What a renderer blends fine Gaussians with: opacity times importance, damped at and below
    tau.
    """
    if gaussians.importances is None:
        return gaussians.opacities
    return selected_opacities(gaussians.opacities, gaussians.importances, IMPORTANCE_THRESHOLD)


def normalised_intrinsics(views: Views) -> Float[Tensor, "v 3 3"]:
    """Intrinsics as the networks were trained with them.

    Focal lengths are those of the network image over its sides. The principal point is that of the
    whole image over the whole image's sides: training did not move it with the crop.
    """
    out = torch.eye(3).repeat(len(views.crops), 1, 1)
    for i, crop in enumerate(views.crops):
        if views.intrinsics is None:
            out[i, 0, 0] = ASSUMED_FOCAL * crop.original_width / crop.width
            out[i, 1, 1] = ASSUMED_FOCAL * crop.original_height / crop.height
            out[i, :2, 2] = 0.5
            continue
        network = views.intrinsics[i]
        original = crop.to_original(network)
        out[i, 0, 0] = network[0, 0] / crop.network_width
        out[i, 1, 1] = network[1, 1] / crop.network_height
        out[i, 0, 2] = original[0, 2] / crop.original_width
        out[i, 1, 2] = original[1, 2] / crop.original_height
    return out
