# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Submanifold convolution against a dense one and against the rule for shared voxels, point by
point."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from semsplat_ros.families.weights.named_weights import DUST3R_RULE, rule_array, rule_generator
from semsplat_ros.networks.point_transformer import sparse_conv
from semsplat_ros.networks.point_transformer.sparse_conv import SubmanifoldConv3d, voxels_of

GOLDEN = Path(__file__).parents[2] / "golden" / "golden_ptv3_seed0.npz"


def random_conv(channels: int, out: int, kernel: int, seed: int = 0) -> SubmanifoldConv3d:
    torch.manual_seed(seed)
    conv = SubmanifoldConv3d(channels, out, kernel)
    torch.nn.init.normal_(conv.weight, std=0.3)
    torch.nn.init.normal_(conv.bias)
    return conv


def run(conv, features, grid, scene):
    voxels = voxels_of(grid, scene)
    return conv(features, voxels, voxels.neighbours(conv.kernel_size))


def by_hand(conv, features, grid, scene):
    """The rule, one point and one tap at a time."""
    kernel = conv.kernel_size
    places = [(int(s), *map(int, g)) for s, g in zip(scene, grid, strict=True)]
    members = {}
    for i, place in enumerate(places):
        members.setdefault(place, []).append(i)
    out = []
    for i, (s, *p) in enumerate(places):
        total = conv.bias.clone()
        taps = [(a, b, c) for a in range(kernel) for b in range(kernel) for c in range(kernel)]
        for number, tap in enumerate(taps):
            weight = conv.weight[:, tap[0], tap[1], tap[2]]
            there = (s, *(q + r - kernel // 2 for q, r in zip(p, tap, strict=True)))
            if number == len(taps) // 2:
                total = total + weight @ features[i]
            elif there not in members:
                continue
            elif number > len(taps) // 2:
                total = total + weight @ features[members[there][0]]
            elif members[(s, *p)][0] == i:
                total = total + weight @ features[members[there]].sum(0)
        out.append(total)
    return torch.stack(out)


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_unique_voxels_are_an_ordinary_convolution(kernel):
    generator = torch.Generator().manual_seed(1)
    occupied = (torch.rand(6, 7, 5, generator=generator) < 0.4).nonzero()
    grid = occupied[torch.randperm(len(occupied), generator=generator)]
    features = torch.randn(len(grid), 4, generator=generator)
    conv = random_conv(4, 3, kernel)
    volume = torch.zeros(1, 4, 6, 7, 5)
    volume[0, :, grid[:, 0], grid[:, 1], grid[:, 2]] = features.T
    dense = F.conv3d(volume, conv.weight.permute(0, 4, 1, 2, 3), conv.bias, padding=kernel // 2)
    expected = dense[0, :, grid[:, 0], grid[:, 1], grid[:, 2]].T
    ours = run(conv, features, grid, torch.zeros(len(grid), dtype=torch.long))
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(
    points=st.lists(
        st.tuples(st.integers(0, 1), *[st.integers(0, 3)] * 3), min_size=1, max_size=25
    ),
    kernel=st.sampled_from([3, 5]),
)
def test_shared_voxels_follow_the_rule(points, kernel):
    rows = torch.tensor(points)
    scene, grid = rows[:, 0], rows[:, 1:]
    features = torch.randn(len(points), 3, generator=torch.Generator().manual_seed(2))
    conv = random_conv(3, 2, kernel)
    with torch.no_grad():
        torch.testing.assert_close(
            run(conv, features, grid, scene),
            by_hand(conv, features, grid, scene),
            rtol=1e-5,
            atol=1e-5,
        )


def test_the_size_of_a_chunk_changes_nothing(monkeypatch):
    grid = torch.randint(0, 6, (80, 3), generator=torch.Generator().manual_seed(3))
    features = torch.randn(80, 4, generator=torch.Generator().manual_seed(4))
    scene = torch.zeros(80, dtype=torch.long)
    conv = random_conv(4, 4, 3)
    whole = run(conv, features, grid, scene)
    monkeypatch.setattr(sparse_conv, "_ROWS_PER_CHUNK", 7)
    torch.testing.assert_close(run(conv, features, grid, scene), whole)


def test_scenes_do_not_see_each_other():
    grid = torch.tensor([[0, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 1]])
    scene = torch.tensor([0, 0, 1, 1])
    features = torch.randn(4, 3, generator=torch.Generator().manual_seed(5))
    conv = random_conv(3, 2, 3)
    together = run(conv, features, grid, scene)
    changed = features.clone()
    changed[2:] += 1
    assert torch.equal(run(conv, changed, grid, scene)[:2], together[:2])
    assert not torch.equal(run(conv, changed, grid, scene)[2:], together[2:])


def test_the_edge_of_the_grid_has_no_neighbours_on_the_other_side():
    """Keys are numbers of one long row: the last voxel of one row must not touch the first of the
    next."""
    top = (1 << 16) - 1
    grid = torch.tensor([[0, 0, top], [0, 1, 0], [0, top, top], [1, 0, 0], [top, top, top]])
    features = torch.ones(5, 1)
    conv = random_conv(1, 1, 5)
    alone = conv.bias + conv.weight[:, 2, 2, 2, 0]
    out = run(conv, features, grid, torch.zeros(5, dtype=torch.long))
    # The second and the fourth voxel are neighbours of each other, the other three of none.
    for row in (0, 2, 4):
        torch.testing.assert_close(out[row], alone)


def test_gradients_with_shared_voxels():
    grid = torch.tensor([[0, 0, 0], [0, 0, 0], [0, 0, 1], [0, 1, 1], [0, 1, 1], [3, 3, 3]])
    voxels = voxels_of(grid, torch.zeros(6, dtype=torch.long))
    conv = random_conv(2, 2, 3).double()
    features = torch.randn(6, 2, dtype=torch.double, requires_grad=True)
    table = voxels.neighbours(3)

    def apply(x, weight, bias):
        return torch.func.functional_call(
            conv, {"weight": weight, "bias": bias}, (x, voxels, table)
        )

    assert torch.autograd.gradcheck(apply, (features, conv.weight, conv.bias))


def test_same_input_same_output():
    grid = torch.randint(0, 8, (500, 3), generator=torch.Generator().manual_seed(6))
    features = torch.randn(500, 8, generator=torch.Generator().manual_seed(7))
    scene = torch.zeros(500, dtype=torch.long)
    conv = random_conv(8, 8, 5)
    assert torch.equal(run(conv, features, grid, scene), run(conv, features, grid, scene))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_stays_close(dtype):
    grid = torch.randint(0, 5, (200, 3), generator=torch.Generator().manual_seed(8))
    features = torch.randn(200, 8, generator=torch.Generator().manual_seed(9))
    scene = torch.zeros(200, dtype=torch.long)
    conv = random_conv(8, 8, 3)
    with torch.no_grad():
        full = run(conv, features, grid, scene)
        half = run(conv.to(dtype), features.to(dtype), grid, scene)
    assert half.dtype == dtype
    assert (half.float() - full).abs().max() < 0.03 * full.abs().max()


def test_even_kernels_are_refused():
    with pytest.raises(ValueError, match="odd"):
        SubmanifoldConv3d(1, 1, 2)


def test_numbers_of_the_published_networks_library():
    golden = np.load(GOLDEN)
    rows = torch.from_numpy(golden["e/indices"])
    features = rule_generator("e/feat", 0).standard_normal((5, 4), dtype=np.float32)
    conv = SubmanifoldConv3d(4, 3, 3, bias=False)
    weight = rule_array("e/weight", (3, 3, 3, 3, 4), 0, DUST3R_RULE)
    conv.weight = torch.nn.Parameter(torch.from_numpy(weight))
    with torch.no_grad():
        ours = run(conv, torch.from_numpy(features), rows[:, 1:], rows[:, 0])
    np.testing.assert_allclose(ours.numpy(), golden["e/out"], atol=1e-6)
