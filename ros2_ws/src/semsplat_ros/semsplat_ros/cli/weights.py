# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""``semsplat weights``: what a file is, a safer form of it, where official ones are."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from semsplat_ros.cli.json_file import JsonFile, write_json
from semsplat_ros.errors import SemsplatError


def register(app: typer.Typer) -> None:
    """Add the `weights` commands to the application."""
    group = typer.Typer(
        help="Files of network weights. Nothing is downloaded.", no_args_is_help=True
    )
    group.command("inspect")(inspect)
    group.command("convert")(convert)
    group.command("where")(where)
    app.add_typer(group, name="weights")


def inspect(
    file: Annotated[Path, typer.Argument(help=".safetensors, .pth, .ckpt or .pt")],
    sha256: Annotated[bool, typer.Option("--sha256", help="Also compute the checksum.")] = False,
    json_path: JsonFile = None,
) -> None:
    """Say what a file is; nothing in it is executed.

    Exit status 1 if an official file is incomplete.
    """
    from semsplat_ros.families.registry import terms_of
    from semsplat_ros.families.weights.conversion import inspect as inspect_file

    with _explained():
        report = inspect_file(file, sha256)
        terms = terms_of(report.system)
        write_json(json_path, {**asdict(report), "licence": terms})
    state = "complete" if report.complete else f"{report.difference_count} differences"
    if report.system == "unknown":
        state = "not checked"
    rows = {
        "file": f"{report.file}, {report.bytes / 1e9:.2f} GB, {report.container}",
        "is": report.about,
        "system": report.system,
        "variant": report.variant,
        "state": state,
        "holds": f"{report.tensors} tensors, {report.parameters / 1e6:.1f} million values",
        "besides": f"{report.extras} tensors of something else" if report.extras else "",
        "terms": terms,
        "built by": report.model_string,
        "sha256": report.sha256,
    }
    _print(rows | {f"differs {i}": d for i, d in enumerate(report.differences, 1)})
    if report.difference_count:
        raise typer.Exit(1)


def convert(
    file: Annotated[Path, typer.Argument(help="An official file.")],
    out: Annotated[Path, typer.Argument(help="A name that ends in .safetensors.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT.")] = False,
    json_path: JsonFile = None,
) -> None:
    """Rewrite weights as safetensors, which cannot hold code and load faster."""
    from semsplat_ros.families.registry import terms_of
    from semsplat_ros.families.weights.conversion import convert as convert_file

    with _explained():
        checkpoint = convert_file(file, out, overwrite)
        size = out.stat().st_size
        write_json(json_path, {"file": str(out), "system": checkpoint.system, "bytes": size})
    _print(
        {
            "written": f"{out}, {size / 1e9:.2f} GB",
            "system": checkpoint.system,
            "terms": terms_of(checkpoint.system),
        }
    )


def where(
    name: Annotated[str, typer.Argument(help="A system, for example splatt3r; none: all.")] = "",
    json_path: JsonFile = None,
) -> None:
    """Say where official weights come from and under which terms."""
    from semsplat_ros.families.registry import weight_source, weight_sources

    with _explained():
        sources = [weight_source(name)] if name else list(weight_sources().values())
        write_json(json_path, [asdict(source) for source in sources])
    for source in sources:
        _print(
            {
                "system": source.system,
                "file": source.file,
                "publisher": source.publisher,
                "get it from": source.where,
                "terms": source.licence,
                "remark": source.remark,
            }
        )
        typer.echo()


@contextmanager
def _explained() -> Iterator[None]:
    """One line and exit status 2 instead of a traceback."""
    try:
        yield
    except SemsplatError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


def _print(rows: dict[str, str]) -> None:
    """Name and value side by side; empty values are left out."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        if value:
            table.add_row(name, escape(value))
    Console(highlight=False).print(table)
