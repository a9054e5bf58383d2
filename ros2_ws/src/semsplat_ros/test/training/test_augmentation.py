# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Augmentation must leave geometry true: matches by depth still meet the same instance."""

from pathlib import Path

import numpy as np
import pytest
import torch

from semsplat_ros.training.augmentation import augment, crop, mirror, swap_views
from semsplat_ros.training.shards import PairBatch, PairShards
from semsplat_ros.training.targets import cell_targets
from test.support.pairs import BASELINE, FOCAL, write_shard


@pytest.fixture
def batch(tmp_path: Path) -> PairBatch:
    write_shard(tmp_path)
    return PairShards(tmp_path).batch(np.arange(4))


def test_mirroring_and_swapping_keeps_left_left(batch: PairBatch) -> None:
    everything = torch.ones(4, dtype=torch.bool)
    changed = swap_views(mirror(batch, everything), everything)
    assert torch.allclose(changed.first_from_second[:, 0, 3], torch.full((4,), BASELINE))
    assert torch.equal(changed.images[:, 0], batch.images[:, 1].flip(-1))


def test_mirroring_twice_is_nothing(batch: PairBatch) -> None:
    everything = torch.ones(4, dtype=torch.bool)
    twice = mirror(mirror(batch, everything), everything)
    assert torch.equal(twice.images, batch.images)
    assert torch.allclose(twice.intrinsics, batch.intrinsics)
    assert torch.allclose(twice.first_from_second, batch.first_from_second)


def test_crop_moves_the_principal_point(batch: PairBatch) -> None:
    torch.manual_seed(1)
    small = crop(batch, 16, 32)
    assert small.depth.shape[-2:] == (16, 32)
    moved = batch.intrinsics[0, 0, :2, 2] - small.intrinsics[0, 0, :2, 2]
    column, row = (int(v) for v in moved)
    assert torch.equal(small.images, batch.images[..., row : row + 16, column : column + 32])


@pytest.mark.parametrize("seed", range(4))
def test_true_matches_stay_true(batch: PairBatch, seed: int) -> None:
    torch.manual_seed(seed)
    changed = augment(batch, 32, 48)
    for forward in (True, False):
        targets = cell_targets(changed, forward)
        grid = torch.arange(12).repeat(8)
        shift = (targets.column - grid) * 4
        expected = FOCAL * BASELINE / 2.0
        assert targets.visible.float().mean() > 0.5
        assert torch.allclose(shift.abs(), torch.full_like(shift, expected), atol=1e-3)
    for i in range(4):
        if changed.stereo[i]:
            assert changed.first_from_second[i, 0, 3] == pytest.approx(BASELINE)
