# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""`semsplat evaluate rooms` as a user runs it: a table, and JSON with the documented keys."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from semsplat_ros.cli.main import build_app
from semsplat_ros.evaluation.model_card import render
from semsplat_ros.rooms.builder import CLASSES

KEYS = {
    "seeds", "width", "pairs", "find_success", "wrong_finds", "miou", "pixel_accuracy",
    "localisation_accuracy", "abs_rel", "tau_103", "position_error_m", "by_class", "splits",
    "model", "command",
}  # fmt: skip


@pytest.mark.slow
def test_figures_of_one_room(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    words = ["evaluate", "rooms", "--seeds", "1000001:1000002", "--json", str(path)]
    words += ["--stereo", "1", "--free", "1", "--workers", "1"]
    done = CliRunner().invoke(build_app(words), words)
    assert done.exit_code == 0, done.output
    figures = json.loads(path.read_text())
    assert set(figures) >= KEYS
    assert set(figures["splits"]) == {"free", "no_baseline", "no_intrinsics"}
    for rate in ("miou", "pixel_accuracy", "abs_rel", "tau_103"):
        assert 0.0 <= figures[rate] <= 1.0
    facts = {
        "name": "room", "summary": "s", "parameters": "1", "size": "1", "height": 1, "width": 1,
        "class_count": len(CLASSES), "licence": "l", "distinct": 1, "rooms": 1, "pairs": 1,
        "steps": 1, "minutes": "1", "machine": "m", "train_command": "t", "calibration_seeds": "c",
        "limits": "x", "history": "h",
    }  # fmt: skip
    card = render(facts, figures)
    assert "$" not in card
    assert "| chair |" in card


@pytest.mark.parametrize("seeds", ["5", "7:3", "a:b", ":"])
def test_seeds_that_are_no_range_are_refused(seeds: str) -> None:
    words = ["evaluate", "rooms", "--seeds", seeds]
    done = CliRunner().invoke(build_app(words), words)
    assert done.exit_code == 2
    assert "FIRST:LAST" in done.output
