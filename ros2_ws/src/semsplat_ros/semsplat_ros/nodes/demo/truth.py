# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What is really there, from the simulator: computed beside the robot, not by it."""

import threading
from concurrent.futures import Future

import numpy as np
from jaxtyping import Float64

from semsplat_ros.families.registry import shipped_config
from semsplat_ros.language.nouns import named_class
from semsplat_ros.rooms.builder import CLASSES
from semsplat_ros.rooms.ground_truth import VisibleObject, truth_for, visible_objects
from semsplat_ros.rooms.layout import Room
from semsplat_ros.rooms.renderer import RoomRenderer
from semsplat_ros.rooms.robot import StereoRig


class RoomTruth:
    """The objects that a stereo camera sees in a room. One thread at a time.

    Args:
        seed: of the room.
        rig: of the camera.
    """

    def __init__(self, seed: int, rig: StereoRig) -> None:
        self._seed, self._rig = seed, rig
        self._known: tuple[np.ndarray, Future[list[VisibleObject]]] | None = None

    def prepare(
        self, world_from_left: Float64[np.ndarray, "4 4"]
    ) -> "Future[list[VisibleObject]]":
        """Start to look from a pose; the same pose as before is answered at once."""
        if self._known is None or not np.array_equal(self._known[0], world_from_left):
            objects: Future[list[VisibleObject]] = Future()
            self._known = (world_from_left, objects)
            work = threading.Thread(target=self._look, args=self._known, name="truth", daemon=True)
            work.start()
        return self._known[1]

    def of(self, concept: str, world_from_left: Float64[np.ndarray, "4 4"]) -> list[dict]:
        """The objects that a concept means, as the JSON has them; empty if there is none in view
        or the rooms have no such class."""
        name = named_class(concept, CLASSES, shipped_config("room")["synonyms"])
        return truth_for(name, self.prepare(world_from_left).result()) if name else []

    def _look(self, pose: np.ndarray, objects: "Future[list[VisibleObject]]") -> None:
        try:
            room = Room(self._seed)
            # Shadows change colours, not what is where.
            with RoomRenderer(room, self._rig.height, self._rig.width, shadow_size=0) as renderer:
                frames = self._rig.frames(renderer, pose)
            objects.set_result(visible_objects(room, pose, *frames))
        except BaseException as error:
            objects.set_exception(error)
