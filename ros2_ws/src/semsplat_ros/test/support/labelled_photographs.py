# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A labelled set of one drawn pair, of which everything is known, and ways to spoil it.

A red block (what :class:`test.support.fake_model.FakeModel` takes for a chair) and a green one (a
table) before a wall.
"""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from test.support.fake_model import block_image

HEIGHT, WIDTH = 128, 160
RED_BOX = (16, 32, 64, 80)
GREEN_BOX = (104, 40, 144, 80)
FOCAL = 200.0
DEPTH = 2.0
"""Metres, of everything."""
WORDS = ("chair", "table", "lamp", "ball", "red", "wall")


def pair_values(**changes: Any) -> dict[str, Any]:
    """The pair as the file has it: the chair is labelled where it is, the table elsewhere, the
    lamp cannot be found, and "red" is said to be absent though a red thing answers to it.
    """
    values = {
        "id": "drawn/one",
        "left": "left.png",
        "right": "right.png",
        "width": WIDTH,
        "height": HEIGHT,
        "intrinsics": [FOCAL, FOCAL, WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5],
        "intrinsics_right": [FOCAL, FOCAL, WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5],
        "baseline_m": 0.1,
        "rectified": True,
        "gt": "depth.png",
        "objects": [
            {"name": "chair", "left_box": list(RED_BOX), "distance_m": 2.5},
            {"name": "table", "left_box": [0, 100, 40, 128]},
            {"name": "lamp", "left_box": [70, 0, 90, 20]},
        ],
        "absent": ["ball", "red"],
        "unclear": ["wall"],
    }
    return {**values, **changes}


def write_set(folder: Path, file: dict[str, Any] | None = None, **changes: Any) -> Path:
    """Write the images and `set.json`, which is returned; `changes` are those of the pair,
    `file` those of the file.
    """
    red, green = (
        (box[0], box[1], box[2] - box[0], box[3] - box[1]) for box in (RED_BOX, GREEN_BOX)
    )
    drawn = block_image({"red": red, "green": green}, HEIGHT, WIDTH)
    for name in ("left.png", "right.png"):
        cv2.imwrite(str(folder / name), drawn[..., ::-1])
    millimetres = np.full((HEIGHT, WIDTH), round(DEPTH * 1000), np.uint16)
    millimetres[:10] = 0
    cv2.imwrite(str(folder / "depth.png"), millimetres)
    content = {"words": list(WORDS), "pairs": [pair_values(**changes)], **(file or {})}
    path = folder / "set.json"
    path.write_text(json.dumps(content))
    return path
