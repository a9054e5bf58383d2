# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Training shards: folders of plain .npy files that can be memory-mapped.

A shard ``shard_000012/`` holds n pairs; pixels are those of the 160x128 image:

=====================  ==================  ====================================================
rgb                    u1 [n,2,128,160,3]  area-downsampled from twice the size
depth                  f2 [n,2,128,160]    metres along the optical axis
instance               u1 [n,2,128,160]    index into the room's instances
instance_class         u1 [n,80]           index into CLASSES, 255 = no such instance
intrinsics             f4 [n,2,3,3]        pixels; pixel centres at +0.5
first_from_second      f4 [n,4,4]          pose of the second camera in the first one's frame
world_from_first       f4 [n,4,4]
stereo                 ?  [n]              rectified, the second camera at the right
room                   i8 [n]              seed of the room
boxes                  f4 [n,80,7]         world: centre, half size, yaw; 0 = no such instance
inverse_depth_cue      f2 [n,2,128,160]    1/m from stereo matching, 0 = unknown or a free pair
=====================  ==================  ====================================================

``shard.json`` says how it was made. Shards of rooms with modelled furniture have class ids of
:data:`semsplat_ros.rooms.builder.HOUSEHOLD_CLASSES`, and one array more, the first view as it was
drawn:

=====================  ==================  ====================================================
rgb_first_large        u1 [n,256,320,3]    twice the size of `rgb`
=====================  ==================  ====================================================
"""

import json
import os
import shutil
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32, UInt8
from numpy.random import Generator

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.geometry.stereo import inverse_depth_cue
from semsplat_ros.rooms.builder import CLASSES, HOUSEHOLD_CLASSES
from semsplat_ros.rooms.household.furnishing import HouseholdRoom
from semsplat_ros.rooms.household.library import FurnitureLibrary
from semsplat_ros.rooms.layout import EVALUATION_SEEDS, MAX_INSTANCES, Room
from semsplat_ros.rooms.pair_sampling import Pair, PairLimits, PairSampler
from semsplat_ros.rooms.renderer import RoomRenderer, intrinsics_of

FORMAT = 1
HEIGHT, WIDTH = 128, 160
ROOMS_PER_SHARD = 13
PAIRS_PER_ROOM = 12
NAMES = (
    "rgb",
    "depth",
    "instance",
    "instance_class",
    "intrinsics",
    "first_from_second",
    "world_from_first",
    "stereo",
    "room",
    "boxes",
    "inverse_depth_cue",
)
LARGE = "rgb_first_large"
USUAL = PairLimits(
    fovy=(36.0, 70.0), height=(0.2, 1.7), pitch=(-35.0, 15.0), roll=5.0, object_share=0.7
)
EXTREME = PairLimits(
    fovy=(16.0, 97.0),
    height=(0.12, 1.8),
    pitch=(-45.0, 25.0),
    roll=10.0,
    covisible=0.35,
    object_share=0.7,
)
"""Cameras among modelled furniture: most robots', and 16 to 97 degrees high (20 to 110 wide) at
heights from floor cleaners' to people's.
"""
EXTREME_SHARE = 0.3
PAIR_STREAM = 1
"""Pairs are drawn from default_rng([room seed, PAIR_STREAM]), apart from what furnished the room.
"""


def shard_path(folder: Path, index: int) -> Path:
    """Where a shard is."""
    return folder / f"shard_{index:06d}"


def check_seeds(first: int, count: int, validation: bool) -> None:
    """Keep training and evaluation apart.

    Raises:
        SemsplatError: ``INVALID_ARGUMENT`` if training would use rooms kept for evaluation, or the
        reverse.
    """
    asked = f"room seeds {first}..{first + count - 1} were asked for"
    if first < 0 or count < 1:
        problem = "seeds are 0 or more, and at least one is needed"
    elif validation and first < EVALUATION_SEEDS:
        problem = f"a validation set takes seeds from {EVALUATION_SEEDS} up"
    elif not validation and first + count > EVALUATION_SEEDS:
        problem = (
            f"those from {EVALUATION_SEEDS} up are kept for evaluation: take lower ones, "
            "or ask for a validation set"
        )
    else:
        return
    raise SemsplatError(ErrorCode.INVALID_ARGUMENT, f"{asked}; {problem}")


def write_shard(
    folder: Path,
    index: int,
    first_seed: int,
    validation: bool = False,
    rooms: int = ROOMS_PER_SHARD,
    pairs_per_room: int = PAIRS_PER_ROOM,
    furniture: Path | None = None,
) -> int:
    """Make shard `index` from rooms ``first_seed + index * rooms`` on, unless it is there. A
    reader sees only
    whole shards.

    Args:
        folder: of the shards.
        index: number of the shard.
        first_seed: of the first room of shard 0.
        validation: whether seeds for evaluation are asked for.
        rooms: how many a shard is of.
        pairs_per_room: at most.
        furniture: for rooms with modelled furniture, the folder of the models as they are drawn.

    Returns:
        The number of pairs it holds.

    Raises:
        SemsplatError: ``INVALID_ARGUMENT`` from :func:`check_seeds`; ``INTERNAL`` if no pair was
        found.
    """
    start = first_seed + index * rooms
    check_seeds(start, rooms, validation)
    target = shard_path(folder, index)
    if target.exists():
        return len(np.load(target / "room.npy", mmap_mode="r"))
    samples: list[dict[str, np.ndarray]] = []
    for seed in range(start, start + rooms):
        if furniture is None:
            samples += room_samples(Room(seed), pairs_per_room)
        else:
            room = HouseholdRoom(seed, _library(furniture, validation))
            samples += room_samples(room, pairs_per_room)
    if not samples:
        raise SemsplatError(
            ErrorCode.INTERNAL,
            f"rooms {start}..{start + rooms - 1} gave no pair at all: take other seeds",
        )
    temporary = folder / f".{target.name}.{os.getpid()}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    names = NAMES if furniture is None else (*NAMES, LARGE)
    for name in names:
        np.save(temporary / f"{name}.npy", np.stack([sample[name] for sample in samples]))
    about = {
        "format": FORMAT,
        "first_seed": start,
        "rooms": rooms,
        "pairs": len(samples),
        "classes": CLASSES if furniture is None else HOUSEHOLD_CLASSES,
    }
    (temporary / "shard.json").write_text(json.dumps(about, indent=1))
    try:
        temporary.rename(target)
    except OSError:
        shutil.rmtree(temporary)
        if not target.exists():
            raise
    return len(samples)


def read_shard(path: Path) -> dict[str, np.ndarray]:
    """Memory-map a shard: name -> array, see the table above.

    Raises:
        SemsplatError: ``BAD_FILE`` if a file is missing or the format is another one.
    """
    try:
        about = json.loads((path / "shard.json").read_text())
        arrays = {name: np.load(path / f"{name}.npy", mmap_mode="r") for name in NAMES}
    except (OSError, ValueError) as error:
        raise SemsplatError(
            ErrorCode.BAD_FILE, f"{path} is not a whole shard ({error}): make it again"
        ) from error
    if about.get("format") != FORMAT:
        raise SemsplatError(
            ErrorCode.BAD_FILE,
            f"{path} has format {about.get('format')}, this version reads {FORMAT}: make it again",
        )
    return arrays


@lru_cache(maxsize=2)
def _library(cache: Path, validation: bool) -> FurnitureLibrary:
    return FurnitureLibrary(cache, held_out=validation)


def room_samples(room: Room, count: int) -> list[dict[str, np.ndarray]]:
    """Up to `count` pairs of one room, as :data:`NAMES` says, without the leading dimension; with
    :data:`LARGE` if it has modelled furniture.
    """
    seed, household = room.seed, isinstance(room, HouseholdRoom)
    classes = np.full(MAX_INSTANCES, 255, np.uint8)
    classes[: len(room.instances)] = room.class_ids
    boxes = np.zeros((MAX_INSTANCES, 7), np.float32)
    boxes[: len(room.instances)] = room.oriented_boxes()
    rng = np.random.default_rng([seed, PAIR_STREAM])
    samples = []
    with RoomRenderer(room, 2 * HEIGHT, 2 * WIDTH, shadow_size=512) as renderer:
        sampler = PairSampler(renderer, rng, height=HEIGHT, width=WIDTH)
        for _ in range(count):
            if household:
                sampler.limits = EXTREME if rng.random() < EXTREME_SHARE else USUAL
            pair = sampler.sample()
            if pair is None:
                continue
            sample = _pair_sample(renderer, pair, rng)
            if sample is not None:
                if not household:
                    del sample[LARGE]
                shared: dict[str, np.ndarray] = {
                    "instance_class": classes,
                    "boxes": boxes,
                    "room": np.array(seed, np.int64),
                }
                samples.append(sample | shared)
    return samples


def _pair_sample(
    renderer: RoomRenderer, pair: Pair, rng: Generator
) -> dict[str, np.ndarray] | None:
    """The part of a sample that is the pair's own; None if the image is too dark, too bright or
    empty.
    """
    large: list[UInt8[np.ndarray, "hh ww 3"]] = []
    small = []
    for pose, fovy in zip(pair.world_from_camera, pair.fovy, strict=True):
        large.append(renderer.colour(pose, fovy, 2 * HEIGHT, 2 * WIDTH))
        small.append(cv2.resize(large[-1], (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))
        if not 0.18 < small[-1].mean() / 255 < 0.85 or small[-1].std() / 255 < 0.06:
            return None
    cue = np.zeros((2, HEIGHT, WIDTH), np.float32)
    if pair.stereo:
        cue = _cue(large, intrinsics_of(pair.fovy[0], 2 * HEIGHT, 2 * WIDTH), pair.baseline, rng)
    return {
        "rgb": np.stack(small),
        LARGE: large[0],
        "depth": np.stack([frame.depth for frame in pair.frames]).astype(np.float16),
        "instance": np.stack([frame.instance for frame in pair.frames]),
        "intrinsics": np.stack([intrinsics_of(fovy, HEIGHT, WIDTH) for fovy in pair.fovy]),
        "first_from_second": pair.first_from_second.astype(np.float32),
        "world_from_first": pair.world_from_camera[0].astype(np.float32),
        "stereo": np.array(pair.stereo),
        "inverse_depth_cue": cue.astype(np.float16),
    }


def _cue(
    images: list[np.ndarray], intrinsics: np.ndarray, baseline: float, rng: Generator
) -> Float32[np.ndarray, "2 h w"]:
    """What stereo matching finds in these images with the noise and unequal gain of real
    cameras.
    """
    sigma, gains = rng.uniform(0, 6), 1 + rng.uniform(-0.025, 0.025, 2)
    noisy = []
    for image, gain in zip(images, gains, strict=True):
        noise = rng.standard_normal(image.shape, np.float32) * np.float32(sigma)
        noisy.append(np.clip(image * np.float32(gain) + noise + 0.5, 0, 255).astype(np.uint8))
    return inverse_depth_cue(noisy[0], noisy[1], intrinsics, baseline).astype(np.float32)
