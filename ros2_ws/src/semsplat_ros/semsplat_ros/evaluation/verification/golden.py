# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Golden files: samples of the tensors that a published network computed, and the comparison with
them.

A golden file is an npz archive. A sampled tensor NAME has ``NAME/shape``, flat C-order indices
(``NAME/idx`` or ``NAME/index``), the values there (``NAME/val`` or ``NAME/value``) and its
standard deviation over all elements (second entry of ``NAME/stats``, or ``NAME/std``). Every other
entry is an array stored whole.
"""

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile, is_zipfile

import numpy as np
import torch
from torch import Tensor

from semsplat_ros.errors import ErrorCode, SemsplatError

_PARTS = ("shape", "idx", "val", "stats", "index", "value", "mean", "std", "absmax")
_BROKEN = (
    OSError,
    ValueError,
    BadZipFile,
    EOFError,
    KeyError,
    MemoryError,
    NotImplementedError,
    zlib.error,
)
"""What NumPy raises on files that it did not write, or that were damaged since."""


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
    entries = _entries(path)
    names = [name[: -len("/shape")] for name in entries if name.endswith("/shape")]
    tensors = {name: _tensor(path, entries, name) for name in names}
    parts = {f"{name}/{part}" for name in names for part in _PARTS}
    arrays = {name: array for name, array in entries.items() if name not in parts}
    return GoldenFile(tensors, arrays)


def _entries(path: Path) -> dict[str, np.ndarray]:
    try:
        if path.is_file() and not is_zipfile(path):
            raise ValueError("it is no zip archive, or its end is missing")
        with np.load(path, allow_pickle=False) as archive:
            entries = {name: archive[name] for name in archive.files}
    except _BROKEN as error:
        raise SemsplatError(
            ErrorCode.BAD_FILE, f"{path}: not a readable golden file (npz): {error}"
        ) from error
    foreign = [name for name, entry in entries.items() if not isinstance(entry, np.ndarray)]
    if foreign or not entries:
        what = f"'{foreign[0]}' in it is no array" if foreign else "it is empty"
        raise SemsplatError(ErrorCode.BAD_FILE, f"{path}: not a golden file (npz): {what}")
    return entries


def _tensor(path: Path, entries: dict[str, np.ndarray], name: str) -> GoldenTensor:
    def first(*parts: str) -> np.ndarray:
        for part in parts:
            if f"{name}/{part}" in entries:
                return entries[f"{name}/{part}"]
        raise _damaged(path, name, f"has none of {', '.join(parts)}")

    shape, index, value = first("shape"), first("idx", "index"), first("val", "value")
    mean, std = first("mean", "stats").ravel()[:1], first("std", "stats").ravel()[:2][-1:]
    if shape.ndim != 1 or shape.dtype.kind not in "iu" or (shape < 1).any():
        raise _damaged(path, name, f"has the shape {shape.tolist()}")
    size = math.prod(shape.tolist())
    if index.ndim != 1 or index.dtype.kind not in "iu" or not len(index):
        raise _damaged(path, name, "has no list of positions")
    if index.min() < 0 or index.max() >= size:
        raise _damaged(path, name, f"has positions outside of its {size} elements")
    if value.shape != index.shape or value.dtype.kind not in "fiub":
        raise _damaged(path, name, f"has not one number for each of its {len(index)} positions")
    numbers = all(part.size == 1 and part.dtype.kind in "fiu" for part in (mean, std))
    if not (numbers and np.isfinite(mean).all() and np.isfinite(std).all() and std >= 0):
        raise _damaged(path, name, f"has the mean {mean} and the standard deviation {std}")
    return GoldenTensor(tuple(shape.tolist()), index, value, float(mean[0]), float(std[0]))


def _damaged(path: Path, name: str, how: str) -> SemsplatError:
    return SemsplatError(ErrorCode.BAD_FILE, f"{path}: the entry '{name}' {how}")


@dataclass(frozen=True)
class Comparison:
    """One recorded tensor against ours."""

    name: str
    deviation: float
    """max |ours - golden| / std of the golden tensor, over samples, mean and deviation;
    for whole arrays max |ours - golden|. NaN if there was nothing to compare."""
    limit: float
    note: str = ""
    """Empty, or what was left out and why, or why it failed."""

    @property
    def passed(self) -> bool:
        """True if the deviation is a number within the limit."""
        return self.deviation <= self.limit


def _deviation(values: Tensor) -> float:
    """Standard deviation over all elements, as the golden files have it."""
    return float(values.std(correction=0))


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

        Beside the sampled elements mean and standard deviation are compared, which see all of
        them; not where elements are left out or must agree exactly (limit 0).

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
        flat = ours.detach().reshape(-1)
        delta = np.abs(flat[index].double().cpu().numpy() - recorded.value.astype(np.float64))
        if left_out is not None:
            out = left_out.reshape(-1)[index].cpu().numpy()
            delta = delta[~out]
            note = f"{note}: {int(out.sum())} of {len(out)} samples left out"
        elif limit > 0:
            wide = flat.double()
            of_all = [float(wide.mean()) - recorded.mean, _deviation(wide) - recorded.std]
            delta = np.append(delta, np.abs(of_all))
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
            abs(_deviation(values) - recorded.std) / std,
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
