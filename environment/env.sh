# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
#
# Puts this checkout's ROS 2 and semsplat into the current bash:
#     . environment/env.sh
# Made by environment/setup; every path is derived from the place of this file.

_semsplat_here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
_semsplat_root="$(dirname "$_semsplat_here")"
_semsplat_venv="$_semsplat_root/.venv"

if [ ! -x "$_semsplat_venv/bin/python" ]; then
    echo "semsplat: no environment in $_semsplat_venv; run: $_semsplat_here/setup" >&2
    return 1
fi

# A ROS installation of the machine, when the environment was made for one.
if [ -r "$_semsplat_venv/ros_prefix" ]; then
    _semsplat_ros="$(cat "$_semsplat_venv/ros_prefix")"
    case ":${AMENT_PREFIX_PATH:-}:" in
        *":$_semsplat_ros:"*) ;;
        *) . "$_semsplat_ros/setup.bash" ;;
    esac
fi

. "$_semsplat_venv/bin/activate"

# ROS from wheels: what a setup.bash of an installation would have set.
if [ ! -r "$_semsplat_venv/ros_prefix" ]; then
    export ROS_DISTRO=jazzy ROS_VERSION=2 ROS_PYTHON_VERSION=3
    export AMENT_PREFIX_PATH="$_semsplat_venv" CMAKE_PREFIX_PATH="$_semsplat_venv"
    export RMW_IMPLEMENTATION=rmw_fastrtps_cpp
    export ROS_AUTOMATIC_DISCOVERY_RANGE="${ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST}"
    # The wheels' libraries. Set here, python need not start a second time to set them itself.
    for _semsplat_dir in "$_semsplat_venv/lib" \
            "$_semsplat_venv"/lib/python3.*/site-packages/ros_*.libs; do
        case ":${LD_LIBRARY_PATH:-}:" in
            *":$_semsplat_dir:"*) ;;
            *) LD_LIBRARY_PATH="$_semsplat_dir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" ;;
        esac
    done
    export LD_LIBRARY_PATH _ROS_WHEELS_BOOTSTRAP_COMPLETE=1
    unset _semsplat_dir
fi

# Images and clouds are larger than Fast DDS's default shared memory segment and would be lost.
export FASTRTPS_DEFAULT_PROFILES_FILE="${FASTRTPS_DEFAULT_PROFILES_FILE:-$_semsplat_here/fastdds_shm_16.xml}"
export COLCON_DEFAULTS_FILE="$_semsplat_here/defaults.yaml"
export SEMSPLAT_ROOT="$_semsplat_root"

if [ -r "$_semsplat_root/ros2_ws/install/local_setup.bash" ]; then
    . "$_semsplat_root/ros2_ws/install/local_setup.bash"
fi
unset _semsplat_here _semsplat_root _semsplat_venv _semsplat_ros
