# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What is published is of the topic's type."""

import pytest
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image

from semsplat_interfaces.msg import ObjectInstanceArray
from semsplat_ros.nodes.outputs.publishers import Topic, _serialised

pytestmark = pytest.mark.ros


def test_message_of_another_topic_is_refused_before_it_is_sent() -> None:
    with pytest.raises(TypeError, match="instances takes ObjectInstanceArray, got Image"):
        _serialised(Topic("instances", ObjectInstanceArray), Image())


def test_bytes_are_the_message() -> None:
    image = Image(height=2, width=3, encoding="16UC1")
    assert deserialize_message(_serialised(Topic("masks/left", Image), image), Image) == image
    assert _serialised(Topic("instances", ObjectInstanceArray), ObjectInstanceArray())
