# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Rotations as matrices and as quaternions, w first as in 3D Gaussian splatting; ROS has w
last."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def wxyz_from_xyzw(quats: Float[Tensor, "*n 4"]) -> Float[Tensor, "*n 4"]:
    """Quaternions x y z w as w x y z."""
    return quats[..., [3, 0, 1, 2]]


def xyzw_from_wxyz(quats: Float[Tensor, "*n 4"]) -> Float[Tensor, "*n 4"]:
    """Quaternions w x y z as x y z w."""
    return quats[..., [1, 2, 3, 0]]


def matrices_from_quats(quats_wxyz: Float[Tensor, "*n 4"]) -> Float[Tensor, "*n 3 3"]:
    """Rotation matrices of quaternions of any length but zero."""
    w, x, y, z = functional.normalize(quats_wxyz, dim=-1).unbind(-1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def quats_from_matrices(matrices: Float[Tensor, "*n 3 3"]) -> Float[Tensor, "*n 4"]:
    """Unit quaternions w x y z, w >= 0, of rotation matrices.

    Of the four ways to read them off, the one that divides by the largest number is taken
    (Shepperd 1978, "Quaternion from rotation matrix").
    """
    m = matrices
    diagonal = m.diagonal(dim1=-2, dim2=-1)
    trace = diagonal.sum(-1, keepdim=True)
    # Four times the squares of w, x, y, z.
    squares = torch.cat([1 + trace, 1 - trace + 2 * diagonal], -1)
    wx, wy, wz = (
        m[..., 2, 1] - m[..., 1, 2],
        m[..., 0, 2] - m[..., 2, 0],
        m[..., 1, 0] - m[..., 0, 1],
    )
    xy, xz, yz = (
        m[..., 0, 1] + m[..., 1, 0],
        m[..., 0, 2] + m[..., 2, 0],
        m[..., 1, 2] + m[..., 2, 1],
    )
    # Row i is the quaternion times four times its component i.
    candidates = torch.stack(
        [
            torch.stack([squares[..., 0], wx, wy, wz], -1),
            torch.stack([wx, squares[..., 1], xy, xz], -1),
            torch.stack([wy, xy, squares[..., 2], yz], -1),
            torch.stack([wz, xz, yz, squares[..., 3]], -1),
        ],
        -2,
    )
    best = squares.argmax(-1)[..., None, None].expand(*squares.shape[:-1], 1, 4)
    quats = functional.normalize(candidates.gather(-2, best).squeeze(-2), dim=-1)
    return torch.where(quats[..., :1] < 0, -quats, quats)
