# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Linear layers by oneDNN: the same numbers, names and gradients."""

from unittest import mock

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from semsplat_ros.networks import linear as module
from semsplat_ros.networks.linear import Linear, linear

SHAPES = ((3,), (1, 3), (2, 5, 3), (2, 4, 5, 3))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("with_bias", [True, False])
def test_equals_pytorch(shape, with_bias):
    torch.manual_seed(0)
    x, weight = torch.randn(shape), torch.randn(7, 3)
    bias = torch.randn(7) if with_bias else None
    with torch.inference_mode():
        torch.testing.assert_close(linear(x, weight, bias), F.linear(x, weight, bias))


def test_any_strides():
    torch.manual_seed(0)
    x, weight = torch.randn(5, 2, 3).transpose(0, 1), torch.randn(3, 7).t()
    with torch.inference_mode():
        torch.testing.assert_close(linear(x, weight), F.linear(x, weight))
        torch.testing.assert_close(linear(x[:0], weight), torch.zeros(0, 5, 7))


def test_names_and_weights_are_those_of_pytorch():
    torch.manual_seed(0)
    plain, own = nn.Linear(4, 3), Linear(4, 3)
    own.load_state_dict(plain.state_dict())
    with torch.inference_mode():
        x = torch.randn(6, 4)
        torch.testing.assert_close(own(x), plain(x))


def uses_onednn(x, weight):
    product = mock.Mock(wraps=torch.ops.mkldnn._linear_pointwise)
    with mock.patch.object(torch.ops.mkldnn, "_linear_pointwise", product):
        linear(x, weight)
    return product.called


@pytest.mark.skipif(not module._ONEDNN, reason="PyTorch without oneDNN")
def test_onednn_takes_float32_inference_on_the_cpu_only():
    x, weight = torch.randn(2, 3), torch.randn(4, 3)
    with torch.inference_mode():
        assert uses_onednn(x, weight)
        assert not uses_onednn(x.bfloat16(), weight.bfloat16())
        assert not uses_onednn(x.double(), weight.double())
        assert not uses_onednn(x.to("meta"), weight.to("meta"))
        with torch.autocast("cpu", torch.bfloat16):
            assert not uses_onednn(x, weight)
            assert linear(x, weight).dtype is torch.bfloat16
    assert not uses_onednn(x, weight)  # gradients may be wanted


def test_gradients():
    layer = Linear(4, 3).double()
    assert torch.autograd.gradcheck(layer, torch.randn(2, 4).double().requires_grad_())
    layer = Linear(4, 3)
    layer(torch.randn(2, 4)).sum().backward()
    assert layer.weight.grad is not None
