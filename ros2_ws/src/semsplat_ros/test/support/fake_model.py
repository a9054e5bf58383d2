# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A model without weights for tests: every strong colour of an image is an object.

Red things are chairs, green ones tables, blue ones balls, everything pale is wall. The switches of
:class:`FakeModel` make it slow, make it fail, or make it answer with rubbish.
"""

import threading
import time
import zlib
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.nn import functional

from semsplat_ros.families.base import LanguageKind, LanguageProfile
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

IMAGE_SIZE = (32, 40)
"""Height and width of the fake model's network image."""
DIMENSION = 24
CONCEPTS = {
    "red": 0,
    "chair": 0,
    "green": 1,
    "table": 1,
    "blue": 2,
    "ball": 2,
    "gray": 3,
    "wall": 3,
}
"""Which axis of the embedding space a known word lies on; the class of a pixel is the same
number."""
COLOURS = {"red": (200, 30, 30), "green": (30, 180, 30), "blue": (30, 30, 200)}
WALL = 3
SH_C0 = 0.28209479177387814


class ToyTextEncoder:
    """Unit vectors by word: known words lie on the axis of their colour, unknown ones
    elsewhere."""

    def __init__(self) -> None:
        self.calls = 0
        """How often `encode` ran: for tests of the cache."""

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return DIMENSION

    def encode(self, texts: list[str]) -> Float[Tensor, "t d"]:
        """Unit embeddings, the same for the same text always."""
        self.calls += 1
        if not texts:
            return torch.zeros(0, DIMENSION)
        return torch.stack([self._embed(text) for text in texts])

    def _embed(self, text: str) -> Float[Tensor, " d"]:
        words = text.lower().split()
        known = [word for word in words if word in CONCEPTS]
        out = torch.zeros(DIMENSION)
        for word in known:
            out[CONCEPTS[word]] += 1.0
        if not known:
            free = DIMENSION - len(set(CONCEPTS.values()))
            rng = np.random.default_rng(zlib.crc32(text.lower().encode()))
            out[-free:] = torch.from_numpy(rng.standard_normal(free).astype(np.float32))
        return functional.normalize(out, dim=0)


@dataclass(frozen=True)
class ToyField:
    """A semantic field that holds one unit vector a Gaussian."""

    vectors: Float[Tensor, "n d"]

    @property
    def dimension(self) -> int:
        """Length d of the embeddings."""
        return self.vectors.shape[1]

    def similarity(self, text: Float[Tensor, "t d"]) -> Float[Tensor, "n t"]:
        """Cosine of every Gaussian with every text."""
        return self.vectors @ text.T

    def features(self) -> Float[Tensor, "n d"]:
        """The vectors."""
        return self.vectors


@dataclass
class FakeModel:
    """A :class:`semsplat_ros.families.base.SceneModel` that reads colours.

    The switches may be changed between two calls of `predict`.
    """

    latency_s: float = 0.0
    """Sleep this long in every `predict`."""
    raises: Exception | None = None
    """Raise this in `predict`."""
    nan_fraction: float = 0.0
    """Share of the Gaussians whose means are not finite."""
    empty: bool = False
    """Answer with no Gaussian at all."""
    hang: threading.Event | None = None
    """Wait in `predict` until this is set."""
    depth: float = 2.0
    """Depth of every pixel, metres."""
    depth_from_brightness: bool = False
    """Depth 1 m where the image is white, 4 m where it is black."""
    camera_distance: float = 0.0
    """From view to view along +x, in the scene's units, where no rectified baseline is known."""
    metric: bool = True
    stereo_factor: int = 0
    closed_set: bool = False
    """Language from a list of class names instead of an open one."""
    has_language: bool = True
    has_instance_features: bool = True
    image_size: tuple[int, int] = IMAGE_SIZE

    def __post_init__(self) -> None:
        self._encoder = ToyTextEncoder()
        self.calls = 0
        """How often `predict` was entered."""
        self.last_views: Views | None = None

    @property
    def info(self) -> ModelInfo:
        """Facts about the fake."""
        return ModelInfo(
            name="fake",
            checksum="rule",
            image_size=self.image_size,
            metric=self.metric,
            licence="Apache-2.0",
            stereo_factor=self.stereo_factor,
        )

    @property
    def text_encoder(self) -> ToyTextEncoder | None:
        """The toy encoder."""
        return self._encoder if self.has_language else None

    @property
    def language(self) -> LanguageProfile | None:
        """Open, or closed over the four classes."""
        if not self.has_language:
            return None
        if not self.closed_set:
            return LanguageProfile(kind=LanguageKind.OPEN)
        names = ("chair", "table", "ball", "wall")
        return LanguageProfile(
            kind=LanguageKind.CLOSED_SET,
            class_names=names,
            class_embeddings=ToyTextEncoder().encode(list(names)),
            synonyms={"table": ("desk",)},
        )

    @property
    def device(self) -> torch.device:
        """The CPU."""
        return torch.device("cpu")

    def predict(self, views: Views) -> SemanticScene:
        """A scene with one Gaussian a pixel, coloured, classed and grouped by its colour."""
        self.calls += 1
        self.last_views = views
        time.sleep(self.latency_s)
        if self.hang is not None:
            self.hang.wait()
        if self.raises is not None:
            raise self.raises
        images = views.images
        count, _, height, width = images.shape
        cameras = _cameras(views, self.camera_distance)
        rgb = images.permute(0, 2, 3, 1).reshape(-1, 3)
        view = torch.arange(count).repeat_interleave(height * width)
        pixel = torch.arange(height * width).repeat(count)
        depth = torch.full((len(rgb),), self.depth)
        if self.depth_from_brightness:
            depth = 4.0 - 3.0 * rgb.mean(1)
        means = _unproject(depth, view, pixel, width, cameras)
        broken = round(self.nan_fraction * len(rgb))
        means[:broken] = float("nan")
        gaussians = Gaussians(
            means=means,
            scales=(depth / cameras.intrinsics[0, 0, 0])[:, None].repeat(1, 3) * 0.5,
            quats_wxyz=torch.tensor([1.0, 0.0, 0.0, 0.0]).repeat(len(rgb), 1),
            opacities=torch.full((len(rgb),), 0.9),
            sh=((rgb - 0.5) / SH_C0)[:, None, :],
            view=view,
            pixel=pixel,
            importances=torch.ones(len(rgb)),
        )
        classes = colour_classes(rgb)
        axes = functional.one_hot(classes, DIMENSION).float()
        if self.empty:
            nothing = torch.zeros(0, dtype=torch.long)
            gaussians, axes = gaussians.select(nothing), axes[:0]
        return SemanticScene(
            gaussians=gaussians,
            semantics=ToyField(axes) if self.has_language else None,
            instance_features=axes[:, :8] if self.has_instance_features else None,
            cameras=cameras,
            scale=_scale(views, self.metric),
            images=images,
            crops=views.crops,
            provenance=Provenance(
                "fake-rule", self.latency_s, views.prior.stamps_ns, views.prior.frame
            ),
        )


def colour_classes(rgb: Float[Tensor, "n 3"]) -> Int[Tensor, " n"]:
    """0 red, 1 green, 2 blue where one channel stands out by 0.25, else 3, the wall."""
    strongest, which = rgb.max(1)
    stands_out = strongest - rgb.median(1).values > 0.25
    return torch.where(stands_out, which, torch.full_like(which, WALL))


def block_image(
    blocks: dict[str, tuple[int, int, int, int]], height: int = 128, width: int = 160
) -> UInt8[np.ndarray, "h w 3"]:
    """An RGB image of a pale wall with blocks: colour name -> (left, top, width, height) in
    pixels."""
    out = np.full((height, width, 3), 190, np.uint8)
    for name, (left, top, across, down) in blocks.items():
        out[top : top + down, left : left + across] = COLOURS[name.split("_")[0]]
    return out


def _cameras(views: Views, distance: float) -> Cameras:
    count, _, height, width = views.images.shape
    intrinsics = views.intrinsics
    if intrinsics is None:
        one = torch.tensor([[width, 0.0, width / 2], [0.0, width, height / 2], [0.0, 0.0, 1.0]])
        intrinsics = one.repeat(count, 1, 1)
    first_from_view = torch.eye(4).repeat(count, 1, 1)
    known = views.prior.rectified_baseline
    first_from_view[:, 0, 3] = torch.arange(count) * (distance if known is None else known)
    return Cameras(first_from_view, intrinsics, views.intrinsics_source)


def _unproject(
    depth: Float[Tensor, " n"],
    view: Int[Tensor, " n"],
    pixel: Int[Tensor, " n"],
    width: int,
    cameras: Cameras,
) -> Float[Tensor, "n 3"]:
    spots = torch.stack([pixel % width + 0.5, pixel // width + 0.5, torch.ones(len(pixel))], 1)
    rays = torch.einsum("nij,nj->ni", torch.linalg.inv(cameras.intrinsics)[view], spots)
    pose = cameras.first_from_view[view]
    return torch.einsum("nij,nj->ni", pose[:, :3, :3], rays * depth[:, None]) + pose[:, :3, 3]


def _scale(views: Views, metric: bool) -> Scale:
    if views.prior.rectified_baseline is not None:
        return Scale(ScaleStatus.BASELINE)
    return Scale(ScaleStatus.MODEL if metric else ScaleStatus.RELATIVE)
