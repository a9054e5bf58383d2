# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A perception as files that other programs open: PLY of 3D Gaussian splatting, PNG, NPY, JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from semsplat_ros.objects.drawing import draw_objects
from semsplat_ros.objects.gaussian_grid import numpy_of
from semsplat_ros.objects.instances import instance_map, label_map
from semsplat_ros.scene import Gaussians, Perception, QueryResult

MIN_SCALE = 1e-9
EPSILON = 1e-6


def write_ply(gaussians: Gaussians, path: Path) -> None:
    """Write Gaussians in the layout of 3D Gaussian splatting viewers.

    Positions, normals (zero), f_dc and f_rest (colour-major), opacity as logit, scales as
    logarithms, rotation w x y z; binary little endian. Kerbl et al. 2023, reference
    implementation's file
    format.
    """
    sh = numpy_of(gaussians.sh)
    count, coefficients = sh.shape[:2]
    opacity = np.clip(numpy_of(gaussians.opacities), EPSILON, 1 - EPSILON)
    columns = {
        **dict(zip("xyz", numpy_of(gaussians.means).T, strict=True)),
        **{name: np.zeros(count) for name in ("nx", "ny", "nz")},
        **{f"f_dc_{c}": sh[:, 0, c] for c in range(3)},
    }
    rest = sh[:, 1:].transpose(0, 2, 1).reshape(count, 3 * (coefficients - 1))
    columns.update({f"f_rest_{i}": rest[:, i] for i in range(rest.shape[1])})
    columns["opacity"] = np.log(opacity / (1 - opacity))
    scales = np.log(np.maximum(numpy_of(gaussians.scales), MIN_SCALE))
    columns.update({f"scale_{i}": scales[:, i] for i in range(3)})
    rotation = numpy_of(gaussians.quats_wxyz)
    columns.update({f"rot_{i}": rotation[:, i] for i in range(4)})
    vertices = np.empty(count, dtype=[(name, "<f4") for name in columns])
    for name, values in columns.items():
        vertices[name] = values
    properties = "".join(f"property float {name}\n" for name in columns)
    header = f"ply\nformat binary_little_endian 1.0\nelement vertex {count}\n{properties}"
    path.write_bytes(header.encode() + b"end_header\n" + vertices.tobytes())


def describe(perception: Perception, answers: list[QueryResult]) -> dict:
    """What is in a perception, and what was answered, as plain values for JSON."""
    scene = perception.scene
    return {
        "model": scene.provenance.model,
        "scale": {"status": scene.scale.status.name, "metric": scene.scale.is_metric},
        "intrinsics": {
            "source": scene.cameras.source.name,
            "network_pixels": numpy_of(scene.cameras.intrinsics).round(3).tolist(),
        },
        "first_from_view": numpy_of(scene.cameras.first_from_view).round(5).tolist(),
        "poses_not_found": list(scene.cameras.failed),
        "gaussians": len(scene.gaussians),
        "instances": [asdict(i) for i in perception.instances],
        "queries": [
            {
                "text": a.text,
                "concept": a.concept,
                "error": "OK" if a.found else "NOT_FOUND",
                "message": a.message,
                "matches": [
                    {
                        "id": m.instance.id,
                        "score": m.score,
                        "raw_similarity": m.raw_similarity,
                        "position": list(m.instance.box_center),
                        "box_size": list(m.instance.box_size),
                    }
                    for m in a.matches
                ],
            }
            for a in answers
        ],
        "stages_ms": {k: round(v, 2) for k, v in perception.stages_ms.items()},
    }


def view_names(count: int) -> tuple[str, ...]:
    """What the files of each view are called after: left and right, or 1, 2, 3, ..."""
    return ("left", "right") if count == 2 else tuple(str(i + 1) for i in range(count))


def write_all(
    perception: Perception,
    original_images: Sequence[UInt8[np.ndarray, "_ _ 3"]],
    answers: list[QueryResult],
    folder: Path,
) -> list[Path]:
    """Write everything that is known about some views into a folder; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    scene = perception.scene
    files = [folder / "gaussians.ply"]
    kept = scene.gaussians
    kept = kept.select(kept.selected())
    write_ply(kept, files[0])
    for view, name in enumerate(view_names(len(original_images))):
        mask = instance_map(perception, view)
        drawn = draw_objects(original_images[view], mask, perception.instances, view)
        images = {
            "masks": mask,
            "labels": label_map(perception, view),
            "overlay": drawn[..., ::-1],
        }
        for what, image in images.items():
            files.append(folder / f"{what}_{name}.png")
            cv2.imwrite(str(files[-1]), image)
        files.append(folder / f"depth_{name}.npy")
        np.save(files[-1], numpy_of(scene.depth_map(view)).astype(np.float32))
    files.append(folder / "scene.json")
    files[-1].write_text(json.dumps(describe(perception, answers), indent=2) + "\n")
    return files
