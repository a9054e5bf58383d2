# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Which label of the vocabulary an object has: class probabilities averaged over the whole of
it."""

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.sparse import csr_array


def group_means(
    values: Float[ndarray, "n l"],
    group: Int[ndarray, " n"],
    weight: Float[ndarray, " n"],
    count: int,
) -> Float[ndarray, "k l"]:
    """Weighted means of the rows of each group 1 .. count; rows of group 0 do not count.

    A group without members gets zeros.
    """
    inside = np.flatnonzero(group > 0)
    member = group[inside] - 1
    total = np.bincount(member, weight[inside], count)
    share = weight[inside] / total[member]
    return csr_array((share, (member, inside)), shape=(count, len(values))) @ values


def best_labels(
    probabilities: Float[ndarray, "k l"], min_score: float = 0.0
) -> tuple[Int[ndarray, " k"], Float[ndarray, " k"]]:
    """Label id (column + 1, 0 if below `min_score`) and probability of the likeliest label of
    each row."""
    if probabilities.shape[1] == 0 or len(probabilities) == 0:
        return np.zeros(len(probabilities), np.int64), np.zeros(len(probabilities), np.float32)
    best = probabilities.argmax(1)
    score = np.take_along_axis(probabilities, best[:, None], 1)[:, 0].clip(0.0, 1.0)
    labelled = (score >= min_score) & (score > 0.0)
    return np.where(labelled, best + 1, 0), score.astype(np.float32)
