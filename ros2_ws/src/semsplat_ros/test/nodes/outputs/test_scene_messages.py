# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Every message the node fills: filled -> serialised -> read back -> equal, with numpy's types as
input."""

import math
from array import array
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image

from semsplat_interfaces.msg import SemanticGaussians
from semsplat_ros.errors import ErrorCode
from semsplat_ros.nodes.common.conversions import (
    duration_seconds,
    fill,
    fill_zeros,
    to_duration,
    to_header,
    to_image,
    to_pose,
    to_time,
    yaw_quaternion,
)
from semsplat_ros.nodes.outputs import scene_messages
from semsplat_ros.nodes.outputs.markers import overlay, to_markers
from semsplat_ros.nodes.outputs.point_cloud import POINT, shown, to_cloud, to_gaussians
from semsplat_ros.nodes.outputs.scene_arrays import SceneArrays
from semsplat_ros.objects.colours import label_colour
from semsplat_ros.perceiver import Perceiver
from semsplat_ros.scene import CameraPrior, Match, ObjectInstance, Roi
from test.support.camera_priors import stereo_rig
from test.support.fake_model import FakeModel, block_image

STAMP = 1_700_000_000_123_456_789
HEADER = to_header(STAMP, "left_optical")
ROOM = {"red": (20, 40, 40, 60), "green": (95, 50, 50, 40)}


def round_trip(message):
    """The message as another process receives it; equal to what was filled."""
    read = deserialize_message(serialize_message(message), type(message))
    assert comparable(read) == comparable(message)
    return read


def comparable(message, kind: str = ""):
    """Fields as text: NaN equals NaN there, and a float32 field holds what fits into it."""
    if hasattr(message, "get_fields_and_field_types"):
        fields = message.get_fields_and_field_types()
        return {name: comparable(getattr(message, name), kind) for name, kind in fields.items()}
    if isinstance(message, (float, np.floating)):
        return repr(float(np.float32(message) if kind == "float" else message))
    if isinstance(message, (list, tuple, array, np.ndarray)):
        return [comparable(value, kind) for value in message]
    return message


@pytest.fixture(scope="module")
def perception():
    perceiver = Perceiver(FakeModel())
    room = block_image(ROOM)
    stamps = STAMP, STAMP + 5_000_000
    prior = stereo_rig(None, 0.1, stamps_ns=stamps, frame="left_optical")
    views = perceiver.prepare((room, room), prior)
    return perceiver.perceive(views, perceiver.make_vocabulary(["chair", "table", "wall"], 4))


@pytest.fixture(scope="module")
def nothing():
    perceiver = Perceiver(FakeModel(empty=True))
    room = block_image(ROOM)
    prior = CameraPrior(stamps_ns=(STAMP, STAMP), frame="left_optical")
    views = perceiver.prepare((room, room), prior)
    return perceiver.perceive(views, perceiver.make_vocabulary(["chair"], 1))


def with_gaussians(perception, **fields):
    """The same perception with other values in its Gaussians."""
    gaussians = replace(perception.scene.gaussians, **fields)
    return replace(perception, scene=replace(perception.scene, gaussians=gaussians))


ANY_FLOAT = st.one_of(
    st.floats(width=32),
    st.floats(width=32).map(np.float32),
    st.floats(width=32).map(np.float64),
    st.integers(-1000, 1000),
    st.integers(-1000, 1000).map(np.int64),
    st.sampled_from([math.nan, math.inf, -math.inf, np.float32("nan"), np.float32("inf")]),
)
THREE = st.tuples(ANY_FLOAT, ANY_FLOAT, ANY_FLOAT)


def with_fields(value, **fields):
    """A frozen value with fields of other types than it declares, as careless code would make
    it."""
    for name, content in fields.items():
        object.__setattr__(value, name, content)
    return value


@settings(max_examples=60, deadline=None)
@given(THREE, ANY_FLOAT, st.integers(1, 2**32 - 1), st.integers(0, 65535))
def test_instance_and_match_carry_any_kind_of_number(three, number, index, label):
    zero = (0.0, 0.0, 0.0)
    plain = ObjectInstance(1, zero, zero, zero, 7, 0.5, (Roi(1, 2, 3, 4),), label="téa cup\0")
    instance = with_fields(
        plain,
        id=np.int64(index),
        centroid=three,
        box_center=three,
        box_size=three,
        mean_opacity=number,
        label_id=np.int64(label),
        label_score=number,
    )
    match = with_fields(Match(instance, 0.5, 0.5), score=number, raw_similarity=number)
    read = round_trip(scene_messages.to_match(match))
    assert (read.instance.id, read.instance.label_id) == (index, label)
    assert read.instance.label == "téa cup"
    np.testing.assert_equal(read.score, float(np.float32(number)))
    np.testing.assert_equal(read.instance.centroid.y, float(three[1]))
    assert [roi.width for roi in read.instance.rois] == [3]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31 - 1), st.integers(0, 999_999_999))
def test_stamps_keep_every_nanosecond(seconds, rest):
    read = round_trip(to_time(seconds * 10**9 + rest))
    assert (read.sec, read.nanosec) == (seconds, rest)


@settings(max_examples=60, deadline=None)
@given(st.floats(-1e6, 1e6))
def test_durations_come_back(seconds):
    read = duration_seconds(round_trip(to_duration(seconds)))
    assert read == pytest.approx(seconds, abs=1e-8)


@pytest.mark.parametrize("count", [0, 1, 1000])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_fill_takes_float_arrays_of_any_width(count, kind):
    values = np.random.default_rng(0).normal(size=count).astype(kind)
    message = SemanticGaussians()
    fill(message.opacities, values)
    read = round_trip(message)
    np.testing.assert_array_equal(np.asarray(read.opacities), values.astype(np.float32))


@pytest.mark.parametrize("count", [0, 1, 1000])
def test_zeros_are_written_where_the_message_has_them(count):
    image = Image()
    fill_zeros(image.data, count)
    assert image.data.tobytes() == bytes(count)
    np.frombuffer(image.data, np.uint8)[:] = 7
    assert image.data.tobytes() == b"\7" * count


def test_fill_refuses_another_kind_of_number():
    with pytest.raises(TypeError):
        fill(SemanticGaussians().view_ids, np.array([0.5]))


def test_fill_takes_strided_arrays():
    values = np.arange(20, dtype=np.float32).reshape(4, 5)[:, ::2]
    message = SemanticGaussians()
    fill(message.positions, values)
    assert list(message.positions) == values.reshape(-1).tolist()


def test_scene_info(perception):
    read = round_trip(scene_messages.scene_info(perception, 3, ("left", "right")))
    assert read.sequence == 3
    assert list(read.cameras) == ["left", "right"]
    assert list(read.stamps) == [to_time(STAMP), to_time(STAMP + 5_000_000)]
    assert read.vocabulary_version == 4
    assert read.scale_status == read.SCALE_BASELINE
    assert read.model == "fake-rule"


def test_instances(perception, nothing):
    info = scene_messages.scene_info(perception, 1, ("left", "right"))
    read = round_trip(scene_messages.to_instances(perception, HEADER, info))
    assert sorted(i.label for i in read.instances) == ["chair", "table"]
    assert round_trip(scene_messages.to_instances(nothing, HEADER, info)).instances == []


def test_cloud_is_what_the_scene_is(perception):
    arrays = SceneArrays(perception)
    cloud = round_trip(to_cloud(arrays, shown(arrays, 0.1, 10**6), HEADER))
    points = np.frombuffer(cloud.data, POINT)
    scene = perception.scene.gaussians
    assert (cloud.height, cloud.width) == (1, len(scene))
    assert cloud.row_step == len(cloud.data) == cloud.point_step * cloud.width
    assert [f.name for f in cloud.fields] == list(POINT.names)
    assert [f.offset for f in cloud.fields] == [POINT.fields[n][1] for n in POINT.names]
    np.testing.assert_array_equal(points["z"], scene.means[:, 2].numpy())
    np.testing.assert_array_equal(points["instance_id"], perception.instance_ids.numpy())
    chair = next(i for i in perception.instances if i.label == "chair")
    rgb = points["rgb"][points["instance_id"] == chair.id]
    red, green, blue = (np.median((rgb >> shift) & 255) for shift in (16, 8, 0))
    assert (red, green, blue) == pytest.approx((200, 30, 30), abs=2)
    assert np.isnan(points["confidence"]).all()


@pytest.mark.parametrize("spoiled", ["x", "y", "z", "confidence", None])
def test_cloud_is_dense_only_if_every_measure_is_a_number(perception, spoiled):
    gaussians, some = perception.scene.gaussians, np.arange(50)
    bare = to_cloud(SceneArrays(perception), some, HEADER)
    assert not bare.is_dense, "this model gives no confidence"
    means, confidences = gaussians.means.clone(), torch.full((len(gaussians),), 0.5)
    if spoiled == "confidence":
        confidences[49] = math.inf
    elif spoiled is not None:
        means[49, "xyz".index(spoiled)] = math.nan
    # As a float, this id is not finite; it is no measure.
    ids = torch.full_like(perception.instance_ids, 0x7FC00000)
    rated = with_gaussians(perception, means=means, confidences=confidences)
    cloud = to_cloud(SceneArrays(replace(rated, instance_ids=ids)), some, HEADER)
    assert cloud.is_dense == (spoiled is None)
    points = np.frombuffer(cloud.data, POINT)
    assert (points["instance_id"] == 0x7FC00000).all()
    np.testing.assert_array_equal(points["confidence"], confidences[:50].numpy())


def test_cloud_of_some_points_holds_those(perception):
    arrays = SceneArrays(perception)
    every = np.frombuffer(to_cloud(arrays, np.arange(len(arrays)), HEADER).data, POINT)
    some = np.flatnonzero(arrays.instance_ids == 1)
    few = np.frombuffer(to_cloud(arrays, some, HEADER).data, POINT)
    assert 0 < len(few) < len(every)
    for name in POINT.names:
        np.testing.assert_array_equal(few[name], every[name][some], name)
    padding = few.view(np.uint8).reshape(-1, POINT.itemsize)[:, 22:24]
    assert not padding.any()


def test_cloud_reads_with_sensor_msgs_py(perception):
    point_cloud2 = pytest.importorskip("sensor_msgs_py.point_cloud2")
    arrays = SceneArrays(perception)
    cloud = to_cloud(arrays, np.arange(50), HEADER)
    read = point_cloud2.read_points(cloud, field_names=["x", "y", "z", "label_id"])
    np.testing.assert_array_equal(read["label_id"], perception.label_ids[:50].numpy())
    np.testing.assert_array_equal(read["x"], perception.scene.gaussians.means[:50, 0].numpy())


def test_cloud_of_nothing(nothing):
    arrays = SceneArrays(nothing)
    cloud = round_trip(to_cloud(arrays, shown(arrays, 0.1, 100), HEADER))
    assert (cloud.width, len(cloud.data)) == (0, 0)


def test_shown_is_a_seeded_subset_of_the_opaque(perception):
    gaussians = perception.scene.gaussians
    opacities = gaussians.opacities.clone()
    opacities[::2] = 0.05
    thin = with_gaussians(perception, opacities=opacities)
    arrays = SceneArrays(thin)
    assert set(shown(arrays, 0.1, 10**6)) == set(range(1, len(gaussians), 2))
    few = shown(arrays, 0.1, 100)
    assert len(few) == len(set(few.tolist())) == 100
    assert (few % 2 == 1).all()
    np.testing.assert_array_equal(few, shown(SceneArrays(thin), 0.1, 100))


def test_gaussians(perception, nothing):
    info = scene_messages.scene_info(perception, 1, ("left", "right"))
    read = round_trip(to_gaussians(perception, HEADER, info))
    scene = perception.scene.gaussians
    assert read.count == len(scene) == len(read.opacities)
    np.testing.assert_array_equal(np.asarray(read.positions), scene.means.reshape(-1).numpy())
    assert list(read.rotations[:4]) == [0.0, 0.0, 0.0, 1.0], "ROS order is x y z w"
    assert read.sh_degree == 0
    assert len(read.sh) == 3 * read.count
    assert len(read.confidences) == 0
    features = np.asarray(read.features).reshape(-1, read.feature_dim)
    assert len(features) == len(perception.instances)
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1.0, rtol=1e-5)
    rows = np.asarray(read.feature_ids)
    ids = np.asarray(read.instance_ids)
    assert (rows[ids == 0] == 4294967295).all()
    for row, instance in enumerate(perception.instances):
        assert (rows[ids == instance.id] == row).all()
        # The fake model's features are one axis for each colour, so their mean is the feature
        # itself.
        own = perception.scene.semantics.features()[perception.instance_ids == instance.id]
        np.testing.assert_allclose(features[row], own.mean(0).numpy(), atol=0.1)
    empty = round_trip(to_gaussians(nothing, HEADER, info))
    assert (empty.count, len(empty.positions), empty.feature_dim) == (0, 0, 0)


def test_gaussians_that_are_not_selected_are_sent_only_when_asked(perception):
    info = scene_messages.scene_info(perception, 1, ("left", "right"))
    scene = perception.scene.gaussians
    importances = torch.linspace(0, 1, len(scene))
    rated = with_gaussians(perception, importances=importances)
    kept = (importances > 0.5).numpy()
    read = round_trip(to_gaussians(rated, HEADER, info))
    everything = round_trip(to_gaussians(rated, HEADER, info, unselected=True))
    assert read.count == kept.sum()
    assert everything.count == len(scene)
    for name in ("importances", "opacities", "instance_ids", "label_ids", "feature_ids"):
        np.testing.assert_array_equal(
            np.asarray(getattr(read, name)), np.asarray(getattr(everything, name))[kept], name
        )
    np.testing.assert_array_equal(np.asarray(read.features), np.asarray(everything.features))


def test_masks_cover_the_objects_in_the_original_image(perception):
    arrays = SceneArrays(perception)
    for view in (0, 1):
        mask = arrays.instance_mask(view)
        assert mask.shape == (128, 160)
        chair = next(i for i in perception.instances if i.label == "chair")
        roi = np.zeros_like(mask, bool)
        roi[40:100, 20:60] = True
        intersection = (roi & (mask == chair.id)).sum()
        assert intersection / (roi | (mask == chair.id)).sum() > 0.75
    labels = arrays.label_mask(0)
    assert labels[70, 40] == 1
    assert labels[70, 120] == 2


def test_mask_is_zero_where_no_gaussian_is_and_for_numbers_that_do_not_fit(perception):
    ids = perception.instance_ids.clone()
    ids[ids == 2] = 65536 + 7
    # Every second Gaussian, from the last to the first: the second view's come first.
    odd = torch.arange(1, len(ids), 2).flip(0)
    scene = replace(perception.scene, gaussians=perception.scene.gaussians.select(odd))
    arrays = SceneArrays(
        replace(
            perception,
            scene=scene,
            instance_ids=ids[odd],
            label_ids=perception.label_ids[odd],
            label_scores=perception.label_scores[odd],
        )
    )
    shown_columns = np.arange(160) // 4 % 2 == 1  # the network's pixels are 4 x 4 of the original
    for view in (0, 1):
        every = SceneArrays(perception).instance_mask(view)
        expected = np.where((every == 1) & shown_columns, 1, 0)
        assert expected.any() and (every == 2).any()
        np.testing.assert_array_equal(arrays.instance_mask(view), expected)
    labels = np.where(shown_columns, SceneArrays(perception).label_mask(0), 0)
    np.testing.assert_array_equal(arrays.label_mask(0), labels)
    depth = arrays.depth_image()
    np.testing.assert_array_equal(np.isnan(depth), np.tile(~shown_columns, (128, 1)))


def test_mask_is_zero_outside_the_network_crop():
    perceiver = Perceiver(FakeModel())
    wide = block_image({"red": (0, 0, 300, 100)}, height=100, width=300)
    perception = perceiver.perceive(perceiver.prepare((wide, wide)))
    arrays = SceneArrays(perception)
    crop = perception.scene.crops[0]
    mask, depth = arrays.instance_mask(0), arrays.depth_image()
    assert mask.shape == (100, 300)
    assert crop.left > 0
    assert (mask[:, : crop.left] == 0).all()
    assert (mask[:, crop.left : crop.left + crop.width] > 0).mean() > 0.9
    assert np.isnan(depth[:, : crop.left]).all()
    assert np.isfinite(depth[:, crop.left : crop.left + crop.width]).all()


@pytest.mark.parametrize(
    ("encoding", "pixels"),
    [
        ("16UC1", np.arange(12, dtype=np.uint16).reshape(3, 4)),
        ("32FC1", np.full((2, 5), np.nan, np.float32)),
        ("rgb8", np.arange(24, dtype=np.uint8).reshape(2, 4, 3)),
        ("rgb8", np.zeros((0, 0, 3), np.uint8)),
        ("16UC1", np.arange(24, dtype=np.uint16).reshape(4, 6)[::2, ::2]),
    ],
)
def test_images(encoding, pixels):
    read = round_trip(to_image(pixels, encoding, HEADER))
    assert isinstance(read, Image)
    assert (read.height, read.width) == pixels.shape[:2]
    assert len(read.data) == read.step * read.height
    np.testing.assert_array_equal(np.frombuffer(read.data, pixels.dtype), pixels.reshape(-1))


def test_image_of_the_wrong_kind_is_refused():
    with pytest.raises(ValueError, match="16UC1 needs uint16"):
        to_image(np.zeros((2, 2), np.int32), "16UC1", HEADER)


def test_camera_info_and_pose(perception):
    info = round_trip(scene_messages.to_camera_info(perception, HEADER))
    assert (info.height, info.width) == (128, 160)
    # The fake model's focal length is the network's width; 40 network pixels are 160 original
    # ones.
    assert info.k[0] == pytest.approx(160.0)
    # The principal point is the image's middle; ROS counts the first pixel's centre as 0.
    assert info.k[2] == pytest.approx(79.5)
    assert info.p[3] == 0.0
    pose = round_trip(scene_messages.relative_pose(perception, HEADER, 1))
    assert pose.pose.position.x == pytest.approx(0.1, abs=1e-6)
    assert pose.pose.orientation.w == 1.0


@settings(max_examples=60, deadline=None)
@given(st.floats(-math.pi, math.pi), st.floats(-10, 10))
def test_pose_order_is_x_y_z_w(yaw, x):
    matrix = np.eye(4)
    matrix[:2, :2] = [[math.cos(yaw), -math.sin(yaw)], [math.sin(yaw), math.cos(yaw)]]
    matrix[0, 3] = x
    pose = round_trip(to_pose(matrix))
    expected = yaw_quaternion(yaw)
    sign = 1.0 if pose.orientation.w * expected.w + pose.orientation.z * expected.z > 0 else -1.0
    assert pose.orientation.z * sign == pytest.approx(expected.z, abs=1e-7)
    assert pose.orientation.w * sign == pytest.approx(expected.w, abs=1e-7)
    assert pose.position.x == x


def test_label_table():
    read = round_trip(scene_messages.label_table(("unlabelled", "chair", "tâble"), 3, STAMP))
    assert read.version == 3
    assert read.labels == ["unlabelled", "chair", "tâble"]
    assert tuple(read.colors[3:6]) == label_colour(1)
    with pytest.raises(ValueError, match="unlabelled"):
        scene_messages.label_table(("chair",), 1, STAMP)


def test_label_colours_differ():
    assert len({label_colour(i) for i in range(100)}) == 100


def test_errors():
    read = round_trip(scene_messages.error(ErrorCode.NOT_FOUND, "no 'cha\0ir' \ud800"))
    assert read.code == 200
    assert "cha" in read.message


def test_markers_begin_with_a_delete_and_name_objects(perception, nothing):
    read = round_trip(to_markers(perception, HEADER, lifetime=np.float64(1.5)))
    assert read.markers[0].action == read.markers[0].DELETEALL
    assert len(read.markers) == 1 + 2 * len(perception.instances)
    assert any(marker.text.startswith("chair") for marker in read.markers)
    box = read.markers[1]
    assert min(box.scale.x, box.scale.y, box.scale.z) > 0
    assert box.lifetime.nanosec == 500_000_000
    assert len(to_markers(nothing, HEADER, 1.0).markers) == 1


def test_overlay_tints_objects_only(perception):
    room = block_image(ROOM)
    before = room.copy()
    out = overlay(room, SceneArrays(perception))
    np.testing.assert_array_equal(room, before)
    assert (out[70, 40] != room[70, 40]).any()
    np.testing.assert_array_equal(out[120, 150], room[120, 150])


def test_tensors_that_want_gradients_are_copied(perception):
    gaussians = perception.scene.gaussians
    traced = with_gaussians(perception, means=gaussians.means.clone().requires_grad_())
    assert SceneArrays(traced).means.shape == (len(gaussians), 3)
    assert torch.is_tensor(traced.scene.gaussians.means)
