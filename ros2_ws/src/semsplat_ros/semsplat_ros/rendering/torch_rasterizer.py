# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Alpha compositing of projected Gaussians in plain PyTorch: any device, differentiable, exact.

Every pair of a pixel and a Gaussian that covers it is a fragment. Fragments are sorted by pixel,
then by depth, and blended by a segmented cumulative sum. Gaussians come front to back in chunks,
so that memory stays bounded however large they are.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from semsplat_ros.rendering.projection import Ellipses

MIN_ALPHA = 1.0 / 255.0
MAX_ALPHA = 0.999
"""As gsplat; the 3DGS reference has 0.99."""
MIN_TRANSMITTANCE = 1e-4
"""A pixel is full at the first fragment that would leave no more than this; neither that fragment
nor any behind it is drawn (3DGS paper)."""
CHUNK_VALUES = 16_000_000
"""Fragments times channels that are in memory at once."""


def composite(
    ellipses: Ellipses,
    opacities: Float[Tensor, " n"],
    values: Float[Tensor, "n c"],
    height: int,
    width: int,
) -> tuple[Float[Tensor, "h w c"], Float[Tensor, "h w"]]:
    """Blend values front to back over nothing (black).

    Returns:
        (blended values, accumulated alpha).
    """
    order = ellipses.visible.nonzero()[:, 0]
    order = order[ellipses.depth[order].argsort(stable=True)]
    out = values.new_zeros(height * width, values.shape[1])
    covered = values.new_zeros(height * width)
    behind = values.new_ones(height * width)
    for chunk in _chunks(ellipses, order, height, width, CHUNK_VALUES // (values.shape[1] + 1)):
        gaussian, pixel, alpha = _fragments(ellipses, opacities, chunk, height, width)
        weight, behind = _blend(alpha, pixel, behind)
        out = out.index_add(0, pixel, weight[:, None] * values[gaussian])
        covered = covered.index_add(0, pixel, weight)
    return out.view(height, width, -1), covered.view(height, width)


def _box(
    ellipses: Ellipses, which: Int[Tensor, " m"], height: int, width: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """First column and row, and how many of each, of the pixels a Gaussian may cover."""
    center, radius = ellipses.center[which].detach(), ellipses.radius[which].detach()
    low = (center - radius).floor().clamp_min(0)
    high = (center + radius).ceil()
    left, top = low[:, 0].clamp_max(width).long(), low[:, 1].clamp_max(height).long()
    right, bottom = high[:, 0].clamp(0, width).long(), high[:, 1].clamp(0, height).long()
    return left, top, (right - left).clamp_min(0), (bottom - top).clamp_min(0)


def _chunks(
    ellipses: Ellipses, order: Int[Tensor, " m"], height: int, width: int, fragments: int
) -> list[Int[Tensor, " k"]]:
    _, _, columns, rows = _box(ellipses, order, height, width)
    filled = torch.cumsum(columns * rows, 0)
    if len(order) == 0:
        return []
    cut = torch.div(filled - 1, fragments, rounding_mode="floor")
    counts = torch.unique_consecutive(cut, return_counts=True)[1]
    return list(order.split(counts.tolist()))


def _fragments(
    ellipses: Ellipses,
    opacities: Float[Tensor, " n"],
    chunk: Int[Tensor, " k"],
    height: int,
    width: int,
) -> tuple[Int[Tensor, " f"], Int[Tensor, " f"], Float[Tensor, " f"]]:
    """Gaussian, pixel and alpha of all fragments, by pixel, front to back inside a pixel."""
    left, top, columns, rows = _box(ellipses, chunk, height, width)
    count = columns * rows
    slot = torch.repeat_interleave(torch.arange(len(chunk), device=chunk.device), count)
    within = torch.arange(len(slot), device=chunk.device) - (torch.cumsum(count, 0) - count)[slot]
    column = left[slot] + within % columns[slot]
    row = top[slot] + torch.div(within, columns[slot], rounding_mode="floor")
    gaussian = chunk[slot]
    offset_x = column + 0.5 - ellipses.center[gaussian, 0]
    offset_y = row + 0.5 - ellipses.center[gaussian, 1]
    a, b, c = ellipses.conic[gaussian].unbind(-1)
    power = -0.5 * (a * offset_x**2 + c * offset_y**2) - b * offset_x * offset_y
    alpha = (opacities[gaussian] * torch.exp(power.clamp_max(0.0))).clamp_max(MAX_ALPHA)
    keep = (alpha >= MIN_ALPHA).nonzero()[:, 0]
    pixel, by_pixel = torch.sort((row * width + column)[keep], stable=True)
    keep = keep[by_pixel]
    return gaussian[keep], pixel, alpha[keep]


def _blend(
    alpha: Float[Tensor, " f"], pixel: Int[Tensor, " f"], behind: Float[Tensor, " p"]
) -> tuple[Float[Tensor, " f"], Float[Tensor, " p"]]:
    """Weights alpha * transmittance, and the transmittance behind these fragments.

    What is behind counts those that were not drawn too: so a full pixel stays full.
    """
    if len(alpha) == 0:
        return alpha, behind
    # Double precision: the running sum goes over the whole image, its differences must stay exact.
    logs = torch.log1p(-alpha.double())
    before = torch.cumsum(logs, 0) - logs
    first = torch.ones_like(pixel, dtype=torch.bool)
    first[1:] = pixel[1:] != pixel[:-1]
    starts = first.nonzero()[:, 0]
    segment = torch.cumsum(first, 0) - 1
    transmittance = torch.exp(before - before[starts][segment]).to(alpha.dtype) * behind[pixel]
    open_ = transmittance * (1.0 - alpha) > MIN_TRANSMITTANCE
    weight = torch.where(open_, alpha * transmittance, 0.0)
    passed = torch.zeros_like(behind, dtype=logs.dtype).index_add(0, pixel, logs).exp()
    return weight, behind * passed.to(behind.dtype)
