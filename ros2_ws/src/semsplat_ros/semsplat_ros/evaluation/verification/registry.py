# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Which systems can be verified, and the run of one of them."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import torch

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.evaluation.verification.golden import Comparison, Recorder, load_golden

System = Callable[[Recorder, int], None]
"""Builds a network at its official size, fills it by the rule with the seed, loads the weights as
an official file would be, runs the inputs of the rule, and compares with the recorder."""


@dataclass(frozen=True)
class Entry:
    """Where a system's verification is, and which recorded names are its own."""

    module: str
    function: str
    prefixes: tuple[str, ...] = ("",)
    """Recorded names that do not begin so belong to another system that shares the file."""
    infix: str = ""
    """Nor do those that do not contain this."""


_HERE = "semsplat_ros.evaluation.verification"
SYSTEMS: dict[str, Entry] = {
    "spatialsplat": Entry(f"{_HERE}.spatialsplat", "spatialsplat"),
    "spatialsplat-givenlang": Entry(f"{_HERE}.spatialsplat", "spatialsplat_given_language"),
    "noposplat": Entry(f"{_HERE}.spatialsplat", "noposplat"),
    "noposplat-3views": Entry(f"{_HERE}.spatialsplat", "noposplat"),
    "dust3r": Entry(f"{_HERE}.dust3r", "dust3r"),
    "splatt3r": Entry(f"{_HERE}.dust3r", "splatt3r"),
    "geometry": Entry(f"{_HERE}.geometry", "geometry"),
    "ptv3": Entry(f"{_HERE}.point_transformer", "point_transformer"),
    "lseg": Entry(f"{_HERE}.lsm", "lseg", infix="/lseg/"),
    "lsm": Entry(f"{_HERE}.lsm", "lsm"),
    "clip": Entry(f"{_HERE}.clip", "clip", ("clip/",)),
}


@dataclass(frozen=True)
class Report:
    """Outcome of one verification."""

    system: str
    comparisons: tuple[Comparison, ...]
    inputs: dict[str, str]
    """Recorded entries that were inputs, and how they were used."""
    not_compared: tuple[str, ...]
    """Recorded names of this system that nothing was compared with: a failure."""
    of_other_systems: tuple[str, ...]

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
    recorder = Recorder(file)
    run: System = getattr(import_module(entry.module), entry.function)
    with torch.inference_mode():
        run(recorder, seed)
    own = [n for n in file.names if n.startswith(entry.prefixes) and entry.infix in n]
    order = {n: i for i, n in enumerate(file.names)}
    return Report(
        system=name,
        comparisons=tuple(sorted(recorder.comparisons.values(), key=lambda c: order[c.name])),
        inputs=recorder.inputs,
        not_compared=tuple(recorder.unaccounted(own)),
        of_other_systems=tuple(n for n in recorder.unaccounted(file.names) if n not in own),
    )
