# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""SpatialSplat and NoPoSplat from official files, or with weights made from names."""

import logging
from pathlib import Path

import torch

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.base import TextEncoder
from semsplat_ros.families.entry import ModelEntry
from semsplat_ros.families.loading import (
    CLIP_FILES,
    first_beside,
    info_of,
    network_by_rule,
    network_from,
    network_side,
    open_upstream,
    rule_info,
)
from semsplat_ros.families.splat_models import (
    LanguageExtractor,
    NoPoSplatModel,
    SpatialSplatModel,
)
from semsplat_ros.families.weights.checkpoints import read_checkpoint
from semsplat_ros.families.weights.named_weights import SPLAT_RULE
from semsplat_ros.families.weights.sources import NO_STATEMENT, WeightSource
from semsplat_ros.networks.clip.clip import Clip, ClipConfig
from semsplat_ros.networks.clip.text_tower import ClipTextEncoder
from semsplat_ros.networks.lseg import Lseg
from semsplat_ros.networks.spatialsplat import (
    NoPoSplatNetwork,
    SpatialSplatNetwork,
    SplatConfig,
)
from semsplat_ros.scene import Resampling

SPATIALSPLAT = WeightSource(
    "spatialsplat",
    "spatialsplat.ckpt",
    "the SpatialSplat project on GitHub",
    "Google Drive, id 1e4X0J_QyPQRFTLuta7gMrWUqVMf9vw_d, linked on the project page",
    True,
    f"{NO_STATEMENT}; descends from MASt3R's weights and research-only data",
    "the published configuration takes image semantics from CLIP ViT-B/16 (the paper's "
    "Lite variant), whose file is loaded separately",
)
NOPOSPLAT = WeightSource(
    "noposplat",
    "re10k.ckpt, acid.ckpt, mixRe10kDl3dv.ckpt, mixRe10kDl3dv_512x512.ckpt or re10k_3views.ckpt",
    "the NoPoSplat project on GitHub",
    "Hugging Face, botaoye/NoPoSplat",
    True,
    f"{NO_STATEMENT}; descends from MASt3R's weights and research-only data",
)
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
            BAD_FILE for a file of another model; INVALID_ARGUMENT for a side that is no multiple
            of 32.
    """
    size = _square(image_size, "NoPoSplat")
    checkpoint = open_upstream(path, NOPOSPLAT, sha256)
    network = network_from(NoPoSplatNetwork, checkpoint, device, dtype)
    return NoPoSplatModel(network, info_of(checkpoint, sha256, size))


def load_spatialsplat(
    path: Path,
    device: torch.device,
    dtype: torch.dtype,
    *,
    sha256: str = "",
    image_size: int = 0,
) -> SpatialSplatModel:
    """SpatialSplat from its official file.

    LSeg inside the file, else CLIP or LSeg beside it (:data:`LANGUAGE_FILES`) gives the language;
    without either the model has none, with a warning.

    Args:
        path: the file.
        device: where to run.
        dtype: compute type of the matrices.
        sha256: hex digest the file must have, or "".
        image_size: side of the square network image; 0 = 256, as it was trained.
        LSeg inside the file, else CLIP or LSeg beside it (`LANGUAGE_FILES`), gives the language;
        without either the model has none, with a warning.


    Raises:
        SemsplatError: as :func:`load_noposplat`, for either file.
    """
    size = _square(image_size, "SpatialSplat")
    checkpoint = open_upstream(path, SPATIALSPLAT, sha256)
    inside = {
        name.removeprefix(LSEG_INSIDE).removeprefix("net."): tensor
        for name, tensor in checkpoint.extras.items()
        if name.startswith(LSEG_INSIDE)
    }
    extractor, encoder = None, None
    if inside:
        extractor, encoder = _lseg(network_from(Lseg, inside, CPU, dtype), device)
    else:
        file = first_beside(path, LANGUAGE_FILES)
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
    return SpatialSplatModel(network, info, extractor, encoder)


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
) -> SpatialSplatModel:
    """SpatialSplat with CLIP, weights made from names: for tests and timing, its scenes mean
    nothing.

    The text encoder works if `clip_config` has CLIP's vocabulary.
    """
    target = torch.device(device)
    clip = network_by_rule(lambda: Clip(clip_config), seed, SPLAT_RULE, CPU, dtype)
    network = network_by_rule(lambda: SpatialSplatNetwork(config), seed, SPLAT_RULE, target, dtype)
    info = rule_info("spatialsplat", image_size)
    return SpatialSplatModel(network, info, *_clip(clip, target))


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


def _timed_spatialsplat(
    image_size: int, device: torch.device, dtype: torch.dtype
) -> SpatialSplatModel:
    size = _square(image_size, "SpatialSplat")
    return spatialsplat_by_rule(image_size=size, device=device, dtype=dtype)


def _timed_noposplat(image_size: int, device: torch.device, dtype: torch.dtype) -> NoPoSplatModel:
    size = _square(image_size, "NoPoSplat")
    return noposplat_by_rule(image_size=size, device=device, dtype=dtype)


SPATIALSPLAT_ENTRY = ModelEntry(
    name="spatialsplat",
    load=load_spatialsplat,
    source=SPATIALSPLAT,
    with_named_weights=_timed_spatialsplat,
    view_layouts=True,
    answers_words="yes",
    network_image="256 x 256",
    file="`spatialsplat.ckpt`, and CLIP or LSeg beside it",
)
NOPOSPLAT_ENTRY = ModelEntry(
    name="noposplat",
    load=load_noposplat,
    source=NOPOSPLAT,
    with_named_weights=_timed_noposplat,
    view_layouts=True,
    network_image="256 x 256, or 512 x 512",
    file="`re10k.ckpt` and others",
)
