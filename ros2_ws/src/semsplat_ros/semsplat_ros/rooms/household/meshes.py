# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Catalogue models as MuJoCo draws them: few faces, few parts, metres.

A mesh's frame is that of furniture: origin on the floor under the middle, z up, front to +y.
Parts with a plain colour become one mesh, coloured by texture coordinates into a palette; each
large texture is a mesh of its own.
"""

import io
import os
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, Float32, Int

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.rooms.household.catalogue import Model

FACES_LARGE, FACES_SMALL = 2000, 800
"""Most faces of a piece of furniture and of a thing for tables."""
TEXTURES = 4
"""Most textured parts of a model; the smaller ones take their mean colour."""
TEXTURE_SIZE = 128
SWATCH, SWATCHES = 4, 16
"""Pixels of a palette's colour field, and fields in a row."""
DARKEST = 0.06
"""Nothing is blacker than this in photographs."""
CELL = 0.05
"""Side of the cells that the free top of a table is told in, metres."""
FURNITURE_FROM_LIBRARY = np.array([[-1.0, 0, 0], [0, 0, 1], [0, 1, 0]])
"""Libraries have x right, y up, z towards the viewer."""


@dataclass(frozen=True)
class Part:
    """A mesh with one texture."""

    msh: bytes
    """MuJoCo's binary mesh file; vertices are around the middle of their extent."""
    png: bytes
    center: Float[np.ndarray, "3"]
    """Of the extent, in the model's frame."""
    half: Float[np.ndarray, "3"]
    """Half the extent."""


@dataclass(frozen=True)
class Mesh:
    """A model ready to be drawn."""

    parts: tuple[Part, ...]
    size: tuple[float, float, float]
    """Width, depth, height; metres."""
    top: float
    """Height of its largest level surface that looks at the sky."""
    cells: Float32[np.ndarray, "n 2"]
    """Middles of the cells of that surface with nothing above, in the model's frame."""


@dataclass
class _Piece:
    """A part of the OBJ file in the model's frame."""

    vertices: Float[np.ndarray, "v 3"]
    faces: Int[np.ndarray, "f 3"]
    uv: Float[np.ndarray, "v 2"] | None
    image: Any
    color: Float[np.ndarray, "3"]

    def area(self) -> float:
        return float(_face_areas(self.vertices, self.faces).sum())


def load_mesh(model: Model) -> Mesh:
    """Read, scale, decimate and colour a model.

    Raises:
        SemsplatError: ``BAD_FILE`` if its file cannot be used.
    """
    try:
        pieces = _read(model)
        _fit(pieces, model)
        budget = FACES_SMALL if model.place == "table" else FACES_LARGE
        top, cells = _free_top(pieces)
        return Mesh(
            tuple(_parts(pieces, budget)), (model.width, model.depth, model.height), top, cells
        )
    except ImportError as error:
        raise SemsplatError(
            ErrorCode.NOT_FOUND,
            f"modelled furniture needs a package that is not installed ({error}): "
            "`.venv/bin/pip install --no-deps -r environment/furniture.txt`",
        ) from error
    except (KeyError, ValueError, IndexError, OSError) as error:
        raise SemsplatError(
            ErrorCode.BAD_FILE,
            f"model {model.model_id} of {model.archive} cannot be used ({error}): "
            "take it out of furniture_models.csv",
        ) from error


def _read(model: Model) -> list[_Piece]:
    """The parts of the OBJ file, one a material."""
    import trimesh

    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(model.archive) as library:
        parent = os.path.dirname(model.obj) + "/"
        for name in library.namelist():
            if name.startswith(parent):
                library.extract(name, folder)
        scene = trimesh.load(Path(folder) / model.obj, process=False)
        meshes = scene.dump() if isinstance(scene, trimesh.Scene) else [scene]
        pieces = []
        for mesh in meshes:
            if len(getattr(mesh, "faces", ())) == 0:
                continue
            material = getattr(mesh.visual, "material", None)
            image = getattr(material, "image", None)
            uv = getattr(mesh.visual, "uv", None)
            color = np.array(getattr(material, "main_color", (178, 178, 178)))[:3] / 255
            if image is not None:
                image = image.convert("RGB").resize((TEXTURE_SIZE, TEXTURE_SIZE))
                color = np.asarray(image).reshape(-1, 3).mean(0) / 255
            if uv is None or len(uv) != len(mesh.vertices):
                uv, image = None, None
            vertices, faces = np.asarray(mesh.vertices, float), np.asarray(mesh.faces, np.int32)
            pieces.append(_Piece(vertices, faces, uv, image, color))
    if not pieces:
        raise ValueError("it has no faces")
    return pieces


def _fit(pieces: list[_Piece], model: Model) -> None:
    """Into the model's frame, with the size that the catalogue gives."""
    turn = np.eye(3) if model.rotation is None else np.array(model.rotation).reshape(3, 3)
    for piece in pieces:
        piece.vertices = piece.vertices @ (FURNITURE_FROM_LIBRARY @ turn).T
    low = np.min([piece.vertices.min(0) for piece in pieces], axis=0)
    high = np.max([piece.vertices.max(0) for piece in pieces], axis=0)
    size = np.array([model.width, model.depth, model.height])
    scale = size / np.maximum(high - low, 1e-6)
    origin = np.array([*((low + high) / 2)[:2], low[2]])
    for piece in pieces:
        piece.vertices = (piece.vertices - origin) * scale


def _parts(pieces: list[_Piece], budget: int) -> list[Part]:
    textured = sorted((p for p in pieces if p.image is not None), key=lambda p: -p.area())
    textured = textured[:TEXTURES]
    plain = [p for p in pieces if not any(p is t for t in textured)]
    total = sum(len(p.faces) for p in pieces)
    share = min(1.0, budget / total)
    parts = []
    if plain:
        parts.append(_plain_part(plain, share))
    for piece in textured:
        vertices, faces = _decimate(piece.vertices, piece.faces, share)
        uv = piece.uv
        if vertices is not piece.vertices:
            from scipy.spatial import KDTree

            _, nearest = KDTree(piece.vertices).query(vertices)
            uv = uv[nearest] if uv is not None else None
        parts.append(_part(vertices, faces, uv, _png(np.asarray(piece.image))))
    return [part for part in parts if part is not None]


def _plain_part(pieces: list[_Piece], share: float) -> Part | None:
    """One mesh of all parts without a texture, and a palette of their colours."""
    vertices, faces, uv, start = [], [], [], 0
    side = SWATCH * SWATCHES
    palette = np.zeros((side, side, 3), np.uint8)
    for index, piece in enumerate(pieces):
        field = index % SWATCHES**2
        row, column = divmod(field, SWATCHES)
        palette[row * SWATCH : (row + 1) * SWATCH, column * SWATCH : (column + 1) * SWATCH] = (
            np.clip(piece.color, DARKEST, 1) * 255
        )
        v, f = _decimate(piece.vertices, piece.faces, share)
        at = ((column + 0.5) / SWATCHES, 1 - (row + 0.5) / SWATCHES)
        vertices.append(v)
        faces.append(f + start)
        uv.append(np.broadcast_to(at, (len(v), 2)))
        start += len(v)
    return _part(
        np.concatenate(vertices), np.concatenate(faces), np.concatenate(uv), _png(palette)
    )


def _decimate(
    vertices: Float[np.ndarray, "v 3"], faces: Int[np.ndarray, "f 3"], share: float
) -> tuple[Float[np.ndarray, "v2 3"], Int[np.ndarray, "f2 3"]]:
    """Fewer faces by quadric edge collapse; untouched where there are few."""
    if share > 0.95 or len(faces) < 24:
        return vertices, faces
    import fast_simplification
    import trimesh

    merged = trimesh.Trimesh(vertices, faces, process=False)
    merged.merge_vertices(merge_tex=True, merge_norm=True, digits_vertex=4)
    points, triangles = fast_simplification.simplify(
        np.asarray(merged.vertices, np.float32),
        np.asarray(merged.faces, np.int32),
        target_reduction=min(max(1 - share, 0.0), 0.98),
    )
    if len(triangles) == 0:
        return vertices, faces
    return np.asarray(points, float), np.asarray(triangles, np.int32)


def _part(
    vertices: Float[np.ndarray, "v 3"],
    faces: Int[np.ndarray, "f 3"],
    uv: Float[np.ndarray, "v 2"] | None,
    png: bytes,
) -> Part | None:
    """Vertices split at creases; None if nothing is left to draw."""
    used = _face_areas(vertices, faces) > 1e-9
    faces = faces[used]
    if len(faces) == 0 or uv is None:
        return None
    # MuJoCo takes no mesh that is flat in two directions or has fewer than four vertices.
    if len(np.unique(faces)) < 4 or (np.ptp(vertices[faces].reshape(-1, 3), 0) < 1e-4).sum() > 1:
        return None
    normals = _crease_normals(vertices, faces)
    corners, uv = vertices[faces], uv[faces]
    # Both sides of each face, since many models have faces that look inwards.
    corners = np.concatenate([corners, corners[:, ::-1]]).reshape(-1, 3)
    normals = np.concatenate([normals, -normals[:, ::-1]]).reshape(-1, 3)
    uv = np.concatenate([uv, uv[:, ::-1]]).reshape(-1, 2)
    low, high = corners.min(0), corners.max(0)
    center = (low + high) / 2
    msh = io.BytesIO()
    n = len(corners)
    msh.write(np.array([n, n, n, n // 3], np.int32).tobytes())
    # OBJ counts v from the image's bottom, MuJoCo from its top.
    for array in (corners - center, normals, uv * (1, -1) + (0, 1)):
        msh.write(np.ascontiguousarray(array, np.float32).tobytes())
    msh.write(np.arange(n, dtype=np.int32).tobytes())
    return Part(msh.getvalue(), png, center, (high - low) / 2)


def _face_normals(
    vertices: Float[np.ndarray, "v 3"], faces: Int[np.ndarray, "f 3"]
) -> Float[np.ndarray, "f 3"]:
    """Normals as long as twice the faces' areas."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return np.cross(b - a, c - a)


def _face_areas(
    vertices: Float[np.ndarray, "v 3"], faces: Int[np.ndarray, "f 3"]
) -> Float[np.ndarray, " f"]:
    return np.linalg.norm(_face_normals(vertices, faces), axis=1) / 2


def _crease_normals(
    vertices: Float[np.ndarray, "v 3"], faces: Int[np.ndarray, "f 3"]
) -> Float[np.ndarray, "f 3 3"]:
    """Unit normals of the faces' corners: smooth, but flat where faces meet at over 40 degrees."""
    _, vertex = np.unique(np.round(vertices, 4), axis=0, return_inverse=True)
    vertex = vertex.reshape(-1)[faces]
    own = _face_normals(vertices, faces)
    total = np.zeros((vertex.max() + 1, 3))
    for k in range(3):
        np.add.at(total, vertex[:, k], own)
    own = own / np.linalg.norm(own, axis=1, keepdims=True)
    total /= np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
    smooth = total[vertex]
    flat = (smooth * own[:, None]).sum(-1, keepdims=True) < np.cos(np.radians(40))
    return np.where(flat, own[:, None], smooth)


def _free_top(pieces: list[_Piece]) -> tuple[float, Float32[np.ndarray, "n 2"]]:
    """Height and free cells of the largest level surface that nothing is above of.

    Points are drawn on all faces, the highest of each cell is its height.
    """
    rng = np.random.default_rng(0)
    vertices = np.concatenate([p.vertices for p in pieces])
    starts = np.cumsum([0, *(len(p.vertices) for p in pieces)])
    faces = np.concatenate([p.faces + s for p, s in zip(pieces, starts[:-1], strict=True)])
    area = _face_areas(vertices, faces)
    triangles = vertices[faces[rng.choice(len(faces), 60_000, p=area / area.sum())]]
    u, v = rng.random((2, len(triangles), 1))
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
    points = triangles[:, 0] * (1 - u - v) + triangles[:, 1] * u + triangles[:, 2] * v
    low = points[:, :2].min(0)
    cell = ((points[:, :2] - low) / CELL).astype(int)
    height = np.zeros(cell.max(0) + 1)
    np.maximum.at(height, (cell[:, 0], cell[:, 1]), points[:, 2])
    bins = np.bincount((height.reshape(-1) / 0.02).astype(int))
    best = int(bins[1:].argmax()) + 1 if len(bins) > 1 else 0
    level = abs(height - (best + 0.5) * 0.02) < 0.02
    middles = low + (np.argwhere(level) + 0.5) * CELL
    return float(height[level].max()), middles.astype(np.float32)


def _png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()
