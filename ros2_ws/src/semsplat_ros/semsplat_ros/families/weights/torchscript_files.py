# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The weights in a TorchScript archive, without running the program in it.

OpenAI publishes CLIP as such archives. They hold code, which is left alone, and a pickle with the
modules' attributes. Here every class that the pickle names becomes :class:`Inert`, which stores
what it is handed; what it names beyond modules and tensors refuses the file.
"""

import pickle
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

import numpy as np
import torch
from torch import Tensor

from semsplat_ros.families.weights.placeholders import Inert, InertMapping

DTYPES = {
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "IntStorage": torch.int32,
    "LongStorage": torch.int64,
    "BoolStorage": torch.bool,
}
LOCAL_HEADER = 30
"""Bytes before the name in a zip archive's header of one part."""


class ScriptTensor(Inert):
    """A tensor as it is written: storage, offset, size, strides."""


class _Reader(pickle.Unpickler):
    """Builds nothing but plain values and inert objects."""

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch._utils" and name == "_rebuild_tensor_v2":
            return ScriptTensor
        if module == "torch" and name in DTYPES:
            return name
        if (module, name) == ("collections", "OrderedDict"):
            return InertMapping
        if module.split(".")[0] == "__torch__" or module == "torch.jit._pickle":
            return Inert
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which weights do not need")

    def persistent_load(self, pid: Any) -> Any:
        return pid


def read_script_weights(path: Path) -> dict[str, Tensor]:
    """Parameters and buffers of the module that was saved, by their dotted names, memory-mapped.

    Args:
        path: an archive whose table of contents was found sound.

    Raises:
        pickle.UnpicklingError, RuntimeError, ValueError, TypeError, AttributeError, KeyError,
        IndexError, EOFError: if it is not what PyTorch writes.
    """
    with ZipFile(path) as archive:
        parts = {part.filename: part for part in archive.infolist()}
        pickled = next(name for name in parts if name.endswith("/data.pkl"))
        with archive.open(pickled) as file:
            root = _Reader(file).load()
    if not isinstance(root, Inert) or not isinstance(root.state, dict):
        raise ValueError("it holds no module")
    found: dict[str, Tensor] = {}
    _collect(root, "", path, pickled.removesuffix(".pkl"), parts, found)
    return found


def _collect(
    module: Inert,
    prefix: str,
    path: Path,
    folder: str,
    parts: dict[str, ZipInfo],
    found: dict[str, Tensor],
) -> None:
    for name, value in module.state.items():
        if isinstance(value, ScriptTensor):
            (_, kind, key, _, count), offset, size, stride = value.args[:4]
            values = _mapped(path, parts[f"{folder}/{key}"], DTYPES[kind], count)
            found[f"{prefix}{name}"] = values.as_strided(size, stride, offset)
        elif isinstance(value, Inert) and isinstance(value.state, dict):
            _collect(value, f"{prefix}{name}.", path, folder, parts, found)


def _mapped(path: Path, part: ZipInfo, dtype: torch.dtype, count: int) -> Tensor:
    """One stored part of the archive as a flat tensor, read when it is used."""
    with path.open("rb") as file:
        file.seek(part.header_offset)
        header = file.read(LOCAL_HEADER)
    name, extra = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
    start = part.header_offset + LOCAL_HEADER + name + extra
    if part.file_size < count * dtype.itemsize or start + part.file_size > path.stat().st_size:
        raise ValueError(f"{part.filename} is too short")
    if count == 0:
        return torch.empty(0, dtype=dtype)
    # Copy on write: whoever changes a weight changes their own memory and not the file.
    values = np.memmap(path, np.uint8, "c", start, (count * dtype.itemsize,))
    return torch.from_numpy(values).view(dtype)
