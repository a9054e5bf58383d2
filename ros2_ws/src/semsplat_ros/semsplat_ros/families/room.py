# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The embedded model: SpatialSplat's representation on the compact two-view network.

What is SpatialSplat's: fine per-pixel Gaussians with instance vectors and an importance that
selects among them, semantics uncompressed on a coarser grid. What is ours: the backbone, metric
depth, row matching where a rig is calibrated, and an importance that is computed from geometry: a
Gaussian of the second view whose point the first view shows already is redundant.
"""

import hashlib
import math
import time
from pathlib import Path

import numpy as np
import torch
import yaml
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.base import Calibration, LanguageKind, LanguageProfile, TextEncoder
from semsplat_ros.families.entry import ModelEntry
from semsplat_ros.families.fields.coarse_field import CoarseField
from semsplat_ros.families.photograph_network import (
    PREFIX,
    PhotographNetwork,
    load_photograph_network,
)
from semsplat_ros.families.room_merging import MergedViews, PairPrediction, merge_pairs
from semsplat_ros.families.weights.checkpoints import load_new
from semsplat_ros.geometry.depth_fusion import fuse_log_depth
from semsplat_ros.geometry.match_pose import pose_from_matches
from semsplat_ros.geometry.rays import default_intrinsics, pixel_rays, unproject
from semsplat_ros.geometry.spherical_harmonics import dc_from_colour
from semsplat_ros.geometry.stereo import inverse_depth_cue
from semsplat_ros.networks.compact import (
    STRIDE,
    CompactConfig,
    CompactNetwork,
    CompactPrediction,
    network_input,
)
from semsplat_ros.scene import (
    Cameras,
    Gaussians,
    ModelInfo,
    Provenance,
    Scale,
    ScaleStatus,
    SemanticScene,
    Views,
)

BANK = "class_embeddings"
"""Name of the class embeddings in a weights file."""
STEREO_FACTOR = 2
FOOTPRINT = 0.6
"""Standard deviation of a Gaussian in pixels: neighbours close the surface, nothing is blurred."""
ERROR_SCALE = 0.2
"""Expected relative depth error at which a Gaussian is half transparent."""
REDUNDANT = 0.06
"""Relative depth difference up to which the first view shows the same point."""
MATCH_CONFIDENCE = 0.02


class RoomModel:
    """A :class:`semsplat_ros.families.base.SceneModel`.

    Args:
        network: with weights, on its device.
        info: facts; its image size is the network image.
        language: the class bank the semantics were trained against.
        dtype: compute type of the network; geometry is float32 always.
        photographs: second network, which knows some of the classes from photographs.
    """

    def __init__(
        self,
        network: CompactNetwork,
        info: ModelInfo,
        language: LanguageProfile,
        dtype: torch.dtype = torch.float32,
        photographs: PhotographNetwork | None = None,
    ) -> None:
        self._network = network.eval().to(memory_format=torch.channels_last)
        self._info, self._language, self._dtype = info, language, dtype
        self._photographs = photographs
        self._basis, self._into_basis = _text_basis(network.text_projection)

    @property
    def info(self) -> ModelInfo:
        """Facts about the model."""
        return self._info

    @property
    def text_encoder(self) -> TextEncoder | None:
        """None: the profile names the encoder."""
        return None

    @property
    def language(self) -> LanguageProfile:
        """How text is compared with the semantics."""
        return self._language

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self._network.parameters()).device

    @torch.inference_mode()
    def predict(self, views: Views) -> SemanticScene:
        """One pass for a pair; two where intrinsics are unknown: the first finds the focal length.

        More than two views are pairs of the first view with each of the others, merged over the
        first view (:mod:`semsplat_ros.families.room_merging`).

        Raises:
            SemsplatError: INVALID_ARGUMENT unless there are at least two views of the model's
                size.
        """
        self._check(views)
        started = time.perf_counter()
        images = views.images.to(self.device)
        intrinsics = views.intrinsics
        if intrinsics is None:
            intrinsics = self._estimate_intrinsics(images)
        pairs = [self._pair(views, images, intrinsics, other) for other in range(1, len(views))]
        merged = merge_pairs(pairs)
        gaussians = _gaussians(images, merged, intrinsics.to(images))
        fine = F.interpolate(
            merged.instances, images.shape[-2:], mode="bilinear", align_corners=False
        )
        evidence = self._photographs and self._photographs(views, images)
        seconds = time.perf_counter() - started
        return SemanticScene(
            gaussians=gaussians,
            semantics=CoarseField(
                semantics=merged.semantics,
                basis=self._basis,
                instances=merged.instances,
                image_size=tuple(images.shape[-2:]),
                view=gaussians.view,
                pixel=gaussians.pixel,
                evidence=evidence,
                evidence_classes=self._photographs.classes if self._photographs else (),
            ),
            instance_features=F.normalize(fine, dim=1).permute(0, 2, 3, 1).flatten(0, 2),
            cameras=Cameras(
                merged.first_from_view, intrinsics, views.intrinsics_source, merged.failed
            ),
            scale=merged.scale,
            images=images,
            crops=views.crops,
            provenance=Provenance(
                model=f"{self._info.name}-{self._info.checksum}",
                inference_seconds=seconds,
                stamps_ns=views.prior.stamps_ns,
                frame=views.prior.frame,
            ),
        )

    def _pair(
        self,
        views: Views,
        images: Float[Tensor, "v 3 h w"],
        intrinsics: Float[Tensor, "v 3 3"],
        other: int,
    ) -> PairPrediction:
        """What the network says of the first view and another one."""
        both = [0, other]
        rays = pixel_rays(intrinsics[both].to(images), *images.shape[-2:])
        baseline = views.prior.rectified_baseline if other == 1 else None
        cue = self._cue(views, intrinsics, baseline)
        prediction = self._run(images[both], rays, 1.0, baseline, cue)
        log_depth = fuse_log_depth(
            prediction.unaided_log_depth, -cue.clamp_min(1e-3).log(), prediction.cue_trust
        )
        points = unproject(log_depth.exp(), rays)
        first_from_other, scale = self._pose(prediction, points, rays, baseline)
        return PairPrediction(
            points=points,
            first_from_other=first_from_other,
            scale=scale,
            log_error=prediction.log_error,
            instances=F.normalize(prediction.instance, dim=1),
            semantics=self._semantics(prediction),
        )

    def _check(self, views: Views) -> None:
        height, least = self._info.image_size
        widths = range(least, max(least, self._info.max_width) + 1, STRIDE)
        count, *size, width = views.images.shape
        if count < 2 or size != [3, height] or width not in widths:
            raise SemsplatError(
                ErrorCode.INVALID_ARGUMENT,
                f"model {self._info.name} takes two or more images of {height} pixels by one of "
                f"{[*widths]}, got {tuple(views.images.shape)}; let Perceiver.prepare make them",
            )

    def _run(
        self,
        images: Float[Tensor, "2 3 h w"],
        rays: Float[Tensor, "2 2 h w"],
        intrinsics_known: float,
        baseline: float | None,
        cue: Float[Tensor, "2 h w"],
    ) -> CompactPrediction:
        known = images.new_tensor([intrinsics_known])
        x = network_input(images, rays, known, images.new_tensor([baseline or 0.0]), cue)
        x = x.contiguous(memory_format=torch.channels_last)
        autocast = self._dtype != torch.float32
        with torch.autocast(images.device.type, self._dtype, enabled=autocast):
            return self._network(x)

    def _estimate_intrinsics(self, images: Float[Tensor, "v 3 h w"]) -> Float[Tensor, "v 3 3"]:
        """A first pass with a default camera; the network says what it really was.

        Of several pairs the middle of what they say: all views are taken for one make of camera.
        """
        height, width = images.shape[-2:]
        start = default_intrinsics(height, width).to(images)
        rays = pixel_rays(start.expand(2, 3, 3), height, width)
        unknown = images.new_zeros(2, height, width)
        log_focals = []
        for other in range(1, len(images)):
            prediction = self._run(images[[0, other]], rays, 0.0, None, unknown)
            log_focals.append(prediction.log_focal)
        intrinsics = start.repeat(len(images), 1, 1)
        of_first = torch.stack([pair[0] for pair in log_focals]).median()
        focal = height * torch.stack([of_first, *(pair[1] for pair in log_focals)]).exp()
        intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = focal
        return intrinsics

    def _cue(
        self, views: Views, intrinsics: Float[Tensor, "v 3 3"], baseline: float | None
    ) -> Float[Tensor, "2 h w"]:
        """Inverse depth from row matching where the pair is calibrated, else zeros."""
        if baseline is None or views.stereo_images is None:
            return torch.zeros_like(views.images[:2, 0]).to(self.device)
        finer_images = (
            (views.stereo_images * 255.0).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        )
        finer = intrinsics[:2].cpu().numpy().astype(np.float32)
        finer[:, :2] *= STEREO_FACTOR
        cue = inverse_depth_cue(
            finer_images[0],
            finer_images[1],
            finer[0],
            baseline,
            STEREO_FACTOR,
            float(finer[0, 0, 2] - finer[1, 0, 2]),
        )
        return torch.from_numpy(cue).to(self.device)

    def _pose(
        self,
        prediction: CompactPrediction,
        points: Float[Tensor, "2 3 h w"],
        rays: Float[Tensor, "2 2 h w"],
        baseline: float | None,
    ) -> tuple[Float[Tensor, "4 4"], Scale]:
        """first_from_second: the rig's, or from the matches; and what the positions are worth."""
        pose = torch.eye(4, device=points.device)
        if baseline is not None:
            pose[0, 3] = baseline
            return pose, Scale(ScaleStatus.BASELINE)
        found = pose_from_matches(*_correspondences(prediction, points, rays))
        if found is None:
            # Depth is metric for each view alone; the second view's place is not known.
            return pose, Scale(ScaleStatus.UNKNOWN)
        return torch.from_numpy(found).to(pose), Scale(ScaleStatus.MODEL)

    def _semantics(self, prediction: CompactPrediction) -> Float[Tensor, "2 k hc wc"]:
        """The projection to the text space, normalised, in coordinates of the basis."""
        matrix, offset = self._into_basis
        inside = prediction.semantic.permute(0, 2, 3, 1) @ matrix.T + offset
        return F.normalize(inside, dim=-1).permute(0, 3, 1, 2)


def _text_basis(
    projection: nn.Linear,
) -> tuple[Float[Tensor, "d k"], tuple[Float[Tensor, "k s"], Float[Tensor, " k"]]]:
    """An orthonormal basis of all that a projection can give, and the projection into the basis.

    With Q R = [W b], W x + b = Q (R [x, 1]): the vector and its coordinates have one length.
    """
    columns = torch.cat([projection.weight, projection.bias[:, None]], 1).detach().double()
    basis, into = torch.linalg.qr(columns)
    return basis.float(), (into[:, :-1].float().contiguous(), into[:, -1].float().contiguous())


def _correspondences(
    prediction: CompactPrediction, points: Float[Tensor, "2 3 h w"], rays: Float[Tensor, "2 2 h w"]
) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n 2"]]:
    """Points of the first view with their rays in the second, from the matches of both
    directions."""
    matches = prediction.matches
    confidence = matches.confidence.prod(1).flatten(1)
    cells = points[:, :, 2::4, 2::4].flatten(2)
    # Second view's cells, looked up in the first view's point map at the place of the match.
    place = matches.rays[1].flatten(1).T
    corner, far = rays[0, :, 0, 0], rays[0, :, -1, -1]
    grid = (place - corner) / (far - corner) * 2 - 1
    seen = F.grid_sample(
        points[:1], grid[None, None], mode="nearest", padding_mode="border", align_corners=True
    )[0, :, 0]
    ahead = cells[0], matches.rays[0].flatten(1)
    back = seen, rays[1, :, 2::4, 2::4].flatten(1)
    both = [torch.cat([a, b], 1).T for a, b in zip(ahead, back, strict=True)]
    sure = (confidence.flatten() > MATCH_CONFIDENCE).cpu().numpy()
    return both[0].cpu().numpy()[sure], both[1].cpu().numpy()[sure]


def _gaussians(
    images: Float[Tensor, "v 3 h w"], merged: MergedViews, intrinsics: Float[Tensor, "v 3 3"]
) -> Gaussians:
    views, _, height, width = images.shape
    count = height * width
    poses = merged.first_from_view
    means = [
        points.flatten(1).T @ pose[:3, :3].T + pose[:3, 3]
        for points, pose in zip(merged.points, poses, strict=True)
    ]
    footprint = FOOTPRINT * merged.points[:, 2] / intrinsics[:, 0, 0, None, None]
    error = torch.exp(-merged.log_error.clamp(-5.0, 5.0))
    together = torch.cat(means)
    return Gaussians(
        means=together,
        scales=footprint.reshape(-1, 1).expand(-1, 3).contiguous(),
        quats_wxyz=together.new_tensor([1.0, 0.0, 0.0, 0.0]).repeat(views * count, 1),
        opacities=(0.95 / (1.0 + (error / ERROR_SCALE) ** 2)).flatten(),
        sh=dc_from_colour(images.permute(0, 2, 3, 1)).reshape(views * count, 1, 3),
        view=torch.arange(views, device=together.device).repeat_interleave(count),
        pixel=torch.arange(count, device=together.device).repeat(views),
        importances=1.0 - _redundancy(means, merged, intrinsics),
        confidences=(1.0 / error).flatten(),
    )


def _redundancy(
    means: list[Float[Tensor, "p 3"]], merged: MergedViews, intrinsics: Float[Tensor, "v 3 3"]
) -> Float[Tensor, " n"]:
    """How sure it is, 0..1, that a view before its own shows a Gaussian already."""
    out = [torch.zeros_like(means[0][:, 0])]
    for view in range(1, len(means)):
        shown = torch.zeros_like(means[view][:, 0])
        for earlier in range(view):
            points = means[view]
            if earlier:
                earlier_from_first = torch.linalg.inv(merged.first_from_view[earlier])
                points = points @ earlier_from_first[:3, :3].T + earlier_from_first[:3, 3]
            depth = merged.points[earlier, 2]
            shown = torch.maximum(shown, _shown_by(points, depth, intrinsics[earlier]))
        out.append(shown)
    return torch.cat(out)


def _shown_by(
    points: Float[Tensor, "n 3"], depth: Float[Tensor, "h w"], intrinsics: Float[Tensor, "3 3"]
) -> Float[Tensor, " n"]:
    """How sure it is, 0..1, that a view shows these points of its frame: 0.5 at 6 % depth
    difference."""
    height, width = depth.shape
    z = points[:, 2].clamp_min(1e-3)
    column = (points[:, 0] / z * intrinsics[0, 0] + intrinsics[0, 2]).floor().long()
    row = (points[:, 1] / z * intrinsics[1, 1] + intrinsics[1, 2]).floor().long()
    inside = (points[:, 2] > 1e-3) & (column >= 0) & (column < width) & (row >= 0) & (row < height)
    seen = depth[row.clamp(0, height - 1), column.clamp(0, width - 1)]
    difference = (seen - z).abs() / z
    return torch.sigmoid((REDUNDANT - difference) / (REDUNDANT / math.e)) * inside


def load_room(
    folder: Path, weights: Path, device: torch.device, dtype: torch.dtype, sha256: str
) -> RoomModel:
    """A model of this family from a folder; see
    :class:`semsplat_ros.families.entry.FolderLoader`.
    """
    name, config_path = folder.name, folder / "config.yaml"
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
    second = {k: tensors.pop(k) for k in list(tensors) if k.startswith(PREFIX)}
    photographs = load_photograph_network(
        weights,
        {name.removeprefix(PREFIX): value for name, value in second.items()},
        config["class_names"],
        config.get("photograph_classes", {}),
        device,
    )
    sizes = {**config["sizes"], "widths": tuple(config["sizes"]["widths"])}
    network = load_new(lambda: CompactNetwork(CompactConfig(**sizes)), tensors).float()
    points = config.get("calibration")
    language = LanguageProfile(
        kind=LanguageKind.CLOSED_SET,
        encoder=config["text_encoder"],
        class_names=tuple(config["class_names"]),
        class_embeddings=torch.nn.functional.normalize(bank.float(), dim=-1),
        synonyms={name: tuple(words) for name, words in config.get("synonyms", {}).items()},
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
    return RoomModel(network.to(device), info, language, dtype, photographs)


ENTRY = ModelEntry(
    name="room",
    load_folder=load_room,
    needs_file=False,
    answers_words="yes, closed list of classes",
    unit="metres",
    network_image="128 x 160, a calibrated rig's up to 128 x 224",
    file="shipped",
)
