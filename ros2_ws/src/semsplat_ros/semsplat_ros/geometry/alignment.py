# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Scale between a predicted and a true pair of point maps, both in the first camera's frame."""

from enum import StrEnum

import torch
from jaxtyping import Bool, Float
from torch import Tensor

SCALE_ITERATIONS = 10
SCALE_MIN_DISTANCE = 1e-8
MIN_SCALE = 1e-3
MIN_NORM = 1e-8


class ScaleMethod(StrEnum):
    """How the scales that the single points ask for are brought together."""

    WEISZFELD = "weiszfeld"
    """Least sum of distances, by iteratively re-weighted least squares."""
    AVERAGE = "avg"
    """Least squares."""
    MEDIAN = "median"
    """Lower median of the scales of the single points."""


@torch.no_grad()
def find_scale(
    truth: tuple[Float[Tensor, "b h w 3"], Float[Tensor, "b h w 3"]],
    predicted: tuple[Float[Tensor, "b h w 3"], Float[Tensor, "b h w 3"]],
    valid: tuple[Bool[Tensor, "b h w"], Bool[Tensor, "b h w"]],
    method: ScaleMethod = ScaleMethod.WEISZFELD,
) -> Float[Tensor, " b"]:
    """The scale s with predicted ~ s * truth (LSM paper, training and test).

    Args:
        truth: point maps of view 1 and view 2 in camera 1.
        predicted: the same, predicted.
        valid: which pixels of each view have a truth.
        method: how to bring the points together.

    Returns:
        One scale per pair, at least 0.001, without gradient. NaN where a pair has no valid point.
    """
    target = torch.cat([_valid_points(p, v) for p, v in zip(truth, valid, strict=True)], dim=1)
    source = torch.cat([_valid_points(p, v) for p, v in zip(predicted, valid, strict=True)], dim=1)
    dot = (source * target).sum(dim=-1)
    square = target.square().sum(dim=-1)
    if method is ScaleMethod.MEDIAN:
        return (dot / square).nanmedian(dim=1).values.clip(min=MIN_SCALE)
    scale = dot.nanmean(dim=1) / square.nanmean(dim=1)
    if method is ScaleMethod.WEISZFELD:
        for _ in range(SCALE_ITERATIONS):
            distance = (source - scale[:, None, None] * target).norm(dim=-1)
            weight = 1.0 / distance.clip(min=SCALE_MIN_DISTANCE)
            scale = (weight * dot).nanmean(dim=1) / (weight * square).nanmean(dim=1)
    return scale.clip(min=MIN_SCALE)


def mean_distance(
    points: tuple[Float[Tensor, "b h w 3"], Float[Tensor, "b h w 3"]],
    valid: tuple[Bool[Tensor, "b h w"], Bool[Tensor, "b h w"]],
) -> Float[Tensor, " b"]:
    """Mean distance of the valid points of both views from the first camera.

    The normaliser of the DUSt3R paper's regression loss (``avg_dis``), at least 1e-8.
    """
    flat = torch.cat([p.flatten(1, 2) for p in points], dim=1)
    mask = torch.cat([v.flatten(1) for v in valid], dim=1)
    # where, not a product: an invalid point may be NaN.
    distance = torch.where(mask, flat.norm(dim=-1), torch.zeros_like(flat[..., 0]))
    return (distance.sum(dim=1) / (mask.sum(dim=1) + MIN_NORM)).clip(min=MIN_NORM)


def _valid_points(
    points: Float[Tensor, "b h w 3"], valid: Bool[Tensor, "b h w"]
) -> Float[Tensor, "b n 3"]:
    return points.masked_fill(~valid[..., None], float("nan")).flatten(1, 2)
