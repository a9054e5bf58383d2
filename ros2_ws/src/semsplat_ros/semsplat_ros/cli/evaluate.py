# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""`semsplat evaluate`: how good a model is on rooms and photographs that it has never seen."""

import json
import multiprocessing
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from semsplat_ros.cli.evaluate_photographs import photographs
from semsplat_ros.cli.json_file import JsonFile, write_json


def register(app: typer.Typer) -> None:
    """Add the `evaluate` commands to the application."""
    group = typer.Typer(help="Measure a model.", no_args_is_help=True)
    group.callback()(lambda: None)
    group.command("rooms")(rooms)
    group.command("photographs")(photographs)
    group.command("chessboard")(chessboard)
    group.command("calibrate")(calibrate)
    group.command("card")(card)
    app.add_typer(group, name="evaluate")


def rooms(
    seeds: Annotated[
        str, typer.Option(help="Rooms FIRST:LAST (LAST is left out); 1000000 and up are held out.")
    ] = "1000000:1000100",
    json_path: JsonFile = None,
    model: Annotated[str, typer.Option(help="Name in the zoo.")] = "room",
    checkpoint: Annotated[str, typer.Option(help="Weights instead of the shipped ones.")] = "",
    stereo: Annotated[int, typer.Option(help="Stereo pairs a room.", min=0)] = 2,
    free: Annotated[int, typer.Option(help="Free pairs a room.", min=0)] = 1,
    width: Annotated[
        int, typer.Option(help="Of the images, which are 480 high.", min=320, max=1280)
    ] = 640,
    min_score: Annotated[float, typer.Option(help="Threshold of a find.", min=0, max=1)] = 0.25,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 2,
) -> None:
    """Find success, wrong finds, depth and segmentation on generated rooms."""
    records = _run(seeds, (stereo, free, width, min_score), model, checkpoint, workers)
    from semsplat_ros.evaluation.room_report import report

    figures = {
        "seeds": seeds,
        "width": width,
        **report(records),
        "min_score": min_score,
        "model": f"{model} {checkpoint}".strip(),
        "command": "semsplat " + " ".join(sys.argv[1:]),
    }
    _print(figures)
    with _errors_in_one_line("rooms"):
        write_json(json_path, figures)


def chessboard(
    left: Annotated[str, typer.Option(help="Left images, a quoted pattern: 'left*.jpg'.")],
    right: Annotated[str, typer.Option(help="Right images, in the same order of names.")],
    square: Annotated[float, typer.Option(help="Side of a square, metres.", min=1e-4)],
    columns: Annotated[int, typer.Option(help="Inner corners in a row.", min=3)] = 9,
    rows: Annotated[int, typer.Option(help="Inner corners in a column.", min=3)] = 6,
    json_path: JsonFile = None,
    model: Annotated[str, typer.Option(help="Name in the zoo.")] = "room",
    checkpoint: Annotated[str, typer.Option(help="Weights instead of the shipped ones.")] = "",
) -> None:
    """Depth in real photographs: pairs of a stereo camera that show a chessboard."""
    from glob import glob

    from semsplat_ros.evaluation.chessboard import Board, evaluate_chessboard, read_photographs
    from semsplat_ros.perceiver import load_perceiver

    board = Board(columns, rows, square)
    with _errors_in_one_line("chessboard"):
        lefts, rights = (sorted(map(Path, glob(pattern))) for pattern in (left, right))
        photographs, unseen = read_photographs(lefts, rights, board)
        figures = evaluate_chessboard(
            load_perceiver(model, checkpoint=checkpoint), photographs, board
        )
        write_json(json_path, figures)

    def percent(error: float | None) -> str:
        return "unknown" if error is None else f"{error:.1%}"

    for pair in figures["pairs"]:
        print(
            f"{pair['name']}: board {pair['distance_m']:.2f} m away, depth wrong by "
            f"{percent(pair['depth_error'])}, without the baseline by "
            f"{percent(pair['depth_error_no_baseline'])}"
        )
    if unseen:
        print(f"board not seen whole: {', '.join(unseen)}")
    print(
        f"median of {len(figures['pairs'])} pairs: {percent(figures['depth_error'])}, without the "
        f"baseline {percent(figures['depth_error_no_baseline'])}; baseline "
        f"{figures['baseline_m']} m, calibrated to {figures['reprojection_error_px']} pixels"
    )


@contextmanager
def _errors_in_one_line(command: str) -> Iterator[None]:
    """What went wrong and what to do, and status 2."""
    from semsplat_ros.errors import SemsplatError

    try:
        yield
    except SemsplatError as error:
        typer.echo(f"semsplat evaluate {command}: {error.message}", err=True)
        raise typer.Exit(2) from error


def calibrate(
    model: Annotated[str, typer.Argument(help="Name in the zoo.")] = "room",
    seeds: Annotated[str, typer.Option(help="Rooms FIRST:LAST to learn from.")] = "900000:900060",
    wrong_finds: Annotated[float, typer.Option(help="Wrong finds at the threshold.")] = 0.06,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 2,
) -> None:
    """Map raw scores so that 0.25 is the threshold with few wrong finds; writes config.yaml."""
    from semsplat_ros.evaluation.calibration import calibrate as fit
    from semsplat_ros.evaluation.calibration import store
    from semsplat_ros.families.registry import model_directory

    folder = model_directory() / model
    store(folder, None)
    records = _run(seeds, (2, 1, 640, 0.0), model, "", workers)
    points = fit([r for r in records if r.split in ("stereo", "free")], wrong_finds)
    store(folder, points)
    for raw, calibrated in zip(points["raw"], points["calibrated"], strict=True):
        print(f"{raw:.4f} -> {calibrated:.4f}")


def card(
    figures: Annotated[Path, typer.Argument(help="JSON of `semsplat evaluate rooms`.")],
    model: Annotated[str, typer.Argument(help="Name in the zoo.")] = "room",
) -> None:
    """Write a shipped model's card (README.md in its folder) from its notes and a measurement."""
    import yaml

    from semsplat_ros.evaluation.model_card import model_facts, render
    from semsplat_ros.families.registry import model_directory

    folder = model_directory() / model
    notes = yaml.safe_load((folder / "notes.yaml").read_text())
    if not figures.is_file():
        raise typer.BadParameter(f"there is no file {figures}")
    text = render(model_facts(folder, notes), json.loads(figures.read_text()))
    (folder / "README.md").write_text(text)
    print(f"{folder / 'README.md'}: {len(text.splitlines())} lines")


def _run(
    seeds: str,
    pairs: tuple[int, int, int, float],
    model: str,
    checkpoint: str,
    workers: int,
) -> list:
    """Records of all rooms, in the order of the seeds, whatever the number of processes; `pairs`
    are stereo and free ones a room, the images' width and the threshold.
    """
    first, last = _parse_seeds(seeds)
    from rich.progress import track

    from semsplat_ros.families.registry import load_model

    load_model(model, checkpoint)  # says what is wrong here, not in every process
    jobs = [(s, *pairs) for s in range(first, last)]
    # This pool, unlike multiprocessing's, ends with an error if a process cannot start.
    with ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), _start_worker, (model, checkpoint)
    ) as pool:
        results = pool.map(_work, jobs)
        return [r for part in track(results, "rooms", len(jobs)) for r in part]


def _parse_seeds(text: str) -> tuple[int, int]:
    first, _, last = text.partition(":")
    if not (first.isdigit() and last.isdigit() and int(first) < int(last)):
        raise typer.BadParameter(f"'{text}' is no range FIRST:LAST, for example 1000000:1000100")
    return int(first), int(last)


_PERCEIVER = None


def _start_worker(model: str, checkpoint: str) -> None:
    global _PERCEIVER
    from semsplat_ros.rooms.renderer import use_offscreen_gl

    use_offscreen_gl()
    import cv2

    cv2.setNumThreads(1)
    from semsplat_ros.perceiver import load_perceiver

    _PERCEIVER = load_perceiver(model, checkpoint=checkpoint, threads=1)


def _work(job: tuple[int, int, int, int, float]) -> list:
    from semsplat_ros.evaluation.room_benchmark import evaluate_pair
    from semsplat_ros.evaluation.room_pairs import room_pairs

    seed, stereo, free, width, min_score = job
    return [
        record
        for pair in room_pairs(seed, stereo, free, width)
        for record in evaluate_pair(_PERCEIVER, pair, min_score)
    ]


def _print(figures: dict) -> None:
    """The figures of every split as a table."""
    from rich.console import Console
    from rich.table import Table

    names = (
        "pairs",
        "find_success",
        "wrong_finds",
        "miou",
        "pixel_accuracy",
        "localisation_accuracy",
        "abs_rel",
        "tau_103",
        "position_error_m",
    )
    splits = {"stereo": figures, **figures["splits"]}
    table = Table("", *splits)
    for name in names:
        table.add_row(name, *(str(values[name]) for values in splits.values()))
    Console().print(table)
