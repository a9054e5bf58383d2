# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The tree of frames: samples of each frame's transform to its parent, walks between frames."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from tf2_ros.rigid import IDENTITY, Rigid, interpolate

# A frame that has more ancestors is taken for a part of a loop, as in tf2.
MAX_DEPTH = 1000


class TransformException(Exception):
    """Base of everything that keeps a transform from being found."""


class LookupException(TransformException):
    """A frame is not known."""


class ConnectivityException(TransformException):
    """The two frames are known and belong to different trees."""


class ExtrapolationException(TransformException):
    """The stamp lies outside the samples that are held."""


class InvalidArgumentException(TransformException):
    """A frame name or a transform that can never be valid."""


@dataclass(frozen=True)
class Sample:
    """The transform of a frame to its parent at one stamp, in nanoseconds."""

    stamp: int
    parent: str
    transform: Rigid


@dataclass
class FrameHistory:
    """What is held of one frame: samples by rising stamp; a static frame has one, for always.

    Samples of the same stamp stay in the order in which they came, as in tf2.
    """

    static: bool
    samples: list[Sample] = field(default_factory=list)

    def insert(self, sample: Sample, keep: int) -> bool:
        """Add a sample; False if it is older than `keep` nanoseconds before the newest.

        Only what was too old before goes, as in tf2: a sample outlasts the newer one that makes
        it too old, up to the next.
        """
        if self.static:
            self.samples = [sample]
            return True
        if self.samples:
            oldest = self.newest - keep
            del self.samples[: bisect_left(self.samples, oldest, key=_stamp)]
            if sample.stamp < oldest:
                return False
        place = bisect_right(self.samples, sample.stamp, key=_stamp)
        if sample not in self.samples[bisect_left(self.samples, sample.stamp, key=_stamp) : place]:
            self.samples.insert(place, sample)
        return True

    @property
    def newest(self) -> int:
        """The newest stamp; 0 for a static frame and for one that was cleared."""
        return 0 if self.static or not self.samples else self.samples[-1].stamp

    def at(self, stamp: int) -> Sample:
        """The transform at `stamp`, interpolated; the newest at 0.

        Raises ExtrapolationException outside of the samples.
        """
        if not self.samples:
            raise ExtrapolationException(
                f"Lookup would require extrapolation at time {stamp / 1e9:.6f}, "
                "but no data is in the buffer"
            )
        first, last = self.samples[0], self.samples[-1]
        if self.static or stamp in (0, last.stamp):
            return last
        if stamp == first.stamp:
            return first
        if not first.stamp < stamp < last.stamp:
            raise _outside(stamp, first.stamp, last.stamp, len(self.samples))
        place = bisect_right(self.samples, stamp, key=_stamp)
        before, after = self.samples[place - 1], self.samples[place]
        if before.parent != after.parent:
            return before
        share = (stamp - before.stamp) / (after.stamp - before.stamp)
        transform = interpolate(before.transform, after.transform, share)
        return Sample(stamp, before.parent, transform)


class FrameTree:
    """All frames. Not thread-safe: the buffer holds a lock around each call."""

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self._frames: dict[str, FrameHistory] = {}
        self._parents: set[str] = set()

    def insert(self, child: str, sample: Sample, static: bool) -> bool:
        """Add a sample of the frame `child`; False if it was too old to be of use."""
        history = self._frames.get(child)
        if history is None or history.static != static:
            history = self._frames[child] = FrameHistory(static)
        self._parents.add(sample.parent)
        return history.insert(sample, self.keep)

    def clear(self) -> None:
        """Forget where moving frames are; static ones are sent once and stay, as in tf2."""
        for history in self._frames.values():
            if not history.static:
                history.samples.clear()

    def check_known(self, frame: str, argument: str) -> None:
        """Raise for a name that can not be, or is not, a frame's."""
        if not frame or frame.startswith("/"):
            fault = "start with a '/'" if frame else "be empty"
            raise InvalidArgumentException(
                f'Invalid argument "{frame}" passed to lookupTransform argument {argument} - '
                f"in tf2 frame_ids cannot {fault}"
            )
        if frame not in self._frames and frame not in self._parents:
            raise LookupException(
                f'"{frame}" passed to lookupTransform argument {argument} does not exist. '
            )

    def newest(self, frame: str) -> int:
        """The newest stamp of a frame; 0 if it is static, or not known as a child."""
        return self._frames[frame].newest if frame in self._frames else 0

    def latest_common(self, target: str, source: str) -> int:
        """The newest stamp at which all transforms between two frames are held; 0 if static."""
        up_source = self._newest_path(source, {target})
        ancestors = [name for name, _ in up_source]
        if target in ancestors:
            return _earliest(up_source)
        up_target = self._newest_path(target, {source, *ancestors})
        end = up_target[-1][0] if up_target else target
        if end in ancestors:
            return _earliest(up_target + up_source[: ancestors.index(end) + 1])
        if end == source:
            return _earliest(up_target)
        raise _unconnected(target, source)

    def lookup(self, target: str, source: str, stamp: int) -> Rigid:
        """target_from_source at a stamp. Raises Connectivity- or ExtrapolationException."""
        top, top_from_source, source_error = self._climb(source, stamp, {target})
        if top == target:
            return top_from_source
        end, end_from_target, target_error = self._climb(target, stamp, {source, top})
        if end == source:
            return end_from_target.inverse()
        if end == top:
            return end_from_target.inverse().compose(top_from_source)
        # Frames may only seem unconnected because a stamp on the way is not held.
        error = target_error or source_error
        if error is None:
            raise _unconnected(target, source)
        raise ExtrapolationException(
            f"{error}, when looking up transform from frame [{source}] to frame [{target}]"
        )

    def _climb(
        self, frame: str, stamp: int, ends: set[str]
    ) -> tuple[str, Rigid, ExtrapolationException | None]:
        """(end, end_from_frame, why no further): to one of `ends`, the root or as far as held."""
        start_in_frame = IDENTITY
        for _ in range(MAX_DEPTH + 1):
            if frame in ends or frame not in self._frames:
                return frame, start_in_frame, None
            try:
                sample = self._frames[frame].at(stamp)
            except ExtrapolationException as error:
                return frame, start_in_frame, error
            start_in_frame = sample.transform.compose(start_in_frame)
            frame = sample.parent
        raise _loop(frame)

    def _newest_path(self, frame: str, ends: set[str]) -> list[tuple[str, int]]:
        """(ancestor, newest stamp of the step up to it) to one of `ends` or to the root."""
        path: list[tuple[str, int]] = []
        while frame in self._frames and self._frames[frame].samples:
            history = self._frames[frame]
            frame = history.samples[-1].parent
            path.append((frame, history.newest))
            if frame in ends:
                break
            if len(path) > MAX_DEPTH:
                raise _loop(frame)
        return path


def _stamp(sample: Sample) -> int:
    return sample.stamp


def _earliest(path: list[tuple[str, int]]) -> int:
    return min((stamp for _, stamp in path if stamp), default=0)


def _outside(stamp: int, first: int, last: int, count: int) -> ExtrapolationException:
    if count == 1:
        return ExtrapolationException(
            f"Lookup would require extrapolation at time {stamp / 1e9:.6f}, "
            f"but only time {last / 1e9:.6f} is in the buffer"
        )
    way, end, held = ("past", "earliest", first) if stamp < first else ("future", "latest", last)
    return ExtrapolationException(
        f"Lookup would require extrapolation into the {way}.  Requested time {stamp / 1e9:.6f} "
        f"but the {end} data is at time {held / 1e9:.6f}"
    )


def _unconnected(target: str, source: str) -> ConnectivityException:
    return ConnectivityException(
        f"Could not find a connection between '{target}' and '{source}' because they "
        "are not part of the same tree. Tf has two or more unconnected trees."
    )


def _loop(frame: str) -> LookupException:
    return LookupException(
        f"The tf tree is invalid because it contains a loop, at frame [{frame}]"
    )
