# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Golden files: samples of the tensors that a published network computed, and the comparison with
them.

A golden file is an npz archive. A sampled tensor NAME has ``NAME/shape``, flat C-order indices
(``NAME/idx`` or ``NAME/index``), the values there (``NAME/val`` or ``NAME/value``) and its
standard deviation over all elements (second entry of ``NAME/stats``, or ``NAME/std``). Every other
entry is an array stored whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from semsplat_ros.errors import ErrorCode, SemsplatError

_PARTS = ("shape", "idx", "val", "stats", "index", "value", "mean", "std", "absmax")


@dataclass(frozen=True)
class GoldenTensor:
    """Samples of one recorded tensor."""

    shape: tuple[int, ...]
    index: np.ndarray
    value: np.ndarray
    mean: float
    std: float


@dataclass(frozen=True)
class GoldenFile:
    """All that a golden file holds."""

    tensors: dict[str, GoldenTensor]
    arrays: dict[str, np.ndarray]

    @property
    def names(self) -> list[str]:
        """Every recorded name, tensors first."""
        return [*self.tensors, *self.arrays]

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a recorded tensor or array.

        Raises:
            SemsplatError: BAD_FILE if there is none of that name.

        """
        if name in self.tensors:
            return self.tensors[name].shape
        return self.array(name).shape

    def array(self, name: str) -> np.ndarray:
        """An array that is stored whole.

        Raises:
            SemsplatError: BAD_FILE if there is none of that name.

        """
        if name not in self.arrays:
            raise SemsplatError(
                ErrorCode.BAD_FILE,
                f"the golden file has no entry '{name}'; is it the file of another system?",
            )
        return self.arrays[name]


def load_golden(path: Path) -> GoldenFile:
    """Read a golden file; nothing in it is executed.

    Raises:
        SemsplatError: BAD_FILE if it cannot be read or an entry is incomplete.

    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            entries = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, BadZipFile, EOFError) as error:
        raise SemsplatError(
            ErrorCode.BAD_FILE, f"{path}: not a readable golden file (npz): {error}"
        ) from error
    names = [name[: -len("/shape")] for name in entries if name.endswith("/shape")]
    tensors = {name: _tensor(path, entries, name) for name in names}
    parts = {f"{name}/{part}" for name in names for part in _PARTS}
    arrays = {name: array for name, array in entries.items() if name not in parts}
    return GoldenFile(tensors, arrays)


def _tensor(path: Path, entries: dict[str, np.ndarray], name: str) -> GoldenTensor:
    def first(*parts: str) -> np.ndarray:
        for part in parts:
            if f"{name}/{part}" in entries:
                return entries[f"{name}/{part}"]
        raise SemsplatError(
            ErrorCode.BAD_FILE, f"{path}: the entry '{name}' has none of {', '.join(parts)}"
        )

    mean, std = first("mean", "stats"), first("std", "stats")
    return GoldenTensor(
        shape=tuple(int(n) for n in first("shape")),
        index=first("idx", "index"),
        value=first("val", "value"),
        mean=float(mean if mean.ndim == 0 else mean[0]),
        std=float(std if std.ndim == 0 else std[1]),
    )


@dataclass(frozen=True)
class Comparison:
    """One recorded tensor against ours."""

    name: str
    deviation: float
    """max |ours - golden| / std of the golden tensor; for whole arrays max |ours - golden|. NaN if
    there was nothing to compare."""
    limit: float
    note: str = ""
    """Empty, or what was left out and why, or why it failed."""

    @property
    def passed(self) -> bool:
        """True if the deviation is a number within the limit."""
        return self.deviation <= self.limit


@dataclass
class Recorder:
    """Collects comparisons while a network runs; keeps samples, not tensors."""

    golden: GoldenFile
    comparisons: dict[str, Comparison] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    """Entries that were used as input, and how."""

    def compare(
        self,
        name: str,
        ours: Tensor,
        limit: float,
        left_out: Tensor | None = None,
        note: str = "",
    ) -> None:
        """Compare one tensor; a name that the golden file does not hold is passed over.

        Args:
            name: as in the golden file.
            ours: the whole tensor, in the recorded shape.
            limit: on max |ours - golden| / std.
            left_out: True at elements that are a known exception, same shape; say why in `note`.
            note: appears in the output.

        """
        recorded = self.golden.tensors.get(name)
        if recorded is None:
            return
        if tuple(ours.shape) != recorded.shape:
            note = f"shape {tuple(ours.shape)}, recorded {recorded.shape}"
            self.comparisons[name] = Comparison(name, float("nan"), limit, note)
            return
        index = torch.from_numpy(recorded.index).to(ours.device)
        values = ours.detach().reshape(-1)[index].double().cpu().numpy()
        delta = np.abs(values - recorded.value.astype(np.float64))
        if left_out is not None:
            out = left_out.reshape(-1)[index].cpu().numpy()
            delta = delta[~out]
            note = f"{note}: {int(out.sum())} of {len(out)} samples left out"
        # With nothing left there is no evidence, and NaN is no pass.
        worst = float(np.max(delta)) if len(delta) else float("nan")
        self.comparisons[name] = Comparison(name, worst / max(recorded.std, 1e-30), limit, note)

    def compare_statistics(self, name: str, ours: Tensor, limit: float, note: str) -> None:
        """Compare mean and standard deviation where single elements cannot be compared.

        The deviation is the largest of: difference of the means over the recorded deviation,
        relative difference of the deviations, relative difference of the numbers of rows (up to
        two rows do not count).

        Args:
            name: as in the golden file; one that it does not hold is passed over.
            ours: the whole tensor; its number of rows may differ.
            limit: on the deviation.
            note: why elements cannot be compared; appears in the output.
        """
        recorded = self.golden.tensors.get(name)
        if recorded is None:
            return
        if tuple(ours.shape[1:]) != recorded.shape[1:]:
            note = f"shape {tuple(ours.shape)}, recorded {recorded.shape}"
            self.comparisons[name] = Comparison(name, float("nan"), limit, note)
            return
        values = ours.detach().double()
        rows = max(abs(len(ours) - recorded.shape[0]) - 2, 0)
        std = max(recorded.std, 1e-30)
        worst = max(
            abs(float(values.mean()) - recorded.mean) / std,
            abs(float(values.std(correction=0)) - recorded.std) / std,
            rows / recorded.shape[0],
        )
        # The largest of numbers with NaN among them may be a number.
        if not torch.isfinite(values).all():
            worst = float("nan")
        self.comparisons[name] = Comparison(name, worst, limit, f"mean and deviation only: {note}")

    def compare_array(
        self, name: str, ours: Tensor | np.ndarray | float, limit: float, note: str = ""
    ) -> None:
        """Compare an array that is stored whole; the limit is absolute."""
        recorded = self.golden.arrays.get(name)
        if recorded is None:
            return
        if isinstance(ours, Tensor):
            ours = ours.detach().cpu().numpy()
        values = np.asarray(ours, np.float64)
        if values.size != recorded.size:
            note = f"shape {values.shape}, recorded {recorded.shape}"
            self.comparisons[name] = Comparison(name, float("nan"), limit, note)
            return
        delta = np.abs(values.reshape(recorded.shape) - recorded.astype(np.float64))
        self.comparisons[name] = Comparison(name, float(np.max(delta)), limit, note)

    def used_as_input(self, name: str, how: str) -> None:
        """Account for an entry that is fed in and not computed."""
        if name in self.golden.tensors or name in self.golden.arrays:
            self.inputs[name] = how

    def unaccounted(self, names: list[str]) -> Iterator[str]:
        """Of `names`, those neither compared nor used."""
        return (n for n in names if n not in self.comparisons and n not in self.inputs)
