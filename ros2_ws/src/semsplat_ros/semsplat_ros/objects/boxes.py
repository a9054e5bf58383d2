# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Boxes of objects of which one side is seen, with edges that leak."""

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

BOX_PERCENTILES = (2.0, 98.0)
"""Of what :func:`body_of` keeps: single Gaussians do not make a box larger."""
BODY_SPREAD = 2.5
"""Median absolute deviations of the distance to the camera that an object's body reaches."""
BODY_MARGIN = 0.02
"""Share of the distance that is added: a wall seen straight on has no deviation."""
CORE_SPREAD, CORE_MARGIN = 2.0, 0.01
"""The same for :func:`core_center`: along each axis, from the median; an even surface of any size
is all core."""
CORE_LEAST = 4
"""Cells of the smallest core."""
ENOUGH = 1000
"""Of larger groups so many cells are drawn, the same ones always: sorting takes most of the time.
"""


def fit_boxes(
    points: Float[ndarray, "m 3"],
    certainty: Float[ndarray, " m"],
    group: Int[ndarray, " m"],
    count: int,
) -> tuple[Float[ndarray, "k 3"], Float[ndarray, "k 3"]]:
    """Centres and full sizes of axis-aligned boxes, for the groups 1 .. count.

    A box is as large as nearly all of its object, by percentile. What leaks over one of its edges
    makes it a little larger but does not move it: its centre is that of the core.
    """
    order = np.argsort(group, kind="stable")
    ends = np.cumsum(np.bincount(group, minlength=count + 1))
    centers, sizes = np.zeros((2, count, 3), np.float32)
    for i in range(count):
        mine = order[ends[i] : ends[i + 1]]
        if len(mine) > ENOUGH:
            mine = np.random.default_rng(0).choice(mine, ENOUGH, replace=False, shuffle=False)
        body = mine[body_of(points[mine])]
        centers[i] = core_center(points[body], certainty[body])
        low, high = np.percentile(points[body], BOX_PERCENTILES, axis=0, method="nearest")
        sizes[i] = high - low
    return centers, sizes


def body_of(points: Float[ndarray, "c 3"]) -> Bool[ndarray, " c"]:
    """Which points of a group do not float before or behind it along the ray.

    At its silhouette and in its holes an object's Gaussians take depths between its own and the
    background's; they lie off along the ray, so the distance tells them.
    """
    distance = np.linalg.norm(points, axis=1)
    middle = np.median(distance)
    off = np.abs(distance - middle)
    return off <= BODY_SPREAD * np.median(off) + BODY_MARGIN * middle


def core_center(
    points: Float[ndarray, "c 3"], certainty: Float[ndarray, " c"]
) -> Float[ndarray, " 3"]:
    """Middle of what lies near an object's median; sure cells count for more."""
    (median,) = _quantiles(points, certainty, (0.5,))
    off = np.abs(points - median)
    (spread,) = _quantiles(off, certainty, (0.5,))
    reach = CORE_SPREAD * spread + CORE_MARGIN * np.linalg.norm(median)
    core = (off <= reach).all(1)
    if core.sum() < CORE_LEAST:
        return median
    share = np.array(BOX_PERCENTILES) / 100.0
    return _quantiles(points[core], certainty[core], tuple(share)).mean(0)


def _quantiles(
    values: Float[ndarray, "c 3"], weight: Float[ndarray, " c"], shares: tuple[float, ...]
) -> Float[ndarray, "q 3"]:
    """Weighted quantiles of each column."""
    out = np.empty((len(shares), values.shape[1]), values.dtype)
    for axis, column in enumerate(values.T):
        order = np.argsort(column)
        total = np.cumsum(weight[order])
        middle = total - weight[order] / 2
        out[:, axis] = np.interp(np.array(shares) * total[-1], middle, column[order])
    return out
