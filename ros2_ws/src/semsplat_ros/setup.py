# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""ament_python build of semsplat_ros."""

from pathlib import Path

from setuptools import find_packages, setup

PACKAGE = "semsplat_ros"
HERE = Path(__file__).parent.resolve()


def share_files(folder: str) -> list[tuple[str, list[str]]]:
    """One data_files entry for each directory below `folder` that holds files."""
    entries: dict[str, list[str]] = {}
    for path in sorted((HERE / folder).rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            relative = path.relative_to(HERE)
            entries.setdefault(f"share/{PACKAGE}/{relative.parent}", []).append(str(relative))
    return list(entries.items())


setup(
    name=PACKAGE,
    version="0.1.0",
    packages=find_packages(include=[PACKAGE, f"{PACKAGE}.*"]),
    package_data={PACKAGE: ["**/LICENSE", "**/*.csv", "**/*.gz", "**/*.json"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (f"share/{PACKAGE}", ["package.xml"]),
        *share_files("launch"),
        *share_files("config"),
        *share_files("model"),
    ],
    install_requires=["setuptools"],
    extras_require={"test": ["pytest"]},
    zip_safe=False,
    maintainer="the semsplat authors",
    maintainer_email="semsplat@users.noreply.github.com",
    description=(
        "Feed-forward semantic 3D Gaussian scenes from image pairs: "
        "clouds, instance masks and language-queried object goals."
    ),
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            f"perception_node = {PACKAGE}.nodes.executables:perception_node",
            f"room_cameras = {PACKAGE}.nodes.executables:room_cameras",
            f"semsplat = {PACKAGE}.cli.main:main",
        ],
    },
)
