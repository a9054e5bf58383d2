# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""DUSt3R, MASt3R, Splatt3R and GSemSplat as scene models at small sizes."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.base import SceneModel
from semsplat_ros.families.dust3r import Dust3rModel
from semsplat_ros.networks.croco import TINY_CROCO, ViewFeatures
from semsplat_ros.networks.dpt import TINY_DPT
from semsplat_ros.networks.dust3r import Dust3rNetwork, PairPointMaps, PointMap
from semsplat_ros.perceiver import Perceiver
from semsplat_ros.scene import CameraPrior, Crop, IntrinsicsSource, ModelInfo, ScaleStatus, Views
from test.support.pair_models import tiny_pair_model

NAMES = ("dust3r", "mast3r", "splatt3r", "gsemsplat")
HEIGHT, WIDTH, FOCAL = 32, 48, 40.0


class Words:
    """A unit vector for every text, of CLIP's length."""

    dimension = 512

    def encode(self, texts):
        rows = [np.random.default_rng(len(t) + 31 * ord(t[0])).normal(size=512) for t in texts]
        return torch.nn.functional.normalize(torch.tensor(np.array(rows)).float(), dim=1)


def tiny(name, size=(HEIGHT, WIDTH)):
    return tiny_pair_model(name, size, Words())


def views(height=HEIGHT, width=WIDTH, count=2, **changes):
    images = torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))
    crop = Crop(height, width, 0, 0, width, height, height, width)
    return dataclasses.replace(Views(images, (crop,) * count), **changes)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("height", "width"), [(32, 48), (48, 32)])
def test_a_scene_with_a_gaussian_for_every_pixel(name, height, width):
    model = tiny(name)
    assert isinstance(model, SceneModel)
    given = views(height, width, prior=CameraPrior(stamps_ns=(1, 2), frame="left"))
    scene = model.predict(given)
    g = scene.gaussians
    assert len(g) == 2 * height * width
    torch.testing.assert_close(g.quats_wxyz.norm(dim=1), torch.ones(len(g)))
    assert (g.scales > 0).all()
    assert ((g.opacities >= 0) & (g.opacities <= 1)).all()
    assert g.confidences.min() >= 1
    assert scene.pixel_map(g.view, 1, -1).unique().tolist() == [1]
    metric = name != "dust3r"
    assert scene.scale.status is (ScaleStatus.MODEL if metric else ScaleStatus.RELATIVE)
    assert scene.provenance.model == f"{name}-rule"
    assert (scene.provenance.stamps_ns, scene.provenance.frame) == ((1, 2), "left")
    assert scene.cameras.source is IntrinsicsSource.ESTIMATED
    assert (scene.semantics is None) == (name != "gsemsplat")


@pytest.mark.parametrize(
    ("name", "shape", "size"),
    [
        ("dust3r", (150, 100), (96, 64)),
        ("mast3r", (90, 160), (48, 96)),
        ("splatt3r", (150, 100), (64, 96)),
    ],
)
def test_a_image_keeps_its_shape_where_the_publication_keeps_it(name, shape, size):
    perceiver = Perceiver(tiny(name, (64, 96)))
    left = np.full((*shape, 3), 40, np.uint8)
    scene = perceiver.perceive(perceiver.prepare((left, left))).scene
    assert scene.image_size == size
    assert (scene.crops[0].network_height, scene.crops[0].network_width) == size


@pytest.mark.parametrize("name", ["dust3r", "splatt3r"])
def test_dc_colours_are_those_of_the_pixels(name):
    model = tiny(name)
    scene = model.predict(views())
    residual = 0.0
    if name == "splatt3r":
        with torch.inference_mode():
            pair = model.network(views().images[None] * 2 - 1)
        residual = torch.cat([v.sh_residual.reshape(-1, 3) for v in pair.gaussians])
    colours = (scene.gaussians.sh[:, 0] - residual) * 0.28209479177387814 + 0.5
    expected = views().images.permute(0, 2, 3, 1).reshape(-1, 3)
    torch.testing.assert_close(colours, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_pair_is_refused(name):
    model = tiny(name)
    for wrong in (views(count=1), views(count=3), views(30, 48), views(16, 48)):
        with pytest.raises(SemsplatError) as refusal:
            model.predict(wrong)
        assert refusal.value.code is ErrorCode.INVALID_ARGUMENT


def test_weights_by_rule_have_no_pose_and_say_so(caplog):
    scene = tiny("splatt3r").predict(views())
    assert scene.cameras.failed == (1,)
    assert "no pose for view 1" in caplog.text


class KnownNetwork(Dust3rNetwork):
    """Answers with the exact point maps of two cameras, in the frame of the first image."""

    def __init__(self, confidences=(5.0, 5.0)) -> None:
        super().__init__(TINY_CROCO, TINY_DPT)
        self.confidences = confidences
        self.pose = np.eye(4)
        self.pose[:3, :3] = Rotation.from_rotvec([0.05, -0.2, 0.1]).as_matrix()
        self.pose[:3, 3] = [0.5, 0.1, -0.2]

    def points(self, view):
        depth = np.random.default_rng(view).uniform(1, 3, (HEIGHT, WIDTH))
        rows, columns = np.mgrid[:HEIGHT, :WIDTH]
        rays = np.stack([columns - WIDTH / 2, rows - HEIGHT / 2, np.full_like(depth, FOCAL)], -1)
        return rays / FOCAL * depth[..., None]

    def forward(self, images):
        items = []
        for item in range(len(images)):
            first_from_second = self.pose if item == 0 else np.linalg.inv(self.pose)
            second = self.points(1 - item) @ first_from_second[:3, :3].T + first_from_second[:3, 3]
            items.append((self.points(item), second))
        sides = [
            torch.tensor(np.stack(side), dtype=torch.float32) for side in zip(*items, strict=True)
        ]
        confidence = torch.tensor(self.confidences)[: len(images), None, None]
        confidence = confidence.expand(-1, HEIGHT, WIDTH)
        return PairPointMaps(
            *(PointMap(p, confidence) for p in sides), ViewFeatures([], [], (2, 3))
        )


def known_model(symmetric, confidences=(5.0, 5.0)):
    info = ModelInfo("dust3r", "rule", (HEIGHT, WIDTH), metric=False, licence="x")
    return Dust3rModel(KnownNetwork(confidences), info, symmetric)


@pytest.mark.parametrize(
    ("symmetric", "confidences"), [(False, (5.0, 5.0)), (True, (6.0, 4.0)), (True, (4.0, 6.0))]
)
@pytest.mark.parametrize("given", [False, True])
def test_cameras_and_points_are_in_the_first_frame(symmetric, confidences, given):
    model = known_model(symmetric, confidences)
    intrinsics = torch.tensor(
        [[FOCAL, 0, WIDTH / 2 + 0.5], [0, FOCAL, HEIGHT / 2 + 0.5], [0, 0, 1]]
    )
    source = IntrinsicsSource.CAMERA_INFO
    prior = CameraPrior((intrinsics, intrinsics) if given else (), source)
    scene = model.predict(views(prior=prior))
    pose = model.network.pose
    np.testing.assert_allclose(scene.cameras.first_from_view[1], pose, atol=5e-3)
    np.testing.assert_allclose(scene.cameras.first_from_view[0], np.eye(4), atol=1e-5)
    torch.testing.assert_close(scene.cameras.intrinsics[1], intrinsics, rtol=1e-3, atol=0.01)
    assert scene.cameras.source is (source if given else IntrinsicsSource.ESTIMATED)
    assert scene.cameras.failed == ()
    first = scene.pixel_map(scene.gaussians.means, 0)
    np.testing.assert_allclose(first, model.network.points(0), atol=0.02)
    depth = scene.depth_map(1)
    np.testing.assert_allclose(depth, model.network.points(1)[..., 2], atol=0.02)
    width = scene.pixel_map(scene.gaussians.scales, 0)[..., 0]
    distance = np.linalg.norm(model.network.points(0), axis=-1)
    np.testing.assert_allclose(width, 0.5 * distance / FOCAL, rtol=0.02)


@pytest.mark.parametrize("symmetric", [False, True])
def test_a_missing_pose_is_said(symmetric):
    scene = known_model(symmetric, (2.0, 1.5)).predict(views())
    assert scene.cameras.failed == (1,)


def test_gsemsplat_answers_a_query():
    perceiver = Perceiver(tiny("gsemsplat"))
    vocabulary = perceiver.make_vocabulary(["chair", "table", "wall"], version=1)
    perception = perceiver.perceive(views(), vocabulary)
    assert perception.label_ids.shape == (2 * HEIGHT * WIDTH,)
    answer = perceiver.query(perception, "find the chair", min_score=0.0)
    assert answer.concept == "chair"


def test_splatt3r_has_no_language_and_says_so():
    perceiver = Perceiver(tiny("splatt3r"))
    perception = perceiver.perceive(views())
    with pytest.raises(SemsplatError) as refusal:
        perceiver.query(perception, "chair")
    assert refusal.value.code is ErrorCode.NO_LANGUAGE_MODEL
