# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Signals of a node's process, without a process."""

import signal
from collections.abc import Iterator

import pytest

from semsplat_ros.nodes import process
from semsplat_ros.nodes.process import StopSignals

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in NUMBERS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", NUMBERS)
def test_first_signal_stops_its_echo_is_nothing_a_second_one_ends_at_once(monkeypatch, number):
    def leave(code: int):
        raise SystemExit(code)

    clock = [100.0]
    monkeypatch.setattr(process.os, "_exit", leave)
    monkeypatch.setattr(process.time, "monotonic", lambda: clock[0])
    signals = StopSignals()
    assert not signals.stop.is_set()
    signal.raise_signal(number)
    assert signals.stop.is_set()
    clock[0] += 0.1
    signal.raise_signal(number)  # a shell and a launcher both pass it on
    clock[0] += 1.0
    with pytest.raises(SystemExit) as ended:
        signal.raise_signal(number)
    assert ended.value.code == 128 + number


def test_nohup_is_respected():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signals = StopSignals()
    signal.raise_signal(signal.SIGHUP)
    assert not signals.stop.is_set()
