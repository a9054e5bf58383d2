# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""SpatialSplat's semantics at query time: from coarse Gaussians to fine ones, guided by instances.

The SpatialSplat paper puts uncompressed semantics on a coarse field and instance features on both
fields, and says that together they suffice; how they are brought together is not published. What
follows is this project's design. A fine Gaussian i takes the mean of the unit semantics of coarse
Gaussians j with weights

    log w_ij = sharpness * <instance_i, instance_j> - |p_i - p_j|^2 / (2 (reach |p_i|)^2) +
    log(opacity_j)

of which the `neighbours` largest count. Instances keep semantics from leaking over an object's
edge; the distance, measured against the point's own distance from the camera so that the unit does
not matter, keeps two objects of one instance-feature value apart.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from semsplat_ros.scene import Gaussians

CHUNK = 512
"""Fine Gaussians that are handled at once. Their weights for 2048 coarse ones then stay in a
processor's cache; results do not change."""
MIN_OPACITY = 1e-4


@dataclass(frozen=True)
class CoarseGaussians:
    """Few Gaussians with uncompressed semantics, in the first camera's frame."""

    gaussians: Gaussians
    """`pixel` counts coarse cells, row-major."""
    instances: Float[Tensor, "m e"]
    """Unit rows."""
    semantics: Float[Tensor, "m d"]
    """Not normalised, as predicted: what is rendered."""


@dataclass(frozen=True)
class LiftingOptions:
    """How semantics go from coarse to fine Gaussians."""

    sharpness: float = 10.0
    """Of the instance similarity; 0 ignores instances."""
    reach: float = 0.1
    """Standard deviation of the distance weight as a share of a point's distance from the
    camera."""
    neighbours: int = 8
    """Coarse Gaussians that a fine one takes its semantics from."""


class Lifting(NamedTuple):
    """A sparse matrix, fine Gaussians x coarse Gaussians; rows give unit vectors."""

    index: Int[Tensor, "n k"]
    weight: Float[Tensor, "n k"]


@dataclass(frozen=True)
class DualFieldSemantics:
    """A :class:`semsplat_ros.scene.SemanticField` on a coarse and a fine field.

    The lifting weights are computed at the first question and kept.
    """

    coarse: CoarseGaussians
    means: Float[Tensor, "n 3"]
    """Of the fine Gaussians."""
    instances: Float[Tensor, "n e"]
    """Unit rows, of the fine Gaussians."""
    options: LiftingOptions = LiftingOptions()

    @property
    def dimension(self) -> int:
        """Length d of the text embeddings."""
        return self.coarse.semantics.shape[1]

    def similarity(self, text: Float[Tensor, "t d"]) -> Float[Tensor, "n t"]:
        """Cosine similarity of every fine Gaussian's lifted semantics with unit text
        embeddings.
        """
        scores = self._directions @ text.to(self._directions).T
        return self._lift(scores)

    def features(self) -> Float[Tensor, "n d"]:
        """Unit lifted semantics; a row is zero where all its coarse semantics are zero."""
        return self._lift(self._directions)

    @cached_property
    def _directions(self) -> Float[Tensor, "m d"]:
        return F.normalize(self.coarse.semantics, dim=-1)

    @cached_property
    def lifting(self) -> Lifting:
        """Which coarse Gaussians every fine one draws from, and how much."""
        gram = self._directions @ self._directions.T
        parts = [
            self._lifting_of(means, instances, gram)
            for means, instances in zip(
                self.means.split(CHUNK), self.instances.split(CHUNK), strict=True
            )
        ]
        index, weight = zip(*parts, strict=True)
        return Lifting(torch.cat(index), torch.cat(weight))

    def _lifting_of(
        self,
        means: Float[Tensor, "c 3"],
        instances: Float[Tensor, "c e"],
        gram: Float[Tensor, "m m"],
    ) -> Lifting:
        field, options = self.coarse, self.options
        # One matrix product: |p - q|^2 is written out and |p|^2 dropped, because adding a number
        # to all weights of a row changes neither the order nor the softmax.
        precision = (options.reach * means.norm(dim=-1, keepdim=True).clamp(min=1e-6)) ** -2
        ones = torch.ones_like(precision)
        rows = (options.sharpness * instances, means * precision, -0.5 * precision, ones)
        centres = field.gaussians.means
        opacity = field.gaussians.opacities.clamp(min=MIN_OPACITY).log()
        square = centres.square().sum(-1, keepdim=True)
        columns = (field.instances, centres, square, opacity.unsqueeze(1))
        log_weight = torch.cat(rows, dim=1) @ torch.cat(columns, dim=1).T
        k = min(options.neighbours, log_weight.shape[1])
        best, index = log_weight.topk(k, dim=1)
        weight = best.softmax(dim=1)
        # |sum w u|^2 = w G w: divided by this length, lifted scores are cosines of lifted
        # features.
        pairs = gram[index.unsqueeze(2), index.unsqueeze(1)]
        length = torch.einsum("ca,cab,cb->c", weight, pairs, weight).clamp(min=1e-12).sqrt()
        return Lifting(index, weight / length.unsqueeze(1))

    def _lift(self, values: Float[Tensor, "m x"]) -> Float[Tensor, "n x"]:
        index, weight = self.lifting
        parts = zip(index.split(CHUNK), weight.split(CHUNK), strict=True)
        return torch.cat([torch.einsum("ckx,ck->cx", values[i], w) for i, w in parts])
