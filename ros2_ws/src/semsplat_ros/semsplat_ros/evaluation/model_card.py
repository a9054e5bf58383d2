# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501  (a table's row is a line)
"""The embedded model's card, made from its configuration and a measurement: no number by hand."""

from pathlib import Path
from string import Template

import yaml
from safetensors import safe_open

CARD = Template("""# $name

$summary

| | |
|---|---|
| representation | SpatialSplat's: a Gaussian per pixel with an instance vector and an importance, semantics on a coarser grid, uncompressed |
| backbone | compact two-view network, $parameters million parameters, $size MB as fp16 |
| input | two pictures, $height x $width; intrinsics and baseline where they are known |
| text | all-MiniLM-L6-v2 sentence embeddings; words are routed through the $class_count classes below |
| licence | $licence, weights and code |

## Training

Generated rooms alone (`semsplat data rooms`): $distinct pairs of pictures of $rooms rooms, seeds below 1 000 000.
In the last run $pairs pairs were seen in $steps steps, in $minutes minutes on $machine:

```
$train_command
```

$history

Its full configuration is in `config.yaml`. Scores are calibrated on rooms $calibration_seeds, which were not trained on.

## Quality

$pairs_measured pairs of rooms $seeds, never trained on, with other textures, ${picture_width}x480:

```
$command
```

| | stereo, baseline known | free pairs | stereo, baseline withheld | stereo, intrinsics withheld |
|---|---|---|---|---|
$table

A find is right if the answer, at the shipped threshold of $min_score, lies inside the box of an object of that class or
within 0.3 m of its centre; asked for are objects that fill at least 0.5 % of the left picture and are visible in
both. A wrong find is an answer for a class that neither picture shows. AbsRel is the depth's mean relative error
after alignment of the medians.

| class | find success | queries | wrong finds | IoU | localisation |
|---|---|---|---|---|---|
$classes

## Where it fails

$limits
""")

ROWS = (
    ("find success", "find_success"),
    ("wrong finds of absent classes", "wrong_finds"),
    ("mIoU, $class_count classes", "miou"),
    ("pixel accuracy", "pixel_accuracy"),
    ("localisation accuracy", "localisation_accuracy"),
    ("depth AbsRel", "abs_rel"),
    ("depth within 3 %", "tau_103"),
    ("position error of right finds, median, m", "position_error_m"),
    ("queries", "queries"),
)
SPLITS = ("free", "no_baseline", "no_intrinsics")


def render(facts: dict, figures: dict) -> str:
    """Fill the card.

    Args:
        facts: everything that the template names and a measurement does not hold.
        figures: JSON of `semsplat evaluate rooms`.
    """
    columns = [figures, *(figures["splits"][s] for s in SPLITS)]
    rows = [
        f"| {title.replace('$class_count', str(facts['class_count']))} | "
        + " | ".join(_cell(c[key]) for c in columns)
        + " |"
        for title, key in ROWS
    ]
    classes = [
        f"| {name} | {_cell(v['find_success'])} | {v['queries']} | {_cell(v['wrong_finds'])} "
        f"| {_cell(v['iou'])} | {_cell(v['localisation_accuracy'])} |"
        for name, v in figures["by_class"].items()
    ]
    return CARD.substitute(
        **facts,
        seeds=figures["seeds"],
        picture_width=figures["width"],
        command=figures["command"],
        min_score=figures["min_score"],
        pairs_measured=figures["pairs"] + figures["splits"]["free"]["pairs"],
        table="\n".join(rows),
        classes="\n".join(classes),
    )


def model_facts(folder: Path, notes: dict) -> dict:
    """What the card says of a model besides its measurement.

    Args:
        folder: of the model, with config.yaml and model.safetensors.
        notes: name, summary, machine, history, limits, train_command, distinct, rooms,
            calibration_seeds.
    """
    config = yaml.safe_load((folder / "config.yaml").read_text())
    weights = folder / "model.safetensors"
    with safe_open(weights, "pt") as file:
        parameters = sum(_count(file.get_slice(k).get_shape()) for k in file.keys())  # noqa: SIM118
    training = config["training"]
    return {
        **notes,
        "parameters": f"{parameters / 1e6:.2f}",
        "size": f"{weights.stat().st_size / 1e6:.1f}",
        "height": config["image_size"][0],
        "width": config["image_size"][1],
        "class_count": len(config["class_names"]),
        "licence": config["licence"],
        "pairs": training["pairs"],
        "steps": training["step"],
        "minutes": f"{training['seconds'] / 60:.1f}",
    }


def _count(shape: list[int]) -> int:
    total = 1
    for side in shape:
        total *= side
    return total


def _cell(value: float | None) -> str:
    """Three digits; a dash where nothing was there to measure."""
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
