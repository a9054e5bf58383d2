# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Segmentation quality as the LSM, SpatialSplat and GSemSplat papers report it."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_jaccard_index,
)

from semsplat_ros.errors import ErrorCode, SemsplatError

UNLABELLED = 0


@dataclass(frozen=True)
class SegmentationScores:
    """Rates, 0..1."""

    mean_iou: float
    """Mean over the classes that occur in the truth or in the prediction."""
    pixel_accuracy: float


def segmentation_scores(
    predicted: Int[Tensor, "*shape"], truth: Int[Tensor, "*shape"], classes: int
) -> SegmentationScores:
    """Class-wise IoU and pixel accuracy over pixels whose truth is not 0 (unlabelled).

    Args:
        predicted: label ids 1..classes; 0 counts as wrong.
        truth: label ids 1..classes, or 0: ignored.
        classes: number of classes without "unlabelled".

    Raises:
        SemsplatError: INVALID_ARGUMENT if every pixel is unlabelled.
    """
    if not bool((truth != UNLABELLED).any()):
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            "every pixel of the truth is unlabelled (0), so there is nothing to score",
        )
    settings = {"num_classes": classes + 1, "ignore_index": UNLABELLED}
    iou = multiclass_jaccard_index(predicted, truth, average="macro", **settings)
    accuracy = multiclass_accuracy(predicted, truth, average="micro", **settings)
    return SegmentationScores(float(iou), float(accuracy))


@dataclass(frozen=True)
class QueryScores:
    """One text query on one image."""

    iou: float
    localised: bool
    """True if the pixel with the highest score lies in the truth."""


def query_scores(
    scores: Float[Tensor, "h w"],
    truth: Bool[Tensor, "h w"],
    threshold: float,
    region: Bool[Tensor, "h w"] | None = None,
) -> QueryScores:
    """Scores of one query as in the GSemSplat paper, section 4.1.

    Args:
        scores: relevancy of each pixel.
        truth: the object's mask.
        threshold: pixels with a greater score are the answer.
        region: pixels that count (Splatt3R paper: the loss mask); None: all.

    Raises:
        SemsplatError: INVALID_ARGUMENT if the object has no pixel in the region.
    """
    inside = torch.ones_like(truth) if region is None else region
    if not bool((truth & inside).any()):
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT, "the queried object has no pixel in the region that counts"
        )
    answer = (scores > threshold) & inside
    target = truth & inside
    union = (answer | target).sum()
    best = scores.masked_fill(~inside, -torch.inf).flatten().argmax()
    return QueryScores(float((answer & target).sum() / union), bool(truth.flatten()[best]))
