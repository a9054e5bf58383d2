# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The part of sensor_msgs_py that semsplat relies on; passes against the ROS package too."""

import numpy as np
import pytest
from sensor_msgs.msg import PointCloud2, PointField
from sensor_msgs_py.point_cloud2 import dtype_from_fields, read_points

LABELLED = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("label", "<u2")])
POINTS = [(1.0, 2.0, 3.0, 7), (4.0, float("nan"), 6.0, 8), (7.0, 8.0, 9.0, 65535)]
CODES = {"f4": PointField.FLOAT32, "u2": PointField.UINT16}


def field(
    name: str, offset: int = 0, code: int = PointField.FLOAT32, count: int = 1
) -> PointField:
    return PointField(name=name, offset=offset, datatype=code, count=count)


def cloud_of(points: np.ndarray) -> PointCloud2:
    fields = [
        field(name, offset, CODES[kind.str[1:]])
        for name, (kind, offset, *_) in points.dtype.fields.items()
    ]
    step = points.dtype.itemsize
    cloud = PointCloud2(width=len(points), height=1, point_step=step, row_step=step * len(points))
    cloud.fields = fields
    cloud.data.frombytes(points.tobytes())
    return cloud


def labelled_cloud() -> PointCloud2:
    return cloud_of(np.array(POINTS, dtype=LABELLED))


def test_read_points_gives_a_structured_array() -> None:
    points = read_points(labelled_cloud())
    assert points.dtype.names == ("x", "y", "z", "label")
    assert points["label"].tolist() == [7, 8, 65535]
    np.testing.assert_array_equal(points["y"], np.float32([2, np.nan, 8]))


def test_read_points_selects_fields_points_and_drops_nans() -> None:
    cloud = labelled_cloud()
    chosen = read_points(cloud, ["z", "x"], skip_nans=True)
    assert chosen.dtype.names == ("z", "x")
    assert chosen["z"].tolist() == [3.0, 6.0, 9.0]  # y, which has the NaN, was not asked for
    assert read_points(cloud, skip_nans=True)["label"].tolist() == [7, 65535]
    assert read_points(cloud, uvs=[2, 0])["label"].tolist() == [65535, 7]
    assert read_points(cloud, uvs=np.array([False, True, False]))["label"].tolist() == [8]
    cloud.is_dense = True
    assert len(read_points(cloud, skip_nans=True)) == 3  # it says that there is none


def test_read_points_respects_padding() -> None:
    wide = np.zeros(2, dtype={"names": ["x"], "formats": ["<f4"], "offsets": [4], "itemsize": 12})
    wide["x"] = [1.5, -2.5]
    assert read_points(cloud_of(wide))["x"].tolist() == [1.5, -2.5]


def test_an_organised_cloud_is_read_point_by_point() -> None:
    cloud = cloud_of(np.array(POINTS + POINTS, dtype=LABELLED))
    cloud.width, cloud.height = 3, 2
    assert read_points(cloud)["label"].tolist() == [7, 8, 65535] * 2


def test_an_empty_cloud_has_no_points() -> None:
    points = read_points(cloud_of(np.zeros(0, dtype=LABELLED)), ("x", "label"))
    assert points.shape == (0,)
    assert points.dtype.names == ("x", "label")


def test_the_other_byte_order() -> None:
    cloud = cloud_of(np.array(POINTS, dtype=LABELLED))
    cloud.data = cloud.data[:0]
    cloud.data.frombytes(np.array(POINTS, dtype=LABELLED.newbyteorder(">")).tobytes())
    cloud.is_bigendian = True
    assert read_points(cloud)["label"].tolist() == [7, 8, 65535]


def test_fields_with_several_elements_and_without_a_name() -> None:
    made = dtype_from_fields([field("n", count=3), field("", 12)], point_step=20)
    assert made.names == ("n_0", "n_1", "n_2", "unnamed_field_1")
    assert [made.fields[name][1] for name in made.names] == [0, 4, 8, 12]
    assert made.itemsize == 20


def test_what_no_cloud_can_be_is_refused() -> None:
    with pytest.raises(AssertionError):
        read_points(labelled_cloud(), ["x", "intensity"])
    with pytest.raises(AssertionError):
        read_points(labelled_cloud().data)
    with pytest.raises(AssertionError):
        dtype_from_fields([field("x", count=0)])
    with pytest.raises(AssertionError):
        dtype_from_fields([field("x"), field("x", 4)])
