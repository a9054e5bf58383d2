# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""CameraInfo to intrinsics and baseline, against images that carry their own coordinates."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sensor_msgs.msg import CameraInfo, RegionOfInterest

from semsplat_ros.nodes.common.conversions import ros_from_scene, scene_from_ros
from semsplat_ros.nodes.inputs.camera_info import (
    is_rectified_topic,
    read_camera_info,
    read_rig,
    same_calibration,
)


def camera_info(
    fx: float = 500.0, cx: float = 320.0, cy: float = 240.0, tx: float = 0.0, **changes
) -> CameraInfo:
    """A 640 x 480 pinhole camera whose raw and rectified images are the same."""
    info = CameraInfo(width=640, height=480, distortion_model="plumb_bob")
    info.d = [0.0] * 5
    info.k = [fx, 0.0, cx, 0.0, fx + 10, cy, 0.0, 0.0, 1.0]
    info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    info.p = [fx, 0.0, cx, tx, 0.0, fx + 10, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    for name, value in changes.items():
        setattr(info, name, value)
    return info


def stereo(baseline: float = 0.12, fx: float = 500.0, **changes) -> tuple[CameraInfo, CameraInfo]:
    return camera_info(fx, **changes), camera_info(fx, tx=-fx * baseline, **changes)


# --- intrinsics ---


def test_raw_images_take_k_and_rectified_ones_p():
    info = camera_info(d=[0.1, -0.2, 0.0, 0.0, 0.0])
    info.p = [450.0, 0.0, 310.0, -50.0, 0.0, 455.0, 230.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    raw = read_camera_info(info, 480, 640, rectified_topic=False)
    assert raw.intrinsics.tolist() == [[500, 0, 320.5], [0, 510, 240.5], [0, 0, 1]]
    assert raw.intrinsics.dtype == np.float64
    assert raw.reason == "K"
    assert raw.distorted
    rectified = read_camera_info(info, 480, 640, rectified_topic=True)
    assert rectified.intrinsics.tolist() == [[450, 0, 310.5], [0, 455, 230.5], [0, 0, 1]]
    assert rectified.reason == "P"
    assert not rectified.distorted


@pytest.mark.parametrize(
    ("topic", "rectified"),
    [
        ("/cam/left/image_rect", True),
        ("/cam/left/image_rect_color/compressed", True),
        ("/camera/infra1/image_rect_raw", True),
        ("/left_rect/image", True),
        ("left/image_rectified", True),
        ("/rect/image", True),
        ("/left/image_raw", False),
        ("/direct/image_raw", False),
        ("/rectangle/image_raw", False),
        ("/correct_image", False),
    ],
)
def test_rectified_topic_names(topic, rectified):
    assert is_rectified_topic(topic) is rectified


@pytest.mark.parametrize("rectified", [True, False])
def test_the_other_matrix_stands_in_only_without_distortion(rectified):
    missing = {"p": [0.0] * 12} if rectified else {"k": [0.0] * 9}
    reading = read_camera_info(camera_info(**missing), 480, 640, rectified)
    assert reading.intrinsics[0].tolist() == [500, 0, 320.5]
    assert "is zero" in reading.reason
    bent = camera_info(d=[0.1, 0.0, 0.0, 0.0, 0.0], **missing)
    refused = read_camera_info(bent, 480, 640, rectified)
    assert refused.intrinsics is None
    assert "not calibrated" in refused.reason


@settings(max_examples=60, deadline=None)
@given(
    binning=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    offset=st.tuples(st.integers(0, 10), st.integers(0, 10)),
    size=st.tuples(st.integers(8, 20), st.integers(8, 20)),
    zoom=st.integers(1, 3),
    focal=st.floats(300, 3000),
    use_roi=st.booleans(),
)
def test_binning_region_and_scale_against_a_image_of_coordinates(
    binning, offset, size, zoom, focal, use_roi
):
    """The full image holds each pixel's own coordinates.

    What is left of it after cropping, binning and shrinking must be seen along the same rays.
    """
    bin_x, bin_y = (max(b, 1) for b in binning)
    shrink_x, shrink_y = bin_x * zoom, bin_y * zoom
    width, height = size[0] * shrink_x, size[1] * shrink_y
    left, top = offset if use_roi else (0, 0)
    full_width, full_height = (width + left + 5, height + top + 3) if use_roi else (width, height)
    info = camera_info(focal, full_width / 2 + 1.25, full_height / 2 - 2.5)
    info.width, info.height = full_width, full_height
    info.binning_x, info.binning_y = binning
    if use_roi:
        info.roi = RegionOfInterest(x_offset=left, y_offset=top, width=width, height=height)

    rows, columns = np.mgrid[:full_height, :full_width].astype(float)
    coordinates = np.stack((columns, rows))[:, top : top + height, left : left + width]
    received = coordinates.reshape(2, size[1], shrink_y, size[0], shrink_x).mean((2, 4))

    reading = read_camera_info(info, size[1], size[0], rectified_topic=False)
    fx, fy = focal / shrink_x / size[0], (focal + 10) / shrink_y / size[1]
    if not 0.1 <= fx <= 50 or not 0.1 <= fy <= 50:
        return
    k = np.asarray(info.k).reshape(3, 3)
    for row, column in ((0, 0), (size[1] - 1, size[0] - 1), (3, 5)):
        ray = np.linalg.solve(k, [*received[:, row, column], 1.0])
        mine = np.linalg.solve(reading.intrinsics, [column + 0.5, row + 0.5, 1.0])
        np.testing.assert_allclose(mine, ray, rtol=1e-9, atol=1e-12)


def test_scaling_is_said():
    reading = read_camera_info(camera_info(), 240, 320, rectified_topic=False)
    assert reading.intrinsics[0].tolist() == [250, 0, 160.25]
    assert "640 x 480 to 320 x 240" in reading.reason
    binned = camera_info(binning_x=2, binning_y=2)
    assert read_camera_info(binned, 240, 320, rectified_topic=False).reason == "K"


@pytest.mark.parametrize(("height", "width"), [(480, 848), (360, 640), (640, 480), (1, 640)])
def test_another_shape_is_ignored_with_both_sizes(height, width):
    reading = read_camera_info(camera_info(), height, width, rectified_topic=False)
    assert reading.intrinsics is None
    assert f"{width} x {height}" in reading.reason
    assert "640 x 480" in reading.reason


def test_an_odd_sensor_that_is_binned_by_two_is_no_mismatch():
    info = camera_info(width=641, height=481, binning_x=2, binning_y=2)
    assert read_camera_info(info, 240, 320, rectified_topic=False).reason == "K"


K = [500.0, 0.0, 320.0, 0.0, 510.0, 240.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"k": [0.0] * 9, "p": [0.0] * 12}, "not calibrated"),
        ({"k": [math.nan, *K[1:]]}, "not finite"),
        ({"k": [*K[:2], math.inf, *K[3:]]}, "not finite"),
        ({"k": [-500.0, *K[1:]]}, "must be > 0"),
        ({"k": [*K[:4], -1.0, *K[5:]]}, "must be > 0"),
        ({"k": [*K[:8], 0.0]}, "not a camera matrix"),
        ({"k": [*K[:3], 3.0, *K[4:]]}, "not a camera matrix"),
        ({"k": [1.0, 0.0, 320.0, 0.0, 1.0, 240.0, 0.0, 0.0, 1.0]}, "focal length"),
        ({"k": [1e308, 0.0, 1e308, 0.0, 1e308, 240.0, 0.0, 0.0, 1.0]}, "focal length"),
        ({"k": [*K[:2], 9000.0, *K[3:]]}, "principal point"),
        ({"width": 0}, "no width"),
        ({"height": 0}, "no width"),
        ({"roi": RegionOfInterest(x_offset=600, width=100, height=480)}, "roi"),
        ({"roi": RegionOfInterest(x_offset=700)}, "roi"),
    ],
)
def test_nonsense_is_ignored_with_a_reason(changes, word):
    reading = read_camera_info(camera_info(**changes), 480, 640, rectified_topic=False)
    assert reading.intrinsics is None
    assert word in reading.reason


any_float = st.floats(width=64) | st.sampled_from([0.0, 1.0, 320.0, 500.0])
any_count = st.integers(0, 2**32 - 1) | st.integers(0, 2000)


@st.composite
def any_camera_info(draw) -> CameraInfo:
    roi = RegionOfInterest(
        **{n: draw(any_count) for n in ("x_offset", "y_offset", "width", "height")}
    )
    info = CameraInfo(width=draw(any_count), height=draw(any_count), roi=roi)
    info.binning_x, info.binning_y = draw(any_count), draw(any_count)
    for name, count in (("k", 9), ("r", 9), ("p", 12)):
        setattr(info, name, draw(st.lists(any_float, min_size=count, max_size=count)))
    info.d = draw(st.lists(any_float, max_size=8))
    return info


@settings(max_examples=300, deadline=None)
@given(
    left=any_camera_info(),
    right=any_camera_info(),
    height=st.integers(1, 5000),
    width=st.integers(1, 5000),
    rectified=st.booleans(),
)
def test_random_camera_info_never_raises_and_never_gives_nonsense(
    left, right, height, width, rectified
):
    reading = read_camera_info(left, height, width, rectified)
    assert reading.reason
    if reading.intrinsics is not None:
        assert np.isfinite(reading.intrinsics).all()
        assert reading.intrinsics[0, 0] > 0
    rig = read_rig(left, right, rectified, rectified)
    assert rig.reason
    assert rig.baseline is None or 0 < rig.baseline <= 10
    assert "refused" not in rig.reason or not rig.rectified


def test_the_two_pixel_conventions_are_inverse():
    k = np.asarray(K).reshape(3, 3)
    assert scene_from_ros(k)[0, 2] == 320.5
    assert scene_from_ros(k)[1, 2] == 240.5
    assert (ros_from_scene(scene_from_ros(k)) == k).all()
    assert k[0, 2] == 320.0


# --- baseline ---


@pytest.mark.parametrize("rectified_topics", [True, False])
def test_an_ideal_pair(rectified_topics):
    rig = read_rig(*stereo(0.12), rectified_topics, rectified_topics)
    assert rig.baseline == pytest.approx(0.12)
    assert rig.rectified
    assert not rig.swapped
    assert rig.warning == ""


def test_a_distorted_pair_is_rectified_only_on_rectified_topics():
    pair = stereo(d=[0.1, 0.0, 0.0, 0.0, 0.0])
    assert read_rig(*pair, True, True).rectified
    for topics in ((False, True), (True, False), (False, False)):
        rig = read_rig(*pair, *topics)
        assert rig.baseline == pytest.approx(0.12)
        assert not rig.rectified
        assert "raw" in rig.reason


@pytest.mark.parametrize(
    "changes",
    [
        {"r": [0.999, -0.04, 0.0, 0.04, 0.999, 0.0, 0.0, 0.0, 1.0]},
        {"k": [480.0, 0.0, 320.0, 0.0, 510.0, 240.0, 0.0, 0.0, 1.0]},
        {"k": [500.0, 0.0, 320.0, 0.0, 510.0, 250.0, 0.0, 0.0, 1.0]},
        {"d": [math.nan] * 5},
    ],
)
def test_a_raw_pair_that_rectification_would_move_is_not_rectified(changes):
    assert not read_rig(*stereo(**changes), False, False).rectified


def test_unset_r_counts_as_the_identity():
    assert read_rig(*stereo(r=[0.0] * 9), False, False).rectified


@pytest.mark.parametrize(
    ("place", "value", "word"),
    [(0, 520.0, "fx"), (5, 530.0, "fy"), (6, 243.0, "cy"), (7, 30.0, "above")],
)
def test_cameras_that_disagree_are_not_rectified(place, value, word):
    left, right = stereo()
    p = right.p
    p[place] = value
    right.p = p
    rig = read_rig(left, right, True, True)
    assert not rig.rectified
    assert word in rig.reason
    assert rig.baseline is not None


@pytest.mark.parametrize(
    "changes",
    [{"width": 320}, {"binning_y": 2}, {"roi": RegionOfInterest(y_offset=8, height=400)}],
)
def test_cameras_in_different_modes_are_not_rectified(changes):
    left, right = stereo()
    for name, value in changes.items():
        setattr(right, name, value)
    assert not read_rig(left, right, True, True).rectified


@pytest.mark.parametrize("way", ["sign", "topics"])
def test_either_sign_gives_the_baseline_and_the_unusual_one_a_warning(way):
    left, right = stereo(-0.12) if way == "sign" else reversed(stereo(0.12))
    rig = read_rig(left, right, True, True)
    assert rig.baseline == pytest.approx(0.12)
    assert rig.swapped
    assert "swapped?" in rig.warning
    assert not rig.rectified


@pytest.mark.parametrize("baseline", [0.0, 1e-6])
def test_baseline_zero_is_no_baseline(baseline):
    rig = read_rig(*stereo(baseline), True, True)
    assert rig.baseline is None
    assert rig.rectified, "ideal cameras whose driver leaves the baseline out"
    assert "baseline 0" in rig.reason
    left, right = stereo(baseline)
    right.p[5] = right.k[4] = 1.1 * left.p[5]
    rig = read_rig(left, right, True, True)
    assert not rig.rectified
    assert "fy differs" in rig.reason


def test_without_p_nothing_is_said_about_rectification():
    left, right = stereo(0.12)
    right.p = [0.0] * 12
    assert read_rig(left, right, True, True).rectified is None


@pytest.mark.parametrize("baseline", [60.0, -60.0, 10.1])
def test_a_baseline_in_another_unit_is_refused(baseline):
    rig = read_rig(*stereo(baseline), True, True)
    assert rig.baseline is None
    assert f"{abs(baseline):.4g} m" in rig.reason
    assert rig.warning
    assert not rig.rectified
    assert read_rig(*stereo(9.9), True, True).baseline == pytest.approx(9.9)


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("value", [0.0, math.nan, -500.0])
def test_p_without_a_focal_length_gives_no_baseline(side, value):
    pair = stereo()
    p = pair[side].p
    p[0] = value
    pair[side].p = p
    rig = read_rig(*pair, True, True)
    assert rig.baseline is None
    assert not rig.rectified
    assert ("left", "right")[side] in rig.reason


# --- the same again ---


def test_another_stamp_is_the_same_calibration():
    one, other = camera_info(), camera_info()
    other.header.stamp.sec = 7
    assert same_calibration(one, other)
    one.k[0] = other.k[0] = math.nan
    assert same_calibration(one, other)


@pytest.mark.parametrize(
    "changes",
    [
        {"width": 320},
        {"height": 400},
        {"distortion_model": "equidistant"},
        {"d": [0.0, 0.0, 0.0, 0.0, 1e-12]},
        {"d": [0.0] * 8},
        {"k": [500.001, 0.0, 320.0, 0.0, 510.0, 240.0, 0.0, 0.0, 1.0]},
        {"r": [0.0] * 9},
        {"p": [500.0, 0.0, 320.0, -60.0, 0.0, 510.0, 240.0, 0.0, 0.0, 0.0, 1.0, 0.0]},
        {"binning_x": 2},
        {"binning_y": 2},
        {"roi": RegionOfInterest(x_offset=8)},
        {"roi": RegionOfInterest(y_offset=8)},
        {"roi": RegionOfInterest(width=400)},
        {"roi": RegionOfInterest(height=400)},
        {"roi": RegionOfInterest(do_rectify=True)},
    ],
)
def test_every_field_tells_calibrations_apart(changes):
    assert not same_calibration(camera_info(), camera_info(**changes))
