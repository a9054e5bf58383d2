# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Raw channels to Gaussian attributes, by hand."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semsplat_ros.networks.gaussian_adapter import (
    adapt_gaussians,
    covariances,
    selected_opacities,
    sh_mask,
)


def test_channels_are_where_the_papers_systems_have_them():
    raw = torch.zeros(1, 84, 1, 1)
    raw[0, 0] = 2.0
    raw[0, 1:4, 0, 0] = torch.tensor([0.0, 1.0, 1000.0])
    raw[0, 4:8, 0, 0] = torch.tensor([3.0, 0.0, 0.0, 4.0])
    raw[0, 8:83, 0, 0] = torch.arange(75.0)
    raw[0, 83] = -1.0
    out = adapt_gaussians(raw)
    assert out.opacities.item() == pytest.approx(1 / (1 + math.exp(-2)))
    assert out.importances.item() == pytest.approx(1 / (1 + math.exp(1)))
    scales = [0.001 * math.log(2), 0.001 * math.log(1 + math.e), 0.3]
    torch.testing.assert_close(out.scales[0, 0], torch.tensor(scales))
    torch.testing.assert_close(out.quats_xyzw[0, 0], torch.tensor([0.6, 0, 0, 0.8]))
    # Green, first coefficient of degree 2: channel 8 + 25 + 4.
    assert out.sh[0, 0, 1, 4].item() == pytest.approx(29 * 0.00625)
    assert out.sh[0, 0, 2, 0].item() == pytest.approx(50)


def test_no_importance_without_its_channel():
    assert adapt_gaussians(torch.zeros(1, 83, 2, 2)).importances is None


def test_pixels_are_row_major():
    raw = torch.zeros(1, 83, 2, 3)
    raw[0, 0] = torch.arange(6.0).view(2, 3)
    assert torch.equal(adapt_gaussians(raw).opacities[0], torch.arange(6.0).sigmoid())


def test_mask_by_degree():
    mask = sh_mask()
    assert mask.shape == (25,)
    degrees = [0, *[1] * 3, *[2] * 5, *[3] * 7, *[4] * 9]
    values = [1, 0.025, 0.00625, 0.0015625, 0.000390625]
    torch.testing.assert_close(mask, torch.tensor([values[d] for d in degrees]))


def test_selection_is_strict_at_the_threshold():
    importances = torch.tensor([0.5, 0.5000001, 0.9, 0.2])
    out = selected_opacities(torch.full((4,), 0.8), importances)
    torch.testing.assert_close(out, torch.tensor([0.0004, 0.4, 0.72, 0.00016]))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_covariance_is_the_rotated_square_of_the_scales(seed):
    generator = torch.Generator().manual_seed(seed)
    quats = torch.randn(4, generator=generator, dtype=torch.float64)
    quats = quats / quats.norm()
    scales = torch.rand(3, generator=generator, dtype=torch.float64) + 0.1
    out = covariances(scales, quats)
    torch.testing.assert_close(out, out.T)
    values = torch.linalg.eigvalsh(out)
    torch.testing.assert_close(values, scales.square().sort().values, atol=1e-6, rtol=1e-6)
    # q v q* for the first axis, with the quaternion algebra written out.
    x, y, z, w = quats
    axis = torch.stack((w * w + x * x - y * y - z * z, 2 * (x * y + w * z), 2 * (x * z - w * y)))
    torch.testing.assert_close(out @ axis, axis * scales[0] ** 2, atol=1e-6, rtol=1e-6)


def test_gradients_are_finite_at_zero():
    raw = torch.zeros(1, 84, 1, 1, requires_grad=True)
    out = adapt_gaussians(raw)
    total = covariances(out.scales, out.quats_xyzw).sum() + out.sh.sum() + out.opacities.sum()
    total.backward()
    assert torch.isfinite(raw.grad[:, :4]).all()
