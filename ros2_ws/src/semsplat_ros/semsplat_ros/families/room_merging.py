# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Several pairs that share their first view as one set of views.

The first pair decides: its depth of the first view and the scale of its positions hold. Every
other pair has seen the first view too, which tells how its own scale and its own instance vectors
relate to those of the first pair.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from semsplat_ros.scene import Scale, ScaleStatus


@dataclass(frozen=True)
class PairPrediction:
    """What a two-view network says of the first view and another one."""

    points: Float[Tensor, "2 3 h w"]
    """Of each view in its own camera's frame."""
    first_from_other: Float[Tensor, "4 4"]
    scale: Scale
    """UNKNOWN if the other view's pose was not found."""
    log_error: Float[Tensor, "2 h w"]
    """Logarithm of one over the expected relative error of the depth."""
    instances: Float[Tensor, "2 e hc wc"]
    """Unit vectors."""
    semantics: Float[Tensor, "2 k hc wc"]
    """Unit vectors."""


@dataclass(frozen=True)
class MergedViews:
    """The same for v views, the first one first."""

    points: Float[Tensor, "v 3 h w"]
    first_from_view: Float[Tensor, "v 4 4"]
    scale: Scale
    log_error: Float[Tensor, "v h w"]
    instances: Float[Tensor, "v e hc wc"]
    semantics: Float[Tensor, "v k hc wc"]
    failed: tuple[int, ...]
    """Views whose pose was not found."""


def merge_pairs(pairs: Sequence[PairPrediction]) -> MergedViews:
    """One set of views from the pairs (first, second), (first, third), ...

    Args:
        pairs: at least one; entry i is the first view with view i + 1.
    """
    leading = pairs[0]
    points, instances = [leading.points], [leading.instances]
    poses = [torch.eye(4).to(leading.first_from_other), leading.first_from_other]
    for pair in pairs[1:]:
        factor = _relative_scale(leading.points[0, 2], pair.points[0, 2])
        points.append(factor * pair.points[1:])
        pose = pair.first_from_other.clone()
        pose[:3, 3] *= factor
        poses.append(pose)
        turn = _rotation_between(pair.instances[0], leading.instances[0])
        instances.append(torch.einsum("ef,vfhw->vehw", turn, pair.instances[1:]))
    failed = tuple(
        view for view, pair in enumerate(pairs, 1) if pair.scale.status is ScaleStatus.UNKNOWN
    )
    found = [pair.scale for pair in pairs if pair.scale.status is not ScaleStatus.UNKNOWN]
    return MergedViews(
        points=torch.cat(points),
        first_from_view=torch.stack(poses),
        scale=found[0] if found else leading.scale,
        log_error=torch.cat([leading.log_error, *(pair.log_error[1:] for pair in pairs[1:])]),
        instances=torch.cat(instances),
        semantics=torch.cat([leading.semantics, *(pair.semantics[1:] for pair in pairs[1:])]),
        failed=failed,
    )


def _relative_scale(
    wanted: Float[Tensor, "h w"], depth: Float[Tensor, "h w"]
) -> Float[Tensor, ""]:
    """By which factor the depth of a view is that of the same view in the first pair, in the
    middle."""
    return (wanted.log() - depth.log()).median().exp()


def _rotation_between(
    vectors: Float[Tensor, "e hc wc"], wanted: Float[Tensor, "e hc wc"]
) -> Float[Tensor, "e e"]:
    """The orthogonal matrix that takes vectors nearest to others (orthogonal Procrustes problem).

    Only angles between instance vectors mean something, and a network may turn them all from pair
    to pair.
    """
    left, _, right = torch.linalg.svd(wanted.flatten(1).double() @ vectors.flatten(1).double().T)
    return (left @ right).to(vectors.dtype)
