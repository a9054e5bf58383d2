# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Ways to bring an image to a network's size. A network does best with the one it was trained
with.
"""

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from semsplat_ros.scene import Crop, Resampling


def resample(
    original_image: UInt8[np.ndarray, "_ _ 3"],
    crop: Crop,
    height: int,
    width: int,
    how: Resampling = Resampling.AREA,
) -> Float[Tensor, "3 {height} {width}"]:
    """The central part of an image at another size, 0..1.

    Args:
        original_image: RGB.
        crop: the part. The two methods that scale first and cut then round the cut in scaled
            pixels, so their part may differ from it by less than one original pixel.
        height: of the result.
        width: of the result.
        how: the method.
    """
    if how is Resampling.AREA:
        return _area(original_image, crop, height, width)
    factor = max(height / original_image.shape[0], width / original_image.shape[1])
    size = (round(original_image.shape[0] * factor), round(original_image.shape[1] * factor))
    if how is Resampling.LANCZOS:
        method = Image.Resampling.LANCZOS if factor < 1 else Image.Resampling.BICUBIC
        image = Image.fromarray(original_image).resize(size[::-1], method)
        scaled = _unit(np.asarray(image))
    else:
        scaled = F.interpolate(
            _unit(original_image)[None], size, mode="bilinear", align_corners=True
        )[0]
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    return scaled[:, top : top + height, left : left + width].contiguous()


def _area(
    original_image: UInt8[np.ndarray, "_ _ 3"], crop: Crop, height: int, width: int
) -> Float[Tensor, "3 _ _"]:
    part = original_image[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
    # Area averaging is right for shrinking only; OpenCV's enlarges to blocks.
    method = cv2.INTER_AREA if crop.width >= width else cv2.INTER_LINEAR
    return _unit(cv2.resize(part, (width, height), interpolation=method))


def _unit(original_image: UInt8[np.ndarray, "h w 3"]) -> Float[Tensor, "3 h w"]:
    return torch.from_numpy(np.array(original_image)).permute(2, 0, 1).float() / 255.0
