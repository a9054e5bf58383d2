# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""``semsplat demo``: a simulated robot in a generated room is asked where things are."""

from pathlib import Path
from typing import Annotated

import typer

from semsplat_ros.errors import SemsplatError
from semsplat_ros.nodes.demo.run import (
    DEFAULT_QUERY,
    DEFAULT_SEED,
    DemoOptions,
    InterruptedDemo,
    run_demo,
)


def register(app: typer.Typer) -> None:
    """Add the `demo` command to the application."""
    app.command("demo")(demo)


def demo(
    query: Annotated[
        list[str] | None,
        typer.Option(help=f"What to ask; may be repeated.  [default: {DEFAULT_QUERY}]"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Which room.")] = DEFAULT_SEED,
    json_path: Annotated[
        Path | None, typer.Option("--json", help="Write the answers and the truth here.")
    ] = None,
    picture: Annotated[
        Path,
        typer.Option(
            help="Where to draw what was seen and found; as .gif the robot drives meanwhile."
        ),
    ] = Path("demo.png"),
    keep: Annotated[bool, typer.Option("--keep", help="Leave the nodes running.")] = False,
) -> None:
    """Start a simulated robot and the perception node, ask, print where it is, draw it."""
    options = DemoOptions(tuple(query or [DEFAULT_QUERY]), seed, json_path, picture, keep)
    try:
        run_demo(options, typer.echo)
    except SemsplatError as error:
        typer.echo(f"semsplat demo: {error.message}", err=True)
        raise typer.Exit(1) from error
    except InterruptedDemo as interrupt:
        typer.echo("semsplat demo: interrupted", err=True)
        raise typer.Exit(130) from interrupt
