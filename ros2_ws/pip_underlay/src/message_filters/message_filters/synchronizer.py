# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Sets of messages with equal or nearly equal stamps, one message from each input filter."""

import itertools
import threading
from collections.abc import Iterable, Sequence
from typing import Any

from message_filters.simple_filter import SimpleFilter
from rclpy.clock import ROSClock
from rclpy.duration import Duration
from rclpy.logging import get_logger
from rclpy.time import Time


class TimeSynchronizer(SimpleFilter):
    """Calls back with one message of each filter in `fs` whenever all have the same stamp.

    `queue_size` is how many unmatched messages of each input are kept; the oldest stamps go. A
    complete set takes everything that waits with an older stamp with it (since Jazzy's 4.11.10).
    """

    def __init__(self, fs: Sequence[SimpleFilter], queue_size: int) -> None:
        super().__init__()
        self.queue_size = queue_size
        self.lock = threading.Lock()
        self.connectInput(fs)

    def connectInput(self, fs: Sequence[SimpleFilter]) -> None:
        """Take the messages of the filters `fs` from now on."""
        self.queues: list[dict[int, Any]] = [{} for _ in fs]
        self.input_connections = [
            f.registerCallback(self.add, queue, index)
            for index, (f, queue) in enumerate(zip(fs, self.queues, strict=True))
        ]

    def add(self, msg: Any, my_queue: dict[int, Any], my_queue_index: int | None = None) -> None:
        """Store a message of one input and call back with the set that it completes, if any."""
        stamp = Time.from_msg(msg.header.stamp).nanoseconds
        with self.lock:
            self._store(my_queue, stamp, msg)
            messages = None
            if all(stamp in queue for queue in self.queues):
                messages = self._take((stamp,) * len(self.queues))
                for queue in self.queues:
                    for older in [waiting for waiting in queue if waiting < stamp]:
                        del queue[older]
        if messages is not None:
            self.signalMessage(*messages)

    def _store(self, queue: dict[int, Any], stamp: int, msg: Any) -> None:
        queue[stamp] = msg
        while len(queue) > self.queue_size:
            del queue[min(queue)]

    def _take(self, stamps: Iterable[int]) -> list[Any]:
        return [queue.pop(stamp) for queue, stamp in zip(self.queues, stamps, strict=True)]


class ApproximateTimeSynchronizer(TimeSynchronizer):
    """As TimeSynchronizer, for stamps that lie less than `slop` seconds apart.

    The newest message is matched with the nearest of the other inputs. With
    `allow_headerless` messages without a header get the time of their arrival; without it they
    are refused with a warning.
    """

    def __init__(
        self,
        fs: Sequence[SimpleFilter],
        queue_size: int,
        slop: float,
        allow_headerless: bool = False,
    ) -> None:
        super().__init__(fs, queue_size)
        self.slop = Duration(seconds=slop)
        self.allow_headerless = allow_headerless

    def add(self, msg: Any, my_queue: dict[int, Any], my_queue_index: int | None = None) -> None:
        """Store a message of one input and call back with the set that it completes, if any."""
        stamp = self._stamp(msg)
        if stamp is None:
            return
        with self.lock:
            self._store(my_queue, stamp, msg)
            stamps = self._nearest_set(stamp, my_queue)
            messages = None if stamps is None else self._take(stamps)
        if messages is not None:
            self.signalMessage(*messages)

    def _stamp(self, msg: Any) -> int | None:
        if hasattr(msg, "header") and hasattr(msg.header, "stamp"):
            stamp = msg.header.stamp
            if not hasattr(stamp, "nanoseconds"):  # a message, no rclpy.time.Time
                stamp = Time.from_msg(stamp)
            return stamp.nanoseconds
        if self.allow_headerless:
            return ROSClock().now().nanoseconds
        get_logger("message_filters_approx").warning(
            "a message without header.stamp cannot be synchronised by time; "
            "allow_headerless=True takes the time of its arrival"
        )
        return None

    def _nearest_set(self, stamp: int, my_queue: dict[int, Any]) -> tuple[int, ...] | None:
        """The stamps, one of each queue, nearest to `stamp` and all less than slop apart."""
        slop = self.slop.nanoseconds
        if stamp not in my_queue:  # it was the oldest of a full queue
            return None
        choices = []
        for queue in self.queues:
            if queue is my_queue:
                choices.append([stamp])
            else:
                near = (other for other in queue if abs(other - stamp) <= slop)
                choices.append(sorted(near, key=lambda other: abs(other - stamp)))
        for stamps in itertools.product(*choices):
            if max(stamps) - min(stamps) < slop:
                return stamps
        return None
