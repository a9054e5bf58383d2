# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A batch of point clouds on the way through Point Transformer V3: features, voxels and serial
orders."""

from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from semsplat_ros.networks.point_transformer.space_filling_curves import (
    MAX_SCENES,
    depth_of,
    encode_all,
    sort_codes,
)
from semsplat_ros.networks.point_transformer.sparse_conv import Voxels, voxels_of


@dataclass(frozen=True)
class Merge:
    """Which points of a structure became one point of the next coarser one."""

    coarse_of_point: Int[Tensor, " n"]
    points_by_coarse: Int[Tensor, " n"]
    points_in_coarse: Int[Tensor, " m"]

    def reduce(self, values: Float[Tensor, "n c"], how: str) -> Float[Tensor, "m c"]:
        """Maximum ("max") or mean ("mean") over the points that were merged."""
        return torch.segment_reduce(
            values[self.points_by_coarse], how, lengths=self.points_in_coarse
        )


@dataclass(frozen=True)
class Structure:
    """Where the n points of one resolution are; the features that live there are kept apart."""

    coords: Float[Tensor, "n 3"]
    """Positions; means of the merged points after pooling."""
    grid: Int[Tensor, "n 3"]
    """Voxel indices (x, y, z), 0 or more."""
    scene: Int[Tensor, " n"]
    """Number of the scene each point belongs to; ascending."""
    counts: tuple[int, ...]
    """Points of each scene."""
    depth: int
    """Bits for each axis of the voxel indices."""
    codes: Int[Tensor, "o n"]
    """Serial codes, one row for each order in use."""
    order: Int[Tensor, "o n"]
    """Points sorted by each code."""
    inverse: Int[Tensor, "o n"]
    """Place of each point in that order."""
    merge: Merge | None = None
    """How the next finer structure was merged into this one; None for the finest."""
    _voxels: list[Voxels] = field(default_factory=list, repr=False)
    _neighbours: dict[int, Tensor] = field(default_factory=dict, repr=False)

    @property
    def voxels(self) -> Voxels:
        """The occupied voxels, found once."""
        if not self._voxels:
            self._voxels.append(voxels_of(self.grid, self.scene))
        return self._voxels[0]

    def neighbours(self, kernel_size: int) -> Int[Tensor, "m taps"]:
        """Neighbour table of a kernel, found once for each size."""
        if kernel_size not in self._neighbours:
            self._neighbours[kernel_size] = self.voxels.neighbours(kernel_size)
        return self._neighbours[kernel_size]


@dataclass(frozen=True)
class PointFeatures:
    """Features on a structure.

    ``conv_input`` is what the next submanifold convolution reads. It is the features everywhere
    but in the first block of a decoder stage (see
    :class:`~semsplat_ros.networks.point_transformer.network.Unpooling`).
    """

    structure: Structure
    features: Float[Tensor, "n c"]
    conv_input: Float[Tensor, "n c"]

    def with_features(self, features: Float[Tensor, "n c"]) -> "PointFeatures":
        """The same points with other features."""
        return PointFeatures(self.structure, features, features)


def voxelize(coords: Float[Tensor, "n 3"], voxel_size: float) -> Int[Tensor, "n 3"]:
    """Voxel indices of points: the integer part of (position - lowest position) / voxel size.

    The lowest position is taken over all scenes of the batch, axis by axis.
    """
    return ((coords - coords.amin(0)) / voxel_size).int()


def structure_of(
    coords: Float[Tensor, "n 3"],
    grid: Int[Tensor, "n 3"],
    counts: tuple[int, ...],
    shuffle: bool = False,
) -> Structure:
    """Serialise a batch of clouds given one after the other, `counts` points each.

    Args:
        coords: positions.
        grid: voxel indices.
        counts: points of each scene, all greater than 0.
        shuffle: permute the four orders at random, as in training; deterministic without.

    Raises:
        SemsplatError: INVALID_ARGUMENT if a voxel index is out of range.
        ValueError: if the counts do not add up to the points, or one is 0.
    """
    if sum(counts) != coords.shape[0] or min(counts, default=0) < 1 or len(counts) > MAX_SCENES:
        raise ValueError(f"{coords.shape[0]} points were given for scenes of {counts} points")
    depth = depth_of(grid)
    scene = torch.repeat_interleave(
        torch.arange(len(counts), device=grid.device),
        torch.tensor(counts, device=grid.device),
        output_size=coords.shape[0],
    )
    codes = _maybe_shuffled(encode_all(grid, scene, depth), shuffle)
    return Structure(coords, grid, scene, counts, depth, codes, *sort_codes(codes))


def _maybe_shuffled(codes: Int[Tensor, "o n"], shuffle: bool) -> Int[Tensor, "o n"]:
    return codes[torch.randperm(codes.shape[0], device=codes.device)] if shuffle else codes


def coarsen(structure: Structure, shuffle: bool = False) -> Structure:
    """Merge the points of each cube of 2 x 2 x 2 voxels, which share all but 3 bits of any code.

    The coarse points are sorted by the first order's code. Where no bit is left to drop, points of
    one voxel are still merged.
    """
    step = 1 if structure.depth > 0 else 0
    parents = structure.codes >> (3 * step)
    _, coarse_of_point, counts = torch.unique(
        parents[0], sorted=True, return_inverse=True, return_counts=True
    )
    points = torch.argsort(coarse_of_point, stable=True)
    first = points[counts.cumsum(0) - counts]
    merge = Merge(coarse_of_point, points, counts)
    scene = structure.scene[first]
    codes = _maybe_shuffled(parents[:, first], shuffle)
    order, inverse = sort_codes(codes)
    scene_counts = torch.bincount(scene, minlength=len(structure.counts)).tolist()
    return replace(
        structure,
        coords=merge.reduce(structure.coords, "mean"),
        grid=structure.grid[first] >> step,
        scene=scene,
        counts=tuple(scene_counts),
        depth=structure.depth - step,
        codes=codes,
        order=order,
        inverse=inverse,
        merge=merge,
        _voxels=[],
        _neighbours={},
    )
