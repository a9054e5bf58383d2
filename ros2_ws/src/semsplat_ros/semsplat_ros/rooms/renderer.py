# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Images of a room: colour, depth and instance ids, drawn by MuJoCo into an offscreen buffer.

Cameras are pinholes with square pixels and the principal point in the middle of the image; poses
are
``world_from_camera`` [4, 4] with OpenCV optical axes (x right, y down, z forward). The centre of
the pixel
in column u and row v is at (u + 0.5, v + 0.5).
"""

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, UInt8

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.rooms.layout import Room
from semsplat_ros.rooms.mjcf import FAR, NEAR, mjcf

NO_INSTANCE = 255
"""Instance id of pixels that show nothing of the room."""
OPENGL_FROM_OPTICAL = np.diag([1.0, -1.0, -1.0])


def use_offscreen_gl() -> None:
    """Choose EGL, with Mesa's software threads off (a process a core is faster). Call before
    mujoco is imported.
    """
    os.environ.setdefault("MUJOCO_GL", "egl")
    os.environ.setdefault("LP_NUM_THREADS", "0")


@dataclass(frozen=True)
class Frame:
    """What a camera sees at one pose; h x w pixels."""

    depth: Float32[np.ndarray, "h w"]
    """Metres along the optical axis."""
    instance: UInt8[np.ndarray, "h w"]
    """Index into the room's instances, or :data:`NO_INSTANCE`."""


def intrinsics_of(fovy: float, height: int, width: int) -> Float32[np.ndarray, "3 3"]:
    """Intrinsics in pixels of a camera with a vertical field of view in degrees."""
    focal = height / 2 / np.tan(np.radians(fovy) / 2)
    return np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]], np.float32)


class RoomRenderer:
    """Draws one room. Use it as a context manager, or call :meth:`close`.

    Args:
        room: the room.
        height: rows of the largest image that will be asked for.
        width: columns of it.
        shadow_size: side of the shadow map in pixels; 0 leaves shadows out, which halves the time.
        samples: multisampling of colour; 0 is fastest.

    Raises:
        SemsplatError: ``INTERNAL`` if no offscreen OpenGL context can be made.
    """

    def __init__(
        self,
        room: Room,
        height: int = 256,
        width: int = 320,
        shadow_size: int = 512,
        samples: int = 0,
    ) -> None:
        use_offscreen_gl()
        import mujoco

        self._mujoco = mujoco
        self.room = room
        self.size = (height, width)
        xml, assets = mjcf(room, width, height, shadow_size, samples)
        self._model = mujoco.MjModel.from_xml_string(xml, assets)
        self._data = mujoco.MjData(self._model)
        mujoco.mj_forward(self._model, self._data)
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._camera.fixedcamid = 0
        self._option = mujoco.MjvOption()
        self._scene = mujoco.MjvScene(model=self._model, maxgeom=2000)
        try:
            self._gl = mujoco.GLContext(width, height)
            self._gl.make_current()
            self._context = mujoco.MjrContext(
                self._model, mujoco.mjtFontScale.mjFONTSCALE_50.value
            )
        except Exception as error:
            raise SemsplatError(
                ErrorCode.INTERNAL,
                f"no offscreen OpenGL context could be made ({error}); install Mesa's EGL "
                "(apt install libegl1 libegl-mesa0 libgl1-mesa-dri) or set MUJOCO_GL=osmesa",
            ) from error
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        owners = [int(self._model.geom(i).name.split("_")[0]) for i in range(self._model.ngeom)]
        self._instance_of_geom = np.array(owners, np.uint8)
        self._instance_of_segment: np.ndarray | None = None

    def __enter__(self) -> "RoomRenderer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the OpenGL context."""
        if self._context is not None:
            self._gl.make_current()
            self._context.free()
            self._gl.free()
            self._context = None

    def colour(
        self, world_from_camera: Float[np.ndarray, "4 4"], fovy: float, height: int, width: int
    ) -> UInt8[np.ndarray, "h w 3"]:
        """RGB image at a pose; `fovy` is the vertical field of view in degrees."""
        rectangle = self._aim(world_from_camera, fovy, height, width)
        pixels = np.empty((height, width, 3), np.uint8)
        self._mujoco.mjr_render(rectangle, self._scene, self._context)
        self._mujoco.mjr_readPixels(pixels, None, rectangle, self._context)
        return np.ascontiguousarray(pixels[::-1])

    def geometry(
        self, world_from_camera: Float[np.ndarray, "4 4"], fovy: float, height: int, width: int
    ) -> Frame:
        """Depth and instance ids at a pose; `fovy` is the vertical field of view in degrees."""
        mj = self._mujoco
        rectangle = self._aim(world_from_camera, fovy, height, width)
        flags = self._scene.flags.copy()
        self._scene.flags[
            [mj.mjtRndFlag.mjRND_SEGMENT.value, mj.mjtRndFlag.mjRND_IDCOLOR.value]
        ] = 1
        colour, depth = (
            np.empty((height, width, 3), np.uint8),
            np.empty((height, width), np.float32),
        )
        mj.mjr_render(rectangle, self._scene, self._context)
        mj.mjr_readPixels(colour, depth, rectangle, self._context)
        self._scene.flags[:] = flags
        segment = colour[::-1, :, 0] + colour[::-1, :, 1] * np.int32(256)
        return Frame(_metric_depth(depth[::-1]), self._segments()[segment])

    def _aim(self, world_from_camera: np.ndarray, fovy: float, height: int, width: int) -> Any:
        """Put the camera at a pose, make the context current; the rectangle of pixels to draw."""
        if height > self.size[0] or width > self.size[1]:
            raise SemsplatError(
                ErrorCode.INVALID_ARGUMENT,
                f"an image of {width}x{height} was asked for, but this renderer was made for at "
                f"most {self.size[1]}x{self.size[0]}: make one with a larger size",
            )
        self._gl.make_current()
        self._data.cam_xpos[0] = world_from_camera[:3, 3]
        self._data.cam_xmat[0] = (world_from_camera[:3, :3] @ OPENGL_FROM_OPTICAL).reshape(-1)
        self._model.cam_fovy[0] = fovy
        everything = self._mujoco.mjtCatBit.mjCAT_ALL.value
        self._mujoco.mjv_updateScene(
            self._model, self._data, self._option, None, self._camera, everything, self._scene
        )
        return self._mujoco.MjrRect(0, 0, width, height)

    def _segments(self) -> UInt8[np.ndarray, " k"]:
        """Instance id for each colour that MuJoCo's segmentation draws; 0 is the background."""
        if self._instance_of_segment is None:
            table = np.full(65536, NO_INSTANCE, np.uint8)
            for geom in self._scene.geoms[: self._scene.ngeom]:
                if geom.segid >= 0 and geom.objtype == self._mujoco.mjtObj.mjOBJ_GEOM.value:
                    table[geom.segid + 1] = self._instance_of_geom[geom.objid]
            self._instance_of_segment = table
        return self._instance_of_segment


def _metric_depth(buffer: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """Metres along the optical axis from OpenGL's reversed depth (1 at the near plane, 0 at the
    far one).
    """
    near, far = np.float64(NEAR), np.float64(FAR)
    return (near * far / (near + buffer.astype(np.float64) * (far - near))).astype(np.float32)
