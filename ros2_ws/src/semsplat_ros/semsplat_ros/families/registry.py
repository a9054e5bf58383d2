# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A name to a loaded model: the shipped ones by folder, the upstream systems by a file the user
has."""

import hashlib
import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
import yaml
from safetensors.torch import load_file

from semsplat_ros.cpu_threads import network_threads
from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.base import Calibration, LanguageKind, LanguageProfile, SceneModel
from semsplat_ros.families.room import STEREO_FACTOR, RoomModel
from semsplat_ros.families.weights.checkpoints import load_new
from semsplat_ros.networks.compact import STRIDE, CompactConfig, CompactNetwork
from semsplat_ros.scene import ModelInfo, ViewLayout

BANK = "class_embeddings"
PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
LAYOUT_CHOICE = ("spatialsplat", "noposplat")
UPSTREAM = ("spatialsplat", "noposplat", "lsm", "dust3r", "mast3r", "splatt3r", "gsemsplat")


@runtime_checkable
class HasLayouts(Protocol):
    """A model that can read more than two views in several ways."""

    view_layout: ViewLayout


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
        name: a shipped model, or "spatialsplat", "noposplat", "lsm", "splatt3r", "gsemsplat".
        checkpoint: weights file; must be given for the upstream systems. For a shipped model it
            replaces the weights in its folder.
        device: "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:N"; the latter never fall
            back.
        precision: "auto", "fp32", "fp16" or "bf16".
        sha256: 64 hex digits the file must have, or "".
        image_size: side of the network image in pixels where a model can choose, 0 = as it was
            trained.
        view_layout: how SpatialSplat and NoPoSplat read more than two views; the others have no
            choice.
        threads: PyTorch's, in this process; 0 = all cores for an upstream system on the CPU, half
            of them, at most 4, otherwise, and no more than OMP_NUM_THREADS; see
            :func:`semsplat_ros.cpu_threads.network_threads`.

    Raises:
        SemsplatError: INVALID_ARGUMENT for an unknown name, device or precision; MODEL_NOT_LOADED
            if an upstream system has no checkpoint; IO_ERROR, BAD_FILE for the file.
    """
    if view_layout is not ViewLayout.SEPARATE and name not in LAYOUT_CHOICE:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"view layout '{view_layout}' was given for model '{name}', which has only one; "
            f"{' and '.join(LAYOUT_CHOICE)} have a choice",
        )
    target = choose_device(device)
    # Beside a network on a GPU only small operators are left to the CPU.
    small = name not in UPSTREAM or target.type != "cpu"
    torch.set_num_threads(threads or network_threads(small))
    if name in UPSTREAM:
        model = _load_upstream(name, checkpoint, target, precision, sha256, image_size)
        if isinstance(model, HasLayouts):
            model.view_layout = view_layout
        return model
    if name not in shipped_models():
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"there is no model '{name}'; shipped: {', '.join(shipped_models())}; "
            f"with a file of yours: {', '.join(UPSTREAM)}",
        )
    if image_size:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"model '{name}' has its own image sizes; leave model.image_size 0",
        )
    folder = model_directory() / name
    weights = Path(checkpoint).expanduser() if checkpoint else folder / "model.safetensors"
    return _load_room(name, folder / "config.yaml", weights, target, precision, sha256)


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


def _load_room(
    name: str, config_path: Path, weights: Path, device: torch.device, precision: str, sha256: str
) -> RoomModel:
    config = yaml.safe_load(config_path.read_text())
    if not weights.is_file():
        raise SemsplatError(ErrorCode.IO_ERROR, f"there is no weights file {weights}")
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    if sha256 and digest != sha256.lower():
        raise SemsplatError(
            ErrorCode.BAD_FILE, f"{weights} has sha256 {digest}, model.sha256 says {sha256}"
        )
    try:
        tensors = load_file(weights)
    except Exception as error:  # safetensors raises its own type without a public base
        raise SemsplatError(
            ErrorCode.BAD_FILE, f"{weights} is no safetensors file: {error}"
        ) from error
    bank = tensors.pop(BANK, None)
    if bank is None or len(bank) != len(config["class_names"]):
        raise SemsplatError(ErrorCode.BAD_FILE, f"{weights} does not hold the classes of '{name}'")
    sizes = {**config["sizes"], "widths": tuple(config["sizes"]["widths"])}
    network = load_new(lambda: CompactNetwork(CompactConfig(**sizes)), tensors).float()
    points = config.get("calibration")
    language = LanguageProfile(
        kind=LanguageKind.CLOSED_SET,
        encoder=config["text_encoder"],
        class_names=tuple(config["class_names"]),
        class_embeddings=torch.nn.functional.normalize(bank.float(), dim=-1),
        temperature=float(config["temperature"]),
        calibration=Calibration(tuple(points["raw"]), tuple(points["calibrated"]))
        if points
        else None,
    )
    height, width = config["image_size"]
    max_width = config.get("max_width", 0)
    if height % STRIDE or width % STRIDE or max_width % STRIDE:
        raise SemsplatError(
            ErrorCode.BAD_FILE, f"{config_path}: image_size and max_width must be multiples of 16"
        )
    info = ModelInfo(
        name=name,
        checksum=digest[:8],
        image_size=(height, width),
        metric=True,
        licence=config["licence"],
        stereo_factor=STEREO_FACTOR,
        max_width=max_width,
    )
    dtype = choose_precision(precision, device)
    return RoomModel(network.to(device), info, language, dtype)


def _load_upstream(
    name: str, checkpoint: str, device: torch.device, precision: str, sha256: str, image_size: int
) -> SceneModel:
    if not checkpoint:
        raise SemsplatError(
            ErrorCode.MODEL_NOT_LOADED,
            f"model '{name}' needs model.checkpoint, a file that is not shipped and never "
            f"downloaded; `semsplat weights where {name}` says where to get it and under which "
            "terms",
        )
    load: Callable[..., SceneModel] = _upstream_loader(name)
    dtype = choose_precision(precision, device)
    return load(Path(checkpoint).expanduser(), device, dtype, sha256=sha256, image_size=image_size)


def _upstream_loader(name: str) -> Callable[..., SceneModel]:
    """The loader of a system; imported here so that the embedded model starts without the rest."""
    module = "pair_loading"
    if name in ("spatialsplat", "noposplat"):
        module = "splat_loading"
    elif name == "lsm":
        module = "lsm"
    return getattr(importlib.import_module(f"semsplat_ros.families.{module}"), f"load_{name}")
