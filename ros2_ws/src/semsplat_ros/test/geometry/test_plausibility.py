# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Numbers that are no camera are told by what they look like."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semsplat_ros.geometry.plausibility import baseline_fault, intrinsics_fault


def camera(fx=500.0, fy=500.0, cx=320.0, cy=240.0, skew=0.0) -> np.ndarray:
    return np.array([[fx, skew, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])


@given(
    st.floats(0.3, 4.0),
    st.floats(0.8, 1.25),
    st.floats(0.0, 1.0),
    st.floats(0.05, 1.0),
    st.sampled_from([(480, 640), (720, 1280), (64, 96)]),
)
def test_ordinary_cameras_pass(focal, ratio, across, down, size) -> None:
    height, width = size
    fx = focal * width
    assert intrinsics_fault(camera(fx, fx * ratio, across * width, down * height), *size) == ""


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"fx": 35.0, "fy": 35.0}, "168 degrees.*not in millimetres"),
        ({"fx": 0.62, "fy": 0.62}, "180 degrees"),
        ({"fx": 1e5, "fy": 1e5}, "0.367 degrees"),
        ({"fx": 500.0, "fy": 250.0}, "binned or scaled along one side"),
        ({"skew": 52.0}, "skew 52 px"),
        ({"cx": 0.467, "cy": 0.53}, "looks like a fraction"),
        ({"cx": 0.0, "cy": 0.0}, "never set"),
        ({"cx": -600.0}, "far outside 640 x 480"),
        ({"cx": 1200.0}, "far outside 640 x 480"),
        ({"fx": -500.0}, "positive"),
        ({"cy": float("nan")}, "not finite"),
    ],
)
def test_what_it_looks_like_is_said(changes, says) -> None:
    import re

    assert re.search(says, intrinsics_fault(camera(**changes), 480, 640))


@given(st.floats(0.005, 10.0))
def test_ordinary_baselines_pass(metres: float) -> None:
    assert baseline_fault(metres) == ""


@pytest.mark.parametrize(
    ("metres", "says"),
    [
        (0.00012, "kilometres (0.12 m)"),
        (1e-9, "less than 5 mm"),
        (12.0, "centimetres (0.12 m)"),
        (120.0, "millimetres (0.12 m)"),
        (0.0, "positive"),
        (-0.1, "positive"),
        (float("nan"), "positive"),
        (float("inf"), "positive"),
    ],
)
def test_a_baseline_in_another_unit_is_named(metres: float, says: str) -> None:
    assert says in baseline_fault(metres)
