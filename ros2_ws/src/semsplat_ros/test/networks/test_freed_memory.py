# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Freed tensors leave the process."""

import ctypes
from pathlib import Path

import pytest
import torch

from semsplat_ros.networks.freed_memory import release_freed_memory

COUNT, VALUES = 1000, 25_000
MIB = COUNT * VALUES * 4 / 2**20


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="not glibc")
def test_memory_of_freed_tensors_goes_back_to_the_system() -> None:
    tensors = [torch.ones(VALUES) for _ in range(COUNT)]
    del tensors[:-1]  # Without one on top of them glibc would give them back by itself.
    before = resident_mib()
    release_freed_memory(torch.device("cuda"))
    assert resident_mib() > before - 0.1 * MIB
    release_freed_memory(torch.device("cpu"))
    assert resident_mib() < before - 0.8 * MIB
    assert tensors[0].sum() == VALUES
