# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Images of any size to the views that a model takes and back: central crop, area resize,
intrinsics with them."""

import cv2
import numpy as np
import torch
from jaxtyping import Float, Shaped, UInt8
from torch import Tensor

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.geometry.resampling import Resampling, resample
from semsplat_ros.scene import Crop, IntrinsicsSource, Views

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
    original_images: tuple[np.ndarray, ...],
    image_size: tuple[int, int],
    *,
    stereo_factor: int = 0,
    resampling: Resampling = Resampling.AREA,
    keep_shape: bool = False,
    max_width: int = 0,
    intrinsics: tuple[Tensor | np.ndarray | None, ...] = (None, None),
    intrinsics_source: IntrinsicsSource = IntrinsicsSource.PARAMETER,
    baseline: float | None = None,
    stamps_ns: tuple[int, ...] = (),
    frame: str = "",
) -> Views:
    """Crop and resize images to a model's size. Everything stays on the CPU.

    Args:
        original_images: RGB uint8, one for each view, first view first; sizes may differ.
        image_size: height and width of the network image.
        stereo_factor: how many times finer `stereo_images` are; 0 = none. They are made where a
            baseline is given.
        resampling: how pixels are combined; `stereo_images` are always made by area.
        keep_shape: take a network image of the images' shape (:func:`same_shape`), of two
            shapes what both have, instead of one of `image_size`.
        max_width: pixels that the network image's width grows to at most (:func:`widened`) where
            the pair is rectified and intrinsics and baseline are known; 0 = it does not.
        intrinsics: [3, 3] of the original images, in pixels; where only one is known it is taken
            for the others of the same size too (one rig, one make of camera), else all are
            estimated.
        intrinsics_source: where given intrinsics came from; ESTIMATED is reported if none are
            used.
        baseline: metres along +x between the views if the pair is rectified and it is known, else
            None.
        stamps_ns: acquisition times, one for each view.
        frame: name of the first camera's optical frame.

    Raises:
        SemsplatError: INVALID_ARGUMENT for images that are no RGB uint8 images of at least 16 x
            16 pixels, for a baseline that is not a positive number, for a rectified pair of two
            sizes and for intrinsics without a positive focal length.
    """
    for image in original_images:
        _check_image(image)
    if baseline is not None:
        _check_baseline(baseline, original_images)
    known = _complete(intrinsics, original_images)
    height, width = image_size
    if max_width and known is not None and baseline is not None:
        height, width = widened(
            original_images[0].shape[0], original_images[0].shape[1], image_size, max_width
        )
    if keep_shape:
        shapes = [same_shape(p.shape[0], p.shape[1], image_size) for p in original_images]
        height, width = (min(sides) for sides in zip(*shapes, strict=True))
    crops = tuple(central_crop(p.shape[0], p.shape[1], height, width) for p in original_images)
    stereo = None
    if stereo_factor > 0 and baseline is not None:
        stereo = _resize(original_images, crops, height * stereo_factor, width * stereo_factor)
    return Views(
        images=_resize(original_images, crops, height, width, resampling),
        crops=crops,
        intrinsics=None
        if known is None
        else torch.stack([crop.to_network(k) for crop, k in zip(crops, known, strict=True)]),
        intrinsics_source=IntrinsicsSource.ESTIMATED if known is None else intrinsics_source,
        # NumPy's floats too: a tensor made of one would be float64.
        rectified_baseline=None if baseline is None else float(baseline),
        stereo_images=stereo,
        stamps_ns=stamps_ns,
        frame=frame,
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
    intrinsics: tuple[Tensor | np.ndarray | None, ...],
    original_images: tuple[UInt8[np.ndarray, "_ _ 3"], ...],
) -> list[Float[Tensor, "3 3"]] | None:
    """Intrinsics for every image, or None if they cannot be had for all."""
    if len(intrinsics) != len(original_images):
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"{len(intrinsics)} intrinsics for {len(original_images)} images given; give one "
            "for each or None",
        )
    matrices = [None if k is None else _matrix(k) for k in intrinsics]
    by_size: dict[tuple[int, ...], Tensor] = {}
    for k, image in zip(matrices, original_images, strict=True):
        if k is not None:
            by_size.setdefault(image.shape[:2], k)
    out = []
    for k, image in zip(matrices, original_images, strict=True):
        chosen = by_size.get(image.shape[:2]) if k is None else k
        if chosen is None:
            return None
        out.append(chosen)
    return out


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


def _check_baseline(baseline: float, original_images: tuple[np.ndarray, ...]) -> None:
    if not (np.isfinite(baseline) and baseline > 0.0):
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"baseline {baseline} given; it is metres along +x and positive, or None if unknown",
        )
    sizes = {p.shape[:2] for p in original_images}
    if len(sizes) > 1:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"a baseline was given for images of the sizes {sorted(sizes)}; the images of a "
            "rectified pair have one size: give no baseline or rectify them",
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
    _check_intrinsics(matrix)
    return matrix


def _check_intrinsics(k: Float[Tensor, "3 3"]) -> None:
    if not (bool(torch.isfinite(k).all()) and float(k[0, 0]) > 0.0 and float(k[1, 1]) > 0.0):
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"intrinsics {k.tolist()} given; focal lengths are positive pixels, give None if "
            f"unknown",
        )
