# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Images of one moment by their stamps: message_filters behind guards, or one camera with itself.

The Python synchronisers of ROS 2 Jazzy have four faults (message_filters/__init__.py, jazzy
branch):

1. a callback that raises, or a stamp that cannot be read, leaves their lock locked: the next
   message blocks its thread for ever;
2. after time was set back (a recording played in a loop) a full queue of later stamps evicts every
   new one, and nothing is matched again;
3. a tolerance of zero never matches, and one of t does not match an offset of exactly t;
4. the user's callback runs under the lock, so a slow one stalls the other cameras.

:class:`ImageSynchronizer` keeps them from mattering: nothing unreadable reaches the synchroniser,
its callback only appends to a list, zero tolerance takes the exact synchroniser, and a jump back
in time takes a fresh one.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.nodes.common.conversions import to_time
from semsplat_ros.nodes.inputs import image_decoding
from semsplat_ros.nodes.inputs.image_set import ImageMessage, ImageSet, NewestSetSlot
from semsplat_ros.nodes.inputs.stamp_matching import (
    SECOND_NS,
    FrameMatcher,
    SetMatcher,
    StampMatcher,
    stamp_of,
)
from semsplat_ros.nodes.inputs.stream_counters import (
    Drop,
    DropReason,
    Offsets,
    SetCounters,
    Stream,
)

_logger = logging.getLogger(__name__)


class ImageSynchronizer:
    """Takes the messages of some cameras, gives the newest set with one of each.

    All methods may be called from any thread; only :meth:`wait` blocks. Memory is bounded by
    `queue` messages of each camera and one set. A message is matched when the last of its partners
    arrives, with the nearest waiting stamp of every other camera; sets come in rising order of all
    stamps.

    Args:
        cameras: their names, two or more; the first one's image comes first in a set.
        max_offset: seconds between the earliest and the latest stamp of a set, inclusive; 0 =
            equal stamps only.
        queue: messages of each camera that wait for their partners.
        max_pixels: larger images are dropped.
        on_drop: told of every message that is dropped before matching, in the callback's thread,
            with no lock held.
        arrival_ns: the clock that stamps a message without a stamp; None = it is dropped.
        min_baseline_time: None = several cameras; else there is one camera, and each image makes
            a pair with one that is so many seconds older, which takes the second place.
    """

    def __init__(
        self,
        cameras: Sequence[str],
        max_offset: float,
        queue: int,
        max_pixels: int = 1 << 24,
        on_drop: Callable[[Drop], None] | None = None,
        arrival_ns: Callable[[], int] | None = None,
        min_baseline_time: float | None = None,
    ) -> None:
        self._cameras = tuple(cameras)
        self._queue = queue
        self._max_pixels = max_pixels
        self._on_drop = on_drop
        self._arrival_ns = arrival_ns
        self._min_baseline_time = min_baseline_time
        self._lock = threading.Lock()
        self._slot = NewestSetSlot()
        self._streams = {name: Stream(name) for name in self._cameras}
        self._offsets = Offsets(self._cameras)
        self._sets = self._resets = 0
        self._last_reset = ""
        self._matcher = self._new_matcher(_nanoseconds(max_offset))

    def receive(self, camera: str, message: ImageMessage) -> None:
        """Take a message of a camera; never raises: whatever happens, the next one is
        processed."""
        try:
            drop = self._check_and_match(camera, message)
            if drop is not None and self._on_drop is not None:
                self._on_drop(drop)
        except Exception:
            _logger.exception("matching failed; waiting images are forgotten")
            with self._lock:
                self._streams[camera].drop(DropReason.FAILED, "matching failed, see the log")
                # What raised may have left the synchroniser's own lock locked.
                self._renew_matcher(self._matcher.max_offset_ns)

    def take(self) -> ImageSet | None:
        """The newest set that was not taken yet, else None."""
        return self._slot.take()

    def wait(self, timeout: float) -> bool:
        """Wait `timeout` seconds for a set or until :meth:`wake`; True if one is there."""
        return self._slot.wait(timeout)

    def wake(self) -> None:
        """End a :meth:`wait`."""
        self._slot.wake()

    def reset(self, reason: str) -> None:
        """Forget waiting messages, the untaken set and all stamps; counters stay."""
        with self._lock:
            self._reset(reason)

    def set_max_offset(self, max_offset: float) -> None:
        """Change the tolerance in seconds; waiting messages are forgotten, a set stays."""
        max_offset_ns = _nanoseconds(max_offset)
        with self._lock:
            if self._matcher.counts_unmatched and max_offset_ns != self._matcher.max_offset_ns:
                self._renew_matcher(max_offset_ns)

    @property
    def counters(self) -> SetCounters:
        """A snapshot of everything that was counted."""
        with self._lock:
            waiting = self._matcher.waiting()
            return SetCounters(
                streams={
                    name: stream.counters(kept)
                    for (name, stream), kept in zip(self._streams.items(), waiting, strict=True)
                },
                sets=self._sets,
                sets_dropped=self._slot.dropped,
                resets=self._resets,
                last_reset=self._last_reset,
                set_offsets=self._offsets.set_seconds(),
                arrival_offsets=self._offsets.arrival_seconds(),
            )

    def diagnosis(self) -> str:
        """Why all cameras send but no set comes, and what to do; empty if sets come."""
        with self._lock:
            return self._offsets.diagnosis(self._matcher.max_offset_ns / 1e9, self._queue)

    def _check_and_match(self, camera: str, message: ImageMessage) -> Drop | None:
        """Validate a message, then match it; what was dropped if it was."""
        stream = self._streams[camera]
        if self._arrival_ns is not None and not stamp_of(message):
            message.header.stamp = to_time(self._arrival_ns())
        fault = self._fault(message)
        with self._lock:
            stream.received += 1
            stream.last_received = time.monotonic()
            if fault is not None:
                return stream.drop(*fault)
            stamp_ns = stamp_of(message)
            back = stream.jumped_back(stamp_ns, self._queue)
            if back:
                self._reset(f"{stream.name} stamps went back by {back:.3f} s")
            if stream.matched_ns is not None and stamp_ns <= stream.matched_ns:
                made = "pair" if len(self._streams) <= 2 else "set"
                older = (stream.matched_ns - stamp_ns) / 1e9
                return stream.drop(
                    DropReason.LATE,
                    f"stamp is {older:.3f} s older than that of the newest {made}"
                    if older
                    else f"stamp is that of the newest {made} again",
                )
            stream.accept(stamp_ns)
            self._match(camera, message, stamp_ns)
        return None

    def _fault(self, message: ImageMessage) -> tuple[DropReason, str] | None:
        """What is wrong with a message by itself."""
        stamp = message.header.stamp
        if stamp.sec < 0 or not 0 <= stamp.nanosec < SECOND_NS:
            return DropReason.BAD_STAMP, (
                f"stamp {stamp.sec} s {stamp.nanosec} ns is not a time; the camera driver must "
                "send seconds >= 0 and nanoseconds < 1000000000"
            )
        if stamp.sec == 0 and stamp.nanosec == 0:
            return DropReason.ZERO_STAMP, (
                "stamp is zero; the camera driver must send the time of the exposure; "
                "input.allow_zero_stamp takes the time of arrival instead"
            )
        try:
            image_decoding.validate(message, self._max_pixels)
        except SemsplatError as refusal:
            return DropReason.REFUSED, refusal.message
        return None

    def _match(self, camera: str, message: ImageMessage, stamp_ns: int) -> None:
        """Hand a good message to the synchroniser and keep account of what left its queues."""
        index = self._cameras.index(camera)
        before = list(self._matcher.waiting())
        if self._matcher.is_waiting(index, stamp_ns):
            self._streams[camera].duplicates += 1
        else:
            before[index] += 1
        self._offsets.arrived(camera, self._streams)
        image_set = self._matcher.add(index, message)
        streams = self._streams.values()
        if image_set is not None:
            self._sets += 1
            # One camera alone is in the set with two images: its newest comes first.
            for stream, stamp in zip(streams, image_set.stamps_ns, strict=False):
                stream.matched_ns = stamp
            self._offsets.matched(image_set.stamps_ns[: len(streams)])
            self._slot.put(image_set)
        else:
            most = self._matcher.max_offset_ns
            self._offsets.unmatched(stamp_ns, camera, self._streams, most)
        if not self._matcher.counts_unmatched:
            return
        matched = image_set is not None
        for stream, was, now in zip(streams, before, self._matcher.waiting(), strict=True):
            stream.unmatched += was - now - matched

    def _reset(self, reason: str) -> None:
        self._renew_matcher(self._matcher.max_offset_ns)
        self._slot.clear()
        for stream in self._streams.values():
            stream.forget_time()
        self._offsets.forget()
        self._resets += 1
        self._last_reset = reason
        _logger.info("matching starts anew: %s", reason)

    def _renew_matcher(self, max_offset_ns: int) -> None:
        if self._matcher.counts_unmatched:
            for stream, waiting in zip(
                self._streams.values(), self._matcher.waiting(), strict=True
            ):
                stream.unmatched += waiting
        self._matcher = self._new_matcher(max_offset_ns)

    def _new_matcher(self, max_offset_ns: int) -> SetMatcher:
        if self._min_baseline_time is None:
            return StampMatcher(len(self._cameras), max_offset_ns, self._queue)
        return FrameMatcher(round(self._min_baseline_time * SECOND_NS), self._queue)


def _nanoseconds(max_offset: float) -> int:
    if not 0.0 <= max_offset <= 3600.0:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT, f"max_offset is {max_offset} s; it must be 0 to 3600 s"
        )
    return round(max_offset * SECOND_NS)
