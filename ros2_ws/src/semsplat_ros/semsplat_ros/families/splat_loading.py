# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""SpatialSplat and NoPoSplat from official files, or with weights made from names."""

import logging
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.base import ModelInfo, TextEncoder
from semsplat_ros.families.checkpoints import Checkpoint, file_sha256, load_new, read_checkpoint
from semsplat_ros.families.rule_weights import SPLAT_RULE, rule_state
from semsplat_ros.families.spatialsplat import LanguageExtractor, NoPoSplatModel, SpatialSplatModel
from semsplat_ros.geometry.resampling import Resampling
from semsplat_ros.networks.clip import Clip, ClipConfig
from semsplat_ros.networks.clip_text import ClipTextEncoder
from semsplat_ros.networks.lseg import Lseg
from semsplat_ros.networks.precision import set_compute_dtype
from semsplat_ros.networks.spatialsplat import (
    NoPoSplatNetwork,
    SpatialSplatNetwork,
    SplatConfig,
)

IMAGE_SIDE = 256
SIDE_MULTIPLE = 32
LANGUAGE_FILES = (
    "clip_vitb16.safetensors",
    "clip_vitb16.pt",
    "ViT-B-16.safetensors",
    "ViT-B-16.pt",
    "demo_e200.safetensors",
    "demo_e200.ckpt",
)
"""Looked for beside a SpatialSplat file, in this order: CLIP (the paper's Lite variant, and what
the published configuration names), then LSeg."""
LSEG_INSIDE = "encoder.language_extractor."
logger = logging.getLogger(__name__)
Network = TypeVar("Network", bound=nn.Module)


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
        SemsplatError: as :func:`semsplat_ros.families.checkpoints.read_checkpoint`; BAD_FILE for a
            file of another system; INVALID_ARGUMENT for a side that is no multiple of 32.

    """
    info, checkpoint = _open(path, "noposplat", sha256, image_size, Resampling.LANCZOS)
    network = load_new(NoPoSplatNetwork, checkpoint)
    return NoPoSplatModel(_placed(network, device, dtype), info)


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
    info, checkpoint = _open(path, "spatialsplat", sha256, image_size, Resampling.ALIGNED_BILINEAR)
    inside = {
        name.removeprefix(LSEG_INSIDE).removeprefix("net."): tensor
        for name, tensor in checkpoint.extras.items()
        if name.startswith(LSEG_INSIDE)
    }
    extractor, encoder = None, None
    if language_file is None and inside:
        extractor, encoder = _lseg(load_new(Lseg, inside), device, dtype)
    else:
        beside = (path.parent / name for name in LANGUAGE_FILES)
        file = language_file or next((f for f in beside if f.is_file()), None)
        if file is None:
            logger.warning(
                "%s is loaded without language: put one of %s beside it",
                path.name,
                ", ".join(LANGUAGE_FILES),
            )
        else:
            extractor, encoder = _language(file, device, dtype)
    network = _placed(load_new(SpatialSplatNetwork, checkpoint), device, dtype)
    return SpatialSplatModel(network, info, extractor, encoder, prune=prune)


def noposplat_by_rule(
    seed: int = 0,
    config: SplatConfig | None = None,
    image_size: tuple[int, int] = (IMAGE_SIDE, IMAGE_SIDE),
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> NoPoSplatModel:
    """NoPoSplat with weights made from names: for tests and timing, its scenes mean nothing."""
    with torch.device("meta"):
        network = NoPoSplatNetwork(config)
    return NoPoSplatModel(
        _placed(_filled(network, seed), torch.device(device), dtype),
        _rule_info("noposplat", image_size),
    )


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
    with torch.device("meta"):
        network, clip = SpatialSplatNetwork(config), Clip(clip_config)
    extractor, encoder = _clip(_filled(clip, seed), torch.device(device), dtype)
    return SpatialSplatModel(
        _placed(_filled(network, seed), torch.device(device), dtype),
        _rule_info("spatialsplat", image_size),
        extractor,
        encoder,
        prune=prune,
    )


def _open(
    path: Path, system: str, sha256: str, image_size: int, resampling: Resampling
) -> tuple[ModelInfo, Checkpoint]:
    side = image_size or IMAGE_SIDE
    if side < SIDE_MULTIPLE or side % SIDE_MULTIPLE:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"image size {image_size} given; {system} takes multiples of {SIDE_MULTIPLE} and was "
            f"trained with {IMAGE_SIDE}",
        )
    checkpoint = read_checkpoint(path, sha256)
    if checkpoint.system != system:
        raise SemsplatError(
            ErrorCode.BAD_FILE, f"{path.name} holds {checkpoint.system} and not {system}"
        )
    info = ModelInfo(
        name=system,
        checksum=(sha256.lower() or file_sha256(path))[:8],
        image_size=(side, side),
        metric=False,
        licence=checkpoint.licence,
        resampling=resampling,
    )
    return info, checkpoint


def _rule_info(name: str, image_size: tuple[int, int]) -> ModelInfo:
    return ModelInfo(name, "rule", image_size, metric=False, licence="Apache-2.0")


def _filled(network: Network, seed: int) -> Network:
    network.load_state_dict(rule_state(network.state_dict(), seed, SPLAT_RULE), assign=True)
    return network


def _placed(network: Network, device: torch.device, dtype: torch.dtype) -> Network:
    network = network.eval().requires_grad_(False).to(device)
    if dtype != torch.float32:
        set_compute_dtype(network, dtype)
    return network


def _language(
    file: Path, device: torch.device, dtype: torch.dtype
) -> tuple[LanguageExtractor, TextEncoder]:
    checkpoint = read_checkpoint(file)
    if checkpoint.system == "clip_vitb16":
        return _clip(load_new(Clip, checkpoint), device, dtype)
    if checkpoint.system == "lseg":
        return _lseg(load_new(Lseg, checkpoint), device, dtype)
    raise SemsplatError(
        ErrorCode.BAD_FILE,
        f"{file.name} holds {checkpoint.system}; SpatialSplat takes CLIP ViT-B/16 or LSeg",
    )


def _clip(
    clip: Clip, device: torch.device, dtype: torch.dtype
) -> tuple[LanguageExtractor, TextEncoder]:
    """Dense features on the device in its precision; text on the same weights of the text
    tower.
    """
    return _placed(clip.visual, device, dtype), ClipTextEncoder(clip.eval())


def _lseg(
    lseg: Lseg, device: torch.device, dtype: torch.dtype
) -> tuple[LanguageExtractor, TextEncoder]:
    lseg.drop_unused()
    encoder = ClipTextEncoder(lseg.clip_pretrained.eval())
    return _placed(lseg, device, dtype), encoder
