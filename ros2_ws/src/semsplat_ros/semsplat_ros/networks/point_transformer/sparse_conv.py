# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Submanifold sparse convolution in plain PyTorch, also where several points share a voxel.

Submanifold convolution (Graham, Engelcke and van der Maaten, CVPR 2018) computes outputs at the
occupied voxels only: ``out(p) = sum over r of W[r] . x(p + r - k // 2)`` over the occupied
neighbours.

Large Spatial Model feeds point maps without merging points of one voxel. The rule here is then
that of the CPU library its numbers come from, which is the only deterministic one. The first point
of a voxel in input order stands for it; with taps r counted row-major over (x, y, z),

- the centre tap gives every point its own feature;
- taps before the centre reach the first point of a voxel only, and bring the sum over all points
  of the neighbouring voxel;
- taps after the centre reach every point, and bring the first point of the neighbouring voxel.

Where every voxel holds one point, the rule is the ordinary convolution.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

_AXIS_BITS = 17
_ROWS_PER_CHUNK = 1024
"""Voxels looked up or gathered at a time: bounds the memory on the way, not the result."""


@dataclass(frozen=True)
class Voxels:
    """The occupied voxels of a cloud of n points, m <= n of them, sorted by scene and position."""

    keys: Int[Tensor, " m"]
    voxel_of_point: Int[Tensor, " n"]
    first_point: Int[Tensor, " m"]
    """The first point of each voxel in input order."""
    points_by_voxel: Int[Tensor, " n"]
    points_in_voxel: Int[Tensor, " m"]

    @property
    def has_duplicates(self) -> bool:
        """True if a voxel holds more than one point."""
        return self.keys.shape[0] < self.voxel_of_point.shape[0]

    def sums(self, features: Float[Tensor, "n c"]) -> Float[Tensor, "padded c"]:
        """Sum of the features of the points of each voxel, in input order on every device; the
        last row is zero."""
        return torch.segment_reduce(
            features[self.points_by_voxel], "sum", lengths=F.pad(self.points_in_voxel, (0, 1))
        )

    def firsts(self, features: Float[Tensor, "n c"]) -> Float[Tensor, "padded c"]:
        """Feature of the first point of each voxel; the last row is zero."""
        return F.pad(features[self.first_point], (0, 0, 0, 1))

    def neighbours(self, kernel_size: int) -> Int[Tensor, "m taps"]:
        """Index of the voxel that each tap of a kernel reads, m where that voxel is empty."""
        reach = torch.arange(kernel_size, device=self.keys.device) - kernel_size // 2
        steps = _key(reach[:, None, None], reach[:, None], reach).reshape(-1)
        count = self.keys.shape[0]
        tables = []
        for rows in self.keys.split(_ROWS_PER_CHUNK):
            wanted = rows[:, None] + steps
            found = torch.searchsorted(self.keys, wanted).clamp_(max=count - 1)
            # 32 bits are enough for an index and halve the table.
            tables.append(torch.where(self.keys[found] == wanted, found, count).int())
        return torch.cat(tables)


def _key(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """Row-major number of a voxel in a cube of 2^17 voxels a side."""
    return (((x << _AXIS_BITS) + y) << _AXIS_BITS) + z


def voxels_of(grid: Int[Tensor, "n 3"], scene: Int[Tensor, " n"]) -> Voxels:
    """The occupied voxels of points with voxel indices in [0, 2^16) and a scene's number below
    2^12.

    Indices are moved by 2^15, so no neighbour of one scene is taken for a voxel of another row or
    scene.
    """
    x, y, z = (grid.long() + (1 << (_AXIS_BITS - 2))).unbind(-1)
    point_keys = _key(x, y, z) + (scene.long() << (3 * _AXIS_BITS))
    sorted_keys, points = torch.sort(point_keys, stable=True)
    keys, voxel_of_sorted, counts = torch.unique_consecutive(
        sorted_keys, return_inverse=True, return_counts=True
    )
    voxel_of_point = torch.empty_like(voxel_of_sorted).scatter_(0, points, voxel_of_sorted)
    return Voxels(keys, voxel_of_point, points[counts.cumsum(0) - counts], points, counts)


def _convolve(
    features: Float[Tensor, "padded c"],
    neighbours: Int[Tensor, "rows taps"],
    weight: Float[Tensor, "taps c out"],
) -> Float[Tensor, "rows out"]:
    """Sum over the taps of weight times the neighbour's feature; the last row is that of empty
    ones."""
    flat_weight = weight.flatten(0, 1)
    out = features.new_empty(len(neighbours), weight.shape[2])
    for start in range(0, len(neighbours), _ROWS_PER_CHUNK):
        rows = neighbours[start : start + _ROWS_PER_CHUNK]
        out[start : start + _ROWS_PER_CHUNK] = features[rows].flatten(1) @ flat_weight
    return out


class SubmanifoldConv3d(nn.Module):
    """Submanifold convolution with a cubic kernel of odd size.

    Args:
        in_channels: width of the input features.
        out_channels: width of the output features.
        kernel_size: voxels along each side, odd.
        bias: whether a bias is added to every output.

    The weight is (out, k, k, k, in), the three kernel axes along x, y, z.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, bias: bool = True
    ) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size is {kernel_size}; a submanifold kernel has an odd size")
        shape = (out_channels, kernel_size, kernel_size, kernel_size, in_channels)
        self.kernel_size = kernel_size
        self.weight = nn.Parameter(torch.empty(shape))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        nn.init.trunc_normal_(self.weight, std=0.02)

    def forward(
        self,
        features: Float[Tensor, "n c"],
        voxels: Voxels,
        neighbours: Int[Tensor, "m taps"],
    ) -> Float[Tensor, "n out"]:
        """Convolve the features of n points.

        Args:
            features: one row for each point.
            voxels: the voxels of the points.
            neighbours: ``voxels.neighbours(kernel_size)``; shared by all convolutions of that
                size.
        """
        weight = self.weight.flatten(1, 3).permute(1, 2, 0).to(features.dtype)
        centre = weight.shape[0] // 2
        if voxels.has_duplicates:
            # Few tensors of the cloud's size at a time: each is freed before the next is made.
            after = neighbours[:, centre + 1 :]
            out = _convolve(voxels.firsts(features), after, weight[centre + 1 :])
            out = out[voxels.voxel_of_point].addmm_(features, weight[centre])
            before = neighbours[:, :centre]
            to_first = _convolve(voxels.sums(features), before, weight[:centre])
            out.index_add_(0, voxels.first_point, to_first)
        else:
            out = _convolve(voxels.firsts(features), neighbours, weight)
            out = out[voxels.voxel_of_point]
        return out if self.bias is None else out.add_(self.bias.to(out.dtype))
