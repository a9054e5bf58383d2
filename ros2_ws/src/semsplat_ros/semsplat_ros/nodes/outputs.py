# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The node's publishers, and what is published when.

All messages of one pair carry one stamp and one frame, those of the left image, so that consumers
can match them exactly. Nothing is filled that nobody receives.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from semsplat_interfaces.msg import (
    LabelTable,
    ObjectGoal,
    ObjectInstanceArray,
    SceneInfo,
    SemanticGaussians,
)
from semsplat_ros.nodes import messages
from semsplat_ros.nodes.point_cloud import (
    cloud_points,
    instance_cloud,
    shown,
    to_cloud,
    to_gaussians,
)
from semsplat_ros.nodes.scene_arrays import SceneArrays
from semsplat_ros.nodes.settings import Settings
from semsplat_ros.nodes.stage_times import StageTimes
from semsplat_ros.nodes.visuals import overlay, to_markers
from semsplat_ros.scene import Perception

_logger = logging.getLogger(__name__)
MIN_MARKER_LIFETIME = 1.0
"""Seconds; markers of a fast camera must not flicker in a slow viewer."""


@dataclass(frozen=True)
class Topic:
    """One output topic."""

    name: str
    kind: type
    depth: int = 1
    latched: bool = False
    always: bool = False
    """Published even if nobody seems to receive it."""


TOPICS = (
    Topic("points", PointCloud2),
    Topic("gaussians", SemanticGaussians, latched=True),
    Topic("instances", ObjectInstanceArray, depth=2, always=True),
    Topic("markers", MarkerArray),
    Topic("masks/left", Image),
    Topic("masks/right", Image),
    Topic("labels/left", Image),
    Topic("overlay/left", Image),
    Topic("depth/image", Image),
    Topic("depth/camera_info", CameraInfo),
    Topic("label_table", LabelTable, latched=True),
    Topic("relative_pose", PoseStamped),
    Topic("query/goal_object", ObjectGoal, latched=True),
    Topic("query/goal", PoseStamped, latched=True),
    Topic("query/points", PointCloud2, latched=True),
)


@dataclass(frozen=True)
class Snapshot:
    """A processed pair as everybody sees it: swapped in whole, never changed."""

    perception: Perception
    header: Header
    info: SceneInfo
    sequence: int
    made: float
    """time.monotonic() when it was swapped in."""
    stamp_ns: int


def reliable(depth: int, latched: bool = False) -> QoSProfile:
    """A reliable publisher serves readers of both kinds; latched ones also those that come
    later."""
    durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy.RELIABLE, durability=durability)


class Outputs:
    """The publishers. :meth:`publish_pair` is for the worker's thread alone, the rest for any.

    Args:
        node: to publish through; its parameters override each topic's QoS (``qos_overrides.*``).
        times: where the time of filling and publishing is noted.
    """

    def __init__(self, node: Node, times: StageTimes) -> None:
        self._times = times
        self._publishers: dict[str, Publisher] = {
            topic.name: node.create_publisher(
                topic.kind,
                topic.name,
                reliable(topic.depth, topic.latched),
                qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            )
            for topic in TOPICS
        }
        self._always = {topic.name for topic in TOPICS if topic.always}
        self._said_no_depth = False
        self._last_pair = float("nan")
        self._period = float("nan")
        self.counts: dict[str, int] = dict.fromkeys(self._publishers, 0)
        """Messages published so far, by topic."""

    def subscribers(self) -> dict[str, int]:
        """How many readers each topic has."""
        return {
            name: publisher.get_subscription_count()
            for name, publisher in self._publishers.items()
        }

    def publish_pair(self, snapshot: Snapshot, left_rgb: np.ndarray, settings: Settings) -> None:
        """Publish everything that somebody receives of one pair.

        Args:
            snapshot: the processed pair.
            left_rgb: the original left picture, uint8 [H, W, 3].
            settings: which outputs are on, opacity and number of points.
        """
        self._note_period(snapshot.made)
        out = settings.output
        arrays = SceneArrays(snapshot.perception)
        header, info, perception = snapshot.header, snapshot.info, snapshot.perception
        work: list[tuple[str, bool, Callable]] = [
            ("instances", True, lambda: messages.to_instances(perception, header, info)),
            ("points", out.points, lambda: self._cloud(arrays, header, settings)),
            ("masks/left", out.masks, lambda: _mask(arrays.instance_mask(0), header)),
            ("masks/right", out.masks, lambda: _mask(arrays.instance_mask(1), header)),
            ("labels/left", out.masks, lambda: _mask(arrays.label_mask(0), header)),
            ("markers", out.markers, lambda: to_markers(perception, header, self._lifetime())),
            (
                "overlay/left",
                out.overlay,
                lambda: messages.to_image(overlay(left_rgb, arrays), "rgb8", header),
            ),
            (
                "relative_pose",
                1 not in perception.scene.cameras.failed,
                lambda: messages.relative_pose(perception, header),
            ),
            (
                "gaussians",
                out.gaussians,
                lambda: to_gaussians(perception, header, info, unselected=out.unselected),
            ),
            *self._depth(arrays, header, out.depth),
        ]
        self._publish_all([(name, make) for name, enabled, make in work if enabled])

    def publish_labels(self, labels: tuple[str, ...], version: int, stamp_ns: int) -> None:
        """Publish the labels in force; latched."""
        self._send("label_table", messages.label_table(labels, version, stamp_ns))

    def publish_goal(self, goal: ObjectGoal, snapshot: Snapshot) -> None:
        """Publish the answer to a query; the pose only if a robot could go there."""
        self._send("query/goal_object", goal)
        if goal.approach_valid:
            self._send("query/goal", goal.approach_pose)
        arrays = SceneArrays(snapshot.perception)
        self._send("query/points", instance_cloud(arrays, goal.match.instance.id, snapshot.header))

    def clear_markers(self, header: Header) -> None:
        """Take all objects out of RViz."""
        from visualization_msgs.msg import Marker

        self._send(
            "markers", MarkerArray(markers=[Marker(header=header, action=Marker.DELETEALL)])
        )

    def _publish_all(self, work: list[tuple[str, Callable]]) -> None:
        filled, sent = 0.0, 0.0
        for name, make in work:
            if name not in self._always and not self._wanted(name):
                continue
            start = time.perf_counter()
            message = make()
            middle = time.perf_counter()
            self._send(name, message)
            filled += middle - start
            sent += time.perf_counter() - middle
        self._times.add("fill", filled * 1e3)
        self._times.add("publish", sent * 1e3)

    def _send(self, name: str, message) -> None:
        self._publishers[name].publish(message)
        self.counts[name] += 1

    def _wanted(self, name: str) -> bool:
        return self._publishers[name].get_subscription_count() > 0

    def _cloud(self, arrays: SceneArrays, header: Header, settings: Settings) -> PointCloud2:
        indices = shown(arrays, settings.output.min_opacity, settings.output.max_points)
        return to_cloud(cloud_points(arrays, indices), header)

    def _depth(
        self, arrays: SceneArrays, header: Header, enabled: bool
    ) -> list[tuple[str, bool, Callable]]:
        if not arrays.perception.scene.scale.is_metric:
            if enabled and not self._said_no_depth:
                _logger.warning(
                    "depth/image is not published: positions are not in metres; "
                    "set scale.baseline or publish CameraInfo with P"
                )
            self._said_no_depth = True
            return []
        self._said_no_depth = False
        return [
            (
                "depth/image",
                enabled,
                lambda: messages.to_image(arrays.depth_image(), "32FC1", header),
            ),
            (
                "depth/camera_info",
                enabled,
                lambda: messages.to_camera_info(arrays.perception, header),
            ),
        ]

    def _note_period(self, now: float) -> None:
        self._period, self._last_pair = now - self._last_pair, now

    def _lifetime(self) -> float:
        """Two periods of the pairs, so that markers outlive one lost pair."""
        period = self._period if np.isfinite(self._period) else MIN_MARKER_LIFETIME
        return max(2.0 * period, MIN_MARKER_LIFETIME)


def _mask(pixels: np.ndarray, header: Header) -> Image:
    return messages.to_image(pixels, "16UC1", header)
