# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Where intrinsics and the baseline come from, in the order: parameter, P, TF, nothing."""

import logging
from dataclasses import replace
from unittest.mock import create_autospec

import pytest

from semsplat_ros.errors import SemsplatError
from semsplat_ros.nodes.rig import RigReader
from semsplat_ros.nodes.settings import Settings
from semsplat_ros.nodes.transforms import Transforms
from semsplat_ros.scene import ScaleStatus
from test.support.perception_rig import camera_info

SHAPES = ((128, 160), (128, 160))
FRAMES = ("left_optical", "right_optical")
DEFAULTS = Settings()


def with_baseline(metres: float) -> Settings:
    return replace(DEFAULTS, scale=replace(DEFAULTS.scale, baseline=metres))


def with_mode(mode: str) -> Settings:
    return replace(DEFAULTS, input=replace(DEFAULTS.input, use_camera_info=mode))


@pytest.fixture
def transforms():
    double = create_autospec(Transforms, instance=True)
    double.distance.return_value = None
    return double


@pytest.fixture
def reader(transforms) -> RigReader:
    return RigReader((False, False), transforms)


def store(reader: RigReader, baseline: float) -> None:
    for side in ("left", "right"):
        reader.store(side, camera_info(side == "right", baseline=baseline))


def test_nothing_is_known_without_anything(reader):
    rig = reader.read(SHAPES, FRAMES, DEFAULTS)
    assert rig.intrinsics == (None, None)
    assert (rig.baseline, rig.rectified, rig.status) == (None, False, ScaleStatus.UNKNOWN)


def test_calibration_gives_intrinsics_and_baseline(reader, transforms):
    store(reader, 0.12)
    rig = reader.read(SHAPES, FRAMES, DEFAULTS)
    assert rig.baseline == pytest.approx(0.12)
    assert (rig.rectified, rig.status) == (True, ScaleStatus.BASELINE)
    assert float(rig.intrinsics[0][0, 0]) == pytest.approx(120.0)
    assert float(rig.intrinsics[1][0, 2]) == pytest.approx(80.0), "first pixel's centre at 0.5"
    transforms.distance.assert_not_called()


def test_parameter_comes_before_the_calibration(reader):
    store(reader, 0.12)
    rig = reader.read(SHAPES, FRAMES, with_baseline(0.3))
    assert (rig.baseline, rig.rectified, rig.status) == (0.3, True, ScaleStatus.BASELINE)


def test_parameter_alone_means_a_rectified_rig(reader):
    rig = reader.read(SHAPES, FRAMES, with_baseline(0.3))
    assert (rig.baseline, rig.rectified) == (0.3, True)


def test_parameter_does_not_make_a_swapped_rig_rectified(reader):
    store(reader, -0.12)
    rig = reader.read(SHAPES, FRAMES, with_baseline(0.3))
    assert (rig.baseline, rig.rectified) == (0.3, False)
    assert "swapped" in reader.warning


def test_tf_comes_last_and_says_nothing_about_rectification(reader, transforms):
    transforms.distance.return_value = 0.5
    rig = reader.read(SHAPES, FRAMES, DEFAULTS)
    assert (rig.baseline, rig.rectified, rig.status) == (0.5, False, ScaleStatus.TF)
    transforms.distance.assert_called_once_with(*FRAMES)


def test_two_sizes_are_not_rectified(reader):
    rig = reader.read(((128, 160), (64, 80)), FRAMES, with_baseline(0.3))
    assert not rig.rectified


def test_never_ignores_the_calibration(reader):
    store(reader, 0.12)
    rig = reader.read(SHAPES, FRAMES, with_mode("never"))
    assert rig.intrinsics == (None, None)
    assert rig.baseline is None


def test_require_refuses_by_name(reader):
    reader.store("left", camera_info(right=False))
    with pytest.raises(SemsplatError, match="right: no CameraInfo"):
        reader.read(SHAPES, FRAMES, with_mode("require"))


def test_changes_are_logged_once(reader, caplog):
    caplog.set_level(logging.INFO, "semsplat_ros")
    for _ in range(5):
        reader.read(SHAPES, FRAMES, DEFAULTS)
    assert len(caplog.records) == 3
    store(reader, 0.12)
    reader.read(SHAPES, FRAMES, DEFAULTS)
    assert len(caplog.records) == 6
