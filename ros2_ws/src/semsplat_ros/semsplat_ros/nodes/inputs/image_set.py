# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The place between the camera callbacks and the worker: one set of images, the newest."""

import threading
from dataclasses import dataclass
from typing import TypeAlias

from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

ImageMessage: TypeAlias = Image | CompressedImage


@dataclass(frozen=True)
class ImageSet:
    """Messages of one moment, one of each camera in the order of the cameras: two are a pair."""

    messages: tuple[ImageMessage, ...]
    stamps_ns: tuple[int, ...]
    received: float
    """`time.monotonic` when the set was complete."""

    @property
    def header(self) -> Header:
        """Stamp and frame of the first camera's message."""
        return self.messages[0].header

    @property
    def stamp_ns(self) -> int:
        """Stamp of the first camera's message."""
        return self.stamps_ns[0]

    @property
    def frames(self) -> tuple[str, ...]:
        """frame_id of each message."""
        return tuple(message.header.frame_id for message in self.messages)

    @property
    def spread(self) -> float:
        """Seconds between the earliest and the latest stamp."""
        return (max(self.stamps_ns) - min(self.stamps_ns)) / 1e9


class NewestSetSlot:
    """Holds the newest set. Thread-safe; nothing blocks but :meth:`wait`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._set: ImageSet | None = None
        self._woken = False
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """Sets that were replaced before anybody took them."""
        return self._dropped

    def put(self, image_set: ImageSet) -> None:
        """Store a set in place of the one that is there."""
        with self._changed:
            if self._set is not None:
                self._dropped += 1
            self._set = image_set
            self._changed.notify_all()

    def take(self) -> ImageSet | None:
        """The set, which leaves the slot; None if there is none."""
        with self._changed:
            image_set, self._set = self._set, None
            return image_set

    def clear(self) -> None:
        """Forget the set; it counts as dropped."""
        with self._changed:
            if self._set is not None:
                self._dropped += 1
            self._set = None

    def wait(self, timeout: float) -> bool:
        """Wait until a set is there, `timeout` seconds have passed or :meth:`wake` is called.

        Returns:
            True if a set is there.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._set is not None or self._woken, timeout)
            self._woken = False
            return self._set is not None

    def wake(self) -> None:
        """End the wait that is going on, or the next one."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()
