# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Up and down again and again in one process: nothing is left behind.

SEMSPLAT_SOAK_ROUNDS=200 runs as many rounds as before a release; here are fewer.
"""

import os
import threading
from pathlib import Path

import pytest
from lifecycle_msgs.msg import Transition

from test.support.perception_rig import Rig

pytestmark = [pytest.mark.ros, pytest.mark.slow, pytest.mark.timeout(0)]
ROUNDS = int(os.environ.get("SEMSPLAT_SOAK_ROUNDS", "20"))
WARM_ROUNDS = 5
"""After these every buffer has its size."""
GROWTH_KIB = 8 * 1024 + 64 * ROUNDS
"""What the memory may grow by after the warm rounds: an allocator's moods, and in each round less
than a tenth of the perception of one pair (750 KiB)."""
UP = (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE)
DOWN = (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP)


def held() -> dict[str, int]:
    """Threads of Python and of DDS, and open files of this process.

    Not those that come when they are first needed and stay: threads of executors, and torch's, of
    which each thread that computes gets its own.
    """
    names = [thread.name for thread in threading.enumerate()]
    tasks = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
    return {
        "threads": sum(not name.startswith("ThreadPoolExecutor") for name in names),
        "threads of DDS": sum(task.startswith("dds.") for task in tasks),
        "files": len(os.listdir("/proc/self/fd")),
    }


def memory() -> int:
    """Resident memory of this process, KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="measures with Linux's /proc")
def test_up_and_down_again_leaves_nothing_behind(ros_graph):
    rig = Rig(ros_graph, autostart=False, listen=("instances", "points"))
    subscriptions = []
    for number in range(WARM_ROUNDS + ROUNDS):
        for transition in UP:
            assert rig.transition(transition), number
        rig.wait_active()
        rig.good_pair_works()
        subscriptions.append(len(list(rig.node.subscriptions)))
        for transition in DOWN:
            assert rig.transition(transition), number
        for messages in rig.received.values():
            messages.clear()  # of the test, not of the node
        if number == WARM_ROUNDS - 1:
            before, kib = held(), memory()
    assert held() == before
    assert len(set(subscriptions)) == 1
    assert memory() - kib < GROWTH_KIB
    for transition in UP:
        assert rig.transition(transition)
    rig.wait_active()
    rig.good_pair_works()
