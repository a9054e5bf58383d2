# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""PointCloud2 from and to NumPy, with the interface of the ROS 2 package `sensor_msgs_py`.

Without organised clouds, in whose arrays the original takes rows for columns.
"""

import array
import sys
from collections.abc import Iterable

import numpy as np
from numpy.lib.recfunctions import structured_to_unstructured, unstructured_to_structured
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

_NUMPY_TYPE = {
    PointField.INT8: np.dtype(np.int8),
    PointField.UINT8: np.dtype(np.uint8),
    PointField.INT16: np.dtype(np.int16),
    PointField.UINT16: np.dtype(np.uint16),
    PointField.INT32: np.dtype(np.int32),
    PointField.UINT32: np.dtype(np.uint32),
    PointField.FLOAT32: np.dtype(np.float32),
    PointField.FLOAT64: np.dtype(np.float64),
}


def dtype_from_fields(fields: Iterable[PointField], point_step: int | None = None) -> np.dtype:
    """The structured type of one point; a field with count > 1 becomes name_0, name_1, ..."""
    names: list[str] = []
    formats: list[np.dtype] = []
    offsets: list[int] = []
    for index, field in enumerate(fields):
        element = _NUMPY_TYPE[field.datatype]
        name = field.name or f"unnamed_field_{index}"
        for place in range(max(field.count, 1)):
            names.append(name if field.count <= 1 else f"{name}_{place}")
            formats.append(element)
            offsets.append(field.offset + place * element.itemsize)
    description = {"names": names, "formats": formats, "offsets": offsets}
    if point_step is not None:
        description["itemsize"] = point_step
    return np.dtype(description)


def read_points(
    cloud: PointCloud2,
    field_names: list[str] | None = None,
    skip_nans: bool = False,
    uvs: Iterable[int] | None = None,
) -> np.ndarray:
    """The points of a cloud as a structured array [n].

    `field_names` selects fields, `skip_nans` leaves out points with a NaN in any of them unless
    the cloud says that it is dense, and `uvs` selects points by their indices.
    """
    points = np.ndarray(
        shape=(cloud.width * cloud.height,),
        dtype=dtype_from_fields(cloud.fields, cloud.point_step),
        buffer=cloud.data,
    )
    if bool(sys.byteorder != "little") != bool(cloud.is_bigendian):
        points = points.byteswap().view(points.dtype)
    if field_names is not None:
        missing = [name for name in field_names if name not in (points.dtype.names or ())]
        assert not missing, f"no such field in the cloud: {missing}"
        points = points[list(field_names)]
    if skip_nans and not cloud.is_dense:
        keep = np.ones(len(points), dtype=bool)
        for name in points.dtype.names or ():
            keep &= ~np.isnan(points[name])
        points = points[keep]
    if uvs is not None:
        points = points[np.fromiter(uvs, int)]
    return points


def read_points_numpy(
    cloud: PointCloud2,
    field_names: list[str] | None = None,
    skip_nans: bool = False,
    uvs: Iterable[int] | None = None,
) -> np.ndarray:
    """As read_points, as a plain array [n, fields]; the fields must have one type."""
    points = read_points(cloud, field_names, skip_nans, uvs)
    types = {points.dtype[name] for name in points.dtype.names or ()}
    assert len(types) <= 1, f"the fields have several types ({types}): use read_points"
    return structured_to_unstructured(points)


def create_cloud(
    header: Header,
    fields: Iterable[PointField],
    points: Iterable,
    point_step: int | None = None,
) -> PointCloud2:
    """A cloud of `points`: a structured array, an array [n, fields] or a list of tuples."""
    fields = list(fields)
    dtype = dtype_from_fields(fields, point_step)
    if not isinstance(points, np.ndarray):
        points = np.array([tuple(point) for point in points], dtype=dtype)
    elif points.dtype.names is None:
        points = unstructured_to_structured(points, dtype=dtype)
    elif points.dtype != dtype:
        raise AssertionError(f"points have the type {points.dtype}, the fields say {dtype}")
    data = array.array("B")
    data.frombytes(points.tobytes())
    return PointCloud2(
        header=header,
        height=1,
        width=len(points),
        is_dense=False,
        is_bigendian=sys.byteorder != "little",
        fields=fields,
        point_step=points.dtype.itemsize,
        row_step=points.dtype.itemsize * len(points),
        data=data,
    )


def create_cloud_xyz32(header: Header, points: Iterable) -> PointCloud2:
    """A cloud with the float32 fields x, y and z."""
    fields = [
        PointField(name=name, offset=4 * index, datatype=PointField.FLOAT32, count=1)
        for index, name in enumerate("xyz")
    ]
    return create_cloud(header, fields, points)
