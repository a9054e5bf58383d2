# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The tests also start beside an installed ROS 2 Jazzy and its plugins for older versions."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Names of the plugins as Jazzy's packages register them; the hook has lost its argument `path`.
PLUGINS = ["launch_testing", "ament_lint"]


@pytest.mark.parametrize("name", PLUGINS)
def test_plugins_of_an_installed_ros_stay_out(tmp_path, name):
    (tmp_path / "old_plugin.py").write_text("def pytest_pycollect_makemodule(path, parent): ...\n")
    package = tmp_path / "old-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: old\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(f"[pytest11]\n{name} = old_plugin\n")
    found = f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--collect-only",
            "-q",
            "environment/test/test_pytest_plugins.py",
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": found},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
