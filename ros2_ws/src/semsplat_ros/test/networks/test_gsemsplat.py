# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""GSemSplat's heads on a frozen Splatt3R."""

from dataclasses import replace

import pytest
import torch

from semsplat_ros.families.splatt3r import pair_gaussians
from semsplat_ros.networks.croco import TINY_CROCO
from semsplat_ros.networks.dpt import TINY_DPT
from semsplat_ros.networks.gsemsplat import GSemSplatNetwork, semantic_loss
from semsplat_ros.networks.precision import set_compute_dtype
from semsplat_ros.rendering.rasterize import rasterize

SIZE = (32, 48)


def network(seed: int = 0) -> GSemSplatNetwork:
    torch.manual_seed(seed)
    return GSemSplatNetwork(TINY_CROCO, TINY_DPT, channels=4, clip_channels=6)


def images(batch: int = 1, size: tuple[int, int] = SIZE) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(batch, 2, 3, *size, generator=generator) * 2 - 1


@pytest.mark.parametrize("size", [(32, 48), (48, 32), (32, 32)])
def test_both_maps_of_both_views_have_the_size_of_the_image(size):
    pair = network().eval()(images(2, size))
    for maps in pair.semantics:
        assert maps.region.shape == maps.context.shape == (2, *size, 4)
        assert not torch.equal(maps.region, maps.context)
    first, second = pair.semantics
    assert not torch.equal(first.region, second.region)


def test_scenes_of_a_batch_do_not_mix():
    model, two = network().eval(), images(2)
    together, alone = model(two).semantics, model(two[1:]).semantics
    for a, b in zip(together, alone, strict=True):
        torch.testing.assert_close(a.region[1:], b.region, atol=1e-5, rtol=1e-4)


def test_the_base_is_frozen_and_stays_in_evaluation_mode():
    model = network().train()
    assert model.heads.training and not model.base.training
    assert not any(p.requires_grad for p in model.base.parameters())
    assert all(p.requires_grad for p in model.heads.parameters())


def rendered_loss(model: GSemSplatNetwork) -> torch.Tensor:
    """The paper's way: blend the compressed fields, project the pixels, compare."""
    height, width = SIZE
    pair = model(images())
    predicted = pair_gaussians(pair.base)
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    # Points of untrained weights are nowhere in particular: a wall before the camera instead.
    wall = torch.stack([columns - width / 2 + 0.5, rows - height / 2 + 0.5], -1).float() / 20
    wall = torch.cat([wall, torch.ones(height, width, 1)], -1).reshape(-1, 3).repeat(2, 1)
    gaussians = replace(predicted, means=wall, scales=torch.full_like(wall, 0.03))
    k = torch.tensor([[20.0, 0, width / 2], [0, 20.0, height / 2], [0, 0, 1]])
    both = torch.cat(
        [
            torch.cat([getattr(m, branch)[0].flatten(0, 1) for m in pair.semantics])
            for branch in ("region", "context")
        ],
        dim=1,
    )
    seen = rasterize(gaussians, torch.eye(4), k, height, width, both).features
    mask = torch.ones(height, width)
    targets = torch.eye(6)[:2].expand(height, width, 2, 6)
    region, context = seen.split(4, dim=-1)
    return semantic_loss(
        model.heads.region_projection(region), targets[:, :, 0], mask
    ) + semantic_loss(model.heads.context_projection(context), targets[:, :, 1], mask)


def test_gradients_flow_through_the_image_to_every_head_and_nowhere_else():
    model = network().train()
    rendered_loss(model).backward()
    assert all(p.grad is None for p in model.base.parameters())
    # Present in every published DPT head and never evaluated: the deepest level has one input.
    idle = "refinenet4.resConfUnit1"
    without = [
        name
        for name, p in model.heads.named_parameters()
        if idle not in name and (p.grad is None or not p.grad.any())
    ]
    assert without == []


def test_training_the_heads_lowers_the_loss_and_leaves_the_base():
    model = network().train()
    before = {name: p.clone() for name, p in model.base.named_parameters()}
    optimizer = torch.optim.Adam(model.heads.parameters(), lr=1e-2)
    losses = []
    for _ in range(4):
        optimizer.zero_grad()
        loss = rendered_loss(model)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]
    for name, p in model.base.named_parameters():
        assert torch.equal(p, before[name])


def test_loss_is_one_minus_cosine_inside_the_mask():
    target = torch.tensor([[1.0, 0], [1, 0], [0, 1]])
    predicted = torch.tensor([[3.0, 0], [0, 2], [0, -1]])
    weight = torch.tensor([1.0, 1, 0])
    assert semantic_loss(predicted, target, weight) == pytest.approx(0.5)
    assert semantic_loss(predicted, target, torch.ones(3)) == pytest.approx(1.0)
    assert semantic_loss(predicted, target, torch.zeros(3)) == 0.0


def test_bfloat16_stays_close():
    exact, rounded = network().eval(), network().eval()
    set_compute_dtype(rounded, torch.bfloat16)
    with torch.inference_mode():
        a = exact(images()).semantics[0].region
        b = rounded(images()).semantics[0].region
    assert b.dtype is torch.float32
    assert 0 < (a - b).abs().mean() < 0.05 * a.std() + 0.01
