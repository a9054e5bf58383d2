# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""DPT heads at a tiny size."""

import pytest
import torch

from semsplat_ros.families.weights.named_weights import DUST3R_RULE, rule_state
from semsplat_ros.families.weights.tensor_lists import tensor_list
from semsplat_ros.networks.dpt import (
    STRIP_ROWS,
    TINY_DPT,
    DptHead,
    DptTrunk,
    FeatureFusionBlock,
    exp_confidence,
    expm1_points,
    in_strips,
    up2,
)
from semsplat_ros.networks.precision import set_compute_dtype


def make(channels: int = 4) -> DptHead:
    head = DptHead(channels, TINY_DPT).eval()
    head.load_state_dict(rule_state(head.state_dict(), 0, DUST3R_RULE))
    return head


def features(grid: tuple[int, int], b: int = 2) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    n = grid[0] * grid[1]
    widths = [32] + [24] * 12
    return [torch.randn(b, n, w, generator=generator) for w in widths]


def test_names_and_shapes_are_the_official_ones():
    with torch.device("meta"):
        head = DptHead(4)
    ours = {f"downstream_head1.{n}": tuple(t.shape) for n, t in head.state_dict().items()}
    official = {
        n: tuple(spec.shape)
        for n, spec in tensor_list("dust3r").tensors.items()
        if n.startswith("downstream_head1.")
    }
    assert ours == official


def test_the_two_names_of_an_alias_are_one_tensor():
    scratch = make().dpt.scratch
    assert scratch.layer3_rn.weight is scratch.layer_rn[2].weight


@pytest.mark.parametrize("grid", [(2, 4), (4, 2), (3, 5), (1, 1)])
def test_output_has_the_size_of_the_image(grid):
    raw = make(5)(features(grid), grid)
    assert raw.shape == (2, 5, 16 * grid[0], 16 * grid[1])


def test_only_the_hooked_entries_are_read():
    head, given = make(), features((2, 2))
    expected = head(given, (2, 2))
    for i in range(13):
        changed = list(given)
        changed[i] = changed[i] + torch.randn_like(changed[i])
        same = torch.equal(head(changed, (2, 2)), expected)
        assert same == (i not in (0, 6, 9, 12))


def test_fusion_order_commutes():
    # The published order: upsample, then the 1x1 convolution.
    block = FeatureFusionBlock(8)
    path, level = torch.randn(2, 1, 8, 5, 7)
    with torch.no_grad():
        plain = block.out_conv(up2(block.resConfUnit2(path + block.resConfUnit1(level))))
        torch.testing.assert_close(block(path, level), plain, atol=1e-5, rtol=1e-4)


def test_upsampling_keeps_corners():
    x = torch.randn(1, 1, 3, 4)
    y = up2(x)
    assert y.shape == (1, 1, 6, 8)
    for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        torch.testing.assert_close(y[0, 0][corner], x[0, 0][corner])


def test_gradients_reach_all_but_the_unused_unit():
    head = make()
    head(features((2, 2)), (2, 2)).square().sum().backward()
    without = {n for n, p in head.named_parameters() if p.grad is None}
    assert without == {
        f"dpt.scratch.refinenet4.resConfUnit1.conv{i}.{part}"
        for i in (1, 2)
        for part in ("weight", "bias")
    }


def test_batch_items_do_not_mix():
    head, given = make(), features((2, 3), b=3)
    one = head([t[1:2] for t in given], (2, 3))
    torch.testing.assert_close(head(given, (2, 3))[1:2], one, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("height", [1, STRIP_ROWS, STRIP_ROWS + 1, 2 * STRIP_ROWS + 30])
def test_strips_are_the_whole(height):
    torch.manual_seed(0)
    layers = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.ReLU(inplace=True), torch.nn.Conv2d(4, 2, 1)
    )
    x = torch.rand(2, 3, height, 5)
    torch.testing.assert_close(in_strips(layers, x), layers(x))


def test_bfloat16_is_close():
    head, given = make(), features((2, 2))
    exact = head(given, (2, 2))
    set_compute_dtype(head, torch.bfloat16)
    rounded = head(given, (2, 2))
    assert rounded.dtype is torch.float32
    assert 0 < (rounded - exact).norm() / exact.norm() < 0.03


def test_of_a_head_only_the_largest_convolutions_are_rounded():
    head = make()
    set_compute_dtype(head, torch.bfloat16)
    rounded = {n for n, p in head.named_parameters() if p.dtype is torch.bfloat16}
    assert rounded
    assert all("refinenet1.resConfUnit" in name for name in rounded), rounded


def test_every_head_keeps_the_levels_it_reads():
    trunk = DptTrunk(TINY_DPT)
    set_compute_dtype(trunk, torch.bfloat16)
    assert {p.dtype for p in trunk.act_postprocess.parameters()} == {torch.float32}
    assert trunk.scratch.refinenet1.resConfUnit1.conv1.weight.dtype is torch.bfloat16


def test_points_keep_the_direction_and_stretch_the_length():
    raw = torch.tensor([3.0, 0.0, -4.0]).view(1, 3, 1, 1)
    length = torch.tensor(5.0).expm1()
    torch.testing.assert_close(
        expm1_points(raw).flatten(), torch.tensor([0.6, 0.0, -0.8]) * length
    )
    assert torch.equal(expm1_points(torch.zeros(1, 3, 2, 2)), torch.zeros(1, 2, 2, 3))


def test_confidence_starts_at_its_minimum():
    raw = torch.tensor([[[0.0, -30.0]]])
    torch.testing.assert_close(exp_confidence(raw), torch.tensor([[[2.0, 1.0]]]))
    torch.testing.assert_close(exp_confidence(raw, 0.0), torch.tensor([[[1.0, 0.0]]]))
