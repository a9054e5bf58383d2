# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The objects as vision_msgs/Detection3DArray, where vision_msgs is installed; never required."""

from typing import Any

from semsplat_interfaces.msg import ObjectInstance, ObjectInstanceArray

try:
    from vision_msgs.msg import Detection3D, Detection3DArray, ObjectHypothesisWithPose
except ImportError:
    Detection3DArray = None


def to_detections(instances: ObjectInstanceArray) -> Any:
    """The same objects, boxes, order and frame; an object without a label has no hypothesis.

    ``id`` is that of a track, as vision_msgs has it, so it is empty without tracking.

    Args:
        instances: as published on the topic ``instances``.
    """
    message = Detection3DArray(header=instances.header)
    message.detections = [_detection(instance, instances) for instance in instances.instances]
    return message


def _detection(instance: ObjectInstance, instances: ObjectInstanceArray) -> Any:
    detection = Detection3D(header=instances.header, id=instance.track_id)
    detection.bbox.center = instance.box_center
    detection.bbox.size = instance.box_size
    if instance.label:
        result = ObjectHypothesisWithPose()
        result.hypothesis.class_id = instance.label
        result.hypothesis.score = float(instance.label_score)
        result.pose.pose = instance.box_center
        detection.results = [result]
    return detection
