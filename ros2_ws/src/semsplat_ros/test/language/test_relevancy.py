# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.base import Calibration, LanguageKind, LanguageProfile
from semsplat_ros.families.registry import shipped_config
from semsplat_ros.language.encoders import CachedTextEncoder
from semsplat_ros.language.nouns import OTHER_THINGS
from semsplat_ros.language.relevancy import CANONICAL_PHRASES, Relevancy
from semsplat_ros.language.routing import ClassRouter
from semsplat_ros.scene import Vocabulary
from test.support.fake_model import ToyField, ToyTextEncoder

SYNONYMS = {name: tuple(w) for name, w in shipped_config("room")["synonyms"].items()}

NAMES = ("chair", "table", "ball", "wall")
ROOM = (
    "wall",
    "floor",
    "ceiling",
    "door",
    "window",
    "chair",
    "table",
    "sofa",
    "bed",
    "bookshelf",
    "lamp",
    "tv",
    "plant",
    "mug",
    "ball",
    "box",
    "trash can",
    "cabinet",
    "picture",
    "rug",
    "pillow",
    "laptop",
    "bottle",
    "book",
)
# Chosen without looking at the router's lists; none of them is in one.
UNSEEN_NAMES = {
    "recliner": "chair",
    "rocking chair": "chair",
    "kitchen table": "table",
    "leather couch": "sofa",
    "guest bed": "bed",
    "library shelf": "bookshelf",
    "bedside lamp": "lamp",
    "smart tv": "tv",
    "indoor plant": "plant",
    "espresso cup": "mug",
    "volleyball": "ball",
    "storage box": "box",
    "garbage pail": "trash can",
    "kitchen cabinet": "cabinet",
    "wall painting": "picture",
    "floor mat": "rug",
    "bed pillow": "pillow",
    "portable computer": "laptop",
    "beer bottle": "bottle",
    "hardcover book": "book",
    "wooden door": "door",
}
UNSEEN_STRANGERS = (
    "hippo",
    "kangaroo",
    "parrot",
    "spider",
    "tractor",
    "ambulance",
    "canoe",
    "volcano",
    "desert",
    "waterfall",
    "lighthouse",
    "watermelon",
    "spaghetti",
    "chocolate",
    "axe",
    "flute",
    "accordion",
    "necktie",
    "astronaut",
    "dragon",
    "dinosaur",
    "telescope",
    "parachute",
    "octopus",
    "butterfly",
    "cactus",
    "sewing machine",
    "aquarium",
    "trampoline",
    "campfire",
    "stapler",
    "calculator",
    "democracy",
    "qwerty",
    "gravity",
    "helicopter",
    "giraffe",
)


def closed_profile(names: tuple[str, ...] = NAMES) -> LanguageProfile:
    return LanguageProfile(
        kind=LanguageKind.CLOSED_SET,
        class_names=names,
        synonyms=SYNONYMS,
        class_embeddings=ToyTextEncoder().encode(list(names)),
    )


def field_of(*texts: str) -> ToyField:
    return ToyField(ToyTextEncoder().encode(list(texts)))


@given(st.integers(0, 2**32 - 1))
def test_open_relevancy_is_the_formula_of_lerf(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((5, 24)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    toy = ToyTextEncoder()
    relevancy = Relevancy(LanguageProfile(kind=LanguageKind.OPEN), toy)
    found = relevancy.score(ToyField(torch.from_numpy(rows)), "giraffe").numpy()
    query = toy.encode(["giraffe"])[0].numpy()
    negatives = toy.encode(list(CANONICAL_PHRASES)).numpy()
    for row, score in zip(rows, found, strict=True):
        # Pairwise softmax of the query against each phrase, the smallest counts.
        pairs = [
            np.exp(10 * row @ query) / (np.exp(10 * row @ query) + np.exp(10 * row @ n))
            for n in negatives
        ]
        assert score == pytest.approx(min(pairs), abs=1e-5)


def test_open_scores_start_where_the_canonical_phrases_end() -> None:
    calibration = Relevancy(LanguageProfile(kind=LanguageKind.OPEN), ToyTextEncoder()).calibration
    assert calibration(0.3) == calibration(0.5) == 0.0
    assert calibration(0.75) == pytest.approx(0.5)
    own = LanguageProfile(kind=LanguageKind.OPEN, calibration=Calibration((0.2, 0.4), (0.1, 0.9)))
    assert Relevancy(own, ToyTextEncoder()).calibration(0.3) == pytest.approx(0.5)


def test_closed_scores_are_class_probabilities() -> None:
    relevancy = Relevancy(closed_profile(), ToyTextEncoder())
    field = field_of("chair", "table", "wall")
    probabilities = torch.softmax(12.0 * field.vectors[:, :4], 1)
    torch.testing.assert_close(relevancy.score(field, "table"), probabilities[:, 1])
    torch.testing.assert_close(relevancy.score(field, "Desk"), probabilities[:, 1])
    assert float(relevancy.score(field, "giraffe").max()) == 0.0


class CountedField(ToyField):
    """Counts how often it is compared with text."""

    asked = 0

    def similarity(self, text: torch.Tensor) -> torch.Tensor:
        CountedField.asked += 1
        return super().similarity(text)


def test_a_scene_is_compared_with_the_classes_once_though_the_next_one_is_being_made() -> None:
    relevancy = Relevancy(closed_profile(), ToyTextEncoder())
    current, coming = (CountedField(field_of(t, "wall").vectors) for t in ("chair", "table"))
    CountedField.asked = 0
    for _ in range(3):
        assert float(relevancy.score(current, "chair")[0]) > 0.9
        assert float(relevancy.score(coming, "chair")[0]) < 0.1
    assert CountedField.asked == 2


def test_class_names_and_synonyms_need_no_encoder() -> None:
    relevancy = Relevancy(closed_profile(), "not installed")
    field = field_of("chair", "wall")
    assert relevancy.score(field, "chairs")[0] > 0.9 > relevancy.score(field, "armchair")[1]
    assert float(relevancy.similarity(field, "chair")[0]) == pytest.approx(1.0)
    with pytest.raises(SemsplatError) as caught:
        relevancy.score(field, "throne")
    assert caught.value.code is ErrorCode.NO_LANGUAGE_MODEL


def test_probabilities_follow_the_vocabulary() -> None:
    relevancy = Relevancy(closed_profile(), ToyTextEncoder())
    field = field_of("chair", "table", "wall")

    def probabilities(*labels: str) -> torch.Tensor:
        vocabulary = Vocabulary(1, ("unlabelled", *labels), relevancy.embed_labels(list(labels)))
        return relevancy.probabilities(field, vocabulary)

    expected = torch.softmax(12.0 * field.vectors[:, :4], 1)
    torch.testing.assert_close(probabilities(*NAMES), expected)
    torch.testing.assert_close(probabilities("wall", "desk"), expected[:, [3, 1]])
    # Two names of one class share it, so that a row stays a distribution.
    shared = probabilities("chair", "armchair", "table")
    torch.testing.assert_close(shared[:, 0], expected[:, 0] / 2)
    assert float(probabilities("giraffe", "chair")[:, 0].max()) == 0.0


def test_open_probabilities_are_a_softmax_over_the_labels() -> None:
    toy = ToyTextEncoder()
    relevancy = Relevancy(LanguageProfile(kind=LanguageKind.OPEN, temperature=3.0), toy)
    vocabulary = Vocabulary(1, ("unlabelled", "red", "green"), toy.encode(["red", "green"]))
    found = relevancy.probabilities(field_of("red", "blue"), vocabulary)
    e = np.exp(3.0)
    torch.testing.assert_close(
        found, torch.tensor([[e / (e + 1), 1 / (e + 1)], [0.5, 0.5]]).float()
    )


def test_a_new_field_is_never_answered_from_the_old_one() -> None:
    relevancy = Relevancy(closed_profile(), ToyTextEncoder())
    first, second = field_of("chair"), field_of("wall")
    assert relevancy.score(first, "chair")[0] > 0.9
    assert relevancy.score(second, "chair")[0] < 0.1
    assert relevancy.score(first, "chair")[0] > 0.9


def test_word_lists_do_not_contradict_themselves() -> None:
    words = [word for synonyms in SYNONYMS.values() for word in synonyms]
    assert len(set(words)) == len(words)
    assert not set(words) & set(SYNONYMS)
    assert not set(OTHER_THINGS) & (set(words) | set(SYNONYMS))
    assert all(word == word.casefold().strip() and word for word in [*words, *OTHER_THINGS])


@pytest.fixture(scope="module")
def router() -> ClassRouter:
    encoder = CachedTextEncoder("minilm")
    profile = LanguageProfile(
        kind=LanguageKind.CLOSED_SET,
        class_names=ROOM,
        synonyms=SYNONYMS,
        class_embeddings=encoder.encode(list(ROOM)),
    )
    return ClassRouter(profile, encoder)


def test_unseen_names_reach_their_class(router: ClassRouter) -> None:
    weights = {
        word: float(router.weights(word)[ROOM.index(name)]) for word, name in UNSEEN_NAMES.items()
    }
    reached = [word for word, weight in weights.items() if weight > 0.5]
    assert len(reached) >= 0.9 * len(weights), weights


def test_unseen_strangers_reach_none(router: ClassRouter) -> None:
    weights = {word: float(router.weights(word).max()) for word in UNSEEN_STRANGERS}
    passed = [word for word, weight in weights.items() if weight > 0.25]
    assert len(passed) <= 0.05 * len(weights), passed
    assert weights["giraffe"] == weights["helicopter"] == 0.0


@given(st.text(max_size=30))
def test_weights_are_shares(router: ClassRouter, text: str) -> None:
    weights = router.weights(text)
    assert weights.shape == (len(ROOM),)
    assert bool((weights >= 0).all()) and float(weights.sum()) <= 1.0 + 1e-5


def test_desk_is_a_table_and_a_class_is_itself_even_if_another_lists_it() -> None:
    router = ClassRouter(
        closed_profile(("table", "desk", "chair")), CachedTextEncoder(ToyTextEncoder())
    )
    assert router.weights("desk").argmax() == 1
    router = ClassRouter(closed_profile(("table", "chair")), CachedTextEncoder(ToyTextEncoder()))
    assert router.weights("desk").argmax() == 0
