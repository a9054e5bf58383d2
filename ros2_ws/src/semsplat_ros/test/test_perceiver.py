# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest
import torch

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.perceiver import Perceiver, rejected_labels
from semsplat_ros.scene import CameraPrior, IntrinsicsSource, Perception, Scale, ScaleStatus
from test.support.camera_priors import stereo_rig
from test.support.fake_model import FakeModel, block_image

LEFT = block_image(
    {"red": (20, 40, 40, 60), "green": (100, 60, 30, 30), "red_2": (112, 8, 24, 24)}
)
LABELS = ("chair", "table", "ball", "wall")


def perceived(model: FakeModel | None = None) -> tuple[Perceiver, Perception]:
    perceiver = Perceiver(model or FakeModel())
    vocabulary = perceiver.make_vocabulary(LABELS, version=7) if perceiver.model.language else None
    return perceiver, perceiver.perceive(perceiver.prepare((LEFT, LEFT)), vocabulary)


def refusal(code: ErrorCode, call: object, *args: object, **kwargs: object) -> str:
    with pytest.raises(SemsplatError) as caught:
        call(*args, **kwargs)
    assert caught.value.code is code
    return caught.value.message


def test_prepare_hands_the_model_what_it_asks_for() -> None:
    model = FakeModel(stereo_factor=2)
    perceiver = Perceiver(model)
    k = torch.tensor([[160.0, 0.0, 80.0], [0.0, 160.0, 64.0], [0.0, 0.0, 1.0]])
    known = {"stamps_ns": (5, 6), "frame": "left_optical"}
    prior = stereo_rig(k, 0.1, intrinsics_source=IntrinsicsSource.CAMERA_INFO, **known)
    views = perceiver.prepare((LEFT, LEFT), prior)
    perception = perceiver.perceive(views)
    assert model.last_views is views
    assert views.images.shape == (2, 3, 32, 40) and views.stereo_images.shape == (2, 3, 64, 80)
    assert perception.scene.scale.status is ScaleStatus.BASELINE
    assert perception.scene.cameras.source is IntrinsicsSource.CAMERA_INFO
    assert perception.scene.provenance.stamps_ns == (5, 6)
    assert perception.scene.provenance.frame == "left_optical"
    assert float(views.intrinsics[0, 0, 0]) == pytest.approx(40.0)


class Unscaled(FakeModel):
    """A model that cannot use a baseline, as the upstream models: its cameras are half a unit
    apart."""

    status = ScaleStatus.RELATIVE

    def predict(self, views):
        scene = super().predict(replace(views, prior=CameraPrior()))
        poses = scene.cameras.first_from_view.clone()
        poses[1, 0, 3] = 0.5
        cameras = replace(scene.cameras, first_from_view=poses)
        return replace(scene, cameras=cameras, scale=Scale(self.status))


@pytest.mark.parametrize("prior", [stereo_rig(None, 0.1), CameraPrior(baseline=0.1)])
@pytest.mark.parametrize("status", [ScaleStatus.RELATIVE, ScaleStatus.MODEL])
def test_a_known_baseline_gives_metres_to_a_model_that_cannot_use_it(status, prior) -> None:
    model = Unscaled()
    model.status = status
    perceiver = Perceiver(model)
    unknown = perceiver.perceive(perceiver.prepare((LEFT, LEFT)))
    assert unknown.scene.scale == Scale(status)
    known = perceiver.perceive(perceiver.prepare((LEFT, LEFT), prior))
    assert known.scene.scale.status is ScaleStatus.BASELINE
    assert known.scene.scale.factor == pytest.approx(0.2)
    torch.testing.assert_close(known.scene.gaussians.means, unknown.scene.gaussians.means * 0.2)
    assert known.scene.cameras.first_from_view[1, 0, 3] == pytest.approx(0.1)


def test_perceive_finds_and_labels_the_objects() -> None:
    _, perception = perceived()
    assert [i.label for i in perception.instances] == ["chair", "table", "chair"]
    assert perception.vocabulary is not None and perception.vocabulary.version == 7
    assert perception.vocabulary.labels == ("unlabelled", *LABELS)
    assert set(perception.stages_ms) == {"predict", "label", "segment"}
    assert all(milliseconds >= 0.0 for milliseconds in perception.stages_ms.values())


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
@pytest.mark.parametrize(
    ("text", "ids"),
    [("find the chair", {1, 3}), ("where is my green thing?", {2}), ("red", {1, 3})],
)
def test_query_finds_the_right_objects(closed: bool, text: str, ids: set[int]) -> None:
    perceiver, perception = perceived(FakeModel(closed_set=closed))
    answer = perceiver.query(perception, text)
    assert answer.found and answer.message == ""
    assert {match.instance.id for match in answer.matches} == ids
    scores = [match.score for match in answer.matches]
    assert scores == sorted(scores, reverse=True) and 0.9 < min(scores) <= max(scores) <= 1.0
    assert all(match.raw_similarity > 0.6 for match in answer.matches)
    assert perceiver.query(perception, text, top_k=1).matches == answer.matches[:1]


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
@pytest.mark.parametrize("text", ["find the giraffe", "ball", "the wall"])
def test_query_of_what_is_not_there_names_the_best_below(closed: bool, text: str) -> None:
    perceiver, perception = perceived(FakeModel(closed_set=closed))
    answer = perceiver.query(perception, text)
    assert not answer.found
    assert len(answer.matches) == 1 and answer.matches[0].score < 0.25
    assert f"no '{answer.concept}' above 0.25; best was '" in answer.message


def test_threshold_decides() -> None:
    perceiver, perception = perceived()
    score = perceiver.query(perception, "chair").matches[0].score
    assert 0.5 < score < 1.0
    assert perceiver.query(perception, "chair", min_score=score).found
    assert not perceiver.query(perception, "chair", min_score=min(score + 0.01, 1.0)).found


def test_nothing_in_view_is_an_answer() -> None:
    perceiver, perception = perceived(FakeModel(empty=True))
    assert perception.instances == ()
    answer = perceiver.query(perception, "chair")
    assert not answer.found and answer.matches == ()
    assert "no object is in view" in answer.message


def test_query_refuses_what_it_cannot_read() -> None:
    perceiver, perception = perceived()
    query = perceiver.query
    refusal(ErrorCode.EMPTY_TEXT, query, perception, "find the")
    assert "256" in refusal(ErrorCode.TEXT_TOO_LONG, query, perception, "x" * 300)
    refusal(ErrorCode.TEXT_TOO_LONG, query, perception, "chair", max_chars=4)
    for wrong in (-0.1, 1.1, float("nan")):
        refusal(ErrorCode.INVALID_ARGUMENT, query, perception, "chair", min_score=wrong)
    refusal(ErrorCode.INVALID_ARGUMENT, query, perception, "chair", top_k=0)


def test_a_model_without_language_still_sees_but_answers_nothing() -> None:
    perceiver, perception = perceived(FakeModel(has_language=False))
    assert len(perception.instances) == 4  # the wall is nothing special without words
    assert perception.vocabulary is None and perceiver.default_vocabulary is None
    assert "fake" in refusal(ErrorCode.NO_LANGUAGE_MODEL, perceiver.query, perception, "chair")
    refusal(ErrorCode.NO_LANGUAGE_MODEL, perceiver.make_vocabulary, ["chair"], 1)


def test_the_classes_of_a_closed_model_are_its_vocabulary_unless_told_otherwise() -> None:
    perceiver = Perceiver(FakeModel(closed_set=True))
    views = perceiver.prepare((LEFT, LEFT))
    assert perceiver.perceive(views).vocabulary.labels == ("unlabelled", *LABELS)
    other = perceiver.make_vocabulary(["desk"], version=2)
    labels = {i.label for i in perceiver.perceive(views, other).instances}
    assert "desk" in labels and "chair" not in labels


def test_a_text_is_encoded_once() -> None:
    perceiver, perception = perceived()
    perceiver.query(perception, "giraffe")
    before = perceiver.model.text_encoder.calls
    perceiver.query(perception, "find the giraffe")
    assert perceiver.model.text_encoder.calls == before


def test_a_few_broken_gaussians_are_removed() -> None:
    perceiver, perception = perceived(FakeModel(nan_fraction=0.05))
    full = perceived()[1]
    assert len(perception.scene.gaussians) == round(0.95 * len(full.scene.gaussians))
    assert bool(torch.isfinite(perception.scene.gaussians.means).all())
    assert perception.scene.instance_features.shape[0] == len(perception.scene.gaussians)
    assert perceiver.query(perception, "table").found
    assert [i.label for i in perception.instances] == ["chair", "table", "chair"]


def test_many_broken_gaussians_are_an_error() -> None:
    message = refusal(ErrorCode.INTERNAL, perceived, FakeModel(nan_fraction=0.2))
    assert "512 of 2560" in message


def test_what_the_model_raises_comes_through() -> None:
    refusal(
        ErrorCode.OUT_OF_MEMORY,
        perceived,
        FakeModel(raises=SemsplatError(ErrorCode.OUT_OF_MEMORY, "full")),
    )


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        ([], "no labels"),
        (["chair", " "], "''"),
        (["chair", "table", "Chair"], "Chair: given twice"),
        (["unlabelled"], "unlabelled"),
        (["a\0b"], "a\\x00b"),
        (["chair", "x" * 257], "257 characters"),
        ([f"thing {i}" for i in range(513)], "513"),
    ],
)
def test_vocabularies_are_refused_by_name(labels: list[str], named: str) -> None:
    perceiver = Perceiver(FakeModel())
    assert named in refusal(ErrorCode.INVALID_ARGUMENT, perceiver.make_vocabulary, labels, 1)


def test_vocabularies_keep_their_order() -> None:
    perceiver = Perceiver(FakeModel())
    vocabulary = perceiver.make_vocabulary(["  trash   can ", "red"], version=3)
    assert vocabulary.labels == ("unlabelled", "trash can", "red") and vocabulary.version == 3
    assert int(vocabulary.embeddings[1].argmax()) == 0
    assert rejected_labels([f"thing {i}" for i in range(512)]) == []


def test_images_that_are_none_are_refused() -> None:
    perceiver = Perceiver(FakeModel())
    refusal(ErrorCode.INVALID_ARGUMENT, perceiver.prepare, (LEFT, np.zeros((128, 160), np.uint8)))
