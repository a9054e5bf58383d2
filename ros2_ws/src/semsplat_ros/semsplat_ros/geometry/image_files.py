# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Images from files."""

from pathlib import Path

import cv2
from jaxtyping import UInt8
from numpy import ndarray

from semsplat_ros.errors import ErrorCode, SemsplatError


def read_image(path: Path) -> UInt8[ndarray, "h w 3"]:
    """RGB, of any file that OpenCV reads.

    Raises:
        SemsplatError: IO_ERROR if there is no such file, or it is no image.
    """
    try:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.is_file() else None
    except cv2.error:  # more pixels than OpenCV reads
        image = None
    if image is None:
        what = "it is no image OpenCV can read" if path.is_file() else "there is no such file"
        raise SemsplatError(ErrorCode.IO_ERROR, f"cannot read {path}: {what}")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
