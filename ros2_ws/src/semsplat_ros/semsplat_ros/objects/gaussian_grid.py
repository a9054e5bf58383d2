# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The Gaussians of a scene as a coarse pixel grid, which is what grouping works on.

Networks predict one Gaussian a pixel; groups do not need that resolution. A cell is a square of
`stride` pixels of one view, and stands for its last Gaussian.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from semsplat_ros.scene import Gaussians, SemanticScene

FINE_PIXELS = 10_000
"""Views with fewer pixels are grouped at full resolution."""
MIN_DEPTH = 1e-6


@dataclass(frozen=True)
class Cells:
    """m cells that hold a Gaussian, out of a grid of v views, in the order of the grid."""

    shape: tuple[int, int, int]
    """Views, rows and columns of the grid."""
    stride: int
    spot: Int[ndarray, " m"]
    """Row-major place of each cell in the grid."""
    gaussian: Int[ndarray, " m"]
    """The Gaussian that stands for it."""
    of_gaussian: Int[ndarray, " n"]
    """The cell of every Gaussian."""
    count: Int[ndarray, " m"]
    """How many Gaussians each cell holds."""
    points: Float[ndarray, "m 3"]
    depth: Float[ndarray, " m"]
    """Along the optical axis of the cell's own view, positive."""
    weight: Float[ndarray, " m"]
    """Opacity times importance, positive."""

    def __len__(self) -> int:
        return len(self.spot)

    def take(self, values: Tensor) -> ndarray:
        """Values of the Gaussians that stand for the cells, as float32."""
        return numpy_of(values).astype(np.float32, copy=False)[self.gaussian]

    def grid(self, values: ndarray, fill: int = 0) -> ndarray:
        """Values of the cells on the whole grid [v, rows, columns]; `fill` where no Gaussian
        is."""
        out = np.full(int(np.prod(self.shape)), fill, values.dtype)
        out[self.spot] = values
        return out.reshape(self.shape)

    @classmethod
    def of_scene(cls, scene: SemanticScene) -> "Cells":
        """The cells of a scene."""
        height, width = scene.image_size
        stride = 2 if height * width > FINE_PIXELS else 1
        views, rows, columns = len(scene.images), -(-height // stride), -(-width // stride)
        g = scene.gaussians
        pixel, view = numpy_of(g.pixel), numpy_of(g.view)
        where = (view * rows + pixel // width // stride) * columns + pixel % width // stride
        last = np.full(views * rows * columns, -1, np.int64)
        last[where] = np.arange(len(where))
        spot = np.flatnonzero(last >= 0)
        gaussian = last[spot]
        number = np.zeros(len(last), np.int64)
        number[spot] = np.arange(len(spot))
        of_gaussian = number[where]
        points = numpy_of(g.means)[gaussian].astype(np.float32, copy=False)
        return cls(
            shape=(views, rows, columns),
            stride=stride,
            spot=spot,
            gaussian=gaussian,
            of_gaussian=of_gaussian,
            count=np.bincount(of_gaussian, minlength=len(spot)),
            points=points,
            depth=_own_depth(scene, points, view[gaussian]),
            weight=gaussian_weights(g)[gaussian],
        )


def gaussian_weights(gaussians: Gaussians) -> Float[ndarray, " n"]:
    """How much each Gaussian counts in means over an object: opacity times importance,
    positive."""
    weight = numpy_of(gaussians.opacities)
    if gaussians.importances is not None:
        weight = weight * numpy_of(gaussians.importances)
    return np.maximum(weight, 1e-4).astype(np.float32, copy=False)


def numpy_of(values: Tensor) -> ndarray:
    """A tensor's values on the CPU, not copied if they are there."""
    return values.detach().cpu().numpy()


def _own_depth(
    scene: SemanticScene, points: Float[ndarray, "m 3"], view: Int[ndarray, " m"]
) -> Float[ndarray, " m"]:
    view_from_first = np.linalg.inv(numpy_of(scene.cameras.first_from_view).astype(np.float64))
    forward = view_from_first[:, 2].astype(np.float32)
    depth = np.empty(len(points), np.float32)
    for index, row in enumerate(forward):
        mine = view == index
        depth[mine] = points[mine] @ row[:3] + row[3]
    return np.maximum(np.abs(depth), MIN_DEPTH)
