# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Publishes the node's status: on change and once a second, on a steady clock."""

import logging
import threading
import time
from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from semsplat_interfaces.msg import NodeStatus
from semsplat_ros.nodes.common.conversions import to_header
from semsplat_ros.nodes.common.log_forwarding import without_digits
from semsplat_ros.nodes.inputs.subscriptions import Concern
from semsplat_ros.nodes.outputs.publishers import reliable
from semsplat_ros.nodes.status.status_messages import Facts, diagnostics, node_status, significant

_logger = logging.getLogger(__name__)
STATUS_PERIOD_S = 1.0
CONCERN_LOG_PERIOD_S = 5.0


class StatusBoard:
    """Publishes what is known about a node. :meth:`tick` is called by one timer.

    Args:
        node: publishes, and is looked for in the graph.
        facts: one look at the whole node, given what is wrong with its inputs.
        concerns: what is wrong with the inputs now; None while nobody waits for images.
        diagnostics_rate: Hz, asked for each time.
        now_ns: the node's clock.
    """

    def __init__(
        self,
        node: Node,
        facts: Callable[[tuple[Concern, ...]], Facts],
        concerns: Callable[[], tuple[Concern, ...] | None],
        diagnostics_rate: Callable[[], float],
        now_ns: Callable[[], int],
    ) -> None:
        self._node, self._facts, self._concerns_now = node, facts, concerns
        self._diagnostics_rate, self._now_ns = diagnostics_rate, now_ns
        self._status = node.create_publisher(NodeStatus, "status", reliable(1, latched=True))
        self._diagnostics = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._concerns: tuple[Concern, ...] = ()
        self._published: tuple | None = None
        self._next_status = self._next_diagnostics = self._next_look = float("-inf")
        self._logged: dict[str, float] = {}
        self._said_twin = False
        self._closed = False
        self._lock = threading.Lock()

    def tick(self) -> None:
        """Publish what is due."""
        with self._lock:
            if not self._closed:
                self._tick()

    def _tick(self) -> None:
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + STATUS_PERIOD_S / 2
            self._concerns = self._look(now)
        facts = self._facts(self._concerns)
        header = to_header(self._now_ns(), "")
        status = node_status(facts, header)
        if now >= self._next_status or significant(status) != self._published:
            self._next_status = now + STATUS_PERIOD_S
            self._published = significant(status)
            self._status.publish(status)
        if now >= self._next_diagnostics:
            self._next_diagnostics = now + 1.0 / self._diagnostics_rate()
            self._diagnostics.publish(diagnostics(facts, header))

    def close(self) -> None:
        """Publish no more; waits for a tick that is going on."""
        with self._lock:
            self._closed = True

    def _look(self, now: float) -> tuple[Concern, ...]:
        """What is wrong with the inputs; logged when new and every few seconds."""
        concerns = self._concerns_now()
        if concerns is None:
            self._logged.clear()
            return ()
        for concern in concerns:
            if concern.is_logged:
                continue
            key = without_digits(concern.text)
            if now - self._logged.get(key, float("-inf")) >= CONCERN_LOG_PERIOD_S:
                self._logged[key] = now
                _logger.log(logging.ERROR if concern.is_error else logging.WARNING, concern.text)
        if self._logged and not concerns:
            self._logged.clear()
            _logger.info("images come again")
        self._warn_of_twin()
        return concerns

    def _warn_of_twin(self) -> None:
        """Two nodes of one name are allowed, and nearly always a mistake."""
        node = self._node
        if self._said_twin:
            return
        me = (node.get_name(), node.get_namespace())
        if node.get_node_names_and_namespaces().count(me) > 1:
            self._said_twin = True
            _logger.warning("another %s exists", node.get_fully_qualified_name())
