# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from semsplat_ros.geometry.rotations import (
    matrices_from_quats,
    quats_from_matrices,
    wxyz_from_xyzw,
    xyzw_from_wxyz,
)

# Scipy's quaternions are x y z w: an independent reference for matrices, order and sign.
ROTATIONS = st.integers(0, 2**32 - 1).map(
    lambda seed: Rotation.random(50, rng=np.random.default_rng(seed))
)


@given(ROTATIONS)
def test_matrices_are_those_of_scipy(rotations: Rotation) -> None:
    quats = wxyz_from_xyzw(torch.from_numpy(rotations.as_quat()))
    torch.testing.assert_close(matrices_from_quats(quats), torch.from_numpy(rotations.as_matrix()))


@given(ROTATIONS)
def test_quaternions_are_those_of_scipy(rotations: Rotation) -> None:
    expected = torch.from_numpy(rotations.as_quat(canonical=True))
    found = xyzw_from_wxyz(quats_from_matrices(torch.from_numpy(rotations.as_matrix())))
    torch.testing.assert_close(found, expected)


@given(st.floats(-np.pi, np.pi), st.sampled_from(["x", "y", "z"]))
def test_half_turns_survive_the_round_trip_in_float32(angle: float, axis: str) -> None:
    for extra in (0.0, np.pi - angle):
        matrix = torch.from_numpy(Rotation.from_euler(axis, angle + extra).as_matrix()).float()
        again = matrices_from_quats(quats_from_matrices(matrix))
        torch.testing.assert_close(again, matrix, atol=3e-6, rtol=0)


def test_length_does_not_matter_and_batches_keep_their_shape() -> None:
    quats = torch.tensor([[[2.0, 0.0, 0.0, 2.0]], [[0.5, 0.5, 0.5, 0.5]]])
    found = matrices_from_quats(quats)
    assert found.shape == (2, 1, 3, 3)
    quarter_turn_about_z = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    torch.testing.assert_close(found[0, 0], quarter_turn_about_z)
    assert quats_from_matrices(found).shape == (2, 1, 4)
