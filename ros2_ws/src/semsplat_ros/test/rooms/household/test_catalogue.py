# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What is read of furniture libraries, and which models are kept for evaluation."""

import zipfile
from importlib.resources import files
from pathlib import Path

import pytest

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.rooms.builder import CLASSES, HOUSEHOLD_CLASSES
from semsplat_ros.rooms.household.catalogue import (
    LICENCES,
    PACKAGE_FOLDER,
    is_held_out,
    read_catalogue,
    read_table,
    shipped_table,
)
from semsplat_ros.rooms.household.library import OWN
from semsplat_ros.rooms.household.room_kinds import ANYWHERE, KINDS, SCATTERED
from test.support.furniture_catalogue import ENTRIES, TABLE, write_catalogue

BUILT_IN = {"wall", "floor", "ceiling", "door", "window", "picture", "rug", "pillow"}
"""Classes that rooms build themselves, without a model."""


def test_a_library_is_read_in_metres(tmp_path: Path) -> None:
    models = read_catalogue(write_catalogue(tmp_path), TABLE)
    assert [m.model_id for m in models] == sorted(TABLE)
    hood = next(m for m in models if m.model_id == "Test#hood")
    assert (hood.width, hood.depth, hood.height) == pytest.approx((0.6, 0.4, 0.3))
    assert hood.elevation == pytest.approx(1.6)
    assert (hood.class_name, hood.place, hood.creator) == ("range hood", "mounted", "Somebody")
    assert next(m for m in models if m.model_id == "Test#table").elevation is None


def test_models_that_the_table_does_not_know_are_left_out(tmp_path: Path) -> None:
    models = read_catalogue(write_catalogue(tmp_path), {"Test#bowl": ("bowl", "table")})
    assert [m.model_id for m in models] == ["Test#bowl"]


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    with pytest.raises(SemsplatError, match="apt install sweethome3d-furniture") as refusal:
        read_catalogue(tmp_path)
    assert refusal.value.code is ErrorCode.NOT_FOUND


def test_a_broken_library_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "Test.sh3f"
    broken.write_bytes(b"no zip file")
    with pytest.raises(SemsplatError, match="Test.sh3f") as refusal:
        read_catalogue(tmp_path, TABLE)
    assert refusal.value.code is ErrorCode.BAD_FILE
    with zipfile.ZipFile(broken, "w") as library:
        library.writestr("PluginFurnitureCatalog.properties", "id#1=Test#bowl\nwidth#1=wide\n")
    with pytest.raises(SemsplatError, match="Test#bowl") as refusal:
        read_catalogue(tmp_path, TABLE)
    assert refusal.value.code is ErrorCode.BAD_FILE
    write_catalogue(tmp_path)
    assert len(read_catalogue(tmp_path, TABLE)) == len(ENTRIES)


def test_the_table_has_known_classes_and_places_alone() -> None:
    assert {name for name, _ in shipped_table().values()} <= set(HOUSEHOLD_CLASSES)
    with pytest.raises(ValueError, match="floor, wall"):
        read_table("model,name,class,place\nA#b,B,bowl,nowhere\n")


def test_the_table_names_no_model_twice_and_its_library_has_a_licence() -> None:
    text = files("semsplat_ros.rooms.household").joinpath("furniture_models.csv").read_text()
    assert len(shipped_table()) == len(text.splitlines()) - 1
    assert {model.split("#")[0] for model in shipped_table()} <= set(LICENCES)


def test_every_class_can_be_drawn_in_training_rooms() -> None:
    training = {c for model, (c, _) in shipped_table().items() if not is_held_out(model)}
    own = {name for name, *_ in OWN}
    assert set(HOUSEHOLD_CLASSES) == training | own | BUILT_IN


def test_every_class_is_wanted_somewhere() -> None:
    wanted = set(SCATTERED) | set(ANYWHERE) | BUILT_IN | {"curtain", "blinds", "chair"}
    wanted |= {"dishwasher", "oven", "stove", "range hood"}  # a kitchen's row
    for kind in KINDS.values():
        wanted |= {*kind.standing, *kind.mounted, *kind.on_tables}
    assert wanted == set(HOUSEHOLD_CLASSES)


def test_classes_of_simple_rooms_keep_their_ids() -> None:
    assert HOUSEHOLD_CLASSES[: len(CLASSES)] == CLASSES
    assert len(set(HOUSEHOLD_CLASSES)) == len(HOUSEHOLD_CLASSES) >= 60
    assert HOUSEHOLD_CLASSES[-1] == "something else"


def test_the_same_models_are_held_out_for_ever() -> None:
    assert is_held_out("Blend Swap CC-0#oakChair")
    assert not is_held_out("Blend Swap CC-0#bed1")
    held = [model for model in shipped_table() if is_held_out(model)]
    assert 0.1 < len(held) / len(shipped_table()) < 0.2


@pytest.mark.skipif(
    not PACKAGE_FOLDER.exists(), reason="Debian's package sweethome3d-furniture is not installed"
)
def test_the_installed_package_has_every_model_of_the_table() -> None:
    assert {model.model_id for model in read_catalogue()} == set(shipped_table())
