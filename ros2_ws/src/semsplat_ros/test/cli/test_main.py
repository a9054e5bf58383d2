# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The command line as a whole: what it offers and what it costs to start."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from semsplat_ros.cli import main, test

HEAVY = ("torch", "rclpy", "mujoco", "cv2", "scipy")


def test_help_lists_every_command() -> None:
    result = CliRunner().invoke(main.build_app(), ["--help"])
    assert result.exit_code == 0
    for name in main.COMMANDS:
        assert f" {name} " in result.output


def test_each_file_of_the_folder_is_a_command() -> None:
    files = {path.stem for path in Path(main.__file__).parent.glob("*.py")}
    assert files >= set(main.COMMANDS)


@pytest.mark.parametrize("name", main.COMMANDS)
def test_help_of_a_command_names_it(name: str) -> None:
    result = CliRunner().invoke(main.build_app([name]), [name, "--help"])
    assert result.exit_code == 0, result.output
    assert f"{name} " in result.output.split("\n")[1]


def test_the_list_of_commands_loads_nothing_heavy() -> None:
    code = (
        "import sys; from semsplat_ros.cli.main import build_app; build_app();"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_command_is_an_error() -> None:
    result = CliRunner().invoke(main.build_app(["fly"]), ["fly"])
    assert result.exit_code == 2
    assert "fly" in result.output


def test_tests_run_in_a_domain_of_their_own_with_checked_fields() -> None:
    environment = test.test_environment()
    assert environment["ROS_PYTHON_CHECK_FIELDS"] == "1"
    assert 1 <= int(environment["ROS_DOMAIN_ID"]) <= 101


def test_the_repository_is_found_from_the_package() -> None:
    assert (test.repository() / "semsplat").is_file()


def test_a_refusal_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "semsplat_ros.cli.main", "train", "export"]
    command += [str(tmp_path / "nothing"), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("semsplat: no checkpoint")
    assert "Traceback" not in done.stderr
