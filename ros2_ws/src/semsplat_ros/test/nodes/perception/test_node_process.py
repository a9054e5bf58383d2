# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The node as a process of its own: signals end it with code 0 and without a traceback, in every
state; other ends have codes of their own."""

import signal
import time

import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState

from semsplat_interfaces.msg import NodeStatus, ObjectInstanceArray
from semsplat_interfaces.srv import Query
from semsplat_ros.errors import ErrorCode
from test.support.node_process import START_S, NodeProcess
from test.support.perception_rig import wait_until

pytestmark = [pytest.mark.ros, pytest.mark.slow, pytest.mark.timeout(120)]
HANGS_S = 10.0
"""A process that takes so long to end hangs; what it takes on an idle machine is for a
benchmark."""
BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
WAITS = ("-p", "autostart:=false")


@pytest.fixture
def start(ros_graph):
    processes: list[NodeProcess] = []

    def make(*args, **kwargs) -> NodeProcess:
        processes.append(NodeProcess(ros_graph, *args, **kwargs))
        return processes[-1]

    yield make
    for process in processes:
        process.close()


def call(process: NodeProcess, kind: type, name: str, request):
    client = process.peer.create_client(kind, name)
    assert client.wait_for_service(timeout_sec=START_S)
    future = client.call_async(request)
    assert wait_until(future.done, START_S), name
    return future.result()


def transition(process: NodeProcess, number: int) -> None:
    request = ChangeState.Request()
    request.transition.id = number
    assert call(process, ChangeState, "perception_node/change_state", request).success


def send_until(process: NodeProcess, true) -> None:
    send = process.sender()

    def sent_and_true():
        send()
        time.sleep(0.05)
        return true()

    assert wait_until(sent_and_true, START_S), process.output


def assert_clean(process: NodeProcess, seconds: float) -> None:
    assert process.exit_code == 0, process.output
    assert "Traceback" not in process.output, process.output
    assert "terminate called" not in process.output
    assert seconds < HANGS_S, process.output


def assert_answers(process: NodeProcess) -> None:
    seen: list[ObjectInstanceArray] = []
    process.peer.create_subscription(ObjectInstanceArray, "instances", seen.append, 1)
    send_until(process, lambda: seen)
    answer = call(process, Query, "query", Query.Request(text="find the chair"))
    assert answer.error.code == ErrorCode.OK


def test_active_node_without_assertions_answers_and_ends_cleanly(start):
    process = start("plain", python=("-O",)).wait_active()
    assert_answers(process)
    assert_clean(process, process.signal(signal.SIGINT))


def test_active_node_ends_cleanly(start):
    process = start("plain").wait_active()
    assert_clean(process, process.signal(signal.SIGTERM))


@BOTH
def test_unconfigured_node_ends_cleanly(start, number):
    process = start("plain", *WAITS)
    process.wait_status(lambda s: s.state == NodeStatus.UNCONFIGURED)
    assert_clean(process, process.signal(number))


@BOTH
def test_inactive_node_ends_cleanly(start, number):
    process = start("plain", *WAITS)
    transition(process, Transition.TRANSITION_CONFIGURE)
    assert_clean(process, process.signal(number))


@BOTH
def test_finalized_node_ends_cleanly(start, number):
    process = start("plain").wait_active()
    transition(process, Transition.TRANSITION_ACTIVE_SHUTDOWN)
    assert_clean(process, process.signal(number))


@BOTH
def test_node_that_loads_its_model_ends_cleanly(start, number):
    process = start("slow_load")
    process.wait_status(lambda s: "configuring" in s.message)
    state = call(process, GetState, "perception_node/get_state", GetState.Request())
    assert state.current_state.label == "configuring", "get_state answers while it is loaded"
    assert_clean(process, process.signal(number))


@BOTH
def test_node_amid_a_pair_ends_cleanly(start, number):
    process = start("slow").wait_active()
    send_until(process, lambda: any(s.pairs_processed for s in process.statuses))
    process.sender()()
    assert_clean(process, process.signal(number))


def test_node_whose_model_hangs_ends_all_the_same(start):
    process = start("hang", "-p", "model.warmup:=false").wait_active()
    until = time.monotonic() + 1.0
    send_until(process, lambda: time.monotonic() > until)
    assert_clean(process, process.signal(signal.SIGTERM))


def test_node_whose_output_nobody_reads_works_and_ends_cleanly(start):
    process = start("plain", reads_output=False).wait_active()
    assert_answers(process)
    assert process.signal(signal.SIGINT) < HANGS_S
    assert process.exit_code == 0


def test_node_whose_terminal_is_closed_ends_cleanly(start):
    process = start("plain").wait_active()
    assert_clean(process, process.signal(signal.SIGHUP))


def test_lost_device_ends_the_process_with_code_70_so_that_respawn_helps(start):
    process = start("device_lost", "-p", "model.warmup:=false").wait_active()
    send_until(process, lambda: process.exit_code is not None)
    assert process.exit_code == 70, process.output
    assert "CUDA error: device-side assert triggered" in process.output
    assert "Traceback" not in process.output
    lost = process.wait_status(lambda s: s.state == s.FAULT)
    assert lost.last_error.code == ErrorCode.CUDA_ERROR


def test_bad_parameter_is_one_line_and_code_2(start):
    process = start("plain", "-p", "query.min_score:=7.5")
    assert process.wait_end(START_S) == 2
    lines = [line for line in process.output.splitlines() if line.strip()]
    assert len(lines) == 1, process.output
    assert "query.min_score" in lines[0]
