# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A model is written once: what the registry says of it, and models of other packages."""

import logging
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families import registry
from semsplat_ros.families.weights.tensor_lists import tensor_list_names

REPOSITORY = Path(__file__).resolve().parents[5]
MODULE = """
from semsplat_ros.families.entry import ModelEntry
from test.support.fake_model import FakeModel

def load(path, device, dtype, *, sha256="", image_size=0):
    assert path is None
    return FakeModel(image_size=(image_size or 32, 40))

ENTRY = ModelEntry(name="{name}", load=load, needs_file=False)
"""


def install(folder: Path, name: str, module: str, value: str = "ENTRY") -> None:
    """A package as pip leaves it: a module and its metadata."""
    (folder / f"{name}_models.py").write_text(textwrap.dedent(module))
    metadata = folder / f"{name}_models-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}-models\nVersion: 1.0\n"
    )
    (metadata / "entry_points.txt").write_text(
        f"[{registry.GROUP}]\n{name} = {name}_models:{value}\n"
    )


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of foreign packages on Python's path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    registry._foreign.cache_clear()
    yield tmp_path
    registry._foreign.cache_clear()
    for name in [n for n in sys.modules if n.endswith("_models") and "." not in n]:
        del sys.modules[name]


@pytest.mark.parametrize("name", registry.BUILT_IN)
def test_every_entry_has_the_name_it_is_listed_under(name: str) -> None:
    entry = registry.model_entry(name)
    assert entry.name == name
    assert (entry.load is None) == (entry.load_folder is not None)
    assert (entry.source is None) == (entry.load_folder is not None)
    assert (entry.with_named_weights is None) == (entry.load_folder is not None)
    if entry.source is not None:
        assert entry.source.system == name


def test_every_file_that_can_be_recognised_has_a_source() -> None:
    assert set(tensor_list_names()) <= set(registry.weight_sources())


def test_the_page_of_models_has_the_registrys_table() -> None:
    page = (REPOSITORY / "docs" / "models.md").read_text(encoding="utf-8")
    assert registry.models_table() in page


def test_a_model_of_another_package_is_loaded_by_its_name(elsewhere: Path) -> None:
    install(elsewhere, "toy", MODULE.format(name="toy"))
    assert registry.foreign_models() == ("toy",)
    assert "toy" in registry.model_names()
    model = registry.load_model("toy", device="cpu", image_size=64)
    assert model.info.image_size == (64, 40)


@pytest.mark.parametrize(
    ("module", "says"),
    [
        ("raise RuntimeError('out of toys')", "out of toys"),
        ("ENTRY = 3", "no ModelEntry"),
        (MODULE.format(name="other"), "with the name 'toy'"),
        ("", "toy_models:ENTRY"),
    ],
)
def test_a_broken_package_is_named_and_hinders_no_other_model(
    elsewhere: Path, module: str, says: str
) -> None:
    install(elsewhere, "toy", module)
    with pytest.raises(SemsplatError, match=says) as refusal:
        registry.load_model("toy")
    assert refusal.value.code is ErrorCode.INVALID_ARGUMENT
    assert "toy-models" in refusal.value.message
    assert registry.load_model("room", device="cpu").info.name == "room"


def test_a_name_that_is_taken_is_not_taken_over(
    elsewhere: Path, caplog: pytest.LogCaptureFixture
) -> None:
    install(elsewhere, "lsm", MODULE.format(name="lsm"))
    with caplog.at_level(logging.WARNING):
        assert registry.foreign_models() == ()
    assert "lsm-models" in caplog.text
    assert registry.model_entry("lsm").source is not None


def test_an_unknown_name_lists_what_there_is(elsewhere: Path) -> None:
    install(elsewhere, "toy", MODULE.format(name="toy"))
    with pytest.raises(SemsplatError) as refusal:
        registry.load_model("giraffe")
    for name in ("room", "spatialsplat", "toy"):
        assert name in refusal.value.message


def test_the_family_of_a_shipped_model_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.setattr(registry, "model_directory", lambda: tmp_path)
    for content, says in (
        ("family: lsm", "names the family 'lsm'; there is room"),
        ("licence: none", "names the family None"),
        ("- a list", "no YAML mapping"),
        ("{", "no YAML file"),
    ):
        (folder / "config.yaml").write_text(content)
        with pytest.raises(SemsplatError, match=says) as refusal:
            registry.load_model("mine")
        assert refusal.value.code is ErrorCode.BAD_FILE


def test_a_model_without_its_file_says_where_it_is() -> None:
    with pytest.raises(SemsplatError, match="semsplat weights where lsm") as refusal:
        registry.load_model("lsm")
    assert refusal.value.code is ErrorCode.MODEL_NOT_LOADED


def test_the_embedded_model_is_listed_without_importing_networks_of_the_others() -> None:
    torch_modules = "semsplat_ros.networks.lsm"
    code = (
        "import sys; from semsplat_ros.families.registry import load_model; load_model('room'); "
        f"sys.exit({torch_modules!r} in sys.modules)"
    )
    import subprocess

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert torch.get_num_threads() >= 1
