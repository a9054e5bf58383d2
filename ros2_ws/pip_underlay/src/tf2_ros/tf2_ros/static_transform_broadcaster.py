# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Sends transforms that never change."""

from collections.abc import Iterable

from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from tf2_msgs.msg import TFMessage


class StaticTransformBroadcaster:
    """Publishes transforms on /tf_static, latched: late listeners get all that were sent."""

    def __init__(self, node: Node, qos: QoSProfile | int | None = None) -> None:
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.pub_tf = node.create_publisher(TFMessage, "/tf_static", qos or latched)
        self._sent: dict[str, TransformStamped] = {}

    # The name is tf2's.
    def sendTransform(self, transform: TransformStamped | Iterable[TransformStamped]) -> None:
        """Publish one transform or several, together with all that were sent before."""
        several = [transform] if isinstance(transform, TransformStamped) else list(transform)
        self._sent.update((one.child_frame_id, one) for one in several)
        self.pub_tf.publish(TFMessage(transforms=list(self._sent.values())))
