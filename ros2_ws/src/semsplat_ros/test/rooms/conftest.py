# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""One rendered room, shared by the tests of this folder."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import semsplat_ros
from semsplat_ros.rooms.renderer import use_offscreen_gl

use_offscreen_gl()

from semsplat_ros.rooms.layout import Room  # noqa: E402
from semsplat_ros.rooms.pair_sampling import Pair, PairSampler  # noqa: E402
from semsplat_ros.rooms.renderer import RoomRenderer  # noqa: E402

SEED = 1_000_001


@dataclass(frozen=True)
class Scenery:
    """A room, its renderer and some pairs in it."""

    room: Room
    renderer: RoomRenderer
    stereo: list[Pair]
    free: list[Pair]


@pytest.fixture(scope="session")
def scenery() -> Iterator[Scenery]:
    room = Room(SEED)
    with RoomRenderer(room, 256, 320) as renderer:
        sampler = PairSampler(renderer, np.random.default_rng(5))
        pairs = {
            stereo: [p for _ in range(8) if (p := sampler.sample(stereo)) is not None]
            for stereo in (True, False)
        }
        assert len(pairs[True]) >= 4
        assert len(pairs[False]) >= 4
        yield Scenery(room, renderer, pairs[True], pairs[False])


def run_python(program: str, *arguments: str) -> str:
    """What a program prints in a process of its own, with this package importable."""
    package = Path(semsplat_ros.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(package)},
    )
    return done.stdout


def points_of(
    depth: np.ndarray, intrinsics: np.ndarray, world_from_camera: np.ndarray
) -> np.ndarray:
    """World position [h, w, 3] of every pixel."""
    height, width = depth.shape
    v, u = np.mgrid[0:height, 0:width] + 0.5
    x = (u - intrinsics[0, 2]) / intrinsics[0, 0]
    y = (v - intrinsics[1, 2]) / intrinsics[1, 1]
    points = np.stack([x, y, np.ones_like(x)], -1) * depth[..., None]
    return points @ world_from_camera[:3, :3].T + world_from_camera[:3, 3]
