# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The perception node with a model without weights as a process of its own, and a peer of it.

A fresh interpreter needs seconds for its imports. Most tests are about what comes after, so their
processes are forked from one that has imported everything and started nothing.
"""

import multiprocessing.context
import multiprocessing.forkserver
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image

from semsplat_interfaces.msg import NodeStatus
from semsplat_ros.nodes.common.conversions import to_header, to_image
from test.support.fake_model import FakeModel, block_image
from test.support.perception_rig import ROOM, VOCABULARY, wait_until

START_S = 40.0
"""The machine may be busy and torch takes its time; nothing is asserted about it."""
ENDS_S = 20.0
PACKAGE_ROOT = Path(__file__).parents[2]


def run_node(mode: str, arguments: list[str]) -> None:
    """What the process does; signals count from here on."""
    from semsplat_ros.nodes.common.process import StopSignals, leave, run

    signals = StopSignals()
    from semsplat_ros.nodes.perception.node import PerceptionNode

    sys.argv = ["perception_node", *arguments]
    leave(run(lambda: PerceptionNode(load=lambda _: make_model(mode)), signals=signals))


def make_model(mode: str) -> FakeModel:
    """A model that behaves, or misbehaves, as `mode` says."""
    if mode == "slow_load":
        time.sleep(60)
    model = FakeModel()
    if mode == "device_lost":
        model.raises = RuntimeError("CUDA error: device-side assert triggered\nmore")
    if mode == "hang":
        model.hang = threading.Event()
    if mode == "slow":
        model.latency_s = 0.5
    return model


def _forked(mode: str, arguments: list[str], output: str) -> None:
    if output:
        out = os.open(output, os.O_WRONLY | os.O_CREAT)
    else:  # a pipe that nobody reads
        reader, out = os.pipe()
        os.close(reader)
    os.dup2(out, 1)
    os.dup2(out, 2)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
    run_node(mode, arguments)


def _fork_server() -> multiprocessing.context.BaseContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "semsplat_ros.nodes.perception.node"])
    # It imports with the paths of its environment, where `test` is the standard library's.
    with patch.dict(os.environ, environment()):
        multiprocessing.forkserver.ensure_running()
    return context


class NodeProcess:
    """A node in a process, and a peer in this one.

    Args:
        graph: from the fixture ``ros_graph``.
        mode: of :func:`make_model`.
        ros_args: further ROS arguments.
        python: options of a fresh interpreter; None = fork one that has imported everything.
        program: another program, instead of the node with a fake model.
        reads_output: False closes the other end of its standard output and error.
    """

    def __init__(
        self,
        graph,
        mode: str,
        *ros_args: str,
        python: tuple[str, ...] | None = None,
        program: list[str] | None = None,
        reads_output: bool = True,
    ) -> None:
        self.namespace = f"/process_{uuid.uuid4().hex[:8]}"
        labels = ",".join(VOCABULARY)
        arguments = ["--ros-args", "-r", f"__ns:={self.namespace}", *ros_args]
        arguments += ["-p", f"semantics.vocabulary:=[{labels}]"]
        self._popen: subprocess.Popen | None = None
        self._file = tempfile.NamedTemporaryFile("r")  # noqa: SIM115  (closed in `close`)
        if python is None and program is None:
            output = self._file.name if reads_output else ""
            self._process = _fork_server().Process(target=_forked, args=(mode, arguments, output))
            self._process.start()
            self.pid = self._process.pid
        else:
            start = f"from test.support.node_process import run_node; run_node({mode!r}, "
            start += "__import__('sys').argv[1:])"
            command = program or [sys.executable, *python, "-c", start]
            self._popen = _popen([*command, *arguments], self._file.name)
            self.pid = self._popen.pid
        self.peer: Node = graph.add(Node, "peer", namespace=self.namespace)
        self.statuses: list[NodeStatus] = []
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.peer.create_subscription(NodeStatus, "status", self.statuses.append, latched)

    @property
    def output(self) -> str:
        """What it wrote."""
        return Path(self._file.name).read_text()

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._popen.poll() if self._popen is not None else self._process.exitcode

    def wait_status(self, true: Callable[[NodeStatus], bool]) -> NodeStatus:
        """A status for which something holds."""
        found = wait_until(lambda: [s for s in self.statuses if true(s)], START_S)
        assert found, (self.exit_code, self.statuses[-1:], self.output)
        return found[-1]

    def wait_active(self) -> "NodeProcess":
        """Wait until the node processes pairs."""
        self.wait_status(lambda s: s.state == NodeStatus.ACTIVE)
        return self

    def wait_end(self, timeout: float = ENDS_S) -> int:
        """Its exit code, once it has ended by itself."""
        ended = wait_until(lambda: self.exit_code is not None, timeout)
        assert ended, f"it runs on: {self.output}"
        return self.exit_code

    def signal(self, number: int) -> float:
        """Send a signal, wait for the end; returns how long it took, in seconds."""
        start = time.monotonic()
        os.kill(self.pid, number)
        self.wait_end()
        return time.monotonic() - start

    def sender(self) -> Callable[[], None]:
        """Publishers of both cameras; the result sends a pair."""
        cameras = [
            self.peer.create_publisher(Image, f"{side}/image_raw", 1) for side in ("left", "right")
        ]

        def send() -> None:
            for camera in cameras:
                header = to_header(time.time_ns() // 10**8 * 10**8, "camera")
                camera.publish(to_image(block_image(ROOM), "rgb8", header))

        return send

    def close(self) -> None:
        """End it, however that goes."""
        if self.exit_code is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait_end()
        self._file.close()


def _popen(command: list[str], output: str) -> subprocess.Popen:
    with open(output, "w") as out:
        env = {**os.environ, **environment()}
        return subprocess.Popen(command, env=env, stdout=out, stderr=subprocess.STDOUT)


def environment() -> dict[str, str]:
    """Of a process that imports `test.support` and checks the fields of messages."""
    paths = [str(PACKAGE_ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        "PYTHONPATH": os.pathsep.join(paths),
        "ROS_PYTHON_CHECK_FIELDS": "1",
        "OMP_NUM_THREADS": "1",
    }
