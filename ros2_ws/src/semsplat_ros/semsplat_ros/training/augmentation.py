# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Changes that make more of a pair without making it wrong."""

import torch
from jaxtyping import Float
from torch import Tensor

from semsplat_ros.training.shards import PairBatch


def photometric(images: Float[Tensor, "b 2 3 h w"]) -> Float[Tensor, "b 2 3 h w"]:
    """Colour, brightness, contrast, gamma and noise of ordinary cameras; slightly different per
    view."""

    def uniform(low: float, high: float, views: int = 1, channels: int = 1) -> Tensor:
        shape = (images.shape[0], views, channels, 1, 1)
        return torch.rand(shape, device=images.device) * (high - low) + low

    images = images * uniform(0.85, 1.15, channels=3) * uniform(0.75, 1.3)
    images = images * uniform(0.96, 1.04, views=2)
    images = images.clamp(1e-4, 1.0) ** uniform(0.8, 1.3)
    mean = images.mean((2, 3, 4), keepdim=True)
    images = (images - mean) * uniform(0.8, 1.2) + mean
    return images + torch.randn_like(images) * uniform(0.0, 0.03)


def _where(mask: Tensor, changed: Tensor, original: Tensor) -> Tensor:
    return torch.where(mask.view(-1, *[1] * (original.dim() - 1)), changed, original)


def swap_views(batch: PairBatch, mask: Tensor) -> PairBatch:
    """Exchange the views of the pairs in the mask."""
    names = ("images", "depth", "instance", "label", "cue", "intrinsics")
    swapped = {n: _where(mask, getattr(batch, n).flip(1), getattr(batch, n)) for n in names}
    inverse = torch.linalg.inv(batch.first_from_second)
    return batch.replace(
        **swapped, first_from_second=_where(mask, inverse, batch.first_from_second)
    )


def mirror(batch: PairBatch, mask: Tensor) -> PairBatch:
    """Mirror left and right of the pairs in the mask; a rectified pair then has its views
    swapped."""
    width = batch.images.shape[-1]
    names = ("images", "depth", "instance", "label", "cue")
    flipped = {n: _where(mask, getattr(batch, n).flip(-1), getattr(batch, n)) for n in names}
    intrinsics = batch.intrinsics.clone()
    intrinsics[..., 0, 2] = width - intrinsics[..., 0, 2]
    sign = torch.diag(torch.tensor([-1.0, 1.0, 1.0, 1.0], device=intrinsics.device))
    pose = sign @ batch.first_from_second @ sign
    return batch.replace(
        **flipped,
        intrinsics=_where(mask, intrinsics, batch.intrinsics),
        first_from_second=_where(mask, pose, batch.first_from_second),
    )


def crop(batch: PairBatch, height: int, width: int) -> PairBatch:
    """The same random window of both views, for all pairs."""
    full_height, full_width = batch.images.shape[-2:]
    if (height, width) == (full_height, full_width):
        return batch
    top = int(torch.randint(0, full_height - height + 1, ()))
    left = int(torch.randint(0, full_width - width + 1, ()))
    window = (..., slice(top, top + height), slice(left, left + width))
    names = ("images", "depth", "instance", "label", "cue")
    intrinsics = batch.intrinsics.clone()
    intrinsics[..., 0, 2] -= left
    intrinsics[..., 1, 2] -= top
    return batch.replace(**{n: getattr(batch, n)[window] for n in names}, intrinsics=intrinsics)


def augment(batch: PairBatch, height: int, width: int) -> PairBatch:
    """All of it: photometric, mirrored half of the time, free pairs in both orders, cropped."""
    batch = batch.replace(images=photometric(batch.images))
    mirrored, free_swapped = torch.rand(2, len(batch), device=batch.depth.device) < 0.5
    batch = mirror(batch, mirrored)
    # A mirrored rectified pair must swap its views, so that left stays left.
    batch = swap_views(batch, torch.where(batch.stereo, mirrored, free_swapped))
    return crop(batch, height, width)
