# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Fusion takes the matcher where it is trusted and keeps the network's relief elsewhere."""

import torch

from semsplat_ros.geometry.depth_fusion import fuse_log_depth

HEIGHT, WIDTH = 32, 40


def relief() -> torch.Tensor:
    row, column = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    return (0.5 + 0.01 * row + 0.02 * column)[None]


def test_without_a_matcher_it_is_the_network() -> None:
    network = relief()
    nothing = torch.zeros_like(network)
    torch.testing.assert_close(fuse_log_depth(network, nothing + 9.0, nothing), network)


def test_trusted_matches_are_taken() -> None:
    truth = relief()
    fused = fuse_log_depth(truth + 0.2, truth, torch.ones_like(truth))
    torch.testing.assert_close(fused, truth)


def test_a_gap_keeps_the_relief_and_loses_the_bias() -> None:
    truth = relief()
    trust = torch.ones_like(truth)
    trust[:, 8:24, 10:30] = 0.0
    fused = fuse_log_depth(truth + 0.2, torch.where(trust > 0, truth, 5.0), trust)
    torch.testing.assert_close(fused, truth, atol=1e-3, rtol=0)


def test_each_region_is_moved_by_its_own_neighbourhood() -> None:
    truth = relief()
    network = truth.clone()
    network[..., :20] += 0.15
    network[..., 20:] -= 0.15
    trust = torch.zeros_like(truth)
    trust[:, ::4, ::4] = 1.0
    fused = fuse_log_depth(network, truth, trust)
    inner = torch.cat([fused[..., 4:14] - truth[..., 4:14], fused[..., 26:36] - truth[..., 26:36]])
    assert inner.abs().mean() < 0.03


def test_a_single_wild_match_is_not_believed() -> None:
    truth = relief()
    matcher, trust = truth.clone(), torch.ones_like(truth)
    matcher[0, 16, 20] += 0.7
    fused = fuse_log_depth(truth, matcher, trust)
    assert (fused[0, 16, 20] - truth[0, 16, 20]).abs() < 0.1


def test_views_do_not_mix() -> None:
    truth = relief().repeat(2, 1, 1)
    trust = torch.zeros_like(truth)
    trust[0] = 1.0
    network = truth + 0.3
    fused = fuse_log_depth(network, truth, trust)
    torch.testing.assert_close(fused[1], network[1])
