# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Rooms with modelled furniture: where things are, and what their shards hold."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("trimesh", reason="environment/furniture.txt is not installed")
pytest.importorskip("fast_simplification", reason="environment/furniture.txt is not installed")

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.rooms import shards
from semsplat_ros.rooms.builder import HOUSEHOLD_CLASSES
from semsplat_ros.rooms.household.catalogue import is_held_out, read_catalogue
from semsplat_ros.rooms.household.furnishing import HouseholdRoom
from semsplat_ros.rooms.household.library import FurnitureLibrary
from semsplat_ros.rooms.household.mesh_store import MeshStore
from semsplat_ros.rooms.household.meshes import load_mesh
from semsplat_ros.rooms.layout import MAX_INSTANCES
from semsplat_ros.training.shards import PairShards
from test.support.furniture_catalogue import ENTRIES, TABLE, write_catalogue

STANDING = {e.class_name for e in ENTRIES if e.place in ("floor", "wall")} - {
    *("cabinet", "something else")
}
"""Classes that stand on the floor and nowhere else."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_catalogue(tmp_path_factory.mktemp("catalogue"))


@pytest.fixture(scope="module")
def library(folder: Path) -> FurnitureLibrary:
    return FurnitureLibrary(folder / "cache", folder=folder, table=TABLE)


def test_a_mesh_has_the_size_of_the_catalogue_and_a_free_top(folder: Path) -> None:
    model = next(m for m in read_catalogue(folder, TABLE) if m.model_id == "Test#table")
    mesh = load_mesh(model)
    low = np.min([part.center - part.half for part in mesh.parts], axis=0)
    high = np.max([part.center + part.half for part in mesh.parts], axis=0)
    assert low == pytest.approx([-0.7, -0.4, 0.0], abs=1e-4)
    assert high == pytest.approx([0.7, 0.4, 0.74], abs=1e-4)
    assert mesh.top == pytest.approx(0.74, abs=1e-3)
    assert len(mesh.cells) * 0.05**2 == pytest.approx(1.4 * 0.8, rel=0.15)


def test_a_mesh_from_the_cache_is_the_mesh(folder: Path, tmp_path: Path) -> None:
    model = read_catalogue(folder, TABLE)[0]
    made, kept = MeshStore(tmp_path).load(model), MeshStore(tmp_path).load(model)
    assert [p.msh for p in made.parts] == [p.msh for p in kept.parts]
    assert [p.png for p in made.parts] == [p.png for p in kept.parts]
    assert (made.size, made.top) == (kept.size, kept.top)
    assert np.array_equal(made.cells, kept.cells)


def test_a_model_without_faces_is_told(folder: Path, tmp_path: Path) -> None:
    model = read_catalogue(folder, TABLE)[0]
    missing = type(model)(**{**vars(model), "obj": "test/none/none.obj"})
    with pytest.raises(SemsplatError, match=model.model_id) as refusal:
        MeshStore(tmp_path).load(missing)
    assert refusal.value.code is ErrorCode.BAD_FILE
    assert MeshStore(tmp_path).load(model).parts


@given(st.integers(0, 999_999))
@settings(max_examples=40, deadline=None)
def test_things_are_in_the_room_and_stand_on_something(
    library: FurnitureLibrary, seed: int
) -> None:
    room = HouseholdRoom(seed, library)
    boxes = room.boxes_in_frame(np.eye(4)).astype(float)
    low, high = boxes[:, :3] - boxes[:, 3:] / 2, boxes[:, :3] + boxes[:, 3:] / 2
    assert len(boxes) <= MAX_INSTANCES
    inside = np.array([room.width / 2, room.depth / 2, room.walls.height])
    assert (high <= inside + 0.12).all()
    assert (low >= [-inside[0] - 0.12, -inside[1] - 0.12, -0.12]).all()
    for index, instance in enumerate(room.instances):
        if instance.name in STANDING:
            assert low[index, 2] == pytest.approx(0, abs=0.05)
        if instance.name not in ("toaster", "bowl", "mug", "book"):
            continue
        x, y = instance.position[:2]
        under = [
            other
            for other in range(len(boxes))
            if other != index
            and low[other, 0] - 0.05 < x < high[other, 0] + 0.05
            and low[other, 1] - 0.05 < y < high[other, 1] + 0.05
            and abs(high[other, 2] - low[index, 2]) < 0.03
        ]
        assert under, f"{instance.name} at {instance.position} floats"


@given(st.integers(0, 999_999))
@settings(max_examples=15, deadline=None)
def test_floor_is_not_taken_twice(library: FurnitureLibrary, seed: int) -> None:
    room = HouseholdRoom(seed, library)
    for number, one in enumerate(room.footprints):
        for other in room.footprints[:number]:
            apart = max(
                abs(one.x - other.x) - one.half_x - other.half_x,
                abs(one.y - other.y) - one.half_y - other.half_y,
            )
            # Chairs are pushed under their table.
            chair = min(one.half_x + one.half_y, other.half_x + other.half_y) <= 0.56
            assert apart > -0.001 or chair


def test_the_same_seed_is_the_same_room(folder: Path, library: FurnitureLibrary) -> None:
    again = FurnitureLibrary(folder / "cache", folder=folder, table=TABLE)
    for seed in (1, 2, 3):
        one, other = HouseholdRoom(seed, library), HouseholdRoom(seed, again)
        assert np.array_equal(one.oriented_boxes(), other.oriented_boxes())
        assert one.materials == other.materials


def test_training_and_evaluation_show_different_models(folder: Path) -> None:
    table = {f"Test#{n}": ("chair", "floor") for n in ("chair", "sofa", "bed", "bowl")}
    table |= {f"Test#{n}": ("chair", "floor") for n in ("desk", "stove", "hood", "thing", "table")}
    held = {model for model in table if is_held_out(model)}
    assert held, "none of the test models is held out: add some"
    shown = {}
    for held_out in (False, True):
        library = FurnitureLibrary(folder / "cache", held_out, folder, table)
        rng = np.random.default_rng(0)
        pieces = [library.draw(rng, "chair", "floor") for _ in range(200)]
        shown[held_out] = {p.model.model_id for p in pieces if p is not None and p.model}
    assert shown == {True: held, False: set(table) - held}


@pytest.fixture(scope="module")
def shard(folder: Path, library: FurnitureLibrary, tmp_path_factory: pytest.TempPathFactory):
    out = tmp_path_factory.mktemp("shards")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "_library", lambda cache, validation: library)
        count = shards.write_shard(out, 0, 7, rooms=2, pairs_per_room=4, furniture=folder)
    assert count >= 4
    return out


def test_shards_read_back(shard: Path) -> None:
    path = shards.shard_path(shard, 0)
    arrays = shards.read_shard(path)
    n = len(arrays["room"])
    large = np.load(path / f"{shards.LARGE}.npy")
    assert large.shape == (n, 256, 320, 3)
    halved = large.reshape(n, 128, 2, 160, 2, 3).mean((2, 4))
    assert abs(halved - arrays["rgb"][:, 0]).max() <= 1
    assert json.loads((path / "shard.json").read_text())["classes"] == list(HOUSEHOLD_CLASSES)
    batch = PairShards(shard).batch(np.arange(n))
    assert int(batch.label.max()) < len(HOUSEHOLD_CLASSES)
    seen = {HOUSEHOLD_CLASSES[c] for c in batch.label.unique().tolist()}
    assert {"wall", "floor"} < seen
    assert seen & {e.class_name for e in ENTRIES}
