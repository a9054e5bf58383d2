# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Spherical harmonics of 3DGS against scipy's complex ones."""

import numpy as np
import pytest
import torch
from scipy.special import sph_harm_y

from semsplat_ros.geometry.spherical_harmonics import (
    colour_from_dc,
    dc_from_colour,
    sh_basis,
    sh_colours,
)


def directions(count=40):
    v = torch.randn(count, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.normalize(v, dim=1)


def real_harmonic(degree: int, order: int, v: np.ndarray) -> np.ndarray:
    """Real form with the Condon-Shortley phase kept, as 3DGS has it."""
    theta, phi = np.arccos(v[:, 2]), np.arctan2(v[:, 1], v[:, 0])
    complex_value = sph_harm_y(degree, abs(order), theta, phi)
    if order == 0:
        return complex_value.real
    return np.sqrt(2) * (complex_value.imag if order < 0 else complex_value.real)


@pytest.mark.parametrize("degree", range(4))
def test_the_basis_is_the_real_spherical_harmonics(degree):
    ours = sh_basis(directions(), degree).numpy()
    expected = np.stack(
        [
            real_harmonic(n, m, directions().numpy())
            for n in range(degree + 1)
            for m in range(-n, n + 1)
        ],
        axis=1,
    )
    np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_colours():
    colour = torch.rand(5, 3, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(colour_from_dc(dc_from_colour(colour)), colour)
    view = 3 * directions(5).float()
    torch.testing.assert_close(sh_colours(dc_from_colour(colour)[:, None], view), colour)
    many = torch.cat((dc_from_colour(colour)[:, None], torch.zeros(5, 24, 3)), dim=1)
    many[:, 20] = 100.0  # of degree 4: not read
    torch.testing.assert_close(sh_colours(many, view), colour)
    many[:, 1] = 10.0
    assert sh_colours(many, view).min() == 0


def test_another_degree_is_refused():
    with pytest.raises(ValueError, match="degree 4"):
        sh_basis(directions(), 4)
