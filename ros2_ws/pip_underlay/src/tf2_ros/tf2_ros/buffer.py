# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The buffer of transforms: what was heard of each frame, and the question from where to where."""

import math
import threading
import time as steady
from typing import Any

from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.time import Time
from tf2_ros.rigid import IDENTITY, Rigid, normalized
from tf2_ros.tree import FrameTree, Sample, TransformException


class Buffer:
    """Holds transforms of the last `cache_time` (10 s); static ones for always. Thread-safe."""

    def __init__(self, cache_time: Duration | None = None, node: Node | None = None) -> None:
        del node  # the original offers a debug service on it
        keep = (cache_time or Duration(seconds=10)).nanoseconds
        self._tree = FrameTree(keep)
        self._changed = threading.Condition()

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """Take over a transform that holds at its stamp."""
        self._insert(transform, static=False)

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        """Take over a transform that holds at every time."""
        self._insert(transform, static=True)

    def clear(self) -> None:
        """Forget all moving transforms."""
        with self._changed:
            self._tree.clear()

    def lookup_transform(
        self,
        target_frame: str,
        source_frame: str,
        time: Any,
        timeout: Duration | None = None,
    ) -> TransformStamped:
        """The transform that takes points of `source_frame` to `target_frame` at `time`.

        A zero time asks for the latest one. Blocks up to `timeout` while it is not yet there.
        Raises LookupException, ConnectivityException, ExtrapolationException or
        InvalidArgumentException, all of them TransformException.
        """
        self._wait(target_frame, source_frame, time, timeout)
        with self._changed:
            stamp, transform = self._lookup(target_frame, source_frame, _nanoseconds(time))
        return _to_message(target_frame, source_frame, stamp, transform)

    def can_transform(
        self,
        target_frame: str,
        source_frame: str,
        time: Any,
        timeout: Duration | None = None,
        return_debug_tuple: bool = False,
    ) -> bool | tuple[bool, str]:
        """Whether lookup_transform would succeed; with `return_debug_tuple` also why not."""
        reason = self._wait(target_frame, source_frame, time, timeout)
        return (not reason, reason) if return_debug_tuple else not reason

    def _wait(self, target: str, source: str, time: Any, timeout: Duration | None) -> str:
        """Empty as soon as the transform is there, or why it is not when the timeout is over."""
        stamp = _nanoseconds(time)
        deadline = steady.monotonic() + (timeout.nanoseconds / 1e9 if timeout else 0.0)
        with self._changed:
            while True:
                try:
                    self._lookup(target, source, stamp)
                    return ""
                except TransformException as error:
                    reason = str(error)
                left = deadline - steady.monotonic()
                if left <= 0:
                    return reason
                self._changed.wait(left)

    def _lookup(self, target: str, source: str, stamp: int) -> tuple[int, Rigid]:
        if target == source:  # of a frame that is not known too, as in tf2
            return stamp or self._tree.newest(target), IDENTITY
        self._tree.check_known(target, "target_frame")
        self._tree.check_known(source, "source_frame")
        stamp = stamp or self._tree.latest_common(target, source)
        return stamp, self._tree.lookup(target, source, stamp)

    def _insert(self, message: TransformStamped, static: bool) -> None:
        child = message.child_frame_id.removeprefix("/")
        parent = message.header.frame_id.removeprefix("/")
        t, q = message.transform.translation, message.transform.rotation
        translation, rotation = (t.x, t.y, t.z), (q.x, q.y, q.z, q.w)
        fault = _fault(child, parent, (*translation, *rotation))
        if fault:
            get_logger("tf2_buffer").error(f"ignored a transform: {fault}")
            return
        transform = Rigid(translation, normalized(rotation))
        sample = Sample(_nanoseconds(message.header.stamp), parent, transform)
        with self._changed:
            taken = self._tree.insert(child, sample, static)
            self._changed.notify_all()
        if not taken:
            get_logger("tf2_buffer").warning(
                f"ignored a transform: '{child}' at {sample.stamp / 1e9:.6f} is too old"
            )


def _fault(child: str, parent: str, numbers: tuple[float, ...]) -> str:
    """What is wrong with a transform that would spoil the tree; empty if nothing.

    `numbers` are x, y, z and the quaternion, of any length but 0.
    """
    if not child or not parent or child == parent:
        return f"it needs two different frames, got '{parent}' and '{child}'"
    length2 = sum(part * part for part in numbers[3:])
    if any(map(math.isnan, numbers)) or not 0.0 < length2 < math.inf:
        return f"'{child}': not a number, or a quaternion of length 0: {numbers}"
    return ""


def _nanoseconds(time: Any) -> int:
    if hasattr(time, "nanoseconds"):
        return time.nanoseconds
    if hasattr(time, "sec") and hasattr(time, "nanosec"):
        return time.sec * 10**9 + time.nanosec
    raise TypeError("time must have sec and nanosec, or nanoseconds.")


def _to_message(target: str, source: str, stamp: int, transform: Rigid) -> TransformStamped:
    message = TransformStamped(child_frame_id=source)
    message.header.frame_id = target
    message.header.stamp = Time(nanoseconds=stamp).to_msg()
    translation, rotation = message.transform.translation, message.transform.rotation
    translation.x, translation.y, translation.z = transform.translation
    rotation.x, rotation.y, rotation.z, rotation.w = normalized(transform.rotation)
    return message
