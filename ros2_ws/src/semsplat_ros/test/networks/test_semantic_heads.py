# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Gaussian and instance heads at a tiny size."""

import pytest
import torch
import torch.nn.functional as F

from semsplat_ros.families.weights.named_weights import SPLAT_RULE, rule_state
from semsplat_ros.networks.dpt import TINY_DPT
from semsplat_ros.networks.precision import set_compute_dtype
from semsplat_ros.networks.semantic_heads import FeatureModulation, GaussianHead, InstanceHead


def filled(head):
    head.load_state_dict(rule_state(head.state_dict(), 0, SPLAT_RULE))
    return head.eval()


def features(grid, b=2):
    generator = torch.Generator().manual_seed(0)
    n = grid[0] * grid[1]
    return [torch.randn(b, n, w, generator=generator) for w in [32] + [24] * 12]


@pytest.mark.parametrize("grid", [(2, 4), (4, 2)])
def test_gaussian_head_shapes(grid):
    images = torch.rand(2, 3, 16 * grid[0], 16 * grid[1])
    raw = filled(GaussianHead(84, 8, TINY_DPT))(features(grid), grid, images)
    assert raw.fine.shape == (2, 84, 16 * grid[0], 16 * grid[1])
    assert raw.coarse.shape == (2, 84, 2 * grid[0], 2 * grid[1])
    assert filled(GaussianHead(83, None, TINY_DPT))(features(grid), grid, images).coarse is None


def test_gaussian_head_looks_at_the_pixels():
    head = filled(GaussianHead(84, 8, TINY_DPT))
    images = torch.rand(2, 3, 32, 32)
    changed = images.clone()
    changed[:, :, 20, 20] += 0.5
    difference = (
        head(features((2, 2)), (2, 2), images).fine - head(features((2, 2)), (2, 2), changed).fine
    )
    touched = difference.abs().sum((0, 1)).nonzero()
    # 7x7 convolution, then 3x3.
    assert touched.amin(0).tolist() == [16, 16]
    assert touched.amax(0).tolist() == [24, 24]


def test_modulation_commutes_with_the_resize():
    film = FeatureModulation(6, 8)
    x, language = torch.randn(2, 8, 9, 7), torch.randn(2, 6, 3, 4)
    big = F.interpolate(language, (9, 7), mode="bilinear", align_corners=True).permute(0, 2, 3, 1)
    expected = film.fc_gamma(big) * x.permute(0, 2, 3, 1) + film.fc_beta(big)
    torch.testing.assert_close(
        film(x, language), expected.permute(0, 3, 1, 2), atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize("grid", [(2, 4), (4, 2)])
def test_instance_head_shapes(grid):
    head = filled(InstanceHead(5, 12, TINY_DPT))
    raw = head(features(grid), grid, torch.randn(2, 12, 3, 5))
    assert raw.instance.shape == (2, 5, 16 * grid[0], 16 * grid[1])
    assert raw.semantic.shape == (2, 12, 2 * grid[0], 2 * grid[1])
    assert raw.semantic.min() >= 0
    assert raw.semantic.max() > 0


def test_instances_do_not_depend_on_language():
    head = filled(InstanceHead(5, 12, TINY_DPT))
    without = head(features((2, 2)), (2, 2))
    assert without.semantic is None
    given = head(features((2, 2)), (2, 2), torch.randn(2, 12, 2, 2))
    assert torch.equal(without.instance, given.instance)


def test_gradients_reach_the_language_map_and_every_parameter_in_use():
    head = filled(InstanceHead(5, 12, TINY_DPT))
    language = torch.randn(2, 12, 2, 2, requires_grad=True)
    raw = head(features((2, 2)), (2, 2), language)
    (raw.instance.square().sum() + raw.semantic.sum()).backward()
    assert language.grad.abs().sum() > 0
    unused = {n for n, p in head.named_parameters() if p.grad is None}
    assert all("refinenet4.resConfUnit1" in n for n in unused)


def test_bfloat16_is_close():
    head = filled(InstanceHead(5, 12, TINY_DPT))
    language = torch.randn(2, 12, 2, 2)
    exact = head(features((2, 2)), (2, 2), language)
    set_compute_dtype(head, torch.bfloat16)
    rounded = head(features((2, 2)), (2, 2), language)
    for a, b in zip(exact, rounded, strict=True):
        assert b.dtype is torch.float32
        assert 0 < (a - b).norm() / a.norm() < 0.03
