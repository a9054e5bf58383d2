# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The node as a process of its own: signals end it with code 0 and without a traceback, in every
state."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from lifecycle_msgs.srv import GetState
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image

from semsplat_interfaces.msg import NodeStatus, ObjectInstanceArray
from semsplat_interfaces.srv import Query
from semsplat_ros.nodes.messages import to_header, to_image
from test.support.fake_model import picture
from test.support.perception_rig import ROOM, VOCABULARY, wait_until

pytestmark = [pytest.mark.ros, pytest.mark.slow, pytest.mark.timeout(120)]
CUDA_ERROR = 301
START_S = 40.0
"""The machine may be busy and torch takes its time; nothing is asserted about it."""
HANGS_S = 10.0
"""A process that takes so long to end hangs; what it takes on an idle machine is for a
benchmark."""
PACKAGE_ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys, threading, time
from semsplat_ros.nodes.process import StopSignals, leave, run
signals = StopSignals()
from semsplat_ros.nodes.perception import PerceptionNode
from test.support.fake_model import FakeModel
mode = sys.argv[1]
def load(settings):
    if mode == "slow_load":
        time.sleep(60)
    model = FakeModel()
    if mode == "hang":
        settings_hang = threading.Event()
        inner = model.predict
        calls = []
        def predict(views):
            calls.append(1)
            if len(calls) > 1:
                settings_hang.wait()
            return inner(views)
        model.predict = predict
    if mode == "device_lost":
        model.raises = RuntimeError("CUDA error: device-side assert triggered\\nmore")
    return model
leave(run(lambda: PerceptionNode(load=load), signals=signals))
"""


class Process:
    """A node in a process, and a peer in this one."""

    def __init__(self, graph, mode: str, *ros_args: str, program: list[str] | None = None) -> None:
        self.namespace = f"/process_{uuid.uuid4().hex[:8]}"
        program = program or [sys.executable, "-c", PROGRAM, mode]
        labels = ",".join(VOCABULARY)
        arguments = [f"__ns:={self.namespace}"]
        command = [*program, "--ros-args", "-r", arguments[0], *ros_args]
        command += ["-p", f"semantics.vocabulary:=[{labels}]"]
        paths = [str(PACKAGE_ROOT), os.environ.get("PYTHONPATH", "")]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "ROS_PYTHON_CHECK_FIELDS": "1",
            "OMP_NUM_THREADS": "1",
        }
        self.process = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.peer: Node = graph.add(Node, "peer", namespace=self.namespace)
        self.statuses: list[NodeStatus] = []
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.peer.create_subscription(NodeStatus, "status", self.statuses.append, latched)
        self.output = ""

    def wait_status(self, true: Callable[[NodeStatus], bool]) -> NodeStatus:
        found = wait_until(lambda: [s for s in self.statuses if true(s)], START_S)
        assert found, (self.process.poll(), self.statuses[-1:])
        return found[-1]

    def stop(self, number: int) -> float:
        """Send a signal, wait for the end; returns how long it took, in seconds."""
        start = time.monotonic()
        self.process.send_signal(number)
        self.output, _ = self.process.communicate(timeout=20)
        return time.monotonic() - start

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


@pytest.fixture
def start(ros_graph):
    processes: list[Process] = []

    def make(*args, **kwargs) -> Process:
        processes.append(Process(ros_graph, *args, **kwargs))
        return processes[-1]

    yield make
    for process in processes:
        process.close()


def cameras_of(peer: Node) -> Callable[[], None]:
    """Publishers of both cameras; the result sends a pair."""
    cameras = [peer.create_publisher(Image, f"{side}/image_raw", 1) for side in ("left", "right")]

    def send() -> None:
        for camera in cameras:
            header = to_header(time.time_ns() // 10**8 * 10**8, "camera")
            camera.publish(to_image(picture(ROOM), "rgb8", header))

    return send


def assert_clean(process: Process, seconds: float) -> None:
    assert process.process.returncode == 0, process.output
    assert "Traceback" not in process.output, process.output
    assert "terminate called" not in process.output
    assert seconds < HANGS_S, process.output


def test_active_node_answers_and_ends_cleanly(start):
    process = start("plain")
    process.wait_status(lambda s: s.state == NodeStatus.ACTIVE)
    peer = process.peer
    send = cameras_of(peer)
    seen: list[ObjectInstanceArray] = []
    peer.create_subscription(ObjectInstanceArray, "instances", seen.append, 1)

    def pair_is_processed() -> bool:
        send()
        time.sleep(0.1)
        return bool(seen)

    assert wait_until(pair_is_processed, 10.0)
    client = peer.create_client(Query, "query")
    assert client.wait_for_service(timeout_sec=5.0)
    future = client.call_async(Query.Request(text="find the chair"))
    assert wait_until(future.done)
    assert future.result().error.code == 0
    assert_clean(process, process.stop(signal.SIGINT))


def test_unconfigured_node_ends_cleanly(start):
    process = start("plain", "-p", "autostart:=false")
    process.wait_status(lambda s: s.state == NodeStatus.UNCONFIGURED)
    assert_clean(process, process.stop(signal.SIGTERM))


def test_node_that_loads_its_model_ends_cleanly(start):
    process = start("slow_load")
    process.wait_status(lambda s: "configuring" in s.message)
    client = process.peer.create_client(GetState, "perception_node/get_state")
    assert client.wait_for_service(timeout_sec=5.0)
    future = client.call_async(GetState.Request())
    assert wait_until(future.done), "get_state must answer while the model is loaded"
    assert future.result().current_state.label == "configuring"
    assert_clean(process, process.stop(signal.SIGINT))


def test_node_whose_model_hangs_ends_all_the_same(start):
    process = start("hang")
    process.wait_status(lambda s: s.state == NodeStatus.ACTIVE)
    send = cameras_of(process.peer)
    end = time.monotonic() + 2.0
    while time.monotonic() < end:
        send()
        time.sleep(0.1)
    assert_clean(process, process.stop(signal.SIGTERM))


def test_lost_device_ends_the_process_with_code_70_so_that_respawn_helps(start):
    process = start("device_lost", "-p", "model.warmup:=false")
    process.wait_status(lambda s: s.state == NodeStatus.ACTIVE)
    end = time.monotonic() + START_S
    send = cameras_of(process.peer)
    while process.process.poll() is None and time.monotonic() < end:
        send()
        time.sleep(0.1)
    process.output, _ = process.process.communicate(timeout=HANGS_S)
    assert process.process.returncode == 70, process.output
    assert "CUDA error: device-side assert triggered" in process.output
    assert "Traceback" not in process.output
    process.wait_status(lambda s: s.state == s.FAULT and s.last_error.code == CUDA_ERROR)


def test_bad_parameter_is_one_line_and_code_2(start):
    process = start("plain", "-p", "query.min_score:=7.5")
    process.output, _ = process.process.communicate(timeout=START_S)
    assert process.process.returncode == 2
    lines = [line for line in process.output.splitlines() if line.strip()]
    assert len(lines) == 1, process.output
    assert "query.min_score" in lines[0]
