# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Point Transformer V3 at a small size: windows, batches, orders, gradients, surprises."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from semsplat_ros.networks.point_transformer import blocks
from semsplat_ros.networks.point_transformer.blocks import (
    TINY_POINT_TRANSFORMER,
    DropPath,
    WindowAttention,
    WindowRule,
)
from semsplat_ros.networks.point_transformer.cloud import (
    PointFeatures,
    coarsen,
    structure_of,
    voxelize,
)
from semsplat_ros.networks.point_transformer.network import PointTransformer, Unpooling
from semsplat_ros.networks.precision import set_compute_dtype

CONFIG = TINY_POINT_TRANSFORMER
VOXEL = 0.05


def cloud(points: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(points, 3, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def structure(coords: torch.Tensor, *counts: int, shuffle: bool = False):
    return structure_of(coords, voxelize(coords, VOXEL), counts or (len(coords),), shuffle)


def network(**changes) -> PointTransformer:
    torch.manual_seed(0)
    net = PointTransformer(replace(CONFIG, **changes)).eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2.0)
    return net


def inputs(points: int, scenes: int = 1, seed: int = 0):
    g = torch.Generator().manual_seed(100 + seed)
    return (
        torch.randn(points, CONFIG.in_channels, generator=g),
        torch.randn(scenes, 5, CONFIG.image_width, generator=g),
        torch.randn(scenes, 7, CONFIG.language_width, generator=g),
    )


@pytest.mark.parametrize("points", [1, 10, CONFIG.window, CONFIG.window + 1, 300])
def test_any_number_of_points(points):
    features, image, language = inputs(points)
    with torch.no_grad():
        out = network()(features, structure(cloud(points)), image, language)
    assert out.shape == (points, CONFIG.decoder_channels[0])
    assert torch.isfinite(out).all()


def test_all_points_in_one_voxel():
    coords = torch.full((40, 3), 0.3)
    features, image, language = inputs(40)
    with torch.no_grad():
        out = network()(features, structure(coords), image, language)
    assert torch.isfinite(out).all()


def test_same_input_same_output():
    features, image, language = inputs(200)
    net = network()
    with torch.no_grad():
        first = net(features, structure(cloud(200)), image, language)
        assert torch.equal(net(features, structure(cloud(200)), image, language), first)


def test_two_scenes_are_two_passes():
    """With the fixed window rule scenes do not touch each other, whatever their sizes."""
    counts = (150, 40)
    coords = torch.cat([cloud(150, 1), cloud(40, 2)])
    # One grid for both, so that the voxels are the same alone and together.
    grid = voxelize(coords, VOXEL)
    features, image, language = inputs(190, 2)
    net = network()
    with torch.no_grad():
        together = net(features, structure_of(coords, grid, counts), image, language)
        for i, (rows, count) in enumerate(((slice(0, 150), 150), (slice(150, 190), 40))):
            alone = net(
                features[rows],
                structure_of(coords[rows], grid[rows], (count,)),
                image[i : i + 1],
                language[i : i + 1],
            )
            torch.testing.assert_close(together[rows], alone, rtol=1e-4, atol=1e-5)


def test_windows_of_the_smallest_scene_change_the_other_one():
    coords = torch.cat([cloud(150, 1), cloud(40, 2)])
    features, image, language = inputs(190, 2)
    with torch.no_grad():
        outputs = [
            network(window_rule=rule)(features, structure(coords, 150, 40), image, language)
            for rule in WindowRule
        ]
    assert (outputs[0] - outputs[1]).abs().max() > 1e-3


def test_one_scene_is_the_same_under_both_window_rules():
    features, image, language = inputs(150)
    with torch.no_grad():
        first, second = (
            network(window_rule=rule)(features, structure(cloud(150)), image, language)
            for rule in WindowRule
        )
    assert torch.equal(first, second)


def test_the_last_window_is_filled_from_the_one_before():
    torch.manual_seed(1)
    attention = WindowAttention(width=8, heads=2, window=4, rule=WindowRule.FIXED, order=0)
    points = structure(cloud(10))
    features = torch.randn(10, 8)
    order = points.order[0]
    q, k, v = attention.qkv(features).unflatten(1, (3, 2, 4)).unbind(1)
    expected = torch.empty(10, 8)
    # 10 = 4 + 4 + 2: places 2 and 3 of the third window are places 2 and 3 of the second.
    for places in ([0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 6, 7]):
        rows = order[places]
        mixed = F.scaled_dot_product_attention(*(x[rows].transpose(0, 1)[None] for x in (q, k, v)))
        result = mixed[0].transpose(0, 1).flatten(1)
        for row, place, value in zip(rows, places, result, strict=True):
            if place == 8 or place == 9 or places[0] != 8:
                expected[row] = value
    torch.testing.assert_close(
        attention(features, points, torch.nn.Identity()), attention.proj(expected)
    )


def test_points_in_memory_at_a_time_change_nothing(monkeypatch):
    features, image, language = inputs(300)
    net, seen = network(), []
    net.dec.dec0.block0.mlp[0].fc1.register_forward_hook(
        lambda _layer, _given, hidden: seen.append(len(hidden))
    )
    with torch.no_grad():
        whole = net(features, structure(cloud(300)), image, language)
        monkeypatch.setattr(blocks, "POINTS_AT_A_TIME", 70)
        monkeypatch.setattr(blocks, "WINDOWS_AT_A_TIME", 2)
        parts = net(features, structure(cloud(300)), image, language)
    assert seen == [300, 70, 70, 70, 70, 20]
    torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-5)


def test_the_decoder_takes_the_levels_it_has_read():
    net = network()
    fine = structure(cloud(60))
    middle = coarsen(fine)
    own, below = torch.randn(60, 8), torch.randn(len(middle.coords), 8)
    levels = [PointFeatures(fine, own, own), PointFeatures(middle, below, below)]
    with torch.no_grad():
        points = net.dec.dec0(levels)
    assert levels == []
    assert points.structure is fine


def test_shuffling_needs_to_be_asked_for_and_changes_the_output():
    features, image, language = inputs(300)
    net, shuffling = network(), network()
    shuffling.shuffle_orders = True
    with torch.no_grad():
        plain = net(features, structure(cloud(300)), image, language)
        outputs = []
        for seed in (1, 2, 1):
            torch.manual_seed(seed)
            points = structure(cloud(300), shuffle=True)
            outputs.append(shuffling(features, points, image, language))
    assert torch.equal(outputs[0], outputs[2])
    assert not torch.equal(outputs[0], outputs[1])
    assert any(not torch.equal(plain, out) for out in outputs)


def test_coarse_points_are_means_sorted_by_code():
    coords = cloud(200)
    fine = structure(coords)
    coarse = coarsen(fine)
    assert sum(coarse.counts) == len(coarse.coords) < 200
    assert (coarse.codes[0].diff() > 0).all()
    members = coarse.merge.coarse_of_point
    for i in range(len(coarse.coords)):
        mine = members == i
        assert len((fine.grid[mine] >> 1).unique(dim=0)) == 1
        torch.testing.assert_close(coarse.coords[i], coords[mine].mean(0))
        assert torch.equal(coarse.grid[i], fine.grid[mine][0] >> 1)
    maxima = coarse.merge.reduce(coords, "max")
    torch.testing.assert_close(maxima[0], coords[members == 0].amax(0))


def test_the_convolution_after_unpooling_reads_the_skip_alone():
    """The published network's sparse tensor does not hear of the addition."""
    torch.manual_seed(0)
    up = Unpooling(6, 4, 5).eval()
    fine = structure(cloud(60))
    coarse = coarsen(fine)
    skip = PointFeatures(fine, torch.randn(60, 4), torch.zeros(60, 4))
    below = torch.randn(len(coarse.coords), 6)
    points = up(PointFeatures(coarse, below, below), skip)
    other = up(PointFeatures(coarse, below + 1, below), skip)
    assert torch.equal(points.conv_input, other.conv_input)
    assert not torch.equal(points.features, other.features)
    received = points.features - points.conv_input
    same_parent = coarse.merge.coarse_of_point == coarse.merge.coarse_of_point[0]
    assert torch.allclose(received[same_parent], received[0], atol=1e-6)


def test_every_parameter_has_a_gradient():
    features, image, language = inputs(250)
    net = network().train()
    features.requires_grad_()
    net(features, structure(cloud(250)), image, language).square().mean().backward()
    assert features.grad.abs().sum() > 0
    without = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    # Attention does not change if the same is added to every key; a bias before batch norm is
    # lost.
    batch_normed = ("down.proj.bias", "up.proj.0.bias", "up.proj_skip.0.bias")
    assert [n for n in without if not n.endswith(batch_normed)] == []


def test_stochastic_depth_only_while_training():
    branch = torch.ones(4000, 2)
    drop = DropPath(0.3)
    assert torch.equal(drop.eval()(branch), branch)
    torch.manual_seed(0)
    dropped = drop.train()(branch)
    kept = dropped[:, 0] != 0
    assert 0.65 < kept.float().mean() < 0.75
    torch.testing.assert_close(dropped[kept], branch[kept] / 0.7)
    assert torch.equal(dropped[:, 0], dropped[:, 1])


def test_bfloat16_stays_close():
    features, image, language = inputs(250)
    net = network()
    with torch.no_grad():
        full = net(features, structure(cloud(250)), image, language)
        set_compute_dtype(net, torch.bfloat16)
        half = net(features, structure(cloud(250)), image, language)
    assert half.dtype == torch.float32
    assert (half - full).norm() < 0.05 * full.norm()
    assert not torch.equal(half, full)


def test_counts_must_add_up():
    with pytest.raises(ValueError, match="scenes"):
        structure(cloud(10), 4, 5)
    with pytest.raises(ValueError, match="scenes"):
        structure(cloud(10), 10, 0)
