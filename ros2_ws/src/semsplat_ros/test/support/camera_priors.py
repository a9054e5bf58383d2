# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Models' image formats and what is known about cameras, shortly."""

from typing import Any

from semsplat_ros.scene import CameraPrior, ModelInfo


def image_format(image_size: tuple[int, int], **changes: Any) -> ModelInfo:
    """Facts about a model of which only its images matter."""
    return ModelInfo("test", "test", image_size, True, "Apache-2.0", **changes)


def stereo_rig(intrinsics: Any, baseline: float | None, **changes: Any) -> CameraPrior:
    """A rectified pair of two equal cameras."""
    both = () if intrinsics is None else (intrinsics, intrinsics)
    return CameraPrior(both, baseline=baseline, rectified=True, **changes)
