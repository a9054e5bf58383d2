# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semsplat_ros.geometry.views import prepare_views
from semsplat_ros.objects.instances import (
    Segmentation,
    SegmentationSettings,
    instance_map,
    label_map,
    segment,
)
from semsplat_ros.scene import Perception, SemanticScene, Vocabulary
from test.support.fake_model import FakeModel, ToyTextEncoder, block_image, colour_classes

LABELS = ("unlabelled", "chair", "table", "ball", "wall")
VOCABULARY = Vocabulary(1, LABELS, ToyTextEncoder().encode(list(LABELS[1:])))
BLOCKS = {"red": (20, 40, 40, 60), "green": (100, 60, 30, 30), "red_2": (112, 8, 24, 24)}
"""Colour and place in an image of 128 x 160: 2400, 900 and 576 pixels."""


def scene_of(
    left: np.ndarray, right: np.ndarray | None = None, **switches: object
) -> SemanticScene:
    model = FakeModel(image_size=(64, 80), **switches)
    views = prepare_views((left, left if right is None else right), model.info)
    return model.predict(views)


def segmented(scene: SemanticScene, **choices: object) -> Segmentation:
    probabilities = None
    if scene.semantics is not None:
        probabilities = torch.softmax(12.0 * scene.semantics.similarity(VOCABULARY.embeddings), 1)
    return segment(scene, probabilities, VOCABULARY, SegmentationSettings(**choices))


def perception_of(scene: SemanticScene, found: Segmentation) -> Perception:
    return Perception(
        scene, found.instances, found.instance_ids, found.label_ids, found.label_scores, VOCABULARY
    )


def test_each_block_is_one_object_of_both_views() -> None:
    found = segmented(scene_of(block_image(BLOCKS)))
    assert [i.label for i in found.instances] == ["chair", "table", "chair"]
    assert [i.id for i in found.instances] == [1, 2, 3]
    counts = [i.gaussian_count for i in found.instances]
    # A quarter of the pixels in each of two views.
    np.testing.assert_allclose(counts, [2 * 2400 / 4, 2 * 900 / 4, 2 * 576 / 4], rtol=0.05)
    for instance in found.instances:
        assert instance.gaussian_count == int((found.instance_ids == instance.id).sum())
        assert instance.mean_opacity == pytest.approx(0.9)
        assert instance.label_score > 0.9


def test_wall_is_background_where_the_vocabulary_says_so() -> None:
    scene = scene_of(block_image(BLOCKS))
    found = segmented(scene)
    walls = colour_classes(scene.images.permute(0, 2, 3, 1).reshape(-1, 3)) == 3
    assert float((found.instance_ids[walls] == 0).float().mean()) > 0.99
    assert float((found.label_ids[walls] == 4).float().mean()) > 0.99
    found = segmented(scene, background=frozenset())
    assert [i.label for i in found.instances] == ["wall", "chair", "table", "chair"]


def test_boxes_and_rectangles_are_where_the_blocks_are() -> None:
    left = block_image(BLOCKS)
    found = segmented(scene_of(left, depth=2.0))
    chair = found.instances[0]
    # The fake's camera: focal length = width of 80 pixels, principal point in the middle, depth 2
    # m.
    np.testing.assert_allclose(
        chair.centroid, ((20 - 40) / 80 * 2, (35 - 32) / 80 * 2, 2.0), atol=0.03
    )
    np.testing.assert_allclose(chair.box_center, chair.centroid, atol=0.03)
    np.testing.assert_allclose(chair.box_size, (20 / 80 * 2, 30 / 80 * 2, 0.0), atol=0.08)
    for roi in chair.rois:
        np.testing.assert_allclose(
            (roi.left, roi.top, roi.width, roi.height), BLOCKS["red"], atol=4
        )


def test_an_object_of_one_view_has_no_rectangle_in_the_other() -> None:
    found = segmented(
        scene_of(block_image({"red": (20, 40, 40, 60)}), block_image({"green": (60, 40, 40, 50)}))
    )
    by_label = {i.label: i for i in found.instances}
    assert by_label["chair"].rois[0].width > 0 and by_label["chair"].rois[1].width == 0
    assert by_label["table"].rois[0].width == 0 and by_label["table"].rois[1].width > 0


def test_neighbours_that_look_alike_part_at_a_step_in_depth() -> None:
    left = block_image({"red": (20, 40, 40, 60)})
    near = left.copy()
    left[40:100, 60:100] = (
        90,
        10,
        10,
    )  # darker red, so it is further away, seamlessly beside the first
    assert [i.label for i in segmented(scene_of(left)).instances] == ["chair"]
    found = segmented(scene_of(left, depth_from_brightness=True))
    assert [i.label for i in found.instances] == ["chair", "chair"]
    assert abs(found.instances[0].box_center[2] - found.instances[1].box_center[2]) > 0.2
    assert len(segmented(scene_of(near, depth_from_brightness=True)).instances) == 1


def test_small_groups_are_no_objects() -> None:
    scene = scene_of(block_image({"red": (20, 40, 40, 60), "green": (100, 60, 8, 8)}))
    assert [i.label for i in segmented(scene, min_points=24).instances] == ["chair", "table"]
    assert [i.label for i in segmented(scene, min_points=60).instances] == ["chair"]


@pytest.mark.parametrize(
    "switches", [{"has_instance_features": False}, {"has_language": False}], ids=str
)
def test_models_without_instance_features_or_language_find_the_same(switches: dict) -> None:
    found = segmented(scene_of(block_image(BLOCKS), **switches))
    things = [i for i in found.instances if i.gaussian_count < 2000]
    np.testing.assert_allclose([i.gaussian_count for i in things], [1200, 450, 288], rtol=0.05)
    if switches.get("has_language") is False:
        assert {i.label for i in found.instances} == {""}
        assert int(found.label_ids.max()) == 0


def test_a_scene_without_anything_but_surfaces_is_grouped_by_them() -> None:
    left = block_image({"red": (20, 40, 40, 60)})
    bare = scene_of(
        left, depth_from_brightness=True, has_language=False, has_instance_features=False
    )
    found = segmented(bare)
    assert 1200 in [pytest.approx(i.gaussian_count, rel=0.05) for i in found.instances]


def test_an_empty_scene_has_no_objects() -> None:
    scene = scene_of(block_image(BLOCKS), empty=True)
    found = segmented(scene)
    assert found.instances == ()
    assert found.instance_ids.shape == (0,)
    assert not instance_map(perception_of(scene, found), 0).any()


def test_missing_gaussians_leave_holes() -> None:
    scene = scene_of(block_image(BLOCKS))
    keep = torch.arange(len(scene.gaussians)) % 5 != 0
    scene = replace(
        scene,
        gaussians=scene.gaussians.select(keep),
        semantics=type(scene.semantics)(scene.semantics.vectors[keep]),
        instance_features=scene.instance_features[keep],
    )
    assert [i.label for i in segmented(scene).instances] == ["chair", "table", "chair"]


@settings(max_examples=20, deadline=None)
@given(st.floats(0.01, 100.0), st.integers(0, 1000))
def test_grouping_does_not_depend_on_the_scale(scale: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    noise = rng.integers(-15, 15, (128, 160, 3))
    left = (block_image(BLOCKS).astype(int) + noise).clip(0, 255).astype(np.uint8)
    scene = scene_of(left, depth_from_brightness=True)
    larger = replace(
        scene, gaussians=replace(scene.gaussians, means=scene.gaussians.means * scale)
    )
    first, second = segmented(scene), segmented(larger)
    agree = (first.instance_ids == second.instance_ids).float().mean()
    assert float(agree) > 0.98


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_what_is_said_of_instances_is_consistent(seed: int) -> None:
    rng = np.random.default_rng(seed)
    blocks = {
        f"{rng.choice(['red', 'green', 'blue'])}_{i}": tuple(
            int(x) for x in (*rng.integers(0, 120, 2), *rng.integers(5, 60, 2))
        )
        for i in range(int(rng.integers(0, 8)))
    }
    scene = scene_of(block_image(blocks))
    found = segmented(scene)
    again = segmented(scene)
    assert found.instances == again.instances
    torch.testing.assert_close(found.instance_ids, again.instance_ids)
    assert [i.id for i in found.instances] == list(range(1, len(found.instances) + 1))
    sizes = [i.gaussian_count for i in found.instances]
    assert sizes == sorted(sizes, reverse=True)
    assert set(found.instance_ids.unique().tolist()) - {0} == {i.id for i in found.instances}
    for instance in found.instances:
        mine = found.instance_ids == instance.id
        assert set(found.label_ids[mine].tolist()) == {instance.label_id}
        assert LABELS[instance.label_id] == instance.label
        low = np.array(instance.box_center) - np.array(instance.box_size) / 2
        high = np.array(instance.box_center) + np.array(instance.box_size) / 2
        inside = (scene.gaussians.means[mine].numpy() >= low - 1e-4).all(1)
        inside &= (scene.gaussians.means[mine].numpy() <= high + 1e-4).all(1)
        # One that others cut to an L is centred on an arm of it: 0.53 at worst.
        assert inside.mean() > 0.5


def test_an_id_that_a_mask_cannot_hold_is_no_object_in_it() -> None:
    scene = scene_of(block_image(BLOCKS))
    perception = perception_of(scene, segmented(scene))
    ids = perception.instance_ids.long()
    largest = replace(perception, instance_ids=torch.where(ids == 1, 65535, ids))
    too_large = replace(perception, instance_ids=torch.where(ids == 1, 65537, ids))
    before, last, after = (instance_map(p, 0) for p in (perception, largest, too_large))
    assert (before == 1).any()
    np.testing.assert_array_equal(last, np.where(before == 1, 65535, before))
    np.testing.assert_array_equal(after, np.where(before == 1, 0, before))


def test_maps_are_original_images_with_nothing_outside_the_crop() -> None:
    wide = np.full((128, 320, 3), 190, np.uint8)
    wide[:, 80:240] = block_image(
        BLOCKS
    )  # the crop of an 80 x 64 network takes just these columns
    scene = scene_of(wide)
    found = segmented(scene)
    perception = perception_of(scene, found)
    mask = instance_map(perception, 1)
    assert mask.dtype == np.uint16 and mask.shape == (128, 320)
    assert not mask[:, :80].any() and not mask[:, 240:].any()
    assert (mask[45:95, 105:135] == 1).all()
    labels = label_map(perception, 0)
    assert (labels[45:95, 105:135] == 1).all() and (labels[65:85, 185:205] == 2).all()
    assert (labels[:30, 85:160] == 4).all() and not labels[:, :80].any()
    roi = found.instances[0].rois[1]
    rows, columns = np.nonzero(mask == 1)
    np.testing.assert_allclose(
        (roi.left, roi.top, roi.left + roi.width, roi.top + roi.height),
        (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1),
        atol=2,
    )
