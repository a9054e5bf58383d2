# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What was received, as plain arrays for drawing."""

from dataclasses import dataclass, field

import numpy as np
from sensor_msgs_py.point_cloud2 import read_points

from semsplat_ros.nodes.demo.answers import Answer
from semsplat_ros.nodes.demo.session import Moment, matrix_of
from semsplat_ros.nodes.inputs.image_decoding import decode

MAX_PIXELS = 1 << 24


@dataclass(frozen=True)
class Target:
    """One query: what was found, where, and what is true."""

    text: str
    outcome: str
    found: bool
    label: str
    """As in "chair 0.83"."""
    center: np.ndarray
    """[3] of the box in the left camera, metres."""
    size: np.ndarray
    masks: tuple[np.ndarray, np.ndarray]
    """Its pixels in the left and the right picture, bool [h, w]."""
    goal: np.ndarray | None
    """Position [3] in the room where a robot should stand, None if unknown."""
    truth: tuple[tuple[np.ndarray, np.ndarray], ...]
    """Centre [3] and size [3] of each true object in the left camera."""


@dataclass(frozen=True)
class SceneView:
    """A pair of pictures and what was made of it."""

    seed: int
    left: np.ndarray
    """uint8 [h, w, 3]."""
    right: np.ndarray
    mask: np.ndarray
    """Instance id of each left pixel, uint16 [h, w]; 0 is none."""
    instances: dict[int, tuple[str, int]]
    """Id -> label and label id."""
    points: np.ndarray
    """[n, 3] in the left camera, metres."""
    colours: np.ndarray
    """uint8 [n, 3]."""
    focal_share: float
    """Half of the picture's width over the focal length: tangent of half the field of view."""
    world_from_left: np.ndarray
    targets: list[Target] = field(default_factory=list)


def view_of(answered: list[tuple[Answer, Moment]], seed: int) -> SceneView:
    """The scene that the first answer is about, with all answers and the scenes they are from."""
    messages = answered[0][1].messages
    info = messages["left/camera_info"]
    points, colours = _points(messages["points"])
    to_left = answered[0][1].left_from(messages["points"].header.frame_id)
    return SceneView(
        seed=seed,
        left=decode(messages["left/image_raw"], MAX_PIXELS),
        right=decode(messages["right/image_raw"], MAX_PIXELS),
        mask=_mask(messages["masks/left"]),
        instances={i.id: (i.label, i.label_id) for i in messages["instances"].instances},
        points=points @ to_left[:3, :3].T + to_left[:3, 3],
        colours=colours,
        focal_share=info.width / 2 / info.k[0],
        world_from_left=answered[0][1].world_from_left,
        targets=[_target(answer, moment) for answer, moment in answered],
    )


def _target(answer: Answer, moment: Moment) -> Target:
    goal = answer.response.goal
    masks = [_mask(moment.messages[f"masks/{side}"]) for side in ("left", "right")]
    candidate = bool(answer.response.matches)
    return Target(
        text=answer.text,
        outcome=answer.outcome(),
        found=answer.found,
        label=f"{answer.concept} {answer.score:.2f}",
        center=np.array(answer.center if candidate else (0.0, 0.0, 0.0)),
        size=np.array(answer.size if candidate else (0.0, 0.0, 0.0)),
        masks=(
            (masks[0] == answer.instance_id) & answer.found,
            (masks[1] == answer.instance_id) & answer.found,
        ),
        goal=matrix_of(goal.approach_pose.pose)[:3, 3] if goal.approach_valid else None,
        truth=tuple((np.array(t["center"]), np.array(t["size"])) for t in answer.truth),
    )


def _mask(message) -> np.ndarray:
    return np.frombuffer(message.data, np.uint16).reshape(message.height, message.width)


def _points(message) -> tuple[np.ndarray, np.ndarray]:
    points = read_points(message, field_names=("x", "y", "z", "rgb"))
    packed = np.ascontiguousarray(points["rgb"]).view(np.uint32)  # 0x00RRGGBB in a float
    colours = np.stack([packed >> 16 & 255, packed >> 8 & 255, packed & 255], -1)
    return np.stack([points["x"], points["y"], points["z"]], -1), colours.astype(np.uint8)
