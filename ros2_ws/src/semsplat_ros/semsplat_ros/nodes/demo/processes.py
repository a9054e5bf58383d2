# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Nodes as processes of their own: found, started, watched, stopped."""

import ctypes
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from semsplat_ros.errors import ErrorCode, SemsplatError

PACKAGE = "semsplat_ros"
NAMESPACE = "/semsplat"
STOP_S = 5.0
LOG_LINES = 12
_DOMAINS = range(1, 102)
"""Linux keeps the ports of these ROS domains out of the range for outgoing connections."""
_FOREIGN = ("ROS_LOCALHOST_ONLY", "ROS_STATIC_PEERS", "ROS_NAMESPACE", "ROS_DISCOVERY_SERVER")
_PR_SET_PDEATHSIG = 1
_IMPORTED = time.monotonic()


def enter_own_domain() -> int:
    """Set this process's environment so that nodes talk on this machine alone; the domain id."""
    domain = random.SystemRandom().choice(_DOMAINS)
    for name in _FOREIGN:
        os.environ.pop(name, None)
    os.environ["ROS_DOMAIN_ID"] = str(domain)
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    return domain


def find_executable(name: str) -> Path:
    """An executable of the installed package.

    Raises:
        SemsplatError: IO_ERROR if the workspace is not built or not sourced.
    """
    from ament_index_python.packages import PackageNotFoundError, get_package_prefix

    try:
        path = Path(get_package_prefix(PACKAGE)) / "lib" / PACKAGE / name
    except (PackageNotFoundError, OSError):  # OSError without AMENT_PREFIX_PATH
        path = None
    if path is None or not path.is_file():
        raise SemsplatError(
            ErrorCode.IO_ERROR,
            f"the executable {name} of {PACKAGE} is not installed: run ./semsplat demo in the "
            "repository, or build the workspace (colcon build) and source install/setup.bash",
        )
    return path


class NodeProcess:
    """A node that runs.

    Args:
        name: of the executable.
        parameters: of the node, by name.
        folder: where its output goes, as `name`.log.
        options: further ROS arguments.
    """

    def __init__(
        self,
        name: str,
        parameters: Mapping[str, object],
        folder: Path,
        options: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        command = [str(find_executable(name)), "--ros-args", "-r", f"__ns:={NAMESPACE}", *options]
        for key, value in parameters.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            command += ["-p", f"{key}:={text}"]
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,  # Ctrl-C is for the demo, which ends the nodes in order
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )

    def check(self) -> None:
        """Raise if the process has ended by itself.

        Raises:
            SemsplatError: INTERNAL with the last lines of its output.
        """
        code = self._process.poll()
        if code is None:
            return
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        raise SemsplatError(ErrorCode.INTERNAL, f"{self.name} ended {how}\n{self.last_lines()}")

    def last_lines(self) -> str:
        """The end of its output, for people, and where all of it is."""
        lines = self.log.read_text(errors="replace").splitlines()
        shown = [f"    {line}" for line in lines[-LOG_LINES:] if line.strip()]
        return "\n".join([*shown, f"    (all of it: {self.log})"])

    def ask_to_stop(self) -> None:
        """Send SIGTERM if it still runs."""
        if self._process.poll() is None:
            self._process.terminate()

    def stop(self) -> int:
        """End the process, by force if need be; its exit code."""
        self.ask_to_stop()
        try:
            return self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


def _end_with_parent() -> None:
    """In the child: SIGTERM when the demo is killed, so that no node stays behind (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def seconds_since_start() -> float:
    """Seconds since this process was started, the shell script that became it included."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        ticks = int(fields[19])  # starttime, field 22 of proc(5), counted from after the name
        return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, ValueError, IndexError):
        return time.monotonic() - _IMPORTED
