# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Cells of a view to patches that no edge of features or depth runs through."""

import cv2
import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy import ndimage

from semsplat_ros.objects.gaussian_grid import Cells

OUTSIDE = 1e6
"""Height of a place without a Gaussian: water never flows there."""
SIDES = ((0, 1), (1, 0), (1, 1), (1, -1))
CALM = 0.02
"""Change below which a place is flat: two unit vectors 8 degrees apart."""


def cut_patches(
    cells: Cells, features: Float[ndarray, "m f"], depth_weight: float
) -> Int[ndarray, " m"]:
    """Patch of every cell: 0, 1, 2, ..., by a watershed of how fast features and depth change.

    Every cell runs down to its lowest neighbour until it comes to a calm place or a local minimum
    of the change. Calm places that touch are one patch, with all that runs down to them; so is
    every minimum.

    Args:
        cells: of the scene.
        features: unit rows.
        depth_weight: change of features that a bend of the surface by its whole depth amounts to.
    """
    height = np.stack(
        [_change(cells, features, view, depth_weight) for view in range(cells.shape[0])]
    )
    calm = height < CALM
    sink = _run_down(np.where(calm, CALM, height))
    number = np.arange(height.size)
    for view, mask in enumerate(calm):
        pool = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)[1].ravel()
        start = view * mask.size
        inside = np.flatnonzero(pool)
        first = np.zeros(pool.max() + 1, np.int64)
        first[pool[inside[::-1]]] = inside[::-1] + start
        number[start + inside] = first[pool[inside]]
    ends = number[sink[cells.spot]]
    used = np.zeros(height.size, bool)
    used[ends] = True
    return (np.cumsum(used) - 1)[ends]


def _run_down(height: Float[ndarray, "v r c"]) -> Int[ndarray, " vrc"]:
    """Where water from each place comes to rest, as row-major places."""
    rows, columns = height.shape[1:]
    padded = np.pad(height, ((0, 0), (1, 1), (1, 1)), constant_values=2 * OUTSIDE)
    inside = (slice(None), slice(1, -1), slice(1, -1))
    place = np.full(padded.shape, -1)
    place[inside] = np.arange(height.size).reshape(height.shape)
    lowest, target = height.copy(), place[inside].copy()
    for down, right in (*SIDES, *((-down, -right) for down, right in SIDES)):
        there = (
            slice(None),
            slice(1 + down, 1 + down + rows),
            slice(1 + right, 1 + right + columns),
        )
        # Equal heights run to the earlier place, so that a plateau comes to rest as one.
        level = (padded[there] == lowest) & (place[there] < target) & (place[there] >= 0)
        lower = (padded[there] < lowest) | level
        np.copyto(lowest, padded[there], where=lower)
        np.copyto(target, place[there], where=lower)
    run = target.ravel()
    while True:
        further = run[run]
        if np.array_equal(further, run):
            return run
        run = further


def _change(
    cells: Cells, features: Float[ndarray, "m f"], view: int, depth_weight: float
) -> Float[ndarray, "r c"]:
    """How much features turn and the surface bends at each place of a view, smoothed."""
    _, rows, columns = cells.shape
    mine = cells.spot // (rows * columns) == view
    where = cells.spot[mine] % (rows * columns)
    grid = np.zeros((rows * columns, features.shape[1] + 1), np.float32)
    grid[where, :-1] = features[mine]
    # Inverse depth is linear in the pixel on a plane, however it is tilted: its bend is an edge.
    grid[where, -1] = 1.0 / cells.depth[mine]
    filled = np.zeros(rows * columns, bool)
    filled[where] = True
    grid = grid.reshape(rows, columns, -1)
    hole = ~filled.reshape(rows, columns)
    if hole.any() and not hole.all():
        nearest = ndimage.distance_transform_edt(hole, return_distances=False, return_indices=True)
        grid = grid[tuple(nearest)]
    padded = np.pad(grid, ((1, 1), (1, 1), (0, 0)), mode="edge")
    middle = padded[1:-1, 1:-1]
    change = np.zeros((rows, columns), np.float32)
    for before, after in (
        (padded[1:-1, :-2], padded[1:-1, 2:]),
        (padded[:-2, 1:-1], padded[2:, 1:-1]),
    ):
        turn = ((after[..., :-1] - before[..., :-1]) ** 2).sum(-1)
        bend = np.abs(before[..., -1] + after[..., -1] - 2.0 * middle[..., -1])
        bend /= np.maximum(middle[..., -1], 1e-9)
        change += turn + depth_weight * bend
    change = cv2.blur(change, (3, 3), borderType=cv2.BORDER_REPLICATE)
    return np.where(hole, OUTSIDE, change)
