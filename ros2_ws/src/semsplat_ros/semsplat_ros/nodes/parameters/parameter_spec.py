# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What one parameter may be. No ROS in here."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Value = bool | int | float | str | tuple[str, ...]

_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number with a decimal point",
    str: "text",
    tuple: "a list of texts",
}


@dataclass(frozen=True)
class ParameterSpec:
    """One parameter of the table."""

    name: str
    default: Value
    description: str
    low: int | float | None = None
    """Smallest value, for numbers."""
    high: int | float | None = None
    """Largest value, inclusive."""
    unit: str = ""
    choices: tuple[str, ...] = ()
    """All values, for texts with a list of them."""
    live: bool = False
    """True if it may change while the node runs, False if it is fixed while configured."""
    check: Callable[[Any], str] | None = None
    """Further rule: what is wrong with a value of the right type, or empty."""

    @property
    def kind(self) -> str:
        """What values are, for people."""
        return _KINDS[type(self.default)]

    @property
    def allowed(self) -> str:
        """The values that are allowed, for people; empty if all of the type are."""
        if self.low is not None and self.high is not None:
            unit = f" {self.unit}" if self.unit else ""
            return f"{self.show(self.low)} to {self.show(self.high)}{unit}"
        return ", ".join(self.choices)

    def show(self, value: Any) -> str:
        """A value as one writes it in YAML."""
        if isinstance(value, list | tuple):
            return json.dumps(list(value), ensure_ascii=False)
        if isinstance(value, bool | str):
            return json.dumps(value, ensure_ascii=False)
        return repr(float(value)) if isinstance(self.default, float) else repr(value)

    def refusal(self, value: Any) -> str:
        """Why a value is not allowed and what to do, as one sentence; empty if it is.

        Args:
            value: of any type, as rclpy gives it.
        """
        if isinstance(value, list):
            value = tuple(value)
        right = type(value) is type(self.default)
        if not right or (isinstance(value, tuple) and any(type(v) is not str for v in value)):
            return f"{self.name} is {self.kind}, not {value!r}: write {self._example(value)}"
        problem = self._problem(value)
        return f"{self.name} is {self.show(value)}; it {problem}" if problem else ""

    def _problem(self, value: Any) -> str:
        """What is wrong with a value of the right type, or empty."""
        if self.low is not None and self.high is not None:
            if not self.low <= value <= self.high:  # NaN is in no range
                return f"must be {self.allowed}"
        if self.choices and value not in self.choices:
            return f"must be one of {self.allowed}"
        return self.check(value) if self.check is not None else ""

    def _example(self, value: Any) -> str:
        """What to write instead of a value of the wrong type: the same one if possible."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if isinstance(self.default, bool):
            return "true or false"
        if isinstance(self.default, float):
            return repr(float(value)) if is_number else self.show(self.default)
        if isinstance(self.default, int):
            finite = is_number and math.isfinite(value)
            return str(round(value)) if finite else self.show(self.default)
        if isinstance(self.default, str) and is_number:
            return f"'\"{value}\"' with both kinds of quotes"
        return self.show(self.default)
