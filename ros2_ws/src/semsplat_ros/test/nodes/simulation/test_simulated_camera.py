# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from semsplat_ros.nodes.common.transforms import matrix_of
from semsplat_ros.nodes.inputs.camera_info import read_rig
from semsplat_ros.nodes.inputs.image_decoding import decode
from semsplat_ros.nodes.simulation.simulated_camera import (
    ENCODERS,
    to_calibration,
    to_jpeg,
    to_raw,
    to_transforms,
)
from semsplat_ros.rooms.robot import StereoRig

MAX_PIXELS = 1 << 20
HEADER = Header(frame_id="left_camera_optical")


def smooth_image() -> np.ndarray:
    """Colours that change slowly, so that halved chroma and Bayer patterns lose little."""
    rng = np.random.default_rng(0)
    small = rng.integers(30, 226, (4, 5, 3), dtype=np.uint8)
    return cv2.resize(small, (160, 120), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize("encoding", sorted(ENCODERS))
def test_encoding_is_read_back(encoding):
    image = smooth_image()
    sent = to_raw(image, encoding, HEADER)
    pixels = decode(deserialize_message(serialize_message(sent), Image), MAX_PIXELS)
    expected = image.astype(float)
    if encoding.startswith("mono"):
        expected = (expected @ (0.299, 0.587, 0.114))[..., None]
    exact = encoding in ("rgb8", "bgr8", "rgba8", "bgra8")
    assert np.abs(pixels - expected).mean() <= (0.0 if exact else 3.0)


def test_jpeg_is_read_back():
    image = smooth_image()
    assert np.abs(decode(to_jpeg(image, HEADER), MAX_PIXELS) - image.astype(float)).mean() < 3


def test_calibration_gives_the_baseline():
    rig = StereoRig(height=120, width=160, baseline=0.3)
    infos = [to_calibration(rig, side, HEADER) for side in ("left", "right")]
    reading = read_rig(*infos, False, False)
    assert reading.baseline == pytest.approx(0.3)
    assert reading.rectified


def test_transforms_place_the_right_camera_at_plus_x():
    rig = StereoRig(baseline=0.3)
    pose = np.eye(4)
    pose[:3, :3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]  # looks along the room's x
    pose[:3, 3] = (1.0, 2.0, 0.9)
    left, right = to_transforms(pose, rig.baseline, HEADER.stamp)
    np.testing.assert_allclose(matrix_of(left.transform), pose, atol=1e-9)
    room_from_right = matrix_of(left.transform) @ matrix_of(right.transform)
    np.testing.assert_allclose(room_from_right, rig.right_pose(pose), atol=1e-9)
    assert (left.header.frame_id, right.header.frame_id) == ("room", left.child_frame_id)
