# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Intrinsics as SpatialSplat and NoPoSplat were trained with them."""

import torch

from semsplat_ros.families.splat_models import normalised_intrinsics
from semsplat_ros.geometry.views import central_crop
from semsplat_ros.scene import CameraPrior, Crop, Views


def views(crop: Crop, intrinsics=None, count=2) -> Views:
    return Views(
        images=torch.zeros(count, 3, crop.network_height, crop.network_width),
        crops=(crop,) * count,
        prior=CameraPrior(() if intrinsics is None else (intrinsics,) * count),
    )


def test_assumed_intrinsics_of_a_4_by_3_image():
    k = normalised_intrinsics(views(central_crop(480, 640, 256, 256)))
    expected = torch.tensor([[1.6, 0, 0.5], [0, 1.2, 0.5], [0, 0, 1]])
    torch.testing.assert_close(k[1], expected)


def test_given_intrinsics_principal_point_of_the_whole_image():
    given = torch.tensor([[500.0, 0, 300], [0, 510, 250], [0, 0, 1]])
    k = normalised_intrinsics(views(central_crop(480, 640, 256, 256), given))
    expected = torch.tensor([[500 / 480, 0, 300 / 640], [0, 510 / 480, 250 / 480], [0, 0, 1]])
    torch.testing.assert_close(k[0], expected)
