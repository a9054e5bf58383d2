# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""DUSt3R and MASt3R as scene models: geometry and colour of a pair, without language.

Their points become Gaussians by this project's own rule: one round Gaussian per pixel, half a
pixel wide, nearly opaque, in the pixel's colour.
"""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.base import LanguageProfile, TextEncoder
from semsplat_ros.families.entry import ModelEntry, NamedWeightsModel
from semsplat_ros.families.loading import (
    info_of,
    network_by_rule,
    network_from,
    network_side,
    open_upstream,
    rule_info,
)
from semsplat_ros.families.weights.named_weights import DUST3R_RULE
from semsplat_ros.families.weights.sources import CC_NC, WeightSource
from semsplat_ros.geometry.pair_cameras import MIN_CONFIDENCE, Direction, view_pair
from semsplat_ros.geometry.point_cameras import cameras_from_points
from semsplat_ros.geometry.spherical_harmonics import dc_from_colour
from semsplat_ros.networks.croco import CrocoConfig
from semsplat_ros.networks.dpt import DptConfig
from semsplat_ros.networks.dust3r import Dust3rNetwork, Mast3rNetwork, PairPointMaps, PointMap
from semsplat_ros.scene import (
    Cameras,
    Gaussians,
    IntrinsicsSource,
    ModelInfo,
    Provenance,
    Scale,
    ScaleStatus,
    SemanticField,
    SemanticScene,
    Views,
)

PIXEL_SIGMA = 0.5
"""Standard deviation of a point's Gaussian in pixels of the view it comes from."""
POINT_OPACITY = 0.95
PATCH = 16
DUST3R_SIDE = 512
SQUARE_SIDE = 224
"""DUSt3R's small training size; its images were square, those of 512 were 4:3."""
DUST3R = WeightSource(
    "dust3r",
    "DUSt3R_ViTLarge_BaseDecoder_512_dpt.pth",
    "the DUSt3R project on GitHub, naver/dust3r",
    "the project's README; as safetensors on Hugging Face, "
    "naver/DUSt3R_ViTLarge_BaseDecoder_512_dpt",
    True,
    CC_NC,
    short=CC_NC,
)
MAST3R = WeightSource(
    "mast3r",
    "MASt3R_ViTLarge_BaseDecoder_512_catmlpdpt_metric.pth",
    "the MASt3R project on GitHub, naver/mast3r",
    "the project's README; as safetensors on Hugging Face, "
    "naver/MASt3R_ViTLarge_BaseDecoder_512_catmlpdpt_metric",
    True,
    f"{CC_NC}, and the terms of the training data in MASt3R's notice",
    short=f"{CC_NC} and data terms",
)
logger = logging.getLogger(__name__)


def check_pair(views: Views, model: str) -> None:
    """Two views with sides that are multiples of 16.

    Raises:
        SemsplatError: INVALID_ARGUMENT otherwise.
    """
    count, _, height, width = views.images.shape
    if count != 2 or height % PATCH or width % PATCH or min(height, width) < 2 * PATCH:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"{count} views of {height}x{width} given; {model} takes two, with sides that are "
            f"multiples of {PATCH} and at least {2 * PATCH} pixels",
        )


class PairModel:
    """What all models on DUSt3R's network have in common.

    Args:
        info: facts about the model.
    """

    language: LanguageProfile | None = None
    text_encoder: TextEncoder | None = None

    def __init__(self, info: ModelInfo) -> None:
        self._info = info

    @property
    def info(self) -> ModelInfo:
        """Facts about the model."""
        return self._info

    def _assemble(
        self,
        views: Views,
        gaussians: Gaussians,
        cameras: Cameras,
        start: float,
        semantics: SemanticField | None = None,
    ) -> SemanticScene:
        device = gaussians.means.device
        return SemanticScene(
            gaussians=gaussians,
            semantics=semantics,
            instance_features=None,
            cameras=Cameras(
                cameras.first_from_view.to(device),
                cameras.intrinsics.to(device),
                cameras.source,
                cameras.failed,
            ),
            scale=Scale(ScaleStatus.MODEL if self.info.metric else ScaleStatus.RELATIVE),
            images=views.images,
            crops=views.crops,
            provenance=Provenance(
                model=f"{self.info.name}-{self.info.checksum}",
                inference_seconds=time.perf_counter() - start,
                stamps_ns=views.prior.stamps_ns,
                frame=views.prior.frame,
            ),
        )


class Dust3rModel(PairModel):
    """DUSt3R or MASt3R.

    Args:
        network: in evaluation mode, on the device to run on.
        info: facts about it; `metric` is what the scene's scale says.
        symmetric: predict both directions and use the more confident one, with a focal length for
            each image, as the DUSt3R paper's pair viewer does; twice the time.
    """

    def __init__(self, network: Dust3rNetwork, info: ModelInfo, symmetric: bool = False) -> None:
        super().__init__(info)
        self.network = network
        self._symmetric = symmetric

    @property
    def device(self) -> torch.device:
        """Where predict runs."""
        return self.network.enc_norm.weight.device

    @torch.inference_mode()
    def predict(self, views: Views) -> SemanticScene:
        """One pass over a pair.

        Raises:
            SemsplatError: INVALID_ARGUMENT if it is no pair, or its size does not suit.
        """
        check_pair(views, self.info.name)
        start = time.perf_counter()
        images = (views.images * 2 - 1).to(self.device)
        if self._symmetric:
            both = self.network(torch.stack((images, images.flip(0))))
            maps, cameras = _more_confident(both, views)
        else:
            one = self.network(images[None])
            maps = (_single(one.first), _single(one.second))
            cameras = cameras_from_points(
                torch.stack([m.points for m in maps]),
                views,
                torch.stack([m.confidence for m in maps]) > MIN_CONFIDENCE,
            )
        return self._assemble(views, point_gaussians(maps, views.images, cameras), cameras, start)


class ViewPoints(NamedTuple):
    """The points of one image."""

    points: Float[Tensor, "h w 3"]
    confidence: Float[Tensor, "h w"]


def _single(maps: PointMap, item: int = 0) -> ViewPoints:
    return ViewPoints(maps.points[item], maps.confidence[item])


def _more_confident(
    both: PairPointMaps, views: Views
) -> tuple[tuple[ViewPoints, ViewPoints], Cameras]:
    """The better direction, brought to the first view's frame."""
    directions = []
    for item in (0, 1):
        own, other = _single(both.first, item), _single(both.second, item)
        directions.append(Direction(own.points, own.confidence, other.points, other.confidence))
    given = None
    if views.intrinsics is not None:
        given = views.intrinsics.detach().double().cpu().numpy().copy()
        given[:, :2, 2] -= 0.5
    pair = view_pair(directions[0], directions[1], given)
    best = directions[pair.reference]
    maps = [
        ViewPoints(best.own_points, best.own_confidence),
        ViewPoints(best.other_points, best.other_confidence),
    ]
    if pair.reference == 1:
        maps.reverse()
    failed: tuple[int, ...] = ()
    if not pair.pose.found:
        failed = (1,)
        logger.warning("no relative pose: %s", pair.pose.failure)
    first_from_world = torch.from_numpy(np.linalg.inv(pair.world_from_view[0])).float()
    poses = first_from_world @ torch.from_numpy(pair.world_from_view).float()
    moved = first_from_world.to(best.own_points.device)
    placed = [
        ViewPoints(m.points.float() @ moved[:3, :3].T + moved[:3, 3], m.confidence) for m in maps
    ]
    intrinsics = torch.from_numpy(pair.intrinsics).float()
    intrinsics[:, :2, 2] += 0.5
    source = IntrinsicsSource.ESTIMATED if given is None else views.intrinsics_source
    return (placed[0], placed[1]), Cameras(poses, intrinsics, source, failed)


def point_gaussians(
    maps: Sequence[ViewPoints], images: Float[Tensor, "v 3 h w"], cameras: Cameras
) -> Gaussians:
    """One round Gaussian per pixel, as wide as half a pixel at its distance.

    Args:
        maps: of every view, in the first view's frame.
        images: RGB, 0..1.
        cameras: for the pixels' size.
    """
    device = maps[0].points.device
    means = torch.stack([m.points for m in maps]).float().flatten(1, 2)
    centres = cameras.first_from_view[:, None, :3, 3].to(device)
    distance = (means - centres).norm(dim=-1)
    sigma = PIXEL_SIGMA * distance / cameras.intrinsics[:, :1, 0].to(device)
    count, pixels = means.shape[:2]
    colours = images.to(device).permute(0, 2, 3, 1).reshape(-1, 1, 3)
    upright = torch.tensor([1.0, 0.0, 0.0, 0.0], device=device)
    return Gaussians(
        means=means.flatten(0, 1),
        scales=sigma.clamp(min=1e-8).reshape(-1, 1).expand(-1, 3).contiguous(),
        quats_wxyz=upright.repeat(count * pixels, 1),
        opacities=torch.full((count * pixels,), POINT_OPACITY, device=device),
        sh=dc_from_colour(colours),
        view=torch.arange(count, device=device).repeat_interleave(pixels),
        pixel=torch.arange(pixels, device=device).repeat(count),
        confidences=torch.stack([m.confidence for m in maps]).float().flatten(),
    )


def load_dust3r(
    path: Path,
    device: torch.device,
    dtype: torch.dtype,
    *,
    sha256: str = "",
    image_size: int = 0,
) -> Dust3rModel:
    """DUSt3R from its official file.

    Args:
        path: the file.
        device: where to run.
        dtype: compute type of the matrices.
        sha256: hex digest the file must have, or "".
        image_size: longer side of the network image, which has the shape of the images, but 224
            is square; 0 = 512.

    Raises:
        SemsplatError: as :func:`semsplat_ros.families.weights.checkpoints.read_checkpoint`;
            BAD_FILE for a file of another model; INVALID_ARGUMENT for a side that is no multiple
            of 16.
    """
    checkpoint = open_upstream(path, DUST3R, sha256)
    network = network_from(Dust3rNetwork, checkpoint, device, dtype)
    info = info_of(checkpoint, sha256, **_image(dust3r_size(image_size)))
    return Dust3rModel(network, info)


def load_mast3r(
    path: Path,
    device: torch.device,
    dtype: torch.dtype,
    *,
    sha256: str = "",
    image_size: int = 0,
) -> Dust3rModel:
    """MASt3R from its official metric file; see :func:`load_dust3r`. Its points are metres."""
    checkpoint = open_upstream(path, MAST3R, sha256)
    network = network_from(Mast3rNetwork, checkpoint, device, dtype)
    info = info_of(checkpoint, sha256, metric=True, **_image(dust3r_size(image_size)))
    return Dust3rModel(network, info)


def pair_model_by_rule(
    name: str,
    seed: int = 0,
    config: CrocoConfig | None = None,
    dpt: DptConfig | None = None,
    image_size: tuple[int, int] = (DUST3R_SIDE, DUST3R_SIDE),
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Dust3rModel:
    """DUSt3R or MASt3R with weights made from names: for tests and timing, its scenes mean
    nothing.

    Args:
        name: "dust3r" or "mast3r".
        seed: of the weights.
        config: sizes of the transformer.
        dpt: sizes of the heads.
        image_size: height and width of the network image.
        device: where to run.
        dtype: compute type of the matrices.
    """
    build = Dust3rNetwork if name == "dust3r" else Mast3rNetwork
    network = network_by_rule(
        lambda: build(config, dpt), seed, DUST3R_RULE, torch.device(device), dtype
    )
    return Dust3rModel(network, rule_info(name, metric=name == "mast3r", **_image(image_size)))


def dust3r_size(side: int) -> tuple[int, int]:
    """Height and width of DUSt3R's network image of a landscape image for a longer side; 0 =
    512.

    Raises:
        SemsplatError: INVALID_ARGUMENT for a side that is no multiple of 16.
    """
    width = network_side(side, PATCH, DUST3R_SIDE, "DUSt3R")
    if width == SQUARE_SIDE:
        return width, width
    return max(round(0.75 * width / PATCH), 2) * PATCH, width


def _image(image_size: tuple[int, int]) -> dict[str, Any]:
    """How DUSt3R's and MASt3R's images are loaded: square where the network image is, else whole
    as far as patches go.
    """
    return {"image_size": image_size, "keep_shape": image_size[0] != image_size[1]}


def _timed(name: str) -> NamedWeightsModel:
    def build(image_size: int, device: torch.device, dtype: torch.dtype) -> Dust3rModel:
        size = dust3r_size(image_size)
        return pair_model_by_rule(name, image_size=size, device=device, dtype=dtype)

    return build


DUST3R_ENTRY = ModelEntry(
    name="dust3r",
    load=load_dust3r,
    source=DUST3R,
    with_named_weights=_timed("dust3r"),
    network_image="512 on the longer side, or 224 x 224",
)
MAST3R_ENTRY = ModelEntry(
    name="mast3r",
    load=load_mast3r,
    source=MAST3R,
    with_named_weights=_timed("mast3r"),
    unit="metres, unverified",
    network_image="512 on the longer side",
)
