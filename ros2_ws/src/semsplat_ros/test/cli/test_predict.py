# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""``semsplat predict``: what cannot be read or written is one line; odd images work."""

import json

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from semsplat_ros.cli import predict

app = typer.Typer()
predict.register(app)


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "an image.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (40, 60), np.uint8))
    return path


def test_what_is_no_image_is_refused_in_one_line(tmp_path, image):
    text = tmp_path / "text.png"
    text.write_text("no image")
    for bad, words in ((tmp_path / "none.png", "no such file"), (text, "no image")):
        result = run(image, bad, "--out", tmp_path / "out")
        assert result.exit_code == 2
        assert words in result.stderr and len(result.stderr.strip().splitlines()) == 1
    assert run(tmp_path, image).exit_code == 2


def test_a_folder_that_cannot_be_made_is_refused_before_the_model_is_loaded(image, monkeypatch):
    monkeypatch.setattr("semsplat_ros.perceiver.load_perceiver", pytest.fail)
    result = run(image, image, "--out", image / "below")
    assert result.exit_code == 2
    assert str(image) in result.stderr and len(result.stderr.strip().splitlines()) == 1


def test_grey_and_transparent_images_of_two_sizes(tmp_path, image):
    other = tmp_path / "other.png"
    pixels = np.random.default_rng(1).integers(0, 255, (50, 30, 4), np.uint8)
    cv2.imwrite(str(other), pixels)
    out = tmp_path / "what comes out"
    result = run(image, other, "--out", out, "--query", "find the chair")
    assert result.exit_code == 0, result.output
    scene = json.loads((out / "scene.json").read_text())
    assert scene["queries"][0]["concept"] == "chair"
    assert cv2.imread(str(out / "masks_left.png"), cv2.IMREAD_UNCHANGED).shape == (40, 60)
    assert np.load(out / "depth_right.npy").ndim == 2


def test_three_images_make_one_scene(tmp_path, image):
    out = tmp_path / "out"
    result = run(image, image, image, "--out", out, "--query", "chair")
    assert result.exit_code == 0, result.output
    scene = json.loads((out / "scene.json").read_text())
    assert len(scene["first_from_view"]) == 3
    assert all(len(found["rois"]) == 3 for found in scene["instances"])
    for name in ("1", "2", "3"):
        assert (out / f"masks_{name}.png").exists() and (out / f"depth_{name}.npy").exists()


def test_one_image_and_a_layout_that_a_model_does_not_have_are_refused(tmp_path, image):
    out = ("--out", tmp_path / "out")
    alone = run(image, *out)
    assert alone.exit_code == 2 and "at least two images" in alone.stderr
    layout = run(image, image, *out, "--view-layout", "joined")
    assert layout.exit_code == 2 and "spatialsplat and noposplat" in layout.stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--focal", 35), "not in millimetres"),
        (("--focal", 1e6), "degrees"),
        (("--focal", 50, "--focal", 50, "--focal", 50), "3 focal lengths given for 2 images"),
        (("--baseline", 120), "millimetres (0.12 m)"),
        (("--baseline", 1e-9), "5 mm"),
    ],
)
def test_numbers_in_another_unit_are_refused_with_a_sentence(tmp_path, options, says):
    path = tmp_path / "image.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (480, 640), np.uint8))
    result = run(path, path, "--out", tmp_path / "out", *options)
    assert result.exit_code == 2
    assert says in result.stderr and len(result.stderr.strip().splitlines()) == 1


def test_one_focal_length_for_two_sizes_is_refused_and_one_for_each_works(tmp_path, image):
    other = tmp_path / "other.png"
    cv2.imwrite(str(other), np.random.default_rng(1).integers(0, 255, (50, 30), np.uint8))
    one = run(image, other, "--out", tmp_path / "out", "--focal", 60)
    assert one.exit_code == 2 and "60 x 40" in one.stderr
    both = run(image, other, "--out", tmp_path / "out", "--focal", 60, "--focal", 40)
    assert both.exit_code == 0, both.output
