# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The node's publishers, and what is published when.

All messages of one pair or set carry one stamp, that of the first image, so that consumers can
match them exactly. Nothing is filled that nobody receives.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.exceptions import InvalidHandle
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from visualization_msgs.msg import MarkerArray

from semsplat_interfaces.msg import (
    LabelTable,
    ObjectGoal,
    ObjectInstanceArray,
    SemanticGaussians,
)
from semsplat_ros.nodes.common.notices import Notices
from semsplat_ros.nodes.common.stage_times import StageTimes
from semsplat_ros.nodes.common.transforms import Transforms
from semsplat_ros.nodes.outputs import scene_messages
from semsplat_ros.nodes.outputs.detections import Detection3DArray
from semsplat_ros.nodes.outputs.pair_messages import PairMessages, relative_pose_topics
from semsplat_ros.nodes.outputs.point_cloud import instance_cloud
from semsplat_ros.nodes.outputs.scene_arrays import SceneArrays
from semsplat_ros.nodes.outputs.snapshot import Snapshot
from semsplat_ros.nodes.outputs.target_frame import Placement, not_metric
from semsplat_ros.nodes.parameters.settings import Settings

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
    of_scene: bool = False
    """Latched, and taken back when the scene is forgotten."""


def topics_of(cameras: Sequence[str]) -> tuple[Topic, ...]:
    """All output topics for cameras of these names; ``detections`` only where vision_msgs is
    installed."""
    detections = [] if Detection3DArray is None else [Topic("detections", Detection3DArray, 2)]
    return (
        Topic("points", PointCloud2),
        Topic("gaussians", SemanticGaussians, latched=True, of_scene=True),
        Topic("instances", ObjectInstanceArray, depth=2, always=True),
        Topic("markers", MarkerArray),
        *(Topic(f"masks/{name}", Image) for name in cameras),
        *(Topic(f"labels/{name}", Image) for name in cameras),
        Topic(f"overlay/{cameras[0]}", Image),
        Topic("depth/image", Image),
        Topic("depth/camera_info", CameraInfo),
        Topic("label_table", LabelTable, latched=True),
        *(Topic(name, PoseStamped) for name in relative_pose_topics(cameras).values()),
        Topic("query/goal_object", ObjectGoal, latched=True, of_scene=True),
        Topic("query/goal", PoseStamped, latched=True, of_scene=True),
        Topic("query/points", PointCloud2, latched=True, of_scene=True),
        *detections,
    )


def reliable(depth: int, latched: bool = False) -> QoSProfile:
    """A reliable publisher serves readers of both kinds; latched ones also those that come
    later."""
    durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy.RELIABLE, durability=durability)


def _serialised(topic: Topic, message: Any) -> bytes:
    """What goes over DDS; a publisher would not look at the type of bytes."""
    if not isinstance(message, topic.kind):
        raise TypeError(f"{topic.name} takes {topic.kind.__name__}, got {type(message).__name__}")
    return serialize_message(message)


class Outputs:
    """The publishers. :meth:`publish_pair` is for the worker's thread alone, the rest for any.

    Args:
        node: to publish through; its parameters override each topic's QoS (``qos_overrides.*``).
        times: where the time of filling and publishing is noted.
        transforms: TF, for publish_relative_tf.
        cameras: the names of the cameras; see :meth:`set_cameras`.
    """

    def __init__(
        self, node: Node, times: StageTimes, transforms: Transforms, cameras: Sequence[str]
    ) -> None:
        self._times, self._transforms = times, transforms
        self.notices = Notices()
        self._node = node
        self._lock = threading.Lock()
        self._topics: dict[str, Topic] = {}
        self._publishers: dict[str, Publisher] = {}
        self._last_pair = float("nan")
        self._period = float("nan")
        self.counts: dict[str, int] = {}
        """Messages published so far, by topic."""
        self._taken_back: dict[str, int] = {}
        self.set_cameras(cameras)

    def set_cameras(self, cameras: Sequence[str]) -> None:
        """Offer the topics of cameras with these names, and no longer those of others."""
        topics = {topic.name: topic for topic in topics_of(cameras)}
        with self._lock:
            for name in self._topics.keys() - topics.keys():
                self._node.destroy_publisher(self._publishers.pop(name))
                del self.counts[name], self._taken_back[name]
            for name in [name for name in topics if name not in self._topics]:
                self._publishers[name] = self._create(topics[name])
                self.counts[name] = self._taken_back[name] = 0
            self._topics = topics

    def _create(self, topic: Topic) -> Publisher:
        return self._node.create_publisher(
            topic.kind,
            topic.name,
            reliable(topic.depth, topic.latched),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )

    def subscribers(self) -> dict[str, int]:
        """How many readers each topic has."""
        return {
            name: publisher.get_subscription_count()
            for name, publisher in self._publishers.items()
        }

    def publish_pair(
        self,
        snapshot: Snapshot,
        first_image: np.ndarray,
        settings: Settings,
        placement: Placement,
    ) -> None:
        """Publish everything that somebody receives of one pair or set.

        Args:
            snapshot: the processed images.
            first_image: the original image of the first camera, uint8 [H, W, 3].
            settings: which outputs are on, opacity and number of points.
            placement: the frame for its objects.
        """
        self._note_period(snapshot.made)
        pair = PairMessages(snapshot, first_image, settings, placement, self._lifetime())
        self._notice(pair)
        self._publish_all(pair.makers())
        if settings.publish_relative_tf:
            for transform in pair.transforms():
                self._transforms.send(transform)

    def publish_labels(self, labels: tuple[str, ...], version: int, stamp_ns: int) -> None:
        """Publish the labels in force; latched."""
        self._send("label_table", scene_messages.label_table(labels, version, stamp_ns))

    def publish_goal(self, goal: ObjectGoal, snapshot: Snapshot, placement: Placement) -> None:
        """Publish the answer to a query; the pose only if a robot could go there."""
        self._send("query/goal_object", goal)
        if goal.approach_valid:
            self._send("query/goal", goal.approach_pose)
        arrays = SceneArrays(snapshot.perception)
        points = instance_cloud(arrays, goal.match.instance.id, snapshot.header)
        placement.move_cloud(points)
        self._send("query/points", points)

    def forget_scene(self) -> None:
        """Take back what late readers would still get of a scene that is forgotten.

        A latched message ends with its publisher alone; an empty one in its place would be taken
        for a goal.
        """
        with self._lock:
            for topic in self._topics.values():
                if topic.of_scene and self.counts[topic.name] > self._taken_back[topic.name]:
                    self._taken_back[topic.name] = self.counts[topic.name]
                    old = self._publishers[topic.name]
                    self._publishers[topic.name] = self._create(topic)
                    self._node.destroy_publisher(old)

    def _publish_all(self, makers: dict[str, Callable[[], Any]]) -> None:
        # First all are filled and serialised, then all are sent: who receives the first one would
        # else take the processor from what is still to be done for the others.
        with self._times.measure("fill"):
            wanted = [name for name in makers if self._wanted(name)]
            ready = [(name, _serialised(self._topics[name], makers[name]())) for name in wanted]
        with self._times.measure("publish"):
            for name, message in ready:
                self._send(name, message)

    def _send(self, name: str, message: Any) -> None:
        """Publish a message, or the bytes that one was serialised to."""
        try:
            self._publishers[name].publish(message)
        except InvalidHandle:
            return  # the scene was forgotten meanwhile, and its publisher with it
        self.counts[name] += 1

    def _wanted(self, name: str) -> bool:
        topic = self._topics.get(name)
        if topic is None or topic.always:
            return topic is not None
        try:
            return self._publishers[name].get_subscription_count() > 0
        except InvalidHandle:  # as in _send
            return False

    def _notice(self, pair: PairMessages) -> None:
        """Say what users may miss."""
        scale = ""
        if not pair.is_metric:
            scale = f"no depth/image, no approach goals: {not_metric(pair.settings)}"
        self.notices.set("scale", scale)
        target, problem = pair.settings.target_frame, pair.placement.problem
        frame = ""
        if target and problem is not None:
            here = pair.snapshot.header.frame_id
            frame = f"objects stay in {here!r}, not in target_frame: {problem.message}"
        self.notices.set("target_frame", frame)

    def _note_period(self, now: float) -> None:
        self._period, self._last_pair = now - self._last_pair, now

    def _lifetime(self) -> float:
        """Two periods of the pairs, so that markers outlive one lost pair."""
        period = self._period if np.isfinite(self._period) else MIN_MARKER_LIFETIME
        return max(2.0 * period, MIN_MARKER_LIFETIME)
