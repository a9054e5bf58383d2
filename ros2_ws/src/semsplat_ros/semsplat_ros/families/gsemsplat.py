# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""GSemSplat as a scene model: Splatt3R's Gaussians with two semantic fields."""

import time
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.base import LanguageKind, LanguageProfile, TextEncoder
from semsplat_ros.families.dust3r import PairModel, check_pair
from semsplat_ros.families.entry import ModelEntry
from semsplat_ros.families.fields.dual_branch import DualBranchSemantics, ProjectedField
from semsplat_ros.families.loading import (
    CLIP_FILES,
    first_beside,
    network_by_rule,
    network_from,
    open_upstream,
    rule_info,
)
from semsplat_ros.families.splatt3r import SIDE, pair_cameras, pair_gaussians, square_side
from semsplat_ros.families.splatt3r import SOURCE as SPLATT3R
from semsplat_ros.families.weights.checkpoints import (
    Checkpoint,
    file_sha256,
    load_new,
    read_checkpoint,
)
from semsplat_ros.families.weights.named_weights import DUST3R_RULE
from semsplat_ros.families.weights.sources import CLIP, WeightSource
from semsplat_ros.networks.clip.clip import Clip
from semsplat_ros.networks.clip.text_tower import ClipTextEncoder
from semsplat_ros.networks.croco import CrocoConfig
from semsplat_ros.networks.dpt import DptConfig
from semsplat_ros.networks.gsemsplat import GSemSplatNetwork, SemanticHeads, SemanticPair
from semsplat_ros.networks.splatt3r import Splatt3rNetwork
from semsplat_ros.scene import ModelInfo, Resampling, SemanticScene, Views

SPLATT3R_FILES = ("epoch=19-step=1200.ckpt", "splatt3r.safetensors", "splatt3r.ckpt")
"""Looked for beside a file of the heads."""
HEADS_PREFIX = "heads."
"""Of every name in a file of the heads."""
ENCODER_KEY = "text_encoder"
"""Entry of that file's metadata: the text encoder whose space the heads were trained in."""
SECOND_NAME = "scratch.layer_rn."
"""Of scratch.layerN_rn; safetensors refuses a tensor under two names."""
SOURCE = WeightSource(
    "gsemsplat",
    "none",
    "the GSemSplat paper",
    "no official weights are known; semantic heads are trained on a frozen Splatt3R file",
    True,
    "descends from Splatt3R's weights, CC BY-NC 4.0",
    short="as Splatt3R",
)


class GSemSplatModel(PairModel):
    """GSemSplat (GSemSplat paper).

    Args:
        network: in evaluation mode, on the device to run on.
        info: facts about it.
        text_encoder: of the space the heads were trained in; None: the perceiver loads `encoder`.
        encoder: name of the text encoder, see
            :func:`semsplat_ros.language.encoders.load_text_encoder`.
    """

    def __init__(
        self,
        network: GSemSplatNetwork,
        info: ModelInfo,
        text_encoder: TextEncoder | None = None,
        encoder: str = "",
    ) -> None:
        super().__init__(info)
        self.network = network
        self.text_encoder = text_encoder
        self.language = LanguageProfile(LanguageKind.OPEN, encoder=encoder)

    @property
    def device(self) -> torch.device:
        """Where predict runs."""
        return self.network.base.enc_norm.weight.device

    @torch.inference_mode()
    def predict(self, views: Views) -> SemanticScene:
        """One pass over a pair.

        Raises:
            SemsplatError: INVALID_ARGUMENT if it is no pair, or its size does not suit.
        """
        check_pair(views, self.info.name)
        start = time.perf_counter()
        images = (views.images * 2 - 1).to(self.device)
        pair = self.network(images[None])
        return self._assemble(
            views,
            pair_gaussians(pair.base),
            pair_cameras(pair.base, views),
            start,
            self._semantics(pair),
        )

    def _semantics(self, pair: SemanticPair) -> DualBranchSemantics:
        def both(branch: str) -> Tensor:
            maps = (getattr(m, branch)[0].flatten(0, 1) for m in pair.semantics)
            return torch.cat(list(maps))

        heads = self.network.heads
        return DualBranchSemantics(
            ProjectedField(both("region"), heads.region_projection),
            ProjectedField(both("context"), heads.context_projection),
        )


def load_gsemsplat(
    path: Path,
    device: torch.device,
    dtype: torch.dtype,
    *,
    sha256: str = "",
    image_size: int = 0,
) -> GSemSplatModel:
    """GSemSplat: a file of trained heads and Splatt3R's official file.

    Args:
        path: the heads, as :func:`save_heads` writes them; Splatt3R's file lies beside them,
            under one of `SPLATT3R_FILES`.
        device: where to run.
        dtype: compute type of the matrices.
        sha256: hex digest the heads' file must have, or "".
        image_size: side of the square network image; 0 = 512.

    Raises:
        SemsplatError: as :func:`semsplat_ros.families.splatt3r.load_splatt3r`, for either file;
        MODEL_NOT_LOADED if there is no
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
    base = first_beside(path, SPLATT3R_FILES)
    if base is None:
        raise SemsplatError(
            ErrorCode.MODEL_NOT_LOADED,
            f"GSemSplat needs Splatt3R's file beside {path.name}, under one of the names "
            f"{', '.join(SPLATT3R_FILES)}",
        )
    encoder_name = heads.metadata.get(ENCODER_KEY, "")
    encoder = None if encoder_name else _clip_text(path)
    network = _assembled(open_upstream(base, SPLATT3R), weights, device, dtype)
    info = ModelInfo(
        name="gsemsplat",
        checksum=(sha256.lower() or file_sha256(path))[:8],
        image_size=square_side(image_size),
        metric=True,
        licence=SOURCE.licence,
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
    tensors = {
        HEADS_PREFIX + name: tensor.detach().contiguous()
        for name, tensor in network.heads.state_dict().items()
        if SECOND_NAME not in name
    }
    save_file(tensors, path, metadata={ENCODER_KEY: text_encoder} if text_encoder else None)


def gsemsplat_by_rule(
    seed: int = 0,
    config: CrocoConfig | None = None,
    dpt: DptConfig | None = None,
    image_size: tuple[int, int] = (SIDE, SIDE),
    text_encoder: TextEncoder | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> GSemSplatModel:
    """GSemSplat with weights made from names: for tests and timing, its scenes mean nothing.

    The text encoder has dimension 512.
    """
    network = network_by_rule(
        lambda: GSemSplatNetwork(config, dpt), seed, DUST3R_RULE, torch.device(device), dtype
    )
    return GSemSplatModel(network, rule_info("gsemsplat", image_size, metric=True), text_encoder)


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
    return ClipTextEncoder(load_new(Clip, open_upstream(file, CLIP)).eval())


def _timed(image_size: int, device: torch.device, dtype: torch.dtype) -> GSemSplatModel:
    return gsemsplat_by_rule(image_size=square_side(image_size), device=device, dtype=dtype)


ENTRY = ModelEntry(
    name="gsemsplat",
    load=load_gsemsplat,
    source=SOURCE,
    with_named_weights=_timed,
    answers_words="yes",
    unit="metres, unverified",
    network_image="512 x 512",
    file="heads of your own training, Splatt3R's file beside them",
)
