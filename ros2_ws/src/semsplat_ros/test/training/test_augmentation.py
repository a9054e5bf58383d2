# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Augmentation must leave geometry true: matches by depth still meet the same instance."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semsplat_ros.training.augmentation import (
    augment,
    blur,
    crop,
    grey,
    infrared,
    jpeg,
    mirror,
    photometric,
    swap_views,
)
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


SEEDS = st.integers(0, 2**31 - 1)


def pictures(seed: int, pairs: int = 3, height: int = 24, width: int = 40) -> torch.Tensor:
    """Smooth pictures with some structure, 0..1."""
    coarse = torch.rand((pairs * 2, 3, 4, 5), generator=torch.Generator().manual_seed(seed))
    large = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    return large.view(pairs, 2, 3, height, width)


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_any_photometric_change_gives_a_picture_of_the_same_scene(seed: int) -> None:
    torch.manual_seed(seed)
    before = pictures(seed)
    kept = before.clone()
    after = photometric(before)
    assert after.shape == before.shape
    assert torch.equal(before, kept)
    assert torch.isfinite(after).all()
    assert after.min() >= 0
    assert after.max() <= 1
    # Bright stays bright: structure is where it was.
    for pair in range(len(before)):
        x, y = (grey(v)[pair, :, 0].flatten() for v in (before, after))
        assert torch.corrcoef(torch.stack([x, y]))[0, 1] > 0.3


def test_photometric_changes_are_of_every_kind_in_a_few_hundred_pairs() -> None:
    torch.manual_seed(0)
    after = photometric(pictures(1, 1).expand(400, -1, -1, -1, -1))
    noise = (after[..., 0, :, :] - after[..., 1, :, :]).abs().mean((1, 2, 3))
    assert 0.05 < (noise < 0.05).float().mean() < 0.4, "grey and infrared"
    levels = after.mean((2, 3, 4))
    ratio = (levels[:, 0] / levels[:, 1]).log()
    ratio = (ratio - ratio.median()).abs()
    assert 0.02 < (ratio > 0.12).float().mean() < 0.3, "exposure that differs between the views"


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_grey_and_infrared_pictures_have_one_channel(seed: int) -> None:
    for change in (grey, infrared):
        after = change(pictures(seed))
        assert torch.equal(after[:, :, 0], after[:, :, 1])
        assert torch.equal(after[:, :, 0], after[:, :, 2])
        assert after.min() >= 0
        assert after.max() <= 1
    assert torch.allclose(grey(torch.full((1, 2, 3, 4, 4), 0.4)), torch.tensor(0.4))


@given(SEEDS, st.floats(0.3, 1.4))
@settings(max_examples=30, deadline=None)
def test_blur_keeps_brightness_and_lowers_contrast(seed: int, sigma: float) -> None:
    noisy = torch.rand((2, 2, 3, 24, 40), generator=torch.Generator().manual_seed(seed))
    after = blur(noisy, torch.tensor([sigma, 0.0]))
    assert torch.equal(after[1], noisy[1])
    assert after[0].std() < noisy[0].std()
    assert torch.allclose(after[0].mean(), noisy[0].mean(), atol=0.02)
    flat = torch.full_like(noisy, 0.3)
    assert torch.allclose(blur(flat, torch.tensor([sigma, sigma])), flat, atol=1e-5)


def test_jpeg_loses_more_at_lower_quality_and_keeps_colours_apart() -> None:
    before = pictures(3, 1)[0]
    errors = [(jpeg(before, quality) - before).abs().mean() for quality in (95, 60, 20)]
    assert errors[0] < errors[1] < errors[2] < 0.05
    red = torch.zeros(2, 3, 16, 16)
    red[:, 0] = 1
    assert (jpeg(red, 90) - red).abs().max() < 0.02
