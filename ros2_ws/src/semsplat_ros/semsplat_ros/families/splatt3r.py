# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Splatt3R as a scene model: metric geometry and colour of a pair, without language."""

import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from semsplat_ros.families.dust3r import PATCH, PairModel, check_pair
from semsplat_ros.families.entry import ModelEntry
from semsplat_ros.families.loading import (
    info_of,
    network_by_rule,
    network_from,
    network_side,
    open_upstream,
    rule_info,
)
from semsplat_ros.families.weights.named_weights import DUST3R_RULE
from semsplat_ros.families.weights.sources import WeightSource
from semsplat_ros.geometry.pair_cameras import MIN_CONFIDENCE
from semsplat_ros.geometry.point_cameras import cameras_from_points
from semsplat_ros.networks.croco import CrocoConfig
from semsplat_ros.networks.dpt import DptConfig
from semsplat_ros.networks.splatt3r import PairGaussians, Splatt3rNetwork
from semsplat_ros.scene import Cameras, Gaussians, ModelInfo, SemanticScene, Views

SIDE = 512
"""Pixels; it was trained with square images."""
SOURCE = WeightSource(
    "splatt3r",
    "epoch=19-step=1200.ckpt",
    "the Splatt3R project on GitHub, btsmart/splatt3r",
    "Hugging Face, brandonsmart/splatt3r_v1.0",
    True,
    "CC BY-NC 4.0",
    short="CC BY-NC 4.0",
)


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


def load_splatt3r(
    path: Path,
    device: torch.device,
    dtype: torch.dtype,
    *,
    sha256: str = "",
    image_size: int = 0,
) -> Splatt3rModel:
    """Splatt3R from its official file; as :func:`semsplat_ros.families.dust3r.load_dust3r`. Images
    are square, 0 = 512."""
    checkpoint = open_upstream(path, SOURCE, sha256)
    network = network_from(Splatt3rNetwork, checkpoint, device, dtype)
    return Splatt3rModel(
        network, info_of(checkpoint, sha256, square_side(image_size), metric=True)
    )


def splatt3r_by_rule(
    seed: int = 0,
    config: CrocoConfig | None = None,
    dpt: DptConfig | None = None,
    image_size: tuple[int, int] = (SIDE, SIDE),
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Splatt3rModel:
    """Splatt3R with weights made from names: for tests and timing, its scenes mean nothing."""
    network = network_by_rule(
        lambda: Splatt3rNetwork(config, dpt), seed, DUST3R_RULE, torch.device(device), dtype
    )
    return Splatt3rModel(network, rule_info("splatt3r", image_size, metric=True))


def square_side(side: int) -> tuple[int, int]:
    """Height and width of the network image; 0 = 512.

    Raises:
        SemsplatError: INVALID_ARGUMENT for a side that is no multiple of 16.
    """
    side = network_side(side, PATCH, SIDE, "Splatt3R")
    return side, side


def _timed(image_size: int, device: torch.device, dtype: torch.dtype) -> Splatt3rModel:
    return splatt3r_by_rule(image_size=square_side(image_size), device=device, dtype=dtype)


ENTRY = ModelEntry(
    name="splatt3r",
    load=load_splatt3r,
    source=SOURCE,
    with_named_weights=_timed,
    unit="metres, unverified",
    network_image="512 x 512",
)
