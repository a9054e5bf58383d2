# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""PointCloud2 to NumPy, with the interface of the ROS 2 package `sensor_msgs_py`.

The part that semsplat uses: reading, without the option that makes organised clouds
two-dimensional.
"""

import sys
from collections.abc import Iterable

import numpy as np
from sensor_msgs.msg import PointCloud2, PointField

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
    """The structured type of one point; a field with count > 1 becomes name_0, name_1, ...

    Raises:
        AssertionError: if a field has the count 0, or two have one name.
    """
    names: list[str] = []
    formats: list[np.dtype] = []
    offsets: list[int] = []
    for index, field in enumerate(fields):
        element = _NUMPY_TYPE[field.datatype]
        name = field.name or f"unnamed_field_{index}"
        assert field.count > 0, f"field {name!r} has the count 0"
        for place in range(field.count):
            part = name if field.count == 1 else f"{name}_{place}"
            assert part not in names, f"two fields are called {part!r}"
            names.append(part)
            formats.append(element)
            offsets.append(field.offset + place * element.itemsize)
    description = {"names": names, "formats": formats, "offsets": offsets}
    if point_step is not None:
        description["itemsize"] = point_step
    return np.dtype(description)


def read_points(
    cloud: PointCloud2,
    field_names: Iterable[str] | None = None,
    skip_nans: bool = False,
    uvs: Iterable[int] | None = None,
) -> np.ndarray:
    """The points of a cloud as a structured array [n], organised or not.

    `field_names` selects fields, `skip_nans` leaves out points with a NaN in any of them unless
    the cloud says that it is dense, and `uvs` selects points by their indices. In the other byte
    order the points are a copy; the original swaps the bytes of the message itself.

    Raises:
        AssertionError: if `cloud` is no PointCloud2, lacks a field of `field_names`, or for its
            fields as :func:`dtype_from_fields`.
    """
    assert isinstance(cloud, PointCloud2), f"{type(cloud).__name__} is no PointCloud2"
    points = np.ndarray(
        shape=(cloud.width * cloud.height,),
        dtype=dtype_from_fields(cloud.fields, cloud.point_step),
        buffer=cloud.data,
    )
    if bool(sys.byteorder != "little") != bool(cloud.is_bigendian):
        points = points.byteswap()
    if field_names is not None:
        names = list(field_names)
        missing = [name for name in names if name not in (points.dtype.names or ())]
        assert not missing, f"no such field in the cloud: {missing}"
        points = points[names]
    if skip_nans and not cloud.is_dense:
        keep = np.ones(len(points), dtype=bool)
        for name in points.dtype.names or ():
            keep &= ~np.isnan(points[name])
        points = points[keep]
    if uvs is not None:
        points = points[uvs if isinstance(uvs, np.ndarray) else np.fromiter(uvs, int)]
    return points
