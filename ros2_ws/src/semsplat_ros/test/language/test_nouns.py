# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
import pytest

from semsplat_ros.families.registry import shipped_config
from semsplat_ros.language.nouns import OTHER_THINGS, named_class
from semsplat_ros.rooms.builder import CLASSES

SYNONYMS = {name: tuple(w) for name, w in shipped_config("room")["synonyms"].items()}


@pytest.mark.parametrize(
    ("concept", "name"),
    [
        ("chair", "chair"),
        ("Chairs", "chair"),
        ("couch", "sofa"),
        ("boxes", "box"),
        ("trash can", "trash can"),
        ("red chair", None),
        ("giraffe", None),
        ("", None),
    ],
)
def test_class_of_a_concept(concept, name):
    assert named_class(concept, CLASSES, SYNONYMS) == name


def test_a_class_that_is_a_synonym_of_another_stays_itself() -> None:
    assert named_class("desk", ["table", "desk"], SYNONYMS) == "desk"
    assert named_class("desk", ["table"], SYNONYMS) == "table"


def test_the_lists_know_the_rooms_classes_and_do_not_overlap() -> None:
    assert set(SYNONYMS) <= set(CLASSES)
    named = {word for words in SYNONYMS.values() for word in words} | set(CLASSES)
    assert not named & set(OTHER_THINGS)
