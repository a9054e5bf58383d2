# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Changes that make more of a pair without making it wrong."""

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from semsplat_ros.training.shards import PairBatch

GREY_SHARE, INFRARED_SHARE = 0.12, 0.05
BLUR_SHARE, JPEG_SHARE = 0.25, 0.2
UNEQUAL_SHARE = 0.15
"""Share of pairs whose views differ much in exposure, as of cameras that meter on their own."""
BLUR_TAPS = 9
LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in brightness (ITU-R BT.601)."""

Images = Float[Tensor, "b 2 3 h w"]


def photometric(images: Images) -> Images:
    """What ordinary cameras do to a picture: white balance, exposure (a little or, now and then,
    much different per view), gamma, contrast, grey and infrared pictures, blur, noise and JPEG.
    Values stay in 0..1.
    """

    def uniform(low: float, high: float, views: int = 1, channels: int = 1) -> Tensor:
        shape = (images.shape[0], views, channels, 1, 1)
        return torch.rand(shape, device=images.device) * (high - low) + low

    def drawn(share: float) -> Tensor:
        return torch.rand(images.shape[0], device=images.device) < share

    images = images * uniform(0.82, 1.18, channels=3) * uniform(0.7, 1.35)
    unequal = _where(
        drawn(UNEQUAL_SHARE), uniform(0.7, 1.3, views=2), uniform(0.96, 1.04, views=2)
    )
    images = (images * unequal).clamp(1e-4, 1.0) ** uniform(0.75, 1.35)
    mean = images.mean((2, 3, 4), keepdim=True)
    images = ((images - mean) * uniform(0.8, 1.2) + mean).clamp(0.0, 1.0)
    images = _where(drawn(GREY_SHARE), grey(images), images)
    images = _where(drawn(INFRARED_SHARE), infrared(images), images)
    sigma = torch.rand(images.shape[0], device=images.device) * 1.1 + 0.3
    images = blur(images, sigma * drawn(BLUR_SHARE))
    # Light comes in photons: bright pixels are noisier than dark ones.
    noise = uniform(0.0, 0.03) * (0.6 + 0.8 * images.sqrt())
    images = (images + torch.randn_like(images) * noise).clamp(0.0, 1.0)
    qualities = torch.randint(35, 96, (images.shape[0],))
    for index in drawn(JPEG_SHARE).nonzero().flatten().tolist():
        images[index] = jpeg(images[index], int(qualities[index]))
    return images


def grey(images: Images) -> Images:
    """Brightness in all three channels."""
    weights = images.new_tensor(LUMA).view(3, 1, 1)
    return (images * weights).sum(2, keepdim=True).expand_as(images)


def infrared(images: Images) -> Images:
    """About what an active infrared camera sees: one channel, red things bright, its lamp in the
    middle of the picture.
    """
    weights = images.new_tensor((0.75, 0.2, 0.05)).view(3, 1, 1)
    single = (images * weights).sum(2, keepdim=True) ** 0.8
    y, x = (torch.linspace(-1, 1, n, device=images.device) for n in images.shape[-2:])
    lamp = 1.1 - 0.45 * (y[:, None] ** 2 + x**2) / 2
    return (single * lamp).clamp(0.0, 1.0).expand_as(images)


def blur(images: Images, sigma: Float[Tensor, " b"]) -> Images:
    """Gaussian blur by a sigma in pixels for each pair; 0 leaves a pair as it is."""
    b, views, channels, height, width = images.shape
    taps = torch.arange(BLUR_TAPS, device=images.device) - BLUR_TAPS // 2
    kernel = torch.exp(-0.5 * (taps / sigma.clamp_min(1e-3)[:, None]) ** 2)
    kernel = kernel / kernel.sum(1, keepdim=True)
    kernel = kernel.repeat_interleave(views * channels, 0)[:, None]
    flat = images.reshape(1, b * views * channels, height, width)
    edge = BLUR_TAPS // 2
    for shape, padding in (
        ((BLUR_TAPS, 1), (0, 0, edge, edge)),
        ((1, BLUR_TAPS), (edge, edge, 0, 0)),
    ):
        padded = functional.pad(flat, padding, mode="replicate")
        flat = functional.conv2d(padded, kernel.view(-1, 1, *shape), groups=flat.shape[1])
    return _where(sigma > 0, flat.view_as(images), images)


def jpeg(images: Float[Tensor, "2 3 h w"], quality: int) -> Float[Tensor, "2 3 h w"]:
    """A pair after JPEG compression of a quality of 1 to 100."""
    pixels = (images * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    decoded = []
    for view in pixels:
        bgr = cv2.cvtColor(view, cv2.COLOR_RGB2BGR)
        _, file = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
        decoded.append(cv2.cvtColor(cv2.imdecode(file, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB))
    return torch.from_numpy(np.stack(decoded)).permute(0, 3, 1, 2).to(images) / 255


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
