# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""`semsplat evaluate photographs` as a user runs it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from semsplat_ros.cli.main import build_app
from semsplat_ros.errors import SemsplatError
from semsplat_ros.evaluation.photograph_set import BUILT_IN, read_set
from test.support.labelled_photographs import write_set

KEYS = {
    "pairs", "present", "right", "elsewhere", "missed", "absent", "wrong_finds",
    "right_at_any_score", "right_at_5_percent_wrong", "label_share", "distance_error_m",
    "by_class", "by_threshold", "depth", "pose", "focal", "by_pair",
}  # fmt: skip


def run(*words: str) -> Result:
    command = ["evaluate", "photographs", *words]
    return CliRunner().invoke(build_app(command), command)


def test_figures_of_a_set_of_ones_own(tmp_path: Path) -> None:
    path, report = write_set(tmp_path), tmp_path / "report.json"
    overlays = tmp_path / "overlays"
    modes = "grey,calibrated"
    done = run("--set", str(path), "--modes", modes, "--json", str(report), "--overlays",
               str(overlays))  # fmt: skip
    assert done.exit_code == 0, done.output
    figures = json.loads(report.read_text())
    assert set(figures) == KEYS | {"set", "modes", "min_score", "model", "command"}
    assert list(figures["modes"]) == ["calibrated", "grey"]
    assert all(set(of_mode) == KEYS for of_mode in figures["modes"].values())
    assert (figures["set"], figures["pairs"]) == ("set.json", 1)
    assert (figures["present"], figures["absent"]) == (3, 2)
    names = sorted(p.name for p in overlays.iterdir())
    assert names == ["000_drawn_one_calibrated.png", "000_drawn_one_grey.png"]
    assert "wrong finds" in done.output
    assert "lamp" in done.output


def test_what_cannot_be_is_refused_in_one_line(tmp_path: Path) -> None:
    path = str(write_set(tmp_path))
    unwritable = str(tmp_path / "none" / "a.json")
    for words, says in (
        (["--set", path, "--modes", "calibrated,infrared"], "there is no mode 'infrared'"),
        (["--set", str(tmp_path / "none.json")], "none.json cannot be read"),
        (["--set", path, "--model", "rooms"], "there is no model 'rooms'"),
        (["--set", path, "--overlays", path], "File exists"),
        (["--set", path, "--modes", "nothing", "--json", unwritable], "cannot be written"),
    ):
        done = run(*words)
        assert done.exit_code == 2
        last = done.output.splitlines()[-1]
        assert last.startswith("semsplat evaluate photographs: ")
        assert says in last
    (tmp_path / "right.png").unlink()
    done = run("--set", path, "--overlays", str(tmp_path / "overlays"))
    assert done.exit_code == 2
    assert "right.png: there is no such file" in done.output
    assert not (tmp_path / "overlays").exists(), "files are looked at before anything is made"


def test_the_shipped_model_on_the_home_pairs(tmp_path: Path) -> None:
    try:
        read_set(BUILT_IN)
    except SemsplatError as error:
        pytest.skip(error.message)
    report = tmp_path / "report.json"
    done = run("--modes", "calibrated", "--json", str(report))
    assert done.exit_code == 0, done.output
    figures = json.loads(report.read_text())
    assert (figures["pairs"], figures["present"], figures["absent"]) == (9, 30, 117)
    assert figures["right"] >= 0.5
    assert figures["wrong_finds"] <= 0.2
    matched = figures["depth"]["matched"]
    assert matched["pairs"] == 9
    assert matched["abs_rel_metric"] < 0.15, "what the matcher is sure of is taken over"
