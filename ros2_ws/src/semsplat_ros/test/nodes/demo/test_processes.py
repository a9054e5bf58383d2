# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
import os
import time

import pytest

from semsplat_ros.errors import SemsplatError
from semsplat_ros.nodes.demo import processes
from semsplat_ros.nodes.demo.processes import NodeProcess


def program(folder, body: str):
    path = folder / "node"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def watch(node: NodeProcess) -> None:
    """Check until the process has ended, or for ten seconds."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        node.check()
        time.sleep(0.01)


def test_dead_process_is_told_with_its_last_words(tmp_path, monkeypatch):
    path = program(tmp_path, 'echo "no such room"; exit 2')
    monkeypatch.setattr(processes, "find_executable", lambda name: path)
    node = NodeProcess("room_cameras", {}, tmp_path)
    with pytest.raises(SemsplatError, match="room_cameras ended with exit code 2") as refusal:
        watch(node)
    assert node.stop() == 2
    assert "no such room" in str(refusal.value)
    assert str(node.log) in str(refusal.value)


def test_parameters_are_written_as_ros_reads_them(tmp_path, monkeypatch):
    path = program(tmp_path, 'echo "$@"')
    monkeypatch.setattr(processes, "find_executable", lambda name: path)
    node = NodeProcess("room_cameras", {"seed": 7, "reliable": True}, tmp_path)
    with pytest.raises(SemsplatError, match="exit code 0"):
        watch(node)
    given = node.log.read_text()
    assert "-p seed:=7 -p reliable:=true" in given
    assert "__ns:=/semsplat" in given


def test_process_that_ignores_the_signal_is_killed(tmp_path, monkeypatch):
    path = program(tmp_path, "trap '' TERM; echo up; while true; do sleep 0.1; done")
    monkeypatch.setattr(processes, "find_executable", lambda name: path)
    monkeypatch.setattr(processes, "STOP_S", 0.5)
    node = NodeProcess("stubborn", {}, tmp_path)
    while "up" not in node.log.read_text():
        time.sleep(0.01)
    node.check()
    assert node.stop() == -9


def test_executables_are_found_through_the_install_prefix(monkeypatch):
    found = processes.find_executable("room_cameras")
    assert found.is_file()
    assert os.access(found, os.X_OK)
    with pytest.raises(SemsplatError, match="is not installed"):
        processes.find_executable("toaster")
    monkeypatch.setenv("AMENT_PREFIX_PATH", "")
    with pytest.raises(SemsplatError, match=r"\./semsplat demo"):
        processes.find_executable("room_cameras")


def test_own_domain_leaves_other_settings_out(monkeypatch):
    monkeypatch.setenv("ROS_DOMAIN_ID", "0")
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
    monkeypatch.setenv("ROS_LOCALHOST_ONLY", "0")
    domain = processes.enter_own_domain()
    assert os.environ["ROS_DOMAIN_ID"] == str(domain)
    assert 1 <= domain <= 101
    assert os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"
    assert "ROS_LOCALHOST_ONLY" not in os.environ


def test_seconds_since_start_grow_and_are_those_of_this_process():
    first = processes.seconds_since_start()
    assert first > 0
    time.sleep(0.05)
    assert 0.03 < processes.seconds_since_start() - first < 5
