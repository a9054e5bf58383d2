# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The set-up as a person meets it on a machine where something is missing."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ENVIRONMENT = Path(__file__).resolve().parents[1]
ORDINARY_TOOLS = ("sh", "bash", "env", "dirname", "id", "readlink", "cat")


def checkout(folder: Path) -> Path:
    """A checkout with the set-up and an empty workspace."""
    copied = shutil.ignore_patterns("test", "__pycache__", "defaults.yaml")
    shutil.copytree(ENVIRONMENT, folder / "environment", ignore=copied)
    (folder / "ros2_ws" / "src").mkdir(parents=True)
    return folder / "environment" / "setup"


def path_with(folder: Path, **scripts: str) -> str:
    """A PATH with the ordinary tools and the given scripts and nothing else."""
    folder.mkdir()
    for tool in ORDINARY_TOOLS:
        (folder / tool).symlink_to(str(shutil.which(tool)))
    for name, body in scripts.items():
        script = folder / name
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(0o755)
    return str(folder)


def run(script: Path, **env: str) -> subprocess.CompletedProcess:
    """The set-up in an environment that has nothing but these variables."""
    return subprocess.run(
        [str(script)], env=env, capture_output=True, text=True, check=False, timeout=120
    )


def the_line(done: subprocess.CompletedProcess) -> str:
    """The one line of a failed set-up."""
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_without_python_it_says_what_to_install(tmp_path: Path) -> None:
    line = the_line(run(checkout(tmp_path), PATH=path_with(tmp_path / "bin")))
    assert "there is no python3" in line
    assert "apt install python3" in line


def test_an_old_python_is_named_with_what_is_needed(tmp_path: Path) -> None:
    old = 'case "$2" in *version_info*) exit 1;; *) echo 3.9.2;; esac'
    done = run(checkout(tmp_path), PATH=path_with(tmp_path / "bin", python3=old))
    line = the_line(done)
    assert "python3 is 3.9.2" in line
    assert "3.11, 3.12 or 3.13" in line
    assert "SEMSPLAT_PYTHON" in line


def test_a_newer_python_beside_the_old_one_is_taken(tmp_path: Path) -> None:
    path = path_with(tmp_path / "bin", python3="exit 1", **{"python3.12": 'echo "took $*"'})
    done = run(checkout(tmp_path), PATH=path)
    assert done.returncode == 0
    assert "make_environment.py" in done.stdout


def test_the_python_that_was_asked_for_must_suit(tmp_path: Path) -> None:
    path = path_with(tmp_path / "bin", python3="exit 0")
    line = the_line(run(checkout(tmp_path), PATH=path, SEMSPLAT_PYTHON="/nowhere/python3.9"))
    assert "/nowhere/python3.9" in line


@pytest.mark.slow
def test_without_network_it_says_so_and_the_next_run_is_not_harmed(tmp_path: Path) -> None:
    script = checkout(tmp_path)
    nowhere = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_TIMEOUT": "2",
    }
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **nowhere}
    for _ in range(2):
        line = the_line(run(script, **environment))
        assert "no connection to the package index" in line
        assert "PIP_INDEX_URL" in line
    assert not (tmp_path / ".venv" / "unfinished").exists()
    assert "NewConnectionError" in (tmp_path / "ros2_ws" / "log" / "setup.log").read_text()


def test_env_refuses_without_an_environment(tmp_path: Path) -> None:
    script = checkout(tmp_path).parent / "env.sh"
    done = subprocess.run(
        ["bash", "-c", f". {script} || echo refused"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "refused\n"
    assert str(tmp_path / "environment" / "setup") in done.stderr
