# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Semantics on a coarse grid, lifted to fine Gaussians by their instance vectors.

SpatialSplat keeps semantics uncompressed on few coarse Gaussians and sharpens them with the fine
instance field. Its paper does not fix how; here every coarse cell first shares its similarity with
the neighbours that have the same instance vector, and the result is interpolated to the fine
pixels.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from semsplat_ros.scene import ClassEvidence

SHARPNESS = 15.0
"""Weight of a neighbour: exp(SHARPNESS * (cosine of the instance vectors - 1))."""


@dataclass(frozen=True)
class CoarseField:
    """A :class:`semsplat_ros.scene.SemanticField` for Gaussians that are pixels of v views.

    A network whose last layer is linear fills only a small subspace of the text space. The vectors
    are therefore kept as coordinates in an orthonormal basis of it: lengths and angles are the
    same,
    nothing is lost, and the work is that of the smaller dimension.
    """

    semantics: Float[Tensor, "v k hc wc"]
    """Unit vectors of the coarse cells, in coordinates of `basis`."""
    basis: Float[Tensor, "d k"]
    """Orthonormal columns in the text space."""
    instances: Float[Tensor, "v e hc wc"]
    """Unit instance vectors of the same cells."""
    image_size: tuple[int, int]
    view: Int[Tensor, " n"]
    pixel: Int[Tensor, " n"]
    evidence: Float[Tensor, "v k1 he we"] | None = None
    """What a second network says: probability of each of `evidence_classes`, then of any object
    at all."""
    evidence_classes: tuple[int, ...] = ()

    @property
    def dimension(self) -> int:
        """Length of a text embedding."""
        return int(self.basis.shape[0])

    def similarity(self, text: Float[Tensor, "t d"]) -> Float[Tensor, "n t"]:
        """Cosine of every fine Gaussian with every unit text embedding."""
        within = text.to(self.basis) @ self.basis
        coarse = (self.semantics.permute(0, 2, 3, 1) @ within.T).permute(0, 3, 1, 2)
        return self._fine(_weighted_mean(coarse, self._neighbour_weights))

    def features(self) -> Float[Tensor, "n d"]:
        """Unit feature of every fine Gaussian."""
        return F.normalize(self._fine(self.semantics), dim=1) @ self.basis.T

    def class_evidence(self) -> ClassEvidence | None:
        """What the second network says of every fine Gaussian; None without one."""
        if self.evidence is None:
            return None
        fine = self._fine(self.evidence).float().cpu()
        return ClassEvidence(self.evidence_classes, fine[:, :-1], fine[:, -1])

    def _fine(self, coarse: Float[Tensor, "v c hc wc"]) -> Float[Tensor, "n c"]:
        height, width = self.image_size
        fine = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
        rows = fine.permute(0, 2, 3, 1).flatten(0, 2)
        return rows.index_select(0, self.view * (height * width) + self.pixel)

    @cached_property
    def _neighbour_weights(self) -> Float[Tensor, "v 9 hc wc"]:
        """How alike the 3 x 3 neighbours' instance vectors are; the same for every question."""
        height, width = self.instances.shape[-2:]
        padded = F.pad(self.instances, (1, 1, 1, 1))
        alike = [
            (padded[..., row : row + height, column : column + width] * self.instances).sum(1)
            for row in range(3)
            for column in range(3)
        ]
        # Padding has the zero vector, so its weight is exp(-SHARPNESS): none.
        return torch.softmax(SHARPNESS * torch.stack(alike, 1), 1)


def _weighted_mean(
    values: Float[Tensor, "v c h w"], weights: Float[Tensor, "v 9 h w"]
) -> Float[Tensor, "v c h w"]:
    """Sum over the 3 x 3 neighbours with these weights."""
    height, width = values.shape[-2:]
    padded = F.pad(values, (1, 1, 1, 1))
    total = torch.zeros_like(values)
    for place in range(9):
        row, column = divmod(place, 3)
        window = padded[..., row : row + height, column : column + width]
        total.addcmul_(weights[:, place : place + 1], window)
    return total
