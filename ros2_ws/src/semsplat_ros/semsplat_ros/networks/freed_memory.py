# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Freed memory that the C library keeps for later and that a large network has no use for."""

import ctypes
from functools import cache

import torch


@cache
def _malloc_trim() -> "ctypes._NamedFuncPointer | None":
    """glibc's, None where the C library is another one."""
    return getattr(ctypes.CDLL(None), "malloc_trim", None)


def release_freed_memory(device: torch.device) -> None:
    """Give memory of freed tensors on the CPU back to the system.

    glibc keeps what is below 32 MiB a piece, in holes that new tensors, which must be aligned,
    often do not fit into. To be called where a network goes on with tensors of other sizes: each
    GiB given back costs about half a second when it is asked for again. Another device, or a C
    library without `malloc_trim`: does nothing.
    """
    trim = _malloc_trim()
    if device.type == "cpu" and trim is not None:
        trim(0)
