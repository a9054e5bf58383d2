# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The launch files as launch runs them, where it is installed.

launch_testing runs in a process of its own: its plugin fits older versions of pytest alone.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from test.support.node_process import environment

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*.test.py"))
# Not "launch" itself: the folder of our launch files has that name.
NEEDED = ("launch_ros", "launch_testing")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]

pytestmark = [
    pytest.mark.ros,
    pytest.mark.slow,
    pytest.mark.timeout(280),
    pytest.mark.skipif(
        bool(MISSING),
        reason=f"not installed: {', '.join(MISSING)}; they come with ROS 2, not from PyPI",
    ),
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_launch_file_passes_its_launch_tests(path, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "launch_testing.launch_test", str(path)],
        cwd=tmp_path,
        env={**os.environ, **environment(), "ROS_LOG_DIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=270,
    )
    assert done.returncode == 0, done.stdout
