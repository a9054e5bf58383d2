# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The tree of frames: samples of each frame's transform to its parent, walks between frames."""

from bisect import bisect_left, insort
from dataclasses import dataclass, field

from tf2_ros.rigid import IDENTITY, Rigid, interpolate


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


@dataclass(order=True)
class Sample:
    """The transform of a frame to its parent at one stamp, in nanoseconds."""

    stamp: int
    parent: str = field(compare=False)
    transform: Rigid = field(compare=False)


@dataclass
class FrameHistory:
    """What is held of one frame: samples by rising stamp; a static frame has one, for always."""

    static: bool
    samples: list[Sample] = field(default_factory=list)

    def insert(self, sample: Sample, keep: int) -> bool:
        """Add a sample; False if it is older than `keep` nanoseconds before the newest."""
        if self.static:
            self.samples = [sample]
            return True
        if self.samples and sample.stamp < self.samples[-1].stamp - keep:
            return False
        place = bisect_left(self.samples, sample)
        if place < len(self.samples) and self.samples[place].stamp == sample.stamp:
            self.samples[place] = sample
        else:
            insort(self.samples, sample)
        oldest = self.samples[-1].stamp - keep
        while self.samples[0].stamp < oldest:
            del self.samples[0]
        return True

    def at(self, stamp: int, frame: str) -> Sample:
        """The transform at `stamp`, interpolated. Raises ExtrapolationException outside."""
        if self.static:
            return self.samples[0]
        place = bisect_left([sample.stamp for sample in self.samples], stamp)
        if place < len(self.samples) and self.samples[place].stamp == stamp:
            return self.samples[place]
        if place in (0, len(self.samples)):
            held = self.samples[min(place, len(self.samples) - 1)].stamp
            way, end = ("past", "earliest") if place == 0 else ("future", "latest")
            raise ExtrapolationException(
                f"Lookup would require extrapolation into the {way}. Requested time "
                f"{stamp / 1e9:.6f} but the {end} data is at time {held / 1e9:.6f}, "
                f"when looking up transform of frame [{frame}]"
            )
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
        """Forget the moving frames; static ones are sent once and stay, as in tf2."""
        self._frames = {name: held for name, held in self._frames.items() if held.static}

    def check_known(self, frame: str, argument: str) -> None:
        """Raise for a name that can not be, or is not, a frame's."""
        if not frame or frame.startswith("/"):
            raise InvalidArgumentException(
                f"Invalid argument passed to lookupTransform argument {argument}: {frame!r}; "
                "a frame name is not empty and does not start with a '/'"
            )
        if frame not in self._frames and frame not in self._parents:
            raise LookupException(
                f'"{frame}" passed to lookupTransform argument {argument} does not exist. '
            )

    def latest_common(self, target: str, source: str) -> int:
        """The newest stamp at which all transforms between two frames are held; 0 if static."""
        ups = [self._newest_path(frame) for frame in (target, source)]
        common = self._meeting(*([name for name, _ in up] for up in ups), target, source)
        stamps = []
        for up in ups:
            for name, stamp in up:
                if name == common:
                    break
                if stamp is not None:
                    stamps.append(stamp)
        return min(stamps, default=0)

    def lookup(self, target: str, source: str, stamp: int) -> Rigid:
        """target_from_source at a stamp. Raises Connectivity- or ExtrapolationException."""
        ups, errors = [], []
        for frame in (target, source):
            path, error = self._path(frame, stamp)
            ups.append(path)
            errors.append(error)
        try:
            common = self._meeting(*([name for name, _ in up] for up in ups), target, source)
        except ConnectivityException:
            # Frames may only seem unconnected because a stamp on the way is not held.
            for error in errors:
                if error is not None:
                    raise error from None
            raise
        common_from_target, common_from_source = (dict(up)[common] for up in ups)
        return common_from_target.inverse().compose(common_from_source)

    def _path(
        self, frame: str, stamp: int
    ) -> tuple[list[tuple[str, Rigid]], ExtrapolationException | None]:
        """(ancestor, ancestor_from_frame) from the frame to its root, or as far as is held."""
        path = [(frame, IDENTITY)]
        while frame in self._frames:
            try:
                sample = self._frames[frame].at(stamp, frame)
            except ExtrapolationException as error:
                return path, error
            path.append((sample.parent, sample.transform.compose(path[-1][1])))
            frame = sample.parent
            if len(path) > len(self._frames) + 1:
                raise LookupException(f"The tf tree has a loop at frame [{frame}]")
        return path, None

    def _newest_path(self, frame: str) -> list[tuple[str, int | None]]:
        """(ancestor, its newest stamp, None if static) from the frame to its root."""
        path: list[tuple[str, int | None]] = []
        while frame in self._frames:
            history = self._frames[frame]
            newest = history.samples[-1]
            path.append((frame, None if history.static else newest.stamp))
            frame = newest.parent
            if len(path) > len(self._frames):
                raise LookupException(f"The tf tree has a loop at frame [{frame}]")
        return [*path, (frame, None)]

    @staticmethod
    def _meeting(first: list[str], second: list[str], target: str, source: str) -> str:
        common = next((name for name in first if name in second), None)
        if common is None:
            raise ConnectivityException(
                f"Could not find a connection between '{target}' and '{source}' because they "
                "are not part of the same tree. Tf has two or more unconnected trees."
            )
        return common
