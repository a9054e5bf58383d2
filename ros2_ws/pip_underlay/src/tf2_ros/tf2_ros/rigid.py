# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Rigid transforms as a translation (x, y, z) and a unit quaternion (x, y, z, w)."""

import math
from typing import NamedTuple

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]


class Rigid(NamedTuple):
    """parent_from_child: a point p of the child frame is rotation * p + translation."""

    translation: Vector
    rotation: Quaternion

    def compose(self, other: "Rigid") -> "Rigid":
        """a_from_b.compose(b_from_c) is a_from_c."""
        moved = rotate(self.rotation, other.translation)
        return Rigid(
            tuple(a + b for a, b in zip(self.translation, moved, strict=True)),  # type: ignore[arg-type]
            multiply(self.rotation, other.rotation),
        )

    def inverse(self) -> "Rigid":
        """child_from_parent."""
        x, y, z, w = self.rotation
        back = (-x, -y, -z, w)
        tx, ty, tz = rotate(back, self.translation)
        return Rigid((-tx, -ty, -tz), back)


IDENTITY = Rigid((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))


def normalized(q: Quaternion) -> Quaternion:
    """The unit quaternion of q's rotation; of the two that there are, the one that tf2 gives.

    That is what comes of the way through the rotation matrix: its w is positive, or the largest
    of x, y and z where the angle is 120 degrees or more. Raises ZeroDivisionError for a zero.
    """
    norm = math.sqrt(sum(part * part for part in q))
    x, y, z, w = (part / norm for part in q)
    leading = w if w * w > 0.25 else max(x, y, z, key=abs)
    return (-x, -y, -z, -w) if leading < 0 else (x, y, z, w)


def multiply(a: Quaternion, b: Quaternion) -> Quaternion:
    """Hamilton product: the rotation b followed by a."""
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
        aw * bw - ax * bx - ay * by - az * bz,
    )


def rotate(q: Quaternion, v: Vector) -> Vector:
    """The vector v turned by the unit quaternion q."""
    x, y, z, w = q
    x, y, z, _ = multiply(multiply(q, (*v, 0.0)), (-x, -y, -z, w))
    return (x, y, z)


def interpolate(a: Rigid, b: Rigid, share: float) -> Rigid:
    """Between a (share 0) and b (share 1): linear in translation, slerp in rotation."""
    translation = tuple(
        p + share * (q - p) for p, q in zip(a.translation, b.translation, strict=True)
    )
    return Rigid(translation, slerp(a.rotation, b.rotation, share))  # type: ignore[arg-type]


def slerp(a: Quaternion, b: Quaternion, share: float) -> Quaternion:
    """Spherical interpolation along the shorter arc."""
    cosine = sum(p * q for p, q in zip(a, b, strict=True))
    sign = -1.0 if cosine < 0 else 1.0
    angle = math.acos(min(1.0, abs(cosine)))
    if angle < 1e-6:  # the sine below would vanish; the arc is straight
        first, second = 1.0 - share, share
    else:
        first = math.sin((1.0 - share) * angle) / math.sin(angle)
        second = math.sin(share * angle) / math.sin(angle)
    mixed = [first * p + sign * second * q for p, q in zip(a, b, strict=True)]
    norm = math.sqrt(sum(p * p for p in mixed))
    return tuple(p / norm for p in mixed)  # type: ignore[return-value]
