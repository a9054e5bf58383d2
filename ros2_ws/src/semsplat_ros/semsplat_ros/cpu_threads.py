# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""How a process shares the processor with others; to be set before PyTorch is imported.

PyTorch's OpenMP threads wait for each other by spinning, up to milliseconds an operator. On a
robot whose cores are busy the one that is waited for does not run while the others spin: a pair
can then take ten times as long. Threads that sleep at once leave a second core unused by small
operators. So they spin for about 50 microseconds, longer than they differ on idle cores, and sleep
then. A small network gains nothing from many threads and takes half of the cores, at most four:
what it waits for is never a thread that another program has pushed from its core.
"""

import os
import sys
from collections.abc import MutableMapping
from pathlib import Path

_SHORT_SPIN = {"GOMP_SPINCOUNT": "1000", "KMP_BLOCKTIME": "1"}
"""Rounds, for GNU's OpenMP; milliseconds, for LLVM's and Intel's."""
MOST_FOR_SMALL = 4
"""On 16 busy cores, resizing one pair with 16 threads took a tenth of a second."""
TURN_S = 0.001
"""How long one of Python's threads runs at most while another one waits."""


def share_processor(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let waiting threads sleep soon, and use as many as there are real cores.

    The variables are OpenMP's own, read once when its library is loaded; what the user has set
    stays.
    """
    if not any(name in environment for name in ("OMP_WAIT_POLICY", *_SHORT_SPIN)):
        environment.update(_SHORT_SPIN)
    environment.setdefault("OMP_NUM_THREADS", str(usable_cores()))


def take_turns_often() -> None:
    """Let Python's threads change places after 1 ms instead of 5.

    A service's thread needs several turns for an answer and else waits for the thread that
    processes a pair at each of them.
    """
    sys.setswitchinterval(TURN_S)


def network_threads(small: bool) -> int:
    """How many threads a network on the CPU should compute with.

    Args:
        small: True for networks whose operators take less than a millisecond, and for what a
            network on a GPU leaves to the CPU; they take half of the cores and at most
            :data:`MOST_FOR_SMALL`, others all.

    Returns:
        At least 1, and no more than OMP_NUM_THREADS where that is set.
    """
    cores = usable_cores()
    wanted = max(1, min(cores // 2, MOST_FOR_SMALL)) if small else cores
    most = os.environ.get("OMP_NUM_THREADS", "")
    return min(wanted, int(most)) if most.isdigit() and int(most) > 0 else wanted


def usable_cores(system: Path = Path("/sys")) -> int:
    """Cores this process may run on: hyperthreads of one core count once, a container's limit
    holds.
    """
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0}
    cores = {_read(_siblings(system, cpu)) or str(cpu) for cpu in allowed}
    quota, _, period = _read(system / "fs/cgroup/cpu.max").partition(" ")
    limit = int(quota) / int(period) if quota.isdigit() and period.isdigit() else len(cores)
    return max(1, min(len(cores), round(limit)))


def _siblings(system: Path, cpu: int) -> Path:
    return system / f"devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
