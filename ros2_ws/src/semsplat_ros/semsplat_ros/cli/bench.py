# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""`semsplat bench`: pairs a second, milliseconds by stage, memory."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from semsplat_ros.cli.json_file import JsonFile, write_json


class Weights(StrEnum):
    """Where the numbers of a network come from."""

    SHIPPED = "shipped"
    RULE = "rule"


def register(app: typer.Typer) -> None:
    """Add the `bench` command to the application."""
    app.command("bench")(bench)


def bench(
    model: Annotated[str, typer.Option(help="A shipped model, or an upstream model.")] = "room",
    weights: Annotated[
        Weights, typer.Option(help="rule: made from names, for upstream models without a file.")
    ] = Weights.SHIPPED,
    checkpoint: Annotated[str, typer.Option(help="Weights instead of the shipped ones.")] = "",
    runs: Annotated[
        int,
        typer.Option(help="Pairs that count; 0 = 100, upstream 3.", min=0, max=200),
    ] = 0,
    threads: Annotated[
        int, typer.Option(help="PyTorch's; 0 = what the model takes by itself.", min=0)
    ] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    precision: Annotated[
        str, typer.Option(help="Of upstream models: fp32, bf16, fp16, or several by comma.")
    ] = "fp32,bf16",
    image_size: Annotated[
        int, typer.Option(help="Upstream models: longer side; 0 = as it was trained.", min=0)
    ] = 0,
    compare_precisions: Annotated[
        bool, typer.Option(help="Upstream models: how far tokens and heads are from fp32's.")
    ] = False,
    node: Annotated[bool, typer.Option(help="Also run the ROS node (shipped models).")] = True,
    seed: Annotated[int, typer.Option(help="Room that the images show.", min=0)] = 1_000_000,
    json_path: JsonFile = None,
) -> None:
    """Measure speed and memory on a 640 x 480 stereo pair of a generated room."""
    from semsplat_ros.errors import SemsplatError
    from semsplat_ros.evaluation.benchmark import speed

    try:
        if weights is Weights.RULE:
            from semsplat_ros.evaluation.benchmark.upstream_speed import UpstreamRun

            jobs = [
                UpstreamRun(model, p, device, threads, image_size) for p in precision.split(",")
            ]
            pair = speed.in_own_process(speed.room_pair, seed)
            figures = _upstream(pair, jobs, runs or 3, compare_precisions)
        else:
            pair = speed.in_own_process(speed.room_pair, seed)
            figures = _shipped((pair, model, checkpoint, device, threads, runs or 100), node)
        write_json(json_path, figures)
    except SemsplatError as error:
        typer.echo(f"semsplat bench: {error.message}", err=True)
        raise typer.Exit(2) from error
    _print(figures)


def _shipped(job: tuple, node: bool) -> dict[str, Any]:
    from semsplat_ros.evaluation.benchmark import speed

    of_model = speed.in_own_process(speed.bench_shipped, *job)
    if node:
        from semsplat_ros.nodes.bench import bench_node

        return speed.figures(job[1], of_model, speed.in_own_process(bench_node, *job))
    return speed.figures(job[1], of_model)


def _upstream(pair, jobs: list, runs: int, precisions: bool) -> dict[str, Any]:
    from semsplat_ros.evaluation.benchmark import speed
    from semsplat_ros.evaluation.benchmark.precision_comparison import compare_precision
    from semsplat_ros.evaluation.benchmark.upstream_speed import bench_upstream

    found = {}
    for job in jobs:
        found[job.precision] = speed.in_own_process(bench_upstream, pair, job, runs)
        if precisions and job.precision != "fp32":
            apart = speed.in_own_process(compare_precision, pair, job)
            found[job.precision]["relative_to_fp32"] = apart
    return {**speed.figures(jobs[0].name, found[jobs[0].precision]), "precisions": found}


def _print(figures: dict[str, Any]) -> None:
    """The figures as a table."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for name, part in figures.get("precisions", {"": figures}).items():
        title = f"{figures['model']} {name} on {figures['device']}, {figures['threads']} threads"
        table = Table("", "median ms", "p5", "p95", "runs", title=title)
        rows = {"model": part["model_ms"], "node": part.get("node_ms"), **part["stages_ms"]}
        for row, values in rows.items():
            if values:
                table.add_row(row, *(str(values[k]) for k in ("median", "p5", "p95", "runs")))
        console.print(table)
        query = part.get("query_p95_ms")
        console.print(
            f"{part['pairs_per_s']} pairs/s"
            + (f", query p95 {query} ms" if query is not None else "")
            + f", peak {part['peak_mib']} MiB"
            + (f", of which weights {part['weights_mib']} MiB" if "weights_mib" in part else "")
        )
        for where, difference in part.get("relative_to_fp32", {}).items():
            console.print(f"  {where}: {100 * difference:.3f} % from fp32")
