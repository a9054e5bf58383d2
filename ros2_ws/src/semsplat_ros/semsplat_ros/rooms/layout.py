# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A room by seed, and what can be asked of it."""

import numpy as np
from jaxtyping import Float, UInt8

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.rooms.builder import Primitive, yaw_matrix
from semsplat_ros.rooms.furnishing import Furnisher

EVALUATION_SEEDS = 1_000_000
"""Rooms from this seed up are for evaluation: their textures come from another bank, they are
never trained on.
"""
MAX_INSTANCES = 80
"""No room has more instances."""


class Room:
    """A furnished room, the same for the same seed.

    World frame: z up, origin on the floor in the middle of the room, metres.

    Args:
        seed: 0 or more; from :data:`EVALUATION_SEEDS` up another texture bank is used.
    """

    def __init__(self, seed: int) -> None:
        if seed < 0:
            raise SemsplatError(
                ErrorCode.INVALID_ARGUMENT,
                f"the room seed is {seed}; seeds are 0 or more: give another seed",
            )
        self.seed = seed
        self.texture_bank = 1 if seed >= EVALUATION_SEEDS else 0
        for attempt in range(100):
            furnisher = self._furnisher(np.random.default_rng([seed, attempt]))
            furnisher.furnish()
            if len(furnisher.builder.instances) <= MAX_INSTANCES:
                break
        else:
            raise SemsplatError(
                ErrorCode.INTERNAL, f"room {seed} came out too full 100 times: use another seed"
            )
        self.walls = furnisher.walls
        self.footprints = tuple(furnisher.footprints)
        self.instances = tuple(furnisher.builder.instances)
        self.primitives = tuple(furnisher.builder.primitives)
        self.materials = tuple(furnisher.builder.materials)
        self.files = furnisher.builder.files
        self.lights = tuple(furnisher.lights)
        self.ambient, self.headlight = furnisher.ambient, furnisher.headlight
        self._parts: list[list[Primitive]] = [[] for _ in self.instances]
        for primitive in self.primitives:
            self._parts[primitive.instance].append(primitive)

    def _furnisher(self, rng: np.random.Generator) -> Furnisher:
        """What fills the room."""
        return Furnisher(rng)

    @property
    def width(self) -> float:
        """Metres along x."""
        return self.walls.width

    @property
    def depth(self) -> float:
        """Metres along y."""
        return self.walls.depth

    @property
    def class_ids(self) -> UInt8[np.ndarray, " n"]:
        """Index into :data:`CLASSES` of each instance."""
        return np.array([instance.class_id for instance in self.instances], np.uint8)

    def is_free(self, point: np.ndarray, margin: float) -> bool:
        """True if a camera can be at a world point [3]: inside the walls, not in or just above
        furniture.
        """
        x, y, z = point
        if abs(x) > self.width / 2 - 0.15 or abs(y) > self.depth / 2 - 0.15:
            return False
        return not any(
            abs(x - f.x) < f.half_x + margin
            and abs(y - f.y) < f.half_y + margin
            and z < f.height + 0.2
            for f in self.footprints
        )

    def oriented_boxes(self) -> Float[np.ndarray, "n 7"]:
        """Tight boxes of the instances: centre xyz in the world, half size along the instance's
        own axes, yaw.
        """
        boxes = np.zeros((len(self.instances), 7), np.float32)
        for index, instance in enumerate(self.instances):
            axes = yaw_matrix(instance.yaw).T
            low, high = self._bounds(index, axes)
            boxes[index] = [*(axes.T @ (low + high) / 2), *(high - low) / 2, instance.yaw]
        return boxes

    def boxes_in_frame(
        self, frame_from_world: Float[np.ndarray, "4 4"]
    ) -> Float[np.ndarray, "n 6"]:
        """Tight axis-aligned boxes of the instances in any frame: centre xyz, full size xyz."""
        boxes = np.zeros((len(self.instances), 6), np.float32)
        for index in range(len(self.instances)):
            low, high = self._bounds(index, frame_from_world[:3, :3])
            boxes[index] = [*((low + high) / 2 + frame_from_world[:3, 3]), *(high - low)]
        return boxes

    def _bounds(self, instance: int, axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Least and greatest coordinate of an instance along each row of `axes`."""
        parts = self._parts[instance]
        centres = np.stack([axes @ part.position for part in parts])
        extents = np.stack([part.extent(axes) for part in parts])
        return (centres - extents).min(0), (centres + extents).max(0)
