# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A subscription as a filter."""

from typing import Any

from message_filters.simple_filter import SimpleFilter
from rclpy.node import Node


class Subscriber(SimpleFilter):
    """Passes the messages of a topic on; `sub` is the subscription.

    Further arguments are those of :meth:`rclpy.node.Node.create_subscription`, with a
    `qos_profile` of depth 10 where none is given.
    """

    def __init__(
        self, node: Node, msg_type: type, topic: str, qos_profile: Any = 10, **kwargs: Any
    ) -> None:
        super().__init__()
        self.node, self.topic = node, topic
        self.sub = node.create_subscription(
            msg_type, topic, self.callback, qos_profile=qos_profile, **kwargs
        )

    def callback(self, msg: Any) -> None:
        """Pass a message on."""
        self.signalMessage(msg)

    def getTopic(self) -> str:
        """The name that was subscribed to."""
        return self.topic
