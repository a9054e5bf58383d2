# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""`semsplat bench` refuses in one line what it cannot measure."""

import pytest
from typer.testing import CliRunner

from semsplat_ros.cli.main import build_app


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--model", "giraffe"], "giraffe"),
        (["--weights", "rule"], "weights by rule"),
        (["--model", "lsm", "--weights", "rule", "--precision", "fp8"], "fp8"),
    ],
)
def test_refusals_are_one_line_and_status_2(options: list[str], says: str) -> None:
    result = CliRunner().invoke(build_app(["bench"]), ["bench", "--runs", "1", *options])
    assert result.exit_code == 2
    assert says in result.output
    assert "Traceback" not in result.output
