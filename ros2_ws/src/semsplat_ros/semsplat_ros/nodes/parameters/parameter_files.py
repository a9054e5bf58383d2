# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The parameter file and the page of the user guide, made from the table.

``python -m semsplat_ros.nodes.parameters.parameter_files`` in a checkout writes both; a test
compares them.
"""

import textwrap
from itertools import groupby
from pathlib import Path

from semsplat_ros.nodes.parameters.parameter_spec import ParameterSpec
from semsplat_ros.nodes.parameters.settings import SPECS

YAML_PATH = Path("ros2_ws/src/semsplat_ros/config/perception.yaml")
MARKDOWN_PATH = Path("docs/parameters.md")
_COMMAND = "python -m semsplat_ros.nodes.parameters.parameter_files"
_WIDTH = 96


def render_yaml() -> str:
    """``config/perception.yaml``: every parameter with its default, for nodes of any name."""
    lines = [
        "# Every parameter of perception_node with its default value.",
        f"# Made by `{_COMMAND}`; copy it to change values.",
        "# [live]: may be set while the node runs. All others are fixed while it is configured.",
        "/**:",
        "  ros__parameters:",
    ]
    for group, specs in groupby(SPECS, lambda spec: spec.name.rpartition(".")[0]):
        indent = "    "
        if group:
            lines.append(f"{indent}{group}:")
            indent += "  "
        for spec in specs:
            lines += _comment(spec, indent)
            lines.append(f"{indent}{spec.name.rpartition('.')[2]}: {spec.show(spec.default)}")
    return "\n".join(lines) + "\n"


def render_markdown() -> str:
    """``docs/parameters.md``: the table for people."""
    lines = [
        "# Parameters of perception_node",
        "",
        f"<!-- Made by `{_COMMAND}`; do not edit. -->",
        "",
        "Live parameters may be set while the node runs and hold from the next pair of images on:",
        "`ros2 param set /semsplat/perception_node NAME VALUE`. The others are read when the node",
        "is configured, and refused until it is cleaned up. A number with a decimal point must be",
        "written with one: `1.0`, not `1`. A value that is not allowed at the start ends the node",
        "with exit code 2 and one line that says what to write.",
        "",
        "All of them, to be copied and changed, are in `config/perception.yaml` of the package.",
        "",
        "| name | default | allowed | live | meaning |",
        "|---|---|---|---|---|",
    ]
    for spec in SPECS:
        cells = (
            f"`{spec.name}`",
            f"`{spec.show(spec.default)}`",
            spec.allowed or spec.kind,
            "yes" if spec.live else "",
            spec.description,
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def write(repository: Path) -> tuple[Path, ...]:
    """Write both files into a checkout; returns their paths."""
    paths = (repository / YAML_PATH, repository / MARKDOWN_PATH)
    for path, text in zip(paths, (render_yaml(), render_markdown()), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return paths


def _comment(spec: ParameterSpec, indent: str) -> list[str]:
    allowed = f" Allowed: {spec.allowed}." if spec.allowed else ""
    live = " [live]" if spec.live else ""
    prefix = f"{indent}# "
    text = f"{spec.description}{allowed}{live}"
    return textwrap.wrap(text, _WIDTH, initial_indent=prefix, subsequent_indent=prefix)


if __name__ == "__main__":
    for written in write(Path(__file__).resolve().parents[6]):
        print(written)
