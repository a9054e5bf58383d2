# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Which messages make a set. Not thread-safe; :mod:`semsplat_ros.nodes.inputs.synchronization`
guards them."""

import time
from collections import deque
from typing import Protocol, runtime_checkable

import message_filters

from semsplat_ros.nodes.inputs.image_set import ImageMessage, ImageSet

SECOND_NS = 1_000_000_000


@runtime_checkable
class SetMatcher(Protocol):
    """Takes good messages one by one, gives sets."""

    counts_unmatched: bool
    max_offset_ns: int

    def add(self, camera: int, message: ImageMessage) -> ImageSet | None:
        """Add a message with a good stamp; the set that it completes, if it does."""
        ...

    def waiting(self) -> tuple[int, ...]:
        """Messages of each camera that are kept for partners."""
        ...

    def is_waiting(self, camera: int, stamp_ns: int) -> bool:
        """True if a message with this stamp is kept for a camera."""
        ...


class StampMatcher:
    """Two cameras or more: one synchroniser of message_filters with its inputs.

    Args:
        cameras: how many.
        max_offset_ns: between the stamps of a set, inclusive; 0 = equal stamps only.
        queue: messages of each camera that wait for their partners.
    """

    counts_unmatched = True
    """What leaves the queue without partners is lost."""

    def __init__(self, cameras: int, max_offset_ns: int, queue: int) -> None:
        self.max_offset_ns = max_offset_ns
        self._inputs = tuple(message_filters.SimpleFilter() for _ in range(cameras))
        if max_offset_ns == 0:
            self._synchronizer = message_filters.TimeSynchronizer(self._inputs, queue)
        else:
            # The synchroniser wants the offset to be less than its slop: one nanosecond makes the
            # tolerance inclusive, half of one keeps the conversion to whole nanoseconds from
            # rounding it away.
            slop = (max_offset_ns + 1.5) / SECOND_NS
            self._synchronizer = message_filters.ApproximateTimeSynchronizer(
                self._inputs, queue, slop
            )
        self._complete: list[tuple[ImageMessage, ...]] = []
        # Cannot raise and takes no time: it runs under the synchroniser's lock.
        self._synchronizer.registerCallback(lambda *messages: self._complete.append(messages))

    def add(self, camera: int, message: ImageMessage) -> ImageSet | None:
        """Add a message with a good stamp; the set that it completes, if it does."""
        self._inputs[camera].signalMessage(message)
        if not self._complete:
            return None
        messages = self._complete[-1]
        self._complete.clear()
        stamps_ns = tuple(stamp_of(message) for message in messages)
        if max(stamps_ns) - min(stamps_ns) > self.max_offset_ns:
            return None  # a synchroniser with an inclusive slop matched the extra nanosecond
        # What is older than the set could only make a set that goes back in time.
        for queue, newest in zip(self._synchronizer.queues, stamps_ns, strict=True):
            for stamp in [stamp for stamp in queue if stamp <= newest]:
                del queue[stamp]
        return ImageSet(messages, stamps_ns, time.monotonic())

    def waiting(self) -> tuple[int, ...]:
        """Messages of each camera that wait for partners."""
        return tuple(len(queue) for queue in self._synchronizer.queues)

    def is_waiting(self, camera: int, stamp_ns: int) -> bool:
        """True if a message with this stamp waits for a camera."""
        return stamp_ns in self._synchronizer.queues[camera]


class FrameMatcher:
    """One camera: each message makes a pair with an earlier one.

    The partner is the newest that is old enough among those that are kept. To bound the memory no
    two are kept that are closer than a `queue`-th of the time, so a partner is older than asked
    for by that much at most, or by one period of the camera.

    Args:
        min_gap_ns: between the stamps of a pair.
        queue: how finely the time is divided.
    """

    counts_unmatched = False
    max_offset_ns = 0

    def __init__(self, min_gap_ns: int, queue: int) -> None:
        self._min_gap_ns = min_gap_ns
        self._spacing_ns = min_gap_ns // queue
        self._kept: deque[ImageMessage] = deque()

    def add(self, camera: int, message: ImageMessage) -> ImageSet | None:
        """Add a message of the one camera; its pair with an earlier one, if there is one."""
        stamp_ns = stamp_of(message)
        kept = self._kept
        if kept and stamp_ns <= stamp_of(kept[-1]):
            return None  # out of order: it would make a pair that goes back in time
        while len(kept) > 1 and stamp_ns - stamp_of(kept[1]) >= self._min_gap_ns:
            kept.popleft()
        earlier = kept[0] if kept else None
        if earlier is None or stamp_ns - stamp_of(kept[-1]) >= self._spacing_ns:
            kept.append(message)
        if earlier is None or stamp_ns - stamp_of(earlier) < self._min_gap_ns:
            return None
        return ImageSet((message, earlier), (stamp_ns, stamp_of(earlier)), time.monotonic())

    def waiting(self) -> tuple[int, ...]:
        """Messages that are kept."""
        return (len(self._kept),)

    def is_waiting(self, camera: int, stamp_ns: int) -> bool:
        """True if the newest message that is kept has this stamp."""
        return bool(self._kept) and stamp_of(self._kept[-1]) == stamp_ns


def stamp_of(message: ImageMessage) -> int:
    """Stamp of a message in nanoseconds."""
    return message.header.stamp.sec * SECOND_NS + message.header.stamp.nanosec
