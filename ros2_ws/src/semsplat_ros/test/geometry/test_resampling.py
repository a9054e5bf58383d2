# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Images at a network's size."""

import numpy as np
import pytest
import torch
from PIL import Image

from semsplat_ros.geometry.resampling import resample
from semsplat_ros.geometry.views import central_crop, prepare_views
from semsplat_ros.scene import Resampling
from test.support.camera_priors import image_format


def original_image(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def to_size(image, height, width, how):
    return resample(image, central_crop(*image.shape[:2], height, width), height, width, how)


@pytest.mark.parametrize("how", list(Resampling))
@pytest.mark.parametrize("size", [(60, 100), (100, 60), (64, 64), (20, 24)])
def test_shape_range_and_a_plain_image(how, size):
    out = to_size(original_image(*size), 32, 48, how)
    assert out.shape == (3, 32, 48)
    assert out.min() >= 0
    assert out.max() <= 1
    plain = np.full((*size, 3), (10, 100, 200), np.uint8)
    expected = torch.tensor([10, 100, 200])[:, None, None] / 255
    torch.testing.assert_close(to_size(plain, 32, 48, how), expected.expand(3, 32, 48))


@pytest.mark.parametrize("how", list(Resampling))
def test_the_centre_is_kept(how):
    image = np.zeros((64, 128, 3), np.uint8)
    image[:, 32:96] = 255
    assert to_size(image, 32, 32, how).min() > 0.9
    image = np.zeros((128, 64, 3), np.uint8)
    image[32:96] = 255
    assert to_size(image, 32, 32, how).min() > 0.9


def test_aligned_bilinear_keeps_the_corner_pixels_and_does_not_smooth():
    image = original_image(65, 65)
    out = to_size(image, 33, 33, Resampling.ALIGNED_BILINEAR)
    # 65 -> 33 with aligned corners reads every second pixel exactly.
    expected = torch.from_numpy(image[::2, ::2]).permute(2, 0, 1) / 255
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=0)


def test_area_is_the_mean():
    image = original_image(64, 64)
    out = to_size(image, 32, 32, Resampling.AREA)
    blocks = image.reshape(32, 2, 32, 2, 3).mean((1, 3))
    np.testing.assert_allclose(out.permute(1, 2, 0).numpy(), blocks / 255, atol=0.51 / 255)


def test_lanczos_stays_8_bit():
    out = to_size(original_image(64, 64), 32, 32, Resampling.LANCZOS) * 255
    torch.testing.assert_close(out, out.round(), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("side", "method"), [(64, Image.Resampling.LANCZOS), (20, Image.Resampling.BICUBIC)]
)
def test_lanczos_shrinks_and_bicubic_enlarges(side, method):
    image = original_image(side, side)
    expected = np.asarray(Image.fromarray(image).resize((32, 32), method))
    out = to_size(image, 32, 32, Resampling.LANCZOS)
    np.testing.assert_allclose(out.permute(1, 2, 0).numpy(), expected / 255, atol=1e-6)


def test_the_methods_differ_and_views_pass_them_on():
    image = original_image(90, 120)
    formats = [image_format((32, 32), resampling=how) for how in Resampling]
    outs = [prepare_views((image, image), info).images for info in formats]
    assert all(not torch.allclose(a, b) for a, b in zip(outs, outs[1:], strict=False))
    torch.testing.assert_close(outs[1][0], to_size(image, 32, 32, list(Resampling)[1]))
