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
    residual stream in float32. Two class attributes of a module tell what else it wants:
    ``matrix_parameters`` names matrices that it keeps as bare parameters, ``full_precision``
    children that are left as they are.
    """
    if isinstance(module, _MATRIX_LAYERS):
        module.to(dtype)
    for name in getattr(module, "matrix_parameters", ()):
        parameter = getattr(module, name)
        parameter.data = parameter.data.to(dtype)
    kept = getattr(module, "full_precision", ())
    for name, child in module.named_children():
        if name not in kept:
            set_compute_dtype(child, dtype)
