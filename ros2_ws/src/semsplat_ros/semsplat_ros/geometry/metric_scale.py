# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Metres for a scene whose cameras are known distances apart."""

from dataclasses import replace

import torch

from semsplat_ros.scene import CameraPrior, Scale, ScaleStatus, SemanticScene

MIN_PREDICTED_SHARE = 0.005
"""Of the scene's median distance: cameras that were predicted closer together than this say
nothing about scale."""


def in_known_metres(scene: SemanticScene, prior: CameraPrior) -> SemanticScene:
    """The same scene, sized so that its cameras are as far apart as is known.

    With poses of several views known, the factor is the median of those that each view gives.

    Args:
        scene: as a model predicted it.
        prior: what is known about its cameras.

    Returns:
        The scene itself if no distance is known, if the model has used it already, or if the
        model sees the cameras almost in one place: then there is nothing to measure against.
    """
    if scene.scale.status >= ScaleStatus.BASELINE or len(scene.gaussians) == 0:
        return scene
    distances = torch.linalg.vector_norm(scene.gaussians.means, dim=1)
    least = MIN_PREDICTED_SHARE * float(distances.median())
    factors = []
    for view, known in _known_distances(prior).items():
        predicted = float(torch.linalg.vector_norm(scene.cameras.first_from_view[view, :3, 3]))
        if view not in scene.cameras.failed and predicted > least:
            factors.append(known / predicted)
    if not factors:
        return scene
    factor = sorted(factors)[len(factors) // 2]
    poses = scene.cameras.first_from_view.clone()
    poses[:, :3, 3] *= factor
    gaussians = scene.gaussians
    return replace(
        scene,
        gaussians=replace(
            gaussians, means=gaussians.means * factor, scales=gaussians.scales * factor
        ),
        cameras=replace(scene.cameras, first_from_view=poses),
        scale=Scale(prior.baseline_status, scene.scale.factor * factor),
    )


def _known_distances(prior: CameraPrior) -> dict[int, float]:
    """Metres from the first camera, by view."""
    known = {}
    for view, pose in enumerate(prior.first_from_view):
        if view and pose is not None:
            distance = float(torch.linalg.vector_norm(torch.as_tensor(pose)[:3, 3]))
            if distance > 0:
                known[view] = distance
    if prior.baseline is not None:
        known[1] = float(prior.baseline)
    return known
