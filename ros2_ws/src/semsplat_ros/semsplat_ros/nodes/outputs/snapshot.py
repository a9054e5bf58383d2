# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The newest processed pair or set of images."""

from dataclasses import dataclass

from std_msgs.msg import Header

from semsplat_interfaces.msg import SceneInfo
from semsplat_ros.scene import Perception


@dataclass(frozen=True)
class Snapshot:
    """Processed images as everybody sees it: swapped in whole, never changed."""

    perception: Perception
    header: Header
    """Stamp and optical frame of the first image."""
    info: SceneInfo
    sequence: int
    made: float
    """time.monotonic() when it was swapped in."""
    stamp_ns: int
