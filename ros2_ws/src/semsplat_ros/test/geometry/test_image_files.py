# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Files become RGB images, or an error that says why not."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.geometry.image_files import read_image


def test_colours_keep_their_order_and_grey_gets_three(tmp_path: Path) -> None:
    red = np.zeros((20, 30, 3), np.uint8)
    red[..., 0] = 200
    Image.fromarray(red).save(tmp_path / "red.png")
    Image.fromarray(red[..., 0]).save(tmp_path / "grey.png")
    assert (read_image(tmp_path / "red.png") == red).all()
    assert (read_image(tmp_path / "grey.png") == 200).all()


def test_what_is_no_image_is_named(tmp_path: Path) -> None:
    text = tmp_path / "text.png"
    text.write_text("no image")
    for path, says in ((text, "no image OpenCV can read"), (tmp_path / "none", "no such file")):
        with pytest.raises(SemsplatError, match=says) as refusal:
            read_image(path)
        assert refusal.value.code is ErrorCode.IO_ERROR
