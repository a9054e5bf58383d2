# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semsplat_ros.objects.queries import pool_scores


def test_the_half_that_scores_highest_counts() -> None:
    score = np.array([0.9, 0.1, 0.8, 0.2, 0.3, 0.7], np.float32)
    group = np.array([1, 1, 1, 1, 2, 0])
    weight = np.array([1.0, 1.0, 3.0, 1.0, 1.0, 1.0], np.float32)
    found = pool_scores(score, group, weight, 3)
    np.testing.assert_allclose(found, [(0.9 + 3 * 0.8) / 4, 0.3, 0.0], atol=1e-6)


def test_a_thin_rim_of_something_else_does_not_make_an_object_it() -> None:
    score = np.zeros(100, np.float32)
    score[:10] = 1.0
    found = pool_scores(score, np.ones(100, np.int64), np.ones(100, np.float32), 1)
    assert found[0] == pytest.approx(0.2)


@given(st.integers(0, 2**32 - 1))
def test_pooled_scores_lie_between_mean_and_maximum_in_any_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    score = rng.uniform(0, 1, 60).astype(np.float32)
    group = rng.integers(0, 5, 60)
    weight = np.ones(60, np.float32)
    found = pool_scores(score, group, weight, 4)
    for i in range(4):
        mine = score[group == i + 1]
        if len(mine):
            assert mine.mean() - 1e-5 <= found[i] <= mine.max() + 1e-5
    order = rng.permutation(60)
    np.testing.assert_allclose(
        pool_scores(score[order], group[order], weight, 4), found, atol=1e-6
    )
