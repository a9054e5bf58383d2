# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What the network is told about a batch, and what it should answer."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from semsplat_ros.geometry.rays import default_intrinsics, pixel_rays, unproject
from semsplat_ros.networks.compact import network_input
from semsplat_ros.training.shards import PairBatch

OCCLUSION = 0.06
"""Relative depth difference up to which a point counts as the one seen in the other view."""


@dataclass(frozen=True)
class CellTargets:
    """Where every 1/4 cell of one view is in the other, in cells, and whether it is seen there."""

    column: Float[Tensor, "b m"]
    row: Float[Tensor, "b m"]
    visible: Bool[Tensor, "b m"]


def inputs(
    batch: PairBatch, baseline_known: Bool[Tensor, " b"], intrinsics_known: Bool[Tensor, " b"]
) -> Float[Tensor, "n 11 h w"]:
    """Network input; without intrinsics the rays are a default camera's and the baseline is
    unknown."""
    height, width = batch.images.shape[-2:]
    default = default_intrinsics(height, width).to(batch.intrinsics)
    intrinsics = torch.where(
        intrinsics_known[:, None, None, None],
        batch.intrinsics,
        default.expand_as(batch.intrinsics),
    )
    known = baseline_known & intrinsics_known & batch.stereo
    baselines = batch.first_from_second[:, :3, 3].norm(dim=1) * known
    return network_input(
        by_view(batch.images),
        pixel_rays(by_view(intrinsics), height, width),
        intrinsics_known.float(),
        baselines,
        by_view(batch.cue * known[:, None, None, None]),
    )


def by_view(values: Tensor) -> Tensor:
    """[b, 2, ...] to [2b, ...]: all first views, then all second views."""
    return torch.cat([values[:, 0], values[:, 1]])


def cell_targets(batch: PairBatch, forward: bool) -> CellTargets:
    """Ground truth of the matches from the first to the second view, or back."""
    source, target = (0, 1) if forward else (1, 0)
    pose = batch.first_from_second
    target_from_source = torch.linalg.inv(pose) if forward else pose
    height, width = batch.depth.shape[-2:]
    rays = pixel_rays(batch.intrinsics[:, source], height, width)[:, :, 2::4, 2::4]
    points = unproject(batch.depth[:, source, 2::4, 2::4], rays).flatten(2)
    moved = target_from_source[:, :3, :3] @ points + target_from_source[:, :3, 3:]
    depth = moved[:, 2].clamp_min(0.05)
    k = batch.intrinsics[:, target]
    u = moved[:, 0] / depth * k[:, 0, 0, None] + k[:, 0, 2, None]
    v = moved[:, 1] / depth * k[:, 1, 1, None] + k[:, 1, 2, None]
    inside = (moved[:, 2] > 0.05) & (u >= 0) & (u < width) & (v >= 0) & (v < height)
    at = v.long().clamp(0, height - 1) * width + u.long().clamp(0, width - 1)
    seen = batch.depth[:, target].flatten(1).gather(1, at)
    visible = inside & ((seen - moved[:, 2]).abs() < OCCLUSION * moved[:, 2])
    return CellTargets((u - 2.5) / 4, (v - 2.5) / 4, visible)


def bilinear_cells(
    column: Float[Tensor, "b n"], row: Float[Tensor, "b n"], height: int, width: int
) -> tuple[Int[Tensor, "b n 4"], Float[Tensor, "b n 4"]]:
    """The four cells round a place, as flat indices, and their bilinear weights."""
    left, top = column.floor(), row.floor()
    cells, weights = [], []
    for right in (0, 1):
        for down in (0, 1):
            x = (left + right).clamp(0, width - 1)
            y = (top + down).clamp(0, height - 1)
            cells.append((y * width + x).long())
            share = (column - left) if right else 1 - (column - left)
            weights.append(share * ((row - top) if down else 1 - (row - top)))
    return torch.stack(cells, 2), torch.stack(weights, 2)
