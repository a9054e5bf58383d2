# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Row matching recovers the disparity it was given, in both views, and keeps quiet elsewhere."""

import cv2
import numpy as np
import pytest

from semsplat_ros.geometry import stereo
from semsplat_ros.geometry.stereo import inverse_depth_cue

INTRINSICS = np.array([[200.0, 0, 80], [0, 200.0, 60], [0, 0, 1]], np.float32)


def textured(height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    small = rng.integers(0, 255, (height // 2, width // 2, 3), dtype=np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


@pytest.mark.parametrize("shift", [4, 11, 30])
def test_a_wall_at_one_depth(shift: int) -> None:
    wide, baseline = textured(120, 220), 0.1
    left, right = wide[:, :160], wide[:, shift : 160 + shift]
    cue = inverse_depth_cue(left, np.ascontiguousarray(right), INTRINSICS, baseline)
    truth = shift / (200.0 * baseline)
    # The left view's first columns have no partner: the right camera does not see them.
    for view, columns in ((cue[0], slice(20, 78)), (cue[1], slice(2, 60))):
        inner = view[4:-4, columns]
        assert (inner > 0).mean() > 0.9
        assert np.median(inner[inner > 0]) == pytest.approx(truth, rel=0.02)


def test_blank_walls_are_left_out() -> None:
    blank = np.full((120, 160, 3), 128, np.uint8)
    cue = inverse_depth_cue(blank, blank, INTRINSICS, 0.1)
    assert (cue > 0).mean() < 0.02


def test_strangers_do_not_match() -> None:
    rng = np.random.default_rng(1)
    left, right = (rng.integers(0, 255, (120, 160, 3), dtype=np.uint8) for _ in range(2))
    cue = inverse_depth_cue(left, right, INTRINSICS, 0.1)
    assert (cue > 0).mean() < 0.25


def test_what_the_other_view_does_not_confirm_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Left and right are matched apart; where they disagree, as at edges, nothing is known."""
    blank = np.zeros((40, 100, 3), np.uint8)
    of_views = iter([8.0, 8.4, 8.0, 20.0])

    def matched(first: np.ndarray, _second: np.ndarray, _count: int) -> np.ndarray:
        return np.full(first.shape, next(of_views), np.float32)

    monkeypatch.setattr(stereo, "_disparity", matched)
    agreed = inverse_depth_cue(blank, blank, INTRINSICS, 0.1)
    assert (agreed[0, :, 10:] > 0).all() and (agreed[1, :, :-10] > 0).all()
    assert not inverse_depth_cue(blank, blank, INTRINSICS, 0.1).any()


@pytest.mark.parametrize("apart", [-31.5, -6.0, 0.0, 7.25])
def test_principal_points_that_differ_are_taken_out_of_the_disparity(apart: float) -> None:
    wide, baseline, truth = textured(120, 280), 0.1, 12.0
    shift = truth + apart  # what the images show
    whole = round(shift)
    left = np.ascontiguousarray(wide[:, 60:220])
    right = np.ascontiguousarray(wide[:, 60 + whole : 220 + whole])
    cue = inverse_depth_cue(left, right, INTRINSICS, baseline, principal_points_apart=apart)
    expected = (whole - apart) / (200.0 * baseline)
    for view in cue:
        inner = view[6:-6, 25:55]
        assert (inner > 0).mean() > 0.7
        assert np.median(inner[inner > 0]) == pytest.approx(expected, rel=0.03)
