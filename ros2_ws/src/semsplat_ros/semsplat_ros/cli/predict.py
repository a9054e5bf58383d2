# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""`semsplat predict`: images in; Gaussians, depth, masks and answers out. No ROS needed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semsplat_ros.view_layout import ViewLayout

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    model: Annotated[str, typer.Option(help="Name in the zoo, or an upstream model.")] = "room",
    checkpoint: Annotated[str, typer.Option(help="Weights file of an upstream model.")] = "",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    focal: Annotated[
        list[float] | None,
        typer.Option(help="Focal length in pixels; once for all images of one size, or for each."),
    ] = None,
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
            intrinsics=_intrinsics(focal or [], pixels),
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


def _intrinsics(
    focals: "Sequence[float]", images: "Sequence[np.ndarray]"
) -> "tuple[np.ndarray, ...]":
    """Of cameras that look through the middle of their images; none if no focal length is known.

    Raises:
        SemsplatError: INVALID_ARGUMENT unless there is one focal length for each image, or one
            for images of one size.
    """
    import numpy as np

    from semsplat_ros.errors import ErrorCode, SemsplatError

    sizes = [image.shape[:2] for image in images]
    one_size = len(set(sizes)) == 1
    if len(focals) not in (0, len(images)) and not (len(focals) == 1 and one_size):
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"{len(focals)} focal lengths given for {len(images)} images of the sizes "
            f"{[f'{w} x {h}' for h, w in sizes]}; give --focal once for each image, or once for "
            "images of one size",
        )
    each = focals if len(focals) == len(images) else list(focals) * len(images)
    return tuple(
        np.array([[f, 0, width / 2], [0, f, height / 2], [0, 0, 1]], np.float32)
        for f, (height, width) in zip(each, sizes if each else [], strict=True)
    )


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
