# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Pairs over one first view become one set of views."""

import torch
from torch.nn import functional as F

from semsplat_ros.families.room_merging import PairPrediction, merge_pairs
from semsplat_ros.scene import Scale, ScaleStatus


def pair(factor: float = 1.0, status: ScaleStatus = ScaleStatus.MODEL, turn=None):
    """A pair whose metres are `factor` times too long and whose instance vectors are turned."""
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(2, 3, 4, 6, generator=generator) + 1.0
    instances = F.normalize(torch.randn(2, 3, 2, 3, generator=generator), dim=1)
    pose = torch.eye(4)
    pose[0, 3] = 0.5 * factor
    return PairPrediction(
        points=points * factor,
        first_from_other=pose,
        scale=Scale(status),
        log_error=torch.rand(2, 4, 6, generator=generator),
        instances=instances if turn is None else torch.einsum("ef,vfhw->vehw", turn, instances),
        semantics=F.normalize(torch.randn(2, 5, 2, 3, generator=generator), dim=1),
    )


def test_one_pair_stays_what_it_is() -> None:
    only = pair()
    merged = merge_pairs([only])
    assert torch.equal(merged.points, only.points)
    assert torch.equal(merged.instances, only.instances)
    assert merged.scale == only.scale and merged.failed == ()


def test_a_later_pair_is_brought_to_the_first_ones_scale_and_instance_vectors() -> None:
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1)))[0]
    leading, other = pair(status=ScaleStatus.BASELINE), pair(3.0, turn=turn)
    merged = merge_pairs([leading, other])
    torch.testing.assert_close(merged.points[2], leading.points[1])
    assert float(merged.first_from_view[2, 0, 3]) - 0.5 < 1e-5
    torch.testing.assert_close(merged.instances[2], leading.instances[1], atol=1e-5, rtol=0)
    assert merged.scale.status is ScaleStatus.BASELINE
    assert merged.semantics.shape[0] == merged.log_error.shape[0] == 3


def test_a_view_whose_pose_was_not_found_is_named_and_the_rest_keeps_its_scale() -> None:
    lost = pair(status=ScaleStatus.UNKNOWN)
    assert merge_pairs([pair(), lost]).failed == (2,)
    merged = merge_pairs([lost, pair()])
    assert merged.failed == (1,) and merged.scale.status is ScaleStatus.MODEL
    assert merge_pairs([lost, lost]).scale.status is ScaleStatus.UNKNOWN
