# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The node's services. They exist from construction on and answer in every state.

A query is answered from the scene that is current when it comes and never waits for the network.
The only service that waits for an image is `capture`, because that is what it is for.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.node import Node
from std_srvs.srv import SetBool, Trigger

from semsplat_interfaces.srv import GetInstance, Query, SetVocabulary
from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.nodes.common.callback_guard import CallbackGuard
from semsplat_ros.nodes.common.conversions import clean_string, duration_seconds, to_duration
from semsplat_ros.nodes.outputs.goal_messages import object_goal
from semsplat_ros.nodes.outputs.point_cloud import instance_cloud
from semsplat_ros.nodes.outputs.publishers import Outputs, scene_messages
from semsplat_ros.nodes.outputs.scene_arrays import SceneArrays
from semsplat_ros.nodes.outputs.snapshot import Snapshot
from semsplat_ros.nodes.perception.control import Control
from semsplat_ros.nodes.perception.label_changes import changed_labels
from semsplat_ros.nodes.perception.pipeline import Pipeline

SERVICES = {
    "query": Query,
    "set_vocabulary": SetVocabulary,
    "get_instance": GetInstance,
    "reset": Trigger,
    "set_enabled": SetBool,
    "capture": Trigger,
}


class BusyError(SemsplatError):
    """Too many queries wait.

    Args:
        most: how many may.
        retry_after: seconds after which a turn is likely to be free.
    """

    def __init__(self, most: int, retry_after: float) -> None:
        super().__init__(
            ErrorCode.BUSY,
            f"{most} queries wait already (query.max_pending); try again in {retry_after:.2f} s",
        )
        self.retry_after = retry_after


class Pending:
    """Counts queries that wait or run; refuses what is more than allowed. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._waiting = 0
        self.refused = 0
        """Queries that were answered with BUSY."""
        self.seconds: deque[float] = deque(maxlen=200)
        """How long the newest queries took."""

    @contextmanager
    def enter(self, most: int, timeout: float) -> Iterator[None]:
        """Wait for one's turn: one query computes at a time, so that a flood leaves the images
        alone.

        Raises:
            SemsplatError: BUSY if `most` queries wait already, TIMEOUT after `timeout` seconds.
        """
        start = time.monotonic()
        with self._lock:
            if self._waiting >= most:
                self.refused += 1
                raise BusyError(most, self.retry_after())
            self._waiting += 1
        try:
            if not self._turn.acquire(timeout=timeout):
                raise SemsplatError(
                    ErrorCode.TIMEOUT, f"no turn within {timeout:g} s (query.timeout); try again"
                )
            try:
                yield
            finally:
                self._turn.release()
        finally:
            with self._lock:
                self._waiting -= 1
            self.seconds.append(time.monotonic() - start)

    def retry_after(self) -> float:
        """Seconds after which a turn is likely to be free."""
        recent = sorted(self.seconds)
        return max(0.05, recent[len(recent) // 2] if recent else 0.0)


class Services:
    """Answers requests.

    Args:
        control: asks the node.
        pipeline: holds the scene and the model.
        outputs: publishes goals and labels.
    """

    def __init__(self, control: Control, pipeline: Pipeline, outputs: Outputs) -> None:
        self._control, self._pipeline, self._outputs = control, pipeline, outputs
        self._vocabulary_lock = threading.Lock()
        self.pending = Pending()
        self.answered = 0
        """Queries answered with OK or NOT_FOUND."""

    def offer(self, node: Node, guard: CallbackGuard) -> None:
        """Create the services of a node."""
        group = ReentrantCallbackGroup()
        waiting_group = MutuallyExclusiveCallbackGroup()
        for name, kind in SERVICES.items():
            refuse = refuse_trigger if kind in (Trigger, SetBool) else refuse_coded
            node.create_service(
                kind,
                name,
                guard.service(name, getattr(self, name), refuse),
                callback_group=waiting_group if name == "capture" else group,
            )

    def query(self, request: Query.Request, response: Query.Response) -> Query.Response:
        """Search the current scene for what a text means."""
        snapshot = self._snapshot(duration_seconds(request.max_age))
        settings = self._control.settings()
        min_score = float(request.min_score) or settings.query.min_score
        if not 0.0 <= min_score <= 1.0:
            raise SemsplatError(
                ErrorCode.INVALID_ARGUMENT,
                f"min_score {min_score} given; it is 0..1, 0 = parameter query.min_score",
            )
        with self.pending.enter(settings.query.max_pending, settings.query.timeout):
            result = self._pipeline.perceiver_or_refuse().query(
                snapshot.perception,
                request.text,
                int(request.top_k) or settings.query.top_k,
                min_score,
                settings.query.max_chars,
                settings.query.adaptive_threshold,
            )
        placement = self._pipeline.place(snapshot, settings)
        response.header, response.info = placement.header, snapshot.info
        response.concept = clean_string(result.concept)
        response.matches = [scene_messages.to_match(match) for match in result.matches]
        placement.move_instances(match.instance for match in response.matches)
        if not result.found:
            response.error = scene_messages.error(ErrorCode.NOT_FOUND, result.message)
        else:
            response.error = scene_messages.error(ErrorCode.OK, result.message)
            response.goal = object_goal(snapshot, result, settings, placement)
            if request.publish_goal:
                self._outputs.publish_goal(response.goal, snapshot, placement)
        self.answered += 1
        return response

    def get_instance(
        self, request: GetInstance.Request, response: GetInstance.Response
    ) -> GetInstance.Response:
        """One object of the current scene with its points."""
        snapshot = self._snapshot()
        instances = snapshot.perception.instances
        wanted = int(request.id)
        for instance in instances:
            if instance.id == wanted:
                response.instance = scene_messages.to_instance(instance)
                arrays = SceneArrays(snapshot.perception)
                response.points = instance_cloud(arrays, wanted, snapshot.header)
                placement = self._pipeline.place(snapshot, self._control.settings())
                placement.move_instances([response.instance])
                placement.move_cloud(response.points)
                return response
        raise SemsplatError(
            ErrorCode.NOT_FOUND,
            f"no instance {wanted} in the current scene, which has {len(instances)}; "
            "ids are those of the instances topic",
        )

    def set_vocabulary(
        self, request: SetVocabulary.Request, response: SetVocabulary.Response
    ) -> SetVocabulary.Response:
        """Change the labels; on any error the old ones stay whole and are in the answer."""
        with self._vocabulary_lock:
            try:
                rejected = self._change_vocabulary(request.mode, tuple(request.labels))
                if rejected:
                    response.rejected = [clean_string(reason) for reason in rejected]
                    raise SemsplatError(
                        ErrorCode.INVALID_ARGUMENT,
                        f"{len(rejected)} labels refused, the vocabulary is unchanged: "
                        f"{rejected[0]}",
                    )
            except SemsplatError as refusal:
                response.error = scene_messages.error(refusal.code, refusal.message)
            in_force = self._pipeline.vocabulary
        if in_force is not None:
            response.version = int(in_force.version)
            response.labels = [clean_string(label) for label in in_force.labels[1:]]
        return response

    def _change_vocabulary(self, mode: int, asked: tuple[str, ...]) -> list[str]:
        """Encode aside, swap whole; "label: reason" for what is refused, then nothing changes."""
        self._refuse_if_not_ready()
        perceiver = self._pipeline.perceiver_or_refuse()
        old = self._pipeline.vocabulary
        labels, version = ((), 0) if old is None else (old.labels[1:], old.version)
        wanted, rejected = changed_labels(labels, mode, asked)
        if not rejected:
            new = perceiver.make_vocabulary(wanted, version + 1)
            self._pipeline.vocabulary = new
            self._outputs.publish_labels(new.labels, new.version, self._control.now_ns())
        return rejected

    def reset(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Forget the scene."""
        self._refuse_if_not_ready()
        self._control.reset()
        return _done(response, "scene forgotten")

    def set_enabled(
        self, request: SetBool.Request, response: SetBool.Response
    ) -> SetBool.Response:
        """Pause or go on without a change of the lifecycle state."""
        self._refuse_if_not_ready()
        self._control.set_enabled(bool(request.data))
        return _done(response, "processing pairs" if request.data else "paused")

    def capture(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Process exactly one new pair and answer when that is done."""
        self._refuse_if_not_ready()
        return _done(response, self._control.capture())

    def _refuse_if_not_ready(self) -> None:
        refusal = self._control.refusal()
        if refusal is not None:
            raise refusal

    def _snapshot(self, max_age: float = 0.0) -> Snapshot:
        """The current scene.

        Raises:
            SemsplatError: NOT_ACTIVE, NO_SCENE_YET, SCENE_TOO_OLD, SHUTTING_DOWN.
        """
        self._refuse_if_not_ready()
        snapshot = self._pipeline.current
        if snapshot is None:
            raise self._control.no_scene()
        age = time.monotonic() - snapshot.made
        if max_age < 0 or not math.isfinite(max_age):
            raise SemsplatError(
                ErrorCode.INVALID_ARGUMENT, f"max_age {max_age} s given; it is 0 s or more"
            )
        if 0 < max_age < age:
            raise SemsplatError(
                ErrorCode.SCENE_TOO_OLD,
                f"the newest scene is {age:.2f} s old, max_age is {max_age:g} s; "
                "check that both cameras send",
            )
        return snapshot


def refuse_coded(response: Any, refusal: SemsplatError) -> Any:
    """Put an error into an answer that has an error field."""
    response.error = scene_messages.error(refusal.code, refusal.message)
    if isinstance(refusal, BusyError):
        response.retry_after = to_duration(refusal.retry_after)
    return response


def refuse_trigger(response: Any, refusal: SemsplatError) -> Any:
    """Put an error into an answer of std_srvs, which has no code of its own."""
    response.success = False
    response.message = clean_string(str(refusal))
    return response


def _done(response: Any, message: str) -> Any:
    response.success = True
    response.message = clean_string(message)
    return response
