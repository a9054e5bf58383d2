# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""DUSt3R, MASt3R, Splatt3R and GSemSplat networks at small sizes."""

import math

import pytest
import torch

from semsplat_ros.families.weights.tensor_lists import tensor_list
from semsplat_ros.networks.croco import TINY_CROCO
from semsplat_ros.networks.dpt import TINY_DPT
from semsplat_ros.networks.dust3r import Dust3rNetwork, Mast3rNetwork
from semsplat_ros.networks.gsemsplat import GSemSplatNetwork, semantic_loss
from semsplat_ros.networks.precision import set_compute_dtype
from semsplat_ros.networks.splatt3r import Splatt3rNetwork, pixel_gaussians

OFFICIAL = [("dust3r", Dust3rNetwork), ("mast3r", Mast3rNetwork), ("splatt3r", Splatt3rNetwork)]
SIZES = [(32, 32), (48, 80), (80, 48), (16, 64)]
"""Height and width: square, landscape, portrait (odd numbers of patches), one row of patches."""


def tiny(network, seed=0):
    torch.manual_seed(seed)
    return network(TINY_CROCO, TINY_DPT).eval()


def original_images(height, width, batch=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, 2, 3, height, width, generator=generator) * 2 - 1


@pytest.mark.parametrize(("name", "network"), OFFICIAL)
def test_the_names_and_shapes_are_official(name, network):
    with torch.device("meta"):
        state = network().state_dict()
    expected = {n: spec.shape for n, spec in tensor_list(name).tensors.items()}
    assert {n: tuple(t.shape) for n, t in state.items()} == expected


@pytest.mark.parametrize(("height", "width"), SIZES)
@torch.inference_mode()
def test_one_point_per_pixel(height, width):
    maps = tiny(Mast3rNetwork)(original_images(height, width))
    for view in (maps.first, maps.second):
        assert view.points.shape == (1, height, width, 3)
        assert view.points.isfinite().all()
        assert (view.confidence > 1).all()


@pytest.mark.parametrize("network", [Dust3rNetwork, Splatt3rNetwork, GSemSplatNetwork])
@torch.inference_mode()
def test_items_of_a_batch_do_not_mix(network):
    model, images = tiny(network), original_images(32, 48, batch=3)
    together, alone = model(images), model(images[1:2])
    flat_together, flat_alone = flatten(together), flatten(alone)
    assert len(flat_together) > 3
    for a, b in zip(flat_together, flat_alone, strict=True):
        torch.testing.assert_close(a[1:2], b, rtol=1e-4, atol=1e-5)


def flatten(values):
    if isinstance(values, torch.Tensor):
        return [values]
    if isinstance(values, tuple | list):
        return [t for value in values for t in flatten(value)]
    return []


@torch.inference_mode()
def test_the_order_of_the_views_matters_and_both_are_read():
    model, images = tiny(Dust3rNetwork), original_images(32, 32)
    maps = model(images)
    changed = images.clone()
    changed[:, 1] = original_images(32, 32, seed=5)[:, 1]
    assert not torch.equal(model(changed).first.points, maps.first.points)
    assert not torch.equal(model(images.flip(1)).first.points, maps.second.points)


@torch.inference_mode()
def test_descriptors_are_unit_vectors_in_their_pixels():
    model, images = tiny(Mast3rNetwork), original_images(32, 48)
    first, second = model.describe(model(images).features)
    assert first.features.shape == (1, 32, 48, 24)
    torch.testing.assert_close(second.features.norm(dim=-1), torch.ones(1, 32, 48))
    # Token (0, 2) holds pixels (0..15, 32..47), its 25 channels row by row.
    features = model(images).features
    tokens = torch.cat((features.reference[0], features.reference[-1]), -1)
    raw = model.downstream_head1.head_local_features(tokens)[0, 2].view(25, 16, 16)
    expected = raw[:24, 3, 7] / raw[:24, 3, 7].norm()
    torch.testing.assert_close(first.features[0, 3, 32 + 7], expected)
    torch.testing.assert_close(first.confidence[0, 3, 32 + 7], raw[24, 3, 7].exp())


@torch.inference_mode()
def test_splatt3r_adds_one_to_the_descriptor_confidence():
    mast3r, splatt3r = tiny(Mast3rNetwork), tiny(Splatt3rNetwork)
    splatt3r.load_state_dict(mast3r.state_dict(), strict=False)
    images = original_images(32, 32)
    plain = mast3r.describe(mast3r(images).features)[0].confidence
    shifted = splatt3r.describe(splatt3r(images).features)[0].confidence
    torch.testing.assert_close(shifted, plain + 1)


def test_gaussian_channels():
    raw = torch.zeros(1, 14, 2, 2)
    raw[:, 0] = 7.0  # offset along x, length e^1 - e^-6
    raw[:, 3:6] = math.log(0.02)
    raw[:, 6:10] = torch.tensor([0.0, 0.0, 0.0, 2.0]).view(1, 4, 1, 1)
    raw[:, 10] = 0.5
    points = torch.ones(1, 2, 2, 3, requires_grad=True)
    images = torch.full((1, 3, 2, 2), -1.0)
    g = pixel_gaussians(raw.requires_grad_(), points, images)
    torch.testing.assert_close(
        g.means[0, 0, 0], torch.tensor([1 + math.e - math.exp(-6), 1.0, 1.0])
    )
    torch.testing.assert_close(g.scales, torch.full_like(g.scales, 0.02))
    torch.testing.assert_close(g.quats_xyzw[0, 1, 1], torch.tensor([0.0, 0.0, 0.0, 1.0]))
    torch.testing.assert_close(g.sh_residual[0, 0, 0, :, 0], torch.tensor([0.5, 0.0, 0.0]))
    torch.testing.assert_close(g.sh[0, 0, 0, 1, 0].item(), -0.5 / 0.28209479177387814)
    torch.testing.assert_close(g.opacities, torch.full_like(g.opacities, 0.5))
    g.means.sum().backward()
    assert points.grad is None
    assert raw.grad.abs().sum() > 0


@pytest.mark.parametrize("network", [Dust3rNetwork, Splatt3rNetwork, GSemSplatNetwork])
@torch.inference_mode()
def test_bfloat16_is_close(network):
    full, half, images = tiny(network), tiny(network), original_images(32, 48)
    set_compute_dtype(half, torch.bfloat16)
    for a, b in zip(flatten(full(images)), flatten(half(images)), strict=True):
        assert b.dtype is torch.float32
        assert (a - b).norm() < 0.05 * a.norm()


def test_gradients_reach_the_semantic_heads_alone():
    model = tiny(GSemSplatNetwork).train()
    assert not model.base.training
    assert model.heads.training
    pair = model(original_images(32, 32, batch=2))
    loss = sum(
        semantic_loss(project(maps), torch.ones(2, 32, 32, 512), torch.ones(2, 32, 32))
        for view in pair.semantics
        for project, maps in (
            (model.heads.region_projection, view.region),
            (model.heads.context_projection, view.context),
        )
    )
    loss.backward()
    for name, parameter in model.named_parameters():
        if name.startswith("base."):
            assert not parameter.requires_grad
            assert parameter.grad is None, name
        elif "refinenet4.resConfUnit1" not in name:  # the coarsest block has no second input
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_the_two_branches_are_two():
    model = tiny(GSemSplatNetwork)
    maps = model(original_images(48, 32)).semantics[1]
    assert maps.region.shape == maps.context.shape == (1, 48, 32, 16)
    assert not torch.equal(maps.region, maps.context)


def test_semantic_loss_counts_the_mask_only():
    predicted = torch.tensor([[1.0, 0.0], [0.0, 2.0], [5.0, 5.0]])
    target = torch.tensor([[2.0, 0.0], [0.0, -1.0], [1.0, 0.0]])
    weight = torch.tensor([1.0, 1.0, 0.0])
    assert semantic_loss(predicted, target, weight).item() == pytest.approx(1.0)
    assert semantic_loss(predicted, target, weight * 0).item() == 0.0
