# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Which parts of a network change their number format."""

import torch
from torch import nn

from semsplat_ros.networks.precision import CentredLinear, set_compute_dtype


class Parts(nn.Module):
    matrix_parameters = ("matrix",)
    full_precision = ("exact",)

    def __init__(self) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.ones(2, 2))
        self.table = nn.Parameter(torch.ones(2, 2))
        self.layers = nn.ModuleList([nn.Linear(2, 2), nn.Conv2d(1, 1, 1), nn.LayerNorm(2)])
        self.exact = nn.Sequential(nn.Linear(2, 2))


def test_matrices_change_and_norms_tables_and_exact_parts_stay():
    for device in ("cpu", "meta"):
        with torch.device(device):
            parts = Parts()
        set_compute_dtype(parts, torch.bfloat16)
        halved = {n for n, p in parts.named_parameters() if p.dtype is torch.bfloat16}
        expected = {"matrix", *(f"layers.{i}.{n}" for i in (0, 1) for n in ("weight", "bias"))}
        assert halved == expected


def test_a_centred_layer_may_change_its_format_again():
    layer, tokens = layer_and_tokens()
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        set_compute_dtype(layer, dtype)
        assert torch.isfinite(layer(tokens)).all()
    assert not hasattr(layer, "rounded")


def test_a_layer_alone():
    layer = nn.Linear(2, 2)
    set_compute_dtype(layer, torch.bfloat16)
    assert layer.weight.dtype is torch.bfloat16


def layer_and_tokens():
    torch.manual_seed(0)
    tokens = torch.randn(2, 50, 64) + 10 * torch.randn(64)  # much in common
    return CentredLinear(64, 32).requires_grad_(False), tokens


def test_a_centred_layer_loses_less_than_a_rounded_one():
    layer, tokens = layer_and_tokens()
    plain = nn.Linear(64, 32).requires_grad_(False)
    plain.load_state_dict(layer.state_dict())
    exact = plain(tokens)
    set_compute_dtype(layer, torch.bfloat16)
    set_compute_dtype(plain, torch.bfloat16)
    error = (layer(tokens) - exact).norm() / exact.norm()
    rounded = (plain(tokens.bfloat16()).float() - exact).norm() / exact.norm()
    assert 0 < error < 0.2 * rounded
    assert layer(tokens).dtype is torch.float32


def test_a_centred_layer_keeps_its_names_and_takes_new_weights():
    layer, tokens = layer_and_tokens()
    set_compute_dtype(layer, torch.bfloat16)
    for assign in (False, True):
        layer(tokens)
        layer.load_state_dict(
            {"weight": torch.eye(32, 64), "bias": torch.zeros(32)}, assign=assign
        )
        torch.testing.assert_close(layer(tokens), tokens[..., :32], rtol=0, atol=0.03)
    assert set(layer.state_dict()) == {"weight", "bias"}
    assert layer.weight.dtype is torch.float32


def test_in_float32_a_centred_layer_is_a_linear_one():
    layer, tokens = layer_and_tokens()
    assert torch.equal(layer(tokens), nn.functional.linear(tokens, layer.weight, layer.bias))
