# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""One table of parameters: declared, validated, applied, and equal to the files made from it."""

import dataclasses
import math
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import rclpy
import yaml
from hypothesis import given
from hypothesis import strategies as st
from rclpy.context import Context
from rclpy.exceptions import ParameterAlreadyDeclaredException
from rclpy.node import Node
from rclpy.parameter import Parameter

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.nodes.parameters.node_parameters import (
    Parameters,
    declare_parameters,
)
from semsplat_ros.nodes.parameters.parameter_files import (
    MARKDOWN_PATH,
    YAML_PATH,
    render_markdown,
    render_yaml,
    write,
)
from semsplat_ros.nodes.parameters.settings import SPECS, Settings

BY_NAME = {spec.name: spec for spec in SPECS}
PACKAGE = Path(__file__).resolve().parents[3]
REPOSITORY = PACKAGE.parents[2]


@pytest.fixture(scope="module")
def context() -> Iterator[Context]:
    context = Context()
    rclpy.init(context=context)
    yield context
    rclpy.try_shutdown(context=context)


@pytest.fixture
def make_node(context) -> Iterator:
    """Nodes without a graph to talk to: nothing is spun."""
    nodes = []

    def make(*arguments: str) -> Node:
        ros_arguments = ["--ros-args", *arguments] if arguments else []
        node = Node(
            "perception_node",
            context=context,
            cli_args=ros_arguments,
            use_global_arguments=False,
            enable_rosout=False,
            start_parameter_services=False,
        )
        nodes.append(node)
        return node

    yield make
    for node in nodes:
        node.destroy_node()


def set_one(node: Node, name: str, value) -> tuple[bool, str]:
    (result,) = node.set_parameters([Parameter(name, value=value)])
    return result.successful, result.reason


# --- the table ---


def test_names_are_those_of_the_settings():
    names = set()
    for outer in dataclasses.fields(Settings):
        value = getattr(Settings(), outer.name)
        if dataclasses.is_dataclass(value):
            names |= {f"{outer.name}.{inner.name}" for inner in dataclasses.fields(value)}
        else:
            names.add(outer.name)
    assert names == set(BY_NAME)
    assert len(SPECS) == len(names)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_parameter_is_described_bounded_and_its_default_allowed(spec):
    assert spec.refusal(spec.default) == ""
    assert spec.description.endswith(".")
    if isinstance(spec.default, float) or type(spec.default) is int:
        assert spec.low is not None
        assert spec.high is not None
        for outside in (spec.low - 1, spec.high + 1):
            value = type(spec.default)(outside)
            assert spec.allowed in spec.refusal(value)
        assert spec.refusal(type(spec.default)(spec.low)) == ""
        assert spec.refusal(type(spec.default)(spec.high)) == ""
    if spec.choices:
        assert spec.default in spec.choices
        assert spec.allowed in spec.refusal("no such choice")


@pytest.mark.parametrize("value", [True, 1, 1.5, "1", ["a"], [1], b"x", None])
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_only_the_type_of_the_default_is_taken(spec, value):
    kind = type(spec.default)
    right = type(value) is kind or (kind is tuple and value == ["a"])
    if not right:
        refusal = spec.refusal(value)
        assert spec.kind in refusal
        assert "write" in refusal


@pytest.mark.parametrize(
    "spec", [s for s in SPECS if isinstance(s.default, float)], ids=lambda s: s.name
)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_are_refused(spec, value):
    assert spec.allowed in spec.refusal(value)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        (
            "model.device",
            ["auto", "cpu", "cuda", "cuda:3"],
            ["gpu", "cuda:", "cuda:x", "", "cpu "],
        ),
        ("model.sha256", ["", "0f" * 32], ["0f" * 31, "0F" * 32, "zz" * 32]),
        ("model.image_size", [0, 128, 256, 512], [1, 112, 250, 528, -16]),
        ("model.name", ["room", "my-model_2.1"], ["", "../room", "a b", ".hidden"]),
        (
            "semantics.vocabulary",
            [[""], ["chair", "red mug"], ["x"] + [str(i) for i in range(511)]],
            [["chair", ""], ["chair", " Chair "], [str(i) for i in range(513)], ["\t"]],
        ),
    ],
)
def test_further_rules(name, good, bad):
    for value in good:
        assert BY_NAME[name].refusal(value) == "", value
    for value in bad:
        assert name in BY_NAME[name].refusal(value), value


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.lists(st.text()),
)


@given(spec=st.sampled_from(SPECS), value=anything)
def test_any_value_is_taken_or_refused_in_one_line(spec, value):
    refusal = spec.refusal(value)
    if refusal:
        assert refusal.startswith(spec.name)
        assert len(refusal.splitlines()) == 1
    else:
        changed = Settings().with_values({spec.name: value})
        group, _, key = spec.name.rpartition(".")
        stored = getattr(getattr(changed, group) if group else changed, key)
        assert stored == (tuple(value) if isinstance(value, list) else value)


def test_settings_change_as_a_whole():
    before = Settings()
    after = before.with_values(
        {
            "query.top_k": 3,
            "query.min_score": 0.5,
            "target_frame": "map",
            "semantics.vocabulary": ["a"],
        }
    )
    assert (after.query.top_k, after.query.min_score, after.target_frame) == (3, 0.5, "map")
    assert after.semantics.vocabulary == ("a",)
    assert after.query.timeout == before.query.timeout
    assert before == Settings()
    with pytest.raises(dataclasses.FrozenInstanceError):
        after.query.top_k = 4


# --- the files ---


def test_the_parameter_file_holds_every_parameter_with_its_default():
    text = (REPOSITORY / YAML_PATH).read_text(encoding="utf-8")
    assert text == render_yaml(), "run: python -m semsplat_ros.nodes.parameters.parameter_files"
    groups = yaml.safe_load(text)["/**"]["ros__parameters"]
    flat = {}
    for name, value in groups.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": inner for key, inner in value.items()}
        else:
            flat[name] = value
    assert set(flat) == set(BY_NAME)
    for name, value in flat.items():
        assert BY_NAME[name].refusal(value) == ""
        default = BY_NAME[name].default
        assert value == (list(default) if isinstance(default, tuple) else default)


def test_the_documentation_holds_every_parameter():
    text = (REPOSITORY / MARKDOWN_PATH).read_text(encoding="utf-8")
    assert text == render_markdown(), (
        "run: python -m semsplat_ros.nodes.parameters.parameter_files"
    )
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [spec.name for spec in SPECS]


def test_both_files_are_written_below_a_checkout(tmp_path):
    paths = write(tmp_path)
    assert [path.relative_to(tmp_path) for path in paths] == [YAML_PATH, MARKDOWN_PATH]
    assert paths[0].read_text(encoding="utf-8") == render_yaml()


def test_the_parameter_file_is_taken_by_a_node(make_node, tmp_path):
    changed = render_yaml().replace("standoff: 0.8", "standoff: 1.25")
    changed = changed.replace('vocabulary: [""]', 'vocabulary: ["chair", "red mug"]')
    path = tmp_path / "perception.yaml"
    path.write_text(changed, encoding="utf-8")
    settings = declare_parameters(make_node("--params-file", str(path))).current()
    expected = {"goal.standoff": 1.25, "semantics.vocabulary": ("chair", "red mug")}
    assert settings == Settings().with_values(expected)


# --- on a node ---


def test_declared_with_description_and_range(make_node):
    node = make_node()
    parameters = declare_parameters(node)
    assert parameters.current() == Settings()
    for spec in SPECS:
        described = node.describe_parameter(spec.name)
        assert described.description.startswith(spec.description)
        assert ("live" in described.description) is spec.live
        limits = [*described.floating_point_range, *described.integer_range]
        if spec.low is None:
            assert limits == []
        else:
            assert (limits[0].from_value, limits[0].to_value) == (spec.low, spec.high)
    with pytest.raises(ParameterAlreadyDeclaredException):
        node.declare_parameter("scale.baseline", 0.0)


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("scale.baseline:=1", ["scale.baseline", "decimal point", "write 1.0"]),
        ("input.queue:=5.0", ["input.queue", "whole number", "write 5"]),
        ("input.queue:=1000", ["input.queue is 1000", "1 to 50"]),
        ("scale.baseline:=60.0", ["scale.baseline is 60.0", "0.0 to 10.0 m"]),
        ("scale.baseline:=.nan", ["scale.baseline", "0.0 to 10.0 m"]),
        ("query.min_score:=-1.0", ["query.min_score is -1.0", "0.0 to 1.0"]),
        ("query.min_score:=high", ["query.min_score", "decimal point", "'high'"]),
        ("model.warmup:=1", ["model.warmup", "true or false"]),
        ("model.sha256:=5", ["model.sha256", "text", "quotes"]),
        ("model.precision:=fp8", ["model.precision", "auto, fp32, fp16, bf16"]),
        ("model.device:=gpu", ["model.device", "cuda:N"]),
        ("model.image_size:=100", ["model.image_size is 100", "steps of 16"]),
        ("semantics.vocabulary:=chair", ["semantics.vocabulary", "list"]),
        ("semantics.vocabulary:=[1, 2]", ["semantics.vocabulary", "list of texts"]),
        ("semantics.vocabulary:=[a, a]", ["semantics.vocabulary", "repeated"]),
    ],
)
def test_a_bad_value_at_the_start_is_one_line_with_the_cure(make_node, assignment, words):
    with pytest.raises(SemsplatError) as caught:
        declare_parameters(make_node("-p", assignment))
    assert caught.value.code == ErrorCode.INVALID_ARGUMENT
    for word in words:
        assert word in caught.value.message
    assert len(caught.value.message.splitlines()) == 1


def test_mistyped_names_are_found(make_node):
    node = make_node(
        "-p", "scale.baselin:=0.1", "-p", "use_sim_time:=true", "-p", "goal.standoff:=1.0"
    )
    parameters = declare_parameters(node)
    assert parameters.unknown_overrides() == ("scale.baselin",)
    assert parameters.current().goal.standoff == 1.0


def test_a_live_change_replaces_the_settings(make_node):
    node = make_node()
    heard: list[Settings] = []
    parameters = declare_parameters(node, heard.append)
    before = parameters.current()
    assert set_one(node, "query.min_score", 0.5) == (True, "")
    assert before.query.min_score == 0.25
    assert parameters.current().query.min_score == 0.5
    assert heard == [parameters.current()]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("query.min_score", 1.5),
        ("query.min_score", math.nan),
        ("query.min_score", 1),
        ("query.top_k", 0),
        ("output.points", "yes"),
        ("input.use_camera_info", "maybe"),
        ("model.device", "gpu"),
        ("semantics.vocabulary", ["a", "a"]),
    ],
)
def test_a_refused_change_changes_nothing_and_says_why(make_node, name, value):
    node = make_node()
    heard: list[Settings] = []
    parameters = declare_parameters(node, heard.append)
    successful, reason = set_one(node, name, value)
    assert not successful
    assert reason
    assert parameters.current() == Settings()
    assert heard == []
    assert set_one(node, "query.min_score", 0.75) == (True, "")
    assert parameters.current().query.min_score == 0.75


def test_a_set_of_changes_is_taken_whole_or_not_at_all(make_node):
    node = make_node()
    parameters = declare_parameters(node)
    good, bad = Parameter("query.top_k", value=3), Parameter("model.device", value="gpu")
    assert not node.set_parameters_atomically([good, bad]).successful
    assert parameters.current() == Settings()
    assert node.set_parameters_atomically([good]).successful
    assert parameters.current().query.top_k == 3


def test_fixed_parameters_can_be_set_only_while_the_node_is_not_configured(make_node):
    node = make_node()
    parameters = declare_parameters(node)
    for spec in SPECS:
        value = list(spec.default) if isinstance(spec.default, tuple) else spec.default
        assert set_one(node, spec.name, value)[0]
        parameters.freeze()
        successful, reason = set_one(node, spec.name, value)
        assert successful is spec.live
        assert spec.live or "clean up" in reason
        parameters.unfreeze()
        assert set_one(node, spec.name, value)[0]


def test_parameters_of_others_pass(make_node):
    node = make_node()
    parameters = declare_parameters(node)
    parameters.freeze()
    node.declare_parameter("qos_overrides./left/image_raw.subscription.depth", 1)
    assert set_one(node, "use_sim_time", True) == (True, "")
    assert parameters.current() == Settings()


def test_a_listener_that_raises_does_not_stop_the_change(make_node):
    def listener(settings):
        raise RuntimeError("a bug in the listener")

    node = make_node()
    parameters = declare_parameters(node, listener)
    assert set_one(node, "query.top_k", 3) == (True, "")
    assert parameters.current().query.top_k == 3


def test_changes_from_several_threads_are_all_kept(make_node):
    parameters = Parameters(make_node(), Settings(), None)
    names = ["query.top_k", "query.max_chars", "output.max_points", "instance.min_points"]

    def change(name):
        for value in range(1, 201):
            parameters._apply([Parameter(name, value=value)])

    threads = [threading.Thread(target=change, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = dict.fromkeys(names, 200)
    assert parameters.current() == Settings().with_values(expected)
