# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""JPEG and PNG files of ``sensor_msgs/CompressedImage``; the size is read before decoding."""

import struct

import cv2
import numpy as np
from jaxtyping import UInt8

from semsplat_ros.errors import ErrorCode, SemsplatError

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"IEND\xaeB`\x82"
_JPEG_START = b"\xff\xd8\xff"
_JPEG_END = b"\xff\xd9"
# Start-of-frame markers carry the size (ITU-T T.81, table B.1); C4, C8 and CC are other segments.
_JPEG_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_START_OF_SCAN = 0xDA
_JPEG_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})


def compressed_size(data: bytes) -> tuple[int, int]:
    """Height and width that a JPEG or PNG file declares, without decoding it.

    Raises:
        SemsplatError: BAD_FILE if the data is neither, is cut off, or its header is broken.
    """
    if data.startswith(_PNG_SIGNATURE):
        return _png_size(data)
    if data.startswith(_JPEG_START):
        return _jpeg_size(data)
    raise SemsplatError(
        ErrorCode.BAD_FILE,
        f"compressed image of {len(data)} bytes begins with {data[:4].hex(' ') or 'nothing'}; "
        "supported: jpeg (ff d8 ff) and png (89 50 4e 47)",
    )


def decode_file(data: bytes, max_pixels: int) -> UInt8[np.ndarray, "h w 3"]:
    """RGB pixels of a JPEG or PNG file.

    16-bit PNG keeps its high bytes, grey becomes three equal channels.
    The EXIF orientation is ignored: CameraInfo describes the sensor's rows, not the photograph's.

    Raises:
        SemsplatError: BAD_FILE if the file cannot be decoded, INVALID_ARGUMENT if it is larger
            than `max_pixels` or empty; checked before memory for the image is taken.
    """
    height, width = compressed_size(data)
    check_image_size(height, width, max_pixels)
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise SemsplatError(ErrorCode.BAD_FILE, _undecodable(data, height, width)) from error
    if bgr is None or bgr.shape != (height, width, 3):
        raise SemsplatError(ErrorCode.BAD_FILE, _undecodable(data, height, width))
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def check_image_size(height: int, width: int, max_pixels: int) -> None:
    """Refuse an empty image and one with more than `max_pixels` pixels (INVALID_ARGUMENT)."""
    if height <= 0 or width <= 0:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT, f"image is {width} x {height} pixels; it must not be empty"
        )
    if height * width > max_pixels:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"image is {width} x {height} = {height * width} pixels, more than "
            f"input.max_pixels = {max_pixels}; raise it or send smaller images",
        )


def _png_size(data: bytes) -> tuple[int, int]:
    """Height and width from the IHDR chunk (PNG specification, section 11.2.2)."""
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise SemsplatError(
            ErrorCode.BAD_FILE, f"png of {len(data)} bytes has no complete IHDR header"
        )
    if data.rfind(_PNG_END) < 0:
        raise SemsplatError(
            ErrorCode.BAD_FILE, f"png of {len(data)} bytes has no IEND chunk: it is cut off"
        )
    width, height = struct.unpack(">II", data[16:24])
    return height, width


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Height and width from the start-of-frame segment (ITU-T T.81, section B.2)."""
    size: tuple[int, int] | None = None
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker in _JPEG_WITHOUT_LENGTH:
            at += 2
            continue
        (length,) = struct.unpack(">H", data[at + 2 : at + 4])
        if marker in _JPEG_START_OF_FRAME and at + 9 <= len(data):
            size = struct.unpack(">HH", data[at + 5 : at + 9])
        if marker == _JPEG_START_OF_SCAN:
            return _whole_jpeg(data, at, size)
        at += 2 + length
    raise SemsplatError(
        ErrorCode.BAD_FILE,
        f"jpeg of {len(data)} bytes has no scan: it is cut off or corrupt at byte {at}",
    )


def _whole_jpeg(data: bytes, scan: int, size: tuple[int, int] | None) -> tuple[int, int]:
    """The size, if the scan that begins at byte `scan` has an end.

    Old OpenCV versions decode a cut-off file to a image that is half grey, so it is refused
    here. Inside a scan ff is always followed by 00 or a restart marker, so ff d9 cannot be image
    data.
    """
    if size is None:
        raise SemsplatError(
            ErrorCode.BAD_FILE, f"jpeg of {len(data)} bytes has no frame header before its scan"
        )
    if data.rfind(_JPEG_END, scan) < 0:
        raise SemsplatError(
            ErrorCode.BAD_FILE, f"jpeg of {len(data)} bytes has no end marker: it is cut off"
        )
    return size


def _undecodable(data: bytes, height: int, width: int) -> str:
    kind = "png" if data.startswith(_PNG_SIGNATURE) else "jpeg"
    return f"{kind} of {len(data)} bytes ({width} x {height}) is corrupt: OpenCV cannot decode it"
