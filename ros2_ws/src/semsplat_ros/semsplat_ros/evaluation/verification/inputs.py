# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Inputs of the golden files, from a seed and sizes."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from semsplat_ros.families.weights.named_weights import rule_generator

_INPUT_SEED = 100000


class SplatInputs(NamedTuple):
    """Inputs of SpatialSplat and NoPoSplat."""

    images: Float[Tensor, "1 v 3 s s"]
    """-1..1."""
    intrinsics: Float[Tensor, "1 v 3 3"]
    """Normalised by the image size."""
    language: Float[Tensor, "1 v 512 t t"]


def splat_inputs(seed: int, views: int = 2, size: int = 256) -> SplatInputs:
    """Blocky patterns at four scales, plausible intrinsics, normal language features.

    Args:
        seed: the weights seed; the inputs have a generator of their own.
        views: number of views.
        size: side of the square images, a multiple of 64.
    """
    generator = np.random.default_rng(_INPUT_SEED + seed)
    image = np.zeros((1, views, 3, size, size), np.float32)
    for cells, amplitude in ((4, 0.45), (16, 0.30), (64, 0.15), (size, 0.10)):
        pattern = generator.random((1, views, 3, cells, cells), dtype=np.float32)
        repeat = size // cells
        image += np.float32(amplitude) * pattern.repeat(repeat, axis=3).repeat(repeat, axis=4)
    image = (image - np.float32(0.5)) / np.float32(0.5)
    intrinsics = np.zeros((1, views, 3, 3), np.float32)
    for row, column, low, high in (
        (0, 0, 0.8, 1.3),
        (1, 1, 0.8, 1.3),
        (0, 2, 0.45, 0.55),
        (1, 2, 0.45, 0.55),
    ):
        intrinsics[..., row, column] = generator.uniform(low, high, (1, views)).astype(np.float32)
    intrinsics[..., 2, 2] = 1
    tokens = size // 16
    language = generator.standard_normal((1, views, 512, tokens, tokens), dtype=np.float32)
    return SplatInputs(*(torch.from_numpy(a) for a in (image, intrinsics, language)))


def smooth_image_pair(
    seed: int, height: int, width: int, batch: int = 1
) -> tuple[Float[Tensor, "b 3 h w"], Float[Tensor, "b 3 h w"]]:
    """The two images of the DUSt3R, Splatt3R and LSM golden files, -1..1.

    A coarse grid of normals, bilinearly enlarged, plus fine noise.
    """
    rows, columns = np.linspace(0, 8, height), np.linspace(0, 8, width)
    top, left = np.minimum(rows.astype(int), 7), np.minimum(columns.astype(int), 7)
    down, right = (rows - top)[:, None], (columns - left)[None, :]
    original_images = []
    for view in (1, 2):
        generator = rule_generator(f"image{view}", seed)
        coarse = generator.standard_normal((batch, 3, 9, 9)).astype(np.float32)
        fine = generator.standard_normal((batch, 3, height, width)).astype(np.float32)
        corners = [
            [coarse[:, :, (top + dy)[:, None], (left + dx)[None, :]] for dx in (0, 1)]
            for dy in (0, 1)
        ]
        upper = (1 - right) * corners[0][0] + right * corners[0][1]
        lower = (1 - right) * corners[1][0] + right * corners[1][1]
        image = (1 - down) * upper + down * lower
        clipped = np.clip(0.5 * image + 0.05 * fine, -1, 1).astype(np.float32)
        original_images.append(torch.from_numpy(clipped))
    return original_images[0], original_images[1]
