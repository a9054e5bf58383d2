# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Which parts of a network change their number format."""

import torch
from torch import nn

from semsplat_ros.networks.precision import set_compute_dtype


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


def test_a_layer_alone():
    layer = nn.Linear(2, 2)
    set_compute_dtype(layer, torch.bfloat16)
    assert layer.weight.dtype is torch.bfloat16
