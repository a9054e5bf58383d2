# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""DUSt3R and MASt3R as scene models: geometry and colour of a pair, without language.

Their points become Gaussians by this project's own rule: one round Gaussian per pixel, half a
pixel wide, nearly opaque, in the pixel's colour.
"""

import logging
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.base import LanguageProfile, TextEncoder
from semsplat_ros.geometry.pair_cameras import MIN_CONFIDENCE, Direction, view_pair
from semsplat_ros.geometry.point_cameras import cameras_from_points
from semsplat_ros.geometry.spherical_harmonics import dc_from_colour
from semsplat_ros.networks.dust3r import Dust3rNetwork, PairPointMaps, PointMap
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
