# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What the demo makes of the node's state, without a node."""

from types import SimpleNamespace

import pytest

from semsplat_interfaces.msg import ErrorCode as ErrorCodeMsg
from semsplat_interfaces.msg import NodeStatus
from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.nodes.demo.run import Demo


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
