# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Lifecycle transitions that say why they failed and never end the process.

rclpy's LifecycleNode (Jazzy) swallows every exception of a transition without a log line, and
answers a request for an impossible transition with an exception out of spin, which ends the
process.
"""

import logging
import threading
from collections.abc import Callable

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.lifecycle import LifecycleNodeMixin, LifecycleState, TransitionCallbackReturn
from rclpy.node import Node

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.nodes.common.failures import as_semsplat_error

_logger = logging.getLogger(__name__)

SUCCESS = TransitionCallbackReturn.SUCCESS
FAILURE = TransitionCallbackReturn.FAILURE
ERROR = TransitionCallbackReturn.ERROR


class SafeLifecycleNode(LifecycleNodeMixin, Node):
    """A lifecycle node whose transitions are methods that raise.

    Subclasses override ``configure``, ``activate``, ``deactivate``, ``cleanup`` and ``release``. A
    SemsplatError that they raise is logged and the node stays in its state; any other exception
    frees everything (``release``) and leaves the node unconfigured.

    Args:
        name: of the node.
        options: of :class:`rclpy.node.Node`.
    """

    def __init__(self, name: str, **options) -> None:
        self._transition = threading.Lock()
        Node.__init__(self, name, **options)
        # A group of their own: a transition that takes long must not keep get_state from
        # answering. (rclpy.lifecycle.LifecycleNode is these two calls without the choice of a
        # group.)
        self.lifecycle_group = ReentrantCallbackGroup()
        LifecycleNodeMixin.__init__(self, callback_group=self.lifecycle_group)
        self._change_state = self._service_change_state.callback
        self._service_change_state.callback = self._guarded_change_state

    @property
    def state_label(self) -> str:
        """Lifecycle state ("active"), or the transition that is going on ("configuring")."""
        return self._state_machine.current_state[1]

    def change(self, trigger: Callable[[], TransitionCallbackReturn]) -> bool:
        """Run ``self.trigger_...``; False if it failed or is not possible in this state."""
        with self._transition:
            try:
                return trigger() == SUCCESS
            except Exception as problem:
                _logger.warning("no such transition from %s: %s", self.state_label, problem)
                return False

    def configure(self) -> None:
        """Take what is needed."""

    def activate(self) -> None:
        """Start."""

    def deactivate(self) -> bool:
        """Stop; True if what was taken must be freed as well."""
        return False

    def cleanup(self) -> None:
        """Free what was taken."""

    def release(self) -> None:
        """Free whatever was taken, from any state; must not raise."""

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """See :meth:`configure`."""
        return self._run("configure", self.configure)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """See :meth:`activate`."""
        return self._run("activate", self.activate)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """See :meth:`deactivate`."""
        return self._run("deactivate", self.deactivate)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """See :meth:`cleanup`."""
        return self._run("cleanup", self.cleanup)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """See :meth:`release`."""
        return self._run("shutdown", self.release)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """See :meth:`release`; the node is unconfigured afterwards."""
        return self._run("error processing", self.release)

    def transition_failed(self, name: str, error: SemsplatError) -> None:
        """Told of every transition that failed, after it was logged."""

    def _run(self, name: str, work: Callable[[], bool | None]) -> TransitionCallbackReturn:
        try:
            must_free = work()
        except SemsplatError as refusal:
            _logger.error("%s failed: %s", name, refusal)
            self.transition_failed(name, refusal)
            return FAILURE
        except Exception as problem:
            error = as_semsplat_error(problem, name)
            if error.code != ErrorCode.INTERNAL:  # which is logged with its reference
                _logger.error("%s failed: %s", name, error)
            self.transition_failed(name, error)
            return ERROR
        if must_free:
            return ERROR
        _logger.info("%s: done", name)
        return SUCCESS

    def _guarded_change_state(self, request, response):
        """Of the change_state service: an impossible transition is an answer, not an exception."""
        if not self._transition.acquire(blocking=False):
            _logger.warning("change_state refused: %s is going on", self.state_label)
            response.success = False
            return response
        try:
            return self._change_state(request, response)
        except Exception as problem:
            asked = request.transition.label or request.transition.id
            _logger.warning("no transition %s from %s: %s", asked, self.state_label, problem)
            response.success = False
            return response
        finally:
            self._transition.release()
