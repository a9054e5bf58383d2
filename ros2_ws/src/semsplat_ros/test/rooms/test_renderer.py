# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
import hashlib

import numpy as np
import pytest

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.rooms.builder import CLASS_ID
from semsplat_ros.rooms.layout import Room
from semsplat_ros.rooms.pair_sampling import look_along
from semsplat_ros.rooms.renderer import NO_INSTANCE, RoomRenderer, intrinsics_of
from test.rooms.conftest import Scenery, points_of, run_python

PIXELS = """
import hashlib, sys
import numpy as np
from semsplat_ros.rooms.layout import Room
from semsplat_ros.rooms.pair_sampling import look_along
from semsplat_ros.rooms.renderer import RoomRenderer
pose = look_along(np.array([-1.2, -1.2, 1.4]), np.array([1.0, 0.9, -0.2]))
with RoomRenderer(Room(11), 96, 128) as renderer:
    frame = renderer.geometry(pose, 55.0, 96, 128)
    pixels = renderer.colour(pose, 55.0, 96, 128)
data = pixels.tobytes() + frame.depth.tobytes() + frame.instance.tobytes()
print(hashlib.sha256(data).hexdigest(), len(np.unique(frame.instance)))
"""


def test_pixels_are_the_same_in_two_processes():
    first, second = run_python(PIXELS), run_python(PIXELS)
    assert first == second
    assert int(first.split()[1]) > 5
    assert first.split()[0] != hashlib.sha256(b"").hexdigest()


def test_depth_of_a_wall_is_its_distance():
    room = Room(2)
    with RoomRenderer(room, 96, 128) as renderer:
        # From just under the ceiling, level: the upper half of the image is ceiling and wall.
        x = room.width / 2
        pose = look_along(np.array([x - 2.0, 0.0, room.walls.height - 0.3]), np.array([1.0, 0, 0]))
        frame = renderer.geometry(pose, 50.0, 96, 128)
    walls = np.array([room.class_ids[i] == CLASS_ID["wall"] for i in range(len(room.instances))])
    on_wall = walls[frame.instance] & (abs(frame.depth - 2.0) < 0.2)
    assert on_wall.mean() > 0.2
    np.testing.assert_allclose(frame.depth[on_wall], 2.0, atol=2e-3)
    # The ceiling is 0.3 m above: its depth follows from the row alone.
    focal = intrinsics_of(50.0, 96, 128)[1, 1]
    rows = np.arange(96)
    expected = 0.3 * focal / (48 - (rows + 0.5))
    above = room.class_ids[frame.instance[:, 64]] == CLASS_ID["ceiling"]
    assert above.sum() > 10
    np.testing.assert_allclose(frame.depth[above, 64], expected[above], rtol=5e-3)


def test_depth_points_lie_in_the_box_of_their_instance(scenery: Scenery):
    boxes = scenery.room.oriented_boxes()
    for pair in scenery.stereo + scenery.free:
        for frame, pose, fovy in zip(pair.frames, pair.world_from_camera, pair.fovy, strict=True):
            seen = frame.instance != NO_INSTANCE
            assert seen.mean() > 0.999
            points = points_of(frame.depth, intrinsics_of(fovy, *frame.depth.shape), pose)[seen]
            box = boxes[frame.instance[seen]]
            cosine, sine = np.cos(box[:, 6]), np.sin(box[:, 6])
            x, y, z = (points - box[:, :3]).T
            local = np.stack([cosine * x + sine * y, cosine * y - sine * x, z], 1)
            assert (abs(local) <= box[:, 3:6] + 0.01).all(1).mean() > 0.999


def test_shadows_darken():
    room = Room(4)
    assert any(light.casts_shadow for light in room.lights)
    corner = np.array([0.3 - room.width / 2, 0.3 - room.depth / 2, 1.5])
    pose = look_along(corner, np.array([room.width / 2, room.depth / 2, -0.7]))
    images = []
    for shadow_size in (0, 512):
        with RoomRenderer(room, 96, 128, shadow_size) as renderer:
            images.append(renderer.colour(pose, 60.0, 96, 128).astype(int))
            frame = renderer.geometry(pose, 60.0, 96, 128)
    floor = room.class_ids[frame.instance] == CLASS_ID["floor"]
    assert (images[0] > images[1] + 10).any(-1)[floor].mean() > 0.05
    assert (images[1] > images[0] + 10).any(-1)[floor].mean() < 0.005


def test_larger_image_than_announced_is_refused(scenery: Scenery):
    with pytest.raises(SemsplatError) as refusal:
        scenery.renderer.colour(np.eye(4), 60.0, 257, 320)
    assert refusal.value.code is ErrorCode.INVALID_ARGUMENT
    assert "320x257" in refusal.value.message


def test_two_renderers_do_not_disturb_each_other(scenery: Scenery):
    pair = scenery.stereo[0]
    before = scenery.renderer.colour(pair.world_from_camera[0], pair.fovy[0], 128, 160)
    with RoomRenderer(Room(4), 64, 64) as other:
        other.colour(np.eye(4), 60.0, 64, 64)
        between = scenery.renderer.colour(pair.world_from_camera[0], pair.fovy[0], 128, 160)
    after = scenery.renderer.colour(pair.world_from_camera[0], pair.fovy[0], 128, 160)
    assert (before == between).all()
    assert (before == after).all()
