# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a pair of cameras, to be done on purpose to a simulated one."""

from dataclasses import dataclass

from builtin_interfaces.msg import Time
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

UNKNOWN_ENCODING = "bayer_rggb12p"
"""Packed 12 bit, as some drivers send it; no consumer of plain images reads it."""

FAULTS = {
    "none": "all is well",
    "left_silent": "the left camera sends nothing",
    "right_silent": "the right camera sends nothing",
    "right_late": "the right camera takes and sends its image fault.delay later",
    "wrong_encoding": f"the left image says it is {UNKNOWN_ENCODING}",
    "short_data": "the left image has half of its bytes",
    "corrupt_jpeg": "the left JPEG is cut off (needs compressed)",
    "zero_stamps": "both images have no stamp",
    "resolution_change": "both cameras send images of half the size",
}
"""Name -> what happens in a faulty frame."""


@dataclass
class CameraFrame:
    """What one camera sends at one moment."""

    side: str
    """Name of the camera: "left", "right" or "third"."""
    raw: Image
    info: CameraInfo | None = None
    jpeg: CompressedImage | None = None
    delay: float = 0.0
    """Seconds that the frame is sent later."""

    def set_stamp(self, stamp: Time) -> None:
        """Stamp all messages of the frame."""
        for message in (self.raw, self.info, self.jpeg):
            if message is not None:
                message.header.stamp = stamp


def spoil(frame: CameraFrame, fault: str, delay: float, later: Time) -> CameraFrame | None:
    """A frame with a fault of :data:`FAULTS`, or None if it is not sent at all.

    Args:
        frame: a good one; changed.
        fault: its name. "resolution_change" is a matter of drawing and changes nothing here.
        delay: seconds of "right_late".
        later: the frame's stamp plus `delay`.
    """
    left, right = frame.side == "left", frame.side == "right"
    if fault == f"{frame.side}_silent":
        return None
    if fault == "right_late" and right:
        frame.set_stamp(later)
        frame.delay = delay
    elif fault == "wrong_encoding" and left:
        frame.raw.encoding = UNKNOWN_ENCODING
    elif fault == "short_data" and left:
        del frame.raw.data[len(frame.raw.data) // 2 :]
    elif fault == "corrupt_jpeg" and left and frame.jpeg is not None:
        del frame.jpeg.data[len(frame.jpeg.data) // 2 :]
    elif fault == "zero_stamps":
        frame.set_stamp(Time())
    return frame
