# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""GSemSplat's semantics at query time: two compressed fields, the stronger one answers.

The GSemSplat paper renders the compressed features and projects the pixels; here the Gaussians'
own features are projected, so that one answer serves every view. Which branch answers is decided
per query by the highest score in the scene (the LERF paper's choice among its scales);
:class:`semsplat_ros.language.relevancy.Relevancy` makes it with relevancies, `similarity` with
plain cosines.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from semsplat_ros.networks.gsemsplat import Projection

CHUNK = 65536
"""Gaussians that are projected at once: bounds memory, does not change results."""
MIN_NORM = 1e-12


@dataclass(frozen=True)
class ProjectedField:
    """One branch: a :class:`semsplat_ros.scene.SemanticField` of its own.

    Cosines are computed without making the long vectors: with hidden activations h, the
    projection's
    last layer W h + b and unit text q, the dot product is (W^T q).h + b.q and the squared length
    h.(W^T W) h + 2 (W^T b).h + b.b.
    """

    compressed: Float[Tensor, "n d"]
    projection: Projection

    @property
    def dimension(self) -> int:
        """Length of the text embeddings."""
        return self.projection.out.out_features

    @torch.inference_mode()
    def similarity(self, text: Float[Tensor, "t c"]) -> Float[Tensor, "n t"]:
        """Cosine of every Gaussian with every unit text embedding."""
        weight, bias = self._last_layer
        text = text.to(weight)
        parts = [
            self.projection.activations(part).float() @ (text @ weight).T + text @ bias
            for part in self.compressed.split(CHUNK)
        ]
        return torch.cat(parts) / self._norms[:, None]

    @torch.inference_mode()
    def features(self) -> Float[Tensor, "n c"]:
        """Unit vectors; hundreds of megabytes for a large scene."""
        parts = [self.projection(part).float() for part in self.compressed.split(CHUNK)]
        return torch.nn.functional.normalize(torch.cat(parts), dim=-1)

    @property
    def _last_layer(self) -> tuple[Float[Tensor, "c e"], Float[Tensor, " c"]]:
        return self.projection.out.weight.float(), self.projection.out.bias.float()

    @cached_property
    def _norms(self) -> Float[Tensor, " n"]:
        weight, bias = self._last_layer
        gram, cross, square = weight.T @ weight, weight.T @ bias, bias @ bias
        parts = []
        for part in self.compressed.split(CHUNK):
            hidden = self.projection.activations(part).float()
            parts.append((hidden * (hidden @ gram + 2 * cross)).sum(dim=-1) + square)
        return torch.cat(parts).clamp(min=MIN_NORM).sqrt()


@dataclass(frozen=True)
class DualBranchSemantics:
    """A :class:`semsplat_ros.scene.SemanticField` of the region and the context branch."""

    region: ProjectedField
    context: ProjectedField

    @property
    def branches(self) -> tuple[ProjectedField, ProjectedField]:
        """The fields among which each query chooses."""
        return self.region, self.context

    @property
    def dimension(self) -> int:
        """Length of the text embeddings."""
        return self.region.dimension

    def similarity(self, text: Float[Tensor, "t c"]) -> Float[Tensor, "n t"]:
        """For each text the cosines of the branch that holds the highest one."""
        region, context = (branch.similarity(text) for branch in self.branches)
        if not len(region):
            return region
        return torch.where(region.amax(0) >= context.amax(0), region, context)

    def features(self) -> Float[Tensor, "n c"]:
        """Unit mean of both branches' unit vectors: for export, no query is answered with it."""
        total = self.region.features() + self.context.features()
        return torch.nn.functional.normalize(total, dim=-1)
