# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""One perception as NumPy arrays on the host, each copied from the device at most once.

Several outputs need the same arrays (cloud, masks, depth); what nobody asks for is never copied.
"""

from functools import cached_property

import numpy as np

from semsplat_ros.geometry.spherical_harmonics import SH_C0
from semsplat_ros.geometry.views import original_image
from semsplat_ros.objects.gaussian_grid import numpy_of
from semsplat_ros.objects.instances import instance_map, label_map
from semsplat_ros.scene import Perception


class SceneArrays:
    """Lazy host copies. Not thread-safe: each thread makes its own.

    Args:
        perception: the scene and its objects.
    """

    def __init__(self, perception: Perception) -> None:
        self.perception = perception
        self._gaussians = perception.scene.gaussians

    def __len__(self) -> int:
        return len(self._gaussians)

    @cached_property
    def means(self) -> np.ndarray:
        """[n, 3] float32."""
        return numpy_of(self._gaussians.means.float())

    @cached_property
    def opacities(self) -> np.ndarray:
        """[n] float32, 0..1."""
        return numpy_of(self._gaussians.opacities.float())

    @cached_property
    def confidences(self) -> np.ndarray | None:
        """[n] float32, or None if the model gives none."""
        confidences = self._gaussians.confidences
        return None if confidences is None else numpy_of(confidences.float())

    @cached_property
    def instance_ids(self) -> np.ndarray:
        """[n] uint32, 0 = background or none."""
        return numpy_of(self.perception.instance_ids).astype(np.uint32)

    @cached_property
    def label_ids(self) -> np.ndarray:
        """[n] uint16, 0 = unlabelled."""
        return numpy_of(self.perception.label_ids).astype(np.uint16)

    @cached_property
    def packed_colours(self) -> np.ndarray:
        """[n] uint32, 0x00RRGGBB of the constant band of each Gaussian's colour."""
        colours = self._gaussians.sh[:, 0, :].float() * (SH_C0 * 255.0)
        colours = colours.add_(0.5 * 255.0).clamp_(0.0, 255.0).round_()
        red, green, blue = numpy_of(colours).T
        # Exact: float32 holds every whole number up to 2**24.
        return (red * 65536.0 + green * 256.0 + blue).astype(np.uint32)

    def network_images(self, values: np.ndarray, empty: float = 0) -> np.ndarray:
        """Values [n] of the Gaussians as the network images of all views [v, h, w]; `empty` where
        no Gaussian is."""
        scene = self.perception.scene
        shape = (len(scene.crops), *scene.image_size)
        out = np.full(np.prod(shape), empty, values.dtype)
        out[self._places] = values
        return out.reshape(shape)

    def instance_mask(self, view: int) -> np.ndarray:
        """[H, W] uint16 in the original image: ObjectInstance.id, 0 = none; ids above 65535 become
        0."""
        return instance_map(self.perception, view)

    def label_mask(self, view: int) -> np.ndarray:
        """[H, W] uint16 in the original image: label id, 0 = unlabelled."""
        return label_map(self.perception, view)

    def depth_image(self) -> np.ndarray:
        """[H, W] float32 in the first original image: depth along z, NaN = no measurement
        (REP-117)."""
        nan = float("nan")
        return self._original(self.network_images(self.means[:, 2], nan), 0, nan)

    def _original(self, network_images: np.ndarray, view: int, empty: float = 0) -> np.ndarray:
        """[H, W]: one view's network image in its original image; `empty` outside the crop."""
        return original_image(network_images[view], self.perception.scene.crops[view], empty)

    @cached_property
    def _places(self) -> np.ndarray:
        """[n] the pixel of each Gaussian in the network images of all views, one after another."""
        height, width = self.perception.scene.image_size
        return numpy_of(self._gaussians.view) * (height * width) + numpy_of(self._gaussians.pixel)
