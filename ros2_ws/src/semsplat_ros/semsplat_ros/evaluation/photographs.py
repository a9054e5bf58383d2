# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""How a model answers on photographs: words, labels, depth, pose and focal length of labelled
pairs (docs/photographs.md)."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.evaluation.depth_metrics import depth_errors
from semsplat_ros.evaluation.photograph_set import Box, LabelledPair, Photographs
from semsplat_ros.geometry.cameras import project
from semsplat_ros.geometry.stereo import inverse_depth_cue
from semsplat_ros.geometry.views import at_network_pixels
from semsplat_ros.objects.instances import label_map
from semsplat_ros.perceiver import Perceiver
from semsplat_ros.rooms.pair_sampling import rotation_degrees
from semsplat_ros.scene import (
    CameraPrior,
    IntrinsicsSource,
    ObjectInstance,
    Perception,
    Roi,
    SemanticScene,
)

MODES = ("calibrated", "intrinsics", "nothing", "grey")
"""Intrinsics and baseline where they are known; intrinsics; neither; as the first, and both
images made grey."""
MIN_IOU = 0.25
"""Overlap of an answer's rectangle with a labelled box from which on it is right wherever its
centre is."""


@dataclass(frozen=True)
class WordRecord:
    """One word asked for in one pair."""

    name: str
    present: bool
    """False: the word is in neither image."""
    score: float
    """Of the best match, 0 if there is none."""
    right: bool
    """The best match is at a labelled box of this word, whatever its score."""
    distance_error: float | None
    """Metres by which the best match's depth differs from that of its box; None if it is not
    right, or one of them is unknown."""
    roi: Roi | None
    """The best match's rectangle in the left image; None if there is no match."""
    centre: tuple[float, float]
    """Of the best match's box in space, projected into the left image, pixels; NaN if there is
    none in front of the camera."""


@dataclass(frozen=True)
class DepthRecord:
    """Relative errors of the left view's depth."""

    measured: bool
    """Against measured depth; else against OpenCV's semi-global matcher where it is sure."""
    aligned: float
    """After alignment of the medians."""
    metric: float | None
    """None if the scene is not in metres."""


@dataclass(frozen=True)
class PoseRecord:
    """Errors of the second camera's pose, degrees; None if the model found no pose."""

    rectified: bool
    rotation: float | None
    direction: float | None


@dataclass(frozen=True)
class PhotographRecord:
    """What came of one pair in one mode."""

    pair: LabelledPair
    mode: str
    words: tuple[WordRecord, ...]
    label_pixels: dict[str, tuple[int, int]]
    """Of each labelled name: pixels in its boxes, and those among them with this label."""
    labelled: int
    """Pixels in labelled boxes, each once."""
    labelled_right: int
    """Those whose label is that of a box they are in."""
    depth: DepthRecord | None
    pose: PoseRecord | None
    focal_ratio: float | None
    """Estimated through true focal length of the left image, if it was estimated."""


def evaluate_pair(
    perceiver: Perceiver,
    pair: LabelledPair,
    photographs: Photographs,
    modes: Sequence[str] = MODES,
) -> Iterator[tuple[PhotographRecord, Perception]]:
    """Run a pair in these modes; with every record comes what the model saw.

    Raises:
        SemsplatError: what the perceiver raises.
    """
    truth, measured = photographs.depth, photographs.depth is not None
    if truth is None:
        truth = matched_depth(pair, photographs)
    for mode in modes:
        perception = perceive(perceiver, pair, photographs, mode)
        yield _record(perceiver, pair, mode, perception, truth, measured), perception


def parse_modes(text: str) -> tuple[str, ...]:
    """Modes from a list with commas, in the order of :data:`MODES`.

    Raises:
        SemsplatError: INVALID_ARGUMENT for an unknown one.
    """
    given = {part.strip() for part in text.split(",")}
    if unknown := given - set(MODES):
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"there is no mode '{min(unknown)}'; give some of {','.join(MODES)}",
        )
    return tuple(mode for mode in MODES if mode in given)


def perceive(
    perceiver: Perceiver, pair: LabelledPair, photographs: Photographs, mode: str
) -> Perception:
    """A pair as the model sees it in one of :data:`MODES`."""
    images = photographs.images
    if mode == "grey":
        images = _grey(images[0]), _grey(images[1])
    calibrated = mode in ("calibrated", "grey")
    baseline = pair.baseline_m if calibrated else None
    views = perceiver.prepare(
        images,
        CameraPrior(
            intrinsics=() if mode == "nothing" else pair.matrices,
            intrinsics_source=IntrinsicsSource.CAMERA_INFO,
            baseline=baseline,
            rectified=pair.rectified,
        ),
    )
    vocabulary = perceiver.default_vocabulary
    if vocabulary is None:
        words = (*pair.present, *pair.absent, *pair.unclear)
        vocabulary = perceiver.make_vocabulary(words, version=1)
    return perceiver.perceive(views, vocabulary)


def _grey(image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def matched_depth(pair: LabelledPair, photographs: Photographs) -> Float[np.ndarray, "h w"] | None:
    """Depth of the left image by OpenCV's semi-global matcher, metres, NaN where it is not sure;
    None if the pair is not rectified, or its cameras are not known.
    """
    left, right = pair.matrices
    if left is None or pair.baseline_m is None or not pair.rectified:
        return None
    apart = 0.0 if right is None else float(left[0, 2] - right[0, 2])
    inverse = inverse_depth_cue(*photographs.images, left, pair.baseline_m, 1, apart)[0]
    sure = inverse > 0
    return np.where(sure, 1.0 / np.where(sure, inverse, 1.0), np.nan)


def _record(
    perceiver: Perceiver,
    pair: LabelledPair,
    mode: str,
    perception: Perception,
    truth: Float[np.ndarray, "h w"] | None,
    measured: bool,
) -> PhotographRecord:
    scene = perception.scene
    by_name, labelled, labelled_right = _labels(pair, perception)
    return PhotographRecord(
        pair=pair,
        mode=mode,
        words=tuple(
            _ask(perceiver, pair, perception, name) for name in (*pair.present, *pair.absent)
        ),
        label_pixels=by_name,
        labelled=labelled,
        labelled_right=labelled_right,
        depth=None if truth is None else _depth(scene, truth, measured),
        pose=_pose(scene, pair, mode),
        focal_ratio=_focal_ratio(scene, pair),
    )


# -- words and labels ---------------------------------------------------------------------------


def _ask(
    perceiver: Perceiver, pair: LabelledPair, perception: Perception, name: str
) -> WordRecord:
    answer = perceiver.query(perception, f"find the {name}", top_k=1)
    boxes = [item for item in pair.objects if item.name == name]
    if not answer.matches:
        return WordRecord(name, bool(boxes), 0.0, False, None, None, (math.nan, math.nan))
    best = answer.matches[0]
    roi, centre = best.instance.rois[0], _centre(perception.scene, best.instance)
    hit = next((b for b in boxes if is_at(roi, centre, b.left_box)), None)
    error = None
    if hit is not None and hit.distance_m is not None and perception.scene.scale.is_metric:
        error = abs(best.instance.box_center[2] - hit.distance_m)
    return WordRecord(name, bool(boxes), best.score, hit is not None, error, roi, centre)


def _centre(scene: SemanticScene, instance: ObjectInstance) -> tuple[float, float]:
    spot, _ = project(torch.tensor(instance.box_center), _left_intrinsics(scene))
    return float(spot[0]), float(spot[1])


def _left_intrinsics(scene: SemanticScene) -> Float[torch.Tensor, "3 3"]:
    """Of the original left image, as the model has them."""
    return scene.crops[0].to_original(scene.cameras.intrinsics[0].cpu().float())


def is_at(answer: Roi, centre: tuple[float, float], box: Box) -> bool:
    """Whether an answer is at a labelled box: its centre lies in the box, or its rectangle and the
    box have an IoU of at least a quarter.

    Args:
        answer: rectangle of the object that was answered, in the left image.
        centre: of that object's box in space, projected into the left image; may be NaN.
        box: x0 y0 x1 y1, pixels of the left image.
    """
    x0, y0, x1, y1 = box
    if x0 <= centre[0] <= x1 and y0 <= centre[1] <= y1:
        return True
    across = min(answer.left + answer.width, x1) - max(answer.left, x0)
    down = min(answer.top + answer.height, y1) - max(answer.top, y0)
    if across <= 0 or down <= 0:
        return False
    shared = across * down
    union = answer.width * answer.height + (x1 - x0) * (y1 - y0) - shared
    return shared / union >= MIN_IOU


def _labels(
    pair: LabelledPair, perception: Perception
) -> tuple[dict[str, tuple[int, int]], int, int]:
    """See :class:`PhotographRecord`; a pixel that the model does not see has no label."""
    labels = label_map(perception, 0)
    names = perception.vocabulary.labels if perception.vocabulary else ("unlabelled",)
    inside = np.zeros(labels.shape, bool)
    right = np.zeros(labels.shape, bool)
    by_name = {}
    for name in pair.present:
        mine = _in_boxes(pair, name, labels.shape)
        hits = mine & (labels == names.index(name)) if name in names else np.zeros_like(mine)
        by_name[name] = int(mine.sum()), int(hits.sum())
        inside |= mine
        right |= hits
    return by_name, int(inside.sum()), int(right.sum())


def _in_boxes(pair: LabelledPair, name: str, shape: tuple[int, ...]) -> Bool[np.ndarray, "h w"]:
    mask = np.zeros(shape, bool)
    for item in pair.objects:
        if item.name == name:
            x0, y0, x1, y1 = (round(v) for v in item.left_box)
            mask[y0:y1, x0:x1] = True
    return mask


# -- geometry -----------------------------------------------------------------------------------


def _depth(
    scene: SemanticScene, truth: Float[np.ndarray, "h w"], measured: bool
) -> DepthRecord | None:
    """None if nothing that the model sees has a true depth, or no depth was predicted."""
    target = at_network_pixels(truth, scene.crops[0])
    predicted = scene.depth_map(0).cpu().numpy().astype(np.float64)
    if not (target > 0).any() or not np.isfinite(predicted[target > 0]).any():
        return None
    aligned = depth_errors(predicted, target).absolute_relative
    metric = None
    if scene.scale.is_metric:
        metric = depth_errors(predicted, target, align=False).absolute_relative
    return DepthRecord(measured, aligned, metric)


def _pose(scene: SemanticScene, pair: LabelledPair, mode: str) -> PoseRecord | None:
    """None if the true pose is not known, or was given to the model."""
    if pair.rectified:
        if pair.baseline_m is not None and mode in ("calibrated", "grey"):
            return None
        truth = np.eye(4)
        truth[0, 3] = 1.0
    elif pair.first_from_second is not None:
        truth = np.array(pair.first_from_second)
    else:
        return None
    found = scene.cameras.first_from_view[1].cpu().numpy().astype(np.float64)
    lengths = np.linalg.norm(found[:3, 3]) * np.linalg.norm(truth[:3, 3])
    if 1 in scene.cameras.failed or lengths == 0:
        return PoseRecord(pair.rectified, None, None)
    cosine = np.clip(found[:3, 3] @ truth[:3, 3] / lengths, -1, 1)
    rotation = rotation_degrees(found[:3, :3].T @ truth[:3, :3])
    return PoseRecord(pair.rectified, rotation, float(np.degrees(np.arccos(cosine))))


def _focal_ratio(scene: SemanticScene, pair: LabelledPair) -> float | None:
    truth = pair.matrices[0]
    if truth is None or scene.cameras.source is not IntrinsicsSource.ESTIMATED:
        return None
    return float(_left_intrinsics(scene)[0, 0]) / float(truth[0, 0])
