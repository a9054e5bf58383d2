# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Files become RGB pictures, or an error that says why not."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.geometry.image_files import read_picture


def test_colours_keep_their_order_and_grey_gets_three(tmp_path: Path) -> None:
    red = np.zeros((20, 30, 3), np.uint8)
    red[..., 0] = 200
    Image.fromarray(red).save(tmp_path / "red.png")
    Image.fromarray(red[..., 0]).save(tmp_path / "grey.png")
    assert (read_picture(tmp_path / "red.png") == red).all()
    assert (read_picture(tmp_path / "grey.png") == 200).all()


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    text = tmp_path / "text.png"
    text.write_text("no picture")
    for path, says in ((text, "no picture OpenCV can read"), (tmp_path / "none", "no such file")):
        with pytest.raises(SemsplatError, match=says) as refusal:
            read_picture(path)
        assert refusal.value.code is ErrorCode.IO_ERROR
