# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""``sensor_msgs/Image`` and ``CompressedImage`` to RGB uint8 arrays.

Everything that arrives is checked here before it is used. A image that cannot be used is refused
with a :class:`SemsplatError` whose sentence names the sizes; nothing else is raised, whatever the
bytes are. All functions are thread-safe and keep no state.
"""

import functools
import importlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8
from sensor_msgs.msg import CompressedImage, Image

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.nodes.inputs.compressed_images import (
    check_image_size,
    compressed_size,
    decode_file,
)

_logger = logging.getLogger(__name__)

Pixels = UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True)
class Encoding:
    """How one encoding lies in memory and becomes RGB."""

    bytes_per_pixel: int
    """Bytes of a pixel in a row; 1 for the planar formats, whose rows are the luma rows."""
    to_rgb: Callable[[np.ndarray], np.ndarray]
    """Rows as [rows, width * bytes_per_pixel] uint8, or [h, w] uint16, -> [h, w, 3] uint8 RGB."""
    even_width: bool = False
    even_height: bool = False
    half_height_chroma: bool = False
    """True if height / 2 rows of chroma follow the rows of luma (nv12, nv21)."""
    sixteen_bit: bool = False
    least_side: int = 1

    def rows(self, height: int) -> int:
        """Rows of memory for `height` rows of pixels."""
        return height * 3 // 2 if self.half_height_chroma else height


def _cvt(code: int, channels: int) -> Callable[[np.ndarray], np.ndarray]:
    """Conversion by OpenCV of rows with interleaved channels."""

    def convert(rows: np.ndarray) -> np.ndarray:
        pixels = rows if channels == 1 else rows.reshape(rows.shape[0], -1, channels)
        return cv2.cvtColor(pixels, code)

    return convert


def _bayer(code: int) -> Encoding:
    # Below 4 x 4 OpenCV has no neighbours to interpolate from and answers black.
    return Encoding(1, _cvt(code, 1), even_width=True, even_height=True, least_side=4)


def _rgb8(rows: np.ndarray) -> np.ndarray:
    return rows.reshape(rows.shape[0], -1, 3)


def _mono16(rows: np.ndarray) -> np.ndarray:
    # 65535 -> 255, rounded to nearest: the scale of cv_bridge (255 / 65535).
    grey = cv2.convertScaleAbs(rows, alpha=1.0 / 257.0)
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)


# The names are those of sensor_msgs/image_encodings.hpp. Bayer names give the upper left 2 x 2
# pixels in reading order; OpenCV's older names (COLOR_BayerBG2RGB for rggb) give the second row's,
# so the newer four-letter ones are used.
ENCODINGS: dict[str, Encoding] = {
    "rgb8": Encoding(3, _rgb8),
    "bgr8": Encoding(3, _cvt(cv2.COLOR_BGR2RGB, 3)),
    "rgba8": Encoding(4, _cvt(cv2.COLOR_RGBA2RGB, 4)),
    "bgra8": Encoding(4, _cvt(cv2.COLOR_BGRA2RGB, 4)),
    "mono8": Encoding(1, _cvt(cv2.COLOR_GRAY2RGB, 1)),
    "mono16": Encoding(2, _mono16, sixteen_bit=True),
    "yuv422": Encoding(2, _cvt(cv2.COLOR_YUV2RGB_UYVY, 2), even_width=True),
    "yuv422_yuy2": Encoding(2, _cvt(cv2.COLOR_YUV2RGB_YUY2, 2), even_width=True),
    # The names of the same two since ROS 2 Iron.
    "uyvy": Encoding(2, _cvt(cv2.COLOR_YUV2RGB_UYVY, 2), even_width=True),
    "yuyv": Encoding(2, _cvt(cv2.COLOR_YUV2RGB_YUY2, 2), even_width=True),
    "nv12": Encoding(1, _cvt(cv2.COLOR_YUV2RGB_NV12, 1), True, True, half_height_chroma=True),
    "nv21": Encoding(1, _cvt(cv2.COLOR_YUV2RGB_NV21, 1), True, True, half_height_chroma=True),
    "bayer_rggb8": _bayer(cv2.COLOR_BayerRGGB2RGB),
    "bayer_bggr8": _bayer(cv2.COLOR_BayerBGGR2RGB),
    "bayer_gbrg8": _bayer(cv2.COLOR_BayerGBRG2RGB),
    "bayer_grbg8": _bayer(cv2.COLOR_BayerGRBG2RGB),
}


def validate(message: Image | CompressedImage, max_pixels: int) -> None:
    """Refuse what :func:`decode` would refuse, as far as it can be known without decoding; cheap.

    Raises:
        SemsplatError: see :func:`decode`.
    """
    if isinstance(message, CompressedImage):
        height, width = compressed_size(_file_bytes(message))
        check_image_size(height, width, max_pixels)
    else:
        validate_image(message, max_pixels)


def decode(message: Image | CompressedImage, max_pixels: int) -> Pixels:
    """RGB pixels of either kind of image message; see the two functions below."""
    if isinstance(message, CompressedImage):
        return decode_compressed(message, max_pixels)
    return decode_image(message, max_pixels)


def decode_compressed(message: CompressedImage, max_pixels: int) -> Pixels:
    """RGB pixels of a JPEG or PNG file; its own signature decides, not the `format` field.

    Raises:
        SemsplatError: BAD_FILE if it is neither or is cut off or corrupt, INVALID_ARGUMENT if the
            header declares no pixels or more than `max_pixels` (checked before decoding) or the
            message is a compressedDepth image.
    """
    return decode_file(_file_bytes(message), max_pixels)


def decode_image(message: Image, max_pixels: int) -> Pixels:
    """RGB pixels of a raw image.

    16-bit grey is scaled to 8 bit; YUV is ITU-R BT.601 with limited range; Bayer patterns are
    interpolated. An rgb8 image without padding is returned as a view of the message's own data,
    not copied.

    Args:
        message: encoding of :data:`ENCODINGS`, or any that cv_bridge converts where it is
            installed.
        max_pixels: more are refused before anything is allocated.

    Raises:
        SemsplatError: INVALID_ARGUMENT for an unsupported encoding, an empty or too large image,
            an odd size where the format needs an even one, a step or data length that does not fit
            the size.
    """
    stride = validate_image(message, max_pixels)
    encoding = ENCODINGS.get(message.encoding)
    if encoding is None:
        return _decode_by_cv_bridge(message)
    row_bytes = message.width * encoding.bytes_per_pixel
    rows = encoding.rows(message.height)
    flat = np.frombuffer(message.data, np.uint8)
    lines = np.lib.stride_tricks.as_strided(
        flat, (rows, row_bytes), (stride, 1), writeable=flat.flags.writeable
    )
    lines = np.ascontiguousarray(lines)
    if encoding.sixteen_bit:
        lines = lines.view(">u2" if message.is_bigendian else "<u2").astype(np.uint16, copy=False)
    return encoding.to_rgb(lines)


def validate_image(message: Image, max_pixels: int) -> int:
    """Check the header fields of a raw image against each other and against its data; O(1).

    Returns:
        Bytes from one row of memory to the next.

    Raises:
        SemsplatError: INVALID_ARGUMENT, see :func:`decode_image`.
    """
    height, width, step = message.height, message.width, message.step
    check_image_size(height, width, max_pixels)
    length = _byte_length(message.data)
    encoding = ENCODINGS.get(message.encoding)
    if encoding is None:
        _require_cv_bridge(message.encoding)
        _check_length(message, step, height, 1, length)
        return step
    if (encoding.even_width and width % 2) or (encoding.even_height and height % 2):
        needs = "width and height" if encoding.even_height else "width"
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"image is {width} x {height}; encoding {message.encoding} needs an even {needs}",
        )
    if min(height, width) < encoding.least_side:
        least = f"{encoding.least_side} x {encoding.least_side}"
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"image is {width} x {height}; encoding {message.encoding} needs at least {least}",
        )
    row_bytes = width * encoding.bytes_per_pixel
    rows = encoding.rows(height)
    if encoding.half_height_chroma and 2 * step == 3 * width and length == step * height:
        # Some drivers spread the planes over `height` rows so that step * height is the data
        # length.
        step = width
    _check_length(message, step, rows, row_bytes, length)
    return step


def _check_length(message: Image, step: int, rows: int, row_bytes: int, length: int) -> None:
    """Refuse a too small step and data that is not `rows` rows (the last may lack its padding)."""
    what = f"image {message.width} x {message.height} {message.encoding}"
    if step < row_bytes:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT, f"{what}: step is {step}, a row needs {row_bytes} bytes"
        )
    least = step * (rows - 1) + row_bytes
    if not least <= length <= step * rows:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"{what} with step {step} has {length} bytes of data; "
            f"{rows} rows need {step * rows} bytes",
        )


def _byte_length(data: Any) -> int:
    """Bytes of a message's data; rclpy delivers an array.array, a test may hand over bytes."""
    try:
        return memoryview(data).nbytes
    except TypeError:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"image data is a {type(data).__name__}; it must be bytes or array.array('B')",
        ) from None


def _file_bytes(message: CompressedImage) -> bytes:
    if "compressedDepth" in message.format:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"compressed image has format {message.format!r}, a depth image; "
            "supported: jpeg and png colour images",
        )
    _byte_length(message.data)
    return bytes(message.data)


@functools.cache
def _cv_bridge() -> tuple[Any, str]:
    """The converter of cv_bridge, or None and why not. Imported once, and only if it is needed."""
    try:
        return importlib.import_module("cv_bridge").CvBridge(), ""
    except Exception as error:  # built for another numpy it raises more than ImportError
        _logger.info("cv_bridge is not usable: %s", error)
        return None, f"{type(error).__name__}: {error}"


def _require_cv_bridge(encoding: str) -> None:
    bridge, why_not = _cv_bridge()
    if bridge is None:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"encoding {encoding[:40]!r} is not supported; supported: {', '.join(ENCODINGS)}; "
            f"others need cv_bridge, which is not usable here ({why_not})",
        )


def _decode_by_cv_bridge(message: Image) -> Pixels:
    bridge, _ = _cv_bridge()
    try:
        rgb = np.asarray(bridge.imgmsg_to_cv2(message, desired_encoding="rgb8"))
    except Exception as error:  # CvBridgeError, TypeError for short data, cv2.error, KeyError, ...
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"cv_bridge cannot convert encoding {message.encoding[:40]!r} to rgb8 "
            f"({type(error).__name__}: {error}); supported without it: {', '.join(ENCODINGS)}",
        ) from error
    if rgb.shape != (message.height, message.width, 3) or rgb.dtype != np.uint8:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"cv_bridge made {rgb.dtype} {rgb.shape} from a {message.width} x {message.height} "
            f"{message.encoding[:40]!r} image; expected uint8 RGB of the same size",
        )
    return np.ascontiguousarray(rgb)
