# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""One perception as NumPy arrays on the host, each copied from the device at most once.

Several outputs need the same arrays (cloud, masks, depth); what nobody asks for is never copied.
"""

from functools import cached_property

import numpy as np
import torch

from semsplat_ros.geometry.views import original_picture
from semsplat_ros.scene import Perception

SH_C0 = 0.28209479177387814
"""The constant band of the real spherical harmonics: 1 / (2 sqrt(pi))."""
MAX_ID = 65535
"""Largest number a 16 bit mask can hold."""


class SceneArrays:
    """Lazy host copies. Not thread-safe: each thread makes its own.

    Args:
        perception: the scene and its objects.
    """

    def __init__(self, perception: Perception) -> None:
        self.perception = perception
        self._gaussians = perception.scene.gaussians
        self._views: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def __len__(self) -> int:
        return len(self._gaussians)

    @cached_property
    def means(self) -> np.ndarray:
        """[n, 3] float32."""
        return _host(self._gaussians.means.float())

    @cached_property
    def opacities(self) -> np.ndarray:
        """[n] float32, 0..1."""
        return _host(self._gaussians.opacities.float())

    @cached_property
    def confidences(self) -> np.ndarray | None:
        """[n] float32, or None if the model gives none."""
        confidences = self._gaussians.confidences
        return None if confidences is None else _host(confidences.float())

    @cached_property
    def instance_ids(self) -> np.ndarray:
        """[n] uint32, 0 = background or none."""
        return _host(self.perception.instance_ids.to(torch.int32)).view(np.uint32)

    @cached_property
    def label_ids(self) -> np.ndarray:
        """[n] uint16, 0 = unlabelled."""
        return _host(self.perception.label_ids.to(torch.int32)).astype(np.uint16)

    @cached_property
    def packed_colours(self) -> np.ndarray:
        """[n] uint32, 0x00RRGGBB of the constant band of each Gaussian's colour."""
        colours = self._gaussians.sh[:, 0, :].float() * (SH_C0 * 255.0) + (0.5 * 255.0)
        rgb = _host(colours.clamp_(0.0, 255.0).round_().to(torch.int32)).view(np.uint32)
        return (rgb[:, 0] << 16) | (rgb[:, 1] << 8) | rgb[:, 2]

    def pixel_map(self, values: np.ndarray, view: int, empty: float = 0) -> np.ndarray:
        """Values [n] of the Gaussians of one view as its network image [h, w]; `empty`
        elsewhere."""
        height, width = self.perception.scene.image_size
        indices, pixels = self._of_view(view)
        out = np.full(height * width, empty, values.dtype)
        out[pixels] = values[indices]
        return out.reshape(height, width)

    def original(self, values: np.ndarray, view: int, empty: float = 0) -> np.ndarray:
        """Values [n] of the Gaussians of one view in that view's original image [H, W]; `empty`
        outside the network's crop and where no Gaussian is."""
        crop = self.perception.scene.crops[view]
        return original_picture(self.pixel_map(values, view, empty), crop, empty)

    def instance_mask(self, view: int) -> np.ndarray:
        """[H, W] uint16 in the original image: ObjectInstance.id, 0 = none; ids above 65535 become
        0."""
        ids = np.where(self.instance_ids <= MAX_ID, self.instance_ids, 0).astype(np.uint16)
        return self.original(ids, view)

    def label_mask(self, view: int) -> np.ndarray:
        """[H, W] uint16 in the original image: label id, 0 = unlabelled."""
        return self.original(self.label_ids, view)

    def depth_image(self) -> np.ndarray:
        """[H, W] float32 in the original left image: depth along z, NaN = no measurement
        (REP-117)."""
        return self.original(np.ascontiguousarray(self.means[:, 2]), 0, float("nan"))

    def _of_view(self, view: int) -> tuple[np.ndarray, np.ndarray]:
        if view not in self._views:
            indices = np.flatnonzero(self._view_of == view)
            self._views[view] = (indices, self._pixel_of[indices])
        return self._views[view]

    @cached_property
    def _view_of(self) -> np.ndarray:
        return _host(self._gaussians.view)

    @cached_property
    def _pixel_of(self) -> np.ndarray:
        return _host(self._gaussians.pixel)


def _host(values: torch.Tensor) -> np.ndarray:
    return values.detach().cpu().contiguous().numpy()
