# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Files become RGB images, or an error that says why not."""

from pathlib import Path

import cv2
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


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("folder", "it is a folder"),
        ("film.mp4", "it is a video"),
        ("phone.heic", "HEIC"),
        ("none.png", "no such file"),
        ("cut.jpg", "cut off"),
        ("empty.png", "no image"),
    ],
)
def test_what_is_no_image_is_called_by_its_name(tmp_path, name, says):
    (tmp_path / "folder").mkdir()
    for written in ("film.mp4", "phone.heic", "empty.png"):
        (tmp_path / written).write_bytes(b"")
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "whole.jpg"), pixels)
    whole = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SemsplatError, match=says) as refusal:
        read_image(tmp_path / name)
    assert refusal.value.code is ErrorCode.IO_ERROR
    (tmp_path / "whole.jpg").write_bytes(whole + bytes(100))
    assert read_image(tmp_path / "whole.jpg").shape == (40, 60, 3), "what a camera appends"


def test_an_address_is_no_file_and_the_home_folder_is_found(tmp_path, monkeypatch):
    with pytest.raises(SemsplatError, match="download"):
        read_image(Path("https://example.org/left.png"))
    monkeypatch.setenv("HOME", str(tmp_path))
    cv2.imwrite(str(tmp_path / "x.png"), np.zeros((20, 30, 3), np.uint8))
    assert read_image(Path("~/x.png")).shape == (20, 30, 3)


def test_images_are_turned_as_the_phone_was_held(tmp_path):
    picture = Image.fromarray(np.zeros((40, 60, 3), np.uint8))
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "phone.jpg", exif=exif)
    assert read_image(tmp_path / "phone.jpg").shape == (60, 40, 3)
