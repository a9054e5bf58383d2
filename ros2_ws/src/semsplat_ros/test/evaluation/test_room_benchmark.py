# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The truth of evaluation pairs, and the benchmark around a model without weights."""

import dataclasses

import numpy as np
import pytest

from semsplat_ros.evaluation.room_benchmark import evaluate_pair
from semsplat_ros.evaluation.room_pairs import HEIGHT, QUERIED, WIDTH, RoomPair, room_pairs
from semsplat_ros.geometry.views import central_crop
from semsplat_ros.perceiver import Perceiver
from semsplat_ros.rooms.builder import CLASSES
from test.support.fake_model import FakeModel


@pytest.fixture(scope="module")
def pairs() -> list[RoomPair]:
    return list(room_pairs(1_000_001, 1, 1))


def test_a_stereo_and_a_free_pair(pairs: list[RoomPair]) -> None:
    assert [p.stereo for p in pairs] == [True, False]
    assert pairs[0].images[0].shape == (HEIGHT, WIDTH, 3)
    assert 0.05 < pairs[0].baseline < 0.26
    assert np.allclose(pairs[0].first_from_second[:3, :3], np.eye(3), atol=1e-6)


def test_wider_images_show_more_of_the_same_room(pairs: list[RoomPair]) -> None:
    (wide,) = room_pairs(1_000_001, 1, 0, 848)
    assert wide.images[0].shape == (HEIGHT, 848, 3)
    narrow = pairs[0].frames[0].depth
    np.testing.assert_allclose(wide.frames[0].depth[:, 104:744], narrow, rtol=1e-3)


def test_truth_maps_follow_the_crop(pairs: list[RoomPair]) -> None:
    pair = pairs[0]
    crop = central_crop(HEIGHT, WIDTH, 128, 160)
    depth, classes = pair.truth_maps(crop)
    assert depth.shape == classes.shape == (128, 160)
    row, column = 64, 80
    original = (
        int(crop.top + (row + 0.5) / crop.scale_y),
        int(crop.left + (column + 0.5) / crop.scale_x),
    )
    assert depth[row, column] == pair.frames[0].depth[original]
    assert classes[row, column] == pair.class_ids[pair.frames[0].instance[original]]


def test_a_point_on_an_object_is_right_for_it_and_a_far_one_is_not(pairs: list[RoomPair]) -> None:
    pair = pairs[0]
    seen = max(
        (o for o in pair.objects if o.name in QUERIED and o.visible_first > 0.005),
        key=lambda o: o.visible_first,
    )
    right, distance = pair.hits(seen.center, seen.instance)
    assert right
    assert distance < 0.3
    away = (seen.center[0], seen.center[1], seen.center[2] + 6.0)
    assert pair.hits(away, seen.instance)[0] is False


def test_every_split_and_every_class_is_recorded(pairs: list[RoomPair]) -> None:
    perceiver = Perceiver(FakeModel())
    records = [r for p in pairs for r in evaluate_pair(perceiver, p, 0.25)]
    assert [r.split for r in records] == ["stereo", "no_baseline", "no_intrinsics", "free"]
    for record in records:
        assert [q.name for q in record.queries] == list(QUERIED)
        assert record.confusion.shape == (len(CLASSES), len(CLASSES) + 1)
        assert record.abs_rel > 0


def test_absent_and_counting_exclude_each_other(pairs: list[RoomPair]) -> None:
    perceiver = Perceiver(FakeModel())
    small = [dataclasses.replace(o, visible_first=0.001) for o in pairs[0].objects]
    pair = dataclasses.replace(pairs[0], objects=tuple(small))
    record = next(evaluate_pair(perceiver, pair, 0.25))
    names = {o.name for o in small}
    for query in record.queries:
        assert query.absent == (query.name not in names)
        assert not query.counts, "an object of a thousandth of the image does not count"
