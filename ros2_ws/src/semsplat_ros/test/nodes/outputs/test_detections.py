# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Detections where vision_msgs is installed, and a node that does without where it is not."""

import importlib.util

import pytest

from semsplat_ros.nodes.outputs.publishers import topics_of
from test.support.perception_rig import Rig

pytestmark = [pytest.mark.ros, pytest.mark.timeout(60)]
INSTALLED = importlib.util.find_spec("vision_msgs") is not None


def test_topic_is_there_exactly_if_vision_msgs_is():
    assert ("detections" in {topic.name for topic in topics_of(("left", "right"))}) == INSTALLED


@pytest.mark.skipif(INSTALLED, reason="vision_msgs is installed")
def test_node_works_without_vision_msgs(ros_graph):
    rig = Rig(ros_graph).wait_active()
    rig.good_pair_works()
    assert "detections" not in rig.node.outputs.subscribers()


@pytest.mark.skipif(not INSTALLED, reason="vision_msgs is not installed")
def test_detections_are_the_instances(ros_graph):
    rig = Rig(ros_graph, listen=("instances", "detections")).wait_active()
    header = rig.send()
    instances = rig.of_stamp("instances", header)
    detections = rig.of_stamp("detections", header)
    assert detections.header == instances.header
    assert len(detections.detections) == len(instances.instances) == 2
    for detection, instance in zip(detections.detections, instances.instances, strict=True):
        assert detection.header == instances.header
        assert (detection.bbox.center, detection.bbox.size) == (
            instance.box_center,
            instance.box_size,
        )
        (result,) = detection.results
        assert result.hypothesis.class_id == instance.label
        assert result.hypothesis.score == pytest.approx(instance.label_score)
        assert detection.id == "", "there is no tracking: an id would promise it"
