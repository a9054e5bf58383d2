# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Depth errors after alignment of the medians, as the DUSt3R and LSM papers report them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from semsplat_ros.errors import ErrorCode, SemsplatError

INLIER_RATIO = 1.03


@dataclass(frozen=True)
class DepthErrors:
    """Errors of one depth map."""

    absolute_relative: float
    """mean(|predicted - truth| / truth), a rate (0.05 is 5 %)."""
    inliers_103: float
    """Share of pixels whose ratio to the truth is below 1.03 (tau), 0..1."""
    scale: float
    """Factor that was applied to the prediction."""


def depth_errors(
    predicted: Float[ndarray, "h w"], truth: Float[ndarray, "h w"], align: bool = True
) -> DepthErrors:
    """Errors over the pixels that have a true depth greater than 0.

    A predicted depth that is 0, negative or not finite counts as outlier, and as the full error of
    1 in the relative error if it is not finite.

    Args:
        predicted: any unit if `align`, else that of the truth.
        truth: 0 or less, or NaN, means unknown.
        align: scale the prediction by median(truth) / median(predicted) over those pixels.

    Raises:
        SemsplatError: INVALID_ARGUMENT if no pixel has a true depth, or the medians cannot be
            aligned.
    """
    known = truth > 0
    if not known.any():
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            "the true depth map has no pixel greater than 0, so there is no depth error",
        )
    target, source = truth[known], predicted[known]
    scale = _median_ratio(target, source) if align else 1.0
    source = source * scale
    usable = np.isfinite(source)
    relative = np.ones_like(target)
    relative[usable] = np.abs(source[usable] - target[usable]) / target[usable]
    positive = usable & (source > 0)
    ratio = np.full_like(target, np.inf)
    ratio[positive] = np.maximum(
        target[positive] / source[positive], source[positive] / target[positive]
    )
    return DepthErrors(float(relative.mean()), float((ratio < INLIER_RATIO).mean()), float(scale))


def _median_ratio(target: Float[ndarray, " n"], source: Float[ndarray, " n"]) -> float:
    median = float(np.nanmedian(source)) if np.isfinite(source).any() else 0.0
    if not np.isfinite(median) or median == 0.0:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"the median of the predicted depth is {median}; "
            "it must be finite and not 0 to be aligned",
        )
    return float(np.median(target)) / median
