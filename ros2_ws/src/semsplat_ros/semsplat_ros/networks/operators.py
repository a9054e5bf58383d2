# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""When layers leave PyTorch's own operators for faster ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

_PYTORCH_ALONE = ContextVar("pytorch_alone", default=False)


def suits_fast_operators(x: Tensor, weight: Tensor) -> bool:
    """True for inference in float32 on the CPU, the only thing that :mod:`.linear` and
    :mod:`.winograd` compute: neither has a gradient.
    """
    if torch.is_grad_enabled() or torch.is_autocast_enabled("cpu") or _PYTORCH_ALONE.get():
        return False
    return x.device.type == "cpu" and x.dtype == weight.dtype == torch.float32


@contextmanager
def pytorch_operators() -> Iterator[None]:
    """Inside, every layer takes PyTorch's own operators: to see what the others bring on a
    processor.
    """
    token = _PYTORCH_ALONE.set(True)
    try:
        yield
    finally:
        _PYTORCH_ALONE.reset(token)
