# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What is published of one pair or larger set of images: each message, and whether it is wanted
at all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped, TransformStamped
from sensor_msgs.msg import Image, PointCloud2
from visualization_msgs.msg import MarkerArray

from semsplat_interfaces.msg import ObjectInstanceArray
from semsplat_ros.nodes.common.conversions import to_image
from semsplat_ros.nodes.outputs import scene_messages
from semsplat_ros.nodes.outputs.detections import to_detections
from semsplat_ros.nodes.outputs.markers import overlay, to_markers
from semsplat_ros.nodes.outputs.point_cloud import shown, to_cloud, to_gaussians
from semsplat_ros.nodes.outputs.scene_arrays import SceneArrays
from semsplat_ros.nodes.outputs.snapshot import Snapshot
from semsplat_ros.nodes.outputs.target_frame import Placement
from semsplat_ros.nodes.parameters.settings import Settings


def relative_pose_topics(cameras: Sequence[str]) -> dict[str, str]:
    """The topic of each further camera's pose: ``relative_pose`` of a pair, which has one, else
    ``relative_pose/<camera>``."""
    _, *further = cameras
    if len(further) == 1:
        return {further[0]: "relative_pose"}
    return {name: f"relative_pose/{name}" for name in further}


@dataclass(frozen=True)
class PairMessages:
    """The messages of one pair or set, each made when it is asked for."""

    snapshot: Snapshot
    first_image: np.ndarray
    """The original image of the first camera, uint8 [H, W, 3]."""
    settings: Settings
    """Which outputs are on, opacity and number of points."""
    placement: Placement
    """Where the objects belong."""
    lifetime: float
    """Of markers, seconds."""

    @property
    def is_metric(self) -> bool:
        """True if positions are in metres."""
        return self.snapshot.perception.scene.scale.is_metric

    @property
    def cameras(self) -> tuple[str, ...]:
        """The name of each view."""
        return tuple(self.snapshot.info.cameras)

    @property
    def posed(self) -> dict[str, int]:
        """View by name of the further cameras that the model has found the pose of."""
        failed = self.snapshot.perception.scene.cameras.failed
        views = enumerate(self.cameras)
        return {name: view for view, name in views if view > 0 and view not in failed}

    def makers(self) -> dict[str, Callable[[], Any]]:
        """By topic, in the order of publishing: what is on and can be made of these images."""
        out, header = self.settings.output, self.snapshot.header
        perception = self.snapshot.perception
        depth = out.depth and self.is_metric
        every: list[tuple[str, bool, Callable[[], Any]]] = [
            ("instances", True, lambda: self._instances),
            ("points", out.points, self._cloud),
            *((name, out.masks, make) for name, make in self._masks().items()),
            ("markers", out.markers, self._markers),
            ("detections", True, lambda: to_detections(self._instances)),
            (f"overlay/{self.cameras[0]}", out.overlay, self._overlay),
            *((name, True, make) for name, make in self._relative_poses().items()),
            ("gaussians", out.gaussians, self._gaussians),
            ("depth/image", depth, self._depth),
            (
                "depth/camera_info",
                depth,
                lambda: scene_messages.to_camera_info(perception, header),
            ),
        ]
        return {name: make for name, enabled, make in every if enabled}

    def transforms(self) -> list[TransformStamped]:
        """What TF is told of the further cameras; empty unless positions are in metres."""
        if not self.is_metric:
            return []
        perception, header = self.snapshot.perception, self.snapshot.header
        return [
            scene_messages.relative_transform(perception, header, view, name)
            for name, view in self.posed.items()
        ]

    def _masks(self) -> dict[str, Callable[[], Image]]:
        masks: dict[str, Callable[[], Image]] = {}
        for view, name in enumerate(self.cameras):
            masks[f"masks/{name}"] = partial(self._mask, SceneArrays.instance_mask, view)
            masks[f"labels/{name}"] = partial(self._mask, SceneArrays.label_mask, view)
        return masks

    def _relative_poses(self) -> dict[str, Callable[[], PoseStamped]]:
        topics = relative_pose_topics(self.cameras)
        perception, header = self.snapshot.perception, self.snapshot.header
        make = scene_messages.relative_pose
        return {
            topics[name]: partial(make, perception, header, view)
            for name, view in self.posed.items()
        }

    @cached_property
    def _arrays(self) -> SceneArrays:
        return SceneArrays(self.snapshot.perception)

    @cached_property
    def _instances(self) -> ObjectInstanceArray:
        snapshot, header = self.snapshot, self.placement.header
        message = scene_messages.to_instances(snapshot.perception, header, snapshot.info)
        self.placement.move_instances(message.instances)
        return message

    def _cloud(self) -> PointCloud2:
        out, arrays = self.settings.output, self._arrays
        indices = shown(arrays, out.min_opacity, out.max_points)
        cloud = to_cloud(arrays, indices, self.snapshot.header)
        self.placement.move_cloud(cloud)
        return cloud

    def _markers(self) -> MarkerArray:
        snapshot = self.snapshot
        message = to_markers(snapshot.perception, snapshot.header, self.lifetime)
        self.placement.move_markers(message.markers)
        return message

    def _gaussians(self) -> Any:
        snapshot, unselected = self.snapshot, self.settings.output.unselected
        return to_gaussians(
            snapshot.perception, snapshot.header, snapshot.info, unselected=unselected
        )

    def _overlay(self) -> Image:
        image = overlay(self.first_image, self._arrays)
        return to_image(image, "rgb8", self.snapshot.header)

    def _depth(self) -> Image:
        return to_image(self._arrays.depth_image(), "32FC1", self.snapshot.header)

    def _mask(self, mask_of: Callable[[SceneArrays, int], np.ndarray], view: int) -> Image:
        return to_image(mask_of(self._arrays, view), "16UC1", self.snapshot.header)
