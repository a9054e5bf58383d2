# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Find success, wrong finds, depth and segmentation on held-out generated rooms."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from semsplat_ros.evaluation.depth_metrics import depth_errors
from semsplat_ros.evaluation.room_pairs import QUERIED, RoomPair
from semsplat_ros.perceiver import Perceiver
from semsplat_ros.rooms.builder import CLASSES
from semsplat_ros.scene import CameraPrior, IntrinsicsSource, Perception, Views

LEAST_SHARE = 0.005
"""An object counts if it fills at least so much of the left image and is visible in both."""
SPLITS = ("stereo", "free", "no_baseline", "no_intrinsics")


@dataclass(frozen=True)
class QueryRecord:
    """One class asked for in one pair."""

    name: str
    counts: bool
    """An instance of the class fills half a percent of the left image and is visible in both."""
    absent: bool
    """No pixel of either view shows the class."""
    score: float
    """Of the best match, 0 if there is none."""
    found: bool
    """The score reached the threshold."""
    right: bool
    """The best match lies at an instance of the class, whatever its score."""
    distance: float
    """Metres from the best match to the nearest centre of such an instance; NaN if there is
    none."""
    localised: bool
    """The left pixel with the highest relevancy shows the class."""


@dataclass(frozen=True)
class PairRecord:
    """What came of one pair in one split."""

    split: str
    abs_rel: float
    tau_103: float
    confusion: np.ndarray = field(repr=False)
    """Pixels [truth, predicted] of the left view; the last column is "unlabelled"."""
    queries: tuple[QueryRecord, ...] = field(repr=False)


def evaluate_pair(perceiver: Perceiver, pair: RoomPair, min_score: float) -> Iterator[PairRecord]:
    """Run a pair in every split that it belongs to."""
    for split in ("stereo", "no_baseline", "no_intrinsics") if pair.stereo else ("free",):
        perception = perceiver.perceive(_views(perceiver, pair, split))
        yield _record(perceiver, pair, split, perception, min_score)


def _views(perceiver: Perceiver, pair: RoomPair, split: str) -> Views:
    known = split != "no_intrinsics"
    prior = CameraPrior(
        intrinsics=tuple(pair.intrinsics) if known else (),
        intrinsics_source=IntrinsicsSource.CAMERA_INFO,
        baseline=pair.baseline if split in ("stereo", "no_intrinsics") else None,
        rectified=pair.stereo,
    )
    return perceiver.prepare(pair.images, prior)


def _record(
    perceiver: Perceiver, pair: RoomPair, split: str, perception: Perception, min_score: float
) -> PairRecord:
    scene = perception.scene
    depth, classes = pair.truth_maps(scene.crops[0])
    errors = depth_errors(
        scene.depth_map(0).cpu().numpy().astype(np.float64), depth.astype(np.float64)
    )
    return PairRecord(
        split=split,
        abs_rel=errors.absolute_relative,
        tau_103=errors.inliers_103,
        confusion=_confusion(perception, classes),
        queries=tuple(
            _ask(perceiver, pair, perception, classes, name, min_score) for name in QUERIED
        ),
    )


def _confusion(perception: Perception, classes: np.ndarray) -> np.ndarray:
    """Truth by prediction over the left view; labels are matched by name."""
    scene, count = perception.scene, len(CLASSES)
    names = perception.vocabulary.labels if perception.vocabulary else ("unlabelled",)
    class_of = np.array([CLASSES.index(n) if n in CLASSES else count for n in names])
    labels = scene.pixel_map(perception.label_ids, 0).cpu().numpy()
    index = classes * (count + 1) + class_of[labels]
    return np.bincount(index.ravel(), minlength=count * (count + 1)).reshape(count, count + 1)


def _ask(
    perceiver: Perceiver,
    pair: RoomPair,
    perception: Perception,
    classes: np.ndarray,
    name: str,
    min_score: float,
) -> QueryRecord:
    answer = perceiver.query(perception, f"find the {name}", min_score=min_score)
    mine = [o for o in pair.objects if o.name == name]
    counted = [o for o in mine if o.visible_first >= LEAST_SHARE and o.visible_second > 0]
    right, distance, score = False, float("nan"), 0.0
    if answer.matches:
        best = answer.matches[0]
        score = best.score
        checks = [pair.hits(best.instance.box_center, o.instance) for o in mine]
        right = any(hit for hit, _ in checks)
        distance = min((d for _, d in checks), default=float("nan"))
    return QueryRecord(
        name=name,
        counts=bool(counted),
        absent=not mine,
        score=score,
        found=answer.found,
        right=right,
        distance=distance,
        localised=bool(counted) and _localised(perceiver, perception, classes, name),
    )


def _localised(
    perceiver: Perceiver, perception: Perception, classes: np.ndarray, name: str
) -> bool:
    scores = perceiver.relevancy(perception, name)
    heat = perception.scene.pixel_map(scores.to(perception.scene.images.device), 0, -1.0)
    return bool(classes.ravel()[int(heat.argmax())] == CLASSES.index(name))
