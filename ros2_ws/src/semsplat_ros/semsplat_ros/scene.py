# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The values that flow between the rooms of the package: frozen dataclasses, shapes in the
annotations.

Coordinates everywhere: OpenCV axes (x right, y down, z forward), the first camera's optical frame,
metres once :attr:`Scale.is_metric` is true. Pixels are (column, row) with integer centres at +0.5.
n Gaussians, v views, h x w pixels of the network image, d semantic dimensions, t texts.
"""

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

IMPORTANCE_THRESHOLD = 0.5
"""tau of the SpatialSplat paper."""


class ScaleStatus(IntEnum):
    """How positions relate to metres; the numbers are those of ``SceneInfo.msg``."""

    UNKNOWN = 0
    RELATIVE = 1
    MODEL = 2
    BASELINE = 3
    TF = 4


class IntrinsicsSource(IntEnum):
    """Where the intrinsics came from; the numbers are those of ``SceneInfo.msg``."""

    ESTIMATED = 0
    CAMERA_INFO = 1
    PARAMETER = 2


@dataclass(frozen=True)
class Scale:
    """How positions relate to metres."""

    status: ScaleStatus
    factor: float = 1.0
    """Metres per network unit that was applied to the positions; 1.0 if none."""

    @property
    def is_metric(self) -> bool:
        """True if positions are metres."""
        return self.status >= ScaleStatus.MODEL


@dataclass(frozen=True)
class Crop:
    """The part of an original image that the network saw, and the size it was resized to.

    The network image is the original's rectangle [left, left+width) x [top, top+height) resized to
    network_width x network_height.
    """

    original_height: int
    original_width: int
    left: int
    top: int
    width: int
    height: int
    network_height: int
    network_width: int

    @property
    def scale_x(self) -> float:
        """Network pixels per original pixel along a row."""
        return self.network_width / self.width

    @property
    def scale_y(self) -> float:
        """Network pixels per original pixel along a column."""
        return self.network_height / self.height

    def to_network(self, intrinsics: Float[Tensor, "3 3"]) -> Float[Tensor, "3 3"]:
        """Intrinsics of the network image from those of the original, both in pixels."""
        affine = intrinsics.new_tensor(
            [
                [self.scale_x, 0.0, -self.left * self.scale_x],
                [0.0, self.scale_y, -self.top * self.scale_y],
                [0.0, 0.0, 1.0],
            ]
        )
        return affine @ intrinsics

    def to_original(self, intrinsics: Float[Tensor, "3 3"]) -> Float[Tensor, "3 3"]:
        """Intrinsics of the original image from those of the network image, both in pixels."""
        affine = intrinsics.new_tensor(
            [
                [1.0 / self.scale_x, 0.0, float(self.left)],
                [0.0, 1.0 / self.scale_y, float(self.top)],
                [0.0, 0.0, 1.0],
            ]
        )
        return affine @ intrinsics


class Resampling(StrEnum):
    """How pixels are combined."""

    AREA = "area"
    """Mean of the pixels that fall into one; linear where the image is enlarged."""
    ALIGNED_BILINEAR = "aligned_bilinear"
    """Bilinear with aligned corners and no smoothing, then the centre (SpatialSplat's
    inference)."""
    LANCZOS = "lanczos"
    """8-bit Lanczos where the image shrinks and bicubic where it does not, then the centre (data
    of DUSt3R's family and of NoPoSplat, which never enlarges)."""


@dataclass(frozen=True)
class ModelInfo:
    """Facts about a loaded model."""

    name: str
    checksum: str
    """First 8 hex digits of the sha256 of its weights file, or "rule" for weights made from
    names."""
    image_size: tuple[int, int]
    """Height and width of the network image, landscape or square; with `keep_shape` that of a 4:3
    image."""
    metric: bool
    """True if it was trained to predict metres."""
    licence: str
    """One sentence for the log, for example "Apache-2.0" or "non-commercial: ..."."""
    stereo_factor: int = 0
    """How many times finer than the network image Views.stereo_images should be; 0 = not used."""
    resampling: Resampling = Resampling.AREA
    """How images were brought to the network's size in training."""
    keep_shape: bool = False
    """Whether the network image has the shape of the images; see
    :func:`semsplat_ros.geometry.views.same_shape`."""
    max_width: int = 0
    """Pixels that the network image of a rectified, calibrated rig grows to at most with wide
    images; 0 = not at all. See :func:`semsplat_ros.geometry.views.widened`."""


@dataclass(frozen=True)
class CameraPrior:
    """What is known about the cameras of some views before a model sees them, first view first.

    Everything may be left out. Tuples hold one entry for each view, or are empty if nothing is
    known of any.
    """

    intrinsics: tuple[Tensor | np.ndarray | None, ...] = ()
    """[3, 3], pixels of the original images, None where unknown. The principal points of a
    rectified pair may differ."""
    intrinsics_source: IntrinsicsSource = IntrinsicsSource.PARAMETER
    """Where the given intrinsics came from."""
    first_from_view: tuple[Tensor | np.ndarray | None, ...] = ()
    """[4, 4], poses in the first camera's frame, metres, None where unknown."""
    baseline: float | None = None
    """Metres between the first and the second camera, > 0, None if unknown."""
    baseline_status: ScaleStatus = ScaleStatus.BASELINE
    """Where the baseline and the poses came from: BASELINE or TF."""
    rectified: bool = False
    """True if the first two images are a rectified pair: rows match, and the second camera lies
    at +x of the first one."""
    world_from_first: Float[Tensor, "4 4"] | Float[np.ndarray, "4 4"] | None = None
    """Pose of the first camera's optical frame in `world_frame` when the images were taken,
    metres, None if unknown."""
    world_frame: str = ""
    """Name of the frame that answers are wanted in, for example "map"; "" if there is none."""
    frame: str = ""
    """Name of the first camera's optical frame."""
    stamps_ns: tuple[int, ...] = ()
    """Acquisition times."""

    @property
    def rectified_baseline(self) -> float | None:
        """The baseline if it is that of a rectified pair, else None."""
        return self.baseline if self.rectified else None


@dataclass(frozen=True)
class Views:
    """What a model is given: the images of one moment, first view first."""

    images: Float[Tensor, "v 3 h w"]
    """RGB, 0..1, network size."""
    crops: tuple[Crop, ...]
    prior: CameraPrior = CameraPrior()
    """What is known about the cameras; its intrinsics are those of all views, or empty."""
    stereo_images: Float[Tensor, "2 3 hh ww"] | None = None
    """The first two crops at a finer size, for models that match along rows; None if not
    prepared."""

    def __len__(self) -> int:
        return len(self.crops)

    @property
    def intrinsics(self) -> Float[Tensor, "v 3 3"] | None:
        """Pixels of the network images, float32, or None: to be estimated."""
        known = self.prior.intrinsics
        if not known or any(k is None for k in known):
            return None
        matrices = (torch.as_tensor(k).detach().cpu().float() for k in known)
        pairs = zip(self.crops, matrices, strict=True)
        return torch.stack([crop.to_network(matrix) for crop, matrix in pairs])

    @property
    def intrinsics_source(self) -> IntrinsicsSource:
        """Where the intrinsics came from; ESTIMATED without any."""
        known = self.intrinsics is not None
        return self.prior.intrinsics_source if known else IntrinsicsSource.ESTIMATED


@dataclass(frozen=True)
class Gaussians:
    """Fine Gaussians of a scene, in the first camera's frame.

    Every Gaussian belongs to one pixel of one view. All tensors are on one device.
    """

    means: Float[Tensor, "n 3"]
    scales: Float[Tensor, "n 3"]
    """Standard deviations along the local axes, same unit as means, > 0."""
    quats_wxyz: Float[Tensor, "n 4"]
    """Unit quaternions, local axes -> first camera."""
    opacities: Float[Tensor, " n"]
    """0..1, importance not multiplied in."""
    sh: Float[Tensor, "n k 3"]
    """Spherical harmonics, 3DGS basis and sign, DC first, colour last."""
    view: Int[Tensor, " n"]
    """Index of the view the Gaussian was predicted from."""
    pixel: Int[Tensor, " n"]
    """Row-major index of its pixel in that view's network image."""
    importances: Float[Tensor, " n"] | None = None
    """0..1 selection score (SpatialSplat paper); None if the model has none."""
    confidences: Float[Tensor, " n"] | None = None
    """Unit-less, larger is better; None if the model has none."""

    def __len__(self) -> int:
        return self.means.shape[0]

    def selected(self) -> Bool[Tensor, " n"]:
        """Which Gaussians the model's selection keeps: importance above tau, or all of them."""
        if self.importances is None:
            return torch.ones(len(self), dtype=torch.bool, device=self.means.device)
        return self.importances > IMPORTANCE_THRESHOLD

    def select(self, keep: Shaped[Tensor, " m"]) -> "Gaussians":
        """The Gaussians at a boolean mask or at indices, in that order."""

        def take(values: Tensor | None) -> Tensor | None:
            return None if values is None else values[keep]

        return Gaussians(
            means=self.means[keep],
            scales=self.scales[keep],
            quats_wxyz=self.quats_wxyz[keep],
            opacities=self.opacities[keep],
            sh=self.sh[keep],
            view=self.view[keep],
            pixel=self.pixel[keep],
            importances=take(self.importances),
            confidences=take(self.confidences),
        )


@runtime_checkable
class SemanticField(Protocol):
    """What differs by family, behind one question."""

    @property
    def dimension(self) -> int:
        """Length d of the text embeddings this field is compared with."""
        ...

    def similarity(self, text: Float[Tensor, "t d"]) -> Float[Tensor, "n t"]:
        """Cosine similarity, -1..1, of every fine Gaussian with every unit text embedding."""
        ...

    def features(self) -> Float[Tensor, "n d"]:
        """One unit feature vector for every fine Gaussian, for export; may be expensive."""
        ...


@dataclass(frozen=True)
class ClassEvidence:
    """What a second network says of some classes of a closed-set model, at every fine
    Gaussian."""

    classes: tuple[int, ...]
    """Indices in the model's list of classes."""
    probabilities: Float[Tensor, "n k"]
    """0..1, of each of them."""
    any_object: Float[Tensor, " n"]
    """0..1, of any object that the second network knows."""


def class_evidence(field: SemanticField) -> ClassEvidence | None:
    """What a second network says of the same Gaussians; None where a field has no such method."""
    asked = getattr(field, "class_evidence", None)
    return None if asked is None else asked()


def field_branches(field: SemanticField) -> tuple[SemanticField, ...]:
    """The fields among which a query chooses the one that answers it stronger (GSemSplat paper,
    3.3).

    Those in the attribute `branches`, or the field itself where it has none.
    """
    return getattr(field, "branches", (field,))


@dataclass(frozen=True)
class Cameras:
    """Poses and intrinsics of the views; the first pose is the identity."""

    first_from_view: Float[Tensor, "v 4 4"]
    intrinsics: Float[Tensor, "v 3 3"]
    """Pixels of the network images."""
    source: IntrinsicsSource
    failed: tuple[int, ...] = ()
    """Views whose pose could not be estimated: their entry is the identity and means nothing."""


@dataclass(frozen=True)
class Provenance:
    """Which model made a scene, from what, and how long it took."""

    model: str
    """Name and short checksum, for example ``room-1a2b3c4d``."""
    inference_seconds: float = 0.0
    stamps_ns: tuple[int, ...] = ()
    frame: str = ""


@dataclass(frozen=True)
class SemanticScene:
    """Some images of one moment as semantic Gaussians. Immutable: a query never sees half of two
    scenes."""

    gaussians: Gaussians
    semantics: SemanticField | None
    """None if the model carries no language features."""
    instance_features: Float[Tensor, "n e"] | None
    """Unit rows; None if the model has none."""
    cameras: Cameras
    scale: Scale
    images: Float[Tensor, "v 3 h w"]
    """The network images the scene was made from."""
    crops: tuple[Crop, ...]
    provenance: Provenance
    world_from_first: Float[Tensor, "4 4"] | None = None
    """Pose of the first camera in `world_frame` when the images were taken, metres, float64, on
    the CPU; None if it is not known."""
    world_frame: str = ""

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the network images."""
        return int(self.images.shape[-2]), int(self.images.shape[-1])

    def pixel_map(self, values: Shaped[Tensor, "n ..."], view: int, fill: float = 0) -> Tensor:
        """Values of the Gaussians of one view as an image [h, w, ...]; `fill` where there is
        none."""
        height, width = self.image_size
        out = values.new_full((height * width, *values.shape[1:]), fill)
        mine = self.gaussians.view == view
        out[self.gaussians.pixel[mine]] = values[mine]
        return out.view(height, width, *values.shape[1:])

    def depth_map(self, view: int) -> Float[Tensor, "h w"]:
        """Depth along the optical axis of one view, NaN where no Gaussian is; unit as the
        means."""
        view_from_first = torch.linalg.inv(self.cameras.first_from_view[view])
        depth = self.gaussians.means @ view_from_first[2, :3] + view_from_first[2, 3]
        return self.pixel_map(depth, view, float("nan"))


@dataclass(frozen=True)
class Roi:
    """A rectangle in pixels of an original image; all zero if there is nothing."""

    left: int = 0
    top: int = 0
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class ObjectInstance:
    """One object of a scene."""

    id: int
    """Greater than 0, unique in its scene."""
    centroid: tuple[float, float, float]
    """Opacity-weighted mean of its Gaussians, metres if the scale is metric."""
    box_center: tuple[float, float, float]
    """Middle of its core: what leaks over an edge does not move it."""
    box_size: tuple[float, float, float]
    """Full lengths of the axis-aligned box in the first camera's frame, by percentile."""
    gaussian_count: int
    mean_opacity: float
    rois: tuple[Roi, ...]
    """One for each view."""
    label: str = ""
    label_id: int = 0
    """Index into the vocabulary's labels; 0 is "unlabelled"."""
    label_score: float = 0.0


@dataclass(frozen=True)
class Vocabulary:
    """The labels in force; labels[0] is always "unlabelled"."""

    version: int
    labels: tuple[str, ...]
    embeddings: Float[Tensor, "l d"]
    """Unit rows for labels[1:], so row i belongs to label id i + 1."""


@dataclass(frozen=True)
class Perception:
    """A scene with its objects: what the node publishes and queries."""

    scene: SemanticScene
    instances: tuple[ObjectInstance, ...]
    """Sorted by id; empty means: scene processed, nothing found."""
    instance_ids: Int[Tensor, " n"]
    """ObjectInstance.id of every Gaussian, 0 = background or none."""
    label_ids: Int[Tensor, " n"]
    """Vocabulary label of every Gaussian, 0 = unlabelled."""
    label_scores: Float[Tensor, " n"]
    vocabulary: Vocabulary | None
    stages_ms: dict[str, float] = field(default_factory=dict)
    """Milliseconds by stage: predict, label, segment."""


@dataclass(frozen=True)
class Match:
    """One instance that answers a query."""

    instance: ObjectInstance
    score: float
    """0..1, calibrated."""
    raw_similarity: float
    """Cosine, -1..1."""


@dataclass(frozen=True)
class QueryResult:
    """Answer of :meth:`Perceiver.query` to a text that could be understood."""

    text: str
    concept: str
    matches: tuple[Match, ...]
    """Best first; with NOT_FOUND the best below the threshold, if there is any."""
    found: bool
    message: str = ""


@dataclass(frozen=True)
class Goal:
    """Where a robot should stand to be before an object (all in metres, in the frame named)."""

    frame: str
    position: tuple[float, float, float]
    yaw: float
    """Radians about the frame's z axis; faces the object."""
    distance: float
    """Along the ground from the camera to the object."""
