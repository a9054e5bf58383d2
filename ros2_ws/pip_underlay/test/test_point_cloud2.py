# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The part of sensor_msgs_py that semsplat relies on; passes against the ROS package too."""

import numpy as np
import pytest
from sensor_msgs.msg import PointCloud2, PointField
from sensor_msgs_py import point_cloud2
from std_msgs.msg import Header

FIELDS = [
    PointField(name="x", offset=0, datatype=PointField.FLOAT32, count=1),
    PointField(name="y", offset=4, datatype=PointField.FLOAT32, count=1),
    PointField(name="z", offset=8, datatype=PointField.FLOAT32, count=1),
    PointField(name="label", offset=12, datatype=PointField.UINT16, count=1),
]
POINTS = [(1.0, 2.0, 3.0, 7), (4.0, float("nan"), 6.0, 8), (7.0, 8.0, 9.0, 65535)]


def labelled_cloud() -> PointCloud2:
    return point_cloud2.create_cloud(Header(frame_id="camera"), FIELDS, POINTS)


def test_create_cloud_lays_points_out_as_the_fields_say() -> None:
    cloud = labelled_cloud()
    assert (cloud.width, cloud.height, cloud.point_step, cloud.row_step) == (3, 1, 14, 42)
    assert cloud.header.frame_id == "camera"
    assert [field.name for field in cloud.fields] == ["x", "y", "z", "label"]
    first = bytes(cloud.data)[:14]
    assert first == np.float32([1, 2, 3]).tobytes() + np.uint16(7).tobytes()


def test_read_points_gives_a_structured_array() -> None:
    points = point_cloud2.read_points(labelled_cloud())
    assert points.dtype.names == ("x", "y", "z", "label")
    assert points["label"].tolist() == [7, 8, 65535]
    np.testing.assert_array_equal(points["y"], np.float32([2, np.nan, 8]))


def test_read_points_selects_fields_points_and_drops_nans() -> None:
    cloud = labelled_cloud()
    chosen = point_cloud2.read_points(cloud, ["z", "x"], skip_nans=True)
    assert chosen.dtype.names == ("z", "x")
    assert chosen["z"].tolist() == [3.0, 6.0, 9.0]  # y, which has the NaN, was not asked for
    assert point_cloud2.read_points(cloud, skip_nans=True)["label"].tolist() == [7, 65535]
    assert point_cloud2.read_points(cloud, uvs=[2, 0])["label"].tolist() == [65535, 7]


def test_read_points_respects_padding() -> None:
    wide = np.zeros(2, dtype={"names": ["x"], "formats": ["<f4"], "offsets": [4], "itemsize": 12})
    wide["x"] = [1.5, -2.5]
    cloud = PointCloud2(width=2, height=1, point_step=12, row_step=24)
    cloud.fields = [PointField(name="x", offset=4, datatype=PointField.FLOAT32, count=1)]
    cloud.data.frombytes(wide.tobytes())
    assert point_cloud2.read_points(cloud)["x"].tolist() == [1.5, -2.5]


def test_read_points_numpy_needs_one_type() -> None:
    xyz = np.arange(12, dtype=np.float32).reshape(4, 3)
    cloud = point_cloud2.create_cloud_xyz32(Header(), xyz)
    assert cloud.width == 4
    np.testing.assert_array_equal(point_cloud2.read_points_numpy(cloud), xyz)
    with pytest.raises(AssertionError):
        point_cloud2.read_points_numpy(labelled_cloud())
