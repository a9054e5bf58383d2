# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What services may ask of the node, and why it cannot answer now."""

import time
from typing import TYPE_CHECKING

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.nodes.parameters.settings import CAPTURE_MODE, TEMPORAL_MODE, Settings

if TYPE_CHECKING:
    from semsplat_ros.nodes.perception.node import PerceptionNode

WAIT_S = 0.1
"""Steady seconds between two looks at whether a wait still makes sense."""
MIN_STUCK_S = 10.0
STUCK_FACTOR = 10
"""A pair that takes so many times the median is overdue, after MIN_STUCK_S at the earliest."""


class Control:
    """The node as its services see it.

    Args:
        node: what it asks and tells.
    """

    def __init__(self, node: "PerceptionNode") -> None:
        self._node = node
        self.paused = False

    def settings(self) -> Settings:
        """The parameters in force."""
        return self._node.settings()

    def now_ns(self) -> int:
        """The node's clock."""
        return self._node.now_ns()

    def permits(self) -> int | None:
        """Pairs that may be processed without being asked for, None = all."""
        return 0 if self.settings().input.mode == CAPTURE_MODE else None

    def refusal(self) -> SemsplatError | None:
        """Why the node cannot answer now, or None."""
        if self._node.closing:
            return SemsplatError(ErrorCode.SHUTTING_DOWN, "the node is shutting down")
        label = self._node.state_label
        fault = self._node.pipeline.failures.fault
        if fault is not None and fault.is_lasting:
            return fault.error
        if label == "active":
            return None
        failed = self._node.configure_error
        if label == "unconfigured" and failed is not None:
            return SemsplatError(ErrorCode.MODEL_NOT_LOADED, f"configure failed: {failed.message}")
        step = {"unconfigured": "configure", "inactive": "activate"}.get(label)
        command = f"ros2 lifecycle set {self._node.get_fully_qualified_name()} {step}"
        cure = f"; run: {command}" if step else ""
        return SemsplatError(ErrorCode.NOT_ACTIVE, f"node is {label}{cure}")

    def no_scene(self) -> SemsplatError:
        """Why there is no scene yet."""
        return SemsplatError(ErrorCode.NO_SCENE_YET, f"no image pair yet; {self._why_no_scene()}")

    def reset(self) -> None:
        """Forget the scene, what is latched of it, and the images that wait."""
        self._node.pipeline.forget()
        self._node.outputs.forget_scene()
        if self._node.images is not None:
            self._node.images.reset("reset was called")

    def set_enabled(self, enabled: bool) -> None:
        """Pause or go on."""
        self.paused = not enabled
        if enabled:
            self._node.images.take()  # what waited is old by now
            self._node.worker.start_pairs(self._node.images, self.permits())
        else:
            self._node.worker.stop_pairs()

    def capture(self) -> str:
        """Process one new pair; returns what came out.

        Raises:
            SemsplatError: INVALID_ARGUMENT if input.mode is not on_demand, TIMEOUT if no pair
                came, what the pair failed with.
        """
        settings = self.settings()
        if settings.input.mode != CAPTURE_MODE:
            raise SemsplatError(
                ErrorCode.INVALID_ARGUMENT,
                f"input.mode is {settings.input.mode!r}, every pair is processed; "
                f"set it to {CAPTURE_MODE!r} to capture",
            )
        if self.paused:
            raise SemsplatError(ErrorCode.NOT_ACTIVE, "paused; call set_enabled with true")
        before, failed = self._node.pipeline.handled, self._node.pipeline.failures
        self._node.images.take()  # only a pair from now on is new
        self._node.worker.permit()
        arrived = time.monotonic() + settings.input.timeout
        while not self._node.pipeline.wait_handled(before, WAIT_S):
            if self._node.closing:
                raise SemsplatError(ErrorCode.SHUTTING_DOWN, "the node is shutting down")
            if self._node.state_label != "active":
                raise SemsplatError(ErrorCode.CANCELED, "the node was deactivated")
            if self._node.worker.busy_seconds == 0 and time.monotonic() > arrived:
                self._node.worker.revoke()
                raise SemsplatError(ErrorCode.TIMEOUT, f"no pair came; {self._why_no_scene()}")
        if failed.last is not None:
            raise failed.last
        snapshot = self._node.pipeline.current
        found = len(snapshot.perception.instances) if snapshot is not None else 0
        return f"pair {self._node.pipeline.sequence}: {found} objects"

    def stuck_seconds(self) -> float:
        """How long the pair in work has taken if that is far too long, else 0."""
        busy = self._node.worker.busy_seconds
        median = self._node.times.median("total") / 1e3
        limit = max(MIN_STUCK_S, STUCK_FACTOR * median if median == median else MIN_STUCK_S)
        return busy if busy > limit else 0.0

    def _why_no_scene(self) -> str:
        if self.paused:
            return "paused; call set_enabled with true"
        inputs, counters = self._node.inputs, self._node.images.counters
        for name, stream in counters.streams.items():
            if stream.last_received is None:
                return inputs.waiting_for(name)
        if self.settings().input.mode == CAPTURE_MODE and self._node.pipeline.handled == 0:
            return "call capture"
        if self._node.pipeline.failures.last is not None:
            return f"the last pair failed: {self._node.pipeline.failures.last}"
        if self.settings().input.mode == TEMPORAL_MODE and not counters.sets:
            gap = self.settings().input.min_baseline_time
            return f"waiting for a second image, {gap:g} s after the first"
        return self._node.images.diagnosis() or "the first pair is being processed"
