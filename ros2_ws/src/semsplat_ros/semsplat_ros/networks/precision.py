# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Which number format a network computes in."""

import torch
from torch import nn

_MATRIX_LAYERS = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


def set_compute_dtype(module: nn.Module, dtype: torch.dtype) -> None:
    """Convert the weights of all linear and convolution layers in place; norms and other
    parameters stay.

    The modules of this package cast activations to the dtype of the layer they go into and add
    residuals in the dtype of the norms, so bfloat16 here halves memory traffic and leaves the
    residual stream in float32. A module that keeps a matrix as a bare parameter names it in a
    class attribute ``matrix_parameters``.
    """
    for layer in module.modules():
        if isinstance(layer, _MATRIX_LAYERS):
            layer.to(dtype)
        for name in getattr(layer, "matrix_parameters", ()):
            parameter = getattr(layer, name)
            parameter.data = parameter.data.to(dtype)
