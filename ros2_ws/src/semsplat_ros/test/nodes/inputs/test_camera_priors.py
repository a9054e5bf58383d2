# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Where intrinsics and the baseline come from, in the order: parameter, P, TF, nothing."""

import logging
import threading
from dataclasses import replace
from unittest.mock import Mock, create_autospec

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo

from semsplat_ros.errors import SemsplatError
from semsplat_ros.nodes.common.transforms import Transforms
from semsplat_ros.nodes.inputs import camera_priors as rig_module
from semsplat_ros.nodes.inputs.camera_priors import CameraPriorReader
from semsplat_ros.nodes.parameters.settings import Settings
from semsplat_ros.scene import ScaleStatus
from test.support.perception_rig import camera_info

SHAPES = ((128, 160), (128, 160))
FRAMES = ("left_optical", "right_optical")
DEFAULTS = Settings()
RAW = {"left": "/left/image_raw", "right": "/right/image_raw"}
RECTIFIED = {"left": "/left/image_rect", "right": "/right/image_rect"}


def apart(metres: float) -> np.ndarray:
    """A pose so far along x."""
    pose = np.eye(4)
    pose[0, 3] = metres
    return pose


def with_baseline(metres: float) -> Settings:
    return replace(DEFAULTS, scale=replace(DEFAULTS.scale, baseline=metres))


def with_mode(mode: str) -> Settings:
    return replace(DEFAULTS, input=replace(DEFAULTS.input, use_camera_info=mode))


@pytest.fixture
def transforms():
    double = create_autospec(Transforms, instance=True)
    double.newest.return_value = None
    return double


@pytest.fixture
def reader(transforms) -> CameraPriorReader:
    return CameraPriorReader(RAW, transforms)


def store(reader: CameraPriorReader, baseline: float) -> None:
    for side in ("left", "right"):
        reader.store(side, camera_info(side == "right", baseline=baseline))


def test_nothing_is_known_without_anything(reader):
    prior = reader.read(SHAPES, FRAMES, DEFAULTS)
    assert prior.intrinsics == (None, None)
    assert (prior.baseline, prior.rectified) == (None, False)


def test_calibration_gives_intrinsics_and_baseline(reader, transforms):
    store(reader, 0.12)
    prior = reader.read(SHAPES, FRAMES, DEFAULTS)
    assert prior.baseline == pytest.approx(0.12)
    assert (prior.rectified, prior.baseline_status) == (True, ScaleStatus.BASELINE)
    assert float(prior.intrinsics[0][0, 0]) == pytest.approx(120.0)
    assert float(prior.intrinsics[1][0, 2]) == pytest.approx(80.0), "first pixel's centre at 0.5"
    transforms.newest.assert_not_called()


def test_parameter_comes_before_the_calibration(reader):
    store(reader, 0.12)
    prior = reader.read(SHAPES, FRAMES, with_baseline(0.3))
    assert (prior.baseline, prior.rectified, prior.baseline_status) == (
        0.3,
        True,
        ScaleStatus.BASELINE,
    )


def rectified_is(choice: str, baseline: float = 0.3) -> Settings:
    settings = with_baseline(baseline)
    return replace(settings, input=replace(settings.input, rectified=choice))


def test_parameter_alone_does_not_make_raw_images_rectified(reader, caplog):
    caplog.set_level(logging.WARNING, "semsplat_ros")
    for _ in range(3):
        prior = reader.read(SHAPES, FRAMES, with_baseline(0.3))
    assert (prior.baseline, prior.rectified, prior.baseline_status) == (
        0.3,
        False,
        ScaleStatus.BASELINE,
    )
    assert "input.rectified" in reader.warning
    assert "image_proc" in reader.warning
    assert [r.levelno for r in caplog.records] == [logging.WARNING], "said once"


def test_parameter_and_rectified_topics_are_a_rectified_rig(transforms):
    reader = CameraPriorReader(RECTIFIED, transforms)
    prior = reader.read(SHAPES, FRAMES, with_baseline(0.3))
    assert (prior.baseline, prior.rectified, reader.warning) == (0.3, True, "")


def test_one_rectified_topic_is_not_enough(transforms):
    reader = CameraPriorReader({**RECTIFIED, "left": RAW["left"]}, transforms)
    assert not reader.read(SHAPES, FRAMES, with_baseline(0.3)).rectified


def test_user_may_say_that_images_are_rectified_or_not(reader, transforms):
    assert reader.read(SHAPES, FRAMES, rectified_is("always")).rectified
    assert reader.warning == ""
    named = CameraPriorReader(RECTIFIED, transforms)
    store(named, 0.12)
    assert named.read(SHAPES, FRAMES, DEFAULTS).rectified
    assert not named.read(SHAPES, FRAMES, rectified_is("never", 0.0)).rectified
    assert not named.read(SHAPES, FRAMES, rectified_is("never")).rectified
    assert named.warning == "", "the user knows"


def test_calibration_that_contradicts_wins_over_the_user(reader):
    store(reader, -0.12)
    assert not reader.read(SHAPES, FRAMES, rectified_is("always")).rectified
    assert "swapped" in reader.warning


def test_ideal_cameras_without_a_baseline_in_p_are_a_rectified_rig(reader):
    store(reader, 0.0)
    prior = reader.read(SHAPES, FRAMES, with_baseline(0.3))
    assert (prior.baseline, prior.rectified) == (0.3, True)


def bent(right: bool):
    info = camera_info(right, baseline=0.12)
    info.d = [-0.3, 0.1, 0.0, 0.0, 0.0]
    return info


def test_distortion_of_raw_images_is_said_once_and_stays_in_the_warning(reader, caplog):
    caplog.set_level(logging.INFO, "semsplat_ros")
    for side in ("left", "right"):
        reader.store(side, bent(side == "right"))
    for _ in range(3):
        prior = reader.read(SHAPES, FRAMES, DEFAULTS)
    assert not prior.rectified
    assert prior.intrinsics[0] is not None
    assert "left: raw images of a lens with distortion" in reader.warning
    assert "right: raw images of a lens with distortion" in reader.warning
    assert "image_rect" in reader.warning
    warned = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warned) == 2


def test_distortion_is_no_matter_where_topics_are_rectified(transforms):
    reader = CameraPriorReader(RECTIFIED, transforms)
    for side in ("left", "right"):
        reader.store(side, bent(side == "right"))
    assert reader.read(SHAPES, FRAMES, DEFAULTS).rectified
    assert reader.warning == ""


def test_calibration_is_kept_by_frame_and_size(reader):
    for width, height in ((160, 128), (320, 256), (320, 200)):
        for side in ("left", "right"):
            reader.store(side, camera_info(side == "right", width, height, 0.12))
    prior = reader.read(SHAPES, FRAMES, DEFAULTS)
    assert float(prior.intrinsics[0][0, 0]) == pytest.approx(120.0), "not scaled from 320 x 256"
    assert "scaled" not in reader.notes["left"]
    other = camera_info(right=False)
    other.header.frame_id = "left_optical"
    other.k[0] = other.k[4] = 100.0
    reader.store("left", other)
    foreign = camera_info(right=False)
    foreign.header.frame_id = "somewhere_else"
    reader.store("left", foreign)
    prior = reader.read(SHAPES, FRAMES, DEFAULTS)
    assert float(prior.intrinsics[0][0, 0]) == pytest.approx(100.0)
    assert reader.newest("left").header.frame_id == "somewhere_else"


def test_calibration_that_is_repeated_is_read_once(reader, monkeypatch):
    read = Mock(wraps=rig_module.read_camera_info)
    monkeypatch.setattr(rig_module, "read_camera_info", read)
    for second in range(3):
        for side in ("left", "right"):
            info = camera_info(side == "right", baseline=0.12)
            info.header.stamp.sec = second
            reader.store(side, info)
        prior = reader.read(SHAPES, FRAMES, DEFAULTS)
        assert prior.baseline == pytest.approx(0.12)
    assert read.call_count == 2, "left and right"
    changed = camera_info(right=True, baseline=0.12)
    changed.p[3] *= 2.0
    reader.store("right", changed)
    assert reader.read(SHAPES, FRAMES, DEFAULTS).baseline == pytest.approx(0.24)
    half = ((64, 80), (64, 80))
    assert float(reader.read(half, FRAMES, DEFAULTS).intrinsics[0][0, 0]) == 60.0
    assert reader.read(half, FRAMES, with_baseline(0.3)).baseline == 0.3


def test_new_calibration_counts_whatever_messages_think_of_equality(reader, monkeypatch):
    """In early ROS 2 Jazzy arrays were equal that shared a single element."""
    monkeypatch.setattr(CameraInfo, "__eq__", lambda one, other: True)
    store(reader, 0.12)
    assert reader.read(SHAPES, FRAMES, DEFAULTS).baseline == pytest.approx(0.12)
    store(reader, 0.24)
    assert reader.read(SHAPES, FRAMES, DEFAULTS).baseline == pytest.approx(0.24)


def test_notes_are_those_of_the_newest_pair(reader):
    store(reader, 0.12)
    reader.read(SHAPES, FRAMES, DEFAULTS)
    good = dict(reader.notes)
    square = ((128, 128), (128, 128))
    with pytest.raises(SemsplatError, match="not the same shape"):
        reader.read(square, FRAMES, with_mode("require"))
    assert reader.notes != good
    reader.read(SHAPES, FRAMES, DEFAULTS)
    assert reader.notes == good


def test_baseline_from_tf_is_asked_for_every_pair(reader, transforms):
    for metres in (0.5, 0.7):
        transforms.newest.return_value = apart(metres)
        assert reader.read(SHAPES, FRAMES, DEFAULTS).baseline == metres


def test_number_of_kept_calibrations_is_bounded(reader):
    for width in range(100, 200):
        reader.store("left", camera_info(False, width))
    assert len(reader._infos["left"]) <= 8
    assert reader.newest("left").width == 199


def test_one_camera_has_no_baseline(transforms):
    transforms.newest.return_value = apart(0.5)
    reader = CameraPriorReader({"left": "/camera/image_raw"}, transforms)
    reader.store("left", camera_info(right=False))
    prior = reader.read(SHAPES, ("camera", "camera"), with_baseline(0.3))
    assert (prior.baseline, prior.rectified) == (None, False)
    assert float(prior.intrinsics[1][0, 0]) == pytest.approx(120.0)
    assert "scale.baseline has no effect" in reader.notes["baseline"]


def test_parameter_does_not_make_a_swapped_rig_rectified(reader):
    store(reader, -0.12)
    prior = reader.read(SHAPES, FRAMES, with_baseline(0.3))
    assert (prior.baseline, prior.rectified) == (0.3, False)
    assert "swapped" in reader.warning


def test_tf_comes_last_and_says_nothing_about_rectification(reader, transforms):
    transforms.newest.return_value = apart(0.5)
    prior = reader.read(SHAPES, FRAMES, DEFAULTS)
    assert (prior.baseline, prior.rectified) == (0.5, False)
    assert prior.baseline_status is ScaleStatus.TF
    transforms.newest.assert_called_once_with(*FRAMES)


def test_two_sizes_are_not_rectified(reader):
    prior = reader.read(((128, 160), (64, 80)), FRAMES, with_baseline(0.3))
    assert not prior.rectified


def test_never_ignores_the_calibration(reader):
    store(reader, 0.12)
    prior = reader.read(SHAPES, FRAMES, with_mode("never"))
    assert prior.intrinsics == (None, None)
    assert prior.baseline is None


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


def test_first_pair_waits_for_calibration_that_is_on_its_way(transforms):
    reader = CameraPriorReader(RECTIFIED, transforms, lambda: ("left", "right"))
    late = threading.Timer(0.1, lambda: store(reader, 0.12))
    late.start()
    prior = reader.read(SHAPES, FRAMES, DEFAULTS)
    late.join()
    assert prior.baseline == pytest.approx(0.12)
    assert prior.baseline_status is ScaleStatus.BASELINE


def test_calibration_that_never_comes_is_waited_for_once(transforms, monkeypatch):
    monkeypatch.setattr("semsplat_ros.nodes.inputs.camera_priors.FIRST_WAIT_S", 0.05)
    asked = []
    reader = CameraPriorReader(RECTIFIED, transforms, lambda: asked.append(1) or ("left",))
    assert reader.read(SHAPES, FRAMES, DEFAULTS).baseline is None
    so_far = len(asked)
    assert so_far >= 1
    assert reader.read(SHAPES, FRAMES, DEFAULTS).baseline is None
    assert len(asked) == so_far


def test_calibration_that_is_never_used_is_not_waited_for(transforms):
    reader = CameraPriorReader(RECTIFIED, transforms, lambda: pytest.fail("asked"))
    assert reader.read(SHAPES, FRAMES, with_mode("never")).baseline is None


THREE = {name: f"/{name}/image_rect" for name in ("front", "rear", "top")}
THREE_SHAPES = ((128, 160), (128, 160), (64, 80))
THREE_FRAMES = ("front_optical", "rear_optical", "top_optical")


def test_of_three_cameras_each_has_its_intrinsics_and_its_pose(transforms):
    known = {"rear_optical": apart(0.5)}
    transforms.newest.side_effect = lambda target, source: known.get(source)
    reader = CameraPriorReader(THREE, transforms)
    reader.store("front", camera_info(right=False))
    reader.store("top", camera_info(right=False, width=80, height=64))
    prior = reader.read(THREE_SHAPES, THREE_FRAMES, DEFAULTS)
    assert prior.intrinsics[1] is None, "no CameraInfo of rear"
    assert [float(k[0, 2]) for k in prior.intrinsics if k is not None] == [80.0, 40.0]
    front, rear, top = prior.first_from_view
    assert (front == np.eye(4)).all()
    assert rear[0, 3] == 0.5
    assert top is None
    assert (prior.baseline, prior.rectified) == (None, False)
    assert prior.baseline_status is ScaleStatus.TF
    assert "unknown" in reader.notes["pose of top"]


def test_three_cameras_are_no_rectified_pair_whatever_p_says(transforms):
    reader = CameraPriorReader(THREE, transforms)
    for name in THREE:
        reader.store(name, camera_info(name == "rear", baseline=0.12))
    prior = reader.read((SHAPES[0],) * 3, THREE_FRAMES, DEFAULTS)
    assert (prior.baseline, prior.rectified) == (None, False)
    prior = reader.read((SHAPES[0],) * 3, THREE_FRAMES, with_baseline(0.3))
    assert (prior.baseline, prior.rectified) == (0.3, False)
    assert prior.baseline_status is ScaleStatus.BASELINE


def test_a_pair_of_other_names_is_read_as_a_pair(transforms):
    names = {"port": "/port/image_rect", "starboard": "/starboard/image_rect"}
    reader = CameraPriorReader(names, transforms)
    for name in names:
        reader.store(name, camera_info(name == "port", baseline=0.12))
    prior = reader.read(SHAPES, ("a", "b"), DEFAULTS)
    assert (prior.baseline, prior.rectified) == (pytest.approx(0.12), False)
    assert "port/starboard swapped?" in reader.warning
