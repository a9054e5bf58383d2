# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The part of tf2_ros that semsplat relies on; passes against the ROS package too."""

import math
import threading

import pytest
from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time
from tf2_ros import (
    Buffer,
    ConnectivityException,
    ExtrapolationException,
    LookupException,
    StaticTransformBroadcaster,
    TransformBroadcaster,
    TransformException,
    TransformListener,
)

SECOND = 10**9


def transform(
    parent: str,
    child: str,
    stamp: int = 0,
    x: float = 0.0,
    yaw: float = 0.0,
) -> TransformStamped:
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id = parent
    message.header.stamp = Time(nanoseconds=stamp).to_msg()
    message.transform.translation.x = x
    message.transform.rotation.z = math.sin(yaw / 2)
    message.transform.rotation.w = math.cos(yaw / 2)
    return message


def place(message: TransformStamped) -> object:
    """x, y and yaw, to compare with a tuple of floats."""
    t, q = message.transform.translation, message.transform.rotation
    return pytest.approx((t.x, t.y, 2 * math.atan2(q.z, q.w)), abs=1e-9)


@pytest.fixture
def buffer() -> Buffer:
    """map <- base (moving: 1 m/s along x, turning 1 rad/s) <- camera (static, 1 m ahead)."""
    buffer = Buffer()
    for second in range(3):
        moving = transform("map", "base", second * SECOND + SECOND, float(second), float(second))
        buffer.set_transform(moving, "test")
    buffer.set_transform_static(transform("base", "camera", x=1.0), "test")
    return buffer


def test_static_transforms_hold_at_every_time(buffer: Buffer) -> None:
    for stamp in (0, SECOND, 10**15):
        found = buffer.lookup_transform("base", "camera", Time(nanoseconds=stamp))
        assert place(found) == (1.0, 0.0, 0.0)
        assert (found.header.frame_id, found.child_frame_id) == ("base", "camera")
        back = buffer.lookup_transform("camera", "base", Time(nanoseconds=stamp))
        assert place(back) == (-1.0, 0.0, 0.0)


def test_lookup_interpolates_between_stamps(buffer: Buffer) -> None:
    found = buffer.lookup_transform("map", "base", Time(nanoseconds=SECOND * 5 // 2))
    assert place(found) == (1.5, 0.0, 1.5)
    assert found.header.stamp == Time(nanoseconds=SECOND * 5 // 2).to_msg()


def test_lookup_goes_through_the_tree_and_back(buffer: Buffer) -> None:
    at = Time(nanoseconds=2 * SECOND)
    found = buffer.lookup_transform("map", "camera", at)
    assert place(found) == (1.0 + math.cos(1.0), math.sin(1.0), 1.0)
    buffer.set_transform_static(transform("base", "lidar", x=-0.5, yaw=math.pi / 2), "test")
    across = buffer.lookup_transform("lidar", "camera", at)
    assert place(across) == (0.0, -1.5, -math.pi / 2)


def test_time_zero_is_the_latest_common_time(buffer: Buffer) -> None:
    found = buffer.lookup_transform("map", "camera", Time())
    assert found.header.stamp == Time(nanoseconds=3 * SECOND).to_msg()
    assert place(found) == (2.0 + math.cos(2.0), math.sin(2.0), 2.0)


@pytest.mark.parametrize("stamp", [SECOND // 2, 4 * SECOND])
def test_outside_the_samples_is_extrapolation(buffer: Buffer, stamp: int) -> None:
    with pytest.raises(ExtrapolationException):
        buffer.lookup_transform("map", "camera", Time(nanoseconds=stamp))
    assert not buffer.can_transform("map", "camera", Time(nanoseconds=stamp))


def test_unknown_frames_and_separate_trees(buffer: Buffer) -> None:
    with pytest.raises(LookupException, match="gripper"):
        buffer.lookup_transform("map", "gripper", Time())
    buffer.set_transform_static(transform("dock", "charger"), "test")
    with pytest.raises(ConnectivityException):
        buffer.lookup_transform("map", "dock", Time())
    for kind in (LookupException, ConnectivityException, ExtrapolationException):
        assert issubclass(kind, TransformException)


def test_old_samples_are_forgotten() -> None:
    buffer = Buffer(cache_time=Duration(seconds=1))
    for second in (1, 2, 5):
        buffer.set_transform(transform("map", "base", second * SECOND), "test")
    with pytest.raises(ExtrapolationException):
        buffer.lookup_transform("map", "base", Time(nanoseconds=SECOND))


def test_a_transform_that_is_not_finite_is_ignored() -> None:
    buffer = Buffer()
    buffer.set_transform_static(transform("map", "base", x=float("nan")), "test")
    assert not buffer.can_transform("map", "base", Time())


def test_can_transform_tells_why_not(buffer: Buffer) -> None:
    assert buffer.can_transform("map", "camera", Time())
    possible, reason = buffer.can_transform("map", "gripper", Time(), return_debug_tuple=True)
    assert not possible
    assert "gripper" in reason


def test_broadcasters_reach_a_late_listener_and_lookup_waits(spinning_node: Node) -> None:
    static = StaticTransformBroadcaster(spinning_node)
    static.sendTransform(transform("base", "camera", x=1.0))
    static.sendTransform(transform("base", "lidar", x=2.0))
    buffer = Buffer()
    listener = TransformListener(buffer, spinning_node)
    for frame, x in (("camera", 1.0), ("lidar", 2.0)):
        found = buffer.lookup_transform("base", frame, Time(), timeout=Duration(seconds=10))
        assert place(found) == (x, 0.0, 0.0)

    moving = TransformBroadcaster(spinning_node)
    done = threading.Event()

    def broadcast() -> None:
        while not done.wait(0.05):
            moving.sendTransform([transform("map", "base", SECOND, x=3.0)])

    thread = threading.Thread(target=broadcast)
    thread.start()
    try:
        at = Time(nanoseconds=SECOND)
        found = buffer.lookup_transform("map", "camera", at, timeout=Duration(seconds=10))
    finally:
        done.set()
        thread.join()
    assert place(found) == (4.0, 0.0, 0.0)
    listener.unregister()
