# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A semantic field of compressed features that one linear layer expands (LSM paper, 3.3)."""

from dataclasses import dataclass
from functools import cached_property

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class CompressedField:
    """A :class:`semsplat_ros.scene.SemanticField`: compressed features and the linear map to text
    space."""

    compressed: Float[Tensor, "n f"]
    weight: Float[Tensor, "d f"]
    bias: Float[Tensor, " d"]

    @property
    def dimension(self) -> int:
        """Length d of a text embedding."""
        return self.weight.shape[0]

    def similarity(self, text: Float[Tensor, "t d"]) -> Float[Tensor, "n t"]:
        """Cosine of every Gaussian with every unit text embedding, without expanding a
        Gaussian."""
        text = text.to(self.weight)
        dots = self.compressed @ (text @ self.weight).T + text @ self.bias
        return dots / self._norms[:, None]

    def features(self) -> Float[Tensor, "n d"]:
        """One unit feature vector for every Gaussian: 268 MB for two images of 256 x 256
        pixels."""
        return F.normalize(F.linear(self.compressed, self.weight, self.bias), dim=-1)

    @cached_property
    def _norms(self) -> Float[Tensor, " n"]:
        """Lengths of the expanded features: sqrt(g' W'W g + 2 b'W g + b'b)."""
        matrix, slope = self.weight.T @ self.weight, self.bias @ self.weight
        squares = (self.compressed @ matrix * self.compressed).sum(-1)
        squares = squares + 2 * self.compressed @ slope + self.bias @ self.bias
        return squares.clamp(min=1e-12).sqrt()
