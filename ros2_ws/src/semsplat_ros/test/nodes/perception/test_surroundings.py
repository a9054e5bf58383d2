# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What the machine around the node may lack: the internet, a network at all, a middleware."""

import os
import shutil
import subprocess
import sys

import pytest

from semsplat_interfaces.msg import ObjectInstanceArray
from semsplat_interfaces.srv import Query
from semsplat_ros.errors import ErrorCode
from test.support.node_process import START_S, NodeProcess, environment
from test.support.perception_rig import wait_until

pytestmark = [pytest.mark.ros, pytest.mark.slow, pytest.mark.timeout(120)]
NODE = "from semsplat_ros.nodes.executables import perception_node; perception_node()"
# Everything that Python does to reach another machine, or to let another program do it, is
# reported to this hook. DDS speaks below Python.
OFFLINE = """
import socket, sys

def refuse(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "subprocess.Popen", "os.system"):
        refused = True
    else:
        address = arguments[1] if event in ("socket.connect", "socket.sendto") else None
        refused = isinstance(address, tuple) and not address[0].startswith("127.")
    if refused:
        print("reached out:", event, arguments, flush=True)
        raise OSError("offline")

sys.addaudithook(refuse)
try:
    socket.create_connection(("192.0.2.1", 80), timeout=1)
except OSError as error:
    print("hook:", error, flush=True)
print("from here on", flush=True)
"""


def run_node(**changed: str) -> subprocess.CompletedProcess:
    """The node in a changed environment, until it ends by itself."""
    return subprocess.run(
        [sys.executable, "-c", NODE],
        env={**os.environ, **environment(), **changed},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=START_S,
    )


def test_shipped_model_is_loaded_and_asked_without_the_internet(ros_graph):
    process = NodeProcess(ros_graph, "", program=[sys.executable, "-c", OFFLINE + NODE])
    try:
        process.wait_active()
        seen: list[ObjectInstanceArray] = []
        process.peer.create_subscription(ObjectInstanceArray, "instances", seen.append, 1)
        send = process.sender()
        assert wait_until(lambda: send() or wait_until(lambda: seen, 0.2), START_S)
        client = process.peer.create_client(Query, "query")
        assert client.wait_for_service(timeout_sec=START_S)
        future = client.call_async(Query.Request(text="find the chair"))
        assert wait_until(future.done, START_S)
        assert future.result().error.code in (ErrorCode.OK, ErrorCode.NOT_FOUND)
        before, after = process.output.split("from here on")
        assert "hook: offline" in before
        assert "reached out" not in after, after
    finally:
        process.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [("RMW_IMPLEMENTATION", "rmw_of_nobody"), ("ROS_DOMAIN_ID", "kitchen")],
)
def test_middleware_that_cannot_be_had_is_named(name, value):
    ended = run_node(**{name: value})
    assert ended.returncode not in (0, -6, -11), ended.stdout
    assert "Traceback" not in ended.stdout
    assert name in ended.stdout or value in ended.stdout
    assert len(ended.stdout.splitlines()) <= 2


def has_networks() -> bool:
    """Whether this user may make a network without interfaces."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode == 0


@pytest.mark.skipif(not has_networks(), reason="unshare -rn is not allowed here")
def test_without_any_network_the_start_is_refused_in_one_line():
    ended = subprocess.run(
        ["unshare", "-rn", sys.executable, "-c", NODE],
        env={**os.environ, **environment()},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=START_S,
    )
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.startswith("semsplat: cannot start: ")
    assert "ip link set lo up" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
