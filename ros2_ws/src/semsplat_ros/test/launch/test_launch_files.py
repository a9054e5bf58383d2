# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Launch files: what they ask for, executed with stand-ins. test_real_launch.py runs them."""

import ast
from pathlib import Path

import pytest
import yaml

from semsplat_ros.nodes.outputs.publishers import topics_of
from semsplat_ros.nodes.parameters.settings import SPECS
from semsplat_ros.nodes.simulation.room_cameras import SPECS as CAMERA_SPECS
from semsplat_ros.nodes.simulation.simulated_camera import FRAMES
from test.support.recorded_launch import LaunchFile, Node, ParameterValue

PACKAGE_ROOT = Path(__file__).parents[2]
FILES = sorted((PACKAGE_ROOT / "launch").glob("*.launch.py"))
PERCEPTION = PACKAGE_ROOT / "launch" / "perception.launch.py"
DEMO = PACKAGE_ROOT / "launch" / "demo.launch.py"
RVIZ = PACKAGE_ROOT / "config" / "semsplat.rviz"
PROMISED = {"namespace", "params_file", "model", "checkpoint", "device", "image_transport"}
PROMISED |= {"left_image", "right_image", "left_camera_info", "right_camera_info", "rviz"}
PROMISED |= {"use_sim_time", "autostart", "log_level", "use_respawn", "target_frame"}
FORBIDDEN_NAMES = {"eval", "exec", "compile", "__import__", "open"}
FORBIDDEN_MODULES = {"os", "subprocess", "socket", "urllib", "requests", "http", "sys", "shutil"}


def plain(parameters: list) -> dict:
    """Parameters of a node as values; the files among them under "files"."""
    values: dict = {"files": [p for p in parameters if isinstance(p, str)]}
    for group in parameters:
        if isinstance(group, dict):
            values |= {
                k: v.typed[0] if isinstance(v, ParameterValue) else v for k, v in group.items()
            }
    return values


def perception(**given: str) -> Node:
    return LaunchFile(PERCEPTION).actions(**given)[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_code_is_evaluated_and_nothing_else_is_reached(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in FORBIDDEN_NAMES
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
            assert module.split(".")[0] not in FORBIDDEN_MODULES
            assert module.split(".")[0] in ("launch", "launch_ros")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_argument_is_described_and_used(path):
    words = [
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    text = path.read_text()
    for argument in LaunchFile(path).arguments:
        assert argument.kwargs["description"].endswith("."), argument.name
        side = argument.name.replace("left", "{side}").replace("right", "{side}")
        assert words.count(argument.name) > 1 or f'f"{side}"' in text, argument.name


def test_promised_arguments_are_there():
    assert {argument.name for argument in LaunchFile(PERCEPTION).arguments} >= PROMISED


def test_default_launch_is_the_node_in_its_namespace_with_the_shipped_parameters():
    (node,) = LaunchFile(PERCEPTION).actions()
    assert node.kwargs["namespace"] == "semsplat"
    assert (node.kwargs["package"], node.kwargs["executable"]) == (
        "semsplat_ros",
        "perception_node",
    )
    values = plain(node.kwargs["parameters"])
    assert values["files"] == ["/share/semsplat_ros/config/perception.yaml"]
    # Nothing of the file is overridden that the user did not ask for.
    assert set(values) == {"files"}
    assert (PACKAGE_ROOT / "config" / "perception.yaml").is_file()


def test_arguments_become_parameters_of_the_node():
    node = perception(
        model="spatialsplat",
        checkpoint="/m/s.ckpt",
        device="cuda:0",
        image_transport="compressed",
        target_frame="map",
        autostart="false",
        use_sim_time="true",
    )
    values = plain(node.kwargs["parameters"])
    expected = {
        "model.name": "spatialsplat",
        "model.checkpoint": "/m/s.ckpt",
        "model.device": "cuda:0",
        "input.image_transport": "compressed",
        "target_frame": "map",
        "autostart": False,
        "use_sim_time": True,
    }
    assert {name: values[name] for name in expected} == expected
    assert set(expected) - {"use_sim_time"} <= {spec.name for spec in SPECS}
    texts = [v for g in node.kwargs["parameters"] if isinstance(g, dict) for v in g.values()]
    assert all(v.typed[1] is str for v in texts if isinstance(v, ParameterValue))


def test_topics_are_remapped_and_calibration_only_if_it_is_named():
    node = perception(left_image="/cam/l/image", right_image="/cam/r/image")
    assert node.kwargs["remappings"] == [
        ("left/image_raw", "/cam/l/image"),
        ("right/image_raw", "/cam/r/image"),
    ]
    node = perception(left_camera_info="/a/info", right_camera_info="/b/info")
    assert ("left/camera_info", "/a/info") in node.kwargs["remappings"]
    assert ("right/camera_info", "/b/info") in node.kwargs["remappings"]


def test_more_cameras_are_named_and_remapped():
    node = perception(cameras="front rear left", images="/f/image /r/image /l/image")
    assert plain(node.kwargs["parameters"])["input.cameras"] == ["front", "rear", "left"]
    renamed = node.kwargs["remappings"]
    for rule in (("front", "/f/image"), ("rear", "/r/image"), ("left", "/l/image")):
        assert (f"{rule[0]}/image_raw", rule[1]) in renamed
    assert len(dict(renamed)) == len(renamed), "the first of two rules would win"
    assert "input.cameras" not in plain(perception().kwargs["parameters"])
    rviz, _ = LaunchFile(PERCEPTION).actions(rviz="true", cameras="front rear")
    assert dict(rviz.kwargs["remappings"])["/semsplat/masks/left"] == "/semsplat/masks/front"
    with pytest.raises(ValueError, match="images has 1 topics for 2 names"):
        perception(cameras="front rear", images="/f/image")


def test_respawn_and_log_level():
    node = perception(use_respawn="true", log_level="debug")
    assert node.kwargs["respawn"] is True
    assert perception().kwargs["respawn"] is False
    assert node.kwargs["ros_arguments"] == ["--log-level", "debug"]


@pytest.mark.parametrize("argument", ["autostart", "rviz", "log_level", "image_transport"])
def test_unknown_choice_is_refused(argument):
    with pytest.raises(ValueError, match=argument):
        perception(**{argument: "perhaps"})


def test_rviz_follows_the_namespace():
    rviz, _ = LaunchFile(PERCEPTION).actions(rviz="true", namespace="arm")
    assert rviz.kwargs["executable"] == "rviz2"
    renamed = dict(rviz.kwargs["remappings"])
    assert renamed["/semsplat/points"] == "/arm/points"
    assert set(renamed) == rviz_topics(), "every topic of the configuration, and no other"


def test_rviz_is_looked_for_before_anything_is_started():
    # Where it is not installed launch ends, and leaves running what it has started.
    nodes = LaunchFile(PERCEPTION).actions(rviz="true")
    assert [node.kwargs["executable"] for node in nodes] == ["rviz2", "perception_node"]
    includes_rviz, camera = LaunchFile(DEMO).actions()
    assert "rviz" in dict(includes_rviz.kwargs["launch_arguments"])
    assert camera.kwargs["executable"] == "room_cameras"


def test_demo_starts_the_camera_and_includes_perception():
    included, camera = LaunchFile(DEMO).actions()
    assert camera.kwargs["executable"] == "room_cameras"
    types = {"seed": int, "motion": str, "rate": float, "fault.kind": str}
    (parameters,) = camera.kwargs["parameters"]
    assert {name: value.typed[1] for name, value in parameters.items()} == types
    assert set(types) <= {spec.name for spec in CAMERA_SPECS}
    defaults = {a.name: a.kwargs["default_value"] for a in LaunchFile(DEMO).arguments}
    by_name = {spec.name: spec for spec in CAMERA_SPECS}
    for argument, name in (("seed", "seed"), ("motion", "motion"), ("fault", "fault.kind")):
        assert defaults[argument] == str(by_name[name].default)
    passed = dict(included.kwargs["launch_arguments"])
    assert passed["target_frame"] == "room"
    known = {argument.name for argument in LaunchFile(PERCEPTION).arguments}
    assert set(passed) <= known


def rviz_displays() -> list[dict]:
    return yaml.safe_load(RVIZ.read_text())["Visualization Manager"]["Displays"]


def rviz_topics() -> set[str]:
    return {d["Topic"]["Value"] for d in rviz_displays() if "Topic" in d}


def test_rviz_shows_topics_that_exist_with_quality_of_service_that_fits():
    offered = {f"/semsplat/{topic.name}": topic for topic in topics_of(("left", "right"))}
    kinds = {"PointCloud2": "PointCloud2", "MarkerArray": "MarkerArray", "Image": "Image"}
    kinds["Pose"] = "PoseStamped"
    for display in rviz_displays():
        if "Topic" not in display:
            continue
        topic = offered[display["Topic"]["Value"]]
        assert kinds[display["Class"].rpartition("/")[2]] == topic.kind.__name__
        latched = display["Topic"]["Durability Policy"] == "Transient Local"
        assert latched == topic.latched, topic.name
        assert display["Topic"]["Reliability Policy"] == "Reliable"
    shown = {name.removeprefix("/semsplat/") for name in rviz_topics()}
    assert shown >= {"points", "markers", "masks/left", "query/goal"}


def test_rviz_looks_from_the_left_camera():
    options = yaml.safe_load(RVIZ.read_text())["Visualization Manager"]["Global Options"]
    assert options["Fixed Frame"] == FRAMES["left"]
