# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""``semsplat data``: make training data."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from semsplat_ros.errors import SemsplatError


def register(app: typer.Typer) -> None:
    """Add the `data` commands to the application."""
    group = typer.Typer(help="Make training data.", no_args_is_help=True)
    group.command("rooms")(rooms)
    group.callback()(lambda: None)  # keeps `rooms` a command of its own while it is the only one
    app.add_typer(group, name="data")


def rooms(
    out: Annotated[Path, typer.Option(help="Directory for the shards.")],
    shards: Annotated[int, typer.Option(help="How many shards, about 150 pairs each.", min=1)],
    first_seed: Annotated[int, typer.Option(help="Seed of the first room.", min=0)] = 0,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 1,
    validation: Annotated[
        bool, typer.Option("--validation", help="A validation set, from seeds 1000000 up.")
    ] = False,
    furniture: Annotated[
        bool,
        typer.Option(
            "--furniture",
            help="Rooms with modelled furniture: Debian's package sweethome3d-furniture.",
        ),
    ] = False,
    furniture_cache: Annotated[
        Path, typer.Option(help="Folder for the furniture models as they are drawn.")
    ] = Path("data/furniture_models"),
) -> None:
    """Render generated rooms into shards; the same command again makes only the missing ones."""
    from semsplat_ros.rooms.generation import generate_shards, missing_shards

    todo = len(missing_shards(out, shards))
    columns = (
        TextColumn("rooms"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("shards, {task.description}"),
        TimeRemainingColumn(),
    )
    pairs, start = 0, time.monotonic()
    try:
        with Progress(*columns) as progress:
            task = progress.add_task("starting", total=shards, completed=shards - todo)
            for _, count in generate_shards(
                out,
                shards,
                first_seed,
                workers,
                validation,
                furniture=furniture_cache if furniture else None,
            ):
                pairs += count
                rate = pairs / (time.monotonic() - start)
                progress.update(task, advance=1, description=f"{pairs} pairs, {rate:.1f} pairs/s")
    except SemsplatError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    except KeyboardInterrupt:
        typer.echo("stopped; the same command goes on from here", err=True)
        raise typer.Exit(130) from None
    typer.echo(f"{shards} shards in {out}: {todo} new with {pairs} pairs")


if __name__ == "__main__":
    typer.run(rooms)
