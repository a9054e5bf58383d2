# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Images from files."""

import re
from pathlib import Path

import cv2
from jaxtyping import UInt8
from numpy import ndarray

from semsplat_ros.errors import ErrorCode, SemsplatError

JPEG_TAIL = 1 << 16
"""Bytes at the end of a JPEG file in which its end marker is looked for: cameras append data."""
VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
PHONES = (".heic", ".heif")


def read_image(path: Path) -> UInt8[ndarray, "h w 3"]:
    """RGB, of any file that OpenCV reads; turned as its EXIF data say, `~` is the home folder.

    Raises:
        SemsplatError: IO_ERROR if there is no such file, or it is no whole image, with what it is
            instead.
    """
    file = path.expanduser()
    fault = _fault(file)
    image = None
    if not fault:
        try:
            image = cv2.imread(str(file), cv2.IMREAD_COLOR)
        except cv2.error:  # more pixels than OpenCV reads
            image = None
    if image is None:
        fault = fault or "it is no image OpenCV can read"
        raise SemsplatError(ErrorCode.IO_ERROR, f"cannot read {path}: {fault}")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _fault(file: Path) -> str:
    """What a file is that is no image, or ""."""
    if "://" in str(file) or re.match(r"https?:/", str(file)):
        return "it is an address; download the image first"
    if file.is_dir():
        return "it is a folder; name an image file in it"
    if not file.is_file():
        return "there is no such file"
    if file.suffix.lower() in VIDEOS:
        return "it is a video; take two frames out of it and give those"
    if file.suffix.lower() in PHONES:
        return "it is a HEIC file, which OpenCV does not read; save it as JPEG or PNG"
    with file.open("rb") as opened:
        start = opened.read(2)
        opened.seek(-min(file.stat().st_size, JPEG_TAIL), 2)
        end = opened.read()
    if start == b"\xff\xd8" and b"\xff\xd9" not in end:
        return "the JPEG file is cut off; copy it again"
    return ""
