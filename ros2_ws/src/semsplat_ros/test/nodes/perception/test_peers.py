# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Faults of those who listen, ask and set parameters. Each ends with: the next pair works."""

import threading

import pytest
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.msg import ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters

from semsplat_interfaces.srv import SetVocabulary
from semsplat_ros.errors import ErrorCode
from test.support.fake_model import FakeModel
from test.support.node_process import START_S
from test.support.other_process import QUERIES, OtherProcess
from test.support.perception_rig import Rig, wait_until

pytestmark = [pytest.mark.ros, pytest.mark.timeout(120)]
TEN_MEGABYTES = 10_000_000
BIG_IMAGE = (512, 640)
"""Of the network: 655 360 points a cloud."""


@pytest.fixture
def start(tmp_path):
    processes: list[OtherProcess] = []

    def make(role: str, namespace: str) -> OtherProcess:
        output = tmp_path / f"{role}_{len(processes)}"
        processes.append(OtherProcess(role, namespace, str(output)))
        return processes[-1]

    yield make
    for process in processes:
        process.kill()


@pytest.mark.slow
def test_listener_of_clouds_that_is_stopped_or_killed_holds_nothing_up(ros_graph, start):
    rig = Rig(
        ros_graph,
        FakeModel(image_size=BIG_IMAGE),
        listen=("instances", "points"),
        **{"output.max_points": 2 * BIG_IMAGE[0] * BIG_IMAGE[1]},
    ).wait_active()
    reader = start("listen", rig.namespace)

    def received() -> bool:
        assert rig.of_stamp("instances", rig.send(), START_S)
        return reader.is_ready

    assert wait_until(received, START_S)

    def everybody_else_is_served() -> None:
        for _ in range(5):
            header = rig.send()
            cloud = rig.of_stamp("points", header)
            assert cloud is not None
            assert len(cloud.data) > TEN_MEGABYTES
            assert rig.query("chair").error.code == ErrorCode.OK

    reader.stop()
    everybody_else_is_served()
    reader.kill()
    # DDS holds it for alive until its lease ends, some ten seconds later.
    assert rig.node.count_subscribers(f"{rig.namespace}/points") == 2
    everybody_else_is_served()
    rig.good_pair_works()


def test_clients_that_die_while_they_wait_free_their_places(ros_graph, start):
    rig = Rig(ros_graph, **{"query.max_pending": QUERIES, "query.timeout": 60.0}).wait_active()
    rig.good_pair_works()
    pending = rig.node.services_offered.pending
    with pending._turn:
        client = start("ask", rig.namespace)
        assert wait_until(lambda: pending._waiting == QUERIES, START_S)
        client.kill()
        assert rig.query("chair").error.code == ErrorCode.BUSY
    assert wait_until(lambda: pending._waiting == 0)
    assert rig.node.guard.count == 0
    rig.good_pair_works()


def test_query_of_ten_megabytes_is_refused_before_it_is_read(ros_graph):
    rig = Rig(ros_graph).wait_active()
    rig.good_pair_works()
    encoded = rig.model.text_encoder.calls
    answer = rig.query("chair " * (TEN_MEGABYTES // 6))
    assert answer.error.code == ErrorCode.TEXT_TOO_LONG
    assert "query.max_chars" in answer.error.message
    assert len(answer.error.message) < 300
    assert rig.model.text_encoder.calls == encoded
    rig.good_pair_works()


def test_label_of_ten_megabytes_is_refused_before_it_is_read(ros_graph):
    rig = Rig(ros_graph).wait_active()
    encoded = rig.model.text_encoder.calls
    labels = ["sofa", "chair " * (TEN_MEGABYTES // 6)]
    request = SetVocabulary.Request(mode=SetVocabulary.Request.ADD, labels=labels)
    answer = rig.call(SetVocabulary, "set_vocabulary", request)
    assert answer.error.code == ErrorCode.INVALID_ARGUMENT
    assert "characters" in answer.error.message
    assert sum(len(text) for text in [answer.error.message, *answer.rejected]) < 600
    assert "sofa" not in answer.labels, "all or none"
    assert rig.model.text_encoder.calls == encoded
    rig.good_pair_works()


def points_parameter(count: int) -> SetParameters.Request:
    value = ParameterValue(type=ParameterType.PARAMETER_INTEGER, integer_value=count)
    return SetParameters.Request(
        parameters=[ParameterMessage(name="output.max_points", value=value)]
    )


def test_flood_of_parameters_reaches_pairs_whole_and_the_last_one_wins(ros_graph):
    rig = Rig(ros_graph, listen=("instances", "points")).wait_active()
    client = rig.peer.create_client(SetParameters, "perception_node/set_parameters")
    assert client.wait_for_service(timeout_sec=START_S)
    wanted = list(range(1, 401))
    for first in range(0, len(wanted), 20):
        futures = [client.call_async(points_parameter(n)) for n in wanted[first : first + 20]]
        cloud = rig.of_stamp("points", rig.send())
        # No older than the newest that was confirmed, no newer than the newest that was asked for.
        assert max(first, 1) <= cloud.width <= first + 20 or first == 0
        assert wait_until(lambda futures=futures: all(f.done() for f in futures))
        assert all(f.result().results[0].successful for f in futures)
    assert rig.of_stamp("points", rig.send()).width == wanted[-1]
    rig.good_pair_works()


def test_parameter_that_is_set_amid_a_pair_counts_from_the_next_one(ros_graph):
    rig = Rig(ros_graph, listen=("instances", "points"), **{"output.max_points": 50})
    rig.wait_active()
    rig.model.hang = threading.Event()
    header = rig.send()
    calls = rig.model.calls
    assert wait_until(lambda: rig.model.calls > calls)
    set_parameters = "perception_node/set_parameters"
    assert rig.call(SetParameters, set_parameters, points_parameter(70)).results[0].successful
    rig.model.hang.set()
    assert rig.of_stamp("points", header).width == 50
    assert rig.of_stamp("points", rig.send()).width == 70
    rig.good_pair_works()
