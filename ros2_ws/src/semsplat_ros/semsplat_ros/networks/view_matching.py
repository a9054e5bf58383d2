# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Where every cell of one view is in the other: the full correlation of both."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Matches:
    """For every 1/4 cell of a view, where it is in the other view (b pairs, first views then
    second)."""

    rays: Float[Tensor, "n 2 hq wq"]
    """Ray (x/z, y/z) in the other view; no gradient."""
    confidence: Float[Tensor, "n 2 hq wq"]
    """Share of the match's probability near its peak, and the probability of the way back;
    0..1."""
    features: Float[Tensor, "n m c"]
    """Unit vectors of the cells, row-major; the first times the learned scale gives match
    logits."""
    scale: Float[Tensor, ""]


class ViewMatcher(nn.Module):
    """Full correlation of both views at 1/4, and the sub-cell place of every cell in the other
    view."""

    def __init__(self, quarter_width: int, eighth_width: int, width: int) -> None:
        super().__init__()
        self.from_quarter = nn.Conv2d(quarter_width, width, 1)
        self.from_eighth = nn.Conv2d(eighth_width, width, 1)
        self.log_scale = nn.Parameter(torch.tensor(2.3))

    def forward(
        self,
        quarter: Float[Tensor, "n c hq wq"],
        eighth: Float[Tensor, "n d he we"],
        rays: Float[Tensor, "n 2 h w"],
    ) -> Matches:
        """Matches from features at 1/4 and 1/8."""
        features = self.from_quarter(quarter) + F.interpolate(
            self.from_eighth(eighth), scale_factor=2, mode="nearest"
        )
        size = features.shape[-2:]
        unit = F.normalize(features.float().flatten(2), dim=1).transpose(1, 2)
        scale = self.log_scale.float().exp()
        with torch.no_grad(), torch.autocast(features.device.type, enabled=False):
            first, second = unit.chunk(2)
            # exp(scale * (cosine - 1)): never overflows, and both directions share it.
            table = torch.bmm(first * scale, second.transpose(1, 2)).sub_(scale).exp_()
            grid_first, grid_second = rays[:, :, 2::4, 2::4].float().flatten(2).chunk(2)
            forward = _Direction(table, _argmax(table, 2), table.sum(2), grid_second)
            back = table.transpose(1, 2)
            backward = _Direction(back, _argmax(table, 1), table.sum(1), grid_first)
            ways = [forward.best(size, backward.total), backward.best(size, forward.total)]
            places = torch.cat([place for place, _ in ways]).unflatten(2, size)
            confidence = torch.cat([sure for _, sure in ways]).unflatten(2, size)
        return Matches(places, confidence, unit, scale)


def _argmax(table: Float[Tensor, "b m k"], dim: int) -> Int[Tensor, "b i"]:
    """``table.argmax(dim)`` for sides that are multiples of 16, in half of the time on a CPU.

    PyTorch computes a maximum with vector instructions and its place without: the place is looked
    for only inside the sixteenth that holds the maximum.
    """
    parts = 16
    best = table.unflatten(dim, (parts, -1)).amax(dim + 1).argmax(dim, keepdim=True)
    size = table.shape[dim] // parts
    offsets = torch.arange(size, device=table.device).view(-1, *[1] * (table.ndim - 1 - dim))
    inside = table.gather(dim, best * size + offsets).argmax(dim)
    return best.squeeze(dim) * size + inside


@dataclass(frozen=True)
class _Direction:
    """Unnormalised match probabilities from the cells of one view to those of the other."""

    table: Float[Tensor, "b m k"]
    peak: Int[Tensor, "b m"]
    """Likeliest cell of the other view."""
    total: Float[Tensor, "b m"]
    grid: Float[Tensor, "b 2 k"]
    """Rays of the other view's cells."""

    def best(
        self, size: torch.Size, total_back: Float[Tensor, "b k"]
    ) -> tuple[Float[Tensor, "b 2 m"], Float[Tensor, "b 2 m"]]:
        """Mean ray of the 3 x 3 cells round each peak; their probability, and that of the way
        back."""
        peak, (height, width) = self.peak, size
        offsets = torch.arange(-1, 2, device=peak.device)
        down, right = (o.reshape(-1) for o in torch.meshgrid(offsets, offsets, indexing="ij"))
        column, row = (peak % width)[..., None] + right, (peak // width)[..., None] + down
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        cells = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
        weight = self.table.gather(2, cells) * inside
        window = weight.sum(2)
        around = self.grid.gather(2, cells.flatten(1)[:, None].expand(-1, 2, -1))
        mean = (around.unflatten(2, cells.shape[1:]) * weight[:, None]).sum(3)
        back = self.table.gather(2, peak[..., None])[..., 0] / total_back.gather(1, peak)
        sure = torch.stack([window / self.total, back], 1)
        return mean / window[:, None].clamp_min(1e-12), sure
