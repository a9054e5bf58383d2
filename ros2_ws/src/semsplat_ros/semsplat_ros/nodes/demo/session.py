# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The demo's own node: receives what cameras and perception publish, and asks."""

import threading
import time
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import rclpy
from geometry_msgs.msg import PoseStamped
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.signals import SignalHandlerOptions
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from semsplat_interfaces.msg import NodeStatus, ObjectInstanceArray
from semsplat_interfaces.srv import Query
from semsplat_ros.nodes.demo.processes import NAMESPACE

KEPT_STAMPS = 64
"""Pictures of so many moments are kept until their scene comes."""
TOPICS: dict[str, type] = {
    "camera_pose": PoseStamped,
    "left/image_raw": Image,
    "right/image_raw": Image,
    "left/camera_info": CameraInfo,
    "points": PointCloud2,
    "masks/left": Image,
    "masks/right": Image,
    "instances": ObjectInstanceArray,
}
"""All messages of one moment carry the same stamp."""


@dataclass
class Moment:
    """What was received with one stamp."""

    messages: dict[str, Any] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """True if every topic's message is there: the pair was processed."""
        return len(self.messages) == len(TOPICS)

    @property
    def world_from_left(self) -> np.ndarray:
        """True pose [4, 4] of the left camera in the room."""
        return matrix_of(self.messages["camera_pose"].pose)

    def surest_label(self, but: Collection[str]) -> str | None:
        """Label of the object in view that the model is surest of, but for those of `but`."""
        found = [i for i in self.messages["instances"].instances if i.label not in {"", *but}]
        return max(found, key=lambda i: i.label_score).label if found else None

    def left_from(self, frame: str) -> np.ndarray:
        """The left camera's optical frame from a message's frame, the room's or its own [4, 4]."""
        pose = self.messages["camera_pose"]
        return np.linalg.inv(matrix_of(pose.pose)) if frame == pose.header.frame_id else np.eye(4)


class DemoSession:
    """A node in a thread. Methods are for the main thread; :meth:`close` when done."""

    def __init__(self) -> None:
        self._context = rclpy.Context()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self._node = Node("demo", namespace=NAMESPACE, context=self._context)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._moments: OrderedDict[int, Moment] = OrderedDict()
        self.status: NodeStatus | None = None
        for name, kind in TOPICS.items():
            self._node.create_subscription(
                kind, name, lambda message, name=name: self._store(name, message), 5
            )
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._node.create_subscription(NodeStatus, "status", self._store_status, latched)
        self._client = self._node.create_client(Query, "query")
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, name="demo-spin")
        self._thread.start()

    def close(self) -> None:
        """End in the one order that never leaves a spinning thread behind."""
        self._closing.set()
        self._thread.join()
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def newest_pose(self) -> np.ndarray | None:
        """True pose [4, 4] of the left camera in the room, None before the first pair."""
        with self._lock:
            for moment in reversed(self._moments.values()):
                if "camera_pose" in moment.messages:
                    return moment.world_from_left
        return None

    def moment(self, stamp_ns: int) -> Moment | None:
        """Everything of one processed pair, None as long as a part is missing."""
        with self._lock:
            moment = self._moments.get(stamp_ns)
            return moment if moment is not None and moment.complete else None

    def has_scene(self) -> bool:
        """True once a pair was processed and all of it received."""
        with self._lock:
            return any(moment.complete for moment in self._moments.values())

    def can_ask(self) -> bool:
        """True if the service is there."""
        return self._client.service_is_ready()

    def ask(self, text: str, wait) -> tuple[Query.Response, float]:
        """Call the query service; the answer, and how many milliseconds it took.

        Args:
            text: what to find.
            wait: called with a condition and what is waited for; returns when it holds.
        """
        done = threading.Event()
        start = time.perf_counter()
        took = [0.0]

        def note(_future) -> None:
            took[0] = (time.perf_counter() - start) * 1e3
            done.set()

        future = self._client.call_async(Query.Request(text=text, publish_goal=True))
        future.add_done_callback(note)
        wait(done.is_set, f"an answer to {text!r}")
        return future.result(), took[0]

    def _store(self, name: str, message: Any) -> None:
        stamp = message.header.stamp
        key = stamp.sec * 1_000_000_000 + stamp.nanosec
        with self._lock:
            self._moments.setdefault(key, Moment()).messages[name] = message
            while len(self._moments) > KEPT_STAMPS:
                self._moments.popitem(last=False)

    def _store_status(self, status: NodeStatus) -> None:
        self.status = status

    def _spin(self) -> None:
        # Not spin(): a shutdown of the executor under a callback raises out of it.
        while not self._closing.is_set():
            self._executor.spin_once(timeout_sec=0.1)


def matrix_of(pose) -> np.ndarray:
    """A pose message as a homogeneous matrix [4, 4]."""
    q, p = pose.orientation, pose.position
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_quat([q.x, q.y, q.z, q.w]).as_matrix()
    matrix[:3, 3] = (p.x, p.y, p.z)
    return matrix
