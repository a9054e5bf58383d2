# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from semsplat_ros.objects.labels import best_labels, group_means


@given(st.integers(0, 2**32 - 1), st.integers(0, 6))
def test_group_means_are_weighted_averages(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    group = rng.integers(0, count + 1, 40)
    values = rng.standard_normal((40, 3)).astype(np.float32)
    weight = rng.uniform(0.1, 1.0, 40).astype(np.float32)
    found = group_means(values, group, weight, count)
    assert found.shape == (count, 3)
    for i in range(count):
        mine = group == i + 1
        expected = np.average(values[mine], axis=0, weights=weight[mine]) if mine.any() else 0.0
        np.testing.assert_allclose(found[i], expected, atol=1e-5)


def test_best_label_is_one_more_than_its_column() -> None:
    rows = np.array([[0.1, 0.7, 0.2], [0.4, 0.3, 0.3], [0.0, 0.0, 0.0]], np.float32)
    label, score = best_labels(rows)
    np.testing.assert_array_equal(label, [2, 1, 0])
    np.testing.assert_allclose(score, [0.7, 0.4, 0.0])
    label, _ = best_labels(rows, min_score=0.5)
    np.testing.assert_array_equal(label, [2, 0, 0])


def test_no_labels_and_no_rows_are_no_error() -> None:
    label, score = best_labels(np.zeros((2, 0), np.float32))
    np.testing.assert_array_equal(label, [0, 0])
    np.testing.assert_array_equal(score, [0.0, 0.0])
    assert best_labels(np.zeros((0, 3), np.float32))[0].shape == (0,)
