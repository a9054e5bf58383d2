# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""How far the points of a cloud are from each other."""

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial import cKDTree
from torch import Tensor

_ROWS_PER_CHUNK = 1024
"""Points compared with all others at a time on a GPU: 0.5 GiB for 131,072 points."""


def mean_square_spacing(points: Float[Tensor, "n 3"], neighbours: int = 3) -> Float[Tensor, " n"]:
    """Mean of the squared distances from each point to its nearest other points.

    Args:
        points: at least `neighbours` + 1 of them, finite, any unit. A point at the same place
            counts as another point.
        neighbours: how many nearest points are averaged.

    A k-d tree on the CPU; on a GPU all pairs, without waiting for the device.
    """
    if points.device.type != "cpu":
        return _all_pairs(points.detach(), neighbours)
    places = points.detach().double().numpy()
    distances, _ = cKDTree(places).query(places, k=neighbours + 1)
    squared = np.square(distances[:, 1:]).mean(axis=1)
    return torch.from_numpy(squared).to(points.dtype)


def _all_pairs(points: Float[Tensor, "n 3"], neighbours: int) -> Float[Tensor, " n"]:
    # Not through matrix products, which lose small distances between large coordinates.
    means = [
        torch.cdist(rows, points, compute_mode="donot_use_mm_for_euclid_dist")
        .topk(neighbours + 1, largest=False)
        .values[:, 1:]
        .square()
        .mean(dim=1)
        for rows in points.split(_ROWS_PER_CHUNK)
    ]
    return torch.cat(means)
