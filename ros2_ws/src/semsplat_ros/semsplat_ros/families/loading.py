# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What loading an upstream model always takes: the right file, its network ready to run, facts
about it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.weights.checkpoints import (
    Checkpoint,
    file_sha256,
    load_into,
    read_checkpoint,
)
from semsplat_ros.families.weights.identification import UNKNOWN
from semsplat_ros.families.weights.named_weights import WeightRule, rule_state
from semsplat_ros.families.weights.sources import WeightSource
from semsplat_ros.networks.precision import set_compute_dtype
from semsplat_ros.scene import ModelInfo, Resampling

CLIP_FILES = (
    "clip_vitb16.safetensors",
    "clip_vitb16.pt",
    "ViT-B-16.safetensors",
    "ViT-B-16.pt",
)
"""Names under which CLIP is looked for beside another file."""
RULE_LICENCE = "Apache-2.0"
SMALLEST_SIDE = 32
Network = TypeVar("Network", bound=nn.Module)


def open_upstream(path: Path, source: WeightSource, sha256: str = "") -> Checkpoint:
    """Open a file that must be of one upstream model, with its terms.

    Raises:
        SemsplatError: as :func:`semsplat_ros.families.weights.checkpoints.read_checkpoint`;
            BAD_FILE for a file of another model.
    """
    checkpoint = read_checkpoint(path, sha256)
    if checkpoint.system != source.system:
        known = checkpoint.system != UNKNOWN
        holds = checkpoint.system if known else "weights of no model that is known here"
        raise SemsplatError(
            ErrorCode.BAD_FILE, f"{path.name} holds {holds} and not {source.system}"
        )
    return replace(checkpoint, licence=source.licence)


def network_from(
    build: Callable[[], Network],
    weights: Checkpoint | Mapping[str, Tensor],
    device: torch.device,
    dtype: torch.dtype,
) -> Network:
    """A network with the weights of a file, ready to run.

    Args:
        build: makes it.
        weights: as for :func:`semsplat_ros.families.weights.checkpoints.load_into`.
        device: where to run.
        dtype: compute type of the matrices.
    """
    network = load_into(_without_memory(build, dtype), weights)
    return network.eval().requires_grad_(False).to(device)


def network_by_rule(
    build: Callable[[], Network],
    seed: int,
    rule: WeightRule,
    device: torch.device,
    dtype: torch.dtype,
) -> Network:
    """A network with weights made from names, ready to run; see :func:`network_from`."""
    network = _without_memory(build, dtype)
    network.load_state_dict(rule_state(network.state_dict(), seed, rule), assign=True)
    return network.eval().requires_grad_(False).to(device)


def _without_memory(build: Callable[[], Network], dtype: torch.dtype) -> Network:
    """The dtype is set before the weights come: no tensor is there in two formats."""
    with torch.device("meta"):
        network = build()
    if dtype != torch.float32:
        set_compute_dtype(network, dtype)
    return network


def info_of(
    checkpoint: Checkpoint,
    sha256: str,
    image_size: tuple[int, int],
    *,
    metric: bool = False,
    resampling: Resampling = Resampling.LANCZOS,
    keep_shape: bool = False,
) -> ModelInfo:
    """Facts about the model of a file.

    Args:
        checkpoint: of the file.
        sha256: its checksum, or "": it is computed.
        image_size: height and width of the network image.
        metric: whether it was trained to predict metres.
        resampling: how images were resized in training.
        keep_shape: see :class:`semsplat_ros.scene.ModelInfo`.
    """
    return ModelInfo(
        name=checkpoint.system,
        checksum=(sha256.lower() or file_sha256(checkpoint.path))[:8],
        image_size=image_size,
        metric=metric,
        licence=checkpoint.licence,
        resampling=resampling,
        keep_shape=keep_shape,
    )


def rule_info(
    name: str, image_size: tuple[int, int], *, metric: bool = False, keep_shape: bool = False
) -> ModelInfo:
    """Facts about a model with weights made from names."""
    return ModelInfo(name, "rule", image_size, metric, RULE_LICENCE, keep_shape=keep_shape)


def first_beside(path: Path, names: Iterable[str]) -> Path | None:
    """The first of these files that lies in the same folder."""
    return next((path.parent / n for n in names if (path.parent / n).is_file()), None)


def network_side(side: int, multiple: int, default: int, system: str) -> int:
    """Side of the network image in pixels; 0 = the default.

    Raises:
        SemsplatError: INVALID_ARGUMENT for what is too small or no multiple of `multiple`.
    """
    side = side or default
    if side < SMALLEST_SIDE or side % multiple:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"image size {side} given; {system} takes multiples of {multiple} pixels from "
            f"{SMALLEST_SIDE} on and was trained with {default}",
        )
    return side
