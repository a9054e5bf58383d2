# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The cameras' subscriptions, and what can be said about streams that do not come."""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import partial

import message_filters
from rclpy.callback_groups import CallbackGroup
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_policy_name_from_kind
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.nodes.common.callback_guard import CallbackGuard
from semsplat_ros.nodes.common.log_forwarding import Throttle
from semsplat_ros.nodes.inputs.camera_priors import CameraPriorReader
from semsplat_ros.nodes.inputs.stream_counters import Drop, DropReason, StreamCounters
from semsplat_ros.nodes.inputs.synchronization import ImageSynchronizer

_logger = logging.getLogger(__name__)

COMPRESSED = "/compressed"
_TYPE_NAMES = {Image: "sensor_msgs/msg/Image", CompressedImage: "sensor_msgs/msg/CompressedImage"}
_MIN_LIKENESS = 0.5
SILENCE_ERROR = 5
"""So many times input.timeout without an image is an error, not only a warning."""


@dataclass(frozen=True)
class Concern:
    """Something about the inputs that a person can act on."""

    text: str
    is_error: bool = False
    is_logged: bool = False
    """True if the log has it already."""


def sensor_data() -> QoSProfile:
    """REP-2003: consumers of sensor data are best effort, which matches every publisher; depth 1,
    because every image that waits in a queue is latency."""
    return QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


class Inputs:
    """Image and CameraInfo subscriptions of the cameras.

    Args:
        node: to subscribe with.
        guard: goes around every callback.
        group: of the callbacks.
        transport: "raw" or "compressed".
        cameras: names of those that are used; the images of `left` come from left/image_raw.

    Raises:
        SemsplatError: INVALID_ARGUMENT if two cameras are one topic.
    """

    def __init__(
        self,
        node: Node,
        guard: CallbackGuard,
        group: CallbackGroup,
        transport: str,
        cameras: Sequence[str],
    ) -> None:
        self._node, self._guard, self._group = node, guard, group
        self.cameras = tuple(cameras)
        self._kind = CompressedImage if transport == "compressed" else Image
        self.image_topics = {name: self._image_topic(name) for name in cameras}
        self.info_topics = {name: self._info_topic(name) for name in cameras}
        self._subscribers: list[message_filters.Subscriber] = []
        self._lock = threading.Lock()
        self._incompatible: dict[str, str] = {}
        self._opened = float("nan")
        self._throttle = Throttle()
        self._refuse_shared_topics()

    def open(self, images: ImageSynchronizer, calibrations: CameraPriorReader) -> None:
        """Subscribe; images go to `images`, CameraInfo to `calibrations`."""
        self._incompatible.clear()
        self._opened = time.monotonic()
        for name in self.cameras:
            self._subscribe(self._kind, self.image_topics[name], partial(images.receive, name))
            self._subscribe(CameraInfo, self.info_topics[name], partial(calibrations.store, name))

    def calibration_senders(self) -> tuple[str, ...]:
        """The cameras whose CameraInfo has a publisher now."""
        topics = self.info_topics.items()
        return tuple(name for name, topic in topics if self._node.count_publishers(topic))

    def close(self) -> None:
        """Unsubscribe."""
        for subscriber in self._subscribers:
            self._node.destroy_subscription(subscriber.sub)
        self._subscribers = []

    def dropped(self, drop: Drop) -> None:
        """Log a message that could not be used: at once if it is new, then now and then."""
        key = f"{drop.stream} {drop.reason}"
        text = f"{drop.stream} image dropped: {drop.message}"
        level = logging.ERROR if drop.reason == DropReason.ZERO_STAMP else logging.WARNING
        self._throttle.log(_logger, level, key, text)

    def concerns(self, images: ImageSynchronizer, timeout: float) -> list[Concern]:
        """What is wrong with the streams now; empty if images come.

        Args:
            images: which counts what arrives.
            timeout: seconds of silence that are a concern.
        """
        streams = images.counters.streams
        found = [Concern(text, is_error=True) for text in self._incompatible.values()]
        silent: dict[str, float] = {}
        for name, stream in streams.items():
            found += _dropping(name, stream)
            since = stream.last_received
            if since is None or since < self._opened:
                if time.monotonic() - self._opened >= timeout:
                    found.append(self._missing(name))
            elif time.monotonic() - since >= timeout:
                silent[name] = time.monotonic() - since
        if silent:
            names, longest = " and ".join(silent), max(silent.values())
            found.append(
                Concern(f"{names} silent for {longest:.1f} s", longest >= SILENCE_ERROR * timeout)
            )
        diagnosis = images.diagnosis()
        if diagnosis and not silent:
            found.append(Concern(diagnosis))
        return found

    def waiting_for(self, camera: str) -> str:
        """As in: waiting for right/image_raw (0 publishers; similar: /cam/right/image)."""
        topic = self.image_topics[camera]
        count = self._node.count_publishers(topic)
        similar = [] if count else self._similar(topic)
        also = f"; similar: {', '.join(similar)}" if similar else ""
        return f"waiting for {topic} ({count} publisher{'' if count == 1 else 's'}{also})"

    def _missing(self, camera: str) -> Concern:
        """Why a stream never came: nobody publishes it, or somebody publishes something else."""
        topic, wanted = self.image_topics[camera], _TYPE_NAMES[self._kind]
        kinds = {info.topic_type for info in self._node.get_publishers_info_by_topic(topic)}
        if not kinds or wanted in kinds:
            return Concern(self.waiting_for(camera))
        sent = sorted(kinds)[0]
        cure = "remap to an image topic"
        if sent == _TYPE_NAMES[CompressedImage]:
            cure = "set input.image_transport:=compressed"
        elif sent == _TYPE_NAMES[Image]:
            cure = "set input.image_transport:=raw"
        return Concern(f"{topic}: publisher sends {sent}, not {wanted}: {cure}", is_error=True)

    def _similar(self, topic: str) -> list[str]:
        """Topics with images whose names are like the one that is missing."""
        own = {
            name
            for name, _ in self._node.get_publisher_names_and_types_by_node(
                self._node.get_name(), self._node.get_namespace()
            )
        }
        named = [
            (SequenceMatcher(None, topic, name).ratio(), name)
            for name, kinds in self._node.get_topic_names_and_types()
            if name not in own
            and name not in self.image_topics.values()
            and set(kinds) & set(_TYPE_NAMES.values())
            and self._node.count_publishers(name)
        ]
        return [
            name for likeness, name in sorted(named, reverse=True) if likeness > _MIN_LIKENESS
        ][:3]

    def _refuse_shared_topics(self) -> None:
        first_of: dict[str, str] = {}
        for name, topic in self.image_topics.items():
            other = first_of.setdefault(topic, name)
            if other != name:
                raise SemsplatError(
                    ErrorCode.INVALID_ARGUMENT,
                    f"{other} and {name} image are both {topic}; remap one of them",
                )

    def _image_topic(self, camera: str) -> str:
        topic = self._node.resolve_topic_name(f"{camera}/image_raw")
        if self._kind is CompressedImage and not topic.endswith(COMPRESSED):
            topic += COMPRESSED
        return topic

    def _info_topic(self, camera: str) -> str:
        """Beside the image, as cameras publish it, unless it is remapped by itself."""
        info = self._node.resolve_topic_name(f"{camera}/camera_info")
        if info != self._node.resolve_topic_name(f"{camera}/camera_info", only_expand=True):
            return info
        image = self._node.resolve_topic_name(f"{camera}/image_raw").removesuffix(COMPRESSED)
        return f"{image.rpartition('/')[0]}/camera_info"

    def _subscribe(self, kind: type, topic: str, callback) -> None:
        def on_incompatible(event) -> None:
            policy = qos_policy_name_from_kind(event.last_policy_kind)
            text = (
                f"{topic}: a publisher's QoS does not fit, policy {policy}; set the parameter "
                f"qos_overrides.{topic}.subscription.{policy.lower().replace('_policy', '')}"
            )
            with self._lock:
                self._incompatible[topic] = text
            _logger.error("%s", text)

        subscriber = message_filters.Subscriber(
            self._node,
            kind,
            topic,
            qos_profile=sensor_data(),
            callback_group=self._group,
            event_callbacks=SubscriptionEventCallbacks(
                incompatible_qos=self._guard.callback(f"{topic} QoS event", on_incompatible)
            ),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
        subscriber.registerCallback(self._guard.callback(topic, callback))
        self._subscribers.append(subscriber)


def _dropping(camera: str, stream: StreamCounters) -> list[Concern]:
    """That the newest message of a stream could not be used. A late one is no concern."""
    if stream.last_drop is None or stream.last_drop[0] == DropReason.LATE:
        return []
    reason, message = stream.last_drop
    is_error = reason == DropReason.ZERO_STAMP
    return [Concern(f"{camera} images dropped: {message}", is_error, is_logged=True)]
