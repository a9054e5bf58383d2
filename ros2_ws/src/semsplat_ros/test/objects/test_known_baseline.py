# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A known distance of the cameras makes metres."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from semsplat_ros.objects.known_baseline import with_known_baseline
from semsplat_ros.perceiver import Perceiver
from semsplat_ros.scene import ScaleStatus
from test.support.fake_model import FakeModel, block_image


@pytest.fixture
def perception():
    perceiver = Perceiver(FakeModel(metric=False))
    room = block_image({"red": (20, 40, 40, 60)})
    made = perceiver.perceive(perceiver.prepare(room, room))
    cameras = made.scene.cameras
    poses = cameras.first_from_view.clone()
    poses[1, :3, 3] = torch.tensor([0.3, 0.0, 0.4])
    cameras = replace(cameras, first_from_view=poses)
    return replace(made, scene=replace(made.scene, cameras=cameras))


def test_everything_is_sized_alike(perception):
    sized = with_known_baseline(perception, 0.1, ScaleStatus.TF)
    assert sized.scene.scale.status == ScaleStatus.TF
    assert sized.scene.scale.is_metric
    assert sized.scene.scale.factor == pytest.approx(0.2)
    before, after = perception.scene.gaussians, sized.scene.gaussians
    torch.testing.assert_close(after.means, before.means * 0.2)
    torch.testing.assert_close(after.scales, before.scales * 0.2)
    moved = sized.scene.cameras.first_from_view[1, :3, 3]
    assert float(moved.norm()) == pytest.approx(0.1)
    for old, new in zip(perception.instances, sized.instances, strict=True):
        for name in ("centroid", "box_center", "box_size"):
            np.testing.assert_allclose(getattr(new, name), np.multiply(getattr(old, name), 0.2))


@pytest.mark.parametrize("share", [0.0, 0.004])
def test_cameras_almost_in_one_place_say_nothing_about_scale(perception, share):
    cameras = perception.scene.cameras
    poses = torch.eye(4).repeat(2, 1, 1)
    poses[1, 0, 3] = share * perception.scene.gaussians.means.norm(dim=1).median()
    cameras = replace(cameras, first_from_view=poses)
    same = replace(perception, scene=replace(perception.scene, cameras=cameras))
    assert with_known_baseline(same, 0.1, ScaleStatus.BASELINE) is same


def test_a_baseline_of_numpy_will_do(perception):
    sized = with_known_baseline(perception, np.float64(0.1), ScaleStatus.TF)
    assert type(sized.scene.scale.factor) is float
    assert all(type(x) is float for i in sized.instances for x in i.box_center)
