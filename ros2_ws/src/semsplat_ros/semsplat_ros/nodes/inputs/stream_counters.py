# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What is remembered and counted about the two streams that are paired."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median
from types import MappingProxyType

JUMP_BACK_NS = 1_000_000_000
"""A stamp so much older than the newest of its stream means that time itself was set back."""
_STAMPS_KEPT = 64
_OFFSETS_KEPT = 50


class DropReason(StrEnum):
    """Why a message never reached the synchroniser."""

    BAD_STAMP = "bad stamp"
    """Negative, or nanoseconds of a second or more."""
    ZERO_STAMP = "zero stamp"
    REFUSED = "refused"
    """Size, encoding or data: see :mod:`semsplat_ros.nodes.inputs.image_decoding`."""
    LATE = "late"
    """Not newer than the newest pair: out of order, or a duplicate."""
    FAILED = "failed"
    """A bug; the log has it."""


@dataclass(frozen=True)
class Drop:
    """One message that was dropped."""

    stream: str
    """``left`` or ``right``."""
    reason: DropReason
    message: str
    """One sentence with the numbers."""
    repeated: bool
    """True if the drop before in this stream said the same, with no good message between them."""


@dataclass(frozen=True)
class StreamCounters:
    """One input since the node was configured."""

    received: int
    accepted: int
    """Passed on to the synchroniser."""
    dropped: Mapping[DropReason, int]
    duplicates: int
    """Replaced a waiting message with the same stamp."""
    out_of_order: int
    """Older than the newest of the stream, but taken."""
    unmatched: int
    """Taken, but left the queue without a partner."""
    waiting: int
    """Now in the queue."""
    last_stamp_ns: int | None
    """Of the newest good message."""
    last_received: float | None
    """`time.monotonic` of the last message, good or bad."""
    last_drop: tuple[DropReason, str] | None
    """Why the last message was dropped, with one sentence; None if it was not."""


@dataclass(frozen=True)
class PairCounters:
    """Both inputs and what became of them."""

    left: StreamCounters
    right: StreamCounters
    pairs: int
    pairs_dropped: int
    """Pairs that a newer one replaced before the worker took them."""
    resets: int
    last_reset: str
    """Why the last reset was, else empty."""
    pair_offset: float | None
    """Seconds, right minus left stamp, median over the newest pairs."""
    arrival_offset: float | None
    """The same between the newest messages of both streams, paired or not."""


@dataclass
class Stream:
    """The changing state of one input; guarded by the lock of its owner."""

    name: str
    received: int = 0
    accepted: int = 0
    duplicates: int = 0
    out_of_order: int = 0
    unmatched: int = 0
    dropped: Counter[DropReason] = field(default_factory=Counter)
    newest_ns: int | None = None
    paired_ns: int | None = None
    """Stamp of its message in the newest pair."""
    last_received: float | None = None
    last_drop: tuple[DropReason, str] | None = None
    older_in_a_row: int = 0
    stamps: deque[int] = field(default_factory=lambda: deque(maxlen=_STAMPS_KEPT))
    """The newest stamps, also of messages that have left the queue."""

    def jumped_back(self, stamp_ns: int, patience: int) -> float:
        """Seconds by which time was set back if this stamp says so, else 0.

        That is so if it is far older than the newest one, or if more than `patience` messages in a
        row are older: a short recording that is played in a loop.
        """
        if self.newest_ns is None or stamp_ns >= self.newest_ns:
            self.older_in_a_row = 0
            return 0.0
        self.older_in_a_row += 1
        back = self.newest_ns - stamp_ns
        if back > JUMP_BACK_NS or self.older_in_a_row > patience:
            return back / 1e9
        return 0.0

    def forget_time(self) -> None:
        """Forget all stamps; counters stay."""
        self.newest_ns = self.paired_ns = None
        self.older_in_a_row = 0
        self.stamps.clear()

    def drop(self, reason: DropReason, message: str) -> Drop:
        """Count a dropped message."""
        self.dropped[reason] += 1
        repeated = self.last_drop == (reason, message)
        self.last_drop = (reason, message)
        return Drop(self.name, reason, message, repeated)

    def accept(self, stamp_ns: int) -> None:
        """Count a message that goes to the synchroniser."""
        self.accepted += 1
        self.last_drop = None
        if self.newest_ns is not None and stamp_ns < self.newest_ns:
            self.out_of_order += 1
        self.newest_ns = max(stamp_ns, self.newest_ns or 0)
        self.stamps.append(stamp_ns)

    def counters(self, waiting: int) -> StreamCounters:
        """A snapshot."""
        return StreamCounters(
            received=self.received,
            accepted=self.accepted,
            dropped=MappingProxyType(dict(self.dropped)),
            duplicates=self.duplicates,
            out_of_order=self.out_of_order,
            unmatched=self.unmatched,
            waiting=waiting,
            last_stamp_ns=self.newest_ns,
            last_received=self.last_received,
            last_drop=self.last_drop,
        )


class Offsets:
    """Stamp differences between the streams, and why there are no pairs. Guarded by its owner."""

    def __init__(self) -> None:
        self._pairs: deque[int] = deque(maxlen=_OFFSETS_KEPT)
        # By the stream whose message arrived: one holds the offset, the other is a period off.
        self._arrivals = {name: deque[int](maxlen=_OFFSETS_KEPT) for name in ("left", "right")}
        self._since_pair = 0
        self._missed = 0
        """Messages since the last pair whose partner had already left the queue."""

    def pair_seconds(self) -> float | None:
        """Median over the newest pairs, right minus left."""
        return median(self._pairs) / 1e9 if self._pairs else None

    def arrival_seconds(self) -> float | None:
        """Median between the newest messages of both streams, right minus left."""
        medians = [median(arrivals) for arrivals in self._arrivals.values() if arrivals]
        return min(medians, key=abs) / 1e9 if medians else None

    def arrived(self, stamp_ns: int, stream: Stream, other: Stream, most: int) -> None:
        """Note a good message of a stream; `most` is the tolerance in ns."""
        if stream.newest_ns is None or other.newest_ns is None:
            return
        ahead = stream.newest_ns - other.newest_ns
        self._arrivals[stream.name].append(ahead if stream.name == "right" else -ahead)
        self._since_pair += 1
        self._missed += any(abs(stamp_ns - stamp) <= most for stamp in other.stamps)

    def paired(self, left_ns: int, right_ns: int) -> None:
        """Note a pair."""
        self._pairs.append(right_ns - left_ns)
        self._since_pair = self._missed = 0

    def forget(self) -> None:
        """Start anew after time was set back."""
        self._pairs.clear()
        for arrivals in self._arrivals.values():
            arrivals.clear()
        self._since_pair = self._missed = 0

    def diagnosis(self, max_offset: float, queue: int) -> str:
        """Why messages of both streams make no pairs and what to do, or empty if they do."""
        offset = self.arrival_seconds()
        if offset is None or self._since_pair <= 4 * queue:
            return ""
        # Only messages of the late stream can miss their partner, so half of all at most.
        if 4 * self._missed > self._since_pair:
            late = "right" if offset < 0 else "left"
            return (
                f"{late} images arrive {abs(offset):.3f} s after their partners have left the "
                f"queue of {queue}; raise input.queue"
            )
        return (
            f"no pairs: median offset {abs(offset):.3f} s > input.max_offset {max_offset:.3f} s; "
            "raise input.max_offset or synchronise the cameras"
        )
