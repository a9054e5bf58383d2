# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Models that fail, hang or answer with rubbish, and floods of queries, over DDS in one process.

Each ends with: the next good pair works.
"""

import threading

import pytest
import torch
from lifecycle_msgs.msg import Transition

from semsplat_interfaces.srv import Query
from semsplat_ros.errors import ErrorCode
from test.support.fake_model import FakeModel
from test.support.perception_rig import Rig, wait_until

pytestmark = [pytest.mark.ros, pytest.mark.timeout(60)]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (ValueError("wrong shape"), ErrorCode.INTERNAL),
        (torch.OutOfMemoryError("CUDA out of memory"), ErrorCode.OUT_OF_MEMORY),
        (MemoryError(), ErrorCode.OUT_OF_MEMORY),
    ],
)
def test_model_that_raises_costs_one_pair(ros_graph, fault, code):
    rig = Rig(ros_graph).wait_active()
    rig.good_pair_works()
    rig.model.raises = fault
    handled = rig.node.pipeline.handled
    rig.send()
    assert rig.node.pipeline.wait_handled(handled, 5.0)
    assert rig.wait_status(lambda s: s.last_error.code == code)
    assert rig.query("chair").error.code == ErrorCode.OK, "the old scene still answers"
    rig.model.raises = None
    rig.good_pair_works()
    assert rig.wait_status(lambda s: s.last_error.code == 0)


def test_numbers_that_are_not_finite(ros_graph):
    rig = Rig(ros_graph).wait_active()
    rig.model.nan_fraction = 0.5
    rig.send()
    assert rig.wait_status(lambda s: s.last_error.code == ErrorCode.INTERNAL)
    assert rig.received["instances"] == []
    rig.model.nan_fraction = 0.0
    rig.good_pair_works()


def test_empty_scene_is_an_answer(ros_graph):
    rig = Rig(ros_graph, FakeModel(empty=True), listen=("instances", "points", "masks/left"))
    header = rig.wait_active().send()
    assert rig.of_stamp("instances", header).instances == []
    assert rig.of_stamp("points", header).width == 0
    assert not any(rig.of_stamp("masks/left", header).data)
    assert rig.query("chair").error.code == ErrorCode.NOT_FOUND
    rig.model.empty = False
    rig.good_pair_works()


@pytest.mark.parametrize(
    ("fault", "times", "state"),
    [
        (ValueError("always"), 5, "inactive"),
        (torch.OutOfMemoryError("full"), 3, "unconfigured"),
        (RuntimeError("CUDA error: device-side assert triggered"), 1, "unconfigured"),
    ],
)
def test_model_that_fails_again_and_again_stops_the_node(ros_graph, fault, times, state):
    rig = Rig(ros_graph).wait_active()
    rig.model.raises = fault
    for _ in range(times):
        assert rig.state() == "active"
        handled = rig.node.pipeline.handled
        rig.send()
        assert rig.node.pipeline.wait_handled(handled, 5.0)
    assert wait_until(lambda: rig.state() == state)
    assert rig.wait_status(lambda s: s.state == s.FAULT)
    lost = "CUDA" in str(fault)
    assert rig.query("chair").error.code == (
        ErrorCode.CUDA_ERROR if lost else ErrorCode.NOT_ACTIVE
    )
    assert bool(wait_until(lambda: rig.node.exit_code, 0.3)) == lost
    rig.model.raises = None
    if state == "unconfigured":
        assert rig.transition(Transition.TRANSITION_CONFIGURE)
    assert rig.transition(Transition.TRANSITION_ACTIVATE)
    rig.wait_active().good_pair_works()


def test_model_that_hangs_is_said_and_cannot_be_deactivated(ros_graph, monkeypatch):
    monkeypatch.setattr("semsplat_ros.nodes.perception.control.MIN_STUCK_S", 0.3)
    monkeypatch.setattr("semsplat_ros.nodes.perception.control.STUCK_FACTOR", 0)
    rig = Rig(ros_graph).wait_active()
    rig.good_pair_works()
    rig.model.hang = threading.Event()
    rig.send()
    status = rig.wait_status(lambda s: "inference stuck" in s.message)
    assert status.state == status.FAULT
    assert rig.query("chair").error.code == ErrorCode.OK, "the old scene still answers"
    assert not rig.transition(Transition.TRANSITION_DEACTIVATE)
    assert rig.state() == "active"
    rig.model.hang.set()
    rig.model.hang = None
    rig.good_pair_works()
    assert rig.transition(Transition.TRANSITION_DEACTIVATE)


def test_flood_of_queries_is_answered_busy(ros_graph):
    rig = Rig(ros_graph, **{"query.max_pending": 1}).wait_active()
    rig.good_pair_works()
    client = rig.peer.create_client(Query, "query")
    assert client.wait_for_service(timeout_sec=5.0)
    pending = rig.node.services_offered.pending
    with pending._turn:
        waits = client.call_async(Query.Request(text="chair"))
        assert wait_until(lambda: pending._waiting == 1)
        refused = rig.query("table")
        assert refused.error.code == ErrorCode.BUSY
        assert "query.max_pending" in refused.error.message
        assert refused.retry_after.sec or refused.retry_after.nanosec
    assert wait_until(waits.done)
    assert waits.result().error.code == ErrorCode.OK
    rig.good_pair_works()


def test_query_while_the_node_ends_is_told_so(ros_graph):
    rig = Rig(ros_graph).wait_active()
    rig.good_pair_works()
    rig.node.closing = True
    assert rig.query("chair").error.code == ErrorCode.SHUTTING_DOWN
    rig.node.closing = False
    rig.good_pair_works()
