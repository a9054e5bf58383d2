# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
import sys
import types
from pathlib import Path

import pytest
import torch

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.language.encoders import CachedTextEncoder, load_text_encoder
from semsplat_ros.language.openclip import OpenClip
from test.support.fake_model import ToyTextEncoder


def test_cache_asks_for_each_text_once_and_keeps_the_order() -> None:
    toy = ToyTextEncoder()
    cache = CachedTextEncoder(toy)
    expected = ToyTextEncoder().encode(["red", "green", "red", "giraffe"])
    torch.testing.assert_close(cache.encode(["red", "green", "red", "giraffe"]), expected)
    torch.testing.assert_close(cache.encode(["giraffe", "red"]), expected[[3, 0]])
    assert toy.calls == 1
    assert cache.encode([]).shape == (0, toy.dimension)


def test_cache_forgets_the_text_that_was_used_longest_ago() -> None:
    toy = ToyTextEncoder()
    cache = CachedTextEncoder(toy, capacity=2)
    for text in ("red", "green", "red", "blue"):  # green goes
        cache.encode([text])
    assert toy.calls == 3
    cache.encode(["red"])
    assert toy.calls == 3
    cache.encode(["green"])
    assert toy.calls == 4


def test_an_encoder_is_loaded_at_its_first_use() -> None:
    cache = CachedTextEncoder("no such encoder")
    with pytest.raises(SemsplatError) as caught:
        cache.encode(["red"])
    assert caught.value.code is ErrorCode.NO_LANGUAGE_MODEL
    assert "no such encoder" in caught.value.message


@pytest.mark.parametrize("name", ["", "MiniLM", "open_clip", "open_clip:ViT-B-16"])
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(SemsplatError) as caught:
        load_text_encoder(name)
    assert caught.value.code is ErrorCode.NO_LANGUAGE_MODEL


def _library(monkeypatch: pytest.MonkeyPatch, **functions: object) -> None:
    """Put a stand-in where the optional library open_clip is looked for."""
    module = types.ModuleType("open_clip")
    module.__spec__ = types.SimpleNamespace(name="open_clip")
    module.list_models = lambda: ["ViT-B-16"]
    for name, function in functions.items():
        setattr(module, name, function)
    monkeypatch.setitem(sys.modules, "open_clip", module)


def test_open_clip_missing_is_said_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(SemsplatError) as caught:
        load_text_encoder("open_clip:ViT-B-16:/weights")
    assert caught.value.code is ErrorCode.NO_LANGUAGE_MODEL
    assert "pip install" in caught.value.message


def test_open_clip_model_and_file_are_checked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("wrong keys")

    _library(monkeypatch, create_model=refuse)
    for model, file, code in (
        ("ViT-Z", tmp_path, ErrorCode.NO_LANGUAGE_MODEL),
        ("ViT-B-16", tmp_path / "none", ErrorCode.BAD_FILE),
        ("ViT-B-16", __file__, ErrorCode.BAD_FILE),
    ):
        with pytest.raises(SemsplatError) as caught:
            OpenClip(model, file)
        assert caught.value.code is code


def test_open_clip_embeddings_are_unit_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, object] = {}

    class Tower(torch.nn.Module):
        def encode_text(self, tokens: torch.Tensor) -> torch.Tensor:
            return tokens.double() * 3.0

    def create(model: str, **options: object) -> Tower:
        seen.update(options, model=model)
        return Tower()

    def tokenizer(_: str) -> object:
        return lambda texts: torch.tensor([[len(text), 4.0] for text in texts])

    _library(monkeypatch, create_model=create, get_tokenizer=tokenizer)
    encoder = load_text_encoder(f"open_clip:ViT-B-16:{__file__}")
    torch.testing.assert_close(encoder.encode(["abc"]), torch.tensor([[0.6, 0.8]]))
    assert encoder.dimension == 2
    assert encoder.encode([]).shape == (0, 2)
    assert seen["model"] == "ViT-B-16"
    assert seen["pretrained"] == __file__
    assert seen["weights_only"] is True
