# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Signals of a node's process, without a node."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from semsplat_ros.nodes.common import process
from semsplat_ros.nodes.common.process import StopRequest, StopSignals

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in NUMBERS}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
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


STORM = """
import random, signal
from semsplat_ros.nodes.common.process import StopSignals

signals, depth = StopSignals(), 0
def again(*_):
    global depth
    if depth < 2:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 3e-5))
    depth += 1
    signals._first = float("inf")  # so that each one is an echo
    signals._on_signal(signal.SIGINT, None)
    depth -= 1
signal.signal(signal.SIGALRM, again)
for _ in range(50_000):
    signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 3e-5))
    signals.stop._made = False
    signals.stop.wait(0.0)
    signals.stop.set()
signal.setitimer(signal.ITIMER_REAL, 0)
print("through")
"""


def test_signals_in_the_middle_of_each_other_and_of_the_wait_do_no_harm():
    # A terminal and a launcher pass Ctrl-C on within microseconds.
    done = subprocess.run(
        [sys.executable, "-c", STORM], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "through\n"), done.stderr


@pytest.mark.timeout(30)
def test_a_stop_request_ends_the_wait_of_another_thread():
    request = StopRequest()
    assert not request.wait(0.0)
    threading.Timer(0.05, request.set).start()
    assert request.wait(3600.0)
    assert request.wait(3600.0) and request.is_set()  # and stays
