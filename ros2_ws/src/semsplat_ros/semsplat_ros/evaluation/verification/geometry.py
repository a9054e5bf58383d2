# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Focal length, pose, scale alignment, metrics and relevancy, on inputs that are stored whole."""

import re
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from semsplat_ros.evaluation.depth_metrics import depth_errors
from semsplat_ros.evaluation.segmentation_metrics import segmentation_scores
from semsplat_ros.evaluation.verification.golden import Recorder
from semsplat_ros.families.base import LanguageKind, LanguageProfile
from semsplat_ros.families.weights.named_weights import rule_generator
from semsplat_ros.geometry.alignment import ScaleMethod, find_scale, mean_distance
from semsplat_ros.geometry.focal import FocalMethod, estimate_focal
from semsplat_ros.geometry.pose import estimate_pose, pinhole
from semsplat_ros.language.relevancy import CANONICAL_PHRASES, Relevancy

RELATIVE_LIMIT = 1e-5
POSE_LIMIT = 1e-5
"""Absolute, on an exact point map; OpenCV's own random numbers decide which points are tried."""
RELEVANCY_LIMIT = 1e-5
PERCENT_LIMIT = 1e-3
EMBEDDING = 512
PULL = 11.0
"""How strongly the features lean towards the first phrase."""


def geometry(recorder: Recorder, seed: int) -> None:
    """Everything in the file."""
    _focal(recorder)
    _pose(recorder)
    _alignment(recorder)
    _metrics(recorder)
    _relevancy(recorder, seed)


def _input(recorder: Recorder, name: str) -> np.ndarray:
    recorder.used_as_input(name, "input")
    return recorder.golden.array(name)


def _compare(recorder: Recorder, name: str, compute: Callable[[], Tensor | float]) -> None:
    """Limit relative to the largest recorded value."""
    if name in recorder.golden.arrays:
        size = float(np.abs(recorder.golden.array(name)).max())
        recorder.compare_array(name, compute(), RELATIVE_LIMIT * max(size, 1e-12))


def _focal(recorder: Recorder) -> None:
    points = torch.from_numpy(_input(recorder, "points1"))[None]
    recorder.used_as_input("true_focal", "focal length behind points1, used for PnP")
    for method in FocalMethod:
        _compare(
            recorder, f"focal_{method.value}", lambda method=method: estimate_focal(points, method)
        )


def _pose(recorder: Recorder) -> None:
    points = _input(recorder, "points2_in_cam1")
    recorder.used_as_input("true_cam2world", "pose behind points2_in_cam1, for the reader")
    intrinsics = pinhole(float(recorder.golden.array("true_focal")), *points.shape[:2])
    everywhere = np.ones(points.shape[:2], dtype=bool)
    for name in recorder.golden.names:
        match = re.fullmatch(r"pnp_cam2world_(\d+)", name)
        if not match:
            continue
        estimate = estimate_pose(points, everywhere, intrinsics, int(match[1]))
        recorder.compare_array(name, estimate.world_from_camera, POSE_LIMIT, estimate.failure)
        recorder.compare_array(f"pnp_inliers_{match[1]}", estimate.inliers, 0.0)


def _alignment(recorder: Recorder) -> None:
    def pair(first: str, second: str) -> tuple[Tensor, Tensor]:
        arrays = (_input(recorder, first), _input(recorder, second))
        one, two = (torch.from_numpy(a) for a in arrays)
        batched = recorder.golden.array("valid1").shape[0]
        return tuple(t if t.shape[0] == batched and t.ndim != 3 else t[None] for t in (one, two))

    truth = pair("points1", "points2_in_cam1")
    predicted = pair("scaling_pred1", "scaling_pred2")
    valid = tuple(torch.from_numpy(_input(recorder, name)) for name in ("valid1", "valid2"))
    for name, method in (
        ("scaling_weiszfeld_stop_grad", ScaleMethod.WEISZFELD),
        ("scaling_avg", ScaleMethod.AVERAGE),
        ("scaling_median", ScaleMethod.MEDIAN),
    ):
        _compare(recorder, name, lambda method=method: find_scale(truth, predicted, valid, method))
    _compare(recorder, "avg_dis_factor", lambda: mean_distance(truth, valid))


def _metrics(recorder: Recorder) -> None:
    errors = depth_errors(_input(recorder, "depth_pred"), _input(recorder, "depth_gt"))
    _compare(recorder, "depth_scale", lambda: errors.scale)
    recorder.compare_array("absrel_percent", 100 * errors.absolute_relative, PERCENT_LIMIT)
    recorder.compare_array("inlier103_percent", 100 * errors.inliers_103, PERCENT_LIMIT)
    predicted, labels = (
        torch.from_numpy(_input(recorder, name)) for name in ("predicted", "labels")
    )
    # More classes than there are labels change nothing: those that are nowhere do not count.
    scores = segmentation_scores(predicted, labels, int(max(predicted.max(), labels.max())))
    _compare(recorder, "miou", lambda: scores.mean_iou)
    _compare(recorder, "accuracy", lambda: scores.pixel_accuracy)


class _Phrases:
    """Text encoder whose embeddings are given."""

    dimension = EMBEDDING

    def __init__(self, embeddings: dict[str, Tensor]) -> None:
        self._embeddings = embeddings

    def encode(self, texts: list[str]) -> Tensor:
        return torch.stack([self._embeddings[text] for text in texts])


class _Field:
    """Semantic field of given unit features."""

    dimension = EMBEDDING

    def __init__(self, vectors: Tensor) -> None:
        self._vectors = vectors

    def similarity(self, text: Tensor) -> Tensor:
        return self._vectors @ text.T

    def features(self) -> Tensor:
        return self._vectors


def _relevancy(recorder: Recorder, seed: int) -> None:
    """The scorer of the product, on embeddings made by the rule."""
    names = [n for n in recorder.golden.names if re.fullmatch(r"relevancy_\d+", n)]
    if not names:
        return
    numbers = {name: int(name.split("_")[1]) for name in names}
    positives = _unit_rows("pos", max(numbers.values()) + 1, seed)
    negatives = _unit_rows("neg", len(CANONICAL_PHRASES), seed)
    count = recorder.golden.array(names[0]).size
    features = rule_generator("embed", seed).standard_normal((count, EMBEDDING), np.float32)
    leaning = torch.from_numpy(features) + PULL * positives[0]
    field = _Field(torch.nn.functional.normalize(leaning, dim=1))
    phrases = dict(zip(CANONICAL_PHRASES, negatives, strict=True))
    phrases |= {name: positives[number] for name, number in numbers.items()}
    relevancy = Relevancy(LanguageProfile(LanguageKind.OPEN), _Phrases(phrases))
    for name in names:
        recorder.compare_array(name, relevancy.score(field, name), RELEVANCY_LIMIT)


def _unit_rows(name: str, count: int, seed: int) -> Tensor:
    rows = rule_generator(name, seed).standard_normal((count, EMBEDDING), np.float32)
    return torch.nn.functional.normalize(torch.from_numpy(rows), dim=1)
