# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Every family on a CUDA GPU gives what it gives on the CPU; skipped where there is no GPU."""

import numpy as np
import pytest
import torch

from semsplat_ros.families.lsm import lsm_by_rule
from semsplat_ros.families.registry import load_model
from semsplat_ros.families.spatialsplat import noposplat_by_rule, spatialsplat_by_rule
from semsplat_ros.networks.clip.clip import TINY_CLIP
from semsplat_ros.networks.spatialsplat import TINY_SPLAT
from semsplat_ros.perceiver import Perceiver
from semsplat_ros.scene import SemanticScene
from test.families import test_lsm, test_pair_models, test_spatialsplat
from test.support.camera_priors import stereo_rig
from test.support.pair_models import tiny_pair_model

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")

PAIR_SIZE, SQUARE = (32, 48), (64, 64)


def pair_model(name):
    def make(**options):
        words = test_pair_models.Words()
        return tiny_pair_model(name, PAIR_SIZE, words, **options)

    return make


FAMILIES = {
    "spatialsplat": lambda **o: spatialsplat_by_rule(0, TINY_SPLAT, TINY_CLIP, SQUARE, **o),
    "noposplat": lambda **o: noposplat_by_rule(0, TINY_SPLAT, SQUARE, **o),
    "lsm": lambda **o: lsm_by_rule(0, test_lsm.tiny_config(), test_lsm.SIZE, **o),
    **{name: pair_model(name) for name in test_pair_models.NAMES},
}


@pytest.fixture(autouse=True)
def exact_float32(monkeypatch):
    """Convolutions in TF32 keep ten bits, by cuDNN's default."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def scene_on(name: str, device: str, dtype: torch.dtype = torch.float32) -> SemanticScene:
    model = FAMILIES[name](device=torch.device(device), dtype=dtype)
    assert model.device.type == device
    return model.predict(test_spatialsplat.views(2, model.info.image_size))


def distance(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found.double() - expected.double()).norm() / expected.double().norm())


@pytest.mark.parametrize("name", FAMILIES)
def test_the_same_gaussians_as_on_the_cpu(name):
    expected, found = scene_on(name, "cpu"), scene_on(name, "cuda")
    assert found.gaussians.means.is_cuda
    first = expected.gaussians.view == 0  # the second view moves with its estimated pose
    for field in ("means", "opacities", "sh"):
        here, there = (getattr(s.gaussians, field).cpu()[first] for s in (expected, found))
        assert distance(there, here) < 2e-3, field
    assert torch.equal(found.gaussians.pixel.cpu(), expected.gaussians.pixel)


@pytest.mark.parametrize("name", FAMILIES)
def test_half_precision_runs(name):
    scene = scene_on(name, "cuda", torch.bfloat16)
    assert torch.isfinite(scene.gaussians.means).all()


@pytest.mark.parametrize("name", [n for n in FAMILIES if n != "lsm"])
def test_the_network_waits_for_nothing_on_the_host(name):
    """LSM's point transformer has to count its voxels."""
    model = FAMILIES[name](device=torch.device("cuda"))
    views = test_spatialsplat.views(2, model.info.image_size)
    model.predict(views)
    run = model.network.forward

    def guarded(*arguments, **options):
        torch.cuda.set_sync_debug_mode("error")
        try:
            return run(*arguments, **options)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    model.network.forward = guarded
    model.predict(views)


def test_the_embedded_model_finds_the_same_objects():
    rng = np.random.default_rng(0)
    left = rng.integers(0, 255, (30, 40, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    right = np.roll(left, -8, axis=1)
    k = torch.tensor([[300.0, 0.0, 160.0], [0.0, 300.0, 120.0], [0.0, 0.0, 1.0]])
    means, labels = [], []
    for device in ("cpu", "cuda"):
        perceiver = Perceiver(load_model("room", device=device, precision="fp32"))
        views = perceiver.prepare((left, right), stereo_rig(k, 0.12))
        perception = perceiver.perceive(views)
        means.append(perception.scene.gaussians.means.cpu())
        labels.append([i.label for i in perception.instances])
    assert distance(means[1], means[0]) < 5e-3
    assert sorted(labels[0]) == sorted(labels[1])
