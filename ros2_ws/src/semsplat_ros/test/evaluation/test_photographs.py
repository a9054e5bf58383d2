# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What is measured on a drawn pair, with a model of which everything is known."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.evaluation.photograph_set import LabelledPair, Photographs, read_set
from semsplat_ros.evaluation.photographs import (
    MODES,
    PhotographRecord,
    evaluate_pair,
    is_at,
    matched_depth,
    parse_modes,
    perceive,
)
from semsplat_ros.perceiver import Perceiver
from semsplat_ros.scene import Roi, ScaleStatus, SemanticScene, Views
from test.support.fake_model import FakeModel
from test.support.labelled_photographs import (
    DEPTH,
    FOCAL,
    GREEN_BOX,
    RED_BOX,
    WIDTH,
    pair_values,
    write_set,
)

NOWHERE = (math.nan, math.nan)
SIDE = st.integers(0, 30)


@dataclass
class Posed(FakeModel):
    """Places the second camera as it is told."""

    pose: np.ndarray | None = None
    failed: tuple[int, ...] = ()

    def predict(self, views: Views) -> SemanticScene:
        scene = super().predict(views)
        placed = torch.stack([torch.eye(4), torch.from_numpy(self.pose).float()])
        cameras = replace(scene.cameras, first_from_view=placed, failed=self.failed)
        return replace(scene, cameras=cameras)


def labelled(folder: Path, **changes: Any) -> tuple[LabelledPair, Photographs]:
    given_set = read_set(str(write_set(folder, **changes)))
    return given_set.pairs[0], given_set.photographs(given_set.pairs[0])


def record(
    folder: Path, mode: str = "calibrated", model: FakeModel | None = None, **changes: Any
) -> PhotographRecord:
    pair, files = labelled(folder, **changes)
    ((found, _),) = evaluate_pair(Perceiver(model or FakeModel()), pair, files, (mode,))
    return found


def drawn_boxes() -> st.SearchStrategy[tuple[int, int, int, int]]:
    return st.tuples(SIDE, SIDE, st.integers(1, 20), st.integers(1, 20))


@given(drawn_boxes(), drawn_boxes())
def test_without_a_centre_the_overlap_decides(
    answer: tuple[int, int, int, int], label: tuple[int, int, int, int]
) -> None:
    masks = np.zeros((2, 60, 60), bool)
    for mask, (left, top, width, height) in zip(masks, (answer, label), strict=True):
        mask[top : top + height, left : left + width] = True
    iou = (masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum()
    left, top, width, height = label
    box = (float(left), float(top), float(left + width), float(top + height))
    assert is_at(Roi(*answer), NOWHERE, box) == (iou >= 0.25)


@given(drawn_boxes(), st.floats(0, 1), st.floats(0, 1), st.floats(1e-3, 50))
def test_a_centre_in_the_box_is_right_and_one_beside_it_is_not(
    label: tuple[int, int, int, int], across: float, down: float, beside: float
) -> None:
    left, top, width, height = label
    box = (float(left), float(top), float(left + width), float(top + height))
    far = Roi(1000, 1000, 5, 5)
    inside = (left + across * width, top + down * height)
    assert is_at(far, inside, box)
    assert not is_at(far, (left + width + beside, inside[1]), box)
    assert not is_at(far, (inside[0], top - beside), box)


def test_words_are_right_elsewhere_missed_or_found_though_absent(tmp_path: Path) -> None:
    words = {word.name: word for word in record(tmp_path).words}
    assert list(words) == ["chair", "table", "lamp", "ball", "red"], "wall is unclear"
    assert [word.present for word in words.values()] == [True, True, True, False, False]
    chair, table, lamp, ball, red = words.values()
    assert chair.score > 0.9
    assert chair.right
    # both cameras see it in the same place: for the second one it is a baseline further right
    between = FOCAL * 0.1 / 2 / DEPTH
    assert chair.centre == pytest.approx((40 + between, 56), abs=0.1)
    assert chair.distance_error == pytest.approx(0.5)
    assert table.score > 0.9
    assert not table.right
    assert table.distance_error is None
    unknown_scale = record(tmp_path, "intrinsics", FakeModel(metric=False)).words[0]
    assert unknown_scale.right
    assert unknown_scale.distance_error is None
    assert (table.roi.left, table.roi.top) == GREEN_BOX[:2]
    assert lamp.score < 0.1
    assert ball.score < 0.1
    assert red.score > 0.9
    assert not red.right


def test_one_of_several_boxes_of_a_word_is_enough(tmp_path: Path) -> None:
    boxes = [(100, 0, 120, 20), RED_BOX]
    objects = [{"name": "chair", "left_box": box} for box in boxes]
    found = record(tmp_path, objects=objects).words
    assert [word.name for word in found] == ["chair", "ball", "red"]
    assert found[0].right


def test_a_scene_without_objects_misses_every_word(tmp_path: Path) -> None:
    found = record(tmp_path, model=FakeModel(empty=True))
    assert {(word.score, word.right, word.roi) for word in found.words} == {(0.0, False, None)}
    assert found.depth is None, "no depth was predicted"


def test_pixels_in_boxes_count_by_their_label(tmp_path: Path) -> None:
    x0, y0, x1, y1 = RED_BOX
    objects = [
        {"name": "chair", "left_box": [x0, y0, 2 * x1 - x0, y1]},  # half of it is wall
        {"name": "lamp", "left_box": [x0, y0, x1, y1]},
        {"name": "table", "left_box": list(GREEN_BOX)},
    ]
    found = record(tmp_path, objects=objects, model=FakeModel(closed_set=True))
    half, table = (x1 - x0) * (y1 - y0), 40 * 40
    # the right edge of the longer box lies on the table's
    assert found.label_pixels == {
        "chair": (2 * half, half),
        "lamp": (half, 0),
        "table": (table, table),
    }
    shared = (2 * x1 - x0 - GREEN_BOX[0]) * (y1 - GREEN_BOX[1])
    assert found.labelled == 2 * half + table - shared
    assert found.labelled_right == half + table


def test_a_model_without_words_of_its_own_is_given_those_of_the_pair(tmp_path: Path) -> None:
    pixels, hits = record(tmp_path, model=FakeModel(closed_set=False)).label_pixels["chair"]
    assert hits == pixels > 0


def test_depth_is_compared_with_what_was_measured(tmp_path: Path) -> None:
    found = record(tmp_path, model=FakeModel(depth=1.1 * DEPTH)).depth
    assert found is not None
    assert found.measured
    assert found.aligned == pytest.approx(0, abs=1e-6)
    assert found.metric == pytest.approx(0.1, abs=1e-6)
    unknown = record(tmp_path, mode="intrinsics", model=FakeModel(metric=False)).depth
    assert unknown is not None
    assert unknown.metric is None


def textured(depth: float, apart: float) -> Photographs:
    """A wall as a rectified pair sees it whose right principal point lies `apart` pixels further
    right.
    """
    rng = np.random.default_rng(0)
    wide = rng.integers(0, 255, (64, 2 * WIDTH, 3), dtype=np.uint8)
    disparity = round(FOCAL * 0.1 / depth - apart)
    return Photographs((wide[:, 40 : 40 + WIDTH], wide[:, 40 + disparity :][:, :WIDTH]), None)


@pytest.mark.parametrize("apart", [0.0, 5.0, -5.0])
def test_without_measured_depth_the_matcher_tells_it(apart: float) -> None:
    values = pair_values(gt=None)
    values["intrinsics_right"][2] += apart
    pair = LabelledPair.model_validate(values)
    found = matched_depth(pair, textured(DEPTH, apart))
    assert found is not None
    known = np.isfinite(found)
    assert known.mean() > 0.5
    assert np.median(found[known]) == pytest.approx(DEPTH, rel=0.02)


@pytest.mark.parametrize(
    "changes", [{"baseline_m": None}, {"rectified": False}, {"intrinsics": None}]
)
def test_the_matcher_needs_a_calibrated_pair(changes: dict[str, Any]) -> None:
    pair = LabelledPair.model_validate(pair_values(gt=None, **changes))
    assert matched_depth(pair, textured(DEPTH, 0.0)) is None


def test_modes_tell_the_model_what_they_say(tmp_path: Path) -> None:
    pair, files = labelled(tmp_path)
    seen = {}
    for mode in MODES:
        model = FakeModel()
        perceive(Perceiver(model), pair, files, mode)
        seen[mode] = model.last_views
    assert [views.prior.rectified_baseline for views in seen.values()] == [0.1, None, None, 0.1]
    assert [views.intrinsics is None for views in seen.values()] == [False, False, True, False]
    focal = seen["calibrated"].intrinsics[0, 0, 0]
    assert focal == pytest.approx(FOCAL * 40 / WIDTH)
    grey, colour = seen["grey"].images, seen["calibrated"].images
    assert (grey[:, 0] == grey[:, 1]).all()
    assert (grey[:, 0] == grey[:, 2]).all()
    assert not (colour[:, 0] == colour[:, 1]).all()


def test_a_baseline_of_free_cameras_sizes_the_scene(tmp_path: Path) -> None:
    pair, files = labelled(tmp_path, rectified=False)
    model = FakeModel(camera_distance=0.2)
    perceiver = Perceiver(model)
    sized = perceive(perceiver, pair, files, "calibrated")
    assert model.last_views is not None
    assert model.last_views.prior.rectified_baseline is None, "rows do not match"
    assert sized.scene.scale.status is ScaleStatus.BASELINE
    assert sized.scene.cameras.first_from_view[1, 0, 3] == pytest.approx(0.1)
    withheld = perceive(perceiver, pair, files, "intrinsics")
    assert withheld.scene.scale.status is ScaleStatus.MODEL


def test_the_pose_of_free_cameras_is_compared_with_the_truth(tmp_path: Path) -> None:
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("y", 10, degrees=True).as_matrix()
    pose[:3, 3] = [0.3, 0.0, 0.3]
    changes = {"rectified": False, "baseline_m": None, "first_from_second": pose.tolist()}
    found = record(tmp_path, model=FakeModel(camera_distance=0.2), **changes).pose
    assert found is not None
    assert not found.rectified
    assert found.rotation == pytest.approx(10, abs=0.01)
    assert found.direction == pytest.approx(45, abs=0.01)
    still = record(tmp_path, model=FakeModel(camera_distance=0.0), **changes).pose
    assert still is not None
    assert still.direction is None, "cameras in one place have no direction"


def test_an_exact_pose_has_no_error_and_a_failed_one_none_at_all(tmp_path: Path) -> None:
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("xyz", [5, -20, 3], degrees=True).as_matrix()
    pose[:3, 3] = [0.3, -0.1, 0.2]
    changes = {"rectified": False, "baseline_m": None, "first_from_second": pose.tolist()}
    exact = record(tmp_path, model=Posed(pose=pose), **changes).pose
    assert exact is not None
    assert exact.rotation == pytest.approx(0, abs=0.1)
    assert exact.direction == pytest.approx(0, abs=0.1)
    failed = record(tmp_path, model=Posed(pose=pose, failed=(1,)), **changes).pose
    assert failed is not None
    assert (failed.rotation, failed.direction) == (None, None)


def test_a_rectified_pair_has_a_true_pose_unless_it_was_told(tmp_path: Path) -> None:
    model = FakeModel(camera_distance=0.2)
    found = record(tmp_path, mode="intrinsics", model=model).pose
    assert found is not None
    assert (found.rectified, found.rotation, found.direction) == (True, 0.0, 0.0)
    assert record(tmp_path, model=model).pose is None
    behind = FakeModel(camera_distance=-0.2)
    opposite = record(tmp_path, mode="nothing", model=behind).pose
    assert opposite is not None
    assert opposite.direction == pytest.approx(180)


def test_the_focal_length_is_compared_where_it_was_estimated(tmp_path: Path) -> None:
    # the fake takes the image's width for it
    found = record(tmp_path, mode="nothing").focal_ratio
    assert found == pytest.approx(WIDTH / FOCAL)
    assert record(tmp_path, mode="intrinsics").focal_ratio is None
    unknown = {"intrinsics": None, "intrinsics_right": None}
    assert record(tmp_path, mode="nothing", **unknown).focal_ratio is None


def test_modes_are_taken_in_their_order_and_unknown_ones_refused() -> None:
    assert parse_modes("grey, calibrated") == ("calibrated", "grey")
    with pytest.raises(SemsplatError, match="there is no mode 'gray'") as caught:
        parse_modes("calibrated,gray")
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
