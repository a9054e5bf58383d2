# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Semantics on a coarse grid, lifted to fine Gaussians by their instance vectors.

SpatialSplat keeps semantics uncompressed on few coarse Gaussians and sharpens them with the fine instance
field. Its paper does not fix how; here every coarse cell first shares its similarity with the neighbours
that have the same instance vector, and the result is interpolated to the fine pixels.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

SHARPNESS = 15.0
"""Weight of a neighbour: exp(SHARPNESS * (cosine of the instance vectors - 1))."""


@dataclass(frozen=True)
class CoarseField:
    """A :class:`semsplat_ros.scene.SemanticField` for Gaussians that are pixels of v views."""

    semantics: Float[Tensor, "v d hc wc"]
    """Unit vectors of the coarse cells."""
    instances: Float[Tensor, "v e hc wc"]
    """Unit instance vectors of the same cells."""
    image_size: tuple[int, int]
    view: Int[Tensor, " n"]
    pixel: Int[Tensor, " n"]

    @property
    def dimension(self) -> int:
        """Length of a text embedding."""
        return int(self.semantics.shape[1])

    def similarity(self, text: Float[Tensor, "t d"]) -> Float[Tensor, "n t"]:
        """Cosine of every fine Gaussian with every unit text embedding."""
        coarse = torch.einsum("vdhw,td->vthw", self.semantics, text.to(self.semantics))
        return self._fine(_share_within_instances(coarse, self.instances))

    def features(self) -> Float[Tensor, "n d"]:
        """Unit feature of every fine Gaussian."""
        return F.normalize(self._fine(self.semantics), dim=1)

    def _fine(self, coarse: Float[Tensor, "v c hc wc"]) -> Float[Tensor, "n c"]:
        fine = F.interpolate(coarse, self.image_size, mode="bilinear", align_corners=False)
        rows = fine.permute(0, 2, 3, 1).flatten(1, 2)
        return rows[self.view, self.pixel]


def _share_within_instances(
    values: Float[Tensor, "v c h w"], instances: Float[Tensor, "v e h w"]
) -> Float[Tensor, "v c h w"]:
    """Mean over the 3 x 3 neighbours, weighted by how alike their instance vectors are."""
    height, width = values.shape[-2:]
    total, weights = torch.zeros_like(values), torch.zeros_like(values[:, :1])
    padded_values = F.pad(values, (1, 1, 1, 1))
    padded_instances = F.pad(instances, (1, 1, 1, 1))
    for row in range(3):
        for column in range(3):
            window = (..., slice(row, row + height), slice(column, column + width))
            alike = (padded_instances[window] * instances).sum(1, keepdim=True)
            # Padding has the zero vector, so its weight is exp(-SHARPNESS): none.
            weight = torch.exp(SHARPNESS * (alike - 1.0))
            total = total + weight * padded_values[window]
            weights = weights + weight
    return total / weights
