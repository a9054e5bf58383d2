# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""ament_python build of sensor_msgs_py."""

from setuptools import find_packages, setup

PACKAGE = "sensor_msgs_py"

setup(
    name=PACKAGE,
    version="0.1.0",
    packages=find_packages(include=[PACKAGE]),
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (f"share/{PACKAGE}", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    maintainer="the semsplat authors",
    maintainer_email="semsplat@users.noreply.github.com",
    description="Reading PointCloud2, for machines without ROS.",
    license="Apache-2.0",
)
