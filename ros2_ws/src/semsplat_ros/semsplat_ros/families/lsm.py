# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Large Spatial Model as a scene model: two unposed views in, a semantic Gaussian scene out (LSM
paper).

The scale is unknown. Focal length and pose come from the predicted points, one pass: the published
demonstration runs DUSt3R again on the swapped pair and may then mix two scales.
"""

import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import torch

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.base import LanguageKind, LanguageProfile
from semsplat_ros.families.entry import ModelEntry
from semsplat_ros.families.fields.compressed_field import CompressedField
from semsplat_ros.families.loading import (
    info_of,
    network_by_rule,
    network_from,
    network_side,
    rule_info,
)
from semsplat_ros.families.weights.checkpoints import Checkpoint, file_sha256, read_checkpoint
from semsplat_ros.families.weights.named_weights import DUST3R_RULE
from semsplat_ros.families.weights.sources import NO_STATEMENT, WeightSource
from semsplat_ros.geometry.pair_cameras import MIN_CONFIDENCE
from semsplat_ros.geometry.point_cameras import cameras_from_points
from semsplat_ros.networks.clip.text_tower import ClipTextEncoder
from semsplat_ros.networks.lseg import SIDE_MULTIPLE
from semsplat_ros.networks.lsm import VIEWS, LsmConfig, LsmNetwork, LsmPrediction
from semsplat_ros.scene import (
    Gaussians,
    ModelInfo,
    Provenance,
    Scale,
    ScaleStatus,
    SemanticScene,
    Views,
)

NAME = "lsm"
SOURCE = WeightSource(
    "lsm",
    "checkpoint-final.pth",
    "the LSM project on GitHub, NVlabs/LSM",
    "Google Drive, id 1q57nbRJpPhrdf1m7XZTkBfUIskpgnbri, linked on the project page",
    True,
    f"{NO_STATEMENT}; descends from DUSt3R's weights and ScanNet data",
    "alone its fine-tuned DUSt3R and LSeg parts are used; the public demo takes "
    "DUSt3R's and LSeg's own files instead: put all three into one folder and name it",
)
IMAGE_SIZE = 256
"""Side of the square images it was trained at."""
WEIGHT_SUFFIXES = (".pth", ".ckpt", ".pt", ".safetensors")
PARTS = {"dust3r": "dust3r.dust3r.", "lseg": "lseg_feature_extractor."}
"""Systems inside an LSM file that a file of their own can replace, and where they are in it."""


class LsmModel:
    """A :class:`semsplat_ros.families.base.SceneModel`.

    Args:
        network: in evaluation mode, on the device to run on.
        info: facts about it.
    """

    def __init__(self, network: LsmNetwork, info: ModelInfo) -> None:
        self.network = network
        self.info = info
        self.language = LanguageProfile(LanguageKind.OPEN)
        self.text_encoder = ClipTextEncoder(network.lseg_feature_extractor.clip_pretrained)

    @property
    def device(self) -> torch.device:
        """Where predict runs."""
        return self.network.gaussian_head.gaussian_proj.weight.device

    @torch.inference_mode()
    def predict(self, views: Views) -> SemanticScene:
        """One pass over two views; the published renderer draws the first SH coefficient alone, so
        the scene holds no other.

        Raises:
            SemsplatError: INVALID_ARGUMENT unless there are two views of the model's size.
        """
        count, _, height, width = views.images.shape
        if count != VIEWS or (height, width) != self.info.image_size:
            expected = "x".join(str(side) for side in self.info.image_size)
            raise SemsplatError(
                ErrorCode.INVALID_ARGUMENT,
                f"{count} view(s) of {height}x{width} given; {self.info.name} takes {VIEWS} of "
                f"{expected} pixels (height x width)",
            )
        start = time.perf_counter()
        images = views.images.to(self.device)
        prediction = self.network((images * 2 - 1)[None])
        first, second = prediction.maps
        points = torch.cat([first.points, second.points])
        confident = torch.cat([first.confidence, second.confidence]) > MIN_CONFIDENCE
        return SemanticScene(
            gaussians=_gaussians(prediction, height * width),
            semantics=CompressedField(prediction.gaussians.features[0], *self.network.expansion()),
            instance_features=None,
            cameras=cameras_from_points(points, views, confident),
            scale=Scale(ScaleStatus.RELATIVE),
            images=views.images,
            crops=views.crops,
            provenance=Provenance(
                model=f"{self.info.name}-{self.info.checksum}",
                inference_seconds=time.perf_counter() - start,
                stamps_ns=views.prior.stamps_ns,
                frame=views.prior.frame,
            ),
        )


def _gaussians(prediction: LsmPrediction, pixels: int) -> Gaussians:
    """The Gaussians of the only scene."""
    (first, second), attributes = prediction
    points = torch.cat([first.points, second.points]).flatten(0, 2)
    return Gaussians(
        means=points,
        scales=attributes.scales[0],
        quats_wxyz=attributes.quats_wxyz[0],
        opacities=attributes.opacities[0],
        sh=attributes.sh[0, :, :1],
        view=torch.arange(VIEWS, device=points.device).repeat_interleave(pixels),
        pixel=torch.arange(pixels, device=points.device).repeat(VIEWS),
        confidences=torch.cat([first.confidence, second.confidence]).flatten(),
    )


def load_lsm(
    path: Path,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    *,
    sha256: str = "",
    image_size: int = 0,
) -> LsmModel:
    """Load LSM.

    Args:
        path: LSM's file, whose fine-tuned DUSt3R and LSeg weights are then used; or a folder that
            holds it and DUSt3R's file, LSeg's file or both, which then replace those parts. With
            both the model is that of the published demonstration.
        device: where to run.
        dtype: number format of the large networks.
        sha256: 64 hex digits that LSM's file must have, or "".
        image_size: side of the square network image, a multiple of 32; 0 = 256, as it was trained.

    Raises:
        SemsplatError: IO_ERROR, BAD_FILE for the files; INVALID_ARGUMENT for the image size.
    """
    side = network_side(image_size, SIDE_MULTIPLE, IMAGE_SIZE, "LSM")
    merged = merge_checkpoints(read_checkpoint(file) for file in _weight_files(path))
    digest = file_sha256(merged.path)
    if sha256 and digest != sha256.lower():
        raise SemsplatError(
            ErrorCode.BAD_FILE, f"{merged.path.name} has sha256 {digest}, expected {sha256}"
        )
    network = network_from(LsmNetwork, merged, device, dtype)
    return _model(network, info_of(merged, digest, (side, side)))


def lsm_by_rule(
    seed: int = 0,
    config: LsmConfig | None = None,
    image_size: tuple[int, int] = (IMAGE_SIZE, IMAGE_SIZE),
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> LsmModel:
    """LSM with weights made from names: for tests and timing, its scenes mean nothing.

    The text encoder works if the configuration has CLIP's vocabulary.
    """
    network = network_by_rule(
        lambda: LsmNetwork(config), seed, DUST3R_RULE, torch.device(device), dtype
    )
    return _model(network, rule_info(NAME, image_size))


def _model(network: LsmNetwork, info: ModelInfo) -> LsmModel:
    network.lseg_feature_extractor.drop_unused()
    return LsmModel(network, info)


def merge_checkpoints(found: Iterable[Checkpoint]) -> Checkpoint:
    """LSM's checkpoint with the parts that have a file of their own replaced by it.

    Raises:
        SemsplatError: BAD_FILE if LSM's file is missing or there twice, or one of the files is not
            what its system needs.
    """
    by_system: dict[str, Checkpoint] = {}
    for checkpoint in found:
        other = by_system.setdefault(checkpoint.system, checkpoint)
        if other is not checkpoint:
            raise SemsplatError(
                ErrorCode.BAD_FILE,
                f"{other.path.name} and {checkpoint.path.name} are both of {checkpoint.system}; "
                "leave one of them in the folder",
            )
    if NAME not in by_system:
        names = ", ".join(f"{c.path.name} ({system})" for system, c in by_system.items())
        raise SemsplatError(
            ErrorCode.BAD_FILE, f"no LSM weights among {names or 'no weights files'}"
        )
    base = by_system[NAME]
    tensors = dict(base.tensors)
    for system, prefix in PARTS.items():
        if system in by_system:
            kept = {n: t for n, t in tensors.items() if not n.startswith(prefix)}
            part = by_system[system].tensors
            tensors = kept | {prefix + n: t for n, t in part.items()}
    return replace(base, tensors=tensors, licence=SOURCE.licence)


def _weight_files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(p for p in path.iterdir() if p.suffix in WEIGHT_SUFFIXES)


def _timed(image_size: int, device: torch.device, dtype: torch.dtype) -> LsmModel:
    side = network_side(image_size, SIDE_MULTIPLE, IMAGE_SIZE, "LSM")
    return lsm_by_rule(image_size=(side, side), device=device, dtype=dtype)


ENTRY = ModelEntry(
    name=NAME,
    load=load_lsm,
    source=SOURCE,
    with_named_weights=_timed,
    answers_words="yes",
    network_image="256 x 256",
    file="`checkpoint-final.pth`, or a folder",
)
