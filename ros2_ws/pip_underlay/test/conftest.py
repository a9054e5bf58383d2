# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A node that is spun in a thread, on a ROS domain of its own, for the contract tests."""

import threading
from collections.abc import Iterator

import pytest
import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node


@pytest.fixture
def spinning_node() -> Iterator[Node]:
    """A node whose callbacks run in another thread until the test ends."""
    context = rclpy.Context()
    rclpy.init(context=context)
    node = Node("contract", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)

    def spin() -> None:
        try:
            executor.spin()
        except ExternalShutdownException:
            pass

    thread = threading.Thread(target=spin)
    thread.start()
    yield node
    # The interpreter must never end while a thread spins.
    executor.shutdown()
    thread.join()
    node.destroy_node()
    rclpy.try_shutdown(context=context)
