# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Tensors that are mapped from a file, converted without holding file and copy at one time."""

import ctypes
import mmap
import sys

import torch
from torch import Tensor

_PAGEOUT = 21
"""MADV_PAGEOUT of Linux 5.4: pages leave memory, nothing is lost. They come back from the file
when they are read again; memory that no file stands behind stays as it is."""


def in_dtype(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """The tensor in a dtype; where that is another one, a copy, and the original's pages go."""
    if tensor.dtype == dtype:
        return tensor
    converted = tensor.to(dtype)
    if tensor.device.type == "cpu" and sys.platform == "linux":
        _page_out(tensor)
    return converted


def _page_out(tensor: Tensor) -> None:
    """Only advice: where it is not taken, memory is freed later."""
    storage = tensor.untyped_storage()
    first = tensor.data_ptr() // mmap.PAGESIZE * mmap.PAGESIZE
    end = min(tensor.data_ptr() + tensor.nbytes, storage.data_ptr() + storage.nbytes())
    ctypes.CDLL(None).madvise(
        ctypes.c_void_p(first), ctypes.c_size_t(end - first), ctypes.c_int(_PAGEOUT)
    )
