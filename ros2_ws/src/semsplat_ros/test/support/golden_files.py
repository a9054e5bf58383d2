# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Golden files of any size, recorded from this project's own networks.

They show that nothing in ``semsplat verify`` assumes the sizes of the published files, and that it
notices a wrong number. That the networks are the published ones is shown by the published files.
"""

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from semsplat_ros.evaluation.verification.golden import GoldenFile, GoldenTensor, Recorder

SAMPLES = 256


def tensor_of_shape(*shape: int) -> GoldenTensor:
    """Stands for a tensor of which only the shape is known."""
    return GoldenTensor(shape, np.zeros(1, np.int64), np.zeros(1, np.float32), 0.0, 1.0)


class Recording(Recorder):
    """Writes down what is computed instead of comparing it.

    Args:
        tensors: shapes that the run reads from the file, by name.
        arrays: arrays that the run reads from the file.
        wanted: which names a file of this kind holds.
    """

    def __init__(
        self,
        tensors: dict[str, tuple[int, ...]],
        arrays: dict[str, np.ndarray] | None = None,
        wanted: Callable[[str], bool] = lambda _name: True,
    ) -> None:
        known = {name: tensor_of_shape(*shape) for name, shape in tensors.items()}
        super().__init__(GoldenFile(known, dict(arrays or {})))
        self.entries: dict[str, np.ndarray] = {}
        self.wanted = wanted

    def compare(self, name, ours, limit, left_out=None, note=""):
        if not self.wanted(name):
            return
        flat = ours.detach().reshape(-1).cpu()
        generator = np.random.default_rng(zlib.crc32(name.encode()))
        index = generator.integers(0, flat.numel(), SAMPLES)
        wide = flat.double()
        stats = [float(f) for f in (wide.mean(), wide.std(correction=0), wide.min(), wide.max())]
        self.entries |= {
            f"{name}/shape": np.array(ours.shape, np.int64),
            f"{name}/idx": index,
            f"{name}/val": flat[torch.from_numpy(index)].numpy(),
            f"{name}/stats": np.array(stats),
        }

    def compare_statistics(self, name, ours, limit, note):
        self.compare(name, ours, limit)

    def compare_array(self, name, ours, limit, note=""):
        if self.wanted(name):
            self.entries[name] = np.asarray(ours)

    def used_as_input(self, name, how):
        if name in self.golden.arrays:
            self.entries[name] = self.golden.arrays[name]

    def save(self, path: Path) -> Path:
        np.savez(path, **self.entries)
        return path


def nudge(path: Path, name: str, target: Path) -> Path:
    """A copy in which one recorded number of a tensor, or of an array, is a little different."""
    with np.load(path) as archive:
        entries = dict(archive)
    if name in entries:
        values = entries[name].copy()
        step = 0.01 * max(float(np.abs(values.astype(np.float64)).max()), 1e-3)
    else:
        values = entries[f"{name}/val"].copy()
        step = 0.01 * float(entries[f"{name}/stats"][1])
        name = f"{name}/val"
    values.flat[0] += step if values.dtype.kind == "f" else 1
    np.savez(target, **entries | {name: values})
    return target
