# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A tiny training set whose geometry is exact: a textured wall at a known depth."""

import json
from pathlib import Path

import numpy as np

from semsplat_ros.rooms.builder import CLASSES

HEIGHT, WIDTH = 32, 48
DEPTH = 2.0
FOCAL = 40.0
BASELINE = 0.2


def write_shard(folder: Path, index: int = 0, pairs: int = 6) -> Path:
    """Pairs 0, 2, ... are rectified stereo, the others moved sideways all the same but not
    marked."""
    rng = np.random.default_rng(index)
    shift = FOCAL * BASELINE / DEPTH
    wide = rng.integers(0, 255, (pairs, HEIGHT, WIDTH + 8, 3), dtype=np.uint8)
    offset = round(shift)
    rgb = np.stack([wide[:, :, :WIDTH], wide[:, :, offset : WIDTH + offset]], 1)
    instance = np.zeros((pairs, 2, HEIGHT, WIDTH), np.uint8)
    instance[..., 8:24, 8:24] = 1
    instance_class = np.full((pairs, 80), 255, np.uint8)
    instance_class[:, :2] = [0, 5]
    intrinsics = np.array([[FOCAL, 0, WIDTH / 2], [0, FOCAL, HEIGHT / 2], [0, 0, 1]], np.float32)
    pose = np.eye(4, dtype=np.float32)
    pose[0, 3] = BASELINE
    path = folder / f"shard_{index:06d}"
    path.mkdir(parents=True)
    arrays = {
        "rgb": rgb,
        "depth": np.full((pairs, 2, HEIGHT, WIDTH), DEPTH, np.float16),
        "instance": instance,
        "instance_class": instance_class,
        "intrinsics": np.broadcast_to(intrinsics, (pairs, 2, 3, 3)),
        "first_from_second": np.broadcast_to(pose, (pairs, 4, 4)),
        "stereo": np.arange(pairs) % 2 == 0,
        "inverse_depth_cue": np.full((pairs, 2, HEIGHT, WIDTH), 1 / DEPTH, np.float16),
    }
    for name, values in arrays.items():
        np.save(path / f"{name}.npy", values)
    (path / "shard.json").write_text(json.dumps({"classes": CLASSES}))
    return path
