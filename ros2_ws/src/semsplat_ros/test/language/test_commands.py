# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.language.commands import parse_concept

THINGS = [
    "chair",
    "red mug",
    "trash can",
    "mug on the table",
    "tv",
    "Stuhl",
    "hat stand",
    "the Beatles poster".removeprefix("the "),
    "椅子",
    "can of beans",
    "showcase",
    "getaway car",
]
REQUESTS = [
    "{}",
    "find the {}",
    "Find me a {}.",
    "FIND {}!",
    "where is my {}?",
    "where's the {} ?",
    "Where are the {}",
    "go to the {}",
    "could you please bring me to the {}?",
    "can you see a {} in this room?",
    "please, locate the {} for me, thanks",
    "is there a {} here?",
    "I am looking for my {}",
    "i'd like you to find the {} please",
    "hey robot, drive to that {} now",
    "tell me where the {} is",
    "where did I put the {}?",
    'show me "the {}"',
    "fetch the {}",
    "  find\tthe\n{}  ",
    "¿find the {}?",
]


@pytest.mark.parametrize("request_text", REQUESTS)
@pytest.mark.parametrize("thing", THINGS)
def test_command_words_are_taken_off(request_text: str, thing: str) -> None:
    assert parse_concept(request_text.format(thing)) == thing


@given(st.text(max_size=256))
@example("find the \udcff chair")
@example("the the a please")
@example("is")
def test_any_text_gives_a_clean_concept_or_says_it_is_empty(text: str) -> None:
    try:
        concept = parse_concept(text)
    except SemsplatError as error:
        assert error.code is ErrorCode.EMPTY_TEXT
        return
    assert concept
    concept.encode("utf-8")  # fails on a lone surrogate
    assert unicodedata.is_normalized("NFC", concept)
    assert concept == " ".join(concept.split())
    assert not any(unicodedata.category(character).startswith("C") for character in concept)
    assert parse_concept(concept, max_chars=4 * len(concept)) == concept


@pytest.mark.parametrize(
    "text", ["", "   ", "\0\0\0", "\u200b\ufeff", "find the", "?!", "please", "\ud800"]
)
def test_text_that_names_nothing_is_empty(text: str) -> None:
    with pytest.raises(SemsplatError) as caught:
        parse_concept(text)
    assert caught.value.code is ErrorCode.EMPTY_TEXT


def test_characters_not_bytes_are_counted() -> None:
    assert parse_concept("ä" * 256) == "ä" * 256
    with pytest.raises(SemsplatError) as caught:
        parse_concept("ä" * 257)
    assert caught.value.code is ErrorCode.TEXT_TOO_LONG
    assert "257" in caught.value.message and "256" in caught.value.message


def test_decomposed_letters_are_composed_and_control_characters_vanish() -> None:
    assert parse_concept("find the mo\u0308bel\x00 \x1b[31mrot") == "möbel [31mrot"
