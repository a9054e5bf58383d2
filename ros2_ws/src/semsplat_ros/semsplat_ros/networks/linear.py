# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Linear layers that take oneDNN's matrix product on the CPU."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from semsplat_ros.networks.operators import suits_fast_operators

_ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def linear(
    x: Float[Tensor, "*b k"], weight: Float[Tensor, "n k"], bias: Float[Tensor, " n"] | None = None
) -> Float[Tensor, "*b n"]:
    """As ``torch.nn.functional.linear``, up to the order of sums.

    PyTorch gives float32 products to MKL, which does not use AVX-512 on processors of every
    maker; oneDNN, which PyTorch's compiler calls for the same layer, does. It has no gradient, so
    training and everything that is not float32 on the CPU goes the usual way.
    """
    if not (_ONEDNN and x.numel() and suits_fast_operators(x, weight)):
        return F.linear(x, weight, bias)
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


class Linear(nn.Linear):
    """``torch.nn.Linear`` computed by :func:`linear`; names and shapes of weights are the same."""

    def forward(self, input: Float[Tensor, "*b k"]) -> Float[Tensor, "*b n"]:
        """``in_features`` to ``out_features``."""
        return linear(input, self.weight, self.bias)
