# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The table of :mod:`semsplat_ros.nodes.settings` as ROS parameters of a node.

Validation has no side effects and runs before a change; the change is applied after it
(About-Parameters in the ROS 2 documentation) by replacing the whole :class:`Settings`. Who works
on a pair asks for the settings once and keeps them until the pair is done.
"""

import logging
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.nodes.parameter_spec import ParameterSpec
from semsplat_ros.nodes.settings import SPECS, Settings

_logger = logging.getLogger(__name__)
_BY_NAME = {spec.name: spec for spec in SPECS}
_NOT_OURS = ("use_sim_time", "start_type_description_service", "qos_overrides.")
EXIT_BAD_PARAMETER = 2


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


def declare(node: Node, specs: Iterable[ParameterSpec]) -> dict[str, Any]:
    """Declare a table of parameters on a node; the values in force, by name.

    Raises:
        SemsplatError: see :func:`declare_parameters`.
    """
    values = {}
    for spec in specs:
        default = list(spec.default) if isinstance(spec.default, tuple) else spec.default
        try:
            value = node.declare_parameter(spec.name, default, descriptor(spec)).value
        except (InvalidParameterTypeException, InvalidParameterValueException) as error:
            given = _overrides(node).get(spec.name)
            refusal = spec.refusal(given.value) if given is not None else str(error)
            raise SemsplatError(ErrorCode.INVALID_ARGUMENT, f"parameter {refusal}") from error
        refusal = spec.refusal(value)
        if refusal:
            raise SemsplatError(ErrorCode.INVALID_ARGUMENT, f"parameter {refusal}")
        values[spec.name] = value
    return values


def declare_or_explain(
    node: Node, on_change: Callable[[Settings], None] | None = None
) -> "Parameters":
    """:func:`declare_parameters` for a main function.

    Raises:
        SystemExit: with code 2, after one line on standard error, if a value is refused.
    """
    try:
        return declare_parameters(node, on_change)
    except SemsplatError as error:
        print(f"{node.get_name()}: {error.message}", file=sys.stderr)
        raise SystemExit(EXIT_BAD_PARAMETER) from None


def descriptor(spec: ParameterSpec) -> ParameterDescriptor:
    """What `ros2 param describe` shows, and the range that rclpy enforces by itself."""
    when = "live" if spec.live else "fixed while the node is configured"
    unit = f" [{spec.unit}]" if spec.unit else ""
    result = ParameterDescriptor(
        name=spec.name,
        description=f"{spec.description}{unit} ({when})",
        additional_constraints=f"one of {spec.allowed}" if spec.choices else "",
    )
    if spec.low is not None and spec.high is not None:
        if isinstance(spec.default, float):
            limits = FloatingPointRange(from_value=float(spec.low), to_value=float(spec.high))
            result.floating_point_range = [limits]
        else:
            limits = IntegerRange(from_value=int(spec.low), to_value=int(spec.high), step=1)
            result.integer_range = [limits]
    return result


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
                for name in _overrides(self._node)
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


def _overrides(node: Node) -> dict[str, Parameter]:
    """Values given at the start; rclpy has no public way to ask for undeclared ones."""
    return getattr(node, "_parameter_overrides", {})
