# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What `ros2 run semsplat_ros ...` starts."""

from typing import NoReturn

from semsplat_ros.cpu_threads import share_processor, take_turns_often
from semsplat_ros.nodes.common.process import StopSignals, leave, run


def perception_node() -> NoReturn:
    """Entry point: signals count from the first moment, before the slow imports."""
    signals = StopSignals()
    share_processor()
    take_turns_often()
    from semsplat_ros.nodes.perception.node import PerceptionNode

    leave(run(PerceptionNode, signals=signals))


def room_cameras() -> NoReturn:
    """Entry point of the simulated camera; see :func:`perception_node`."""
    signals = StopSignals()
    from semsplat_ros.nodes.simulation.room_cameras import RoomCameras

    leave(run(RoomCameras, signals=signals))
