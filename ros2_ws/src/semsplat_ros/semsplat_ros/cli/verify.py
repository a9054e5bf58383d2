# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""``semsplat verify``: one of our networks against numbers recorded from the published one."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from semsplat_ros.cli.json_file import JsonFile, write_json
from semsplat_ros.errors import SemsplatError
from semsplat_ros.evaluation.verification.entries import SYSTEMS

if TYPE_CHECKING:
    from semsplat_ros.evaluation.verification.registry import Report


def register(app: typer.Typer) -> None:
    """Add the `verify` command to the application."""
    app.command("verify")(verify)


def verify(
    name: Annotated[str, typer.Argument(help=f"One of: {', '.join(sorted(SYSTEMS))}.")],
    golden: Annotated[Path, typer.Option(help="Golden file (npz).")],
    weights_seed: Annotated[
        int, typer.Option(help="Seed of the weights and inputs.", min=0, max=2**32 - 1)
    ],
    json_path: JsonFile = None,
) -> None:
    """Compare a network at official size with a golden file; exit status 0 only if all pass."""
    from semsplat_ros.evaluation.verification.registry import verify as run_verification

    try:
        report = run_verification(name, golden, weights_seed)
        for line in report_lines(report):
            typer.echo(line)
        write_json(json_path, report_figures(report, golden, weights_seed))
    except SemsplatError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    if not report.passed:
        raise typer.Exit(1)


def report_figures(report: "Report", golden: Path, seed: int) -> dict[str, Any]:
    """What ``--json`` writes; a deviation that is no number is null."""
    return {
        "system": report.system,
        "golden": str(golden),
        "weights_seed": seed,
        "passed": report.passed,
        "entries": [
            {
                "name": c.name,
                "deviation": c.deviation if math.isfinite(c.deviation) else None,
                "limit": c.limit,
                "passed": c.passed,
                "note": c.note,
            }
            for c in report.comparisons
        ],
        "inputs": report.inputs,
        "not_compared": list(report.not_compared),
        "of_other_systems": list(report.of_other_systems),
    }


def report_lines(report: "Report") -> list[str]:
    """One line for each recorded entry, and a last one that sums up."""
    lines = []
    for c in report.comparisons:
        verdict = "PASS" if c.passed else "FAIL"
        note = f"  ({c.note})" if c.note else ""
        lines.append(f"{verdict} {c.name:<44} {c.deviation:9.2e} <= {c.limit:.0e}{note}")
    lines += [f"USED {name:<44} {how}" for name, how in report.inputs.items()]
    lines += [f"FAIL {name:<44} nothing was compared with it" for name in report.not_compared]
    if report.of_other_systems:
        others = report.of_other_systems
        lines.append(f"{len(others)} entries of this file belong to other systems")
    failed = sum(not c.passed for c in report.comparisons) + len(report.not_compared)
    total = len(report.comparisons) + len(report.not_compared)
    verdict = "PASS" if report.passed else "FAIL"
    lines.append(f"{verdict} {report.system}: {total - failed} of {total} recorded entries agree")
    return lines
