# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
import threading
from pathlib import Path

import pytest
import torch

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.language.minilm import MiniLM

# First six and last two numbers of the embeddings that transformers 5.23.0 computes with the same
# files.
REFERENCE = {
    "chair": [-0.000277, 0.052023, -0.05432, 0.02133, -0.053854, 0.004514, 0.045679, -0.0254],
    "find the red mug next to the laptop": [
        -0.055189,
        0.095617,
        -0.030484,
        0.03171,
        0.085205,
        0.044391,
        -0.030893,
        0.035921,
    ],
    "Stuhl": [-0.045723, 0.023329, -0.104204, 0.082148, -0.059345, 0.002445, 0.070176, 0.053517],
}


@pytest.fixture(scope="module")
def encoder() -> MiniLM:
    return MiniLM()


def test_embeddings_are_those_of_transformers(encoder: MiniLM) -> None:
    found = encoder.encode(list(REFERENCE))  # one batch of three lengths: padding must not leak in
    assert found.shape == (3, encoder.dimension) == (3, 384)
    for row, expected in zip(found, REFERENCE.values(), strict=True):
        torch.testing.assert_close(
            torch.cat([row[:6], row[-2:]]), torch.tensor(expected), atol=2e-6, rtol=0
        )


def test_embeddings_are_unit_and_depend_on_the_text_alone(encoder: MiniLM) -> None:
    texts = [f"thing number {i}" for i in range(70)] + [
        "x " * 400
    ]  # more than a batch, and too long
    found = encoder.encode(texts)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(71))
    torch.testing.assert_close(found[66], encoder.encode([texts[66]])[0], atol=1e-5, rtol=0)
    assert encoder.encode([]).shape == (0, 384)


def test_synonyms_lie_closer_than_strangers(encoder: MiniLM) -> None:
    chair, seat, couch, sofa, giraffe = encoder.encode(
        ["chair", "seat", "couch", "sofa", "giraffe"]
    )
    assert chair @ seat > 0.6 > 0.4 > chair @ giraffe
    assert couch @ sofa > 0.6 > 0.4 > couch @ giraffe


def test_threads_do_not_disturb_each_other(encoder: MiniLM) -> None:
    expected = encoder.encode(["chair", "table by the window"])
    found: list[torch.Tensor] = []

    def work() -> None:
        found.extend(encoder.encode(["chair", "table by the window"]) for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 20
    for rows in found:
        torch.testing.assert_close(rows, expected, atol=1e-6, rtol=0)


def test_a_folder_without_the_files_is_a_bad_file(tmp_path: Path) -> None:
    with pytest.raises(SemsplatError) as caught:
        MiniLM(tmp_path)
    assert caught.value.code is ErrorCode.BAD_FILE
    assert str(tmp_path) in caught.value.message


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semsplat_ros.language.minilm.PACKAGE", "no_such_package_at_all")
    with pytest.raises(SemsplatError) as caught:
        MiniLM()
    assert caught.value.code is ErrorCode.NO_LANGUAGE_MODEL
    assert "pip install" in caught.value.message
