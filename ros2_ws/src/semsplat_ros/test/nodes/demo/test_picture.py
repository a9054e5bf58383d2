# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest

from semsplat_ros.nodes.demo import picture, theme
from semsplat_ros.nodes.demo.scene_view import SceneView, Target
from semsplat_ros.nodes.demo.top_view import Ground, top_view

# Looks along the room's x from 0.9 m above the floor: right is the room's -y, up its z.
POSE = np.array([[0.0, 0, 1, 1.0], [-1, 0, 0, 2.0], [0, -1, 0, 0.9], [0, 0, 0, 1]])


def target(found: bool = True, **changes) -> Target:
    area = np.zeros((120, 160), bool)
    area[40:90, 60:100] = found
    made = Target(
        text="find the chair",
        outcome="chair: 2.00 m ahead, 0.50 m left, 0.10 m up" if found else "chair: not found",
        found=found,
        label="chair 0.83",
        center=np.array([-0.5, -0.1, 2.0]),
        size=np.array([0.4, 0.8, 0.6]),
        masks=(area, area),
        goal=np.array([2.2, 2.4, 0.0]) if found else None,
        truth=((np.array([-0.6, 0.0, 2.1]), np.array([0.5, 0.9, 0.5])),),
    )
    return replace(made, **changes)


def view(*targets: Target) -> SceneView:
    rng = np.random.default_rng(0)
    mask = np.zeros((120, 160), np.uint16)
    mask[40:90, 60:100] = 1
    return SceneView(
        seed=7,
        left=rng.integers(60, 180, (120, 160, 3), dtype=np.uint8),
        right=rng.integers(60, 180, (120, 160, 3), dtype=np.uint8),
        mask=mask,
        instances={1: ("chair", 6)},
        points=rng.uniform((-1, -0.5, 1.5), (1, 0.8, 3.5), (2000, 3)),
        colours=np.full((2000, 3), 120, np.uint8),
        focal_share=0.65,
        world_from_left=POSE,
        targets=list(targets),
    )


def has(pixels: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((pixels == colour).all(-1).any())


def test_found_object_is_in_the_views_and_from_above():
    drawn = np.asarray(picture.draw(view(target())))
    assert drawn.shape == (picture.HEIGHT, picture.WIDTH, 3)
    accent = theme.accent(0)
    assert has(drawn[picture.HEADER : picture.HEADER + 600, :828], accent)
    assert has(drawn[picture.HEADER :, 844:], accent)
    assert has(drawn[picture.HEADER + 616 :, :420], accent)


def test_what_was_not_found_is_said_and_nothing_is_outlined():
    drawn = np.asarray(picture.draw(view(target(found=False))))
    assert has(drawn[: picture.HEADER], theme.MISSING)
    assert not has(drawn[picture.HEADER :], theme.accent(0))


def test_each_of_several_answers_has_its_colour():
    drawn = np.asarray(picture.draw(view(target(), target(label="sofa 0.40"))))
    assert has(drawn[: picture.HEADER], theme.accent(0))
    assert has(drawn[: picture.HEADER], theme.accent(1))


def test_empty_scene_can_be_drawn():
    empty = replace(view(), points=np.zeros((0, 3)), colours=np.zeros((0, 3), np.uint8))
    picture.draw(replace(empty, instances={}, mask=np.zeros((120, 160), np.uint16)))


def test_ground_is_right_of_and_ahead_of_the_camera():
    ground = Ground(view(), 700, 800)
    seen = ground.from_camera(np.array([[0.3, -0.2, 2.0]]))
    np.testing.assert_allclose(seen, [[0.3, 2.0]])
    np.testing.assert_allclose(ground.from_world(np.array([[3.0, 1.7, 0.7]])), [[0.3, 2.0]])
    origin, right, ahead = ground.pixels(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    assert right[0] > origin[0]
    assert ahead[1] < origin[1]


def test_found_box_lies_where_its_center_is():
    scene = view(target(truth=(), goal=None))
    panel = top_view(scene, 700, 800)
    rows, columns = np.nonzero((panel == theme.accent(0)).all(-1))
    middle = Ground(scene, 700, 800).pixels(np.array([[-0.5, 2.0]]))[0]
    assert columns.min() < middle[0] < columns.max()
    assert rows.min() < middle[1] < rows.max()


@pytest.mark.parametrize("at", [(-50, -50), (790, 690), (0, 0)])
def test_text_stays_inside(at):
    panel = np.zeros((700, 800, 3), np.uint8)
    theme.text(panel, "chair, Sessel, стул", at, 18, theme.TEXT, theme.MISSING)
    assert has(panel, theme.MISSING)
