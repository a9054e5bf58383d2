# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A perception node with a model without weights, two cameras and a listener, for tests over
DDS."""

import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from semsplat_interfaces.msg import NodeStatus
from semsplat_interfaces.srv import Query
from semsplat_ros.nodes.common.conversions import to_header, to_image
from semsplat_ros.nodes.outputs.publishers import topics_of
from semsplat_ros.nodes.perception.facts import collect_facts
from semsplat_ros.nodes.perception.node import PerceptionNode
from semsplat_ros.nodes.status.status_messages import Facts
from test.support.fake_model import FakeModel, block_image

TIMEOUT_S = 5.0
FRAME = "left_optical"
ROOM = {"red": (20, 40, 40, 60), "green": (95, 50, 50, 40)}
"""A chair and a table, as the fake model sees them."""
VOCABULARY = ["chair", "table", "ball", "wall"]


def wait_until(true: Callable[[], Any], timeout: float = TIMEOUT_S) -> Any:
    """Poll until something holds; returns it, or the last false value."""
    end = time.monotonic() + timeout
    while True:
        value = true()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.005)


def camera_info(right: bool, width: int = 160, height: int = 128, baseline: float = 0.1):
    """Calibration of one camera of a rectified pair."""
    focal = 120.0
    info = CameraInfo(height=height, width=width, distortion_model="plumb_bob")
    info.header.frame_id = FRAME
    info.d = [0.0] * 5
    info.k = [focal, 0.0, width / 2 - 0.5, 0.0, focal, height / 2 - 0.5, 0.0, 0.0, 1.0]
    info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    shift = -focal * baseline if right else 0.0
    info.p = [focal, 0.0, info.k[2], shift, 0.0, focal, info.k[5], 0.0, 0.0, 0.0, 1.0, 0.0]
    return info


class Rig:
    """The node under test and everything around it.

    Args:
        graph: from the fixture ``ros_graph``.
        model: the model; a fresh FakeModel if None.
        load: instead of `model`: what the node calls to load one.
        listen: output topics to subscribe to.
        cli_args: ROS arguments of the node, for remapping.
        parameters: of the node.
    """

    def __init__(
        self,
        graph,
        model: FakeModel | None = None,
        load: Callable | None = None,
        listen: tuple[str, ...] = ("instances",),
        cli_args: list[str] | None = None,
        **parameters: Any,
    ) -> None:
        self.graph = graph
        self.model = model or FakeModel()
        # On a busy machine a test may be silent for a while.
        defaults = {"semantics.vocabulary": VOCABULARY, "input.timeout": 30.0}
        parameters = {**defaults, **parameters}
        self.namespace = f"/test_{uuid.uuid4().hex[:8]}"
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        self.node: PerceptionNode = graph.add(
            PerceptionNode,
            load=load or (lambda settings: self.model),
            namespace=self.namespace,
            parameter_overrides=overrides,
            cli_args=cli_args,
        )
        self.peer: Node = graph.add(Node, "peer", namespace=self.namespace)
        self.received: dict[str, list] = {name: [] for name in (*listen, "status")}
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}
        self._diagnostics: list[DiagnosticArray] | None = None
        self.compressed = parameters.get("input.image_transport") == "compressed"
        self.names = tuple(parameters.get("input.cameras", ("left", "right")))
        kind, suffix = (CompressedImage, "/compressed") if self.compressed else (Image, "")
        self.cameras = {
            side: self.peer.create_publisher(kind, f"{side}/image_raw{suffix}", 5)
            for side in self.names
        }
        self._infos: dict[str, Any] = {}
        kinds = {topic.name: topic for topic in topics_of(self.names)}
        for name in listen:
            self._listen(kinds[name].kind, name, kinds[name].latched)
        self._listen(NodeStatus, "status", True)
        self._stamp = time.time_ns()

    def wait_active(self) -> "Rig":
        """Wait until the node is active and hears the cameras."""
        assert wait_until(lambda: self.node.state_label == "active"), self.node.configure_error
        cameras = self.cameras.values()
        assert wait_until(lambda: all(p.get_subscription_count() for p in cameras))
        wanted = [name for name in self.received if name != "status"]
        assert wait_until(lambda: all(self.node.outputs.subscribers()[name] for name in wanted))
        return self

    @property
    def infos(self) -> dict[str, Any]:
        """Publishers of the calibrations, from the first use on: pairs wait for announced ones."""
        if not self._infos:
            for side in self.cameras:
                self._infos[side] = self.peer.create_publisher(
                    CameraInfo, f"{side}/camera_info", 5
                )
            publishers = self._infos.values()
            assert wait_until(lambda: all(p.get_subscription_count() for p in publishers))
        return self._infos

    def send_infos(self, baseline: float = 0.1, width: int = 160, height: int = 128) -> None:
        """Publish good calibrations and wait until the node has them."""
        for side, publisher in self.infos.items():
            publisher.publish(camera_info(side == "right", width, height, baseline))
        reader = self.node.pipeline.camera_reader
        wanted = (height, width)

        def known() -> bool:
            infos = [reader.newest(name) for name in reader.cameras]
            return all(i is not None and (i.height, i.width) == wanted for i in infos)

        assert wait_until(known)

    def next_stamp(self) -> int:
        """A later stamp, nanoseconds."""
        self._stamp += 100_000_000
        return self._stamp

    def header(self, stamp_ns: int | None = None, frame: str = FRAME) -> Header:
        """Header of an image."""
        return to_header(self.next_stamp() if stamp_ns is None else stamp_ns, frame)

    def image(self, header: Header, pixels: np.ndarray | None = None) -> Image:
        """An rgb8 image, of :data:`ROOM` if none is given."""
        return to_image(block_image(ROOM) if pixels is None else pixels, "rgb8", header)

    def send(
        self,
        left: np.ndarray | None = None,
        right: np.ndarray | None = None,
        stamp_ns: int | None = None,
    ) -> Header:
        """Publish a pair; returns the left header."""
        stamp_ns = self.next_stamp() if stamp_ns is None else stamp_ns
        header = self.header(stamp_ns)
        self.cameras["left"].publish(self.image(header, left))
        self.cameras["right"].publish(self.image(self.header(stamp_ns, "right_optical"), right))
        return header

    def send_set(
        self,
        offsets_ns: dict[str, int] | None = None,
        but: tuple[str, ...] = (),
        pixels: dict[str, np.ndarray] | None = None,
    ) -> Header:
        """Publish one image of each camera; returns the first one's header.

        Args:
            offsets_ns: by camera, added to the stamp.
            but: cameras that stay silent.
            pixels: by camera, of :data:`ROOM` if none are given.
        """
        stamp_ns = self.next_stamp()
        for name in self.names:
            if name not in but:
                own = stamp_ns + (offsets_ns or {}).get(name, 0)
                header = self.header(own, f"{name}_optical")
                self.cameras[name].publish(self.image(header, (pixels or {}).get(name)))
        return self.header(stamp_ns + (offsets_ns or {}).get(self.names[0], 0))

    def of_stamp(self, topic: str, header: Header, timeout: float = TIMEOUT_S):
        """The message of a topic that has the header's stamp, or None."""

        def find():
            with self._lock:
                messages = list(self.received[topic])
            for message in messages:
                if stamp_of(message) == header.stamp:
                    return message
            return None

        return wait_until(find, timeout)

    def facts(self) -> Facts:
        """What the node knows of itself."""
        return collect_facts(self.node, ())

    def good_pair_works(self) -> None:
        """What every fault must end with: the next good pair is processed, and can be queried."""
        header = self.send()
        instances = self.of_stamp("instances", header)
        assert instances is not None, self.facts()
        assert sorted(i.label for i in instances.instances) == ["chair", "table"]
        assert self.query("chair").error.code == 0

    def wait_status(self, true: Callable[[NodeStatus], bool], timeout: float = TIMEOUT_S):
        """The newest status for which something holds, or None."""

        def find():
            with self._lock:
                return next((s for s in reversed(self.received["status"]) if true(s)), None)

        return wait_until(find, timeout)

    def diagnostics(self, part: str) -> list[DiagnosticStatus]:
        """The node's diagnostics of one part that were received since the first call."""
        if self._diagnostics is None:
            self._diagnostics = []
            self.peer.create_subscription(
                DiagnosticArray, "/diagnostics", self._diagnostics.append, 10
            )
        name = f"{self.namespace.lstrip('/')}/perception_node: {part}"
        return [s for array in list(self._diagnostics) for s in array.status if s.name == name]

    def call(self, kind: type, name: str, request: Any, timeout: float = TIMEOUT_S):
        """Call a service and wait for the answer."""
        if name not in self._clients:
            self._clients[name] = self.peer.create_client(kind, name)
        client = self._clients[name]
        assert client.wait_for_service(timeout_sec=timeout), name
        future = client.call_async(request)
        assert wait_until(future.done, timeout), f"{name} did not answer"
        return future.result()

    def query(self, text: str, **fields: Any) -> Query.Response:
        """Call the query service."""
        return self.call(Query, "query", Query.Request(text=text, **fields))

    def transition(self, number: int) -> bool:
        """Ask for a lifecycle transition as `ros2 lifecycle set` does."""
        request = ChangeState.Request()
        request.transition.id = number
        return self.call(ChangeState, "perception_node/change_state", request).success

    def state(self) -> str:
        """Ask for the lifecycle state as `ros2 lifecycle get` does."""
        answer = self.call(GetState, "perception_node/get_state", GetState.Request())
        return answer.current_state.label

    def _listen(self, kind: type, name: str, latched: bool) -> None:
        durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE

        def store(message) -> None:
            with self._lock:
                self.received[name].append(message)

        qos = QoSProfile(depth=10, durability=durability)
        self.peer.create_subscription(kind, name, store, qos)


def stamp_of(message):
    """Stamp of any output message."""
    if hasattr(message, "markers"):
        return message.markers[0].header.stamp
    return message.header.stamp
