# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A known distance of the cameras makes metres."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from semsplat_ros.geometry.metric_scale import in_known_metres
from semsplat_ros.perceiver import Perceiver
from semsplat_ros.scene import CameraPrior, Scale, ScaleStatus, SemanticScene
from test.support.fake_model import FakeModel, block_image

FROM_TF = CameraPrior(baseline=0.1, baseline_status=ScaleStatus.TF)


def seen_from(*places: tuple[float, float, float]) -> SemanticScene:
    """A scene without metres whose cameras are at these places of the first one's frame."""
    perceiver = Perceiver(FakeModel(metric=False))
    room = block_image({"red": (20, 40, 40, 60)})
    scene = perceiver.perceive(perceiver.prepare([room] * (1 + len(places)))).scene
    poses = torch.eye(4).repeat(1 + len(places), 1, 1)
    poses[1:, :3, 3] = torch.tensor(places)
    return replace(scene, cameras=replace(scene.cameras, first_from_view=poses))


@pytest.fixture
def scene() -> SemanticScene:
    return seen_from((0.3, 0.0, 0.4))


def test_everything_is_sized_alike(scene):
    sized = in_known_metres(scene, FROM_TF)
    assert sized.scale.status == ScaleStatus.TF
    assert sized.scale.is_metric
    assert sized.scale.factor == pytest.approx(0.2)
    torch.testing.assert_close(sized.gaussians.means, scene.gaussians.means * 0.2)
    torch.testing.assert_close(sized.gaussians.scales, scene.gaussians.scales * 0.2)
    assert float(sized.cameras.first_from_view[1, :3, 3].norm()) == pytest.approx(0.1)


@pytest.mark.parametrize("share", [0.0, 0.004])
def test_cameras_almost_in_one_place_say_nothing_about_scale(scene, share):
    apart = share * float(scene.gaussians.means.norm(dim=1).median())
    same = seen_from((apart, 0.0, 0.0))
    assert in_known_metres(same, FROM_TF) is same


def test_without_a_known_distance_nothing_changes(scene):
    assert in_known_metres(scene, CameraPrior()) is scene
    poses = (torch.eye(4), None)
    assert in_known_metres(scene, CameraPrior(first_from_view=poses)) is scene


def test_a_scale_that_the_model_took_from_the_rig_stays(scene):
    used = replace(scene, scale=Scale(ScaleStatus.BASELINE))
    assert in_known_metres(used, FROM_TF) is used


def test_a_view_without_a_pose_says_nothing_about_scale(scene):
    lost = replace(scene, cameras=replace(scene.cameras, failed=(1,)))
    assert in_known_metres(lost, FROM_TF) is lost


def test_several_known_poses_give_the_median_of_their_factors():
    scene = seen_from((1.0, 0.0, 0.0), (0.0, 2.0, 0.0), (0.0, 0.0, 4.0))
    known = [np.eye(4) for _ in range(4)]
    for view, distance in ((1, 0.5), (2, 1.1), (3, 40.0)):  # factors .5, .55 and 10
        known[view][0, 3] = distance
    prior = CameraPrior(first_from_view=tuple(known), baseline_status=ScaleStatus.TF)
    scale = in_known_metres(scene, prior).scale
    assert (scale.status, scale.factor) == (ScaleStatus.TF, pytest.approx(0.55))


def test_a_baseline_of_numpy_will_do(scene):
    sized = in_known_metres(scene, CameraPrior(baseline=np.float64(0.1)))
    assert type(sized.scale.factor) is float
