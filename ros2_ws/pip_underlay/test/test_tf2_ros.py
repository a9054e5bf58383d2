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
    InvalidArgumentException,
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
        buffer.set_transform(transform("map", "base", second * SECOND, float(second)), "test")
    # What is too old goes when the next sample comes.
    found = buffer.lookup_transform("map", "base", Time(nanoseconds=SECOND))
    assert place(found) == (1.0, 0.0, 0.0)
    for second in (3, 6):  # the first is itself too old
        buffer.set_transform(transform("map", "base", second * SECOND, float(second)), "test")
    for second in (1, 3):
        with pytest.raises(ExtrapolationException, match="into the past.*earliest .* 5.000000"):
            buffer.lookup_transform("map", "base", Time(nanoseconds=second * SECOND))


def test_samples_of_the_same_stamp_and_out_of_order() -> None:
    buffer = Buffer()
    for second, x in ((2, 2.0), (3, 3.0), (1, 1.0), (2, 20.0), (1, 10.0), (3, 30.0), (3, 3.0)):
        buffer.set_transform(transform("map", "base", second * SECOND, x), "test")
    # Of samples of the same stamp the newer one counts, but at the earliest stamp the older one.
    for half, x in ((2, 1.0), (3, 6.0), (4, 20.0), (5, 11.5), (6, 30.0)):
        found = buffer.lookup_transform("map", "base", Time(nanoseconds=half * SECOND // 2))
        assert place(found) == (x, 0.0, 0.0)
    single = Buffer()
    single.set_transform(transform("map", "base", SECOND), "test")
    with pytest.raises(ExtrapolationException, match="only time 1.000000 is in the buffer"):
        single.lookup_transform("map", "base", Time(nanoseconds=2 * SECOND))


def general(parent: str, child: str, stamp: int, numbers: tuple[float, ...]) -> TransformStamped:
    """A transform with x, y, z and the quaternion x, y, z, w."""
    message = transform(parent, child, stamp)
    t, q = message.transform.translation, message.transform.rotation
    t.x, t.y, t.z, q.x, q.y, q.z, q.w = numbers
    return message


def all_numbers(message: TransformStamped) -> tuple[float, ...]:
    t, q = message.transform.translation, message.transform.rotation
    return (t.x, t.y, t.z, q.x, q.y, q.z, q.w)


@pytest.mark.parametrize(
    ("target", "source", "milliseconds", "expected"),
    # What tf2's own C++ core gives for this tree.
    [
        (
            "map",
            "base",
            1250,
            (1.5, -1.25, 0.4375, -0.144642782275, 0.192857043033, 0.491869543008, 0.836629535188),
        ),
        (
            "map",
            "arm",
            1900,
            (
                3.16599377461,
                0.903457322166,
                0.0113645035176,
                -0.0767932493875,
                0.514436744972,
                0.748609780714,
                -0.411145994132,
            ),
        ),
        (
            "arm",
            "map",
            1100,
            (
                0.970854593208,
                -0.731183956414,
                -1.56898520344,
                -0.469959660944,
                -0.588543435577,
                0.403872647321,
                0.519270089905,
            ),
        ),
        (
            "camera",
            "arm",
            2500,
            (0.1, 0.675, 0.025, 0.609887488112, 0.426567315427, -0.587332405094, -0.317990916821),
        ),
        ("arm", "camera", 0, (-0.36, 0.52, 0.1, -0.4, -0.2, 0.8, -0.4)),
        ("map", "camera", 2000, (3.97584, 1.50688, -0.3164, 0.86, -0.38, 0.22, 0.26)),
    ],
)
def test_transforms_in_space(
    target: str, source: str, milliseconds: int, expected: tuple[float, ...]
) -> None:
    buffer = Buffer()
    for message in (
        general("map", "base", 1 * SECOND, (1.0, -2.0, 0.5, 0.0, 0.0, 0.6, 0.8)),
        general("map", "base", 2 * SECOND, (3.0, 1.0, 0.25, 0.48, -0.64, 0.0, -0.6)),
        general("base", "arm", 1 * SECOND, (0.1, 0.2, 0.3, 3.0, 1.0, -2.0, 1.0)),
        general("base", "arm", 3 * SECOND, (0.4, -0.2, 0.6, -0.1, 0.7, 0.5, 0.5)),
    ):
        buffer.set_transform(message, "test")
    mount = general("base", "camera", 0, (0.3, 0.0, 1.2, -0.5, 0.5, -0.5, 0.5))
    buffer.set_transform_static(mount, "test")
    found = buffer.lookup_transform(target, source, Time(nanoseconds=milliseconds * 10**6))
    assert all_numbers(found) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("length", [1e-3, 0.9, 1.0, 2.0, 1e3])
def test_a_quaternion_counts_by_its_direction(length: float) -> None:
    buffer = Buffer()
    rotation = (0.0, 0.0, -0.6 * length, -0.8 * length)
    buffer.set_transform_static(general("map", "base", 0, (1.0, 2.0, 3.0, *rotation)), "test")
    found = buffer.lookup_transform("map", "base", Time())
    assert all_numbers(found) == pytest.approx((1.0, 2.0, 3.0, 0.0, 0.0, 0.6, 0.8), abs=1e-9)


@pytest.mark.parametrize(
    "numbers",
    [
        (math.nan, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0),
        (0.0, 0.0, 0.0, 0.0, math.nan, 0.0, 1.0),
        (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    ],
)
def test_a_transform_that_is_none_is_ignored(numbers: tuple[float, ...]) -> None:
    buffer = Buffer()
    buffer.set_transform_static(general("map", "base", 0, numbers), "test")
    assert not buffer.can_transform("map", "base", Time())
    buffer.set_transform_static(transform("map", "base", x=1.0), "test")
    assert place(buffer.lookup_transform("map", "base", Time())) == (1.0, 0.0, 0.0)


def test_names_that_can_not_be_frames() -> None:
    buffer = Buffer()
    for parent, child in (("", "base"), ("map", ""), ("base", "base"), ("/base", "base")):
        buffer.set_transform_static(transform(parent, child), "test")
        with pytest.raises(LookupException):
            buffer.lookup_transform("base", "map", Time())
    buffer.set_transform_static(transform("/map", "/base", x=1.0), "test")  # as in ROS 1
    assert place(buffer.lookup_transform("map", "base", Time())) == (1.0, 0.0, 0.0)
    for name in ("/base", ""):
        with pytest.raises(InvalidArgumentException):
            buffer.lookup_transform("map", name, Time())
        with pytest.raises(InvalidArgumentException):
            buffer.lookup_transform(name, "map", Time())
        assert not buffer.can_transform("map", name, Time())


def test_a_frame_is_where_itself_is(buffer: Buffer) -> None:
    seconds = {"base": 3, "camera": 0, "map": 0, "gripper": 0}  # the newest that is held
    for frame, newest in seconds.items():
        found = buffer.lookup_transform(frame, frame, Time())
        assert found.header.stamp == Time(nanoseconds=newest * SECOND).to_msg()
        found = buffer.lookup_transform(frame, frame, Time(nanoseconds=9 * SECOND))
        assert found.header.stamp == Time(nanoseconds=9 * SECOND).to_msg()
        assert place(found) == (0.0, 0.0, 0.0)
        assert buffer.can_transform(frame, frame, Time())


def test_clear_forgets_where_moving_frames_are(buffer: Buffer) -> None:
    buffer.clear()
    assert place(buffer.lookup_transform("base", "camera", Time())) == (1.0, 0.0, 0.0)
    with pytest.raises(ConnectivityException):
        buffer.lookup_transform("map", "camera", Time())
    with pytest.raises(ExtrapolationException):
        buffer.lookup_transform("map", "camera", Time(nanoseconds=SECOND))
    buffer.set_transform(transform("map", "base", SECOND, 5.0), "test")
    assert place(buffer.lookup_transform("map", "camera", Time())) == (6.0, 0.0, 0.0)


def test_a_frame_may_change_its_parent_and_its_kind(buffer: Buffer) -> None:
    buffer.set_transform(transform("dock", "base", 4 * SECOND, 7.0), "test")
    for stamp in (0, 4 * SECOND):
        found = buffer.lookup_transform("dock", "camera", Time(nanoseconds=stamp))
        assert place(found) == (8.0, 0.0, 0.0)
    at = Time(nanoseconds=3 * SECOND + SECOND // 2)  # between the parents the older one holds
    assert place(buffer.lookup_transform("map", "base", at)) == (2.0, 0.0, 2.0)
    with pytest.raises(ConnectivityException):
        buffer.lookup_transform("dock", "base", at)
    buffer.set_transform_static(transform("map", "base", x=9.0), "test")
    assert place(buffer.lookup_transform("map", "camera", at)) == (10.0, 0.0, 0.0)
    buffer.set_transform(transform("map", "base", SECOND), "test")
    with pytest.raises(ExtrapolationException):
        buffer.lookup_transform("map", "camera", at)


def test_loops_end() -> None:
    buffer = Buffer()
    for parent, child in (("a", "b"), ("b", "c"), ("c", "a"), ("map", "base")):
        buffer.set_transform_static(transform(parent, child, x=1.0), "test")
    for stamp in (0, SECOND):
        at = Time(nanoseconds=stamp)
        assert place(buffer.lookup_transform("a", "c", at)) == (2.0, 0.0, 0.0)
        with pytest.raises(LookupException, match="loop"):
            buffer.lookup_transform("map", "a", at)
        with pytest.raises(LookupException, match="loop"):
            buffer.lookup_transform("a", "base", at)


def test_a_time_that_is_none(buffer: Buffer) -> None:
    for wrong in (None, 1.0):
        with pytest.raises(TypeError):
            buffer.lookup_transform("map", "base", wrong)
    stamp = Time(nanoseconds=2 * SECOND).to_msg()
    assert place(buffer.lookup_transform("map", "base", stamp)) == (1.0, 0.0, 1.0)


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
