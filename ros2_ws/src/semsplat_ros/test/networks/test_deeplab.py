# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Shapes and padding of DeepLab."""

import pytest
import torch

from semsplat_ros.networks.deeplab import STRIDE, VOC_CLASSES, DeepLab, SameConv


@pytest.mark.parametrize("size", [(64, 80), (65, 81), (48, 33)])
def test_a_cell_of_the_output_is_a_sixteenth_rounded_up(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    with torch.inference_mode():
        logits = DeepLab().eval()(torch.rand(2, 3, *size))
    cells = tuple(-(-side // STRIDE) for side in size)
    assert logits.shape == (2, len(VOC_CLASSES), *cells)


def test_odd_padding_goes_below_and_to_the_right() -> None:
    conv = SameConv(1, 1, 3, stride=2)
    torch.nn.init.ones_(conv.weight)
    torch.nn.init.zeros_(conv.bias)
    with torch.inference_mode():
        out = conv(torch.ones(1, 1, 4, 4))
    assert out[0, 0].tolist() == [[9.0, 6.0], [6.0, 4.0]]
