# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""When the set-up works, what it does, and what it says when it cannot."""

import ast
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import make_environment
import pytest
import system
from make_environment import SetupError
from progress import CommandFailed, notable, run
from system import missing_ros_packages


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of its own in which the set-up works; commands are not run but noted."""
    workspace = tmp_path / "ros2_ws"
    message = workspace / "src" / "semsplat_interfaces" / "msg" / "Thing.msg"
    message.parent.mkdir(parents=True)
    message.write_text("int32 x\n")
    (workspace / "src" / "semsplat_ros").mkdir()
    (workspace / "src" / "semsplat_ros" / "node.py").write_text("pass\n")
    (tmp_path / "environment").mkdir()
    (tmp_path / "environment" / "core.txt").write_text("numpy==2.4.6\n")
    (tmp_path / "environment" / "pip_ros.cmake").touch()
    places = {
        "ROOT": tmp_path,
        "HERE": tmp_path / "environment",
        "VENV": tmp_path / ".venv",
        "WORKSPACE": workspace,
        "LOG": workspace / "log" / "setup.log",
        "STAMP": tmp_path / ".venv" / "semsplat.json",
        "__file__": str(tmp_path / "environment" / "core.txt"),
    }
    for name, value in places.items():
        monkeypatch.setattr(make_environment, name, value)
    (workspace / "log").mkdir()
    return tmp_path


@pytest.fixture
def commands(tree: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that the set-up would have run."""
    noted: list[str] = []

    def note(title: str, command: Sequence[str], *_: object, **__: object) -> None:
        noted.append(" ".join(command))
        if "venv" in command:
            (tree / ".venv" / "bin").mkdir()
            (tree / ".venv" / "bin" / "python").touch()
            version = "{}.{}.0".format(*make_environment.sys.version_info[:2])
            (tree / ".venv" / "pyvenv.cfg").write_text(f"version = {version}\n")

    monkeypatch.setattr(make_environment, "run", note)
    monkeypatch.setattr(system, "missing_tools", dict)
    monkeypatch.setattr(system, "missing_ros_packages", lambda env, prefix: [])
    monkeypatch.setattr(system, "has_nvidia_gpu", lambda: False)
    return noted


def kinds(commands: list[str]) -> list[str]:
    words = (("-m venv", "venv"), ("pip install", "pip"), ("colcon build", "build"))
    return [kind for command in commands for word, kind in words if word in command]


def test_the_second_run_does_nothing(tree: Path, commands: list[str]) -> None:
    assert make_environment.main() == 0
    assert kinds(commands) == ["venv", *["pip"] * 5, "build"]
    commands.clear()
    assert make_environment.main() == 0
    assert commands == []


def test_what_is_compared_with_cannot_be_imported(tree: Path, commands: list[str]) -> None:
    make_environment.main()
    installing = [command for command in commands if "reference.txt" in command]
    assert len(installing) == 1
    assert f"--no-deps --require-hashes --upgrade --target {tree}/.venv/reference" in installing[0]


def test_photographs_lie_beside_the_environment(tree: Path, commands: list[str]) -> None:
    make_environment.main()
    (installing,) = [command for command in commands if "photographs.txt" in command]
    assert "--no-deps --require-hashes --ignore-requires-python" in installing
    assert f"--target {tree}/.venv/photographs" in installing


def test_without_photographs_the_set_up_works(
    tree: Path, commands: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    noting = make_environment.run

    def fail(title: str, command: Sequence[str], *rest: object, **more: object) -> None:
        noting(title, command, *rest, **more)
        if any("photographs.txt" in word for word in command):
            raise CommandFailed(list(command), output)

    monkeypatch.setattr(make_environment, "run", fail)
    output = "ERROR: No matching distribution found (from versions: none)"
    assert make_environment.main() == 0
    assert "not to be had" in capsys.readouterr().out
    commands.clear()
    assert make_environment.main() == 0
    assert commands == []
    (tree / "environment" / "core.txt").write_text("numpy==2.5.5\n")
    output = "OSError: [Errno 28] No space left on device"
    assert make_environment.main() == 1
    assert "the disk is full" in capsys.readouterr().err


def test_what_changed_is_made_again_and_no_more(tree: Path, commands: list[str]) -> None:
    make_environment.main()
    commands.clear()
    (tree / "ros2_ws/src/semsplat_ros/node.py").write_text("print()\n")
    make_environment.main()
    assert commands == []
    (tree / "ros2_ws/src/semsplat_interfaces/msg/Thing.msg").write_text("int64 x\n")
    make_environment.main()
    assert kinds(commands) == ["build"]
    commands.clear()
    (tree / "environment" / "core.txt").write_text("numpy==2.5.5\n")
    make_environment.main()
    assert kinds(commands) == [*["pip"] * 5, "build"]


def test_a_half_made_environment_is_made_anew(tree: Path, commands: list[str]) -> None:
    make_environment.main()
    commands.clear()
    (tree / ".venv" / "unfinished").touch()
    (tree / ".venv" / "semsplat.json").unlink()
    make_environment.main()
    assert kinds(commands) == ["venv", *["pip"] * 5, "build"]
    assert not (tree / ".venv" / "unfinished").exists()


def test_a_half_made_build_is_made_anew(
    tree: Path, commands: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    noting = make_environment.run

    def break_off(title: str, command: Sequence[str], *_: object, **__: object) -> None:
        noting(title, command)
        if "colcon" in command[-1]:
            raise CommandFailed(command, "killed")

    monkeypatch.setattr(make_environment, "run", break_off)
    assert make_environment.main() == 1
    rest = tree / "ros2_ws" / "build" / "half.o"
    rest.touch()
    monkeypatch.setattr(make_environment, "run", noting)
    commands.clear()
    assert make_environment.main() == 0
    assert kinds(commands) == ["build"]
    assert not rest.exists()


def test_cpu_torch_is_looked_for_in_three_places(
    tree: Path, commands: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def refuse(title: str, *arguments: str) -> None:
        tried.append(arguments)
        raise CommandFailed(["pip install"], "No matching distribution (from versions: 2.12.0)")

    monkeypatch.setattr(make_environment, "_pip", refuse)
    with pytest.raises(CommandFailed):
        make_environment._install_torch([])
    wanted = f"torch=={make_environment.TORCH}"
    index = make_environment.TORCH_CPU_INDEX
    assert tried == [
        (f"{wanted}+cpu",),
        (f"{wanted}+cpu", "--extra-index-url", index),
        (wanted,),
    ]
    tried.clear()
    monkeypatch.setattr(system, "has_nvidia_gpu", lambda: True)
    with pytest.raises(CommandFailed):
        make_environment._install_torch([])
    assert tried == [(wanted,)]


def test_missing_system_packages_are_named_in_one_line(
    tree: Path, commands: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    missing = {"a C++ compiler": ["build-essential"], "Mesa's EGL": ["libegl1", "libgl1"]}
    monkeypatch.setattr(system, "missing_tools", lambda: missing)
    monkeypatch.setattr(system, "become_root", lambda purpose: None)
    assert make_environment.main() == 1
    line = capsys.readouterr().err.strip()
    assert line == (
        "semsplat: missing: a C++ compiler, Mesa's EGL; "
        "install with: sudo apt install build-essential libegl1 libgl1"
    )
    assert commands == []


def test_missing_system_packages_are_installed_by_root_and_announced(
    tree: Path, commands: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    answers = [{"a C++ compiler": ["build-essential"]}, {}]
    monkeypatch.setattr(system, "missing_tools", lambda: answers.pop(0))
    monkeypatch.setattr(system, "become_root", lambda purpose: ["sudo", "-n"])
    monkeypatch.setattr(make_environment.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert make_environment.main() == 0
    assert commands[0] == "sudo -n apt-get update"
    assert commands[1].startswith("sudo -n env") and commands[1].endswith(" build-essential")
    assert "installing what is missing (a C++ compiler)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("E: Failed to fetch http://d/ Temporary failure resolving 'd'", "could not reach its"),
        ("E: Unable to locate package python3-venv", "apt failed"),
    ],
)
def test_apt_that_fails_is_told_with_the_cure(
    tree: Path,
    commands: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    output: str,
    said: str,
) -> None:
    def fail(title: str, command: Sequence[str], *_: object) -> None:
        raise CommandFailed(command, output)

    monkeypatch.setattr(make_environment, "run", fail)
    monkeypatch.setattr(system, "missing_tools", lambda: {"the headers": ["python3-dev"]})
    monkeypatch.setattr(system, "become_root", lambda purpose: [])
    monkeypatch.setattr(make_environment.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert make_environment.main() == 1
    line = capsys.readouterr().err.strip()
    assert line.startswith("semsplat: apt") and said in line
    assert "sudo apt install python3-dev" in line


@pytest.mark.parametrize("right", [True, False])
def test_sudo_asks_for_the_password_after_the_reason_and_before_any_progress(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, right: bool
) -> None:
    class Done:
        def __init__(self, returncode: int) -> None:
            self.returncode = returncode

    def sudo(command: list[str], **_: object) -> Done:
        if command == ["sudo", "-n", "true"]:
            return Done(1)
        assert command == ["sudo", "-v"]
        assert capsys.readouterr().out == "the reason\n"
        return Done(0 if right else 1)

    monkeypatch.setattr(system.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(system.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(system.subprocess, "run", sudo)
    monkeypatch.setattr(system.sys.stdin, "isatty", lambda: True, raising=False)
    assert system.become_root("the reason") == (["sudo"] if right else None)
    monkeypatch.setattr(system.sys.stdin, "isatty", lambda: False, raising=False)
    assert system.become_root("the reason") is None


def test_the_tools_of_a_bare_machine_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system.shutil, "which", lambda name: None)
    monkeypatch.setattr(system.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(system.sysconfig, "get_path", lambda name: "/nowhere")

    def no_library(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(system.ctypes, "CDLL", no_library)
    packages = [name for names in system.missing_tools().values() for name in names]
    assert packages[0] == "build-essential"
    assert packages[1].endswith("-dev") and packages[2].endswith("-venv")
    assert {"libegl1", "libgl1-mesa-dri"} <= set(packages)


@pytest.mark.parametrize("driver", ["dri/swrast_dri.so", "libgallium-25.0.7-2.so"])
def test_mesa_of_every_age_can_draw(tmp_path: Path, driver: str) -> None:
    assert not system.has_software_driver(tmp_path)
    library = tmp_path / "lib" / "x86_64-linux-gnu" / driver
    library.parent.mkdir(parents=True)
    library.touch()
    assert system.has_software_driver(tmp_path)


def test_a_full_disk_is_found_before_anything_is_done(
    tree: Path, commands: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    class Usage:
        free = system.GIB

    monkeypatch.setattr(system.shutil, "disk_usage", lambda folder: Usage)
    assert make_environment.main() == 1
    assert "1.0 GB free on the disk of" in capsys.readouterr().err
    assert commands == []


def installed_ros(folder: Path) -> Path:
    (folder / "share" / "rclpy").mkdir(parents=True)
    (folder / "share" / "rclpy" / "package.xml").touch()
    return folder


def test_an_installed_ros_is_found_and_wheels_are_not_taken_for_one(tmp_path: Path) -> None:
    root, other = tmp_path / "checkout", installed_ros(tmp_path / "other" / ".venv")
    installed_ros(root / ".venv")
    (other / "pyvenv.cfg").touch()
    wheels = f"{root / '.venv'}:{other}"
    assert system.ros_prefix({"AMENT_PREFIX_PATH": wheels}, root) is None
    assert system.ros_prefix({}, root) is None
    jazzy = installed_ros(tmp_path / "jazzy")
    assert system.ros_prefix({"AMENT_PREFIX_PATH": f"{wheels}:{jazzy}"}, root) == jazzy


def test_an_installed_jazzy_is_used_without_wheels_or_underlay(
    tree: Path, commands: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jazzy = installed_ros(tmp_path / "jazzy-elsewhere")
    monkeypatch.setattr(system, "ros_prefix", lambda env, root: jazzy)
    monkeypatch.setenv("ROS_DISTRO", "jazzy")
    assert make_environment.main() == 0
    assert "--system-site-packages" in commands[0]
    assert not any("/ros.txt" in command for command in commands)
    assert any("/arrays-ros.txt" in command for command in commands)
    assert (tree / ".venv" / "ros_prefix").read_text() == str(jazzy)
    assert "pip_underlay" not in (tree / "environment" / "defaults.yaml").read_text()
    # a shell in which it is not sourced goes on with it
    monkeypatch.setattr(system, "ros_prefix", lambda env, root: None)
    commands.clear()
    assert make_environment.main() == 0
    assert commands == []


def test_parts_that_a_small_ros_lacks_are_named(
    tree: Path, commands: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jazzy, overlay = tmp_path / "jazzy", tmp_path / "overlay"
    for place, names in ((jazzy, system._ROS_PACKAGES[1:]), (overlay, ["ament_cmake"])):
        for name in names:
            (place / "share" / name).mkdir(parents=True)
            (place / "share" / name / "package.xml").touch()
    both = {"AMENT_PREFIX_PATH": f"{overlay}:{jazzy}"}
    assert missing_ros_packages(both, jazzy) == []
    assert missing_ros_packages({}, jazzy) == ["ros-jazzy-ament-cmake"]
    monkeypatch.setattr(system, "missing_ros_packages", missing_ros_packages)
    monkeypatch.setattr(system, "become_root", lambda purpose: None)
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(jazzy))
    with pytest.raises(SetupError, match="parts of ROS 2; .*apt install ros-jazzy-ament-cmake"):
        make_environment._check_machine(jazzy)


def test_another_distribution_is_refused(
    tree: Path, commands: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(system, "ros_prefix", lambda env, root: Path("/opt/ros/humble"))
    monkeypatch.setenv("ROS_DISTRO", "humble")
    assert make_environment.main() == 1
    assert "ROS 2 humble is sourced and semsplat needs Jazzy" in capsys.readouterr().err


def test_failures_are_explained_in_one_line(tmp_path: Path) -> None:
    pip = ["python", "-m", "pip", "install", "torch"]
    full = make_environment._explain(CommandFailed(pip, "OSError: No space left on device"))
    assert "disk is full" in full
    other = make_environment._explain(CommandFailed(["colcon"], "a\nCMake Error: no\nb\n"))
    assert "CMake Error: no" in other and "\n" not in other


def test_a_command_is_logged_and_its_failure_raised(tmp_path: Path) -> None:
    log = tmp_path / "log"
    run("fine", ["sh", "-c", "echo out; echo err >&2"], log)
    assert "out\nerr\n" in log.read_text()
    with pytest.raises(CommandFailed) as caught:
        run("not fine", ["sh", "-c", "echo why; exit 3"], log)
    assert caught.value.output == "why\n"


def test_only_telling_rows_are_shown() -> None:
    row = "  Downloading https://host/a/torch-2.13.0-cp312-cp312-linux.whl (190.3 MB)"
    assert notable(row) == "torch-2.13.0 (190.3 MB)"
    assert notable("Starting >>> tf2_ros") == "building tf2_ros"
    row = "[ 45%] Building C object CMakeFiles/things__rosidl_generator_c.dir/things/msg/a.c.o"
    assert notable(row) == "building things 45 %"
    assert notable("  Requirement already satisfied: pip") == ""


def test_pins_are_exact() -> None:
    lists = ("core", "arrays", "ros", "build", "dev", "language", "reference", "photographs")
    for name in (*lists, "constraints"):
        path = Path(make_environment.HERE) / f"{name}.txt"
        for row in path.read_text(encoding="utf-8").splitlines():
            assert row.startswith("#") or "==" in row, f"{path.name}: {row}"


# Import names that differ from the name of the distribution.
DISTRIBUTIONS = {
    "OpenGL": "pyopengl",
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "yaml": "pyyaml",
}
# Taken when a person has installed them; never needed.
OPTIONAL = {
    "cv_bridge",
    "fast_simplification",
    "gsplat",
    "launch",
    "launch_ros",
    "open_clip",
    "trimesh",
    "vision_msgs",
}
# torch is installed by the set-up itself; the rest is ROS or this repository.
GIVEN = {"torch", "semsplat_ros", "semsplat_interfaces", "test"}
UNDERLAY = {"message_filters", "sensor_msgs_py", "tf2_msgs", "tf2_ros"}


def test_every_import_of_the_package_is_pinned() -> None:
    pinned = set()
    for name in ("core", "arrays", "ros", "dev", "constraints"):
        for row in (make_environment.HERE / f"{name}.txt").read_text().splitlines():
            pinned.add(re.split(r"[=\[]", row)[0].lower().replace("_", "-"))
    imported: set[str] = set()
    package = make_environment.WORKSPACE / "src" / "semsplat_ros" / "semsplat_ros"
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported.add(node.module.split(".")[0])
    foreign = imported - set(sys.stdlib_module_names) - OPTIONAL - GIVEN - UNDERLAY
    assert {"numpy", "rclpy"} <= foreign  # the search finds something
    names = {name: DISTRIBUTIONS.get(name, name).lower().replace("_", "-") for name in foreign}
    missing = {
        name for name, dist in names.items() if dist not in pinned and f"ros-{dist}" not in pinned
    }
    assert missing == set()


@pytest.mark.parametrize(
    ("folder", "named"), [("my robots", "a blank"), ("robots (old)", "a blank"), ("me&you", "&")]
)
def test_a_path_that_the_build_would_not_take_is_refused(
    tree: Path, commands: list[str], monkeypatch: pytest.MonkeyPatch, folder: str, named: str
) -> None:
    monkeypatch.setattr(make_environment, "ROOT", Path("/home/me", folder, "semsplat"))
    with pytest.raises(SetupError, match=f"path has {named} in it"):
        make_environment._check_machine(None)


@pytest.mark.parametrize("folder", ["größe", "c++_1.0@home,~", "C%C3"])
def test_paths_with_other_signs_are_taken(folder: str) -> None:
    assert make_environment._ODD_IN_PATH.search(f"/home/me/{folder}/semsplat") is None
