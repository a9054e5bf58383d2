# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Space-filling curves: voxels of a point cloud in an order in which neighbours stay near each
other.

Point Transformer V3 paper, section 4.1: every point gets one code for each of four orders, its
place along a z-order (Morton) or Hilbert curve, with or without x and y swapped; attention windows
are cut
from the points sorted by code.
"""

import torch
from jaxtyping import Int
from torch import Tensor

from semsplat_ros.errors import ErrorCode, SemsplatError

ORDERS = ("z", "z-trans", "hilbert", "hilbert-trans")
MAX_DEPTH = 16
"""Bits per axis: 3 x 16 bits of code leave 15 bits for the scene's number in an int64."""
MAX_SCENES = 1 << 12
"""So that voxel keys (:mod:`semsplat_ros.networks.point_transformer.sparse_conv`) fit into an
int64."""

_SPREAD = (
    (32, 0x001F00000000FFFF),
    (16, 0x001F0000FF0000FF),
    (8, 0x100F00F00F00F00F),
    (4, 0x10C30C30C30C30C3),
    (2, 0x1249249249249249),
)


def _spread_bits(values: Int[Tensor, " n"]) -> Int[Tensor, " n"]:
    """Bit i of each value at bit 3i."""
    for shift, mask in _SPREAD:
        values = (values | (values << shift)) & mask
    return values


def _interleave(
    first: Int[Tensor, " n"], second: Int[Tensor, " n"], third: Int[Tensor, " n"]
) -> Int[Tensor, " n"]:
    """Bit i of the three values at bits 3i+2, 3i+1 and 3i."""
    return (_spread_bits(first) << 2) | (_spread_bits(second) << 1) | _spread_bits(third)


def z_code(grid: Int[Tensor, "n 3"]) -> Int[Tensor, " n"]:
    """Place of each voxel (x, y, z) along the z-order curve; x holds the highest bit of each
    three."""
    x, y, z = grid.long().unbind(-1)
    return _interleave(x, y, z)


def hilbert_code(grid: Int[Tensor, "n 3"], depth: int) -> Int[Tensor, " n"]:
    """Place of each voxel (x, y, z) along the Hilbert curve through a cube of 2^depth voxels a
    side.

    Skilling, "Programming the Hilbert curve" (AIP 2004): undo excess work from the highest bit
    down, then Gray-encode; consecutive codes are voxels that share a face.
    """
    axes = list(grid.long().unbind(-1))
    for bit in range(depth - 1, 0, -1):
        low = (1 << bit) - 1
        for axis in range(3):
            is_set = ((axes[axis] >> bit) & 1).bool()
            exchange = torch.where(is_set, 0, (axes[0] ^ axes[axis]) & low)
            axes[0] = torch.where(is_set, axes[0] ^ low, axes[0] ^ exchange)
            if axis:
                axes[axis] = axes[axis] ^ exchange
    axes[1] = axes[1] ^ axes[0]
    axes[2] = axes[2] ^ axes[1]
    flip = torch.zeros_like(axes[2])
    for bit in range(depth - 1, 0, -1):
        flip ^= ((axes[2] >> bit) & 1) * ((1 << bit) - 1)
    return _interleave(axes[0] ^ flip, axes[1] ^ flip, axes[2] ^ flip)


def depth_of(grid: Int[Tensor, "n 3"]) -> int:
    """Bits that the largest voxel index needs, at least 1.

    Raises:
        SemsplatError: INVALID_ARGUMENT if an index is negative or needs more than MAX_DEPTH bits.
    """
    lowest, highest = (int(bound) for bound in torch.aminmax(grid))
    if lowest < 0 or highest >= 1 << MAX_DEPTH:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"voxel indices run from {lowest} to {highest}; allowed are 0 to "
            f"{(1 << MAX_DEPTH) - 1}: use larger voxels or a smaller scene",
        )
    return max(highest.bit_length(), 1)


def encode(
    grid: Int[Tensor, "n 3"], scene: Int[Tensor, " n"], depth: int, order: str
) -> Int[Tensor, " n"]:
    """Code of each voxel in one of ORDERS, the scene's number above the 3 x depth bits of the
    curve.

    Raises:
        SemsplatError: INVALID_ARGUMENT if the order's name is unknown.
    """
    curve, _, swapped = order.partition("-")
    if order not in ORDERS:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"order {order!r} is unknown; allowed are {', '.join(ORDERS)}",
        )
    if swapped:
        grid = grid[:, [1, 0, 2]]
    code = z_code(grid) if curve == "z" else hilbert_code(grid, depth)
    return code | (scene.long() << (3 * depth))


def encode_all(
    grid: Int[Tensor, "n 3"], scene: Int[Tensor, " n"], depth: int
) -> Int[Tensor, "4 n"]:
    """Codes of each voxel in all of ORDERS."""
    return torch.stack([encode(grid, scene, depth, order) for order in ORDERS])


def sort_codes(codes: Int[Tensor, "o n"]) -> tuple[Int[Tensor, "o n"], Int[Tensor, "o n"]]:
    """Points sorted by code, and the place of each point in that order (the inverse permutation).

    Equal codes (points of one voxel) keep the order in which they were given.
    """
    order = torch.argsort(codes, dim=1, stable=True)
    places = torch.arange(codes.shape[1], device=codes.device).expand_as(order)
    return order, torch.empty_like(order).scatter_(1, order, places)
