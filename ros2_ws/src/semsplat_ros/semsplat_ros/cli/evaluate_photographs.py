# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""`semsplat evaluate photographs`: how good a model is on labelled photographs."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from semsplat_ros.cli.json_file import JsonFile, write_json

if TYPE_CHECKING:
    from semsplat_ros.evaluation.photograph_set import PhotographSet
    from semsplat_ros.evaluation.photographs import PhotographRecord
    from semsplat_ros.perceiver import Perceiver


def photographs(
    labelled: Annotated[
        str,
        typer.Option("--set", help="stereodemo, or a JSON file as in docs/photographs.md."),
    ] = "stereodemo",
    modes: Annotated[
        str, typer.Option(help="What the model is told, with commas between.")
    ] = "calibrated,intrinsics,nothing,grey",
    json_path: JsonFile = None,
    overlays: Annotated[
        Path | None, typer.Option(help="Folder for images of boxes, answers and depth.")
    ] = None,
    model: Annotated[str, typer.Option(help="Name in the zoo.")] = "room",
    checkpoint: Annotated[str, typer.Option(help="Weights instead of the shipped ones.")] = "",
    min_score: Annotated[float, typer.Option(help="Threshold of a find.", min=0, max=1)] = 0.25,
) -> None:
    """Words found, wrong finds, labels, depth, pose and focal length on labelled photographs."""
    from semsplat_ros.errors import SemsplatError
    from semsplat_ros.evaluation.photograph_report import report
    from semsplat_ros.evaluation.photograph_set import read_set
    from semsplat_ros.evaluation.photographs import parse_modes
    from semsplat_ros.perceiver import load_perceiver

    try:
        chosen = parse_modes(modes)
        given = read_set(labelled)
        for _ in given.check_files():
            pass
        if overlays is not None:
            overlays.mkdir(parents=True, exist_ok=True)
        perceiver = load_perceiver(model, checkpoint=checkpoint)
        records = list(_run(perceiver, given, chosen, overlays, min_score))
        figures = {
            "set": given.name,
            **report(records, min_score),
            "model": f"{model} {checkpoint}".strip(),
            "command": "semsplat " + " ".join(sys.argv[1:]),
        }
        write_json(json_path, figures)
    except SemsplatError as error:
        typer.echo(f"semsplat evaluate photographs: {error.message}", err=True)
        raise typer.Exit(2) from error
    except OSError as error:
        typer.echo(f"semsplat evaluate photographs: {error}", err=True)
        raise typer.Exit(2) from error
    _print(figures)


def _run(
    perceiver: "Perceiver",
    given: "PhotographSet",
    modes: tuple[str, ...],
    overlays: Path | None,
    min_score: float,
) -> Iterator["PhotographRecord"]:
    from rich.progress import track

    from semsplat_ros.evaluation.photograph_overlays import write_overlay
    from semsplat_ros.evaluation.photographs import evaluate_pair

    for number, pair in enumerate(track(given.pairs, "pairs")):
        files = given.photographs(pair)
        for record, perception in evaluate_pair(perceiver, pair, files, modes):
            if overlays is not None:
                left = files.images[0]
                write_overlay(overlays, number, record, perception, left, min_score)
            yield record


def _print(figures: dict[str, Any]) -> None:
    """The figures of every mode as a table, and those of each word in the first mode."""
    from rich.console import Console
    from rich.table import Table

    console, modes = Console(), figures["modes"]
    table = Table(f"{figures['set']}, {figures['pairs']} pairs", *modes)
    for title, keys in ROWS.items():
        values = [_value(of_mode, keys) for of_mode in modes.values()]
        if any(value is not None for value in values):
            table.add_row(title, *("-" if value is None else str(value) for value in values))
    console.print(table)
    names = ("present", "right", "elsewhere", "missed", "absent", "wrong_finds", "label_share")
    table = Table(f"{next(iter(modes))}, by word", *(name.replace("_", " ") for name in names))
    for word, row in figures["by_class"].items():
        table.add_row(word, *("-" if row[name] is None else str(row[name]) for name in names))
    console.print(table)


ROWS = {
    "right": ("right",),
    "found elsewhere": ("elsewhere",),
    "missed": ("missed",),
    "wrong finds of absent words": ("wrong_finds",),
    "right at 5 % wrong finds": ("right_at_5_percent_wrong", "right"),
    "threshold there": ("right_at_5_percent_wrong", "threshold"),
    "label share in boxes": ("label_share",),
    "distance error, m": ("distance_error_m",),
    "depth, aligned, against measured": ("depth", "measured", "abs_rel_aligned"),
    "depth, metric, against measured": ("depth", "measured", "abs_rel_metric"),
    "depth, aligned, against matcher": ("depth", "matched", "abs_rel_aligned"),
    "depth, metric, against matcher": ("depth", "matched", "abs_rel_metric"),
    "rotation error, free, degrees": ("pose", "free", "rotation_degrees"),
    "direction error, free, degrees": ("pose", "free", "direction_degrees"),
    "rotation error, rectified, degrees": ("pose", "rectified", "rotation_degrees"),
    "direction error, rectified, degrees": ("pose", "rectified", "direction_degrees"),
    "estimated / true focal length": ("focal", "ratio"),
    "relative error of the focal length": ("focal", "relative_error"),
}
"""Rows of the table: title, and where the value is in the figures of a mode."""


def _value(figures: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        figures = figures and figures[key]
    return figures
