# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The adaptive threshold adds clear responses and nothing else."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semsplat_ros.language.thresholds import (
    DEFAULT_THRESHOLD,
    LOWEST_THRESHOLD,
    adaptive_threshold,
)


def around(value: float, count: int, spread: float = 0.03, seed: int = 0) -> torch.Tensor:
    noise = torch.randn(count, generator=torch.Generator().manual_seed(seed))
    return (value + spread * noise).clamp(0, 1)


@pytest.mark.parametrize("share", [0.02, 0.2, 0.6])
def test_a_clear_low_response_is_recovered(share):
    background = around(0.12, 4000)
    response = around(0.46, int(4000 * share), seed=1)
    threshold = adaptive_threshold(torch.cat((background, response)))
    assert LOWEST_THRESHOLD <= threshold < DEFAULT_THRESHOLD
    assert (response > threshold).float().mean() > 0.95
    assert not (background > threshold).any()


def test_a_clear_low_response_beside_a_strong_one_is_recovered():
    weak = around(0.44, 300, seed=1)
    scores = torch.cat((around(0.12, 4000), weak, around(0.9, 900, seed=2)))
    assert (weak > adaptive_threshold(scores)).float().mean() > 0.95


def test_a_response_above_the_default_is_found_as_before():
    scores = torch.cat((around(0.1, 3000), around(0.9, 500, seed=1)))
    threshold = adaptive_threshold(scores)
    assert ((scores > threshold) == (scores > DEFAULT_THRESHOLD)).all()


@pytest.mark.parametrize(
    "scores",
    [
        around(0.3, 5000, 0.08),
        torch.rand(5000, generator=torch.Generator().manual_seed(3)) * 0.49,
        torch.full((100,), 0.4),
        torch.cat((around(0.30, 3000, 0.01), around(0.42, 1000, 0.01, 1))),
        torch.zeros(0),
    ],
    ids=["one group", "uniform", "constant", "groups too close", "nothing"],
)
def test_without_a_clear_response_the_default_stays(scores):
    assert adaptive_threshold(scores) == DEFAULT_THRESHOLD


def test_weak_responses_stay_out():
    scores = torch.cat((around(0.02, 3000, 0.005), around(0.28, 500, 0.02, 1)))
    assert not (scores > adaptive_threshold(scores)).any()


@settings(max_examples=50, deadline=None)
@given(
    low=st.floats(0, 1), high=st.floats(0, 1), count=st.integers(1, 300), seed=st.integers(0, 99)
)
def test_it_stays_inside_its_limits_and_ignores_order(low, high, count, seed):
    scores = torch.cat((around(low, count, 0.05, seed), around(high, 100, 0.05, seed + 1)))
    threshold = adaptive_threshold(scores)
    assert LOWEST_THRESHOLD <= threshold <= DEFAULT_THRESHOLD
    assert adaptive_threshold(scores.flip(0)) == threshold
