# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A node beside those that launch_testing has started."""

import threading
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from test.support.perception_rig import wait_until

START_S = 60.0
"""The machine may be busy and a model takes its time; nothing is asserted about it."""


class Peer:
    """A node in the namespace of the launched ones, spun in a thread of its own.

    launch_testing runs its tests in a thread, where rclpy's handlers of signals cannot be
    installed: a context of its own has none.
    """

    def __init__(self, namespace: str) -> None:
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = Node("peer", namespace=namespace, context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, name="peer")
        self._thread.start()

    def call(self, kind: type, name: str, request: Any) -> Any:
        """Call a service, once it is there, and wait for the answer."""
        client = self.node.create_client(kind, name)
        assert client.wait_for_service(timeout_sec=START_S), f"no service {name}"
        future = client.call_async(request)
        assert wait_until(future.done, START_S), f"{name} did not answer"
        self.node.destroy_client(client)
        return future.result()

    def node_names(self) -> list[tuple[str, str]]:
        """Name and namespace of every node in the graph."""
        return self.node.get_node_names_and_namespaces()

    def wait_for_listener(self, topic: str, name: str) -> bool:
        """Whether a node of this name subscribes to a topic, after a while."""

        def listens() -> bool:
            infos = self.node.get_subscriptions_info_by_topic(topic)
            return name in [info.node_name for info in infos]

        return wait_until(listens, START_S)

    def close(self) -> None:
        """Leave the graph."""
        self._executor.shutdown()
        self._thread.join()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self.context)

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            pass
