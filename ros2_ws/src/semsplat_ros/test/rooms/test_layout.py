# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
import hashlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.rooms.builder import CLASSES, Primitive, rotation_matrix
from semsplat_ros.rooms.layout import EVALUATION_SEEDS, MAX_INSTANCES, Room
from semsplat_ros.rooms.mjcf import mjcf
from semsplat_ros.rooms.textures import COUNTS, texture_png
from test.rooms.conftest import run_python

FINGERPRINT = """
import hashlib, sys
from semsplat_ros.rooms.layout import Room
from semsplat_ros.rooms.mjcf import mjcf
xml, assets = mjcf(Room(int(sys.argv[1])), 64, 48, 512, 0)
digest = hashlib.sha256(xml.encode())
for name in sorted(assets):
    digest.update(assets[name])
print(digest.hexdigest())
"""


def test_class_list_is_the_published_order():
    assert CLASSES[:4] == ("wall", "floor", "ceiling", "door")
    assert CLASSES[-3:] == ("laptop", "bottle", "book")
    assert len(set(CLASSES)) == 24


def test_room_is_the_same_in_another_process():
    xml, assets = mjcf(Room(77), 64, 48, 512, 0)
    digest = hashlib.sha256(xml.encode())
    for name in sorted(assets):
        digest.update(assets[name])
    assert run_python(FINGERPRINT, "77").strip() == digest.hexdigest()


def test_rooms_differ_by_seed():
    assert mjcf(Room(1), 64, 48, 512, 0)[0] != mjcf(Room(2), 64, 48, 512, 0)[0]


def test_evaluation_rooms_share_no_texture_with_training_rooms():
    assert Room(EVALUATION_SEEDS - 1).texture_bank != Room(EVALUATION_SEEDS).texture_bank
    for kind in COUNTS:
        training = {texture_png(0, kind, i) for i in range(4)}
        assert len(training) == 4
        assert training.isdisjoint(texture_png(1, kind, i) for i in range(4))


def test_negative_seed_is_refused():
    with pytest.raises(SemsplatError) as refusal:
        Room(-1)
    assert refusal.value.code is ErrorCode.INVALID_ARGUMENT


def test_every_class_turns_up():
    seen = {instance.name for seed in range(60) for instance in Room(seed).instances}
    assert seen == set(CLASSES)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2_000_000))
@example(1180851)  # a television on a cabinet once reached 0.35 m into the wall behind it
@example(1000430)
def test_what_is_in_a_room_is_inside_and_stands_on_something(seed):
    room = Room(seed)
    assert len(room.instances) <= MAX_INSTANCES
    boxes = room.boxes_in_frame(np.eye(4))
    low, high = boxes[:, :3] - boxes[:, 3:] / 2, boxes[:, :3] + boxes[:, 3:] / 2
    half = np.array([room.width, room.depth]) / 2
    # Leaves of plants may reach into a wall.
    slack = np.array([0.45 if i.name == "plant" else 0.25 for i in room.instances])[:, None]
    assert (low[:, :2] > -half - slack).all()
    assert (high[:, :2] < half + slack).all()
    assert (low[:, 2] > -0.2).all()
    assert (high[:, 2] < room.walls.height + 0.35).all()
    for index, instance in enumerate(room.instances):
        if instance.name in ("mug", "bottle", "laptop", "book"):
            assert low[index, 2] > 0.3
        elif instance.name in ("chair", "table", "sofa", "bed", "bookshelf"):
            assert abs(low[index, 2]) < 0.1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2_000_000))
def test_furniture_does_not_share_floor(seed):
    room = Room(seed)
    for i, first in enumerate(room.footprints):
        for second in room.footprints[i + 1 :]:
            if {first.height, second.height} == {0.9} or 0.9 in (first.height, second.height):
                continue  # chairs are pushed under their table
            assert not first.overlaps(second)


def _inside(kind: str, size: tuple[float, ...], points: np.ndarray) -> np.ndarray:
    """Which points [n, 3] in the primitive's own frame are part of it, from the definitions."""
    x, y, z = points.T
    if kind == "box":
        return (abs(points) <= np.array(size)).all(1)
    if kind == "plane":
        return (abs(x) <= size[0]) & (abs(y) <= size[1]) & (abs(z) <= 0.01)
    if kind == "sphere":
        return np.linalg.norm(points, axis=1) <= size[0]
    if kind == "ellipsoid":
        return ((points / np.array(size)) ** 2).sum(1) <= 1
    if kind == "cylinder":
        return (np.hypot(x, y) <= size[0]) & (abs(z) <= size[1])
    beyond = np.maximum(abs(z) - size[1], 0)
    return np.hypot(np.hypot(x, y), beyond) <= size[0]


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("box", (0.3, 0.1, 0.5)),
        ("plane", (0.5, 0.4, 0.1)),
        ("sphere", (0.4,)),
        ("ellipsoid", (0.5, 0.2, 0.3)),
        ("cylinder", (0.2, 0.4)),
        ("capsule", (0.15, 0.3)),
    ],
)
def test_extent_of_a_solid_is_tight(kind, size):
    rng = np.random.default_rng(0)
    rotation = rotation_matrix(((0.48, 0.6, 0.64), 0.9))
    solid = Primitive(kind, size, np.zeros(3), rotation, 0, 0)
    points = rng.uniform(-0.6, 0.6, (400_000, 3))
    if kind == "plane":
        points[:, 2] = 0.0
    inside = points[_inside(kind, size, points)] @ rotation.T
    axes = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    reach = abs(inside @ axes.T).max(0)
    extent = solid.extent(axes)
    assert (reach <= extent + 1e-9).all()
    np.testing.assert_allclose(reach, extent, atol=0.04)


def test_boxes_agree_between_frames():
    room = Room(3)
    world, turned = room.boxes_in_frame(np.eye(4)), room.oriented_boxes()
    upright = abs(np.sin(2 * turned[:, 6])) < 1e-6
    assert upright.sum() > 5
    np.testing.assert_allclose(world[upright, :3], turned[upright, :3], atol=1e-4)
    shift = np.eye(4)
    shift[:3, 3] = (1, 2, 3)
    np.testing.assert_allclose(
        room.boxes_in_frame(shift)[:, :3], world[:, :3] + [1, 2, 3], atol=1e-5
    )


@pytest.mark.parametrize("seed", [1180851, 1000430, 74, 129, 176, 262])
def test_a_television_on_a_cabinet_does_not_reach_into_the_wall_behind_it(seed):
    room = Room(seed)
    boxes = room.boxes_in_frame(np.eye(4))
    half = np.array([room.width, room.depth]) / 2
    sets = [i for i, x in enumerate(room.instances) if x.name == "tv"]
    reach = (np.abs(boxes[sets, :2]) + boxes[sets, 3:5] / 2 - half).max()
    assert reach <= 0.12 + 1e-5
