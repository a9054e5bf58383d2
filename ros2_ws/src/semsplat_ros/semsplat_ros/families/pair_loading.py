# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""DUSt3R, MASt3R, Splatt3R and GSemSplat from files, or with weights made from names."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.base import TextEncoder
from semsplat_ros.families.dust3r import PATCH, Dust3rModel
from semsplat_ros.families.gsemsplat import GSemSplatModel
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
from semsplat_ros.families.splatt3r import Splatt3rModel
from semsplat_ros.families.weights.checkpoints import (
    Checkpoint,
    file_sha256,
    load_new,
    read_checkpoint,
)
from semsplat_ros.families.weights.named_weights import DUST3R_RULE
from semsplat_ros.families.weights.sources import WEIGHT_SOURCES
from semsplat_ros.networks.clip.clip import Clip
from semsplat_ros.networks.clip.text_tower import ClipTextEncoder
from semsplat_ros.networks.croco import CrocoConfig
from semsplat_ros.networks.dpt import DptConfig
from semsplat_ros.networks.dust3r import Dust3rNetwork, Mast3rNetwork
from semsplat_ros.networks.gsemsplat import GSemSplatNetwork, SemanticHeads
from semsplat_ros.networks.splatt3r import Splatt3rNetwork
from semsplat_ros.scene import ModelInfo, Resampling

DUST3R_SIDE = 512
SQUARE_SIDE = 224
"""DUSt3R's small training size; its images were square, those of 512 were 4:3."""
SPLATT3R_FILES = ("epoch=19-step=1200.ckpt", "splatt3r.safetensors", "splatt3r.ckpt")
"""Looked for beside a file of GSemSplat's heads."""
HEADS_PREFIX = "heads."
"""Of every name in a file of GSemSplat's heads."""
ENCODER_KEY = "text_encoder"
"""Entry of that file's metadata: the text encoder whose space the heads were trained in."""


def load_dust3r(
    path: Path,
    device: torch.device,
    dtype: torch.dtype,
    *,
    sha256: str = "",
    image_size: int = 0,
    symmetric: bool = False,
) -> Dust3rModel:
    """DUSt3R from its official file.

    Args:
        path: the file.
        device: where to run.
        dtype: compute type of the matrices.
        sha256: hex digest the file must have, or "".
        image_size: longer side of the network image, which has the shape of the images, but 224
            is square; 0 = 512.
        symmetric: see :class:`semsplat_ros.families.dust3r.Dust3rModel`.

    Raises:
        SemsplatError: as :func:`semsplat_ros.families.weights.checkpoints.read_checkpoint`;
        BAD_FILE for a
            file of another system; INVALID_ARGUMENT for a side that is no multiple of 16.
    """
    checkpoint = open_system(path, "dust3r", sha256)
    network = network_from(Dust3rNetwork, checkpoint, device, dtype)
    info = info_of(checkpoint, sha256, **_image(dust3r_size(image_size)))
    return Dust3rModel(network, info, symmetric)


def load_mast3r(
    path: Path,
    device: torch.device,
    dtype: torch.dtype,
    *,
    sha256: str = "",
    image_size: int = 0,
    symmetric: bool = False,
) -> Dust3rModel:
    """MASt3R from its official metric file; see :func:`load_dust3r`. Its points are metres."""
    checkpoint = open_system(path, "mast3r", sha256)
    network = network_from(Mast3rNetwork, checkpoint, device, dtype)
    info = info_of(checkpoint, sha256, metric=True, **_image(dust3r_size(image_size)))
    return Dust3rModel(network, info, symmetric)


def load_splatt3r(
    path: Path,
    device: torch.device,
    dtype: torch.dtype,
    *,
    sha256: str = "",
    image_size: int = 0,
) -> Splatt3rModel:
    """Splatt3R from its official file; see :func:`load_dust3r`. Images are square, 0 = 512."""
    checkpoint = open_system(path, "splatt3r", sha256)
    network = network_from(Splatt3rNetwork, checkpoint, device, dtype)
    return Splatt3rModel(network, info_of(checkpoint, sha256, _square(image_size), metric=True))


def load_gsemsplat(
    path: Path,
    device: torch.device,
    dtype: torch.dtype,
    *,
    sha256: str = "",
    image_size: int = 0,
    base_file: Path | None = None,
) -> GSemSplatModel:
    """GSemSplat: a file of trained heads and Splatt3R's official file.

    Args:
        path: the heads, as :func:`save_heads` writes them.
        device: where to run.
        dtype: compute type of the matrices.
        sha256: hex digest the heads' file must have, or "".
        image_size: side of the square network image; 0 = 512.
        base_file: Splatt3R's file; None: one of `SPLATT3R_FILES` beside the heads.

    Raises:
        SemsplatError: as :func:`load_dust3r`, for either file; MODEL_NOT_LOADED if there is no
            file of Splatt3R; NO_LANGUAGE_MODEL if the heads name no text encoder and no CLIP file
            is beside.
    """
    heads = read_checkpoint(path, sha256)
    weights = {
        name.removeprefix(HEADS_PREFIX): tensor
        for name, tensor in heads.tensors.items()
        if name.startswith(HEADS_PREFIX)
    }
    if not weights:
        raise SemsplatError(
            ErrorCode.BAD_FILE,
            f"{path.name} holds {heads.system} and no semantic heads of GSemSplat; "
            "for Splatt3R alone set model.name to splatt3r",
        )
    base = base_file or first_beside(path, SPLATT3R_FILES)
    if base is None:
        raise SemsplatError(
            ErrorCode.MODEL_NOT_LOADED,
            f"GSemSplat needs Splatt3R's file beside {path.name}, under one of the names "
            f"{', '.join(SPLATT3R_FILES)}",
        )
    encoder_name = heads.metadata.get(ENCODER_KEY, "")
    encoder = None if encoder_name else _clip_text(path)
    network = _assembled(open_system(base, "splatt3r"), weights, device, dtype)
    info = ModelInfo(
        name="gsemsplat",
        checksum=(sha256.lower() or file_sha256(path))[:8],
        image_size=_square(image_size),
        metric=True,
        licence=WEIGHT_SOURCES["gsemsplat"].licence,
        resampling=Resampling.LANCZOS,
    )
    return GSemSplatModel(network, info, encoder, encoder_name)


def save_heads(network: GSemSplatNetwork, path: Path, text_encoder: str) -> None:
    """Write the trained part of GSemSplat, without Splatt3R's weights, as safetensors.

    Args:
        network: its heads are written.
        path: the file.
        text_encoder: name of the encoder the heads were trained for, as in
            :func:`semsplat_ros.language.encoders.load_text_encoder`; "" if CLIP lies beside.
    """
    aliases = (
        "scratch.layer_rn.",
    )  # second names of scratch.layerN_rn, which safetensors refuses
    tensors = {
        HEADS_PREFIX + name: tensor.detach().contiguous()
        for name, tensor in network.heads.state_dict().items()
        if not any(alias in name for alias in aliases)
    }
    save_file(tensors, path, metadata={ENCODER_KEY: text_encoder} if text_encoder else None)


def by_rule(
    name: str,
    seed: int = 0,
    config: CrocoConfig | None = None,
    dpt: DptConfig | None = None,
    image_size: tuple[int, int] = (DUST3R_SIDE, DUST3R_SIDE),
    text_encoder: TextEncoder | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Dust3rModel | Splatt3rModel | GSemSplatModel:
    """A model with weights made from names: for tests and timing, its scenes mean nothing.

    Args:
        name: "dust3r", "mast3r", "splatt3r" or "gsemsplat".
        seed: of the weights.
        config: sizes of the transformer.
        dpt: sizes of the heads.
        image_size: height and width of the network image.
        text_encoder: for GSemSplat; of dimension 512.
        device: where to run.
        dtype: compute type of the matrices.
    """
    networks = {
        "dust3r": Dust3rNetwork,
        "mast3r": Mast3rNetwork,
        "splatt3r": Splatt3rNetwork,
        "gsemsplat": GSemSplatNetwork,
    }
    network = network_by_rule(
        lambda: networks[name](config, dpt), seed, DUST3R_RULE, torch.device(device), dtype
    )
    image = _image(image_size) if name in ("dust3r", "mast3r") else {"image_size": image_size}
    info = rule_info(name, metric=name != "dust3r", **image)
    if name == "gsemsplat":
        return GSemSplatModel(network, info, text_encoder)
    return (Splatt3rModel if name == "splatt3r" else Dust3rModel)(network, info)


def dust3r_size(side: int) -> tuple[int, int]:
    """Height and width of DUSt3R's network image of a landscape image for a longer side; 0 =
    512.

    Raises:
        SemsplatError: INVALID_ARGUMENT for a side that is no multiple of 16.
    """
    width = network_side(side, PATCH, DUST3R_SIDE, "DUSt3R")
    if width == SQUARE_SIDE:
        return width, width
    return max(round(0.75 * width / PATCH), 2) * PATCH, width


def _image(image_size: tuple[int, int]) -> dict[str, Any]:
    """How DUSt3R's and MASt3R's images are loaded: square where the network image is, else whole
    as far as patches go.
    """
    return {"image_size": image_size, "keep_shape": image_size[0] != image_size[1]}


def _square(side: int) -> tuple[int, int]:
    side = network_side(side, PATCH, DUST3R_SIDE, "Splatt3R")
    return side, side


def _assembled(
    base: Checkpoint, heads: dict[str, Tensor], device: torch.device, dtype: torch.dtype
) -> GSemSplatNetwork:
    """Base and heads loaded one after the other, each strictly."""
    channels = heads.get("region_projection.hidden.weight")
    width = heads.get("region_projection.out.weight")
    if channels is None or width is None or channels.ndim != 2 or width.ndim != 2:
        raise SemsplatError(
            ErrorCode.BAD_FILE, "the file of heads holds no region_projection of two matrices"
        )
    sizes = (channels.shape[1], width.shape[0])
    parts = network_from(lambda: SemanticHeads(None, *sizes), heads, device, dtype)
    with torch.device("meta"):
        network = GSemSplatNetwork(None, None, *sizes)
    network.heads = parts
    network.base = network_from(Splatt3rNetwork, base, device, dtype)
    return network.eval()


def _clip_text(path: Path) -> TextEncoder:
    file = first_beside(path, CLIP_FILES)
    if file is None:
        raise SemsplatError(
            ErrorCode.NO_LANGUAGE_MODEL,
            f"{path.name} names no text encoder and none of {', '.join(CLIP_FILES)} is beside it",
        )
    return ClipTextEncoder(load_new(Clip, open_system(file, "clip_vitb16")).eval())
