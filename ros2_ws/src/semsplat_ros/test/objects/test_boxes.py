# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A box is that of an object's body, not of what floats behind it along the ray."""

import numpy as np
import pytest

from semsplat_ros.objects.instances import _body, _boxes


def body_with_floaters() -> np.ndarray:
    rng = np.random.default_rng(0)
    body = rng.uniform([-0.3, -0.3, 1.9], [0.3, 0.3, 2.1], (90, 3))
    floating = body[:10] * rng.uniform(1.3, 1.6, (10, 1))
    return np.concatenate([body, floating]).astype(np.float32)


def test_what_floats_behind_is_left_out_and_the_body_is_kept() -> None:
    points = body_with_floaters()
    kept = _body(points)
    assert len(kept) >= 85
    assert kept[:, 2].max() < 2.2


def test_the_centre_of_the_box_is_that_of_the_body() -> None:
    points = body_with_floaters()
    low, high = _boxes(points, np.ones(len(points), np.int64), 1)
    assert (low[0, 2] + high[0, 2]) / 2 == pytest.approx(2.0, abs=0.05)


def test_a_surface_seen_straight_on_keeps_its_points() -> None:
    wall = np.full((50, 3), 2.0, np.float32)
    assert len(_body(wall)) == 50
