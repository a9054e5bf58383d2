# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""``semsplat test``: every check of the repository, as they run before a change is taken."""

import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

# Linux keeps the ports of these ROS domains out of the range for outgoing connections.
_DOMAINS = range(1, 102)


def register(app: typer.Typer) -> None:
    """Add the `test` command to the application."""
    passed_on = {"allow_extra_args": True, "ignore_unknown_options": True}
    app.command("test", context_settings=passed_on)(test)


def test(
    context: typer.Context,
    checks: Annotated[
        bool, typer.Option(help="Also ruff, import rules and types, not only pytest.")
    ] = True,
    golden: Annotated[
        bool,
        typer.Option("--golden", help="Also compare upstream networks at their official size."),
    ] = False,
) -> None:
    """Run all checks and tests. Further arguments go to pytest (then nothing else runs)."""
    root = repository()
    failed = []
    if checks and not context.args:
        failed = [name for name, command in CHECKS.items() if not _passes(name, command, root)]
    typer.echo("pytest")
    choice = [] if golden or context.args else ["-m", "not golden"]
    pytest = [sys.executable, "-m", "pytest", *choice, *context.args]
    code = subprocess.run(pytest, cwd=root, env=test_environment(), check=False).returncode
    if failed:
        typer.echo(f"not passed: {', '.join(failed)} (what they say is above)", err=True)
    raise typer.Exit(code or (1 if failed else 0))


def _tool(*words: str) -> list[str]:
    """A tool of the environment that runs this interpreter."""
    name, *arguments = words
    return [str(Path(sys.executable).parent / name), *arguments]


CHECKS = {
    "style (ruff check)": _tool("ruff", "check", "--quiet", "."),
    "format (ruff format)": _tool("ruff", "format", "--quiet", "--check", "."),
    "imports between layers (import-linter)": _tool("lint-imports", "--no-logo"),
    "types (mypy)": _tool("mypy"),
}


def _passes(name: str, command: Sequence[str], root: Path) -> bool:
    typer.echo(f"{name:40}", nl=False)
    done = subprocess.run(
        command, cwd=root, capture_output=True, text=True, env=test_environment(), check=False
    )
    typer.echo("ok" if done.returncode == 0 else "FAILED")
    if done.returncode != 0:
        typer.echo((done.stdout + done.stderr).strip())
    return done.returncode == 0


def test_environment() -> dict[str, str]:
    """Checked message fields, and a ROS domain of its own so that other nodes stay out."""
    return {
        **os.environ,
        "ROS_PYTHON_CHECK_FIELDS": "1",
        "ROS_DOMAIN_ID": str(random.SystemRandom().choice(_DOMAINS)),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    }


def repository() -> Path:
    """The checkout that this package lies in. Raises typer.Exit when it is installed elsewhere."""
    for folder in Path(__file__).resolve().parents:
        if (folder / "pyproject.toml").exists() and (folder / "ros2_ws").is_dir():
            return folder
    typer.echo("semsplat test runs in a checkout of the repository: ./semsplat test", err=True)
    raise typer.Exit(2)
