# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Reading ``.pth`` and ``.ckpt`` files without executing anything in them.

A PyTorch file is a zip archive with a pickle, and a pickle can name any function to be called.
torch's weights-only reader refuses every name it does not know. The official files also hold
configuration objects (argparse.Namespace, OmegaConf containers, Lightning's bookkeeping): for a
short list of such names the reader is given :class:`Inert` in their place, which stores what it is
handed and does nothing. Any other name refuses the file.
"""

import pickle
import threading
import zipfile
from pathlib import Path
from typing import Any

import torch

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.weights.placeholders import Inert, InertMapping
from semsplat_ros.families.weights.torchscript_files import read_script_weights

ZIP_MAGIC = b"PK\x03\x04"

_OMEGACONF = (
    "base.ContainerMetadata",
    "base.Metadata",
    "dictconfig.DictConfig",
    "listconfig.ListConfig",
    "nodes.AnyNode",
    "nodes.BooleanNode",
    "nodes.BytesNode",
    "nodes.EnumNode",
    "nodes.FloatNode",
    "nodes.IntegerNode",
    "nodes.PathNode",
    "nodes.StringNode",
)
_INERT_NAMES = (
    "argparse.Namespace",
    *(f"omegaconf.{name}" for name in _OMEGACONF),
    "typing.Any",
    # Types as values: OmegaConf notes which type a container was made from.
    *(f"builtins.{name}" for name in ("bool", "dict", "float", "int", "list", "str", "tuple")),
    *(f"pathlib.{name}" for name in ("Path", "PosixPath", "PurePosixPath", "WindowsPath")),
    # A best loss that was kept as a NumPy number.
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.dtype",
    # Old Lightning versions key a callback's state by its class.
    "pytorch_lightning.callbacks.early_stopping.EarlyStopping",
    "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint",
)
_MAPPING_NAMES = (
    "collections.defaultdict",
    "lightning.fabric.utilities.data.AttributeDict",
    "lightning.pytorch.utilities.parsing.AttributeDict",
    "lightning_fabric.utilities.data.AttributeDict",
    "pytorch_lightning.utilities.parsing.AttributeDict",
)
PLACEHOLDERS = dict.fromkeys(_INERT_NAMES, Inert) | dict.fromkeys(_MAPPING_NAMES, InertMapping)
"""Global name in a pickle -> what is put in its place."""

_BROKEN = (
    AssertionError,
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
)
"""What readers of pickles raise on files that nobody's writer made."""
_lock = threading.Lock()
"""torch's list of placeholders is one for the whole process."""


def read_torch_file(path: Path) -> Any:
    """The content of a PyTorch zip file, its tensors memory-mapped.

    Args:
        path: an existing file.

    Returns:
        Whatever was saved: usually a dict. Objects of foreign classes are
        :class:`semsplat_ros.families.weights.placeholders.Inert`. Of a TorchScript archive its
        weights by name.

    Raises:
        SemsplatError: BAD_FILE if the file is truncated, is not a PyTorch zip file, holds
            compressed or foreign parts, or names anything beyond tensors, plain values and the
            known containers.
    """
    if _check_archive(path):
        try:
            return read_script_weights(path)
        except (*_BROKEN, RecursionError, StopIteration) as error:
            raise _bad(path, f"a TorchScript archive, but {_first_line(error)}") from error
    try:
        foreign = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception as error:
        raise _bad(path, f"its pickle cannot be read ({_first_line(error)})") from error
    refused = sorted(set(foreign) - PLACEHOLDERS.keys())
    if refused:
        raise _bad(
            path,
            f"it asks for {', '.join(refused[:5])}, which is not needed for weights and could run "
            "code; nothing of it was executed. Get the file from its publisher again",
        )
    with _lock, torch.serialization.safe_globals([(v, k) for k, v in PLACEHOLDERS.items()]):
        try:
            return torch.load(path, map_location="cpu", mmap=True, weights_only=True)
        except _BROKEN as error:
            raise _bad(path, f"its structure is broken ({_first_line(error)})") from error


def _check_archive(path: Path) -> bool:
    """Refuse all but a complete archive of stored parts, each inside the file; says if it is
    TorchScript, whose code may be compressed and is not read."""
    with path.open("rb") as file:
        magic = file.read(len(ZIP_MAGIC))
    if not zipfile.is_zipfile(path):
        truncated = magic == ZIP_MAGIC
        reason = (
            "its end is missing: it is truncated" if truncated else "it is no PyTorch zip file"
        )
        raise _bad(path, reason)
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise _bad(path, f"its table of contents is broken ({error})") from error
    size = path.stat().st_size
    read = [p for p in parts if "/code/" not in p.filename]
    if any(p.compress_type != zipfile.ZIP_STORED for p in read):
        raise _bad(path, "it holds compressed parts, which PyTorch never writes")
    if any(p.header_offset + p.file_size > size for p in parts):
        raise _bad(path, "a part reaches beyond its end: it is truncated")
    return any(p.filename.endswith("/constants.pkl") for p in parts)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300]


def _bad(path: Path, reason: str) -> SemsplatError:
    return SemsplatError(ErrorCode.BAD_FILE, f"{path.name} was refused: {reason}")
