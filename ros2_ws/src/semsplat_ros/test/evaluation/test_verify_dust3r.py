# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""DUSt3R, Splatt3R and the geometry against recorded numbers."""

from pathlib import Path

import numpy as np
import pytest
import torch

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.evaluation.verification.dust3r import _focal
from semsplat_ros.evaluation.verification.golden import GoldenFile, Recorder
from semsplat_ros.evaluation.verification.registry import verify
from semsplat_ros.geometry.focal import FocalMethod, estimate_focal

GOLDEN = Path(__file__).parents[1] / "golden"


def passed(name: str, file: Path) -> bool:
    report = verify(name, file, 0)
    failed = [c for c in report.comparisons if not c.passed]
    assert not failed, failed
    assert not report.not_compared
    return report.passed


def test_geometry():
    assert passed("geometry", GOLDEN / "golden_geometry_seed0.npz")


@pytest.mark.parametrize("name", ["focal_weiszfeld", "relevancy_1", "miou", "absrel_percent"])
def test_geometry_notices_another_number(tmp_path, name):
    with np.load(GOLDEN / "golden_geometry_seed0.npz") as archive:
        entries = dict(archive)
    entries[name] = entries[name] * np.float32(1.001)
    np.savez(tmp_path / "changed.npz", **entries)
    report = verify("geometry", tmp_path / "changed.npz", 0)
    assert [c.name for c in report.comparisons if not c.passed] == [name]


def compared_focal(points: torch.Tensor, recorded: float):
    recorder = Recorder(GoldenFile({}, {"f": np.array([recorded], np.float32)}))
    _focal(recorder, "f", points, FocalMethod.WEISZFELD)
    return recorder.comparisons["f"]


def test_focal_lengths_of_real_points_count_to_one_percent():
    rows, columns = torch.meshgrid(torch.arange(24.0), torch.arange(32.0), indexing="ij")
    depth = 2 + torch.rand(24, 32, generator=torch.Generator().manual_seed(0))
    rays = torch.stack([(columns - 16) / 50, (rows - 12) / 50, torch.ones(24, 32)], dim=-1)
    points = (rays * depth[..., None])[None]
    assert compared_focal(points, 50.3).passed
    assert not compared_focal(points, 51.0).passed


def test_focal_lengths_of_noise_count_as_far_as_rounding_leaves_them():
    points = torch.randn(1, 24, 32, 3, generator=torch.Generator().manual_seed(0))
    points[..., 2] *= 1e-4
    focal = float(estimate_focal(points, FocalMethod.WEISZFELD))
    found = compared_focal(points, focal * 1.02)
    assert found.passed
    assert found.note.startswith("loose")
    assert not compared_focal(points, focal + 10 * found.limit).passed


@pytest.mark.golden
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["dust3r", "splatt3r"])
def test_official_size(name):
    assert passed(name, GOLDEN / f"golden_{name}_seed0.npz")


@pytest.mark.parametrize("name", ["dust3r", "splatt3r"])
def test_a_file_of_something_else_is_refused(name):
    with pytest.raises(SemsplatError, match="it suits geometry") as refusal:
        verify(name, GOLDEN / "golden_geometry_seed0.npz", 0)
    assert refusal.value.code is ErrorCode.BAD_FILE
