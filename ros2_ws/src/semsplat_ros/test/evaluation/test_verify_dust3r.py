# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""DUSt3R, Splatt3R and the geometry against recorded numbers."""

from pathlib import Path

import numpy as np
import pytest

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.evaluation.verification.registry import verify

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
