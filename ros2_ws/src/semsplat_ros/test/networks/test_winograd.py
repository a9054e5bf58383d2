# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Winograd's convolution against PyTorch's."""

from unittest import mock

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from semsplat_ros.networks import winograd
from semsplat_ros.networks.winograd import MIN_CHANNELS, Conv3x3, conv3x3


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 3),
    inputs=st.integers(1, 5),
    outputs=st.integers(1, 5),
    height=st.integers(1, 21),
    width=st.integers(1, 21),
    strip=st.integers(1, 40),
    channels_last=st.booleans(),
)
def test_equals_the_direct_sum(batch, inputs, outputs, height, width, strip, channels_last):
    torch.manual_seed(0)
    x = torch.randn(batch, inputs, height, width)
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    weight, bias = torch.randn(outputs, inputs, 3, 3), torch.randn(outputs)
    with torch.inference_mode(), mock.patch.object(winograd, "STRIP_TILES", strip):
        y = conv3x3(x, weight, bias)
    expected = F.conv2d(x.double(), weight.double(), bias.double(), padding=1)
    torch.testing.assert_close(y.double(), expected, rtol=0, atol=1e-3)


def test_rounding_is_what_is_said():
    torch.manual_seed(0)
    x, weight = torch.randn(1, 256, 32, 32), torch.randn(256, 256, 3, 3)
    expected = F.conv2d(x.double(), weight.double(), padding=1)
    with torch.inference_mode():
        error = (conv3x3(x, weight) - expected).norm() / expected.norm()
    assert error < 5e-6


def computes_by_winograd(layer, x):
    with mock.patch.object(winograd, "conv3x3", wraps=conv3x3) as called:
        layer(x)
    return called.called


def test_a_layer_takes_it_for_large_float32_inference_on_the_cpu():
    layer = Conv3x3(MIN_CHANNELS, MIN_CHANNELS)
    large, small = torch.zeros(1, MIN_CHANNELS, 64, 64), torch.zeros(1, MIN_CHANNELS, 32, 32)
    assert not computes_by_winograd(layer, large)  # gradients may be wanted
    with torch.inference_mode():
        assert computes_by_winograd(layer, large)
        assert not computes_by_winograd(layer, small)
        assert not computes_by_winograd(Conv3x3(MIN_CHANNELS, 8), large)
        assert not computes_by_winograd(layer.to("meta"), large.to("meta"))
        with torch.autocast("cpu", torch.bfloat16):
            assert not computes_by_winograd(Conv3x3(MIN_CHANNELS, MIN_CHANNELS), large)
        half = Conv3x3(MIN_CHANNELS, MIN_CHANNELS).bfloat16()
        assert not computes_by_winograd(half, large.bfloat16())


@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_equals_pytorchs_with_the_same_weights(bias):
    torch.manual_seed(0)
    plain = nn.Conv2d(MIN_CHANNELS, MIN_CHANNELS, 3, padding=1, bias=bias)
    layer = Conv3x3(MIN_CHANNELS, MIN_CHANNELS, bias=bias)
    layer.load_state_dict(plain.state_dict())
    x = torch.randn(1, MIN_CHANNELS, 65, 66).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        torch.testing.assert_close(layer(x), plain(x), rtol=0, atol=1e-4)
