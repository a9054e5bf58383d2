# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What the machine offers: system packages, disk, accelerator, an installed ROS."""

import ctypes
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

GIB = 1 << 30


def ros_prefix(env: Mapping[str, str], root: Path) -> Path | None:
    """Where a sourced ROS installation lies; None if there is none outside this checkout.

    Environments made of wheels, this checkout's or another's, do not count.
    """
    for entry in env.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        prefix = Path(entry)
        if not entry or prefix.is_relative_to(root) or (prefix / "pyvenv.cfg").exists():
            continue
        if (prefix / "share" / "rclpy" / "package.xml").exists():
            return prefix
    return None


_ROS_PACKAGES = (
    *("ament_cmake", "diagnostic_msgs", "message_filters", "rosidl_default_generators"),
    *("sensor_msgs_py", "std_srvs", "tf2_ros_py", "visualization_msgs"),
)
"""What semsplat takes of an installed ROS beside rclpy; the smallest images of ROS lack some."""


def missing_ros_packages(env: Mapping[str, str], prefix: Path) -> list[str]:
    """Debian packages of what an installed ROS 2 Jazzy at `prefix` or beside it does not have."""
    places = [prefix, *map(Path, filter(None, env.get("AMENT_PREFIX_PATH", "").split(os.pathsep)))]
    return [
        f"ros-jazzy-{name.replace('_', '-')}"
        for name in _ROS_PACKAGES
        if not any((place / "share" / name / "package.xml").exists() for place in places)
    ]


def missing_tools(with_gl: bool = True) -> dict[str, list[str]]:
    """What is missing, for a person, with the Debian packages that bring it."""
    missing = {}
    if not all(shutil.which(name) for name in ("gcc", "g++", "make")):
        missing["a C++ compiler and make"] = ["build-essential"]
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        missing["the Python headers"] = [_python_package("dev")]
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        missing["the Python module venv"] = [_python_package("venv")]
    if with_gl and not _has_egl():
        missing["Mesa's EGL"] = ["libegl1", "libegl-mesa0", "libgl1", "libgl1-mesa-dri"]
    return missing


def _python_package(part: str) -> str:
    """python3-dev, or python3.12-dev where that is not the distribution's python3."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    default = Path("/usr/bin/python3").resolve().name
    return (
        f"python3-{part}"
        if default in ("python3", f"python{version}")
        else f"python{version}-{part}"
    )


def _has_egl() -> bool:
    """Whether EGL, OpenGL and a driver for them are there (the simulated cameras draw with it)."""
    for name in ("libEGL.so.1", "libGL.so.1"):
        try:
            ctypes.CDLL(name)
        except OSError:
            return False
    vendors = [
        entry
        for folder in ("/usr/share/glvnd/egl_vendor.d", "/etc/glvnd/egl_vendor.d")
        for entry in Path(folder).glob("*.json")
    ]
    if any("nvidia" in entry.name for entry in vendors) and has_nvidia_gpu():
        return True
    return bool(vendors) and has_software_driver(Path("/usr"))


def has_software_driver(root: Path) -> bool:
    """Whether Mesa can draw on the CPU: by a driver of its own, or in newer versions by the one
    library of all drivers."""
    return any(
        next((root / lib).glob(pattern), None) is not None
        for lib in ("lib", "lib64")
        for pattern in ("**/dri/*swrast*", "**/libgallium*.so*")
    )


def has_nvidia_gpu() -> bool:
    """Whether an NVIDIA GPU can be used from here (cheap: asked at every start)."""
    windows_linux = Path("/dev/dxg").exists() and shutil.which("nvidia-smi") is not None
    return windows_linux or any(Path("/dev").glob("nvidia[0-9]*"))


def become_root(purpose: str) -> list[str] | None:
    """The words to put before a command that needs root; None where nobody may be root.

    Where sudo wants a password it is asked for here, after `purpose` was said: later the question
    would be lost under the line that shows progress.
    """
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    silent = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False)
    if silent.returncode == 0:
        return ["sudo", "-n"]
    if not sys.stdin.isatty():
        return None
    print(purpose, flush=True)
    return ["sudo"] if subprocess.run(["sudo", "-v"], check=False).returncode == 0 else None


def wheels_fault() -> str:
    """Why ROS from wheels cannot run on this machine; empty if it can."""
    cure = "install ROS 2 Jazzy, source its setup.bash and run again"
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return f"no ROS wheels for {platform.system()} on {platform.machine()}; {cure}"
    library, version = platform.libc_ver()
    if library != "glibc" or tuple(map(int, version.split(".")[:2])) < (2, 28):
        return f"the ROS wheels need glibc 2.28, here is {library or 'musl'} {version}; {cure}"
    return ""


def disk_fault(folder: Path, needed_gib: float) -> str:
    """Which disk is too full; empty if none is."""
    free = shutil.disk_usage(folder).free / GIB
    if free < needed_gib:
        return (
            f"{free:.1f} GB free on the disk of {folder}, needed are about {needed_gib:.0f} GB; "
            "make room there, or put the checkout on a larger disk"
        )
    return ""
