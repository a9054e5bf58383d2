# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""LSM, its LSeg part and its point transformer against recorded numbers."""

from pathlib import Path

import numpy as np
import pytest
import torch

from semsplat_ros.errors import SemsplatError
from semsplat_ros.evaluation.verification.golden import GoldenFile, GoldenTensor, Recorder
from semsplat_ros.evaluation.verification.point_transformer import Doubt, compare
from semsplat_ros.evaluation.verification.registry import verify

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.mark.golden
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["ptv3", "lsm"])
def test_official_size(name):
    report = verify(name, GOLDEN / f"golden_{name}_seed0.npz", 0)
    assert [c for c in report.comparisons if not c.passed] == []
    assert report.not_compared == ()
    assert report.passed


@pytest.mark.golden
@pytest.mark.timeout(900)
def test_lseg_alone_at_official_size(tmp_path):
    with np.load(GOLDEN / "golden_lsm_seed0.npz") as archive:
        small = {name: archive[name] for name in archive.files if name.startswith("64x64/")}
    np.savez(tmp_path / "small.npz", **small)
    report = verify("lseg", tmp_path / "small.npz", 0)
    assert len(report.comparisons) == 4
    assert report.passed


@pytest.mark.golden
@pytest.mark.timeout(900)
def test_another_seed_does_not_pass():
    report = verify("ptv3", GOLDEN / "golden_ptv3_seed0.npz", 1)
    failed = {c.name for c in report.comparisons if not c.passed}
    assert "a/embedding" in failed and "e/out" in failed


def test_a_file_of_something_else_is_refused():
    with pytest.raises(SemsplatError, match="it suits geometry"):
        verify("lsm", GOLDEN / "golden_geometry_seed0.npz", 0)


@pytest.mark.parametrize(
    ("change", "passes"),
    [
        (lambda x: x.flip(0), True),
        (lambda x: x + 0.2, False),
        (lambda x: x * 1.2, False),
        (lambda x: x[:800], False),
        (lambda x: x[:998], True),
        (lambda x: x[:, :3], False),
        (lambda x: torch.where(x > 3, torch.nan, x), False),
    ],
)
def test_statistics_are_told_apart(change, passes):
    values = torch.randn(1000, 4, generator=torch.Generator().manual_seed(0))
    recorded = GoldenTensor(
        (1000, 4), np.zeros(1, np.int64), np.zeros(1), float(values.mean()), float(values.std())
    )
    recorder = Recorder(GoldenFile({"x": recorded}, {}))
    recorder.compare_statistics("x", change(values), 0.1, "moved")
    assert recorder.comparisons["x"].passed is passes
    assert recorder.comparisons["x"].note


def doubtful(ours: torch.Tensor, doubt: Doubt | None):
    recorded = GoldenTensor((100,), np.arange(100), np.linspace(0, 1, 100), 0.5, 0.2916)
    recorder = Recorder(GoldenFile({"x": recorded}, {}))
    compare(recorder, "x", ours, doubt)
    return recorder.comparisons["x"]


def test_elements_count_unless_there_is_a_reason():
    ours = torch.linspace(0, 1, 100)
    assert doubtful(ours, None).passed
    assert not doubtful(ours.flip(0), None).passed
    unsure = Doubt("rounding", certain=False)
    agreed, differing = doubtful(ours, unsure), doubtful(ours.flip(0), unsure)
    assert agreed.passed and agreed.note == ""
    assert differing.passed and "mean and deviation only: rounding" in differing.note
    assert not doubtful(ours * 1.1, unsure).passed
    assert "rounding" in doubtful(ours, Doubt("rounding", certain=True)).note
