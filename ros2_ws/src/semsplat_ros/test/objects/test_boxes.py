# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A box is that of an object's body, not of what floats behind it or leaks over its edge."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semsplat_ros.objects.boxes import body_of, core_center, fit_boxes

CORNER = np.array([0.3, 0.3, 0.1])


def body_with_floaters() -> np.ndarray:
    rng = np.random.default_rng(0)
    body = rng.uniform([-0.3, -0.3, 1.9], [0.3, 0.3, 2.1], (90, 3))
    floating = body[:10] * rng.uniform(1.3, 1.6, (10, 1))
    return np.concatenate([body, floating]).astype(np.float32)


def boxes_of(points: np.ndarray, certainty: np.ndarray | None = None):
    sure = np.ones(len(points), np.float32) if certainty is None else certainty
    return fit_boxes(points, sure, np.ones(len(points), np.int64), 1)


def test_what_floats_behind_is_left_out_and_the_body_is_kept() -> None:
    points = body_with_floaters()
    kept = points[body_of(points)]
    assert len(kept) >= 85
    assert kept[:, 2].max() < 2.2


def test_the_centre_of_the_box_is_that_of_the_body() -> None:
    (center,), (size,) = boxes_of(body_with_floaters())
    np.testing.assert_allclose(center, (0.0, 0.0, 2.0), atol=0.05)
    np.testing.assert_allclose(size, 2 * CORNER, atol=0.06)


def test_a_leak_over_one_edge_makes_the_box_larger_and_does_not_move_it() -> None:
    rng = np.random.default_rng(1)
    body = rng.uniform(-CORNER, CORNER, (400, 3)) + (0.0, 0.0, 2.0)
    leak = rng.uniform((0.3, -0.05, 1.95), (0.9, 0.05, 2.05), (40, 3))
    (center,), (size,) = boxes_of(np.concatenate([body, leak]).astype(np.float32))
    assert abs(center[0]) < 0.05, "the middle of all points is 0.25 m off"
    assert size[0] > 0.9


def test_unsure_cells_count_less() -> None:
    rng = np.random.default_rng(2)
    sure = rng.uniform(-CORNER, CORNER, (300, 3)) + (0.0, 0.0, 2.0)
    unsure = rng.uniform(-CORNER, CORNER, (250, 3)) + (0.5, 0.0, 2.0)
    points = np.concatenate([sure, unsure]).astype(np.float32)
    certainty = np.repeat([0.9, 0.05], (300, 250)).astype(np.float32)
    (plain,), _ = boxes_of(points)
    (weighted,), _ = boxes_of(points, certainty)
    assert abs(weighted[0]) < 0.1 < plain[0]


def test_a_surface_seen_straight_on_keeps_its_points() -> None:
    wall = np.full((50, 3), 2.0, np.float32)
    assert body_of(wall).all()
    (center,), (size,) = boxes_of(wall)
    np.testing.assert_allclose(center, 2.0)
    np.testing.assert_allclose(size, 0.0)


@given(st.integers(1, 60), st.floats(0.01, 100.0), st.integers(0, 1000))
def test_boxes_scale_with_the_scene_and_their_centre_lies_among_the_points(
    count: int, factor: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal((0.5, -0.2, 3.0), 0.3, (count, 3))
    certainty = rng.uniform(0.1, 1.0, count)
    center = core_center(points, certainty)
    assert (center >= points.min(0) - 1e-9).all() and (center <= points.max(0) + 1e-9).all()
    np.testing.assert_allclose(core_center(points * factor, certainty), center * factor, rtol=1e-6)


def test_every_group_has_its_own_box() -> None:
    points = np.concatenate([body_with_floaters(), body_with_floaters() + (1.0, 0.0, 0.0)])
    group = np.repeat([2, 1], 100)
    centers, sizes = fit_boxes(points.astype(np.float32), np.ones(200, np.float32), group, 2)
    assert centers[0, 0] == pytest.approx(1.0, abs=0.05)
    assert centers[1, 0] == pytest.approx(0.0, abs=0.05)
    assert (sizes > 0).all()
