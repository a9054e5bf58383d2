# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What all tests share: shapes checked at run time, few threads, ROS nodes that end cleanly."""

import os
import threading
from collections.abc import Callable, Iterator

from jaxtyping import install_import_hook

# Before anything imports the package: every annotated shape and type is checked from here on.
# As PEP 484 has it, an int will do for a float.
install_import_hook(
    "semsplat_ros", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"
)

import pytest  # noqa: E402
import torch  # noqa: E402
from hypothesis import settings  # noqa: E402

# How long an example takes says nothing about the code on a machine that does other work too.
# The same examples at every run, so that a failure is that of the change at hand; new ones with
# SEMSPLAT_RANDOM_EXAMPLES=1, as a nightly run would.
settings.register_profile("fixed", deadline=None, derandomize=True)
settings.register_profile("random", deadline=None)
settings.load_profile("random" if os.environ.get("SEMSPLAT_RANDOM_EXAMPLES") else "fixed")

os.environ.setdefault("ROS_PYTHON_CHECK_FIELDS", "1")
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))


class RosGraph:
    """Nodes of one test in a context of their own, all spun by one executor in one thread."""

    def __init__(self) -> None:
        # ROS is imported where it is used, so that the other tests run without it.
        import rclpy
        from rclpy.executors import MultiThreadedExecutor

        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.executor = MultiThreadedExecutor(num_threads=4, context=self.context)
        self.nodes: list = []
        self._thread: threading.Thread | None = None

    def add(self, make: Callable, *args, **kwargs):
        """Construct a node in this context, spin it, and destroy it when the test ends."""
        node = make(*args, context=self.context, **kwargs)
        self.nodes.append(node)
        self.executor.add_node(node)
        if self._thread is None:
            self._thread = threading.Thread(target=self._spin, name="ros-graph")
            self._thread.start()
        return node

    def _spin(self) -> None:
        from rclpy.executors import ExternalShutdownException

        try:
            self.executor.spin()
        except ExternalShutdownException:
            pass

    def close(self) -> None:
        """End in the one order that never leaves a spinning thread behind."""
        import rclpy

        self.executor.shutdown()
        if self._thread is not None:
            self._thread.join()
        for node in self.nodes:
            node.destroy_node()
        rclpy.try_shutdown(context=self.context)


@pytest.fixture
def ros_graph() -> Iterator[RosGraph]:
    """A `RosGraph`: `node = ros_graph.add(Node, "name")` runs until the test ends."""
    graph = RosGraph()
    yield graph
    graph.close()
