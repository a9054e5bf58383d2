# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Defaults for sharing the processor: real cores, limits of containers, the user's own choice."""

import os
import sys
from pathlib import Path

import pytest

from semsplat_ros.cpu_threads import (
    TURN_S,
    network_threads,
    share_processor,
    take_turns_often,
    usable_cores,
)

ALLOWED = sorted(os.sched_getaffinity(0))


def make_system(folder: Path, siblings: list[str], limit: str = "") -> Path:
    for cpu, text in zip(ALLOWED, siblings, strict=False):
        topology = folder / f"devices/system/cpu/cpu{cpu}/topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text(f"{text}\n")
    (folder / "fs/cgroup").mkdir(parents=True)
    if limit:
        (folder / "fs/cgroup/cpu.max").write_text(f"{limit}\n")
    return folder


def test_hyperthreads_of_one_core_count_once(tmp_path: Path) -> None:
    assert usable_cores(make_system(tmp_path, ["0-99"] * len(ALLOWED))) == 1


def test_without_any_facts_every_processor_counts(tmp_path: Path) -> None:
    assert usable_cores(tmp_path) == len(ALLOWED)


@pytest.mark.parametrize(
    ("limit", "cores"), [("100000 100000", 1), ("20000 100000", 1), ("max 100000", len(ALLOWED))]
)
def test_limit_of_a_container(tmp_path: Path, limit: str, cores: int) -> None:
    each = [str(cpu) for cpu in ALLOWED]
    assert usable_cores(make_system(tmp_path, each, limit)) == cores


def test_the_users_choice_stays() -> None:
    for name in ("OMP_WAIT_POLICY", "KMP_BLOCKTIME"):
        environment = {name: "x", "OMP_NUM_THREADS": "3"}
        share_processor(environment)
        assert environment == {name: "x", "OMP_NUM_THREADS": "3"}
    environment = {"GOMP_SPINCOUNT": "7", "OMP_NUM_THREADS": "3"}
    share_processor(environment)
    assert environment == {"GOMP_SPINCOUNT": "7", "OMP_NUM_THREADS": "3"}
    nothing: dict[str, str] = {}
    share_processor(nothing)
    assert int(nothing["GOMP_SPINCOUNT"]) <= 10_000
    assert int(nothing["KMP_BLOCKTIME"]) <= 1
    assert int(nothing["OMP_NUM_THREADS"]) >= 1


def test_small_networks_leave_half_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("semsplat_ros.cpu_threads.usable_cores", lambda: 6)
    assert (network_threads(small=True), network_threads(small=False)) == (3, 6)
    monkeypatch.setattr("semsplat_ros.cpu_threads.usable_cores", lambda: 16)
    assert (network_threads(small=True), network_threads(small=False)) == (4, 16)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert (network_threads(small=True), network_threads(small=False)) == (2, 2)
    monkeypatch.setattr("semsplat_ros.cpu_threads.usable_cores", lambda: 1)
    assert network_threads(small=True) == 1


def test_threads_take_turns_more_often_than_by_default() -> None:
    before = sys.getswitchinterval()
    try:
        take_turns_often()
        assert sys.getswitchinterval() == pytest.approx(TURN_S)
        assert TURN_S < 0.005
    finally:
        sys.setswitchinterval(before)
