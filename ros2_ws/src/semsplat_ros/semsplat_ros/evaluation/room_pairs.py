# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Evaluation pairs: held-out generated rooms as the two cameras of a robot see them, with the
truth."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from semsplat_ros.geometry.views import at_network_pixels
from semsplat_ros.rooms.builder import CLASSES
from semsplat_ros.rooms.ground_truth import VisibleObject, visible_objects
from semsplat_ros.rooms.layout import Room
from semsplat_ros.rooms.pair_sampling import Pair, PairSampler
from semsplat_ros.rooms.renderer import Frame, RoomRenderer, intrinsics_of
from semsplat_ros.scene import Crop

HEIGHT, WIDTH = 480, 640
EVALUATION_STREAM = 2
"""Pairs are drawn from default_rng([seed, EVALUATION_STREAM]), apart from those of training
shards."""
NEAR_CENTER = 0.3
"""Metres from the centre of an object's box at which a position counts as right."""


@dataclass(frozen=True)
class RoomPair:
    """Two images and everything that is true about them."""

    seed: int
    stereo: bool
    images: tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w 3"]]
    intrinsics: tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "3 3"]]
    first_from_second: Float[np.ndarray, "4 4"]
    world_from_first: Float[np.ndarray, "4 4"]
    frames: tuple[Frame, Frame]
    objects: tuple[VisibleObject, ...]
    boxes: Float[np.ndarray, "i 7"]
    """World boxes of all instances: centre, half size, yaw about z."""
    class_ids: UInt8[np.ndarray, " i"]

    @property
    def baseline(self) -> float:
        """Metres between the cameras."""
        return float(np.linalg.norm(self.first_from_second[:3, 3]))

    def truth_maps(self, crop: Crop) -> tuple[np.ndarray, np.ndarray]:
        """Depth in metres and class of the first view at the pixels of the network image."""
        frame = self.frames[0]
        # 255 is a crack between two surfaces; instance 0 is a wall in every room.
        seen = at_network_pixels(frame.instance, crop)
        instance = np.where(seen < len(self.class_ids), seen, 0)
        return at_network_pixels(frame.depth, crop), self.class_ids[instance].astype(np.int64)

    def hits(self, position: tuple[float, float, float], instance: int) -> tuple[bool, float]:
        """Whether a position in the first camera's frame is right for an instance, and its
        distance.

        Right: inside the instance's box (turned with it), or within 0.3 m of its centre.

        Returns:
            (right, metres to the centre of the box).
        """
        world = self.world_from_first[:3, :3] @ np.asarray(position) + self.world_from_first[:3, 3]
        box = self.boxes[instance]
        offset = world - box[:3]
        cosine, sine = np.cos(box[6]), np.sin(box[6])
        local = [
            offset[0] * cosine + offset[1] * sine,
            -offset[0] * sine + offset[1] * cosine,
            offset[2],
        ]
        distance = float(np.linalg.norm(offset))
        return bool((np.abs(local) <= box[3:6]).all()) or distance < NEAR_CENTER, distance


def room_pairs(seed: int, stereo: int, free: int, width: int = WIDTH) -> Iterator[RoomPair]:
    """Draw pairs in one room; fewer than asked for where the room offers no good place.

    Args:
        seed: of the room.
        stereo: how many rectified stereo pairs.
        free: how many pairs of freely moved cameras.
        width: of the images, pixels; the field of view grows with it.
    """
    room = Room(seed)
    with RoomRenderer(room, HEIGHT, width) as renderer:
        sampler = PairSampler(renderer, np.random.default_rng([seed, EVALUATION_STREAM]))
        for kind in [True] * stereo + [False] * free:
            pair = sampler.sample(stereo=kind)
            if pair is not None:
                yield _draw(room, renderer, pair, width)


def _draw(room: Room, renderer: RoomRenderer, pair: Pair, width: int) -> RoomPair:
    (left, left_fovy), (right, right_fovy) = zip(pair.world_from_camera, pair.fovy, strict=True)
    frames = (
        renderer.geometry(left, left_fovy, HEIGHT, width),
        renderer.geometry(right, right_fovy, HEIGHT, width),
    )
    return RoomPair(
        seed=room.seed,
        stereo=pair.stereo,
        images=(
            renderer.colour(left, left_fovy, HEIGHT, width),
            renderer.colour(right, right_fovy, HEIGHT, width),
        ),
        intrinsics=(
            intrinsics_of(left_fovy, HEIGHT, width),
            intrinsics_of(right_fovy, HEIGHT, width),
        ),
        first_from_second=pair.first_from_second,
        world_from_first=pair.world_from_camera[0],
        frames=frames,
        objects=tuple(visible_objects(room, pair.world_from_camera[0], *frames)),
        boxes=room.oriented_boxes(),
        class_ids=room.class_ids,
    )


QUERIED = tuple(c for c in CLASSES if c not in ("wall", "floor", "ceiling"))
"""Classes that are asked for: everything but the shell of the room."""
