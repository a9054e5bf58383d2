# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A model is ready for the first user when configuring ends."""

import gc
import logging
import weakref

import pytest

from semsplat_ros.nodes.parameters.settings import Settings
from semsplat_ros.nodes.perception.model_loading import configured_perceiver, free_memory
from test.support.fake_model import FakeModel


def settings(warmup: bool) -> Settings:
    return Settings().with_values({"model.warmup": warmup})


@pytest.mark.parametrize("warmup", [True, False])
def test_warm_up_runs_model_and_text_encoder_once(warmup: bool) -> None:
    model = FakeModel()
    perceiver, vocabulary = configured_perceiver(lambda _: model, settings(warmup))
    assert perceiver.model is model
    assert vocabulary is None, "open language, and no labels were given"
    assert model.calls == (1 if warmup else 0)
    assert model.text_encoder.calls == (1 if warmup else 0)


def test_model_without_language_is_loaded_and_says_that_it_answers_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        configured_perceiver(lambda _: FakeModel(has_language=False), settings(True))
    assert "queries will not be answered" in caplog.text


def test_what_the_model_raises_ends_the_loading() -> None:
    with pytest.raises(ValueError, match="broken"):
        configured_perceiver(lambda _: FakeModel(raises=ValueError("broken")), settings(True))


def test_the_collector_passes_over_what_is_loaded_until_it_is_given_back() -> None:
    free_memory()
    assert gc.get_freeze_count() == 0
    model = FakeModel()
    model.itself = model  # only the collector can free it
    gone = weakref.ref(model)
    configured_perceiver(lambda _: model, settings(True))
    assert gc.get_freeze_count() > 0
    del model
    gc.collect()
    assert gone() is not None
    configured_perceiver(lambda _: FakeModel(), settings(True))
    assert gone() is None, "another load gives back what nobody refers to"
    assert gc.get_freeze_count() > 0
    free_memory()
    assert gc.get_freeze_count() == 0
    assert gone() is None
