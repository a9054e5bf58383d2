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
from semsplat_ros.evaluation.verification.entries import SYSTEMS
from semsplat_ros.evaluation.verification.golden import (
    Comparison,
    Recorder,
    load_golden,
)

System = Callable[[Recorder, int], None]
"""Builds a network at its official size, fills it by the rule with the seed, loads the weights as
an official file would be, runs the inputs of the rule, and compares with the recorder."""


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
