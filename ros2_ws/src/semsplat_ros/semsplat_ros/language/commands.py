# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What a sentence asks for: "could you please find the red mug?" -> "red mug".

English command words, question words, politeness and articles are taken off both ends; what is
left is the concept that the text encoder sees. Other languages pass through unchanged.
"""

import re
import unicodedata

from semsplat_ros.errors import ErrorCode, SemsplatError

# Each line is one kind of opening. They are taken off until none matches; of two that match the
# upper one wins, so the longer ones come first.
_OPENINGS = (
    r"please|kindly|hey|hi|hello|okay|ok|now|then|robot|semsplat",
    r"(?:could|can|would|will) you(?: please)?",
    r"(?:i want|i need|i would like|i'd like|we need)(?: you)?(?: to(?= ))?",
    r"(?:help me(?: to(?= ))?|try to(?= ))",
    r"(?:i am|i'm|we are|we're) (?:looking|searching) for",
    r"(?:bring|take|lead|guide|drive)(?: me| us)?(?: over)? to",
    r"(?:go|drive|move|navigate|walk|travel|head|come)(?: over| up)? to",
    r"(?:do you know |tell me |show me )?(?:where is|where's|where are|where're)",
    r"(?:do you know|tell me|show me) where",
    r"where (?:did (?:i|we|you) (?:put|leave|see)|do (?:i|we|you) (?:find|see)"
    r"|can (?:i|we) (?:find|see)|can you see)",
    r"is there|are there|do you (?:see|have)|have you seen|what about|how about",
    r"(?:find|locate|detect|spot|see|show|point (?:to|at|out)|search for|look for|look at)"
    r"(?: me| us)?",
    r"(?:get|fetch|grab|bring|give|hand|pick up)(?: me| us)?",
    r"the|an|a|my|our|your|his|her|their|its|this|that|these|those|some|any",
)
_CLOSINGS = (
    r"please|thanks|thank you|now|here|there|around here|over there|for me|for us|to me",
    r"in (?:the|this) (?:room|image|image|scene)|anywhere|somewhere",
    r"(?<=\w )(?:is|are)",
)
_BREAK = r"[\s,;:.!?…-]+"
"""Between a command word and the rest."""
_OPENING = re.compile(
    rf"(?:{'|'.join(f'(?:{line})' for line in _OPENINGS)})(?:{_BREAK}|$)", re.IGNORECASE
)
_CLOSING = re.compile(
    rf"(?:^|{_BREAK})(?:{'|'.join(f'(?:{line})' for line in _CLOSINGS)})$", re.IGNORECASE
)
_PUNCTUATION = " \t.,;:!?¿¡…\"'`´‘’“”«»()[]{}<>-–—*_/\\"


def parse_concept(text: str, max_chars: int = 256) -> str:
    """The words of a request that name the thing.

    The text is brought to Unicode NFC; control and format characters, NUL and lone surrogates are
    removed.

    Args:
        text: what a person typed or said.
        max_chars: longest text that is read, in characters.

    Raises:
        SemsplatError: TEXT_TOO_LONG; EMPTY_TEXT if nothing is left that names a thing.
    """
    if len(text) > max_chars:
        raise SemsplatError(
            ErrorCode.TEXT_TOO_LONG,
            f"the text has {len(text)} characters; at most {max_chars} are read (query.max_chars)",
        )
    concept = _strip(_clean(text))
    if not concept:
        raise SemsplatError(
            ErrorCode.EMPTY_TEXT,
            'the text names no thing; ask for one, for example "find the chair"',
        )
    return concept


def _clean(text: str) -> str:
    """NFC, one space between words, no character that cannot be printed."""
    kept = []
    for character in text:
        kind = unicodedata.category(character)
        if character.isspace() or kind in ("Zl", "Zp"):
            kept.append(" ")
        elif not kind.startswith("C"):
            kept.append(character)
    return " ".join(unicodedata.normalize("NFC", "".join(kept)).replace("’", "'").split())


def _strip(text: str) -> str:
    """Take openings, closings and punctuation off until nothing changes."""
    before = None
    while text != before:
        before = text
        text = text.strip(_PUNCTUATION)
        opening = _OPENING.match(text)
        if opening:
            text = text[opening.end() :]
        text = _CLOSING.sub("", text)
    return text
