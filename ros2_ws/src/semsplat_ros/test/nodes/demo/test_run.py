# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What the demo makes of the node's state, without a node."""

from types import SimpleNamespace

import pytest

from semsplat_interfaces.msg import ErrorCode as ErrorCodeMsg
from semsplat_interfaces.msg import NodeStatus, ObjectInstance, ObjectInstanceArray
from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.nodes.demo.run import Demo, InterruptedDemo
from semsplat_ros.nodes.demo.session import Moment


def is_active(status: NodeStatus | None) -> bool:
    demo = Demo.__new__(Demo)
    demo._session = SimpleNamespace(status=status)
    return demo._is_active()


def test_waits_until_the_node_is_active():
    assert not is_active(None)
    assert not is_active(NodeStatus(state=NodeStatus.UNCONFIGURED))
    assert is_active(NodeStatus(state=NodeStatus.ACTIVE))


@pytest.mark.parametrize("state", [NodeStatus.UNCONFIGURED, NodeStatus.FAULT])
def test_a_model_that_cannot_be_loaded_ends_the_waiting(state):
    error = ErrorCodeMsg(code=int(ErrorCode.BAD_FILE), message="cut off")
    with pytest.raises(SemsplatError, match="cut off") as raised:
        is_active(NodeStatus(state=state, last_error=error, message="cut off"))
    assert raised.value.code is ErrorCode.BAD_FILE


def commands_after(asked: list[str], in_view: dict[str, float]) -> str:
    """What `stay` says after queries of which the last was answered from a scene."""
    instances = [ObjectInstance(label=name, label_score=score) for name, score in in_view.items()]
    moment = Moment({"instances": ObjectInstanceArray(instances=instances)})
    demo, said = Demo.__new__(Demo), []
    answers = [SimpleNamespace(concept=concept) for concept in asked]
    demo._answered = [(answer, None) for answer in answers[:-1]] + [(answers[-1], moment)]
    demo._domain, demo._say = 44, said.append
    demo._pause = interrupted
    demo.stay()
    return "\n".join(said)


def interrupted() -> None:
    raise InterruptedDemo


def test_what_to_try_names_a_thing_that_is_there_and_was_not_asked_for():
    in_view = {"chair": 0.9, "": 1.0, "door": 0.6, "trash can": 0.8}
    said = commands_after(["mug", "chair"], in_view)
    assert """srv/Query "{text: 'find the trash can'}\"""" in said
    assert "ROS_DOMAIN_ID=44" in said
    assert "'find the table'" in commands_after(["chair"], {"chair": 0.9})
