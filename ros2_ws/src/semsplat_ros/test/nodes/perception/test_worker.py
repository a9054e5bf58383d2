# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The worker's thread, without ROS: order, limits, and that nothing ends it."""

import threading
import time
from collections.abc import Iterator

import pytest
from sensor_msgs.msg import Image

from semsplat_ros.nodes.inputs.image_set import ImageSet, NewestSetSlot
from semsplat_ros.nodes.perception.worker import Worker
from test.support.perception_rig import wait_until

TIMEOUT = 5.0


def a_pair(stamp: int) -> ImageSet:
    return ImageSet((Image(), Image()), (stamp, stamp), time.monotonic())


class Handler:
    """Notes what it is given; may be held back or made to fail."""

    def __init__(self) -> None:
        self.stamps: list[int] = []
        self.times: list[float] = []
        self.go = threading.Event()
        self.go.set()
        self.raises: Exception | None = None

    def __call__(self, pair: ImageSet) -> None:
        self.times.append(time.monotonic())
        self.stamps.append(pair.stamp_ns)
        assert self.go.wait(TIMEOUT)
        if self.raises is not None:
            raise self.raises


@pytest.fixture
def handler() -> Handler:
    return Handler()


@pytest.fixture
def worker(handler) -> Iterator[Worker]:
    worker = Worker(handler)
    yield worker
    handler.go.set()
    assert worker.close(TIMEOUT)
    assert not worker.alive


def test_calls_run_on_one_thread_and_give_results(worker):
    names = {worker.call(lambda: threading.current_thread().name).result(TIMEOUT) for _ in "abc"}
    assert names == {"semsplat-worker"}


def test_call_that_raises_hands_its_exception_over(worker):
    with pytest.raises(ZeroDivisionError):
        worker.call(lambda: 1 / 0).result(TIMEOUT)
    assert worker.call(lambda: 7).result(TIMEOUT) == 7


def test_no_pair_is_taken_before_start_and_after_stop(worker, handler):
    slot = NewestSetSlot()
    slot.put(a_pair(1))
    worker.call(lambda: None).result(TIMEOUT)
    assert handler.stamps == []
    worker.start_pairs(slot)
    assert wait_until(lambda: handler.stamps == [1])
    worker.stop_pairs()
    assert worker.wait_idle(TIMEOUT)
    slot.put(a_pair(2))
    worker.call(lambda: None).result(TIMEOUT)
    assert handler.stamps == [1]


def test_newest_pair_wins(worker, handler):
    slot = NewestSetSlot()
    handler.go.clear()
    worker.start_pairs(slot)
    slot.put(a_pair(1))
    assert wait_until(lambda: handler.stamps == [1])
    assert worker.busy_seconds > 0
    for stamp in range(2, 9):
        slot.put(a_pair(stamp))
    handler.go.set()
    assert wait_until(lambda: len(handler.stamps) == 2)
    assert handler.stamps == [1, 8]
    assert worker.wait_idle(TIMEOUT)
    assert worker.busy_seconds == 0


def test_call_is_not_kept_waiting_by_a_source_without_pairs(worker):
    worker.start_pairs(NewestSetSlot())
    time.sleep(0.05)
    assert worker.call(lambda: 3).result(TIMEOUT) == 3


def test_permits_limit_the_number_of_pairs(worker, handler):
    slot = NewestSetSlot()
    worker.start_pairs(slot, permits=0)
    slot.put(a_pair(1))
    worker.call(lambda: None).result(TIMEOUT)
    assert handler.stamps == []
    worker.permit()
    worker.permit()
    assert wait_until(lambda: handler.stamps == [1])
    slot.put(a_pair(2))
    worker.call(lambda: None).result(TIMEOUT)
    assert handler.stamps == [1], "two permits before a pair are one"
    worker.permit()
    assert wait_until(lambda: handler.stamps == [1, 2])
    worker.permit()
    worker.revoke()
    slot.put(a_pair(3))
    worker.call(lambda: None).result(TIMEOUT)
    assert handler.stamps == [1, 2]


def test_rate_is_limited(worker, handler):
    slot = NewestSetSlot()
    worker.set_max_rate(10.0)
    worker.start_pairs(slot)
    stamp = 0
    while len(handler.times) < 4:
        stamp += 1
        slot.put(a_pair(stamp))
        time.sleep(0.005)
    gaps = [b - a for a, b in zip(handler.times, handler.times[1:], strict=False)]
    assert min(gaps) > 0.095


def test_handler_that_raises_does_not_end_the_thread(worker, handler):
    slot = NewestSetSlot()
    worker.start_pairs(slot)
    handler.raises = RuntimeError("a bug")
    slot.put(a_pair(1))
    assert wait_until(lambda: handler.stamps == [1])
    assert worker.wait_idle(TIMEOUT)
    handler.raises = None
    slot.put(a_pair(2))
    assert wait_until(lambda: handler.stamps == [1, 2])


def test_close_reports_a_thread_that_hangs():
    handler = Handler()
    handler.go.clear()
    worker = Worker(handler)
    slot = NewestSetSlot()
    worker.start_pairs(slot)
    slot.put(a_pair(1))
    assert wait_until(lambda: worker.busy_seconds > 0)
    waiting = worker.call(lambda: None)
    assert not worker.close(0.1)
    assert waiting.cancelled()
    assert worker.call(lambda: None).cancelled()
    handler.go.set()
    assert wait_until(lambda: not worker.alive)
