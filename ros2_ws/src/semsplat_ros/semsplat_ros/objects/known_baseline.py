# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Metres for a scene whose cameras are a known distance apart, though its images are not
rectified."""

from dataclasses import replace

import torch

from semsplat_ros.scene import ObjectInstance, Perception, Scale, ScaleStatus

MIN_PREDICTED_SHARE = 0.005
"""Of the scene's median distance: cameras that were predicted closer together than this say
nothing about scale."""


def with_known_baseline(
    perception: Perception, baseline: float, status: ScaleStatus
) -> Perception:
    """The same perception, sized so that its two cameras are `baseline` metres apart.

    Args:
        perception: from a pair of views.
        baseline: metres between the two cameras, > 0.
        status: where the baseline came from: BASELINE or TF.

    Returns:
        The perception itself if the model sees both cameras almost in one place: then there is
        nothing to measure against.
    """
    cameras = perception.scene.cameras
    predicted = float(torch.linalg.vector_norm(cameras.first_from_view[1, :3, 3]))
    distances = torch.linalg.vector_norm(perception.scene.gaussians.means, dim=1)
    if len(distances) == 0 or predicted <= MIN_PREDICTED_SHARE * float(distances.median()):
        return perception
    factor = float(baseline) / predicted
    poses = cameras.first_from_view.clone()
    poses[:, :3, 3] *= factor
    gaussians = perception.scene.gaussians
    scene = replace(
        perception.scene,
        gaussians=replace(
            gaussians, means=gaussians.means * factor, scales=gaussians.scales * factor
        ),
        cameras=replace(cameras, first_from_view=poses),
        scale=Scale(status, perception.scene.scale.factor * factor),
    )
    instances = tuple(_sized(instance, factor) for instance in perception.instances)
    return replace(perception, scene=scene, instances=instances)


def _sized(instance: ObjectInstance, factor: float) -> ObjectInstance:
    def times(values: tuple[float, float, float]) -> tuple[float, float, float]:
        x, y, z = values
        return x * factor, y * factor, z * factor

    return replace(
        instance,
        centroid=times(instance.centroid),
        box_center=times(instance.box_center),
        box_size=times(instance.box_size),
    )
