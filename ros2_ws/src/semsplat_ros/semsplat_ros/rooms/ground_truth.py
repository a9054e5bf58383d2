# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What is really there: the objects of a room that a pair of views shows, and where they are."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.rooms.builder import CLASSES
from semsplat_ros.rooms.layout import Room
from semsplat_ros.rooms.renderer import Frame

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class VisibleObject:
    """The truth about one instance for a pair of views."""

    instance: int
    """Index into the room's instances."""
    name: str
    """An entry of :data:`semsplat_ros.rooms.builder.CLASSES`."""
    center: Triple
    """Middle of its tight axis-aligned box in the first camera's optical frame, metres."""
    size: Triple
    """Full size of that box."""
    visible_first: float
    """Share of the first image's pixels that show it, 0..1."""
    visible_second: float


def visible_objects(
    room: Room, world_from_first: Float[np.ndarray, "4 4"], first: Frame, second: Frame
) -> list[VisibleObject]:
    """Every instance that either view shows, in the room's order.

    Args:
        room: the room that the frames are of.
        world_from_first: pose of the first camera.
        first: what the first camera sees.
        second: what the second camera sees.
    """
    boxes = room.boxes_in_frame(np.linalg.inv(world_from_first))
    shares = [
        np.bincount(frame.instance.reshape(-1), minlength=256) / frame.instance.size
        for frame in (first, second)
    ]
    return [
        VisibleObject(
            index,
            instance.name,
            _triple(box[:3]),
            _triple(box[3:]),
            float(in_first),
            float(in_second),
        )
        for index, (instance, box, in_first, in_second) in enumerate(
            zip(room.instances, boxes, *(share[: len(boxes)] for share in shares), strict=True)
        )
        if in_first > 0 or in_second > 0
    ]


def truth_for(concept: str, objects: list[VisibleObject]) -> list[dict[str, object]]:
    """The objects of one class, largest first, as the demo's JSON writes them; empty if the class
    is absent.

    Args:
        concept: an entry of :data:`semsplat_ros.rooms.builder.CLASSES`.
        objects: from :func:`visible_objects`.

    Raises:
        SemsplatError: ``INVALID_ARGUMENT`` if the rooms know no such class: nothing can be said
        then.
    """
    if concept not in CLASSES:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"the rooms know nothing about '{concept}'; they have: {', '.join(CLASSES)}",
        )
    return [
        {
            "center": list(item.center),
            "size": list(item.size),
            "visible_left": item.visible_first,
            "visible_right": item.visible_second,
        }
        for item in sorted(objects, key=lambda item: -item.visible_first - item.visible_second)
        if item.name == concept
    ]


def _triple(values: np.ndarray) -> Triple:
    return float(values[0]), float(values[1]), float(values[2])
