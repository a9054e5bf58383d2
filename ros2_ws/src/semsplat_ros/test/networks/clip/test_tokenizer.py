# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""CLIP's byte-pair tokens."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsplat_ros.networks.clip.tokenizer import CONTEXT, tokenize

START, END = 49406, 49407
GOLDEN = Path(__file__).parents[2] / "golden" / "golden_spatialsplat_seed0.npz"


def test_tokens_of_the_published_tokenizer():
    golden = np.load(GOLDEN)
    ours = tokenize([str(label) for label in golden["clip/text_labels"]])
    assert np.array_equal(ours.numpy(), golden["clip/text_tokens"])


# Made with OpenCLIP's tokenizer.
@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("It's a  Refrigerator, isn't it?", [585, 568, 320, 36662, 267, 2923, 713, 585, 286]),
        ("café 123 日本", [15304, 272, 273, 274, 39121, 19277, 361]),
        ("na\u00efve\u2019s", [1097, 35689, 563, 568]),
        ("", []),
    ],
)
def test_words_numbers_punctuation_and_other_scripts(text, tokens):
    row = tokenize([text])[0].tolist()
    assert row == [START, *tokens, END] + [0] * (CONTEXT - len(tokens) - 2)


def test_a_long_text_ends_with_the_end_mark():
    row = tokenize(["couch " * 100])[0]
    assert row[0] == START and row[-1] == END
    assert (row[1:-1] == row[1]).all()


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=40))
def test_any_text_has_one_start_and_one_end(text):
    row = tokenize([text])[0].tolist()
    length = row.index(END) + 1
    assert row[0] == START
    assert row.count(START) == row.count(END) == 1
    assert not any(row[length:])


def test_case_and_spacing_do_not_matter():
    rows = tokenize(["Find the\tCHAIR ", "find  the chair"])
    assert rows[0].equal(rows[1])
