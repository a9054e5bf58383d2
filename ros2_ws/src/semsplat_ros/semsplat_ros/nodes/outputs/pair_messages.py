# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What is published of one pair: each message, and whether it is wanted at all."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
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


@dataclass(frozen=True)
class PairMessages:
    """The messages of one pair, each made when it is asked for."""

    snapshot: Snapshot
    left_rgb: np.ndarray
    """The original left image, uint8 [H, W, 3]."""
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
    def has_pose(self) -> bool:
        """True if the model found where the right camera is."""
        return 1 not in self.snapshot.perception.scene.cameras.failed

    def makers(self) -> dict[str, Callable[[], Any]]:
        """By topic, in the order of publishing: what is on and can be made of this pair."""
        out, header = self.settings.output, self.snapshot.header
        perception, arrays = self.snapshot.perception, self._arrays
        depth = out.depth and self.is_metric
        every: list[tuple[str, bool, Callable[[], Any]]] = [
            ("instances", True, lambda: self._instances),
            ("points", out.points, self._cloud),
            ("masks/left", out.masks, lambda: self._mask(arrays.instance_mask(0))),
            ("masks/right", out.masks, lambda: self._mask(arrays.instance_mask(1))),
            ("labels/left", out.masks, lambda: self._mask(arrays.label_mask(0))),
            ("markers", out.markers, self._markers),
            ("detections", True, lambda: to_detections(self._instances)),
            ("overlay/left", out.overlay, self._overlay),
            (
                "relative_pose",
                self.has_pose,
                lambda: scene_messages.relative_pose(perception, header),
            ),
            ("gaussians", out.gaussians, self._gaussians),
            ("depth/image", depth, self._depth),
            (
                "depth/camera_info",
                depth,
                lambda: scene_messages.to_camera_info(perception, header),
            ),
        ]
        return {name: make for name, enabled, make in every if enabled}

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
        image = overlay(self.left_rgb, self._arrays)
        return to_image(image, "rgb8", self.snapshot.header)

    def _depth(self) -> Image:
        return to_image(self._arrays.depth_image(), "32FC1", self.snapshot.header)

    def _mask(self, pixels: np.ndarray) -> Image:
        return to_image(pixels, "16UC1", self.snapshot.header)
