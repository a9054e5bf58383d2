# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Every parameter of the perception node, once: as frozen dataclasses.

From this table come the declarations with their ranges
(:mod:`semsplat_ros.nodes.parameters.node_parameters`), the file ``config/perception.yaml`` and the
page ``docs/parameters.md`` (:mod:`semsplat_ros.nodes.parameters.parameter_files`). A field
``min_score`` of the group ``query`` is the parameter ``query.min_score``. No ROS in here.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from typing import Any

from semsplat_ros.geometry.plausibility import MAX_BASELINE, baseline_fault
from semsplat_ros.nodes.parameters.parameter_spec import ParameterSpec, Value
from semsplat_ros.objects.clustering import ClusterSettings
from semsplat_ros.objects.instances import SegmentationSettings
from semsplat_ros.perceiver import MAX_LABELS
from semsplat_ros.view_layout import ViewLayout

MAX_CAMERAS = 8
RESERVED_CAMERA = "depth"
"""depth/camera_info is an output."""
CAPTURE_MODE = "on_demand"
TEMPORAL_MODE = "temporal"


def _parameter(
    default: Value,
    description: str,
    *,
    low: int | float | None = None,
    high: int | float | None = None,
    unit: str = "",
    choices: tuple[str, ...] = (),
    live: bool = False,
    check: Callable[[Any], str] | None = None,
) -> Any:
    """A dataclass field that is a parameter; see :class:`ParameterSpec`."""
    spec = ParameterSpec("", default, description, low, high, unit, choices, live, check)
    return field(default=default, metadata={"spec": spec})


def _is_name(value: str) -> str:
    return "" if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", value) else "must be a model's name"


def _is_sha256(value: str) -> str:
    return "" if re.fullmatch(r"([0-9a-f]{64})?", value) else "must be empty or 64 digits 0-9 a-f"


def _is_device(value: str) -> str:
    known = re.fullmatch(r"auto|cpu|cuda(:\d{1,3})?", value)
    return "" if known else "must be auto, cpu, cuda or cuda:N"


def _is_baseline(value: float) -> str:
    fault = baseline_fault(value) if value else ""
    return f"must be 0 or the distance in metres: {fault}" if fault else ""


def _is_image_size(value: int) -> str:
    good = value == 0 or (value >= 128 and value % 16 == 0)
    return "" if good else "must be 0 or 128 to 512 in steps of 16"


def _are_labels(value: tuple[str, ...]) -> str:
    if list(value) == [""]:
        return ""
    if len(value) > MAX_LABELS:
        return f"has {len(value)} labels; must have at most {MAX_LABELS}"
    clean = [" ".join(label.split()).casefold() for label in value]
    if "" in clean or len(set(clean)) < len(clean):
        return "must have no blank and no repeated label"
    return ""


def _are_cameras(value: tuple[str, ...]) -> str:
    if not 2 <= len(value) <= MAX_CAMERAS:
        return f"must have 2 to {MAX_CAMERAS} names, not {len(value)}"
    wrong = [name for name in value if not re.fullmatch(r"[A-Za-z](_?[A-Za-z0-9])*", name)]
    if wrong:
        return (
            f"must have names of letters, digits and single underscores that begin with a letter, "
            f"not {wrong[0]!r}"
        )
    if len(set(value)) < len(value):
        return "must have no name twice"
    if RESERVED_CAMERA in value:
        return f"must not have the name {RESERVED_CAMERA!r}: depth/camera_info is an output"
    return ""


@dataclass(frozen=True)
class ModelSettings:
    """Which model, and how it runs."""

    name: str = _parameter(
        "room",
        "Model of the zoo; `room` is shipped with the package. spatialsplat, lsm and gsemsplat "
        "need model.checkpoint.",
        check=_is_name,
    )
    checkpoint: str = _parameter(
        "", "File with the weights; empty takes the shipped ones, where there are any."
    )
    sha256: str = _parameter(
        "", "SHA-256 of the weights; compared if not empty.", check=_is_sha256
    )
    device: str = _parameter(
        "auto", "auto takes a GPU if there is one; cuda:N never falls back.", check=_is_device
    )
    precision: str = _parameter(
        "auto", "Number format of the network.", choices=("auto", "fp32", "fp16", "bf16")
    )
    image_size: int = _parameter(
        0,
        "Longer side of the network images of upstream models; 0 = what the model was trained "
        "at, else 128 to 512 in steps of 16.",
        low=0,
        high=512,
        unit="px",
        check=_is_image_size,
    )
    threads: int = _parameter(
        0,
        "Threads that PyTorch computes with on the CPU; 0 = all cores for a upstream model "
        "on the CPU; half of them, at most 4, for shipped models and beside a GPU.",
        low=0,
        high=256,
    )
    view_layout: str = _parameter(
        "separate",
        "How SpatialSplat and NoPoSplat read more than two views: separate as NoPoSplat's code, "
        "joined as SpatialSplat's supplement.",
        choices=tuple(ViewLayout),
    )
    warmup: bool = _parameter(True, "Run the model once while configuring.")


@dataclass(frozen=True)
class InputSettings:
    """What comes from the cameras."""

    cameras: tuple[str, ...] = _parameter(
        ("left", "right"),
        "Names of 2 to 8 cameras; the images of left come from left/image_raw, its calibration "
        "from left/camera_info. Outputs are in the frame of the first one.",
        check=_are_cameras,
    )
    mode: str = _parameter(
        "stereo",
        "stereo processes every pair (or larger set) of images of the cameras; on_demand only one "
        "per call of the service capture; temporal takes the first camera alone and pairs each "
        "image with an earlier one, which is published under the name of the second camera.",
        choices=("stereo", TEMPORAL_MODE, CAPTURE_MODE),
    )
    min_baseline_time: float = _parameter(
        0.5,
        "With input.mode temporal: the earlier image is at least so much older; the camera must "
        "have moved meanwhile.",
        low=0.05,
        high=60.0,
        unit="s",
    )
    image_transport: str = _parameter(
        "raw",
        "raw subscribes to sensor_msgs/Image, compressed to sensor_msgs/CompressedImage at the "
        "image topic with /compressed appended.",
        choices=("raw", "compressed"),
    )
    use_camera_info: str = _parameter(
        "auto",
        "auto uses CameraInfo if it is good; require drops pairs without; never ignores it.",
        choices=("auto", "require", "never"),
    )
    rectified: str = _parameter(
        "auto",
        "Whether the images are rectified. auto goes by their topics (image_rect) and CameraInfo; "
        "always is for rectified images whose topics do not say so, as long as CameraInfo does "
        "not contradict; never does not match along rows.",
        choices=("auto", "always", "never"),
    )
    max_offset: float = _parameter(
        0.02,
        "Largest difference between the stamps of a pair or set, inclusive; 0 = equal stamps.",
        low=0.0,
        high=1.0,
        unit="s",
        live=True,
    )
    allow_zero_stamp: bool = _parameter(
        False,
        "An image without a stamp takes the time of its arrival, and input.max_offset holds for "
        "that; false drops it.",
    )
    queue: int = _parameter(
        5, "Images of each camera that wait for their partners.", low=1, high=50
    )
    timeout: float = _parameter(
        2.0,
        "Silence of a camera after which there is a warning; five times that is an error.",
        low=0.1,
        high=60.0,
        unit="s",
        live=True,
    )
    max_rate: float = _parameter(
        0.0,
        "Pairs to process in a second at most; 0 = as many as possible.",
        low=0.0,
        high=60.0,
        unit="Hz",
        live=True,
    )
    max_pixels: int = _parameter(
        1 << 24,
        "Larger images are dropped before they are decoded.",
        low=1,
        high=1 << 30,
        unit="px",
    )


@dataclass(frozen=True)
class ScaleSettings:
    """How positions become metres."""

    baseline: float = _parameter(
        0.0,
        "Distance of the first two cameras; 0 = from CameraInfo's P (of a pair), else from "
        "tf, else the model's. Whether they are a rectified pair is decided by input.rectified.",
        low=0.0,
        high=MAX_BASELINE,
        unit="m",
        live=True,
        check=_is_baseline,
    )


@dataclass(frozen=True)
class OutputSettings:
    """What is published."""

    min_opacity: float = _parameter(
        0.1, "Gaussians below are not in the topic points.", low=0.0, high=1.0, live=True
    )
    max_points: int = _parameter(
        200_000,
        "Points in the topic points at most; of more a random but seeded subset is taken.",
        low=1,
        high=2_000_000,
        live=True,
    )
    points: bool = _parameter(True, "Publish points.", live=True)
    gaussians: bool = _parameter(True, "Publish gaussians.", live=True)
    unselected: bool = _parameter(
        False,
        "Publish in gaussians also those that the model does not select (importance up to 0.5).",
        live=True,
    )
    markers: bool = _parameter(True, "Publish markers.", live=True)
    masks: bool = _parameter(
        True, "Publish masks/<camera> and labels/<camera> for each camera.", live=True
    )
    depth: bool = _parameter(True, "Publish depth/image and depth/camera_info.", live=True)
    overlay: bool = _parameter(True, "Publish overlay/<first camera>.", live=True)


@dataclass(frozen=True)
class SemanticsSettings:
    """Labels of objects."""

    vocabulary: tuple[str, ...] = _parameter(
        ("",),
        "Labels that objects can get at the start; one empty string = the classes that the model "
        "was trained on. While the node runs the service set_vocabulary changes them.",
        check=_are_labels,
    )
    min_label_score: float = _parameter(
        SegmentationSettings.min_label_score,
        "Probability below which an object stays unlabelled.",
        low=0.0,
        high=1.0,
        live=True,
    )


@dataclass(frozen=True)
class InstanceSettings:
    """How Gaussians become objects."""

    min_points: int = _parameter(
        SegmentationSettings.min_points,
        "Gaussians of the smallest object.",
        low=1,
        high=100_000,
        live=True,
    )
    merge_threshold: float = _parameter(
        ClusterSettings.merge_threshold,
        "Parts merge to one object below this distance; larger values give fewer, larger objects.",
        low=0.0,
        high=10.0,
        live=True,
    )


@dataclass(frozen=True)
class QuerySettings:
    """The service query."""

    top_k: int = _parameter(5, "Matches in an answer at most.", low=1, high=100, live=True)
    min_score: float = _parameter(
        0.25, "Score below which nothing counts as found.", low=0.0, high=1.0, live=True
    )
    adaptive_threshold: bool = _parameter(
        False,
        "Also answer with objects below query.min_score whose response is clear. Only for models "
        "with open language (spatialsplat, lsm, gsemsplat); not evaluated yet.",
        live=True,
    )
    max_chars: int = _parameter(
        256, "Characters of a query's text at most.", low=1, high=10_000, live=True
    )
    max_pending: int = _parameter(
        8,
        "Queries that wait at one time; a further one is answered BUSY.",
        low=1,
        high=8,
        live=True,
    )
    timeout: float = _parameter(
        2.0,
        "A query that waits longer is answered TIMEOUT.",
        low=0.1,
        high=60.0,
        unit="s",
        live=True,
    )


@dataclass(frozen=True)
class GoalSettings:
    """Where a robot should stand."""

    standoff: float = _parameter(
        0.8, "Distance before the object.", low=0.0, high=10.0, unit="m", live=True
    )


@dataclass(frozen=True)
class DiagnosticsSettings:
    """The topic /diagnostics."""

    rate: float = _parameter(
        1.0, "Messages in a second.", low=0.1, high=10.0, unit="Hz", live=True
    )


@dataclass(frozen=True)
class Settings:
    """All parameters. Immutable: who holds one sees no change until it asks for the next."""

    model: ModelSettings = field(default_factory=ModelSettings)
    input: InputSettings = field(default_factory=InputSettings)
    scale: ScaleSettings = field(default_factory=ScaleSettings)
    target_frame: str = _parameter(
        "",
        "Frame with z up in which a robot drives, for example map: points, instances, markers, "
        "detections and answers are given in it where TF reaches it at the stamp of the pair, and "
        "only then there are approach goals (query/goal). Empty = the first image's frame. Needs "
        "tf2_ros.",
    )
    publish_relative_tf: bool = _parameter(
        False,
        "Broadcast the estimated pose of each further camera as the frame "
        "<first camera's frame>_semsplat_<camera>, if positions are in metres. Needs tf2_ros.",
    )
    output: OutputSettings = field(default_factory=OutputSettings)
    semantics: SemanticsSettings = field(default_factory=SemanticsSettings)
    instance: InstanceSettings = field(default_factory=InstanceSettings)
    query: QuerySettings = field(default_factory=QuerySettings)
    goal: GoalSettings = field(default_factory=GoalSettings)
    diagnostics: DiagnosticsSettings = field(default_factory=DiagnosticsSettings)
    autostart: bool = _parameter(
        True,
        "Configure and activate at the start; false waits for `ros2 lifecycle set`.",
    )

    def with_values(self, values: Mapping[str, Any]) -> "Settings":
        """These settings with some parameters changed, by their full names; nothing is checked."""
        changed: dict[str, Any] = {}
        for name, value in values.items():
            if isinstance(value, list):
                value = tuple(value)
            group, _, key = name.rpartition(".")
            if group:
                changed[group] = replace(changed.get(group, getattr(self, group)), **{key: value})
            else:
                changed[key] = value
        return replace(self, **changed)


def _specs() -> tuple[ParameterSpec, ...]:
    """The table, in the order in which it is written above."""
    specs = []
    for outer in fields(Settings):
        group = outer.default_factory
        if group is not MISSING and is_dataclass(group):
            inner = fields(group)
            specs += [replace(f.metadata["spec"], name=f"{outer.name}.{f.name}") for f in inner]
        else:
            specs.append(replace(outer.metadata["spec"], name=outer.name))
    return tuple(specs)


SPECS = _specs()
"""Every parameter."""
