# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The embedded model `room`: its loss over the classes of the generated rooms, and its export."""

from dataclasses import asdict
from pathlib import Path

import torch
import yaml
from safetensors.torch import load_file, save_file
from torch import Tensor

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.photograph_network import PREFIX
from semsplat_ros.families.registry import shipped_config
from semsplat_ros.families.room import BANK
from semsplat_ros.language.minilm import MiniLM
from semsplat_ros.networks.compact import CompactConfig
from semsplat_ros.training.classes import class_bank, class_weights, object_classes
from semsplat_ros.training.losses import SEMANTIC_TEMPERATURE, CompactLoss
from semsplat_ros.training.shards import PairShards

IMAGE_SIZE = (128, 160)
MAX_WIDTH = 224
"""Of a calibrated rig's network image: 16:9. Trained on narrower ones; see the model card."""


def room_loss(data: Path) -> CompactLoss:
    """The loss for shards of generated rooms, over their classes; class weights come from a
    sample of them.
    """
    shards = PairShards(data)
    things = object_classes(shards.class_names)
    weights = class_weights(shards, things)
    return CompactLoss(class_bank(MiniLM(), shards.class_names), weights, things)


def initial_weights(path: Path) -> dict[str, Tensor]:
    """The network's tensors of an exported model as float32, for a run to start from."""
    return {
        name: value.float()
        for name, value in load_file(path).items()
        if name != BANK and not name.startswith(PREFIX)
    }


def export_room(run: Path, out: Path) -> list[str]:
    """Write `model.safetensors` (fp16, averaged weights and class bank) and `config.yaml`.

    Returns:
        What was written, a line each.

    Raises:
        SemsplatError: IO_ERROR if the run has no checkpoint.
    """
    checkpoint = Path(run) / "last.pt"
    if not checkpoint.exists():
        raise SemsplatError(ErrorCode.IO_ERROR, f"no checkpoint {checkpoint}; train first")
    state = torch.load(checkpoint, weights_only=True)
    tensors = {k: v.half().contiguous() for k, v in state["average"].items()}
    names = tuple(state["class_names"])
    tensors[BANK] = class_bank(MiniLM(), names).half().contiguous()
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    weights, config = out / "model.safetensors", out / "config.yaml"
    save_file(tensors, weights)
    # Thresholds that were calibrated for earlier weights are kept until they are measured again;
    # synonyms are those of the folder, or of the shipped model.
    shipped = shipped_config("room")
    previous = yaml.safe_load(config.read_text()) if config.exists() else {}
    content = {
        "family": "room",
        "licence": "Apache-2.0",
        "image_size": list(IMAGE_SIZE),
        "max_width": MAX_WIDTH,
        "sizes": asdict(CompactConfig(**state["sizes"])),
        "class_names": list(names),
        "synonyms": previous.get("synonyms", shipped["synonyms"]),
        "temperature": SEMANTIC_TEMPERATURE,
        "text_encoder": "minilm",
        "calibration": previous.get("calibration"),
        "training": {**state["training"], **state["progress"]},
    }
    content["sizes"]["widths"] = list(content["sizes"]["widths"])
    config.write_text(yaml.safe_dump(content, sort_keys=False))
    size = weights.stat().st_size / 1e6
    return [f"{weights}: {size:.1f} MB", f"{config}: step {state['progress']['step']}"]
