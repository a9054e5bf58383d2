# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What is remembered and counted about the cameras' streams and the sets made of them."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
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
    """Not newer than the newest set: out of order, or a duplicate."""
    FAILED = "failed"
    """A bug; the log has it."""


@dataclass(frozen=True)
class Drop:
    """One message that was dropped."""

    stream: str
    """Name of the camera."""
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
    """Taken, but left the queue without partners."""
    waiting: int
    """Now in the queue."""
    last_stamp_ns: int | None
    """Of the newest good message."""
    last_received: float | None
    """`time.monotonic` of the last message, good or bad."""
    last_drop: tuple[DropReason, str] | None
    """Why the last message was dropped, with one sentence; None if it was not."""


@dataclass(frozen=True)
class SetCounters:
    """All inputs and what became of them."""

    streams: Mapping[str, StreamCounters]
    """By camera."""
    sets: int
    sets_dropped: int
    """Sets that a newer one replaced before the worker took them."""
    resets: int
    last_reset: str
    """Why the last reset was, else empty."""
    set_offsets: Mapping[str, float]
    """Seconds by which the stamp of each further camera is later than that of the first, median
    over the newest sets; empty without sets."""
    arrival_offsets: Mapping[str, float]
    """The same between the newest messages of the cameras, matched or not."""


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
    matched_ns: int | None = None
    """Stamp of its message in the newest set."""
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
        self.newest_ns = self.matched_ns = None
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
    """Stamp differences between the cameras, and why there are no sets. Guarded by its owner.

    Args:
        cameras: the names; all offsets are against the first one.
    """

    def __init__(self, cameras: Sequence[str]) -> None:
        self._first, *further = cameras
        self._sets = {name: deque[int](maxlen=_OFFSETS_KEPT) for name in further}
        # By who arrived, the further camera or the first one: the newest messages differ by the
        # offset in one case and by a period more or less in the other.
        self._arrivals = {
            name: {who: deque[int](maxlen=_OFFSETS_KEPT) for who in (name, self._first)}
            for name in further
        }
        self._since_set = 0
        self._missed = 0
        """Messages since the last set whose partners had already left the queue."""

    def set_seconds(self) -> dict[str, float]:
        """Median over the newest sets, each further camera minus the first."""
        return {name: median(kept) / 1e9 for name, kept in self._sets.items() if kept}

    def arrival_seconds(self) -> dict[str, float]:
        """Median between the newest messages, each further camera minus the first."""
        found = {}
        for name, by_arrival in self._arrivals.items():
            medians = [median(kept) for kept in by_arrival.values() if kept]
            if medians:
                found[name] = min(medians, key=abs) / 1e9
        return found

    def arrived(self, camera: str, streams: Mapping[str, Stream]) -> None:
        """Note a good message of a camera."""
        first = streams[self._first].newest_ns
        for name in self._arrivals if camera == self._first else (camera,):
            newest = streams[name].newest_ns
            if newest is not None and first is not None:
                self._arrivals[name][camera].append(newest - first)

    def unmatched(
        self, stamp_ns: int, camera: str, streams: Mapping[str, Stream], most: int
    ) -> None:
        """Note a message that completed no set; `most` is the tolerance in ns."""
        others = [stream.stamps for name, stream in streams.items() if name != camera]
        if not others or not all(others):
            return
        self._since_set += 1
        nearest = [stamp_ns]
        for stamps in others:
            near = [stamp for stamp in stamps if abs(stamp - stamp_ns) <= most]
            if not near:
                return
            nearest.append(min(near, key=lambda stamp: abs(stamp - stamp_ns)))
        self._missed += max(nearest) - min(nearest) <= most

    def matched(self, stamps_ns: tuple[int, ...]) -> None:
        """Note a set."""
        for kept, stamp_ns in zip(self._sets.values(), stamps_ns[1:], strict=True):
            kept.append(stamp_ns - stamps_ns[0])
        self._since_set = self._missed = 0

    def forget(self) -> None:
        """Start anew after time was set back."""
        for kept in (
            *self._sets.values(),
            *(kept for by_arrival in self._arrivals.values() for kept in by_arrival.values()),
        ):
            kept.clear()
        self._since_set = self._missed = 0

    def diagnosis(self, max_offset: float, queue: int) -> str:
        """Why messages of all cameras make no sets and what to do, or empty if they do."""
        offsets = {self._first: 0.0, **self.arrival_seconds()}
        count = len(offsets)
        if count <= len(self._sets) or self._since_set <= 2 * count * queue:
            return ""
        late, early = min(offsets, key=offsets.get), max(offsets, key=offsets.get)
        apart = offsets[early] - offsets[late]
        # Only messages of the late camera can miss their partners.
        if 2 * count * self._missed > self._since_set:
            return (
                f"{late} images arrive {apart:.3f} s after their partners have left the queue of "
                f"{queue}; raise input.queue"
            )
        made = "pairs" if count == 2 else "sets of images"
        if apart <= max_offset:
            return (
                f"no {made}: no moment has an image of {' and '.join(offsets)} within "
                f"input.max_offset {max_offset:.3f} s; trigger the cameras together"
            )
        return (
            f"no {made}: median offset of {late} and {early} {apart:.3f} s > input.max_offset "
            f"{max_offset:.3f} s; raise input.max_offset or synchronise the cameras"
        )
