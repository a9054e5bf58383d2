# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A name to a loaded model: shipped ones by folder, upstream ones by a file that the user has,
and those that other packages register.
"""

import importlib
import logging
import os
import sys
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
import yaml

from semsplat_ros.cpu_threads import network_threads
from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.base import SceneModel
from semsplat_ros.families.entry import ModelEntry
from semsplat_ros.families.weights.sources import PARTS, UNKNOWN_TERMS, WeightSource
from semsplat_ros.view_layout import ViewLayout

GROUP = "semsplat.models"
"""Entry-point group in which other packages register a
:class:`semsplat_ros.families.entry.ModelEntry`."""
PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_FAMILIES = "semsplat_ros.families"
BUILT_IN = {
    "spatialsplat": f"{_FAMILIES}.spatialsplat:SPATIALSPLAT_ENTRY",
    "noposplat": f"{_FAMILIES}.spatialsplat:NOPOSPLAT_ENTRY",
    "lsm": f"{_FAMILIES}.lsm:ENTRY",
    "dust3r": f"{_FAMILIES}.dust3r:DUST3R_ENTRY",
    "mast3r": f"{_FAMILIES}.dust3r:MAST3R_ENTRY",
    "splatt3r": f"{_FAMILIES}.splatt3r:ENTRY",
    "gsemsplat": f"{_FAMILIES}.gsemsplat:ENTRY",
    "room": f"{_FAMILIES}.room:ENTRY",
}
"""Where the entry of each model lies. Only the one that is asked for is imported, so that the
embedded model starts without the rest."""
_logger = logging.getLogger(__name__)


def model_directory() -> Path:
    """Where the shipped models lie: beside the sources, or in the package's installed share
    folder."""
    here = Path(__file__).resolve()
    candidates = [here.parents[2] / "model"]
    candidates += [p / "share" / "semsplat_ros" / "model" for p in here.parents]
    prefixes = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    candidates += [Path(p) / "share" / "semsplat_ros" / "model" for p in prefixes if p]
    candidates.append(Path(sys.prefix) / "share" / "semsplat_ros" / "model")
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    raise SemsplatError(
        ErrorCode.IO_ERROR,
        f"the shipped models are not beside the package ({candidates[0]}); reinstall semsplat_ros",
    )


def shipped_models() -> list[str]:
    """Names of the models that need no file from the user."""
    folders = model_directory().iterdir()
    return sorted(f.name for f in folders if (f / "config.yaml").exists())


def shipped_config(name: str) -> dict[str, Any]:
    """What is in the ``config.yaml`` of a shipped model.

    Raises:
        SemsplatError: BAD_FILE if it is no YAML mapping.
    """
    path = model_directory() / name / "config.yaml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as problem:
        raise SemsplatError(ErrorCode.BAD_FILE, f"{path} is no YAML file: {problem}") from problem
    if not isinstance(content, dict):
        raise SemsplatError(ErrorCode.BAD_FILE, f"{path} is no YAML mapping")
    return content


def upstream_models() -> tuple[str, ...]:
    """Names of this package's models whose weights the user gets from their publisher."""
    return tuple(name for name in BUILT_IN if model_entry(name).source is not None)


def foreign_models() -> tuple[str, ...]:
    """Names of the models that other packages register."""
    return tuple(sorted(_foreign()))


def model_names() -> tuple[str, ...]:
    """Everything that :func:`load_model` takes."""
    mine = [name for name in BUILT_IN if model_entry(name).load is not None]
    return tuple(dict.fromkeys((*shipped_models(), *mine, *foreign_models())))


def model_entry(name: str) -> ModelEntry:
    """What is known of a model.

    Raises:
        SemsplatError: INVALID_ARGUMENT for an unknown name, and for a model of another package
            that cannot be imported or registers something else.
    """
    if name in BUILT_IN:
        module, attribute = BUILT_IN[name].split(":")
        return getattr(importlib.import_module(module), attribute)
    if name not in _foreign():
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"there is no model '{name}'; shipped: {', '.join(shipped_models())}; "
            f"with a file of yours: {', '.join(upstream_models())}"
            + (f"; of other packages: {', '.join(foreign_models())}" if foreign_models() else ""),
        )
    point = _foreign()[name]
    try:
        entry = point.load()
    except Exception as problem:  # whatever a foreign module raises while it is imported
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"model '{name}' of the package {_package(point)} cannot be imported "
            f"({point.value}): {problem}",
        ) from problem
    if not isinstance(entry, ModelEntry) or entry.name != name or entry.load is None:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"{point.value} of the package {_package(point)} is no ModelEntry with the name "
            f"'{name}' and a loader",
        )
    return entry


@runtime_checkable
class HasViewLayouts(Protocol):
    """A model that can read more than two views in several ways."""

    view_layout: ViewLayout


@cache
def _foreign() -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        if point.name in BUILT_IN or point.name in found:
            _logger.warning(
                "model %s of the package %s is ignored: the name is taken",
                *(point.name, _package(point)),
            )
        else:
            found[point.name] = point
    return found


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "unknown"


def weight_sources() -> dict[str, WeightSource]:
    """Where weights come from, by model, and for the files that models take beside their own."""
    sources = [model_entry(name).source for name in BUILT_IN]
    return {s.system: s for s in (*sources, *PARTS) if s is not None}


def weight_source(name: str) -> WeightSource:
    """The source of one model's weights.

    Raises:
        SemsplatError: INVALID_NAME with the names that are known.
    """
    sources = weight_sources()
    if name not in sources:
        known = ", ".join(sorted(sources))
        raise SemsplatError(
            ErrorCode.INVALID_NAME, f"no weights file is known for {name!r}; known: {known}"
        )
    return sources[name]


def terms_of(system: str) -> str:
    """One sentence about the terms of weights."""
    source = weight_sources().get(system)
    return source.licence if source else UNKNOWN_TERMS


def models_table() -> str:
    """The table of docs/models.md."""
    head = (
        "`model.name`", "file", "answers words", "unit without a baseline", "network image",
        "terms of the weights",
    )  # fmt: skip
    rows = [head, ("---",) * len(head)]
    for name in sorted(BUILT_IN, key=lambda name: model_entry(name).source is not None):
        entry, source = model_entry(name), model_entry(name).source
        file = entry.file or f"`{source.file}`"
        terms = "Apache-2.0" if source is None else source.short_terms
        rows.append(
            (f"`{name}`", file, entry.answers_words, entry.unit, entry.network_image, terms)
        )
    return "\n".join(f"| {' | '.join(row)} |".replace("| --- ", "|---") for row in rows)


def load_model(
    name: str = "room",
    checkpoint: str = "",
    device: str = "auto",
    precision: str = "auto",
    sha256: str = "",
    image_size: int = 0,
    threads: int = 0,
    view_layout: ViewLayout = ViewLayout.SEPARATE,
) -> SceneModel:
    """Load a model by name.

    Args:
        name: a model that is shipped, that this package knows, or that another package registers;
            :func:`model_names` lists them.
        checkpoint: weights file; must be given for upstream models. For a shipped model it
            replaces the weights in its folder.
        device: "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:N"; the latter never fall
            back.
        precision: "auto", "fp32", "fp16" or "bf16".
        sha256: 64 hex digits the file must have, or "".
        image_size: side of the network image in pixels where a model can choose, 0 = as it was
            trained.
        view_layout: how more than two views are read, for models that have a choice.
        threads: PyTorch's, in this process; 0 = all cores for an upstream model on the CPU, half
            of them, at most 4, otherwise, and no more than OMP_NUM_THREADS; see
            :func:`semsplat_ros.cpu_threads.network_threads`.

    Raises:
        SemsplatError: INVALID_ARGUMENT for an unknown name, device or precision; MODEL_NOT_LOADED
            if a model needs a checkpoint and none is given; IO_ERROR, BAD_FILE for the file.
    """
    target = choose_device(device)
    dtype = choose_precision(precision, target)
    shipped = name in shipped_models()
    entry = model_entry(_family_of(name) if shipped else name)
    if view_layout is not ViewLayout.SEPARATE and not entry.view_layouts:
        choice = [other for other in BUILT_IN if model_entry(other).view_layouts]
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"view layout '{view_layout}' was given for model '{name}', which has only one; "
            f"{' and '.join(choice)} have a choice",
        )
    # Beside a network on a GPU only small operators are left to the CPU.
    torch.set_num_threads(threads or network_threads(shipped or target.type != "cpu"))
    if shipped:
        return _load_shipped(name, entry, checkpoint, target, dtype, sha256, image_size)
    if entry.needs_file and not checkpoint:
        raise SemsplatError(
            ErrorCode.MODEL_NOT_LOADED,
            f"model '{name}' needs model.checkpoint, a file that is not shipped and never "
            f"downloaded; `semsplat weights where {name}` says where to get it and under which "
            "terms",
        )
    path = Path(checkpoint).expanduser() if checkpoint else None
    model = entry.load(path, target, dtype, sha256=sha256, image_size=image_size)
    if isinstance(model, HasViewLayouts):
        model.view_layout = view_layout
    return model


def _family_of(name: str) -> str:
    """The family of a shipped model, by its ``config.yaml``."""
    family = shipped_config(name).get("family")
    if family not in BUILT_IN or model_entry(family).load_folder is None:
        folders = [other for other in BUILT_IN if model_entry(other).load_folder is not None]
        raise SemsplatError(
            ErrorCode.BAD_FILE,
            f"config.yaml of model '{name}' names the family {family!r}; "
            f"there is {', '.join(folders)}",
        )
    return family


def _load_shipped(
    name: str,
    entry: ModelEntry,
    checkpoint: str,
    device: torch.device,
    dtype: torch.dtype,
    sha256: str,
    image_size: int,
) -> SceneModel:
    if image_size:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"model '{name}' has its own image sizes; leave model.image_size 0",
        )
    folder = model_directory() / name
    weights = Path(checkpoint).expanduser() if checkpoint else folder / "model.safetensors"
    return entry.load_folder(folder, weights, device, dtype, sha256)


def choose_device(device: str) -> torch.device:
    """The GPU if there is one for "auto"; a named device is taken or refused."""
    if device == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT, f"device '{device}' is none of auto, cpu, cuda, cuda:N"
        ) from error
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"device '{device}' was asked for and this PyTorch sees no CUDA GPU; use cpu or auto",
        )
    return chosen


def choose_precision(precision: str, device: torch.device) -> torch.dtype:
    """For "auto" bfloat16 where the device computes in it, else float32."""
    if precision in PRECISIONS:
        return PRECISIONS[precision]
    if precision != "auto":
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"precision '{precision}' is none of auto, fp32, fp16, bf16",
        )
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32
