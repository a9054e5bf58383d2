# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Splatt3R as a scene model: metric geometry and colour of a pair, without language."""

import time

import torch
import torch.nn.functional as F
from torch import Tensor

from semsplat_ros.families.dust3r import PairModel, check_pair
from semsplat_ros.geometry.pair_cameras import MIN_CONFIDENCE
from semsplat_ros.geometry.point_cameras import cameras_from_points
from semsplat_ros.networks.splatt3r import PairGaussians, Splatt3rNetwork
from semsplat_ros.scene import Cameras, Gaussians, ModelInfo, SemanticScene, Views


class Splatt3rModel(PairModel):
    """Splatt3R (Splatt3R paper).

    Args:
        network: in evaluation mode, on the device to run on.
        info: facts about it.
    """

    def __init__(self, network: Splatt3rNetwork, info: ModelInfo) -> None:
        super().__init__(info)
        self.network = network

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
        pair = self.network(images[None])
        return self._assemble(views, pair_gaussians(pair), pair_cameras(pair, views), start)


def pair_cameras(pair: PairGaussians, views: Views) -> Cameras:
    """Cameras from the confident points (not from the Gaussians' means)."""
    return cameras_from_points(
        torch.cat([m.points for m in pair.points]),
        views,
        torch.cat([m.confidence for m in pair.points]) > MIN_CONFIDENCE,
    )


def pair_gaussians(pair: PairGaussians) -> Gaussians:
    """The Gaussians of the first (only) batch item, view 1 before view 2."""

    def both(name: str, width: int) -> Tensor:
        return torch.cat([getattr(g, name)[0].reshape(-1, width) for g in pair.gaussians])

    means = both("means", 3)
    pixels = len(means) // 2
    device = means.device
    return Gaussians(
        means=means,
        scales=both("scales", 3),
        quats_wxyz=F.normalize(both("quats_xyzw", 4).roll(1, dims=-1), dim=-1),
        opacities=both("opacities", 1)[:, 0],
        sh=both("sh", 3)[:, None],
        view=torch.arange(2, device=device).repeat_interleave(pixels),
        pixel=torch.arange(pixels, device=device).repeat(2),
        confidences=torch.cat([m.confidence[0].flatten() for m in pair.points]),
    )
