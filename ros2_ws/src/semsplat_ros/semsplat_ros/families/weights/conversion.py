# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Weight files described and rewritten: what ``semsplat weights`` prints and does."""

from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import save_file

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.weights.checkpoints import Checkpoint, file_sha256, read_checkpoint
from semsplat_ros.families.weights.identification import UNKNOWN
from semsplat_ros.families.weights.tensor_lists import tensor_list

LISTED_DIFFERENCES = 20
KEPT_EXTRAS = ("encoder.language_extractor.",)
"""Foreign parts that a model can use, so a conversion keeps them."""


@dataclass(frozen=True)
class FileReport:
    """What a weights file is. The fields are the keys of ``semsplat weights inspect --json``."""

    file: str
    bytes: int
    container: str
    system: str
    about: str
    variant: str
    complete: bool
    tensors: int
    parameters: int
    """Values, tensors with two names counted once."""
    extras: int
    """Tensors that belong to something else, for example a training loss."""
    difference_count: int
    differences: tuple[str, ...]
    """The first twenty."""
    model_string: str
    metadata: dict[str, str]
    sha256: str
    """Empty unless it was asked for."""


def inspect(path: Path, sha256: bool = False) -> FileReport:
    """What a file is, without loading its weights and without executing anything in it.

    Args:
        path: safetensors, ``.pth``, ``.ckpt`` or ``.pt``.
        sha256: also compute the checksum, which reads the whole file.

    Raises:
        SemsplatError: as :func:`semsplat_ros.families.weights.checkpoints.read_checkpoint`.
    """
    checkpoint = read_checkpoint(path)
    known = checkpoint.system != UNKNOWN
    second_names = set(tensor_list(checkpoint.system).aliases) if known else set()
    parameters = sum(t.numel() for n, t in checkpoint.tensors.items() if n not in second_names)
    return FileReport(
        file=str(path),
        bytes=checkpoint.path.stat().st_size,
        container=checkpoint.container,
        system=checkpoint.system,
        about=tensor_list(checkpoint.system).about if known else "not an official file",
        variant=checkpoint.variant,
        complete=checkpoint.complete,
        tensors=len(checkpoint.tensors),
        parameters=parameters,
        extras=len(checkpoint.extras),
        difference_count=len(checkpoint.differences),
        differences=checkpoint.differences[:LISTED_DIFFERENCES],
        model_string=checkpoint.model_string,
        metadata=dict(checkpoint.metadata),
        sha256=file_sha256(checkpoint.path) if sha256 else "",
    )


def convert(source: Path, target: Path, overwrite: bool = False) -> Checkpoint:
    """Rewrite a file's weights as safetensors: official names without prefix, no training state.

    Tensors with two names are written once. The target appears under its name when it is complete.

    Args:
        source: any file that :func:`inspect` reads.
        target: a name that ends in ``.safetensors``.
        overwrite: replace an existing target.

    Returns:
        What was read.

    Raises:
        SemsplatError: INVALID_NAME, ALREADY_EXISTS; BAD_FILE if an official file is not complete;
            IO_ERROR.
    """
    if target.suffix != ".safetensors":
        raise SemsplatError(ErrorCode.INVALID_NAME, f"{target.name} must end in .safetensors")
    if target.exists() and not overwrite:
        raise SemsplatError(ErrorCode.ALREADY_EXISTS, f"{target} exists; --overwrite replaces it")
    checkpoint = read_checkpoint(source)
    if checkpoint.differences:
        raise SemsplatError(
            ErrorCode.BAD_FILE,
            f"{source.name} is no complete file of {checkpoint.system}: "
            f"{checkpoint.differences[0]} ({len(checkpoint.differences)} differences; "
            "`semsplat weights inspect` lists them)",
        )
    kept = {n: t for n, t in checkpoint.extras.items() if n.startswith(KEPT_EXTRAS)}
    names: dict[tuple[int, int], str] = {}
    tensors = {}
    for name, tensor in {**checkpoint.tensors, **kept}.items():
        # safetensors refuses one tensor under two names. The loader knows the second names of
        # official files and fills them; a file of another kind gets a copy.
        first = names.setdefault((tensor.data_ptr(), tensor.numel()), name)
        if first == name:
            tensors[name] = tensor.contiguous()
        elif checkpoint.system == UNKNOWN or tensor.numel() == 0:
            tensors[name] = tensor.clone()
    unfinished = target.with_name(target.name + ".part")
    try:
        save_file(tensors, unfinished, metadata={"format": "pt", **checkpoint.metadata})
        unfinished.replace(target)
    except OSError as error:
        raise SemsplatError(
            ErrorCode.IO_ERROR, f"{target} cannot be written: {error.strerror or error}"
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)
    return checkpoint
