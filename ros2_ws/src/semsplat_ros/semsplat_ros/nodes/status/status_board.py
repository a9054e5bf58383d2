# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Publishes the node's status: on change and once a second, on a steady clock."""

import logging
import threading
import time
from typing import Any

import torch
from diagnostic_msgs.msg import DiagnosticArray

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
    """Collects the facts and publishes them. :meth:`tick` is called by one timer.

    Args:
        node: the :class:`semsplat_ros.nodes.perception.node.PerceptionNode`.
    """

    def __init__(self, node: Any) -> None:
        self._node = node
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
        facts = self.facts()
        header = to_header(self._node.now_ns(), "")
        status = node_status(facts, header)
        if now >= self._next_status or significant(status) != self._published:
            self._next_status = now + STATUS_PERIOD_S
            self._published = significant(status)
            self._status.publish(status)
        if now >= self._next_diagnostics:
            self._next_diagnostics = now + 1.0 / self._node.settings().diagnostics.rate
            self._diagnostics.publish(diagnostics(facts, header))

    def close(self) -> None:
        """Publish no more; waits for a tick that is going on."""
        with self._lock:
            self._closed = True

    def facts(self) -> Facts:
        """One look at the whole node."""
        node = self._node
        pipeline, failures = node.pipeline, node.pipeline.failures
        perceiver, rig, images = pipeline.perceiver, pipeline.camera_reader, node.images
        pending = node.services_offered.pending
        info = None if perceiver is None else perceiver.model.info
        device = None if perceiver is None else perceiver.model.device
        on_gpu = device is not None and device.type == "cuda"
        return Facts(
            node=node.get_fully_qualified_name(),
            lifecycle=node.state_label,
            model="" if info is None else f"{info.name}-{info.checksum}",
            device="" if device is None else str(device),
            paused=node.control.paused,
            configure_error=node.configure_error,
            fault=failures.fault,
            stuck_seconds=node.control.stuck_seconds(),
            concerns=self._concerns,
            oddities=pipeline.oddities,
            notes={} if rig is None else dict(rig.notes),
            warning="" if rig is None else rig.warning,
            notices=node.outputs.notices.texts(),
            counters=None if images is None else images.counters,
            processed=pipeline.processed_total,
            rate=pipeline.rate(),
            latency=pipeline.latency(),
            stages=node.times.samples(),
            last_error=failures.last or node.configure_error,
            failed=failures.total,
            failed_memory=failures.memory_total,
            refused=failures.refused,
            bugs=node.guard.count,
            gpu_bytes=torch.cuda.memory_allocated(device) if on_gpu else 0,
            queries=node.services_offered.answered,
            queries_busy=pending.refused,
            query_seconds=tuple(pending.seconds),
            published=dict(node.outputs.counts),
            subscribers=node.outputs.subscribers(),
        )

    def _look(self, now: float) -> tuple[Concern, ...]:
        """What is wrong with the inputs; logged when new and every few seconds."""
        node = self._node
        if (
            node.state_label != "active"
            or node.inputs is None
            or node.images is None
            or node.control.paused
        ):
            self._logged.clear()
            return ()
        concerns = tuple(node.inputs.concerns(node.images, node.settings().input.timeout))
        if node.get_parameter("use_sim_time").value and node.now_ns() == 0:
            concerns = (Concern("waiting for /clock (use_sim_time is set)"), *concerns)
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
