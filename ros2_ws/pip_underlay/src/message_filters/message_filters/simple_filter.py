# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The base of every filter."""

from collections.abc import Callable
from typing import Any


class SimpleFilter:
    """A filter's output side: callbacks are registered here and called for each output."""

    def __init__(self) -> None:
        self.callbacks: dict[int, tuple[Callable[..., None], tuple[Any, ...]]] = {}

    def registerCallback(self, cb: Callable[..., None], *args: Any) -> int:
        """Call `cb(*messages, *args)` for each output; returns the number of the connection."""
        connection = len(self.callbacks)
        self.callbacks[connection] = (cb, args)
        return connection

    def signalMessage(self, *msg: Any) -> None:
        """Pass one output on to every registered callback, in the order of registration."""
        for callback, args in list(self.callbacks.values()):
            callback(*msg, *args)
