# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The demo as a user runs it: both nodes as processes, a question over DDS, JSON and picture."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from semsplat_ros.cli import main
from semsplat_ros.nodes.demo.picture import HEIGHT, WIDTH
from semsplat_ros.nodes.demo.run import DEFAULT_QUERY, DEFAULT_SEED, FILM_FRAMES

pytestmark = [pytest.mark.ros, pytest.mark.slow, pytest.mark.timeout(240)]
KEYS = {"text", "concept", "error", "score", "position", "box_center", "box_size", "latency_ms"}
TRUTH_KEYS = {"center", "size", "visible_left", "visible_right"}
NEAR = 0.3
"""Metres from the middle of the true box at which a place counts as right."""


@dataclass(frozen=True)
class Run:
    code: int
    output: str
    answers: dict
    picture: Path


def demo(folder: Path, *arguments: str) -> Run:
    """`semsplat demo` in a process of its own."""
    files = ["--json", str(folder / "demo.json"), "--picture", str(folder / "demo.png")]
    done = subprocess.run(
        [sys.executable, "-m", "semsplat_ros.cli.main", "demo", *arguments, *files],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=220,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    answers = json.loads((folder / "demo.json").read_text())
    return Run(done.returncode, output, answers, folder / "demo.png")


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("demo")
    return demo(folder, "--query", DEFAULT_QUERY, "--query", "where is the giraffe?")


def test_json_has_exactly_the_documented_keys(run):
    assert set(run.answers) == {"seed", "setup_s", "queries"}
    assert run.answers["seed"] == DEFAULT_SEED
    assert run.answers["setup_s"] > 0
    assert [q["text"] for q in run.answers["queries"]] == [DEFAULT_QUERY, "where is the giraffe?"]
    for query in run.answers["queries"]:
        assert set(query) == KEYS | {"truth"}
        assert query["latency_ms"] > 0
        assert 0 <= query["score"] <= 1
        places = [query[key] for key in ("position", "box_center", "box_size")]
        if query["error"] == "OK":
            assert all(len(place) == 3 for place in places)
            assert query["position"] == query["box_center"]
            assert all(side > 0 for side in query["box_size"])
        else:
            assert query["error"] == "NOT_FOUND"
            assert places == [None, None, None]


def test_truth_is_the_simulators_for_the_frame(run):
    chair, giraffe = run.answers["queries"]
    assert (chair["concept"], giraffe["concept"]) == ("chair", "giraffe")
    assert giraffe["truth"] == []
    assert chair["truth"], "the default room shows a chair"
    for entry in chair["truth"]:
        assert set(entry) == TRUTH_KEYS
        assert 0 <= entry["visible_left"] <= 1
        assert 0 <= entry["visible_right"] <= 1
    best = chair["truth"][0]
    assert min(best["visible_left"], best["visible_right"]) > 0.005
    # The robot stands 1.2 to 2.8 m from the chair and looks at it.
    assert 1.0 < best["center"][2] < 3.2
    assert abs(best["center"][0]) < 0.3


def test_what_is_not_there_is_an_answer_and_not_an_error(run):
    assert run.answers["queries"][1]["error"] == "NOT_FOUND"
    line = next(text for text in run.output.splitlines() if text.startswith("giraffe:"))
    assert "not found" in line
    assert "best was" in line


def test_progress_and_places_are_printed(run):
    for step in (f"room {DEFAULT_SEED}: camera up", "model loaded", "first scene"):
        assert step in run.output
    assert "Traceback" not in run.output


def test_picture_is_wide_and_shows_something_everywhere(run):
    picture = np.asarray(Image.open(run.picture).convert("RGB")).astype(float)
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert WIDTH >= 1280
    # Left view, right view, instance mask, top view.
    for rows, columns in (
        ((140, 700), (40, 800)),
        ((760, 1000), (40, 400)),
        ((760, 1000), (450, 800)),
        ((140, 900), (860, 1600)),
    ):
        assert picture[slice(*rows), slice(*columns)].std() > 8.0


def test_no_process_and_no_log_stays_behind(run):
    folder = run.picture.parent
    assert not list(folder.glob("semsplat_demo_*"))
    mark = f"TMPDIR={folder}".encode()
    assert not [path for path in Path("/proc").glob("[0-9]*/environ") if mark in content(path)]


def content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # ended meanwhile, or of another user
        return b""


def test_default_room_the_chair_is_found_where_it_is(run):
    chair = run.answers["queries"][0]
    assert chair["error"] == "OK", run.output
    position = np.array(chair["position"])
    misses = []
    for entry in chair["truth"]:
        offset = np.abs(position - entry["center"])
        if (offset <= np.array(entry["size"]) / 2).all() or np.linalg.norm(offset) <= NEAR:
            return
        misses.append(float(np.linalg.norm(offset)))
    pytest.fail(f"found at {position}, {min(misses):.2f} m from the nearest true chair")


def test_interrupted_demo_ends_both_nodes(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "semsplat_ros.cli.main", "demo", "--seed", "1000003"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
    )
    for line in process.stdout:
        if "starting" in line:
            break
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    nodes: list[str] = []
    end = time.monotonic() + 30
    while len(nodes) < 2 and time.monotonic() < end:
        nodes = children.read_text().split()
        time.sleep(0.05)
    assert len(nodes) == 2
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 130, output
    assert "Traceback" not in output
    assert not any(Path(f"/proc/{node}").exists() for node in nodes)
    assert not (tmp_path / "demo.png").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--picture", "nowhere/demo.png"), "does not exist"),
        (("--picture", "demo.bmp"), ".png, .jpg or .gif"),
        (("--json", "nowhere/demo.json"), "does not exist"),
    ],
)
def test_files_that_cannot_be_written_are_refused_at_once(arguments, words):
    result = CliRunner().invoke(main.build_app(["demo"]), ["demo", *arguments])
    assert result.exit_code == 1
    assert words in result.output


def test_negative_seed_is_refused():
    result = CliRunner().invoke(main.build_app(["demo"]), ["demo", "--seed", "-1"])
    assert result.exit_code == 2


def test_readmes_example_is_what_the_demo_finds(run):
    """To a few centimetres: processors round differently."""
    readme = (Path(__file__).resolve().parents[5] / "README.md").read_text(encoding="utf-8")
    line = re.search(
        r"^chair: ([\d.]+) m ahead, ([\d.]+) m (left|right), "
        r"([\d.]+) m (up|down) \(score ([\d.]+)\)",
        readme,
        re.MULTILINE,
    )
    assert line is not None, "README shows what the demo prints"
    ahead, across, side, height, above, score = line.groups()
    x = float(across) * (1 if side == "right" else -1)
    y = float(height) * (1 if above == "down" else -1)
    answer = run.answers["queries"][0]
    assert answer["box_center"] == pytest.approx([x, y, float(ahead)], abs=0.15)
    assert answer["score"] == pytest.approx(float(score), abs=0.1)


def test_a_moving_picture_shows_the_robot_driving(tmp_path):
    from PIL import Image

    done = subprocess.run(
        [sys.executable, "-m", "semsplat_ros.cli.main", "demo", "--picture", "film.gif"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=220,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with Image.open(tmp_path / "film.gif") as film:
        assert film.n_frames == FILM_FRAMES
        film.seek(0)
        first = np.asarray(film.convert("RGB"), float)
        film.seek(FILM_FRAMES - 1)
        assert np.abs(np.asarray(film.convert("RGB"), float) - first).mean() > 2.0
