# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""SpatialSplat and NoPoSplat from official files, or with weights made from names."""

import logging
from pathlib import Path

import torch

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.base import TextEncoder
from semsplat_ros.families.loading import (
    CLIP_FILES,
    first_beside,
    info_of,
    network_by_rule,
    network_from,
    network_side,
    open_system,
    rule_info,
)
from semsplat_ros.families.spatialsplat import LanguageExtractor, NoPoSplatModel, SpatialSplatModel
from semsplat_ros.families.weights.checkpoints import read_checkpoint
from semsplat_ros.families.weights.named_weights import SPLAT_RULE
from semsplat_ros.networks.clip.clip import Clip, ClipConfig
from semsplat_ros.networks.clip.text_tower import ClipTextEncoder
from semsplat_ros.networks.lseg import Lseg
from semsplat_ros.networks.spatialsplat import (
    NoPoSplatNetwork,
    SpatialSplatNetwork,
    SplatConfig,
)
from semsplat_ros.scene import Resampling

CPU = torch.device("cpu")
IMAGE_SIDE = 256
SIDE_MULTIPLE = 32
LANGUAGE_FILES = (*CLIP_FILES, "demo_e200.safetensors", "demo_e200.ckpt")
"""Looked for beside a SpatialSplat file, in this order: CLIP (the paper's Lite variant, and what
the published configuration names), then LSeg."""
LSEG_INSIDE = "encoder.language_extractor."
logger = logging.getLogger(__name__)


def load_noposplat(
    path: Path,
    device: torch.device,
    dtype: torch.dtype,
    *,
    sha256: str = "",
    image_size: int = 0,
) -> NoPoSplatModel:
    """NoPoSplat from its official file (``re10k.ckpt`` and others).

    Args:
        path: the file.
        device: where to run.
        dtype: compute type of the matrices.
        sha256: hex digest the file must have, or "".
        image_size: side of the square network image; 0 = 256. The 512 x 512 file wants 512.

    Raises:
        SemsplatError: as :func:`semsplat_ros.families.weights.checkpoints.read_checkpoint`;
        BAD_FILE for a
            file of another system; INVALID_ARGUMENT for a side that is no multiple of 32.

    """
    size = _square(image_size, "NoPoSplat")
    checkpoint = open_system(path, "noposplat", sha256)
    network = network_from(NoPoSplatNetwork, checkpoint, device, dtype)
    return NoPoSplatModel(network, info_of(checkpoint, sha256, size))


def load_spatialsplat(
    path: Path,
    device: torch.device,
    dtype: torch.dtype,
    *,
    sha256: str = "",
    image_size: int = 0,
    language_file: Path | None = None,
    prune: bool = False,
) -> SpatialSplatModel:
    """SpatialSplat from its official file, with CLIP or LSeg for the language.

    Args:
        path: the file.
        device: where to run.
        dtype: compute type of the matrices.
        sha256: hex digest the file must have, or "".
        image_size: side of the square network image; 0 = 256, as it was trained.
        language_file: CLIP ViT-B/16 or LSeg. None: LSeg inside the file, else one of
            `LANGUAGE_FILES` beside it, else a model without language, with a warning.
        prune: see :class:`semsplat_ros.families.spatialsplat.SpatialSplatModel`.

    Raises:
        SemsplatError: as :func:`load_noposplat`, for either file.

    """
    size = _square(image_size, "SpatialSplat")
    checkpoint = open_system(path, "spatialsplat", sha256)
    inside = {
        name.removeprefix(LSEG_INSIDE).removeprefix("net."): tensor
        for name, tensor in checkpoint.extras.items()
        if name.startswith(LSEG_INSIDE)
    }
    extractor, encoder = None, None
    if language_file is None and inside:
        extractor, encoder = _lseg(network_from(Lseg, inside, CPU, dtype), device)
    else:
        file = language_file or first_beside(path, LANGUAGE_FILES)
        if file is None:
            logger.warning(
                "%s is loaded without language: put one of %s beside it",
                path.name,
                ", ".join(LANGUAGE_FILES),
            )
        else:
            extractor, encoder = _language(file, device, dtype)
    network = network_from(SpatialSplatNetwork, checkpoint, device, dtype)
    info = info_of(checkpoint, sha256, size, resampling=Resampling.ALIGNED_BILINEAR)
    return SpatialSplatModel(network, info, extractor, encoder, prune=prune)


def noposplat_by_rule(
    seed: int = 0,
    config: SplatConfig | None = None,
    image_size: tuple[int, int] = (IMAGE_SIDE, IMAGE_SIDE),
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> NoPoSplatModel:
    """NoPoSplat with weights made from names: for tests and timing, its scenes mean nothing."""
    network = network_by_rule(
        lambda: NoPoSplatNetwork(config), seed, SPLAT_RULE, torch.device(device), dtype
    )
    return NoPoSplatModel(network, rule_info("noposplat", image_size))


def spatialsplat_by_rule(
    seed: int = 0,
    config: SplatConfig | None = None,
    clip_config: ClipConfig | None = None,
    image_size: tuple[int, int] = (IMAGE_SIDE, IMAGE_SIDE),
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    *,
    prune: bool = False,
) -> SpatialSplatModel:
    """SpatialSplat with CLIP, weights made from names: for tests and timing, its scenes mean
    nothing.

    The text encoder works if `clip_config` has CLIP's vocabulary.
    """
    target = torch.device(device)
    clip = network_by_rule(lambda: Clip(clip_config), seed, SPLAT_RULE, CPU, dtype)
    network = network_by_rule(lambda: SpatialSplatNetwork(config), seed, SPLAT_RULE, target, dtype)
    info = rule_info("spatialsplat", image_size)
    return SpatialSplatModel(network, info, *_clip(clip, target), prune=prune)


def _square(side: int, system: str) -> tuple[int, int]:
    side = network_side(side, SIDE_MULTIPLE, IMAGE_SIDE, system)
    return side, side


def _language(
    file: Path, device: torch.device, dtype: torch.dtype
) -> tuple[LanguageExtractor, TextEncoder]:
    checkpoint = read_checkpoint(file)
    if checkpoint.system == "clip_vitb16":
        return _clip(network_from(Clip, checkpoint, CPU, dtype), device)
    if checkpoint.system == "lseg":
        return _lseg(network_from(Lseg, checkpoint, CPU, dtype), device)
    raise SemsplatError(
        ErrorCode.BAD_FILE,
        f"{file.name} holds {checkpoint.system}; SpatialSplat takes CLIP ViT-B/16 or LSeg",
    )


def _clip(clip: Clip, device: torch.device) -> tuple[LanguageExtractor, TextEncoder]:
    """The image tower on the device; the text tower stays on the CPU."""
    return clip.visual.to(device), ClipTextEncoder(clip)


def _lseg(lseg: Lseg, device: torch.device) -> tuple[LanguageExtractor, TextEncoder]:
    lseg.drop_unused()
    encoder = ClipTextEncoder(lseg.clip_pretrained)
    return lseg.to(device), encoder
