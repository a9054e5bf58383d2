# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Somebody else on the graph, in a process that can be stopped and killed.

python -m test.support.other_process listen|ask NAMESPACE
"""

import os
import signal
import subprocess
import sys

import rclpy
from rclpy.node import Node
from sensor_msgs.msg import PointCloud2

from semsplat_interfaces.srv import Query
from test.support.node_process import START_S, environment

QUERIES = 3
"""How many an asking process sends without waiting for answers."""


class OtherProcess:
    """A process that listens to the point cloud, or asks and waits for its answers.

    Args:
        role: "listen" or "ask".
        namespace: of the node under test.
        output: file for what it writes: "ready" when it has received a cloud, or has asked.
    """

    def __init__(self, role: str, namespace: str, output: str) -> None:
        self._output = output
        with open(output, "w") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "test.support.other_process", role, namespace],
                env={**os.environ, **environment()},
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    @property
    def is_ready(self) -> bool:
        """Whether it has received or asked."""
        with open(self._output) as text:
            written = text.read()
        assert self._process.poll() is None, written
        return "ready" in written

    def stop(self) -> None:
        """Let it do nothing any more, as a debugger or a full machine does."""
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """End it without a word to anybody."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(START_S)


def listen(node: Node) -> None:
    """Receive clouds until killed."""
    node.create_subscription(PointCloud2, "points", lambda _: print("ready", flush=True), 1)
    rclpy.spin(node)


def ask(node: Node) -> None:
    """Ask and wait until killed."""
    client = node.create_client(Query, "query")
    assert client.wait_for_service(timeout_sec=START_S)
    for _ in range(QUERIES):
        client.call_async(Query.Request(text="chair"))
    print("ready", flush=True)
    rclpy.spin(node)


if __name__ == "__main__":
    rclpy.init()
    {"listen": listen, "ask": ask}[sys.argv[1]](Node("other", namespace=sys.argv[2]))
