# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""`semsplat predict`: images in; Gaussians, depth, masks and answers out. No ROS needed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semsplat_ros.view_layout import ViewLayout

if TYPE_CHECKING:
    import numpy as np


def register(app: typer.Typer) -> None:
    """Add the `predict` command to the application."""
    app.command("predict")(predict)


def predict(
    images: Annotated[
        list[Path], typer.Argument(help="Two or more images of the same place, first view first.")
    ],
    query: Annotated[
        list[str] | None, typer.Option(help='What to find, for example "chair"; repeatable.')
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path("output"),
    model: Annotated[str, typer.Option(help="Name in the zoo, or an upstream system.")] = "room",
    checkpoint: Annotated[str, typer.Option(help="Weights file of an upstream system.")] = "",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    focal: Annotated[
        float, typer.Option(help="Focal length in pixels of the images; 0 = estimate.", min=0)
    ] = 0.0,
    baseline: Annotated[
        float,
        typer.Option(help="Metres between the first two cameras; 0 = unknown.", min=0),
    ] = 0.0,
    rectified: Annotated[
        bool,
        typer.Option(help="With --baseline: whether the first two images are a rectified pair."),
    ] = True,
    view_layout: Annotated[
        ViewLayout, typer.Option(help="How SpatialSplat and NoPoSplat read more than two images.")
    ] = ViewLayout.SEPARATE,
    min_score: Annotated[float, typer.Option(help="Threshold of a find.", min=0, max=1)] = 0.25,
    adaptive_threshold: Annotated[
        bool, typer.Option(help="Also take clear responses below; see query.adaptive_threshold.")
    ] = False,
) -> None:
    """Predict a semantic scene from two or more images and look for things in it."""
    from semsplat_ros.errors import SemsplatError
    from semsplat_ros.geometry.image_files import read_image
    from semsplat_ros.objects.export import write_all
    from semsplat_ros.perceiver import load_perceiver
    from semsplat_ros.scene import CameraPrior

    try:
        pixels = tuple(read_image(path) for path in images)
        out.mkdir(parents=True, exist_ok=True)  # refused now or never
        perceiver = load_perceiver(
            model, checkpoint=checkpoint, device=device, view_layout=view_layout
        )
        prior = CameraPrior(
            intrinsics=tuple(_intrinsics(focal, image) for image in pixels) if focal else (),
            baseline=baseline or None,
            rectified=rectified,
        )
        views = perceiver.prepare(pixels, prior)
        perception = perceiver.perceive(views)
        answers = [
            perceiver.query(
                perception, q, min_score=min_score, adaptive_threshold=adaptive_threshold
            )
            for q in query or []
        ]
        files = write_all(perception, pixels, answers, out)
    except SemsplatError as error:
        typer.echo(f"semsplat: {error.message}", err=True)
        raise typer.Exit(2) from error
    except OSError as error:
        typer.echo(f"semsplat: {error}", err=True)
        raise typer.Exit(2) from error
    for answer in answers:
        typer.echo(_sentence(answer, perception.scene.scale.is_metric))
    names = ", ".join(i.label or f"#{i.id}" for i in perception.instances) or "nothing"
    typer.echo(f"{len(perception.instances)} objects: {names}")
    typer.echo(f"{len(files)} files in {out}/: {', '.join(f.name for f in files)}")


def _intrinsics(focal: float, image: "np.ndarray") -> "np.ndarray":
    """Of a camera that looks through the middle of its image."""
    import numpy as np

    height, width = image.shape[:2]
    return np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]], np.float32)


def _sentence(answer, metric: bool) -> str:
    """One line for a person."""
    if not answer.found:
        return answer.message
    match = answer.matches[0]
    x, y, z = match.instance.box_center
    unit = "m" if metric else "units (scale unknown)"
    side = f"{abs(x):.2f} {'right' if x > 0 else 'left'}"
    height = f"{abs(y):.2f} {'down' if y > 0 else 'up'}"
    return (
        f"{answer.concept}: {z:.2f} ahead, {side}, {height}, in {unit} (score {match.score:.2f})"
    )
