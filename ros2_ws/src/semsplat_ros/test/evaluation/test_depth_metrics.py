# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Depth errors."""

import numpy as np
import pytest

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.evaluation.depth_metrics import depth_errors


def truth() -> np.ndarray:
    return np.random.default_rng(0).uniform(1, 5, (12, 15)).astype(np.float32)


def test_a_scaled_depth_has_no_error():
    errors = depth_errors(truth() * 0.3, truth())
    assert errors.absolute_relative == pytest.approx(0, abs=1e-6)
    assert errors.inliers_103 == 1.0
    assert errors.scale == pytest.approx(1 / 0.3, rel=1e-5)


def test_without_alignment_the_scale_is_an_error():
    errors = depth_errors(truth() * 1.1, truth(), align=False)
    assert errors.absolute_relative == pytest.approx(0.1, rel=1e-4)
    assert errors.inliers_103 == 0.0


def test_unknown_pixels_do_not_count_and_negative_ones_are_outliers():
    target, predicted = truth(), truth()
    target[0] = 0
    predicted[0] = 1e9
    predicted[1] = -1
    predicted[2] = 0
    predicted[3] = np.nan
    errors = depth_errors(predicted, target, align=False)
    assert errors.inliers_103 == pytest.approx(8 / 11)
    assert np.isfinite(errors.absolute_relative)


@pytest.mark.parametrize(
    ("predicted", "target"),
    [(truth(), truth() * 0), (truth() * 0, truth()), (truth() * np.nan, truth())],
)
def test_what_cannot_be_measured_is_refused(predicted, target):
    with pytest.raises(SemsplatError) as refusal:
        depth_errors(predicted, target)
    assert refusal.value.code is ErrorCode.INVALID_ARGUMENT
