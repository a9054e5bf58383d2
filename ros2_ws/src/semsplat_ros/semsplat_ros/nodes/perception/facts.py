# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""One look at the whole perception node, for its status and diagnostics."""

from typing import TYPE_CHECKING

import torch

from semsplat_ros.nodes.inputs.subscriptions import Concern
from semsplat_ros.nodes.status.status_messages import Facts

if TYPE_CHECKING:
    from semsplat_ros.nodes.perception.node import PerceptionNode


def collect_facts(node: "PerceptionNode", concerns: tuple[Concern, ...]) -> Facts:
    """What status and diagnostics are made of."""
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
        concerns=concerns,
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


def input_concerns(node: "PerceptionNode") -> tuple[Concern, ...] | None:
    """What is wrong with the inputs; None while nobody waits for images."""
    if (
        node.state_label != "active"
        or node.inputs is None
        or node.images is None
        or node.control.paused
    ):
        return None
    concerns = tuple(node.inputs.concerns(node.images, node.settings().input.timeout))
    if node.get_parameter("use_sim_time").value and node.now_ns() == 0:
        concerns = (Concern("waiting for /clock (use_sim_time is set)"), *concerns)
    return concerns
