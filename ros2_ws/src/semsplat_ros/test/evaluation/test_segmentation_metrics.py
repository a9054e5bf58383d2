# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Segmentation scores."""

import pytest
import torch

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.evaluation.segmentation_metrics import query_scores, segmentation_scores


def brute_force(predicted: torch.Tensor, truth: torch.Tensor, classes: int) -> tuple[float, float]:
    known = truth > 0
    ious = []
    for label in range(1, classes + 1):
        answer, target = (predicted == label) & known, truth == label
        union = (answer | target).sum().item()
        if union:
            ious.append((answer & target).sum().item() / union)
    return sum(ious) / len(ious), (predicted == truth)[known].float().mean().item()


@pytest.mark.parametrize("used", [8, 5])
def test_matches_its_definition_also_with_absent_classes(used):
    generator = torch.Generator().manual_seed(used)
    truth = torch.randint(0, used + 1, (3, 20, 20), generator=generator)
    noise = torch.randint(1, used + 1, (3, 20, 20), generator=generator)
    predicted = torch.where(torch.rand(3, 20, 20, generator=generator) < 0.6, truth, noise)
    predicted[predicted == 0] = 1
    scores = segmentation_scores(predicted, truth, 8)
    assert (scores.mean_iou, scores.pixel_accuracy) == pytest.approx(
        brute_force(predicted, truth, 8)
    )


def test_a_image_without_labels_is_refused():
    with pytest.raises(SemsplatError) as refusal:
        segmentation_scores(
            torch.ones(4, 4, dtype=torch.long), torch.zeros(4, 4, dtype=torch.long), 8
        )
    assert refusal.value.code is ErrorCode.INVALID_ARGUMENT


def test_a_query_is_scored_inside_the_region():
    scores = torch.zeros(4, 6)
    scores[:, :3] = 0.8
    scores[0, 5] = 0.9
    truth = torch.zeros(4, 6, dtype=torch.bool)
    truth[:, 1:4] = True
    everywhere = query_scores(scores, truth, 0.5)
    assert everywhere.iou == pytest.approx(8 / 17)
    assert not everywhere.localised
    region = torch.ones(4, 6, dtype=torch.bool)
    region[:, 5] = False
    region[:, 0] = False
    inside = query_scores(scores, truth, 0.5, region)
    assert inside.iou == pytest.approx(8 / 12)
    assert inside.localised


def test_nothing_above_the_threshold_is_an_iou_of_zero():
    truth = torch.ones(3, 3, dtype=torch.bool)
    assert query_scores(torch.full((3, 3), 0.1), truth, 0.5).iou == 0.0
