# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The table of :mod:`semsplat_ros.nodes.parameters.settings` as ROS parameters of a node.

Validation has no side effects and runs before a change; the change is applied after it
(About-Parameters in the ROS 2 documentation) by replacing the whole :class:`Settings`. Who works
on a pair asks for the settings once and keeps them until the pair is done.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from semsplat_ros.nodes.parameters.parameter_declaration import declare, overrides
from semsplat_ros.nodes.parameters.settings import SPECS, Settings

_logger = logging.getLogger(__name__)
_BY_NAME = {spec.name: spec for spec in SPECS}
_NOT_OURS = ("use_sim_time", "start_type_description_service", "qos_overrides.")


def declare_parameters(
    node: Node, on_change: Callable[[Settings], None] | None = None
) -> "Parameters":
    """Declare every parameter of the table on a node.

    Args:
        node: its overrides (command line, parameter file) are taken.
        on_change: called with the new settings after each change, in the thread that made it.

    Raises:
        SemsplatError: INVALID_ARGUMENT, one line with the cure, if a value that was given at the
            start has the wrong type or is not allowed.
    """
    return Parameters(node, Settings().with_values(declare(node, SPECS)), on_change)


class Parameters:
    """The declared parameters of a node. All methods are thread-safe and do not block."""

    def __init__(
        self, node: Node, settings: Settings, on_change: Callable[[Settings], None] | None
    ) -> None:
        self._node = node
        self._lock = threading.Lock()
        self._settings = settings
        self._on_change = on_change
        self._frozen = False
        node.add_on_set_parameters_callback(self._validate)
        node.add_post_set_parameters_callback(self._apply)

    def current(self) -> Settings:
        """All values now; ask once for each pair."""
        return self._settings

    def freeze(self) -> None:
        """Allow only live parameters to be set; to be called when the node is configured."""
        self._frozen = True

    def unfreeze(self) -> None:
        """Allow all parameters to be set again; to be called when the node was cleaned up."""
        self._frozen = False

    def unknown_overrides(self) -> tuple[str, ...]:
        """Names given at the start that are no parameters of the node: most likely mistyped."""
        return tuple(
            sorted(
                name
                for name in overrides(self._node)
                if name not in _BY_NAME and not name.startswith(_NOT_OURS)
            )
        )

    def _validate(self, parameters: list[Parameter]) -> SetParametersResult:
        """Accept or refuse a change; no side effects."""
        for parameter in parameters:
            spec = _BY_NAME.get(parameter.name)
            if spec is None:  # of rclpy itself, such as use_sim_time
                continue
            refusal = spec.refusal(parameter.value)
            if not refusal and self._frozen and not spec.live:
                refusal = (
                    f"{spec.name} is fixed while the node is configured; deactivate and clean up "
                    "the node (ros2 lifecycle set), set it, then configure again"
                )
            if refusal:
                return SetParametersResult(successful=False, reason=refusal)
        return SetParametersResult(successful=True)

    def _apply(self, parameters: list[Parameter]) -> None:
        """Take over a change that was accepted."""
        values: dict[str, Any] = {p.name: p.value for p in parameters if p.name in _BY_NAME}
        if not values:
            return
        with self._lock:
            self._settings = self._settings.with_values(values)
            settings = self._settings
        if self._on_change is None:
            return
        try:
            self._on_change(settings)
        except Exception:
            # It would leave through the parameter service, whose client would wait for ever.
            _logger.exception("a change of parameters could not be applied at once")
