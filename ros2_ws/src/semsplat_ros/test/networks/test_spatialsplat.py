# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""NoPoSplat and SpatialSplat as networks, at a tiny size."""

import pytest
import torch

from semsplat_ros.families.weights.named_weights import SPLAT_RULE, rule_state
from semsplat_ros.families.weights.tensor_lists import tensor_list
from semsplat_ros.networks.gaussian_adapter import adapt_gaussians
from semsplat_ros.networks.spatialsplat import TINY_SPLAT, NoPoSplatNetwork, SpatialSplatNetwork

INTRINSICS = torch.tensor([[1.1, 0, 0.5], [0, 1.2, 0.5], [0, 0, 1]])


def filled(build):
    network = build(TINY_SPLAT)
    network.load_state_dict(rule_state(network.state_dict(), 0, SPLAT_RULE))
    return network.eval()


def inputs(b=1, v=2, h=32, w=48):
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(b, v, 3, h, w, generator=generator) * 2 - 1
    language = torch.randn(b, v, 12, h // 16, w // 16, generator=generator)
    return images, INTRINSICS.expand(b, v, 3, 3), language


@pytest.mark.parametrize(
    ("build", "system"), [(SpatialSplatNetwork, "spatialsplat"), (NoPoSplatNetwork, "noposplat")]
)
def test_names_and_shapes_are_the_official_ones(build, system):
    with torch.device("meta"):
        network = build()
    ours = {n: tuple(t.shape) for n, t in network.state_dict().items()}
    assert ours == {n: tuple(s.shape) for n, s in tensor_list(system).tensors.items()}


@pytest.mark.parametrize(("h", "w"), [(32, 48), (48, 32)])
@pytest.mark.parametrize("v", [2, 3])
def test_shapes(v, h, w):
    images, intrinsics, language = inputs(2, v, h, w)
    fields = filled(SpatialSplatNetwork)(images, intrinsics, language)
    assert fields.fine.means.shape == (2, v, h * w, 3)
    assert fields.fine.sh.shape == (2, v, h * w, 3, 25)
    assert fields.fine.instances.shape == (2, v, h * w, 8)
    assert fields.fine.semantics is None
    cells = h * w // 64
    assert fields.coarse.means.shape == (2, v, cells, 3)
    assert fields.coarse.semantics.shape == (2, v, cells, 12)
    assert fields.coarse.importances.shape == (2, v, cells)


def test_coarse_points_and_instances_are_the_top_left_pixels_of_their_cells():
    fields = filled(SpatialSplatNetwork)(*inputs(1, 2, 32, 48))
    for name in ("means", "instances"):
        fine = getattr(fields.fine, name).unflatten(2, (32, 48))
        coarse = getattr(fields.coarse, name).unflatten(2, (4, 6))
        torch.testing.assert_close(coarse, fine[:, :, ::8, ::8])
    torch.testing.assert_close(fields.fine.instances.norm(dim=-1), torch.ones(1, 2, 32 * 48))


def test_coarse_field_does_not_shape_the_instances():
    network = filled(SpatialSplatNetwork)
    fields = network(*inputs())
    fields.coarse.instances.requires_grad_()
    assert fields.coarse.instances.grad_fn is None
    assert fields.fine.instances.grad_fn is not None


def test_language_changes_semantics_alone():
    network = filled(SpatialSplatNetwork)
    images, intrinsics, language = inputs()
    a = network(images, intrinsics, language)
    b = network(images, intrinsics, language.flip(2))
    none = network(images, intrinsics)
    assert not torch.allclose(a.coarse.semantics, b.coarse.semantics)
    assert none.coarse.semantics is None
    for name in ("means", "opacities", "sh", "importances", "instances"):
        for field in ("fine", "coarse"):
            mine = getattr(getattr(a, field), name)
            assert torch.equal(mine, getattr(getattr(b, field), name))
            assert torch.equal(mine, getattr(getattr(none, field), name))


def test_views_use_their_own_heads():
    network = filled(NoPoSplatNetwork)
    images, intrinsics, _ = inputs(1, 3)
    features = network.backbone(images, intrinsics)
    field = network(images, intrinsics)
    raw = network.gaussian_param_head2(features.others, features.grid, images[0, 1:]).fine
    torch.testing.assert_close(field.opacities[0, 1:], adapt_gaussians(raw).opacities)
    first = network.gaussian_param_head(features.reference, features.grid, images[:, 0]).fine
    torch.testing.assert_close(field.opacities[:, 0], adapt_gaussians(first).opacities)


def test_order_of_the_other_views_does_not_matter():
    network = filled(SpatialSplatNetwork)
    images, intrinsics, language = inputs(1, 3)
    order = [0, 2, 1]
    a = network(images, intrinsics, language)
    b = network(images[:, order], intrinsics, language[:, order])
    torch.testing.assert_close(a.fine.opacities[:, order], b.fine.opacities, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(
        a.coarse.semantics[:, order], b.coarse.semantics, atol=1e-3, rtol=1e-3
    )


def test_batch_items_do_not_mix():
    network = filled(SpatialSplatNetwork)
    images, intrinsics, language = inputs(2, 2)
    both = network(images, intrinsics, language)
    one = network(images[1:], intrinsics[1:], language[1:])
    torch.testing.assert_close(both.fine.sh[1:], one.fine.sh, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(
        both.coarse.semantics[1:], one.coarse.semantics, atol=1e-3, rtol=1e-3
    )


def test_gradients_reach_both_sides():
    network = filled(SpatialSplatNetwork)
    fields = network(*inputs())
    outputs = (fields.fine.means, fields.fine.sh, fields.fine.instances, fields.coarse.semantics)
    sum(t.abs().mean() for t in (*outputs, fields.coarse.opacities)).backward()
    without = {n for n, p in network.named_parameters() if p.grad is None}
    assert all("refinenet4.resConfUnit1" in n or n.endswith("mask_token") for n in without)
