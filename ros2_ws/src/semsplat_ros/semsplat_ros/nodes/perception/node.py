# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""perception_node: image pairs or larger sets in; clouds, instances, masks and answers to words
out. Wiring only."""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from functools import partial
from typing import NoReturn

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType, JumpThreshold
from rclpy.duration import Duration

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.base import SceneModel
from semsplat_ros.nodes.common.callback_guard import CallbackGuard
from semsplat_ros.nodes.common.log_forwarding import forward_logs, stop_forwarding
from semsplat_ros.nodes.common.process import EXIT_DEVICE_LOST, leave, run
from semsplat_ros.nodes.common.stage_times import StageTimes
from semsplat_ros.nodes.common.transforms import Transforms
from semsplat_ros.nodes.inputs.camera_priors import CameraPriorReader
from semsplat_ros.nodes.inputs.subscriptions import Inputs
from semsplat_ros.nodes.inputs.synchronization import ImageSynchronizer
from semsplat_ros.nodes.outputs.publishers import Outputs
from semsplat_ros.nodes.parameters.node_parameters import declare_parameters
from semsplat_ros.nodes.parameters.settings import TEMPORAL_MODE, Settings
from semsplat_ros.nodes.perception.control import Control
from semsplat_ros.nodes.perception.facts import collect_facts, input_concerns
from semsplat_ros.nodes.perception.lifecycle import SafeLifecycleNode
from semsplat_ros.nodes.perception.model_loading import (
    configured_perceiver,
    free_memory,
    load_configured_model,
)
from semsplat_ros.nodes.perception.pipeline import Pipeline
from semsplat_ros.nodes.perception.services import Services
from semsplat_ros.nodes.perception.worker import Worker
from semsplat_ros.nodes.status.status_board import StatusBoard

_logger = logging.getLogger(__name__)
TICK_S = 0.1
"""Steady seconds between two looks at live parameters, faults and the state."""
STOP_WAIT_S = 2.0


class PerceptionNode(SafeLifecycleNode):
    """The node. Callbacks only store; one worker thread owns the model; services read its newest
    result.

    Args:
        load: makes the model from the settings; for tests, which put a model without weights
            there.
        options: of :class:`rclpy.node.Node`: namespace, context, parameter_overrides, cli_args.

    Raises:
        SemsplatError: INVALID_ARGUMENT for a parameter that cannot be.
    """

    def __init__(self, load: "Callable[[Settings], SceneModel] | None" = None, **options) -> None:
        super().__init__("perception_node", **options)
        self._load_model = load or load_configured_model
        self._log_handler = forward_logs(self.get_logger())
        self._parameter_table = declare_parameters(self)
        self.guard = CallbackGuard()
        self.times = StageTimes()
        self.transforms = Transforms(self)
        self.outputs = Outputs(self, self.times, self.transforms, self.settings().input.cameras)
        self.pipeline = Pipeline(
            self.outputs, self.times, self.transforms, self.settings, self.now_ns
        )
        self.worker = Worker(self.pipeline.process)
        self.control = Control(self)
        self.services_offered = Services(self.control, self.pipeline, self.outputs)
        self.services_offered.offer(self, self.guard)
        self.inputs: Inputs | None = None
        self.images: ImageSynchronizer | None = None
        self.configure_error: SemsplatError | None = None
        self.closing = False
        self.exit_code: int | None = None
        """See :class:`semsplat_ros.nodes.common.process.Closable`."""
        self._applied: Settings | None = None
        self._input_group = MutuallyExclusiveCallbackGroup()
        self.board = StatusBoard(
            self,
            partial(collect_facts, self),
            partial(input_concerns, self),
            lambda: self.settings().diagnostics.rate,
            self.now_ns,
        )
        self._start_timers()
        for name in self._parameter_table.unknown_overrides():
            _logger.warning("parameter %s is not known and has no effect", name)

    def settings(self) -> Settings:
        """The parameters in force."""
        return self._parameter_table.current()

    def now_ns(self) -> int:
        """The node's clock (simulated time if use_sim_time is set)."""
        return self.get_clock().now().nanoseconds

    # Lifecycle ---------------------------------------------------------------------------------

    def configure(self) -> None:
        """Read the parameters, load the model, warm it up."""
        settings = self.settings()
        self.configure_error = None
        self._parameter_table.freeze()
        try:
            if settings.target_frame:
                self.transforms.listen()
            if settings.publish_relative_tf:
                self.transforms.prepare_to_send()
            cameras = settings.input.cameras
            self.outputs.set_cameras(cameras)
            used = cameras[:1] if settings.input.mode == TEMPORAL_MODE else cameras
            self.inputs = Inputs(
                self, self.guard, self._input_group, settings.input.image_transport, used
            )
            self._wait_for(self.worker.call(lambda: self._load(settings)))
        except Exception:
            self._parameter_table.unfreeze()
            raise

    def activate(self) -> None:
        """Subscribe and process pairs."""
        settings = self.settings()
        self.images = ImageSynchronizer(
            self.inputs.cameras,
            settings.input.max_offset,
            settings.input.queue,
            settings.input.max_pixels,
            self.inputs.dropped,
            self.now_ns if settings.input.allow_zero_stamp else None,
            settings.input.min_baseline_time if settings.input.mode == TEMPORAL_MODE else None,
        )
        self.pipeline.camera_reader = CameraPriorReader(
            self.inputs.image_topics, self.transforms, self.inputs.calibration_senders
        )
        self.pipeline.forget()
        self.outputs.forget_scene()
        self.pipeline.failures.reset()
        self.outputs.notices.clear()
        self.control.paused, self._applied = False, None
        self._apply_live_settings()
        self.inputs.open(self.images, self.pipeline.camera_reader)
        self.worker.start_pairs(self.images, self.control.permits())

    def deactivate(self) -> bool:
        """Stop processing, keep the model; True if a fault asks to free it."""
        stuck = self.control.stuck_seconds()
        if stuck:
            raise SemsplatError(
                ErrorCode.BUSY,
                f"inference stuck {stuck:.0f} s, it cannot be stopped; end the process",
            )
        self._stop()
        fault = self.pipeline.failures.fault
        return fault is not None and fault.free_model

    def cleanup(self) -> None:
        """Free the model."""
        self._wait_for(self.worker.call(self._unload))
        self.inputs = self.images = None
        self._parameter_table.unfreeze()

    def release(self) -> None:
        """Free everything, from any state."""
        self._stop()
        self.cleanup()

    def transition_failed(self, name: str, error: SemsplatError) -> None:
        """Remember why there is no model."""
        if name == "configure":
            self.configure_error = error

    def close(self, timeout: float) -> bool:
        """End the node's own threads before it is destroyed; True if all have ended."""
        self.closing = True
        ended = self.worker.close(timeout)
        self.board.close()
        stop_forwarding(self._log_handler)
        return ended

    def destroy_node(self) -> None:
        """Leave the graph, after :meth:`close`."""
        if not self.closing:
            self.close(STOP_WAIT_S)
        super().destroy_node()

    def _stop(self) -> None:
        if self.inputs is not None:
            self.inputs.close()
        self.worker.stop_pairs()
        self.pipeline.discard_running()
        self.worker.wait_idle(STOP_WAIT_S)

    def _load(self, settings: Settings) -> None:
        """On the worker's thread."""
        perceiver, vocabulary = configured_perceiver(self._load_model, settings)
        self.pipeline.perceiver, self.pipeline.vocabulary = perceiver, vocabulary
        self.times.clear()
        if vocabulary is not None:
            self.outputs.publish_labels(vocabulary.labels, vocabulary.version, self.now_ns())

    def _unload(self) -> None:
        """On the worker's thread."""
        self.pipeline.forget()
        self.pipeline.perceiver = self.pipeline.vocabulary = None
        free_memory()

    def _wait_for(self, future: Future) -> None:
        """Wait for the worker, but not beyond the end of the node."""
        while True:
            try:
                future.result(timeout=TICK_S)
                return
            except FutureTimeoutError:
                if future.done():
                    raise
                if self.closing:
                    raise SemsplatError(
                        ErrorCode.SHUTTING_DOWN, "the node is shutting down"
                    ) from None

    # Timers ------------------------------------------------------------------------------------

    def _start_timers(self) -> None:
        # Steady clocks: with use_sim_time and no /clock, ROS time stands still and its timers with
        # it.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        group = MutuallyExclusiveCallbackGroup()
        tick = self.guard.callback("housekeeping", self._tick)
        self.create_timer(TICK_S, tick, callback_group=group, clock=steady)
        if self.settings().autostart:
            start = self.guard.callback("autostart", self._autostart)
            self._autostart_timer = self.create_timer(
                0.0, start, callback_group=self.lifecycle_group, clock=steady
            )
        self._jump_handle = self.get_clock().create_jump_callback(
            JumpThreshold(
                min_forward=None, min_backward=Duration(seconds=-1.0), on_clock_change=True
            ),
            post_callback=self.guard.callback("clock jump", self._on_clock_jump),
        )

    def _autostart(self) -> None:
        self._autostart_timer.cancel()
        if self.change(self.trigger_configure):
            self.change(self.trigger_activate)

    def _tick(self) -> None:
        if self.closing:
            return
        self._apply_live_settings()
        fault = self.pipeline.failures.fault
        if fault is not None and self.state_label == "active":
            _logger.error("giving up: %s", fault.error)
            self.change(self.trigger_deactivate)
        self.board.tick()
        if fault is not None and fault.is_lasting:
            self.exit_code = EXIT_DEVICE_LOST  # after the board has told why

    def _apply_live_settings(self) -> None:
        settings = self.settings()
        if settings is self._applied or self.images is None:
            return
        self.images.set_max_offset(settings.input.max_offset)
        self.worker.set_max_rate(settings.input.max_rate)
        self._applied = settings

    def _on_clock_jump(self, _jump) -> None:
        self.transforms.forget()
        self.pipeline.forget_times()
        if self.images is not None:
            self.images.reset("the node's clock was set back")


def main() -> NoReturn:
    """Entry point: run until a signal comes."""
    leave(run(PerceptionNode))


if __name__ == "__main__":
    main()
