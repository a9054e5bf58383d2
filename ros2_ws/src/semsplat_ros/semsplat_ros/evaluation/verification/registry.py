# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Which systems can be verified, and the run of one of them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import torch

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.evaluation.verification.golden import (
    Comparison,
    GoldenFile,
    Recorder,
    load_golden,
)

System = Callable[[Recorder, int], None]
"""Builds a network at its official size, fills it by the rule with the seed, loads the weights as
an official file would be, runs the inputs of the rule, and compares with the recorder."""


@dataclass(frozen=True)
class Entry:
    """Where a system's verification is, and how its golden files are told from others. Patterns
    match the beginning of recorded names."""

    module: str
    function: str
    needs: tuple[str, ...] = ()
    """A file of this system has a name for each of these."""
    lacks: str = "(?!)"
    """No name of it matches this."""
    shared_with: str = "(?!)"
    """Names in the same file that are another system's to compare."""

    def suits(self, golden: GoldenFile) -> bool:
        """True if the file may be one of this system."""
        names = golden.names
        has_all = all(any(re.match(need, name) for name in names) for need in self.needs)
        return has_all and not any(re.match(self.lacks, name) for name in names)


_HERE = "semsplat_ros.evaluation.verification"
_SIZE = r"\d+x\d+/"
SYSTEMS: dict[str, Entry] = {
    "spatialsplat": Entry(
        f"{_HERE}.spatialsplat",
        "spatialsplat",
        needs=("in/image", "clip/", "instance_head|out_coarse"),
    ),
    "spatialsplat-givenlang": Entry(
        f"{_HERE}.spatialsplat",
        "spatialsplat_given_language",
        needs=("in/image", "in/language"),
    ),
    "noposplat": Entry(
        f"{_HERE}.spatialsplat",
        "noposplat",
        needs=("in/image", "backbone/|pts_head|gs_head|out_fine"),
        lacks="instance_head|out_coarse",
    ),
    "noposplat-3views": Entry(
        f"{_HERE}.spatialsplat",
        "noposplat",
        needs=("in/image", "backbone/|pts_head|gs_head|out_fine"),
        lacks="instance_head|out_coarse",
    ),
    "dust3r": Entry(
        f"{_HERE}.dust3r",
        "dust3r",
        needs=(_SIZE + "(patch_tokens|enc_tokens|dec_tokens|raw_head|pts3d|conf)",),
    ),
    "splatt3r": Entry(f"{_HERE}.dust3r", "splatt3r", needs=(_SIZE + "view[12]/",)),
    "geometry": Entry(f"{_HERE}.geometry", "geometry", needs=("points1",)),
    "ptv3": Entry(
        f"{_HERE}.point_transformer", "point_transformer", needs=("[a-z]/(embedding|indices)",)
    ),
    "lseg": Entry(
        f"{_HERE}.lsm",
        "lseg",
        needs=(_SIZE + "lseg/",),
        shared_with=_SIZE + "(dust3r/|inject/|merge/|points_voxels|ptv3/|gaussian[12]/)",
    ),
    "lsm": Entry(f"{_HERE}.lsm", "lsm", needs=(_SIZE + "merge/",)),
    "clip": Entry(
        f"{_HERE}.clip",
        "clip",
        needs=("clip/input",),
        shared_with="(in|backbone|(pts|gs|instance)_head[12]|adapter_.*|out_.*)/",
    ),
}


@dataclass(frozen=True)
class Report:
    """Outcome of one verification."""

    system: str
    comparisons: tuple[Comparison, ...]
    inputs: dict[str, str]
    """Recorded entries that were inputs, and how they were used."""
    not_compared: tuple[str, ...]
    """Recorded names that nothing was compared with: a failure."""
    of_other_systems: tuple[str, ...]
    """Recorded names that are compared under another system's name."""

    @property
    def passed(self) -> bool:
        """True if something was compared, all of it passed and nothing was left out."""
        return (
            bool(self.comparisons)
            and all(c.passed for c in self.comparisons)
            and not self.not_compared
        )


def verify(name: str, golden: Path, seed: int) -> Report:
    """Run one system against a golden file.

    Raises:
        SemsplatError: INVALID_ARGUMENT for an unknown name, BAD_FILE for a file that does not
            suit.
    """
    if name not in SYSTEMS:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"no system '{name}' to verify; there are {', '.join(sorted(SYSTEMS))}",
        )
    entry = SYSTEMS[name]
    file = load_golden(golden)
    if not entry.suits(file):
        suited = [other for other, its in SYSTEMS.items() if its.suits(file)]
        raise SemsplatError(
            ErrorCode.BAD_FILE,
            f"{golden} is no golden file of {name}: "
            + (f"it suits {' or '.join(suited)}" if suited else "it suits no system"),
        )
    recorder = Recorder(file)
    run: System = getattr(import_module(entry.module), entry.function)
    with torch.inference_mode():
        run(recorder, seed)
    left = tuple(recorder.unaccounted(file.names))
    foreign = tuple(n for n in left if re.match(entry.shared_with, n))
    order = {n: i for i, n in enumerate(file.names)}
    return Report(
        system=name,
        comparisons=tuple(sorted(recorder.comparisons.values(), key=lambda c: order[c.name])),
        inputs=recorder.inputs,
        not_compared=tuple(n for n in left if n not in foreign),
        of_other_systems=foreign,
    )
