# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Images to look at show labels, answers and depth where they are."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.evaluation.photograph_overlays import (
    ELSEWHERE,
    LABELLED,
    RIGHT,
    WRONG,
    overlay,
    write_overlay,
)
from semsplat_ros.evaluation.photograph_set import read_set
from semsplat_ros.evaluation.photographs import evaluate_pair
from semsplat_ros.perceiver import Perceiver
from test.support.fake_model import FakeModel
from test.support.labelled_photographs import GREEN_BOX, HEIGHT, RED_BOX, WIDTH, write_set


def drawn(folder: Path, model: FakeModel | None = None, **changes):
    given = read_set(str(write_set(folder, **changes)))
    files = given.photographs(given.pairs[0])
    pairs = evaluate_pair(Perceiver(model or FakeModel()), given.pairs[0], files, ("calibrated",))
    ((record, perception),) = pairs
    return record, perception, files.images[0]


def outline(image: np.ndarray, box: tuple[int, int, int, int]) -> tuple[int, ...]:
    """Colour in the middle of a box's lower side."""
    x0, _, x1, y1 = box
    return tuple(image[y1 - 1, (x0 + x1) // 2].tolist())


def test_answers_have_the_colour_of_their_fate(tmp_path: Path) -> None:
    record, perception, left = drawn(tmp_path, absent=["ball"])
    before = left.copy()
    image = overlay(record, perception, left, 0.25)
    assert image.shape == (HEIGHT, 3 * WIDTH, 3)
    assert (left == before).all(), "the photograph itself is not drawn into"
    assert outline(image, RED_BOX) == RIGHT
    assert outline(image, GREEN_BOX) == ELSEWHERE
    assert tuple(image[10, 70].tolist()) == LABELLED, "left side of the lamp's box"
    record, perception, left = drawn(tmp_path)
    assert outline(overlay(record, perception, left, 0.25), RED_BOX) == WRONG, "'red' is absent"
    assert outline(overlay(record, perception, left, 1.0), RED_BOX) not in (RIGHT, WRONG)


def test_near_and_far_differ_and_nothing_is_black(tmp_path: Path) -> None:
    model = FakeModel(depth_from_brightness=True)
    record, perception, left = drawn(tmp_path, model)
    depth = overlay(record, perception, left, 0.25)[:, 2 * WIDTH :]
    wall, block = depth[5, 5].astype(int), depth[56, 40].astype(int)
    assert wall[0] > wall[1] + wall[2], "the bright wall is near: red"
    assert block[1] > wall[1], "what is further is more green than it"
    record, perception, left = drawn(tmp_path, FakeModel(empty=True))
    assert not overlay(record, perception, left, 0.25)[:, 2 * WIDTH :].any()


def test_a_file_is_named_by_number_pair_and_mode(tmp_path: Path) -> None:
    record, perception, left = drawn(tmp_path)
    path = write_overlay(tmp_path, 7, record, perception, left, 0.25)
    assert path == tmp_path / "007_drawn_one_calibrated.png"
    assert cv2.imread(str(path)).shape == (HEIGHT, 3 * WIDTH, 3)
    with pytest.raises(SemsplatError, match="cannot be written") as caught:
        write_overlay(tmp_path / "none", 7, record, perception, left, 0.25)
    assert caught.value.code is ErrorCode.IO_ERROR
