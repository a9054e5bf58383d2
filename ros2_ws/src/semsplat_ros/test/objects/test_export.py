# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Files come back as what was written."""

import json
from pathlib import Path

import cv2
import numpy as np
import torch

from semsplat_ros.objects.export import write_all, write_ply
from semsplat_ros.objects.instances import instance_map
from semsplat_ros.perceiver import Perceiver
from semsplat_ros.scene import Gaussians
from test.support.fake_model import FakeModel, block_image

LEFT = block_image({"red": (20, 40, 40, 60), "green": (100, 60, 30, 30)})


def read_ply(path: Path) -> np.ndarray:
    """Vertices of a binary PLY whose properties are all floats, by its own header."""
    header, body = path.read_bytes().split(b"end_header\n", 1)
    lines = header.decode().splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    names = [line.split()[2] for line in lines if line.startswith("property float ")]
    count = next(int(line.split()[2]) for line in lines if line.startswith("element vertex "))
    assert len(body) == 4 * len(names) * count
    return np.frombuffer(body, [(name, "<f4") for name in names])


def test_ply_has_the_layout_of_3d_gaussian_splatting(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    count = 5
    gaussians = Gaussians(
        means=torch.randn(count, 3, generator=generator),
        scales=torch.rand(count, 3, generator=generator) + 0.1,
        quats_wxyz=torch.tensor([[1.0, 0, 0, 0]]).repeat(count, 1),
        opacities=torch.tensor([0.0, 0.2, 0.5, 0.9, 1.0]),
        sh=torch.randn(count, 4, 3, generator=generator),
        view=torch.zeros(count, dtype=torch.long),
        pixel=torch.arange(count),
    )
    write_ply(gaussians, tmp_path / "x.ply")
    vertex = read_ply(tmp_path / "x.ply")
    names = list(vertex.dtype.names)
    assert names[:9] == ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2"]
    assert names[-8:] == [
        "opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3",
    ]  # fmt: skip
    assert np.allclose(vertex["f_rest_3"], gaussians.sh[:, 1, 1]), "colour-major: G starts at 3"
    assert np.allclose(np.exp(vertex["scale_1"]), gaussians.scales[:, 1])
    opacity = 1 / (1 + np.exp(-vertex["opacity"]))
    assert np.allclose(opacity, gaussians.opacities, atol=1e-5)
    assert np.isfinite(vertex["opacity"]).all()


def test_a_folder_tells_the_whole_story(tmp_path: Path) -> None:
    perceiver = Perceiver(FakeModel())
    vocabulary = perceiver.make_vocabulary(["chair", "table"], 1)
    perception = perceiver.perceive(perceiver.prepare((LEFT, LEFT)), vocabulary)
    answers = [perceiver.query(perception, "find the chair")]
    files = write_all(perception, (LEFT, LEFT), answers, tmp_path / "new" / "folder")
    assert all(f.stat().st_size > 0 for f in files)
    mask = cv2.imread(str(tmp_path / "new/folder/masks_left.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(mask, instance_map(perception, 0))
    scene = json.loads((tmp_path / "new/folder/scene.json").read_text())
    assert scene["queries"][0]["concept"] == "chair"
    assert scene["queries"][0]["error"] == "OK"
    assert len(scene["instances"]) == len(perception.instances)
