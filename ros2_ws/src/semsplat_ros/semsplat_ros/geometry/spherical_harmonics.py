# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Colour by direction in real spherical harmonics, in the order and with the signs of 3DGS.

The 3DGS paper's rasteriser shows max(0, 0.5 + sum of coefficient * basis), with the direction from
the camera to the Gaussian.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

SH_C0 = 0.28209479177387814
"""The constant basis function, 1 / (2 sqrt(pi))."""
MAX_DEGREE = 3
"""The rasteriser that the upstream models were trained with evaluates no higher ones."""


def dc_from_colour(colours: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3"]:
    """The coefficient that shows a colour 0..1 from everywhere."""
    return (colours - 0.5) / SH_C0


def colour_from_dc(dc: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3"]:
    """The colour that the constant coefficient alone shows; may lie outside 0..1."""
    return dc * SH_C0 + 0.5


def sh_basis(directions: Float[Tensor, "*b 3"], degree: int) -> Float[Tensor, "*b k"]:
    """Basis functions of unit directions, degree by degree, (degree + 1)^2 of them.

    Args:
        directions: unit vectors.
        degree: 0 to 3.

    Raises:
        ValueError: another degree.
    """
    if not 0 <= degree <= MAX_DEGREE:
        raise ValueError(f"degree {degree} given; 0 to {MAX_DEGREE} are allowed")
    x, y, z = directions.unbind(-1)
    xx, yy, zz = x * x, y * y, z * z
    first = math.sqrt(3 / (4 * math.pi))
    second = math.sqrt(15 / math.pi) / 2
    outer = math.sqrt(35 / (2 * math.pi)) / 4
    inner = math.sqrt(21 / (2 * math.pi)) / 4
    functions = [torch.full_like(x, SH_C0)]
    functions += [-first * y, first * z, -first * x]
    functions += [
        second * x * y,
        -second * y * z,
        second / (2 * math.sqrt(3)) * (2 * zz - xx - yy),
        -second * x * z,
        second / 2 * (xx - yy),
    ]
    functions += [
        -outer * y * (3 * xx - yy),
        math.sqrt(105 / math.pi) / 2 * x * y * z,
        -inner * y * (4 * zz - xx - yy),
        math.sqrt(7 / math.pi) / 4 * z * (2 * zz - 3 * xx - 3 * yy),
        -inner * x * (4 * zz - xx - yy),
        math.sqrt(105 / math.pi) / 4 * z * (xx - yy),
        -outer * x * (xx - 3 * yy),
    ]
    return torch.stack(functions[: (degree + 1) ** 2], dim=-1)


def sh_colours(
    sh: Float[Tensor, "n k 3"], directions: Float[Tensor, "n 3"]
) -> Float[Tensor, "n 3"]:
    """What 3DGS shows of Gaussians: at least 0, not limited above; differentiable.

    Args:
        sh: (degree + 1)^2 coefficients, DC first; those above degree 3 are not read.
        directions: from the camera to each Gaussian, of any length.
    """
    degree = min(math.isqrt(sh.shape[1]) - 1, MAX_DEGREE)
    basis = sh_basis(torch.nn.functional.normalize(directions, dim=-1), degree)
    colours = torch.einsum("nk,nkc->nc", basis, sh[:, : basis.shape[1]])
    return (colours + 0.5).clamp(min=0)
