# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A choice that commands list, so it is apart from everything that needs PyTorch."""

from enum import StrEnum


class ViewLayout(StrEnum):
    """How a transformer of two views reads more than two; for two there is no difference."""

    SEPARATE = "separate"
    """Each view attends to itself, and across to all the others (NoPoSplat's code)."""
    JOINED = "joined"
    """The views after the first are one long sequence, in encoder and second decoder
    (SpatialSplat's supplement, 8.2)."""
