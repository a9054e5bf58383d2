# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""`semsplat train`: train the embedded model on shards of generated rooms, export it for the
node."""

import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

MALLOC = {
    # Without these glibc gives every large tensor back to the system and faults it in again.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "268435456",
}


def register(app: typer.Typer) -> None:
    """Add the `train` commands to the application."""
    group = typer.Typer(help="Train the embedded model and export it.", no_args_is_help=True)
    group.command("room")(room)
    group.command("export")(export)
    group.command("photographs")(photographs)
    app.add_typer(group, name="train")


def room(
    data: Annotated[Path, typer.Option(help="Directory of shards (semsplat data rooms).")],
    out: Annotated[Path, typer.Option(help="Directory for checkpoints and the log.")],
    steps: Annotated[int, typer.Option(help="Steps of the whole run.", min=1)] = 6000,
    finish_minutes: Annotated[
        float, typer.Option(help="If > 0, end the run after so many minutes, annealed.")
    ] = 0.0,
    minutes: Annotated[float, typer.Option(help="Stop this call after so long.")] = 1e9,
    batch_size: Annotated[int, typer.Option(help="Pairs per step and process.", min=1)] = 6,
    processes: Annotated[int, typer.Option(help="Data-parallel processes here.", min=1)] = 1,
    initial: Annotated[
        Path | None, typer.Option(help="Exported weights (.safetensors) to start from.")
    ] = None,
    rate_scale: Annotated[
        float, typer.Option(help="Of the learning rates; below 1 to go on from weights.", min=0.0)
    ] = 1.0,
    device: Annotated[
        str, typer.Option(help="auto, cpu, cuda or cuda:N; auto with several processes: cpu.")
    ] = "auto",
    precision: Annotated[
        str, typer.Option(help="fp32, bf16, or auto: bf16 where the device computes in it.")
    ] = "auto",
    crop_until: Annotated[
        float, typer.Option(help="Share of the run on crops, which cost half.", min=0.0, max=1.0)
    ] = 0.6,
    seed: Annotated[int, typer.Option(help="Of weights, order and augmentation.")] = 0,
) -> None:
    """Train; the same command again resumes where the run stopped."""
    if processes > 1 and "WORLD_SIZE" not in os.environ:
        _restart_under_torchrun(processes)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    import torch

    torch.set_num_threads(1 if "WORLD_SIZE" in os.environ else torch.get_num_threads())
    torch.set_flush_denormal(True)
    from semsplat_ros.networks.compact import CompactConfig
    from semsplat_ros.training.room import initial_weights, room_loss
    from semsplat_ros.training.trainer import Trainer, TrainingConfig

    trainer = Trainer(
        data,
        out,
        room_loss(data),
        TrainingConfig(
            batch_size=batch_size,
            steps=steps,
            finish_minutes=finish_minutes,
            rate_scale=rate_scale,
            device=device,
            precision=precision,
            crop_until=crop_until,
            seed=seed,
        ),
        CompactConfig(),
        initial_weights(initial) if initial else None,
    )
    if trainer.device.type == "cuda":
        torch.set_float32_matmul_precision("high")  # TF32 for what autocast leaves in float32
    progress = trainer.train(minutes)
    trainer.close()
    print(f"step {progress.step} of {steps}, {progress.pairs} pairs, {progress.seconds:.0f} s")


def export(
    run: Annotated[Path, typer.Argument(help="Directory of a run.")],
    out: Annotated[Path, typer.Argument(help="Directory of the model in the zoo.")],
) -> None:
    """Write the averaged weights as fp16 safetensors, and config.yaml, for the zoo."""
    from semsplat_ros.training.room import export_room

    for line in export_room(run, out):
        print(line)


def _restart_under_torchrun(processes: int) -> None:
    """Replace this process by torchrun with the same command."""
    os.environ.update({**MALLOC, "OMP_NUM_THREADS": "1", "GOMP_SPINCOUNT": "0"})
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += [f"--nproc-per-node={processes}", "-m", "semsplat_ros.cli.main", *sys.argv[1:]]
    os.execv(sys.executable, command)


def photographs(
    archive: Annotated[
        Path, typer.Argument(help="What npm pack @codait/max-image-segmenter@0.3.0 gives.")
    ],
    folder: Annotated[Path, typer.Argument(help="Folder of an exported room model.")],
) -> None:
    """Add the second network, which knows six of the classes from photographs, to a model."""
    from semsplat_ros.errors import SemsplatError
    from semsplat_ros.training.deeplab_weights import add_photograph_network

    try:
        typer.echo(add_photograph_network(archive, folder))
    except SemsplatError as error:
        typer.echo(f"semsplat train photographs: {error.message}", err=True)
        raise typer.Exit(2) from error
