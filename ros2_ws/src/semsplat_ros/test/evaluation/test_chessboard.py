# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Drawn photographs of a board, of which everything is known."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from typer.testing import CliRunner

from semsplat_ros.cli.main import build_app
from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.evaluation.chessboard import (
    Board,
    calibrate,
    evaluate_chessboard,
    read_photographs,
)
from semsplat_ros.perceiver import Perceiver
from semsplat_ros.scene import SemanticScene, Views
from test.support.fake_model import FakeModel

BOARD = Board(columns=7, rows=5, square=0.1)
MATRIX = np.array([[400.0, 0.0, 319.5], [0.0, 400.0, 239.5], [0.0, 0.0, 1.0]])
BASELINE = 0.2
DEPTH = 1.5
"""Of the board's middle, metres."""
CELL = 40
"""Pixels of a square in the board's own image."""


class Wall(FakeModel):
    """A wall 10 % behind the board, but only if the baseline is known."""

    def predict(self, views: Views) -> SemanticScene:
        self.depth = 1.1 * DEPTH * (1 if views.prior.rectified_baseline else 2)
        return super().predict(views)


def board_image() -> np.ndarray:
    """The board with a white rim of one square."""
    rows, columns = BOARD.rows + 3, BOARD.columns + 3
    row, column = np.mgrid[0 : rows * CELL, 0 : columns * CELL] // CELL
    black = (row + column) % 2 == 0
    rim = (row == 0) | (column == 0) | (row == rows - 1) | (column == columns - 1)
    return np.where(black & ~rim, 20, 235).astype(np.uint8)


def photograph(turn: Rotation, place: np.ndarray, camera: float) -> np.ndarray:
    """What a camera at `camera` metres along x sees of the board."""
    middle = np.array([(BOARD.columns - 1) / 2, (BOARD.rows - 1) / 2, 0.0]) * BOARD.square
    shift = place - turn.apply(middle) - [camera, 0.0, 0.0]
    onto = MATRIX @ np.column_stack([turn.as_matrix()[:, :2], shift])
    scale = BOARD.square / CELL
    origin = 2 * CELL - 0.5  # the first inner corner, in the board's image
    from_pixels = np.array([[scale, 0, -origin * scale], [0, scale, -origin * scale], [0, 0, 1.0]])
    grey = cv2.warpPerspective(
        board_image(), onto @ from_pixels, (640, 480), flags=cv2.INTER_LINEAR, borderValue=120
    )
    return np.repeat(grey[..., None], 3, 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(0)
    for number in range(8):
        turn = Rotation.from_euler("xyz", rng.uniform(-25, 25, 3), degrees=True)
        place = np.array([*rng.uniform(-0.15, 0.15, 2) + [0.1, 0.0], DEPTH])
        for side, camera in (("left", 0.0), ("right", BASELINE)):
            cv2.imwrite(str(path / f"{side}{number}.png"), photograph(turn, place, camera))
    for side in ("left", "right"):
        cv2.imwrite(str(path / f"{side}8.png"), np.full((480, 640, 3), 120, np.uint8))
    return path


def files(folder: Path, side: str) -> list[Path]:
    return sorted(folder.glob(f"{side}*.png"))


def test_the_rig_is_found_and_so_is_the_error_of_a_model(folder: Path) -> None:
    photographs, unseen = read_photographs(files(folder, "left"), files(folder, "right"), BOARD)
    assert len(photographs.names) == 8
    assert unseen == ["left8.png"]
    rig = calibrate(photographs, BOARD)
    assert rig.baseline == pytest.approx(BASELINE, rel=0.01)
    assert rig.focal == pytest.approx(400, rel=0.02)
    assert rig.reprojection_error < 0.3
    _, truth = rig.distances(photographs.corners[0])
    assert np.median(truth) == pytest.approx(DEPTH, rel=0.03)
    # A model that sees everything 10 % too far, and twice as far where it knows no baseline.
    found = evaluate_chessboard(Perceiver(Wall()), photographs, BOARD)
    assert found["depth_error"] == pytest.approx(0.1, abs=0.03)
    assert found["depth_error_no_baseline"] == pytest.approx(1.2, abs=0.05)
    assert [row["name"] for row in found["pairs"]] == list(photographs.names)
    assert found["baseline_m"] == pytest.approx(BASELINE, rel=0.01)


def test_exchanged_cameras_are_named(folder: Path) -> None:
    exchanged, _ = read_photographs(files(folder, "right"), files(folder, "left"), BOARD)
    with pytest.raises(SemsplatError, match="exchange the images") as refusal:
        evaluate_chessboard(Perceiver(FakeModel()), exchanged, BOARD)
    assert refusal.value.code is ErrorCode.INVALID_ARGUMENT


def test_what_cannot_be_measured_is_refused(folder: Path, tmp_path: Path) -> None:
    lefts, rights = files(folder, "left"), files(folder, "right")
    for left, right, board, says in (
        (lefts, rights[1:], BOARD, "9 left and 8 right"),
        (lefts, rights, Board(9, 6, 0.1), "0 of 9 pairs show a board of 9 x 6"),
        (lefts[:4], rights[:4], BOARD, "5 are needed"),
        ([], [], BOARD, "no file fits"),
    ):
        with pytest.raises(SemsplatError, match=says) as refusal:
            read_photographs(left, right, board)
        assert refusal.value.code is ErrorCode.INVALID_ARGUMENT
    text, small = tmp_path / "a.png", tmp_path / "b.png"
    text.write_text("no image")
    cv2.imwrite(str(small), np.zeros((100, 100, 3), np.uint8))
    with pytest.raises(SemsplatError, match="no image OpenCV can read") as refusal:
        read_photographs([lefts[0], text], [rights[0], text], BOARD)
    assert refusal.value.code is ErrorCode.IO_ERROR
    for left, right, says in (
        ([lefts[0], small], [rights[0], small], "another size"),
        ([lefts[0]], [small], "another size"),
    ):
        with pytest.raises(SemsplatError, match=says) as refusal:
            read_photographs(left, right, BOARD)
        assert refusal.value.code is ErrorCode.BAD_FILE


def test_pairs_that_do_not_belong_together_are_named(folder: Path) -> None:
    lefts, rights = files(folder, "left")[:8], files(folder, "right")[:8]
    mixed, _ = read_photographs(lefts, [rights[1], rights[0], *rights[2:]], BOARD)
    with pytest.raises(SemsplatError, match="pairs in order") as refusal:
        evaluate_chessboard(Perceiver(Wall()), mixed, BOARD)
    assert refusal.value.code is ErrorCode.INVALID_ARGUMENT


def test_depth_without_a_unit_is_not_compared_with_metres(folder: Path) -> None:
    photographs, _ = read_photographs(files(folder, "left"), files(folder, "right"), BOARD)
    found = evaluate_chessboard(Perceiver(FakeModel(metric=False)), photographs, BOARD)
    assert found["depth_error_no_baseline"] is None
    assert found["depth_error"] is not None


def test_the_command_says_what_it_found_and_refuses_in_one_line(
    folder: Path, tmp_path: Path
) -> None:
    options = ["--left", f"{folder}/left*.png", "--right", f"{folder}/right*.png"]
    command = ["evaluate", "chessboard", *options, "--square", "0.1"]
    app = build_app(["evaluate"])
    wrong = CliRunner().invoke(app, command)
    assert wrong.exit_code == 2
    assert "count the inner corners" in wrong.output
    command += ["--columns", "7", "--rows", "5", "--json"]
    unwritable = CliRunner().invoke(app, [*command, str(tmp_path / "none" / "a.json")])
    assert unwritable.exit_code == 2
    assert "cannot be written" in unwritable.output
    report = tmp_path / "report.json"
    right = CliRunner().invoke(app, [*command, str(report)])
    assert right.exit_code == 0, right.output
    assert len(json.loads(report.read_text())["pairs"]) == 8
    assert "board not seen whole: left8.png" in right.output
    assert "median of 8 pairs" in right.output
