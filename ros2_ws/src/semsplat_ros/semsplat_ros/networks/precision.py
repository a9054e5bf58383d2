# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Which number format a network computes in."""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

_MATRIX_LAYERS = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


class CentredLinear(nn.Linear):
    """A linear layer of which a smaller format loses little: W x = W' (x - m) + W m.

    m is the mean of all tokens; only the product with the deviations is computed with rounded
    weights W'. What tokens have in common is most of them in the first layers of a transformer,
    and the rounding of weights shifts it for all tokens alike, so that no later layer averages the
    error out. One product of a vector more costs a few per cent, and the memory of W' beside W.
    For inference: the rounded weights are made once, at the first call after weights were loaded.
    """

    compute_dtype = torch.float32

    def forward(self, input: Float[Tensor, "*b n _"]) -> Float[Tensor, "*b n _"]:
        """Tokens in, float32 tokens out."""
        if self.compute_dtype == torch.float32:
            return super().forward(input)
        if not hasattr(self, "rounded"):
            rounded = self.weight.detach().to(self.compute_dtype)
            self.register_buffer("rounded", rounded, persistent=False)
        common = input.flatten(0, -2).mean(dim=0)
        deviations = (input - common).to(self.compute_dtype)
        return F.linear(deviations, self.rounded) + super().forward(common)

    def forget_rounded(self) -> None:
        """Make the rounded weights anew at the next call."""
        if hasattr(self, "rounded"):
            del self.rounded

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        self.forget_rounded()
        super()._load_from_state_dict(*args, **kwargs)


def set_compute_dtype(module: nn.Module, dtype: torch.dtype) -> None:
    """Convert the weights of all linear and convolution layers in place; norms and other
    parameters stay.

    The modules of this package cast activations to the dtype of the layer they go into and add
    residuals in the dtype of the norms, so bfloat16 here halves memory traffic and leaves the
    residual stream in float32. :class:`CentredLinear` keeps its weights and rounds a copy. Two
    class attributes of a module tell what else it wants: ``matrix_parameters`` names matrices that
    it keeps as bare parameters, ``full_precision`` children that are left as they are.
    """
    if isinstance(module, CentredLinear):
        module.compute_dtype = dtype
        module.forget_rounded()
    elif isinstance(module, _MATRIX_LAYERS):
        module.to(dtype)
    for name in getattr(module, "matrix_parameters", ()):
        parameter = getattr(module, name)
        parameter.data = parameter.data.to(dtype)
    kept = getattr(module, "full_precision", ())
    for name, child in module.named_children():
        if name not in kept:
            set_compute_dtype(child, dtype)
