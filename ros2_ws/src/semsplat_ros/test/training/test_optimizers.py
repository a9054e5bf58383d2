# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Muon's step is orthogonal, both optimisers learn, and their state comes back."""

import copy

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from semsplat_ros.training.optimizers import MatrixOptimizer, orthogonalise


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 24), st.integers(2, 24), st.integers(0, 1000))
def test_singular_values_become_alike(rows: int, columns: int, seed: int) -> None:
    matrix = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    spread = u @ torch.diag(torch.linspace(0.2, 1.0, u.shape[1])) @ v
    values = torch.linalg.svdvals(orthogonalise(spread))
    assert values.min() > 0.5
    assert values.max() < 1.4


def tiny() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 2))


def fit(network: nn.Module, optimizer: MatrixOptimizer, steps: int) -> float:
    generator = torch.Generator().manual_seed(1)
    x, y = torch.randn(16, 3, 8, 8, generator=generator), torch.randn(16, 2, generator=generator)
    for _ in range(steps):
        loss = (network(x) - y).square().mean()
        network.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step(1.0)
    return loss.item()


def test_it_learns_in_either_memory_format() -> None:
    for memory_format in (torch.contiguous_format, torch.channels_last):
        network = tiny().to(memory_format=memory_format)
        assert fit(network, MatrixOptimizer(network, 2e-2, 1e-2, 0.0), 60) < 0.05


def test_state_comes_back() -> None:
    first, second = tiny(), tiny()
    mine, other = (MatrixOptimizer(n, 1e-2, 1e-2, 0.01) for n in (first, second))
    fit(first, mine, 5)
    second.load_state_dict(first.state_dict())
    other.load_state_dict(copy.deepcopy(mine.state_dict()))
    assert fit(first, mine, 3) == fit(second, other, 3)
