# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The ``--json FILE`` of commands that report."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from semsplat_ros.errors import ErrorCode, SemsplatError

JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the report here.")]


def write_json(path: Path | None, report: Any) -> None:
    """Write a report; nothing without a path.

    Raises:
        SemsplatError: IO_ERROR if the file cannot be written.
    """
    if path is None:
        return
    try:
        path.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n")
    except OSError as error:
        raise SemsplatError(
            ErrorCode.IO_ERROR, f"{path} cannot be written: {error.strerror or error}"
        ) from error
