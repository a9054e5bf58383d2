# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Space-filling curves: places on the curve, their inverse, and orders of points."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.networks.point_transformer.space_filling_curves import (
    MAX_DEPTH,
    ORDERS,
    depth_of,
    encode,
    encode_all,
    hilbert_code,
    sort_codes,
    z_code,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "golden_ptv3_seed0.npz"

voxels = st.integers(1, MAX_DEPTH).flatmap(
    lambda depth: st.tuples(
        st.just(depth),
        st.lists(st.tuples(*[st.integers(0, (1 << depth) - 1)] * 3), min_size=1, max_size=30),
    )
)


def whole_cube(depth: int) -> torch.Tensor:
    side = torch.arange(1 << depth)
    return torch.stack(torch.meshgrid(side, side, side, indexing="ij"), -1).reshape(-1, 3)


def bits_apart(code: int, depth: int) -> list[int]:
    """Bits 3i+2, 3i+1, 3i of a code as three numbers."""
    return [
        sum(((code >> (3 * i + 2 - axis)) & 1) << i for i in range(depth)) for axis in range(3)
    ]


def hilbert_voxel(code: int, depth: int) -> list[int]:
    """Skilling's transpose-to-axes, bit by bit: the inverse of what is tested."""
    x = bits_apart(code, depth)
    carry = x[2] >> 1
    x[2] ^= x[1]
    x[1] ^= x[0]
    x[0] ^= carry
    for bit in range(1, depth):
        low = (1 << bit) - 1
        for axis in (2, 1, 0):
            if (x[axis] >> bit) & 1:
                x[0] ^= low
            else:
                swap = (x[0] ^ x[axis]) & low
                x[0] ^= swap
                x[axis] ^= swap
    return x


@given(voxels)
def test_z_code_can_be_taken_apart_again(case):
    depth, points = case
    codes = z_code(torch.tensor(points)).tolist()
    assert [tuple(bits_apart(code, depth)) for code in codes] == points


@given(voxels)
def test_hilbert_code_can_be_taken_apart_again(case):
    depth, points = case
    codes = hilbert_code(torch.tensor(points), depth).tolist()
    assert [tuple(hilbert_voxel(code, depth)) for code in codes] == points


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_hilbert_curve_fills_a_cube_from_neighbour_to_neighbour(depth):
    cube = whole_cube(depth)
    codes = hilbert_code(cube, depth)
    assert sorted(codes.tolist()) == list(range(len(cube)))
    steps = cube[codes.argsort()].diff(dim=0).abs().sum(1)
    assert (steps == 1).all()


@pytest.mark.parametrize("depth", [1, 3])
def test_z_curve_fills_a_cube(depth):
    assert sorted(z_code(whole_cube(depth)).tolist()) == list(range(8**depth))


@pytest.mark.parametrize("order", ORDERS)
def test_codes_of_a_coarser_grid_are_the_codes_without_three_bits_as_sets(order):
    cube = whole_cube(3)
    scene = torch.zeros(len(cube), dtype=torch.long)
    fine = encode(cube, scene, 3, order) >> 3
    # All eight children of a coarse voxel share their code, and no others do.
    for parent in (cube >> 1).unique(dim=0):
        children = ((cube >> 1) == parent).all(1)
        assert len(fine[children].unique()) == 1
        assert not torch.isin(fine[~children], fine[children]).any()


def test_trans_orders_swap_x_and_y():
    grid = torch.tensor([[1, 2, 3], [7, 0, 5]])
    scene = torch.zeros(2, dtype=torch.long)
    swapped = grid[:, [1, 0, 2]]
    for curve in ("z", "hilbert"):
        trans = encode(grid, scene, 3, f"{curve}-trans")
        assert torch.equal(trans, encode(swapped, scene, 3, curve))
        assert not torch.equal(trans, encode(grid, scene, 3, curve))


def test_scenes_come_one_after_the_other_in_every_order():
    grid = torch.randint(0, 16, (50, 3), generator=torch.Generator().manual_seed(0))
    scene = torch.arange(50) % 3
    order, _ = sort_codes(encode_all(grid, scene, 4))
    for row in order:
        assert torch.equal(scene[row], scene.sort().values)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=40))
def test_order_and_inverse_are_permutations_and_ties_keep_their_order(values):
    codes = torch.tensor([values, values[::-1]])
    order, inverse = sort_codes(codes)
    places = torch.arange(len(values))
    for row in range(2):
        assert torch.equal(order[row][inverse[row]], places)
        assert torch.equal(inverse[row][order[row]], places)
        expected = sorted(range(len(values)), key=lambda i: (codes[row, i].item(), i))
        assert order[row].tolist() == expected


@pytest.mark.parametrize(("highest", "depth"), [(0, 1), (1, 1), (2, 2), (127, 7), (128, 8)])
def test_depth_is_the_bit_length_of_the_largest_index(highest, depth):
    assert depth_of(torch.tensor([[0, highest, 0]])) == depth


@pytest.mark.parametrize("index", [-1, 1 << MAX_DEPTH])
def test_index_out_of_range_is_refused(index):
    with pytest.raises(SemsplatError, match="voxel") as error:
        depth_of(torch.tensor([[0, index, 0]]))
    assert error.value.code is ErrorCode.INVALID_ARGUMENT


def test_unknown_order_is_refused():
    with pytest.raises(SemsplatError, match="hilbert-trans"):
        encode(torch.zeros(1, 3, dtype=torch.long), torch.zeros(1, dtype=torch.long), 1, "peano")


@pytest.mark.parametrize("order", ORDERS)
def test_codes_of_the_published_network(order):
    golden = np.load(GOLDEN)
    grid = torch.from_numpy(golden["a/grid_coord"])
    scene = torch.zeros(len(grid), dtype=torch.long)
    codes = encode(grid, scene, depth_of(grid), order)
    assert np.array_equal(codes.numpy(), golden[f"codes/{order}"])
