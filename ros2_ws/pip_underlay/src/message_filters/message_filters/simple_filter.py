# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The base of every filter, and the filter that a subscription feeds."""

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


class Subscriber(SimpleFilter):
    """A subscription as a filter: `Subscriber(node, msg_type, topic, **create_subscription)`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.node, message_type, self.topic, *more = args
        kwargs.setdefault("qos_profile", 10)
        self.sub = self.node.create_subscription(
            message_type, self.topic, *more, self.callback, **kwargs
        )

    def callback(self, msg: Any) -> None:
        """Pass a received message on."""
        self.signalMessage(msg)

    def getTopic(self) -> str:
        """The topic as it was given."""
        return self.topic

    def __getattr__(self, key: str) -> Any:
        # Everything else is the subscription's own; `sub` itself would recurse before it is set.
        if key == "sub":
            raise AttributeError(key)
        return getattr(self.sub, key)
