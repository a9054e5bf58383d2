# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Official weight files to modules: safely, strictly, and without a second copy in memory.

A file's tensors stay memory-mapped until they are used. What a file is, is told by the names in it
(:mod:`semsplat_ros.families.weights.tensor_lists`). Names and shapes are compared with the
module's before anything is assigned.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.weights.files import open_weights
from semsplat_ros.families.weights.identification import UNKNOWN, FileLayout, identify
from semsplat_ros.families.weights.sources import UNKNOWN_TERMS
from semsplat_ros.families.weights.tensor_lists import tensor_list

SHOWN_DIFFERENCES = 6
logger = logging.getLogger(__name__)
Module = TypeVar("Module", bound=nn.Module)


@dataclass(frozen=True)
class Checkpoint:
    """What was found in a file."""

    path: Path
    container: str
    """"safetensors" or "torch"."""
    system: str
    """"dust3r", "mast3r", "splatt3r", "noposplat", "spatialsplat", "lsm", "lseg", "clip_vitb16" or
    "unknown"."""
    variant: str
    """What distinguishes files of one system, or ""."""
    tensors: Mapping[str, Tensor]
    """By official name without the file's prefix; memory-mapped. Aliases are filled under both
    names."""
    extras: Mapping[str, Tensor]
    """Tensors that are no part of the system, by their names in the file (training losses,
    language extractor)."""
    differences: tuple[str, ...]
    """How the file differs from the official list; empty if it does not or the system is
    unknown."""
    model_string: str = ""
    """The constructor text some files carry; shown, never evaluated."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Of a safetensors file."""
    licence: str = UNKNOWN_TERMS
    """One sentence about the terms of the weights, for who knows the system."""

    @property
    def complete(self) -> bool:
        """True if the system is known and every official tensor is there in its official shape,
        and no other."""
        return self.system != UNKNOWN and not self.differences


def read_checkpoint(path: str | Path, sha256: str = "") -> Checkpoint:
    """Open a weights file and find out what it is; loads hardly anything.

    Args:
        path: safetensors, or a PyTorch zip file (``.pth``, ``.ckpt``, ``.pt``).
        sha256: hex digest that the file must have (reads the whole file), or "": not checked.

    Raises:
        SemsplatError: IO_ERROR if there is no such file or it cannot be read; BAD_FILE if it is
            truncated, has another checksum, is no weights file, or holds anything that could run
            code.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        raise SemsplatError(ErrorCode.IO_ERROR, f"{path} is a folder; name a weights file in it")
    if not path.is_file():
        raise SemsplatError(ErrorCode.IO_ERROR, f"there is no weights file {path}")
    if sha256:
        _check_sha256(path, sha256)
    file = open_weights(path)
    entries = file.entries
    layout = identify(entries)
    tensors = _by_official_name(entries, layout, path)
    used = set(layout.names)
    extras = {name: t for name, t in entries.items() if name not in used}
    return Checkpoint(
        path=path,
        container=file.container,
        system=layout.system,
        variant=layout.variant,
        tensors=tensors,
        extras=extras,
        differences=_official_differences(tensors, layout.system),
        model_string=file.model_string,
        metadata=file.metadata,
    )


def load_into(module: Module, weights: Checkpoint | Mapping[str, Tensor]) -> Module:
    """Give a module its weights; nothing is assigned unless every name and shape agrees.

    The tensors are taken over, not copied, except where the module wants another dtype; those
    leave memory again as soon as they are converted, if they are mapped from a file. Build the
    module under ``torch.device("meta")`` (see :func:`load_new`) so that it has no weights of its
    own to throw away.

    Args:
        module: its state dict must have exactly the official names.
        weights: a checkpoint or a part of one; floating point where the module has it, finite.

    Returns:
        The module.

    Raises:
        SemsplatError: BAD_FILE with the first differences.
    """
    origin = "the weights"
    if isinstance(weights, Checkpoint):
        origin = f"{weights.path.name} ({weights.system})"
        _announce_licence(weights.path.name, weights.licence)
        weights = weights.tensors
    wanted = module.state_dict()
    weights = _with_tied_names(module, weights)
    differences = compare(
        {name: tuple(t.shape) for name, t in weights.items()},
        {name: tuple(t.shape) for name, t in wanted.items()},
    )
    differences += _wrong_kinds(weights, {name: t.dtype for name, t in wanted.items()})
    differences = differences or _without_numbers(weights)
    if differences:
        raise SemsplatError(
            ErrorCode.BAD_FILE,
            f"{origin} does not fit {type(module).__name__}: {_shorten(differences)}",
        )
    module.load_state_dict(
        {name: tensor.to(wanted[name].dtype) for name, tensor in weights.items()},
        strict=True,
        assign=True,
    )
    empty = [n for n, t in (*module.named_parameters(), *module.named_buffers()) if t.is_meta]
    if empty:
        raise SemsplatError(
            ErrorCode.INTERNAL, f"{type(module).__name__}.{empty[0]} is in no weights file"
        )
    return module


def _with_tied_names(module: nn.Module, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """One name of a parameter that has several is enough; safetensors files hold no more."""
    found = dict(weights)
    by_parameter: dict[int, Tensor] = {}
    named = list(module.named_parameters(remove_duplicate=False))
    for name, parameter in named:
        if name in weights:
            by_parameter.setdefault(id(parameter), weights[name])
    for name, parameter in named:
        if name not in found and id(parameter) in by_parameter:
            found[name] = by_parameter[id(parameter)]
    return found


def load_new(build: Callable[[], Module], weights: Checkpoint | Mapping[str, Tensor]) -> Module:
    """Build a module without memory for weights, and give it those of a file.

    Args:
        build: makes the module; its class must keep no tensors beyond parameters and saved
            buffers.
        weights: as for :func:`load_into`.
    """
    with torch.device("meta"):
        module = build()
    return load_into(module, weights)


def compare(
    found: Mapping[str, tuple[int, ...]], wanted: Mapping[str, tuple[int, ...]]
) -> list[str]:
    """Differences between two lists of names and shapes, in words; empty if there are none."""
    missing = [f"{n} is missing" for n in wanted if n not in found]
    unexpected = [f"{n} is not expected" for n in found if n not in wanted]
    shapes = [
        f"{n} has shape {list(found[n])}, expected {list(wanted[n])}"
        for n in wanted
        if n in found and tuple(found[n]) != tuple(wanted[n])
    ]
    return missing + shapes + unexpected


def file_sha256(path: Path) -> str:
    """Hex digest of a whole file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _shorten(differences: Iterable[str]) -> str:
    all_of_them = list(differences)
    shown = "; ".join(all_of_them[:SHOWN_DIFFERENCES])
    more = len(all_of_them) - SHOWN_DIFFERENCES
    return f"{shown}; and {more} more" if more > 0 else shown


def _check_sha256(path: Path, wanted: str) -> None:
    found = file_sha256(path)
    if found != wanted.lower():
        raise SemsplatError(
            ErrorCode.BAD_FILE, f"{path.name} has sha256 {found}, expected {wanted.lower()}"
        )


def _by_official_name(
    entries: Mapping[str, Tensor], layout: FileLayout, path: Path
) -> dict[str, Tensor]:
    """Tensors by official name, under both names of an alias; one decoder serves both sides."""
    tensors = {official: entries[name] for name, official in layout.names.items()}
    if layout.system == UNKNOWN:
        return tensors
    official = tensor_list(layout.system)
    for second, first in official.aliases.items():
        if first in tensors and second in tensors:
            if not _equal(tensors[first], tensors[second]):
                raise SemsplatError(
                    ErrorCode.BAD_FILE,
                    f"{path.name} was refused: {first} and {second} are one tensor "
                    "but differ in it",
                )
            tensors[second] = tensors[first]
        elif first in tensors or second in tensors:
            tensors[first] = tensors[second] = tensors.get(first, tensors.get(second))
    if not any("dec_blocks2." in name for name in tensors):
        # CroCo's files hold one decoder; the DUSt3R paper starts both sides from it.
        second_side = {n.replace("dec_blocks.", "dec_blocks2."): t for n, t in tensors.items()}
        tensors |= {n: t for n, t in second_side.items() if "dec_blocks2." in n}
    return tensors


def _equal(a: Tensor, b: Tensor) -> bool:
    same = a.data_ptr() == b.data_ptr() and a.shape == b.shape and a.stride() == b.stride()
    return same or torch.equal(a, b)


def _official_differences(tensors: Mapping[str, Tensor], system: str) -> tuple[str, ...]:
    if system == UNKNOWN:
        return ()
    official = tensor_list(system).tensors
    shapes = {name: spec.shape for name, spec in official.items()}
    differences = compare({name: tuple(t.shape) for name, t in tensors.items()}, shapes)
    dtypes = {name: spec.dtype for name, spec in official.items()}
    return tuple(differences + _wrong_kinds(tensors, dtypes))


def _wrong_kinds(found: Mapping[str, Tensor], wanted: Mapping[str, torch.dtype]) -> list[str]:
    """Tensors that are no real numbers where such are expected; their precision is free."""
    return [
        f"{name} holds {found[name].dtype}, expected {dtype}".replace("torch.", "")
        for name, dtype in wanted.items()
        if name in found and dtype.is_floating_point and not found[name].is_floating_point()
    ]


def _without_numbers(weights: Mapping[str, Tensor]) -> list[str]:
    """Tensors with a value that is infinite or no number, which would spoil every result."""
    return [
        f"{name} holds a value that is infinite or no number"
        for name, tensor in weights.items()
        if tensor.is_floating_point()
        and tensor.numel()
        and not all(torch.isfinite(bound) for bound in torch.aminmax(tensor))
    ]


@cache
def _announce_licence(file: str, licence: str) -> None:
    """Once per file and process."""
    logger.warning("weights %s: %s", file, licence)
