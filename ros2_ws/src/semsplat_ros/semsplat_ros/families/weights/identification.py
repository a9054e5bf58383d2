# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What a weights file is, told by the names in it."""

from collections.abc import Iterable
from dataclasses import dataclass

from semsplat_ros.families.weights.tensor_lists import TensorList, tensor_list, tensor_list_names

UNKNOWN = "unknown"
MIN_OVERLAP = 0.5
"""Share of a file's names that must be known for the file to be taken for a system's."""
FOREIGN_PREFIXES = ("lpips_criterion.", "language_extractor.", "encoder.language_extractor.")
"""Parts that some files carry and that are no part of the network."""
_CLIP_NOTES = ("input_resolution", "context_length", "vocab_size", "attn_mask")
"""Last parts of names in OpenAI's files that are no weights."""
_LANGUAGE_EXTRACTOR = "encoder.language_extractor."


@dataclass(frozen=True)
class FileLayout:
    """How a file's names map to official ones."""

    system: str
    variant: str
    names: dict[str, str]
    """Name in the file -> official name without prefix; foreign parts left out."""


def identify(names: Iterable[str]) -> FileLayout:
    """The system whose official names fit best, with or without the official prefix.

    Names that are not official stay in the layout, so that they are reported; only parts that are
    known not to belong to the network are left out. If nothing fits, the system is "unknown" and
    every name stands for itself.
    """
    everything = list(names)
    best = FileLayout(UNKNOWN, "", {name: name for name in everything})
    best_score = 0.0
    for system in tensor_list_names():
        official = tensor_list(system)
        for prefix in {official.prefix, ""}:
            mapping = _strip(everything, prefix)
            score = _overlap(mapping.values(), official)
            # Of two systems that fit alike the smaller one: a file of DUSt3R is no unfinished
            # MASt3R.
            if score > best_score:
                best_score = score
                best = FileLayout(system, _variant(system, everything), mapping)
    return best


def _strip(names: list[str], prefix: str) -> dict[str, str]:
    kept = (n for n in names if not n.startswith(FOREIGN_PREFIXES))
    noteless = (n for n in kept if n.rpartition(".")[2] not in _CLIP_NOTES)
    return {n: n.removeprefix(prefix) for n in noteless if n.startswith(prefix)}


def _overlap(found: Iterable[str], official: TensorList) -> float:
    """Harmonic mean of the file's known share and the list's present share; 0 if few are known."""
    mine = {official.aliases.get(name, name) for name in found}
    theirs = official.tensors.keys() - official.aliases.keys()
    common = len(mine & theirs)
    if not mine or common < MIN_OVERLAP * len(mine):
        return 0.0
    return 2 * common / (len(mine) + len(theirs))


def _variant(system: str, names: list[str]) -> str:
    if system == "spatialsplat":
        inside = any(name.startswith(_LANGUAGE_EXTRACTOR) for name in names)
        return "with LSeg inside" if inside else "Lite (CLIP, loaded separately)"
    return ""
