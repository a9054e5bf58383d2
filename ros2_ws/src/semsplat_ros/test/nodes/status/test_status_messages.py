# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Status and diagnostics from facts, failures that add up, without a graph."""

import math

import pytest
import torch
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.serialization import deserialize_message, serialize_message

from semsplat_interfaces.msg import NodeStatus
from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.nodes.common.conversions import to_header
from semsplat_ros.nodes.common.failures import Failures, Fault
from semsplat_ros.nodes.common.stage_times import StageTimes, percentile
from semsplat_ros.nodes.inputs.subscriptions import Concern
from semsplat_ros.nodes.inputs.synchronization import ImageSynchronizer
from semsplat_ros.nodes.status.status_messages import (
    Facts,
    diagnostics,
    headline,
    node_status,
    significant,
)

HEADER = to_header(5_000_000_000, "")
WAITING = Concern("waiting for right/image_raw (0 publishers)")


def status(**facts) -> NodeStatus:
    message = node_status(Facts(node="/robot1/perception_node", **facts), HEADER)
    return deserialize_message(serialize_message(message), NodeStatus)


def part(name: str, **facts) -> DiagnosticStatus:
    array = diagnostics(Facts(node="/robot1/perception_node", **facts), HEADER)
    assert deserialize_message(serialize_message(array), type(array)) == array
    return next(s for s in array.status if s.name == f"robot1/perception_node: {name}")


@pytest.mark.parametrize(
    ("label", "state"),
    [
        ("unconfigured", NodeStatus.UNCONFIGURED),
        ("configuring", NodeStatus.UNCONFIGURED),
        ("inactive", NodeStatus.INACTIVE),
        ("active", NodeStatus.ACTIVE),
    ],
)
def test_state_follows_the_lifecycle(label, state):
    assert status(lifecycle=label).state == state


def test_fault_is_shown_with_its_code():
    fault = Fault(SemsplatError(ErrorCode.OUT_OF_MEMORY, "3 GB missing"), free_model=True)
    message = status(lifecycle="unconfigured", fault=fault)
    assert message.state == NodeStatus.FAULT
    assert message.last_error.code == ErrorCode.OUT_OF_MEMORY
    assert "3 GB missing" in message.message
    assert part("model", lifecycle="unconfigured", fault=fault).level == DiagnosticStatus.ERROR


def test_errors_come_before_warnings():
    severe = Concern("right/image_raw: publisher sends CompressedImage", is_error=True)
    facts = Facts(node="/n", lifecycle="active", concerns=(WAITING, severe))
    assert headline(facts) == severe.text


def test_inputs_level_follows_the_concerns():
    assert part("inputs", lifecycle="active").level == DiagnosticStatus.OK
    waiting = part("inputs", lifecycle="active", concerns=(WAITING,))
    assert waiting.level == DiagnosticStatus.WARN
    assert "right/image_raw" in waiting.message
    severe = (Concern("type", is_error=True),)
    assert part("inputs", lifecycle="active", concerns=severe).level == DiagnosticStatus.ERROR
    dark = part("inputs", lifecycle="active", oddities=("black",))
    assert dark.level == DiagnosticStatus.WARN


def test_counters_reach_status_and_diagnostics():
    images = ImageSynchronizer(("left", "right"), 0.02, 5)
    from sensor_msgs.msg import Image

    images.receive("left", Image())
    facts = {"lifecycle": "active", "counters": images.counters, "processed": 4, "rate": 2.5}
    message = status(**facts)
    assert (message.pairs_processed, message.rate) == (4, 2.5)
    values = {v.key: v.value for v in part("inputs", **facts).values}
    assert values["left received"] == "1"
    assert values["left dropped, zero stamp"] == "1"
    assert "Actual frequency (Hz)" in {v.key for v in part("pairing", **facts).values}


def test_last_error_is_an_error_of_inference():
    error = SemsplatError(ErrorCode.INTERNAL, "look for 1234")
    assert part("inference", lifecycle="active", last_error=error).level == DiagnosticStatus.ERROR
    stuck = part("inference", lifecycle="active", stuck_seconds=12.3)
    assert stuck.level == DiagnosticStatus.ERROR
    assert "stuck 12 s" in stuck.message


def test_without_samples_times_are_zero_not_nan():
    assert status(lifecycle="active").inference_time == 0.0
    timed = status(lifecycle="active", stages={"predict": [10.0, 20.0, 90.0]})
    assert timed.inference_time == pytest.approx(0.02)


def test_notices_about_outputs_are_warnings_once_pairs_are_processed():
    facts = {"lifecycle": "active", "notices": ("objects stay in 'camera'",)}
    assert part("outputs", **facts).level == DiagnosticStatus.WARN
    assert status(**facts).message == "waiting for the first pair"
    assert "objects stay" in status(processed=1, **facts).message
    assert part("outputs", lifecycle="active").level == DiagnosticStatus.OK


def test_running_numbers_are_not_a_change():
    first = status(lifecycle="active", concerns=(Concern("left silent for 2.1 s"),), rate=3.0)
    later = status(lifecycle="active", concerns=(Concern("left silent for 2.6 s"),), rate=2.0)
    other = status(lifecycle="active", concerns=(WAITING,))
    assert significant(first) == significant(later) != significant(other)


def test_another_error_code_is_worth_a_status_at_once():
    one, other = (
        status(lifecycle="active", concerns=(WAITING,), last_error=SemsplatError(code, "refused"))
        for code in (ErrorCode.INTERNAL, ErrorCode.OUT_OF_MEMORY)
    )
    assert one.message == other.message, "what is said first is something else"
    assert significant(one) != significant(other)


def test_text_that_dds_cannot_carry_is_cleaned():
    message = status(lifecycle="active", concerns=(Concern("bad \0 name \ud800"),))
    assert message.message.startswith("bad ")


def test_five_failures_in_a_row_are_a_fault():
    failures = Failures()
    for _ in range(4):
        assert failures.record(ValueError("x")).code == ErrorCode.INTERNAL
    failures.succeed()
    for _ in range(4):
        failures.record(ValueError("x"))
    assert failures.fault is None
    failures.record(ValueError("x"))
    assert failures.fault is not None
    assert not failures.fault.free_model
    assert failures.total == 9
    failures.reset()
    assert failures.fault is None


def test_three_times_no_memory_is_a_fault_that_frees_the_model():
    failures = Failures()
    for error in (torch.OutOfMemoryError("a"), MemoryError(), torch.OutOfMemoryError("b")):
        assert failures.fault is None
        assert failures.record(error).code == ErrorCode.OUT_OF_MEMORY
    assert failures.fault.free_model
    assert failures.memory_total == 3


def test_lost_device_is_a_fault_at_once():
    failures = Failures()
    error = failures.record(RuntimeError("CUDA error: device-side assert triggered\nmore"))
    assert error.code == ErrorCode.CUDA_ERROR
    assert failures.fault.free_model


def test_unusable_images_never_are_a_fault():
    failures = Failures()
    for _ in range(50):
        failures.refuse(SemsplatError(ErrorCode.INVALID_ARGUMENT, "corrupt JPEG"))
    assert failures.fault is None
    assert (failures.refused, failures.total) == (50, 0)
    assert failures.last.code == ErrorCode.INVALID_ARGUMENT


def test_stage_times():
    times = StageTimes(window=3)
    assert math.isnan(times.median("predict"))
    for value in (100.0, 1.0, 2.0, 3.0):
        times.add("predict", value)
    assert times.samples() == {"predict": [1.0, 2.0, 3.0]}
    assert times.medians() == {"predict": 2.0}
    with times.measure("fill"):
        pass
    assert 0.0 <= times.median("fill") < 1000.0
    with pytest.raises(ZeroDivisionError), times.measure("publish"):
        _ = 1 / 0
    assert "publish" not in times.samples()
    times.clear()
    assert times.samples() == {}
    assert math.isnan(percentile([], 50))
