# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Transforms from TF, if tf2_ros is there; only looked for when somebody needs one."""

import importlib
import importlib.util
import threading
from typing import Any

import numpy as np
from geometry_msgs.msg import Quaternion, Transform, TransformStamped
from rclpy.node import Node
from rclpy.time import Time
from scipy.spatial.transform import Rotation

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.nodes.common.conversions import to_time


def tf_installed() -> bool:
    """True if tf2_ros can be imported."""
    return importlib.util.find_spec("tf2_ros") is not None


class Transforms:
    """Looks transforms up, from the first question on, and sends the node's own. Thread-safe.

    Args:
        node: whose subscriptions carry the transforms.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._lock = threading.Lock()
        self._buffer: Any = None
        self._listener = None
        self._broadcaster: Any = None

    def listen(self) -> None:
        """Start listening, so that transforms are known when they are needed.

        Raises:
            SemsplatError: TRANSFORM_UNAVAILABLE if tf2_ros is not installed.
        """
        with self._lock:
            if self._buffer is not None:
                return
            tf2_ros = _tf2_ros("target_frame", "leave it empty")
            self._buffer = tf2_ros.Buffer()
            self._listener = tf2_ros.TransformListener(self._buffer, self._node)

    def lookup(self, target: str, source: str, stamp_ns: int | None) -> np.ndarray:
        """target_from_source [4, 4] at a stamp, None = the newest; never waits.

        Raises:
            SemsplatError: TRANSFORM_UNAVAILABLE naming both frames and the stamp.
        """
        self.listen()
        when = Time() if stamp_ns is None else Time.from_msg(to_time(stamp_ns))
        try:
            found = matrix_of(self._buffer.lookup_transform(target, source, when).transform)
            if not np.isfinite(found).all():
                raise ValueError("the transform is not finite")
        except Exception as problem:
            at = "now" if stamp_ns is None else f"{stamp_ns / 1e9:.3f}"
            raise SemsplatError(
                ErrorCode.TRANSFORM_UNAVAILABLE,
                f"no transform from {source!r} to {target!r} at {at}: {problem}",
            ) from problem
        return found

    def forget(self) -> None:
        """Forget what moves: time was set back, and its stamps are in the future now."""
        with self._lock:
            if self._buffer is not None:
                self._buffer.clear()

    def prepare_to_send(self) -> None:
        """Make the publisher of /tf, which :meth:`send` needs.

        Raises:
            SemsplatError: TRANSFORM_UNAVAILABLE if tf2_ros is not installed.
        """
        with self._lock:
            if self._broadcaster is None:
                tf2_ros = _tf2_ros("publish_relative_tf", "set it to false")
                self._broadcaster = tf2_ros.TransformBroadcaster(self._node)

    def send(self, transform: TransformStamped) -> None:
        """Publish a transform on /tf."""
        self._broadcaster.sendTransform(transform)

    def newest(self, target: str, source: str) -> np.ndarray | None:
        """target_from_source [4, 4] by the newest transform between two frames, None if it is
        unknown."""
        if not target or not source or target == source or not tf_installed():
            return None
        try:
            return self.lookup(target, source, None)
        except SemsplatError:
            return None


def matrix_of(transform: Transform) -> np.ndarray:
    """A transform message as a homogeneous matrix [4, 4]."""
    t = transform.translation
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_of(transform.rotation)
    matrix[:3, 3] = (t.x, t.y, t.z)
    return matrix


def rotation_of(q: Quaternion) -> np.ndarray:
    """A quaternion message as a rotation matrix [3, 3]."""
    return Rotation.from_quat([q.x, q.y, q.z, q.w]).as_matrix()


def _tf2_ros(parameter: str, otherwise: str) -> Any:
    """The module, or a refusal that names the parameter which needs it."""
    if not tf_installed():
        raise SemsplatError(
            ErrorCode.TRANSFORM_UNAVAILABLE,
            f"{parameter} needs tf2_ros, which is not installed; "
            f"install ros-jazzy-tf2-ros-py or {otherwise}",
        )
    return importlib.import_module("tf2_ros")
