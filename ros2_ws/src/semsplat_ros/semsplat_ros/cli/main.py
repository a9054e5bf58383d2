# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The ``semsplat`` command. Each subcommand is a file beside this one with `register(app)`."""

import importlib
import sys
from collections.abc import Sequence

import typer

from semsplat_ros.errors import SemsplatError

COMMANDS = (
    "demo",
    "predict",
    "train",
    "evaluate",
    "bench",
    "data",
    "weights",
    "verify",
    "test",
)


def build_app(arguments: Sequence[str] = ()) -> typer.Typer:
    """The application with the subcommand that `arguments` name, or with all of them.

    Only the named one is imported, so that a command starts as fast as it can.
    """
    app = typer.Typer(
        help="Semantic 3D Gaussian scenes from image pairs, and where in them things are.",
        no_args_is_help=True,
        pretty_exceptions_show_locals=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    # With a single command typer would make it the application itself.
    app.callback()(lambda: None)
    named = next((word for word in arguments if not word.startswith("-")), None)
    for name in (named,) if named in COMMANDS else COMMANDS:
        importlib.import_module(f"semsplat_ros.cli.{name}").register(app)
    return app


def main() -> None:
    """Run the command line of this process; a refusal is one line and exit status 2."""
    try:
        build_app(sys.argv[1:])(prog_name="semsplat")
    except SemsplatError as error:
        print(f"semsplat: {error.message}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
