# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What was asked and what came back: as a sentence, and as the demo's JSON."""

from dataclasses import dataclass, field

import numpy as np
from geometry_msgs.msg import Point

from semsplat_interfaces.msg import SceneInfo
from semsplat_interfaces.srv import Query
from semsplat_ros.errors import ErrorCode

Triple = tuple[float, float, float]
REFERENCE = "Places are seen from the left camera: ahead along its axis, left, right, up, down."


@dataclass(frozen=True)
class Answer:
    """One query, answered. Places are in the left camera's optical frame."""

    text: str
    response: Query.Response
    latency_ms: float
    """From the call to the answer, as a client sees it."""
    truth: list[dict] = field(default_factory=list)
    """What the simulator says, see :func:`semsplat_ros.rooms.ground_truth.truth_for`."""
    left_from_answer: np.ndarray = field(default_factory=lambda: np.eye(4))
    """[4, 4] to the left camera from the frame that the node answered in, its target_frame."""

    @property
    def error(self) -> ErrorCode:
        """OK, NOT_FOUND, or why there is no answer."""
        return ErrorCode(self.response.error.code)

    @property
    def found(self) -> bool:
        """True if something is there."""
        return self.error is ErrorCode.OK

    @property
    def concept(self) -> str:
        """What the text names; the text itself if that is not known."""
        return self.response.concept or self.text

    @property
    def score(self) -> float:
        """0..1 of the best candidate, found or not; 0 without any."""
        return float(self.response.matches[0].score) if self.response.matches else 0.0

    @property
    def stamp_ns(self) -> int:
        """Stamp of the scene that was searched, nanoseconds."""
        stamp = self.response.header.stamp
        return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)

    @property
    def center(self) -> Triple:
        """Centre of the best candidate's box."""
        return self._seen_from_left(self.response.matches[0].instance.box_center.position)

    @property
    def size(self) -> Triple:
        """Full size of the best candidate's box, along the left camera's axes."""
        size = self.response.matches[0].instance.box_size
        return float(size.x), float(size.y), float(size.z)

    @property
    def instance_id(self) -> int:
        """The best candidate's id in the masks of its scene; 0 without any."""
        return int(self.response.matches[0].instance.id) if self.response.matches else 0

    def place(self) -> str:
        """As in "2.31 m ahead, 0.42 m left, 0.45 m up"."""
        metric = self.response.info.scale_status >= SceneInfo.SCALE_MODEL
        unit = "m" if metric else "units (scale unknown)"
        x, y, z = self.center
        return (
            f"{z:.2f} {unit} ahead, {abs(x):.2f} {unit} {'right' if x > 0 else 'left'}, "
            f"{abs(y):.2f} {unit} {'down' if y > 0 else 'up'}"
        )

    def outcome(self) -> str:
        """What the answer says, without the numbers around it."""
        if self.found:
            return f"{self.concept}: {self.place()}"
        if self.error is ErrorCode.NOT_FOUND:
            return f"{self.concept}: not found ({self.response.error.message})"
        return f"{self.text!r}: {self.error.name}, {self.response.error.message}"

    def sentence(self) -> str:
        """As in "chair: 2.31 m ahead, 0.42 m left, 0.45 m up (score 0.83), 61 ms"."""
        score = f" (score {self.score:.2f})" if self.found else ""
        return f"{self.outcome()}{score}, {self.latency_ms:.0f} ms"

    def as_json(self) -> dict:
        """One entry of "queries"; places are null if nothing was found."""
        goal = self.response.goal.object_pose
        return {
            "text": self.text,
            "concept": self.response.concept,
            "error": self.error.name,
            "score": self.score,
            "position": list(self._seen_from_left(goal.position)) if self.found else None,
            "box_center": list(self.center) if self.found else None,
            "box_size": list(self.size) if self.found else None,
            "latency_ms": self.latency_ms,
            "truth": self.truth,
        }

    def _seen_from_left(self, point: Point) -> Triple:
        x, y, z = self.left_from_answer[:3] @ (point.x, point.y, point.z, 1.0)
        return float(x), float(y), float(z)


def as_json(seed: int, setup_s: float, answers: list[Answer]) -> dict:
    """What ``semsplat demo --json`` writes."""
    return {"seed": seed, "setup_s": setup_s, "queries": [answer.as_json() for answer in answers]}
