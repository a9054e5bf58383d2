# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A table of parameters declared on a node."""

from collections.abc import Iterable
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.nodes.parameters.parameter_spec import ParameterSpec


def declare(node: Node, specs: Iterable[ParameterSpec]) -> dict[str, Any]:
    """Declare a table of parameters on a node; the values in force, by name.

    Raises:
        SemsplatError: INVALID_ARGUMENT, one line with the cure, if a value that was given at the
            start has the wrong type or is not allowed.
    """
    values = {}
    for spec in specs:
        default = list(spec.default) if isinstance(spec.default, tuple) else spec.default
        try:
            value = node.declare_parameter(spec.name, default, descriptor(spec)).value
        except (InvalidParameterTypeException, InvalidParameterValueException) as error:
            given = overrides(node).get(spec.name)
            refusal = spec.refusal(given.value) if given is not None else str(error)
            raise SemsplatError(ErrorCode.INVALID_ARGUMENT, f"parameter {refusal}") from error
        refusal = spec.refusal(value)
        if refusal:
            raise SemsplatError(ErrorCode.INVALID_ARGUMENT, f"parameter {refusal}")
        values[spec.name] = value
    return values


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


def overrides(node: Node) -> dict[str, Parameter]:
    """Values given at the start; rclpy has no public way to ask for undeclared ones."""
    return getattr(node, "_parameter_overrides", {})
