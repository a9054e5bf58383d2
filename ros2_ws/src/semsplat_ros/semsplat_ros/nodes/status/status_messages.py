# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What the node says about itself: NodeStatus for programs, diagnostics for people.

Both are made from one :class:`Facts`, so they cannot disagree.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from std_msgs.msg import Header

from semsplat_interfaces.msg import NodeStatus
from semsplat_ros.errors import SemsplatError
from semsplat_ros.nodes.common.conversions import clean_string
from semsplat_ros.nodes.common.failures import Fault
from semsplat_ros.nodes.common.log_forwarding import without_digits
from semsplat_ros.nodes.common.stage_times import percentile
from semsplat_ros.nodes.inputs.stream_counters import SetCounters, StreamCounters
from semsplat_ros.nodes.inputs.subscriptions import Concern
from semsplat_ros.nodes.outputs import scene_messages

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
STATES = {
    "unconfigured": NodeStatus.UNCONFIGURED,
    "configuring": NodeStatus.UNCONFIGURED,
    "inactive": NodeStatus.INACTIVE,
    "activating": NodeStatus.INACTIVE,
    "active": NodeStatus.ACTIVE,
    "deactivating": NodeStatus.ACTIVE,
}
"""Lifecycle states and transitions as NodeStatus tells them; others are UNCONFIGURED."""


@dataclass(frozen=True)
class Facts:
    """One look at the whole node."""

    node: str
    """Its name with the namespace: tells robots apart on /diagnostics, which they share."""
    lifecycle: str
    """Label of the lifecycle state, or of the transition that is going on."""
    model: str = ""
    device: str = ""
    paused: bool = False
    configure_error: SemsplatError | None = None
    """Why the last configure failed."""
    fault: Fault | None = None
    """Why the node stopped by itself."""
    stuck_seconds: float = 0.0
    """How long the pair in work has been overdue; 0 if none is."""
    concerns: tuple[Concern, ...] = ()
    oddities: tuple[str, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    """What was read of the cameras' calibration."""
    warning: str = ""
    """Something about the calibration that a person should look at."""
    notices: tuple[str, ...] = ()
    """What is wrong with the outputs although pairs are processed."""
    counters: SetCounters | None = None
    processed: int = 0
    rate: float = 0.0
    latency: float = 0.0
    stages: Mapping[str, list[float]] = field(default_factory=dict)
    """Milliseconds of the newest pairs by stage."""
    last_error: SemsplatError | None = None
    failed: int = 0
    failed_memory: int = 0
    refused: int = 0
    bugs: int = 0
    gpu_bytes: int = 0
    queries: int = 0
    queries_busy: int = 0
    query_seconds: tuple[float, ...] = ()
    published: Mapping[str, int] = field(default_factory=dict)
    subscribers: Mapping[str, int] = field(default_factory=dict)


def headline(facts: Facts) -> str:
    """The one thing that matters most now, as a sentence."""
    if facts.fault is not None:
        return f"stopped: {facts.fault.error}"
    if facts.lifecycle != "active":
        if facts.lifecycle == "unconfigured" and facts.configure_error is not None:
            return str(facts.configure_error)
        return f"node is {facts.lifecycle}"
    if facts.stuck_seconds > 0:
        return f"inference stuck {facts.stuck_seconds:.0f} s"
    if facts.paused:
        return "paused by set_enabled"
    for concern in sorted(facts.concerns, key=lambda c: not c.is_error):
        return concern.text
    if facts.last_error is not None:
        return str(facts.last_error)
    if facts.notices and facts.processed:
        return facts.notices[0]
    return "processing pairs" if facts.processed else "waiting for the first pair"


def node_status(facts: Facts, header: Header) -> NodeStatus:
    """The status for programs."""
    status = NodeStatus(header=header)
    faulty = facts.fault is not None or facts.stuck_seconds > 0
    status.state = NodeStatus.FAULT if faulty else STATES.get(facts.lifecycle, 1)
    status.message = clean_string(headline(facts))
    status.pairs_processed = int(facts.processed)
    if facts.counters is not None:
        streams = facts.counters.streams
        status.pairs_dropped = int(facts.counters.sets_dropped)
        status.cameras = list(streams)
        status.unmatched = [int(stream.unmatched) for stream in streams.values()]
    status.rate = float(facts.rate)
    status.latency = float(facts.latency)
    predict = percentile(facts.stages.get("predict", []), 50)
    status.inference_time = 0.0 if math.isnan(predict) else predict / 1e3
    status.gpu_bytes_used = int(facts.gpu_bytes)
    error = facts.fault.error if facts.fault is not None else facts.last_error
    if error is not None:
        status.last_error = scene_messages.error(error.code, error.message)
    return status


def significant(status: NodeStatus) -> tuple:
    """What makes a status worth publishing at once: everything but numbers that run."""
    return status.state, without_digits(status.message), status.last_error.code


def diagnostics(facts: Facts, header: Header) -> DiagnosticArray:
    """The status for people, by part of the node."""
    parts = (_model, _inputs, _pairing, _inference, _outputs, _queries)
    return DiagnosticArray(header=header, status=[part(facts) for part in parts])


def _model(facts: Facts) -> DiagnosticStatus:
    level = OK
    if facts.fault is not None or facts.configure_error is not None:
        level = ERROR
    text = headline(facts) if level != OK else f"node is {facts.lifecycle}"
    values = {"Lifecycle state": facts.lifecycle, "Model": facts.model, "Device": facts.device}
    return _status("model", level, text, values, facts)


def _inputs(facts: Facts) -> DiagnosticStatus:
    level, texts = OK, [concern.text for concern in facts.concerns]
    if facts.lifecycle == "active":
        texts += [*facts.oddities, *([facts.warning] if facts.warning else [])]
        level = WARN if texts else OK
        if any(concern.is_error for concern in facts.concerns):
            level = ERROR
    values: dict[str, object] = {}
    values |= {f"Calibration, {what}": text for what, text in facts.notes.items()}
    if facts.counters is not None:
        for name, stream in facts.counters.streams.items():
            values |= _stream_values(name, stream)
    return _status("inputs", level, "; ".join(texts) or "images come", values, facts)


def _stream_values(camera: str, stream: StreamCounters) -> dict[str, object]:
    values: dict[str, object] = {
        f"{camera} received": stream.received,
        f"{camera} unmatched": stream.unmatched,
        f"{camera} out of order": stream.out_of_order,
        f"{camera} duplicates": stream.duplicates,
    }
    return values | {
        f"{camera} dropped, {reason}": count for reason, count in stream.dropped.items()
    }


def _pairing(facts: Facts) -> DiagnosticStatus:
    counters = facts.counters
    values: dict[str, object] = {"Pairs processed": facts.processed}
    if counters is not None:
        values |= {
            "Pairs matched": counters.sets,
            "Pairs replaced by newer ones": counters.sets_dropped,
            "Resets": counters.resets,
            "Last reset": counters.last_reset,
        }
        for name, seconds in counters.set_offsets.items():
            values[f"Offset of {name}, p50 (s)"] = f"{seconds:.6f}"
    values["Actual frequency (Hz)"] = f"{facts.rate:.2f}"
    values["Latency p50 (s)"] = f"{facts.latency:.3f}"
    return _status("pairing", OK, "newest pair wins", values, facts)


def _inference(facts: Facts) -> DiagnosticStatus:
    level, text = OK, "good"
    if facts.last_error is not None and facts.lifecycle == "active":
        level, text = ERROR, str(facts.last_error)
    if facts.stuck_seconds > 0:
        level, text = ERROR, headline(facts)
    values: dict[str, object] = {
        "Pairs failed": facts.failed,
        "Pairs failed, memory": facts.failed_memory,
        "Pairs with unusable images": facts.refused,
        "Exceptions in callbacks": facts.bugs,
        "GPU memory (bytes)": facts.gpu_bytes,
        "Events in window": max((len(times) for times in facts.stages.values()), default=0),
    }
    for stage, times in facts.stages.items():
        values[f"{stage} p50 (ms)"] = f"{percentile(times, 50):.2f}"
        values[f"{stage} p95 (ms)"] = f"{percentile(times, 95):.2f}"
    return _status("inference", level, text, values, facts)


def _outputs(facts: Facts) -> DiagnosticStatus:
    values: dict[str, object] = {}
    for topic, count in facts.published.items():
        values[topic] = f"{count} messages, {facts.subscribers.get(topic, 0)} subscribers"
    level = WARN if facts.notices else OK
    text = "; ".join(facts.notices) or "published when somebody subscribes"
    return _status("outputs", level, text, values, facts)


def _queries(facts: Facts) -> DiagnosticStatus:
    milliseconds = [seconds * 1e3 for seconds in facts.query_seconds]
    values: dict[str, object] = {
        "Queries answered": facts.queries,
        "Queries refused, busy": facts.queries_busy,
    }
    if milliseconds:
        values["p50 (ms)"] = f"{percentile(milliseconds, 50):.2f}"
        values["p95 (ms)"] = f"{percentile(milliseconds, 95):.2f}"
    return _status("queries", OK, f"{facts.queries} answered", values, facts)


def _status(
    name: str, level: bytes, text: str, values: Mapping[str, object], facts: Facts
) -> DiagnosticStatus:
    return DiagnosticStatus(
        name=f"{facts.node.lstrip('/')}: {name}",
        hardware_id=clean_string(facts.device),
        level=level,
        message=clean_string(text),
        values=[
            KeyValue(key=clean_string(key), value=clean_string(str(value)))
            for key, value in values.items()
        ],
    )
