# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Helpers for messages of sensor_msgs; see `sensor_msgs_py.point_cloud2`."""
