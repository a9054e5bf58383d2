# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Weights files of either container to named tensors, memory-mapped."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.weights.placeholders import Inert
from semsplat_ros.families.weights.torch_files import read_torch_file

MAX_HEADER = 100 * 2**20
"""Bytes of a safetensors header, as the format limits it."""


@dataclass(frozen=True)
class WeightFile:
    """What a file holds, before anyone asks what it means."""

    container: str
    """"safetensors" or "torch"."""
    entries: dict[str, Tensor]
    """By the names in the file; dense, on the CPU."""
    metadata: dict[str, str]
    """Of a safetensors file."""
    model_string: str
    """Constructor text of a training file; never evaluated."""


def open_weights(path: Path) -> WeightFile:
    """Map a file's tensors; nothing in it is executed.

    Raises:
        SemsplatError: IO_ERROR if it cannot be read; BAD_FILE if it is truncated or something
            else.
    """
    try:
        if _is_safetensors(path):
            entries, metadata = _read_safetensors(path)
            return WeightFile("safetensors", entries, metadata, "")
        entries, model_string = _unwrap(path, read_torch_file(path))
        return WeightFile("torch", entries, {}, model_string)
    except OSError as error:
        raise SemsplatError(
            ErrorCode.IO_ERROR, f"{path} cannot be read: {error.strerror or error}"
        ) from error


def _is_safetensors(path: Path) -> bool:
    """A length, then JSON; or the name says so (then a damaged file is reported as such)."""
    with path.open("rb") as file:
        head = file.read(9)
    length = int.from_bytes(head[:8], "little")
    return path.suffix == ".safetensors" or (
        len(head) == 9 and head[8:] == b"{" and length < MAX_HEADER
    )


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, file.metadata() or {}
    except SafetensorError as error:
        raise SemsplatError(
            ErrorCode.BAD_FILE,
            f"{path.name} was refused: it is truncated or no safetensors file ({error})",
        ) from error


def _unwrap(path: Path, content: object) -> tuple[dict[str, Tensor], str]:
    """The state dict of a PyTorch file and its constructor text, if any."""
    model_string = ""
    if isinstance(content, dict):
        arguments = content.get("args")
        if isinstance(arguments, Inert) and isinstance(arguments.state, dict):
            model_string = str(arguments.state.get("model", ""))
        for key in ("state_dict", "model"):
            if isinstance(content.get(key), dict):
                content = content[key]
                break
    if not isinstance(content, dict) or not content:
        raise SemsplatError(ErrorCode.BAD_FILE, f"{path.name} was refused: it holds no state dict")
    wrong = [k for k, v in content.items() if not (isinstance(k, str) and isinstance(v, Tensor))]
    if wrong:
        raise SemsplatError(
            ErrorCode.BAD_FILE,
            f"{path.name} was refused: entry {wrong[0]!r} of its state dict is not a tensor",
        )
    odd = [
        k for k, v in content.items() if v.layout != torch.strided or v.is_meta or v.is_quantized
    ]
    if odd:
        raise SemsplatError(
            ErrorCode.BAD_FILE, f"{path.name} was refused: {odd[0]} is no plain dense tensor"
        )
    return {k: v.detach() for k, v in content.items()}, model_string
