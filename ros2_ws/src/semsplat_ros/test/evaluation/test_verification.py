# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Golden files, their comparison, and ``semsplat verify``'s verdict."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from semsplat_ros.cli.main import build_app
from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.evaluation.verification import registry
from semsplat_ros.evaluation.verification.dust3r import image_sizes
from semsplat_ros.evaluation.verification.entries import SYSTEMS, Entry
from semsplat_ros.evaluation.verification.golden import GoldenFile, Recorder, load_golden
from semsplat_ros.evaluation.verification.inputs import smooth_image_pair, splat_inputs
from semsplat_ros.evaluation.verification.loading import load_by_rule
from semsplat_ros.evaluation.verification.registry import verify
from semsplat_ros.families.weights.named_weights import DUST3R_RULE

TENSOR = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
INDEX = np.array([0, 5, 23, 5])
STD = float(TENSOR.std())


def entries(layout: str = "idx") -> dict[str, np.ndarray]:
    values = TENSOR.reshape(-1)[INDEX]
    common = {"a/b/shape": np.array([2, 3, 4]), "whole": np.array([1.0, 2.0])}
    if layout == "idx":
        stats = np.array([11.5, STD, 0, 23])
        return common | {"a/b/idx": INDEX, "a/b/val": values, "a/b/stats": stats}
    rest = {"a/b/mean": np.array(11.5), "a/b/std": np.array(STD), "a/b/absmax": np.array(23.0)}
    return common | rest | {"a/b/index": INDEX, "a/b/value": values}


@pytest.fixture(params=["idx", "index"])
def path(request, tmp_path):
    np.savez(tmp_path / "golden.npz", **entries(request.param))
    return tmp_path / "golden.npz"


def test_both_layouts_are_read(path):
    golden = load_golden(path)
    assert golden.names == ["a/b", "whole"]
    assert golden.shape("a/b") == (2, 3, 4)
    assert golden.tensors["a/b"].std == STD
    assert golden.array("whole").tolist() == [1, 2]
    with pytest.raises(SemsplatError, match="'missing'"):
        golden.shape("missing")


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_unreadable_files_are_refused(tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(SemsplatError) as refusal:
        load_golden(tmp_path / "x.npz")
    assert refusal.value.code is ErrorCode.BAD_FILE


def test_missing_file_and_incomplete_entry_are_refused(tmp_path):
    with pytest.raises(SemsplatError):
        load_golden(tmp_path / "none.npz")
    part = entries()
    del part["a/b/val"]
    np.savez(tmp_path / "part.npz", **part)
    with pytest.raises(SemsplatError, match="a/b"):
        load_golden(tmp_path / "part.npz")


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("idx", np.array([0, 5, 24, 5])),
        ("idx", np.array([0, 5, -1, 5])),
        ("idx", np.array([0.0, 5.0, 1.0, 5.0])),
        ("idx", np.zeros(0, np.int64)),
        ("val", np.zeros(3, np.float32)),
        ("val", np.array(["a", "b", "c", "d"])),
        ("shape", np.array([2, 0, 4])),
        ("shape", np.array(24)),
        ("stats", np.array([11.5, np.inf])),
        ("stats", np.zeros(0)),
    ],
)
def test_damaged_entries_are_named(tmp_path, part, value):
    np.savez(tmp_path / "x.npz", **entries() | {f"a/b/{part}": value})
    with pytest.raises(SemsplatError, match="the entry 'a/b'") as refusal:
        load_golden(tmp_path / "x.npz")
    assert refusal.value.code is ErrorCode.BAD_FILE


def test_files_of_other_kinds_are_refused(tmp_path):
    np.save(tmp_path / "array.npy", TENSOR)
    torch.save({"a": torch.zeros(3)}, tmp_path / "weights.pth")
    np.savez(tmp_path / "empty.npz")
    np.savez_compressed(tmp_path / "damaged.npz", **entries())
    content = bytearray((tmp_path / "damaged.npz").read_bytes())
    content[60:70] = bytes(10)
    (tmp_path / "damaged.npz").write_bytes(content)
    (tmp_path / "folder.npz").mkdir()
    for file in tmp_path.iterdir():
        with pytest.raises(SemsplatError, match=file.name) as refusal:
            load_golden(file)
        assert refusal.value.code is ErrorCode.BAD_FILE


def test_pickled_arrays_are_refused(tmp_path):
    np.savez(tmp_path / "evil.npz", x=np.array([object()], dtype=object))
    with pytest.raises(SemsplatError) as refusal:
        load_golden(tmp_path / "evil.npz")
    assert refusal.value.code is ErrorCode.BAD_FILE


class TestRecorder:
    """One tensor against its record."""

    @pytest.fixture
    def recorder(self, path):
        return Recorder(load_golden(path))

    def test_deviation_is_the_largest_over_the_standard_deviation(self, recorder):
        ours = torch.from_numpy(TENSOR).clone()
        ours[0, 1, 1] += 0.1 * STD  # flat index 5
        recorder.compare("a/b", ours, 0.2)
        (c,) = recorder.comparisons.values()
        assert c.deviation == pytest.approx(0.1)
        assert c.passed
        recorder.compare("a/b", ours, 0.05)
        assert not recorder.comparisons["a/b"].passed

    def test_elements_that_are_not_sampled_count_by_mean_and_deviation(self, recorder):
        mean, deviation = torch.from_numpy(TENSOR).flatten().repeat(2, 1)
        mean[11] = 12  # was 11, and the mean 11.5
        recorder.compare("a/b", mean.view(2, 3, 4), 1e-3)
        assert recorder.comparisons["a/b"].deviation == pytest.approx(1 / 24 / STD)
        assert not recorder.comparisons["a/b"].passed
        deviation[1] -= 1
        deviation[22] += 1
        recorder.compare("a/b", deviation.view(2, 3, 4), 1e-3)
        assert not recorder.comparisons["a/b"].passed
        recorder.compare("a/b", torch.from_numpy(TENSOR), 0.0)
        assert recorder.comparisons["a/b"].deviation == 0

    @pytest.mark.parametrize("bad", [float("nan"), float("inf")])
    def test_what_is_no_number_fails(self, recorder, bad):
        ours = torch.from_numpy(TENSOR).clone()
        ours[0, 0, 0] = bad
        recorder.compare("a/b", ours, 1e30)
        assert not recorder.comparisons["a/b"].passed

    def test_another_shape_fails(self, recorder):
        recorder.compare("a/b", torch.from_numpy(TENSOR.reshape(3, 2, 4)), 1e30)
        assert not recorder.comparisons["a/b"].passed
        assert "(3, 2, 4)" in recorder.comparisons["a/b"].note

    def test_exceptions_are_left_out_and_counted(self, recorder):
        ours = torch.from_numpy(TENSOR).clone()
        out = torch.zeros(2, 3, 4, dtype=torch.bool)
        ours[0, 1, 1] += 9
        out[0, 1, 1] = True
        recorder.compare("a/b", ours, 1e-3, out, "on the edge")
        assert recorder.comparisons["a/b"].passed
        assert recorder.comparisons["a/b"].note == "on the edge: 2 of 4 samples left out"

    def test_nothing_left_is_no_pass(self, recorder):
        recorder.compare(
            "a/b", torch.from_numpy(TENSOR), 1.0, torch.ones(2, 3, 4, dtype=torch.bool)
        )
        assert not recorder.comparisons["a/b"].passed

    def test_whole_arrays(self, recorder):
        recorder.compare_array("whole", torch.tensor([1.0, 2.5]), 0.4)
        assert recorder.comparisons["whole"].deviation == pytest.approx(0.5)
        assert not recorder.comparisons["whole"].passed
        recorder.compare_array("whole", torch.tensor([1.0]), 9.0)
        assert not recorder.comparisons["whole"].passed


class TestVerdict:
    """What `semsplat verify` says, with a system that takes no time."""

    @pytest.fixture
    def system(self, monkeypatch):
        def install(run, **entry):
            monkeypatch.setattr(registry, "toy", run, raising=False)
            monkeypatch.setitem(SYSTEMS, "toy", Entry(registry.__name__, "toy", **entry))

        return install

    def call(self, path, *more):
        app = build_app(["verify"])
        arguments = ["verify", "toy", "--golden", str(path), "--weights-seed", "3", *more]
        return CliRunner().invoke(app, arguments)

    def test_pass(self, system, path):
        seeds = []

        def run(recorder, seed):
            seeds.append(seed)
            recorder.compare("a/b", torch.from_numpy(TENSOR), 1e-6)
            recorder.used_as_input("whole", "input")
            recorder.compare("not recorded", torch.zeros(1), 1e-6)

        system(run)
        result = self.call(path)
        assert result.exit_code == 0
        assert seeds == [3]
        assert "PASS a/b" in result.stdout
        assert "USED whole" in result.stdout
        assert result.stdout.splitlines()[-1] == "PASS toy: 1 of 1 recorded entries agree"

    def test_a_deviation_fails(self, system, path):
        def run(recorder, seed):
            recorder.compare("a/b", torch.from_numpy(TENSOR) + 1, 1e-6)
            recorder.used_as_input("whole", "input")

        system(run)
        result = self.call(path)
        assert result.exit_code == 1
        assert "FAIL a/b" in result.stdout

    def test_what_is_not_compared_fails(self, system, path):
        system(lambda recorder, seed: recorder.compare("a/b", torch.from_numpy(TENSOR), 1e-6))
        result = self.call(path)
        assert result.exit_code == 1
        assert "FAIL whole" in result.stdout
        assert "nothing was compared" in result.stdout

    def test_entries_of_other_systems_are_counted(self, system, path):
        system(
            lambda recorder, seed: recorder.compare("a/b", torch.from_numpy(TENSOR), 1e-6),
            shared_with="whole",
        )
        result = self.call(path)
        assert result.exit_code == 0
        assert "1 entries of this file belong to other systems" in result.stdout

    def test_comparing_nothing_at_all_is_no_pass(self, system, path):
        system(lambda recorder, seed: None, shared_with="")
        assert self.call(path).exit_code == 1

    def test_the_report_as_json(self, system, path, tmp_path):
        def run(recorder, seed):
            recorder.compare("a/b", torch.full((2, 3, 4), torch.nan), 1e-6)

        system(run)
        assert self.call(path, "--json", str(tmp_path / "report.json")).exit_code == 1
        report = json.loads((tmp_path / "report.json").read_text())
        assert (report["system"], report["weights_seed"], report["passed"]) == ("toy", 3, False)
        expected = {"name": "a/b", "deviation": None, "limit": 1e-6, "passed": False, "note": ""}
        assert report["entries"] == [expected]
        assert report["not_compared"] == ["whole"]
        nowhere = self.call(path, "--json", str(tmp_path / "none" / "report.json"))
        assert nowhere.exit_code == 2
        assert "cannot be written" in nowhere.output
        assert "FAIL a/b" in nowhere.output, "a long run is not lost"

    def test_no_gradient_is_kept(self, system, path):
        modes = []
        system(lambda recorder, seed: modes.append(torch.is_inference_mode_enabled()))
        self.call(path)
        assert modes == [True]

    def test_a_bad_file_is_explained(self, system, tmp_path):
        system(lambda recorder, seed: None)
        result = self.call(tmp_path / "none.npz")
        assert result.exit_code == 2
        assert "none.npz" in result.output

    def test_an_unknown_name_is_refused(self, path):
        with pytest.raises(SemsplatError, match="spatialsplat-givenlang"):
            verify("nothing", path, 0)


def test_the_systems_are_those_that_are_promised():
    assert set(SYSTEMS) == {
        "spatialsplat", "spatialsplat-givenlang", "noposplat", "noposplat-3views", "dust3r",
        "splatt3r", "ptv3", "lsm", "lseg", "geometry", "clip",
    }  # fmt: skip


GOLDEN = Path(__file__).parents[1] / "golden"
SUITED = {
    "dust3r": {"dust3r"},
    "geometry": {"geometry"},
    "lsm": {"lsm", "lseg"},
    "noposplat": {"noposplat", "noposplat-3views"},
    "noposplat_multi_3views": {"noposplat", "noposplat-3views"},
    "ptv3": {"ptv3"},
    "spatialsplat": {"spatialsplat", "clip"},
    "spatialsplat_givenlang": {"spatialsplat-givenlang"},
    "splatt3r": {"splatt3r"},
}


def test_files_are_told_apart():
    for file in GOLDEN.iterdir():
        golden = load_golden(file)
        name = file.stem.removeprefix("golden_").replace("_seed0", "")
        assert {n for n, entry in SYSTEMS.items() if entry.suits(golden)} == SUITED[name]


def test_the_wrong_name_for_a_file_is_refused_before_anything_is_built():
    with pytest.raises(SemsplatError, match="it suits lseg or lsm") as refusal:
        verify("dust3r", GOLDEN / "golden_lsm_seed0.npz", 0)
    assert refusal.value.code is ErrorCode.BAD_FILE
    with pytest.raises(SemsplatError, match="it suits spatialsplat-givenlang"):
        verify("spatialsplat", GOLDEN / "golden_spatialsplat_seed0_givenlang.npz", 0)


def test_inputs_follow_seed_and_sizes():
    a, b = splat_inputs(0, 3, 128), splat_inputs(1, 3, 128)
    assert a.images.shape == (1, 3, 3, 128, 128)
    assert a.language.shape == (1, 3, 512, 8, 8)
    assert a.images.min() >= -1
    assert a.images.max() <= 1
    assert not torch.equal(a.images, b.images)
    left, right = smooth_image_pair(0, 48, 64)
    assert left.shape == right.shape == (1, 3, 48, 64)
    assert not torch.equal(left, right)
    assert max(left.abs().max(), right.abs().max()) <= 1


# First and last value of each input, from the published rule of the golden files, which is not
# part of this project: seed, height, width -> first and second image.
SMOOTH_IMAGES = {
    (3, 160, 224): (-0.64999592, -0.44922918, -0.55808687, 0.5903936),
    (7, 512, 288): (-0.10276014, 0.26374626, -0.56571066, 0.18393266),
    (12345, 128, 96): (-0.33903304, -0.8861649, -0.034942362, 0.21201038),
}
SPLAT_IMAGES = {
    (3, 2, 320): (0.029201984, 0.17799878, 1.1372665, 0, -0.84061229, 0.022876211),
    (7, 4, 128): (0.026005745, 0.29005778, 0.99869066, 0, 0.90332645, 0.98757726),
    (12345, 3, 256): (-0.79288608, 0.27983451, 1.1905553, 0, -1.2137848, -0.50615704),
}


@pytest.mark.parametrize(("seed", "height", "width"), SMOOTH_IMAGES)
def test_smooth_images_of_other_seeds_and_sizes_follow_the_rule(seed, height, width):
    original_images = smooth_image_pair(seed, height, width)
    found = [float(p.flatten()[i]) for p in original_images for i in (0, -1)]
    assert found == pytest.approx(SMOOTH_IMAGES[seed, height, width], abs=1e-7)
    assert original_images[0].shape == (1, 3, height, width)


@pytest.mark.parametrize(("seed", "views", "size"), SPLAT_IMAGES)
def test_splat_inputs_of_other_seeds_and_sizes_follow_the_rule(seed, views, size):
    inputs = splat_inputs(seed, views, size)
    found = [float(t.flatten()[i]) for t in inputs for i in (0, -2)]
    assert found == pytest.approx(SPLAT_IMAGES[seed, views, size], abs=1e-6)


def test_no_room_for_the_weights_is_one_line(tmp_path, monkeypatch):
    def full(_content, _path):
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(SemsplatError, match=rf"0.0 GB.*{tmp_path}: set TMPDIR") as refusal:
        load_by_rule(lambda: torch.nn.Linear(2, 2), "dust3r", 0, DUST3R_RULE)
    assert refusal.value.code is ErrorCode.IO_ERROR
    assert not list(tmp_path.iterdir())


def test_sizes_that_a_network_cannot_take_are_refused():
    golden = GoldenFile({}, {"48x64/input1": np.zeros(1)})
    assert image_sizes(golden) == [("48x64", 48, 64)]
    with pytest.raises(SemsplatError, match="48x64.*multiples of 32"):
        image_sizes(golden, 32)


def test_sizes_are_read_from_the_names_height_first():
    names = ["512x288/pts3d", "160x224/input1", "160x224/focal_median", "rope/in", "x/64x64/a"]
    found = image_sizes(GoldenFile({}, {name: np.zeros(1) for name in names}))
    assert found == [("160x224", 160, 224), ("512x288", 512, 288)]
