# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""SpatialSplat, NoPoSplat and CLIP at official size against recorded numbers."""

from pathlib import Path

import numpy as np
import pytest

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.evaluation.verification.registry import verify

GOLDEN = Path(__file__).parents[1] / "golden"
FILES = {
    "spatialsplat": "golden_spatialsplat_seed0.npz",
    "spatialsplat-givenlang": "golden_spatialsplat_seed0_givenlang.npz",
    "noposplat": "golden_noposplat_seed0.npz",
    "noposplat-3views": "golden_noposplat_multi_3views_seed0.npz",
    "clip": "golden_spatialsplat_seed0.npz",
}


@pytest.mark.golden
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", FILES)
def test_official_size(name):
    report = verify(name, GOLDEN / FILES[name], 0)
    assert not [c for c in report.comparisons if not c.passed]
    assert not report.not_compared
    assert report.passed


@pytest.mark.golden
@pytest.mark.timeout(900)
def test_another_seed_is_noticed():
    report = verify("clip", GOLDEN / FILES["clip"], 1)
    assert not any(c.passed for c in report.comparisons if c.name != "clip/text_tokens")


def test_a_file_of_something_else_is_refused():
    with pytest.raises(SemsplatError, match="it suits geometry") as refusal:
        verify("noposplat", GOLDEN / "golden_geometry_seed0.npz", 0)
    assert refusal.value.code is ErrorCode.BAD_FILE


def test_sizes_that_the_rule_cannot_make_are_refused(tmp_path):
    with np.load(GOLDEN / FILES["noposplat"]) as archive:
        entries = dict(archive)
    entries["in/image/shape"] = np.array([1, 2, 3, 270, 270])
    np.savez(tmp_path / "odd.npz", **entries)
    with pytest.raises(SemsplatError, match="multiple of 64"):
        verify("noposplat", tmp_path / "odd.npz", 0)
