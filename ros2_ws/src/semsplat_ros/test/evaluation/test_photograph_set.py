# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The file of a labelled set: what is read, and what is refused with which words."""

import importlib.util
import json
import re
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.evaluation.photograph_set import (
    BUILT_IN,
    STEREODEMO_VERSION,
    LabelledObject,
    LabelledPair,
    read_set,
)
from test.support.labelled_photographs import DEPTH, FOCAL, HEIGHT, WIDTH, pair_values, write_set

NAN = float("nan")


def refusal(code: ErrorCode, path: Path) -> str:
    with pytest.raises(SemsplatError) as caught:
        list(read_set(str(path)).check_files())
    assert caught.value.code is code
    return caught.value.message


def test_a_set_is_read_with_its_images_and_metres(tmp_path: Path) -> None:
    given = read_set(str(write_set(tmp_path)))
    (pair,) = given.check_files()
    files = given.photographs(pair)
    assert [p.shape for p in files.images] == [(HEIGHT, WIDTH, 3)] * 2
    assert tuple(files.images[0][40, 30]) == (200, 30, 30), "red, green, blue"
    assert files.depth is not None
    assert np.isnan(files.depth[:10]).all(), "0 mm is unknown"
    assert (files.depth[10:] == DEPTH).all()
    assert pair.present == ("chair", "table", "lamp")


def test_the_centre_of_the_first_pixel_moves_to_a_half(tmp_path: Path) -> None:
    path = write_set(tmp_path, intrinsics=[FOCAL, 210, 79.5, 63], intrinsics_right=None)
    left, right = read_set(str(path)).pairs[0].matrices
    assert left is not None
    assert left.tolist() == [[FOCAL, 0, 80], [0, 210, 63.5], [0, 0, 1]]
    assert right is None


POSE = [[1, 0, 0, 0.1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"intrinsic": None}, r"pairs\[0\].intrinsic: unknown key"),
        ({"objects": [{"name": "chair", "box": [0, 0, 9, 9]}]}, r"objects\[0\].left_box: Field"),
        ({"objects": [{"name": "chair", "left_box": [9, 0, 9, 9]}]}, "has no area"),
        ({"objects": [{"name": "desk", "left_box": [0, 0, 9, 9]}]}, "'desk' is not in words"),
        ({"absent": ["chair"]}, "'chair' is in more than one of objects, absent and unclear"),
        ({"unclear": ["ball"]}, "'ball' is in more than one"),
        ({"baseline_m": -0.1}, r"pairs\[0\].baseline_m: Input should be greater than 0"),
        ({"intrinsics": [200, 200, 80]}, r"pairs\[0\].intrinsics"),
        ({"first_from_second": [[2, 0, 0, 0], *POSE[1:]]}, "is no rotation"),
        ({"first_from_second": [[-1, 0, 0, 0], *POSE[1:]]}, "is no rotation"),
        ({"width": WIDTH + 1}, f"is {WIDTH} x {HEIGHT}, the set says {WIDTH + 1} x {HEIGHT}"),
        ({"right_height": 7}, "the set says None x 7"),
        (
            {"objects": [{"name": "chair", "left_box": [0, 0, WIDTH + 1, 9]}]},
            "chair's left_box .* outside its left image",
        ),
        (
            {"objects": [{"name": "chair", "left_box": [-1, 0, 9, 9]}]},
            "chair's left_box .* outside its left image",
        ),
        (
            {"objects": [{"name": "chair", "left_box": [0, 0, 9, HEIGHT + 1]}]},
            "chair's left_box .* outside its left image",
        ),
        ({"gt": "left.png"}, "true depth is a 16-bit grey PNG in millimetres"),
    ],
)
def test_a_wrong_pair_is_refused_by_its_place(
    tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    message = refusal(ErrorCode.BAD_FILE, write_set(tmp_path, **changes))
    assert re.search(says, message), message


def test_a_wrong_file_is_refused(tmp_path: Path) -> None:
    for changes, says in (
        ({"pairs": []}, "pairs: Tuple should have at least 1 item"),
        ({"pairs": [pair_values(), pair_values()]}, "2 pairs have the id 'drawn/one'"),
        ({"word": ["chair"]}, "word: unknown key"),
        ({"words": []}, "words: Tuple should have at least 1 item"),
    ):
        assert says in refusal(ErrorCode.BAD_FILE, write_set(tmp_path, changes))
    both = refusal(ErrorCode.BAD_FILE, write_set(tmp_path, {"words": []}, width=0))
    assert re.search(r"words: .* \(and \d more\)", both)
    path = write_set(tmp_path)
    path.write_text(path.read_text()[:-5])
    assert "Invalid JSON" in refusal(ErrorCode.BAD_FILE, path)
    path.write_text(json.dumps({"words": ["chair"], "pairs": [pair_values(baseline_m=NAN)]}))
    assert "baseline_m" in refusal(ErrorCode.BAD_FILE, path)


def test_missing_files_and_files_that_are_no_images_are_named(tmp_path: Path) -> None:
    assert "none.json cannot be read: No such file" in refusal(
        ErrorCode.IO_ERROR, tmp_path / "none.json"
    )
    path = write_set(tmp_path, right="gone.png")
    assert "gone.png: there is no such file" in refusal(ErrorCode.IO_ERROR, path)
    (tmp_path / "gone.png").write_text("no image")
    assert "it is no image" in refusal(ErrorCode.IO_ERROR, path)
    cv2.imwrite(str(tmp_path / "gone.png"), np.zeros((HEIGHT, WIDTH - 2, 3), np.uint8))
    assert "images of a rectified pair have one size" in refusal(ErrorCode.BAD_FILE, path)
    path = write_set(tmp_path, gt="gone_depth.png")
    assert "gone_depth.png: there is no such file" in refusal(ErrorCode.IO_ERROR, path)


def test_the_built_in_labels_are_a_set_whatever_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "photographs" / "stereodemo" / "datasets" / "oak-d"
    folder.mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    given = read_set(BUILT_IN)
    assert given.folder == folder
    assert len(given.pairs) == 9
    assert sum(len(pair.present) for pair in given.pairs) == 30
    assert sum(len(pair.absent) for pair in given.pairs) == 117
    for pair in given.pairs:
        assert {*pair.present, *pair.absent, *pair.unclear} == set(given.words)


def test_images_that_are_not_installed_come_with_the_command_that_installs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SemsplatError, match="--ignore-requires-python") as caught:
        read_set(BUILT_IN)
    assert caught.value.code is ErrorCode.IO_ERROR
    assert f"--target {tmp_path}/photographs stereodemo=={STEREODEMO_VERSION}" in str(caught.value)


def test_the_set_up_fetches_the_version_that_was_labelled() -> None:
    pins = Path(__file__).parents[5] / "environment" / "photographs.txt"
    assert f"\nstereodemo=={STEREODEMO_VERSION} --hash=sha256:" in pins.read_text()


def test_the_documentation_has_a_whole_set_and_names_every_key(tmp_path: Path) -> None:
    page = (Path(__file__).parents[5] / "docs" / "photographs.md").read_text()
    (example,) = re.findall(r"```\n(\{.*?\})\n```", page, re.DOTALL)
    (tmp_path / "set.json").write_text(example)
    given = read_set(str(tmp_path / "set.json"))
    assert given.pairs[0].present == ("chair",)
    keys = {*LabelledPair.model_fields, *LabelledObject.model_fields, *json.loads(example)}
    assert {key for key in keys if f"`{key}`" not in page} == set()
