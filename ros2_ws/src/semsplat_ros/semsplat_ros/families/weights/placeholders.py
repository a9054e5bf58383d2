# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What stands in the structure of a weights file where an object of a foreign class was."""

from typing import Any


class Inert:
    """Stores what it is handed and does nothing; never the object that was saved."""

    args: tuple[Any, ...]
    state: Any

    def __new__(cls, *args: Any) -> "Inert":
        self = super().__new__(cls)
        self.args = args
        self.state = None
        return self

    def __setstate__(self, state: Any) -> None:
        self.state = state


class InertMapping:
    """Makes a plain dict where a dictionary of a foreign class was."""

    def __new__(cls, *_: Any) -> dict[Any, Any]:  # type: ignore[misc]
        return {}
