# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What SpatialSplat and NoPoSplat are told about the cameras."""

import torch
from jaxtyping import Float
from torch import Tensor

from semsplat_ros.scene import Views

ASSUMED_FOCAL = 1.2
"""Focal length over image side, of the whole image, along each axis: what the published
inference assumes where no intrinsics are given."""


def normalised_intrinsics(views: Views) -> Float[Tensor, "v 3 3"]:
    """Intrinsics as the networks were trained with them.

    Focal lengths are those of the network image over its sides. The principal point is that of the
    whole image over the whole image's sides: training did not move it with the crop.
    """
    out = torch.eye(3).repeat(len(views.crops), 1, 1)
    for i, crop in enumerate(views.crops):
        if views.intrinsics is None:
            out[i, 0, 0] = ASSUMED_FOCAL * crop.original_width / crop.width
            out[i, 1, 1] = ASSUMED_FOCAL * crop.original_height / crop.height
            out[i, :2, 2] = 0.5
            continue
        network = views.intrinsics[i]
        original = crop.to_original(network)
        out[i, 0, 0] = network[0, 0] / crop.network_width
        out[i, 1, 1] = network[1, 1] / crop.network_height
        out[i, 0, 2] = original[0, 2] / crop.original_width
        out[i, 1, 2] = original[1, 2] / crop.original_height
    return out
