# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The place between the camera callbacks and the worker: one pair, the newest."""

import threading
from dataclasses import dataclass
from typing import TypeAlias

from sensor_msgs.msg import CompressedImage, Image

ImageMessage: TypeAlias = Image | CompressedImage


@dataclass(frozen=True)
class ImagePair:
    """Two messages that belong together."""

    left: ImageMessage
    right: ImageMessage
    left_stamp_ns: int
    right_stamp_ns: int
    received: float
    """`time.monotonic` when the pair was complete."""

    @property
    def offset(self) -> float:
        """Seconds, right stamp minus left stamp."""
        return (self.right_stamp_ns - self.left_stamp_ns) / 1e9


class NewestPairSlot:
    """Holds the newest pair. Thread-safe; nothing blocks but :meth:`wait`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._pair: ImagePair | None = None
        self._woken = False
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """Pairs that were replaced before anybody took them."""
        return self._dropped

    def put(self, pair: ImagePair) -> None:
        """Store a pair in place of the one that is there."""
        with self._changed:
            if self._pair is not None:
                self._dropped += 1
            self._pair = pair
            self._changed.notify_all()

    def take(self) -> ImagePair | None:
        """The pair, which leaves the slot; None if there is none."""
        with self._changed:
            pair, self._pair = self._pair, None
            return pair

    def clear(self) -> None:
        """Forget the pair; it counts as dropped."""
        with self._changed:
            if self._pair is not None:
                self._dropped += 1
            self._pair = None

    def wait(self, timeout: float) -> bool:
        """Wait until a pair is there, `timeout` seconds have passed or :meth:`wake` is called.

        Returns:
            True if a pair is there.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._pair is not None or self._woken, timeout)
            self._woken = False
            return self._pair is not None

    def wake(self) -> None:
        """End the wait that is going on, or the next one."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()
