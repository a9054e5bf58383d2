# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Images of any size to the views that a model takes and back: central crop, area resize,
intrinsics with them."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import torch
from jaxtyping import Float, Shaped, UInt8
from torch import Tensor

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.geometry.plausibility import baseline_fault, intrinsics_fault
from semsplat_ros.geometry.resampling import resample
from semsplat_ros.scene import CameraPrior, Crop, ModelInfo, Resampling, Views

MIN_SIDE = 16
"""Pixels; a smaller image is a mistake."""
PATCH = 16
"""Sides of a network image that keeps an image's shape are multiples of it, and two at least."""


def central_crop(height: int, width: int, network_height: int, network_width: int) -> Crop:
    """The largest central rectangle of an image that has the network's aspect ratio, to whole
    pixels."""
    across = min(width, round(height * network_width / network_height))
    down = min(height, round(width * network_height / network_width))
    return Crop(
        original_height=height,
        original_width=width,
        left=(width - across) // 2,
        top=(height - down) // 2,
        width=across,
        height=down,
        network_height=network_height,
        network_width=network_width,
    )


def same_shape(height: int, width: int, image_size: tuple[int, int]) -> tuple[int, int]:
    """Height and width of a network image that shows nearly all of an image, as DUSt3R's images
    are loaded: the longer side becomes that of `image_size`, both are cut to whole patches, and of
    a square image only what `image_size` shows is kept.

    Args:
        height: of the image.
        width: of the image.
        image_size: height and width of the network image of a 4:3 image, landscape.
    """
    factor = max(image_size) / max(height, width)
    scaled = round(height * factor), round(width * factor)
    if scaled[0] == scaled[1]:
        return image_size
    down, across = (max(side // PATCH, 2) * PATCH for side in scaled)
    return down, across


def widened(
    height: int, width: int, image_size: tuple[int, int], max_width: int
) -> tuple[int, int]:
    """Height and width of a network image that grows with images that are wider than it, by
    whole patches.

    Args:
        height: of the image.
        width: of the image.
        image_size: height and width of the network image; its height stays.
        max_width: pixels that its width grows to at most.
    """
    network_height, least = image_size
    fitting = network_height * width // height // PATCH * PATCH
    return network_height, max(least, min(fitting, max_width))


def original_image(
    network_image: Shaped[np.ndarray, "h w"], crop: Crop, empty: float = 0
) -> Shaped[np.ndarray, "hh ww"]:
    """A map of the network image in its original image; `empty` outside the crop.

    By the nearest pixel, so that numbers of objects stay numbers of objects.
    """
    out = np.full((crop.original_height, crop.original_width), empty, network_image.dtype)
    inside = out[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
    size = (crop.width, crop.height)
    cv2.resize(network_image, size, dst=inside, interpolation=cv2.INTER_NEAREST_EXACT)
    return out


def at_network_pixels(original_map: Shaped[np.ndarray, "hh ww"], crop: Crop) -> np.ndarray:
    """A map of an original image [hh, ww] at the centres of the network image's pixels
    [h, w]."""
    rows = crop.top + (np.arange(crop.network_height) + 0.5) / crop.scale_y
    columns = crop.left + (np.arange(crop.network_width) + 0.5) / crop.scale_x
    return original_map[np.ix_(rows.astype(int), columns.astype(int))]


def prepare_views(
    original_images: Sequence[np.ndarray], info: ModelInfo, prior: CameraPrior = CameraPrior()
) -> Views:
    """Crop and resize the images of one moment to a model's size. Everything stays on the CPU.

    Args:
        original_images: RGB uint8, one for each view, at least two, first view first; sizes may
            differ unless the pair is rectified.
        info: of the model: what its network images look like.
        prior: what is known about the cameras. Where the intrinsics of only some views are known
            they are taken for the others of the same size too (one rig, one make of camera); if
            that does not give all of them, all are estimated.

    Raises:
        SemsplatError: INVALID_ARGUMENT for fewer than two images, for images that are no RGB
            uint8 images of at least 16 x 16 pixels, and for a prior that cannot be: as many
            entries as images or none, positive focal lengths, a positive baseline, a rectified
            pair of one size.
    """
    images = tuple(original_images)
    if len(images) < 2:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"{len(images)} images given; a scene takes at least two images of the same place",
        )
    for image in images:
        _check_image(image)
    prior = _checked(prior, images)
    rectified = prior.rectified_baseline is not None
    height, width = info.image_size
    if info.max_width and prior.intrinsics and rectified:
        height, width = widened(*_size(images[0]), info.image_size, info.max_width)
    if info.keep_shape:
        shapes = [same_shape(*_size(image), info.image_size) for image in images]
        height, width = (min(sides) for sides in zip(*shapes, strict=True))
    crops = tuple(central_crop(*_size(image), height, width) for image in images)
    stereo = None
    if info.stereo_factor > 0 and rectified:
        finer = height * info.stereo_factor, width * info.stereo_factor
        stereo = _resize(images[:2], crops[:2], *finer)
    return Views(
        images=_resize(images, crops, height, width, info.resampling),
        crops=crops,
        prior=prior,
        stereo_images=stereo,
    )


def _size(image: np.ndarray) -> tuple[int, int]:
    height, width = image.shape[:2]
    return height, width


def _checked(prior: CameraPrior, images: tuple[np.ndarray, ...]) -> CameraPrior:
    """The prior with the intrinsics of all views, or of none."""
    for what in ("intrinsics", "first_from_view", "stamps_ns"):
        given = len(getattr(prior, what))
        if given not in (0, len(images)):
            raise SemsplatError(
                ErrorCode.INVALID_ARGUMENT,
                f"{given} {what} given for {len(images)} images; give one for each, with None for "
                "what is unknown, or none at all",
            )
    if prior.baseline is not None:
        _check_baseline(prior, images)
    return replace(
        prior,
        intrinsics=_complete(prior.intrinsics, images),
        # NumPy's floats too: a tensor made of one would be float64.
        baseline=None if prior.baseline is None else float(prior.baseline),
    )


def _resize(
    original_images: tuple[UInt8[np.ndarray, "_ _ 3"], ...],
    crops: tuple[Crop, ...],
    height: int,
    width: int,
    resampling: Resampling = Resampling.AREA,
) -> Float[Tensor, "v 3 {height} {width}"]:
    return torch.stack(
        [
            resample(image, crop, height, width, resampling)
            for image, crop in zip(original_images, crops, strict=True)
        ]
    )


def _complete(
    intrinsics: tuple[Tensor | np.ndarray | None, ...], images: tuple[np.ndarray, ...]
) -> tuple[Float[Tensor, "3 3"], ...]:
    """Intrinsics for every image, or none if they cannot be had for all."""
    matrices = [None if k is None else _matrix(k) for k in intrinsics]
    for k, image in zip(matrices, images, strict=False):
        fault = "" if k is None else intrinsics_fault(k.numpy(), *_size(image))
        if fault:
            raise SemsplatError(
                ErrorCode.INVALID_ARGUMENT, f"intrinsics: {fault}; give None if they are unknown"
            )
    by_size: dict[tuple[int, ...], Tensor] = {}
    for k, image in zip(matrices, images, strict=False):
        if k is not None:
            by_size.setdefault(image.shape[:2], k)
    chosen = [
        by_size.get(image.shape[:2]) if k is None else k
        for k, image in zip(matrices, images, strict=False)
    ]
    return () if any(k is None for k in chosen) else tuple(chosen)


def _check_image(image: np.ndarray) -> None:
    if not isinstance(image, np.ndarray):
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"an image of type {type(image).__name__} given; give a NumPy array, RGB uint8",
        )
    shape, kind = image.shape, image.dtype
    if kind != np.uint8 or len(shape) != 3 or shape[2] != 3 or min(shape[:2]) < MIN_SIDE:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"an image of shape {shape} and type {kind} given; give RGB uint8 "
            f"[height, width, 3] of at least {MIN_SIDE} x {MIN_SIDE} pixels",
        )


def _check_baseline(prior: CameraPrior, images: tuple[np.ndarray, ...]) -> None:
    if fault := baseline_fault(float(prior.baseline)):
        raise SemsplatError(ErrorCode.INVALID_ARGUMENT, fault)
    sizes = {image.shape[:2] for image in images[:2]}
    if prior.rectified and len(sizes) > 1:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"a rectified pair was given with images of the sizes {sorted(sizes)}; the images of "
            "a rectified pair have one size: rectify them, or say that they are not rectified",
        )


def _matrix(k: Tensor | np.ndarray) -> Float[Tensor, "3 3"]:
    """Intrinsics as float32, on the CPU."""
    matrix = torch.as_tensor(k).detach().cpu().float()
    if matrix.shape != (3, 3):
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"intrinsics of shape {tuple(matrix.shape)} given; give the 3 x 3 camera matrix, of a "
            "projection its first three columns",
        )
    return matrix
