# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The embedded model's geometry on made-up weights, and what the zoo refuses."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file
from torch.nn import functional

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families import registry
from semsplat_ros.families.base import LanguageKind, LanguageProfile
from semsplat_ros.families.room import STEREO_FACTOR, RoomModel, _shown_by
from semsplat_ros.geometry.views import prepare_views
from semsplat_ros.networks.compact import CompactConfig, CompactNetwork
from semsplat_ros.scene import CameraPrior, IntrinsicsSource, ModelInfo, ScaleStatus, Views
from test.support.camera_priors import image_format, stereo_rig

SMALL = CompactConfig(
    widths=(8, 16, 16, 32), layers=2, semantic_width=12, match_width=16, text_dimension=20
)
SIZE = (32, 48)
INTRINSICS = torch.tensor([[60.0, 0.0, 48.0], [0.0, 60.0, 32.0], [0.0, 0.0, 1.0]])


def model(max_width: int = 0) -> RoomModel:
    torch.manual_seed(0)
    info = ModelInfo("room", "test", SIZE, True, "Apache-2.0", STEREO_FACTOR, max_width=max_width)
    bank = functional.normalize(torch.randn(3, 20), dim=1)
    language = LanguageProfile(LanguageKind.CLOSED_SET, "minilm", ("a", "b", "c"), bank)
    return RoomModel(CompactNetwork(SMALL), info, language)


def pair(shift: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """A textured wall seen by two cameras; the right image shows it `shift` pixels further
    left."""
    rng = np.random.default_rng(0)
    wide = rng.integers(0, 255, (16, 30, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
    return wide[:, :96], np.ascontiguousarray(wide[:, shift : 96 + shift])


def views(intrinsics: torch.Tensor | None = None, baseline: float | None = None) -> Views:
    info = image_format(SIZE, stereo_factor=STEREO_FACTOR)
    return prepare_views(pair(), info, stereo_rig(intrinsics, baseline))


def test_calibrated_rig_is_metric_and_its_cue_is_in_the_depth() -> None:
    baseline, shift = 0.2, 6
    room = model()
    with torch.no_grad():
        room._network.head[-1].bias[8:12] = 20.0
    scene = room.predict(views(intrinsics=INTRINSICS, baseline=baseline))
    assert scene.scale.status is ScaleStatus.BASELINE
    assert scene.cameras.source is IntrinsicsSource.PARAMETER
    assert scene.cameras.first_from_view[1, 0, 3].item() == pytest.approx(baseline)
    truth = 60.0 * baseline / shift
    depth = scene.depth_map(0)[8:24, 12:40]
    assert depth.median().item() == pytest.approx(truth, rel=0.05)
    both = scene.gaussians.importances[scene.gaussians.view == 1]
    assert (both < 0.5).float().mean() > 0.5, (
        "the wall is seen twice: the second view is redundant"
    )


def test_depth_of_a_rig_whose_principal_points_differ() -> None:
    """Middlebury's and verged rigs: d = f b / (disparity - (cx_left - cx_right))."""
    baseline, shift, apart = 0.2, 6, -3.0
    room = model()
    with torch.no_grad():
        room._network.head[-1].bias[8:12] = 20.0
    other = INTRINSICS.clone()
    other[0, 2] -= apart
    prior = CameraPrior((INTRINSICS, other), baseline=baseline, rectified=True)
    scene = room.predict(prepare_views(pair(shift), room.info, prior))
    truth = 60.0 * baseline / (shift - apart)
    assert scene.depth_map(0)[8:24, 12:40].median().item() == pytest.approx(truth, rel=0.05)


def test_wide_images_of_a_calibrated_rig_are_seen_whole() -> None:
    room = model(max_width=80)
    wide = tuple(
        np.concatenate([original_image, original_image[:, ::-1]], 1)[:48]
        for original_image in pair()
    )
    given = prepare_views(wide, room.info, stereo_rig(INTRINSICS, 0.2))
    assert given.images.shape[-2:] == (32, 80)
    scene = room.predict(given)
    assert scene.image_size == (32, 80)
    assert len(scene.gaussians) == 2 * 32 * 80
    assert torch.isfinite(scene.gaussians.means).all()
    with pytest.raises(SemsplatError, match=r"one of \[48, 64, 80\]"):
        room.predict(prepare_views(wide, image_format((32, 96))))


def test_without_a_baseline_it_is_the_models_scale_or_unknown() -> None:
    scene = model().predict(views(intrinsics=INTRINSICS))
    assert scene.scale.status in (ScaleStatus.MODEL, ScaleStatus.UNKNOWN)
    assert torch.isfinite(scene.gaussians.means).all()


def test_a_pose_that_was_not_found_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semsplat_ros.families.room.pose_from_matches", lambda *_: None)
    scene = model().predict(views(intrinsics=INTRINSICS))
    assert scene.scale.status is ScaleStatus.UNKNOWN
    assert scene.cameras.failed == (1,)
    known = model().predict(views(intrinsics=INTRINSICS, baseline=0.1))
    assert known.cameras.failed == ()


def test_without_intrinsics_they_are_estimated_and_it_says_so() -> None:
    room = model()
    with torch.no_grad():
        room._network.focal_head.bias.fill_(float(np.log(1.5)))
    scene = room.predict(views())
    assert scene.cameras.source is IntrinsicsSource.ESTIMATED
    assert scene.cameras.intrinsics[0, 0, 0].item() == pytest.approx(1.5 * SIZE[0], rel=1e-4)


def test_every_pixel_is_one_gaussian_and_colours_are_kept() -> None:
    scene = model().predict(views(intrinsics=INTRINSICS))
    assert len(scene.gaussians) == 2 * SIZE[0] * SIZE[1]
    colour = 0.28209479177387814 * scene.gaussians.sh[:, 0] + 0.5
    image = scene.pixel_map(colour, 1).permute(2, 0, 1)
    torch.testing.assert_close(image, scene.images[1], atol=1e-5, rtol=0)
    similarity = scene.semantics.similarity(functional.normalize(torch.randn(4, 20), dim=1))
    assert similarity.shape == (len(scene.gaussians), 4)
    assert similarity.abs().max() <= 1.0 + 1e-4


def test_the_same_pair_gives_the_same_scene() -> None:
    room, given = model(), views(intrinsics=INTRINSICS, baseline=0.2)
    first, second = room.predict(given), room.predict(given)
    assert torch.equal(first.gaussians.means, second.gaussians.means)


def test_what_only_the_second_view_shows_is_not_redundant() -> None:
    depth, k = torch.full((4, 6), 2.0), torch.tensor([[6.0, 0, 3], [0, 6, 2], [0, 0, 1]])
    inside, outside = [0.0, 0.0, 2.0], [3.0, 0.0, 2.0]
    behind = [0.0, 0.0, -2.0]
    shown = _shown_by(torch.tensor([inside, outside, behind]), depth, k)
    assert float(shown[0]) > 0.9
    assert shown[1:].tolist() == [0.0, 0.0]


def test_three_views_are_pairs_over_the_first_one() -> None:
    room = model()
    left, right = pair()
    prior = CameraPrior((INTRINSICS,) * 3, baseline=0.2, rectified=True)
    scene = room.predict(prepare_views((left, right, left), room.info, prior))
    both = room.predict(views(INTRINSICS, 0.2))
    assert len(scene.gaussians) == 3 * SIZE[0] * SIZE[1]
    assert scene.scale.status is ScaleStatus.BASELINE
    first_two = scene.gaussians.view < 2
    torch.testing.assert_close(scene.gaussians.means[first_two], both.gaussians.means)
    torch.testing.assert_close(scene.gaussians.importances[first_two], both.gaussians.importances)
    similarity = scene.semantics.similarity(functional.normalize(torch.randn(4, 20), dim=1))
    assert similarity.shape == (len(scene.gaussians), 4)
    assert scene.instance_features.shape[0] == len(scene.gaussians)


def test_a_wrong_size_is_refused() -> None:
    given = prepare_views(pair(), image_format((16, 32)))
    with pytest.raises(SemsplatError, match="Perceiver.prepare") as error:
        model().predict(given)
    assert error.value.code is ErrorCode.INVALID_ARGUMENT


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model directory with one small model, `tiny`."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    tensors = {k: v.half().contiguous() for k, v in CompactNetwork(SMALL).state_dict().items()}
    tensors["class_embeddings"] = functional.normalize(torch.randn(3, 20), dim=1).half()
    save_file(tensors, folder / "model.safetensors")
    sizes = {"widths": [8, 16, 16, 32], "layers": 2, "semantic_width": 12, "match_width": 16}
    config = {
        "family": "room",
        "licence": "Apache-2.0",
        "image_size": list(SIZE),
        "max_width": 80,
        "sizes": {**sizes, "text_dimension": 20, "instance_width": 8},
        "class_names": ["a", "b", "c"],
        "temperature": 12.0,
        "text_encoder": "minilm",
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.setattr(registry, "model_directory", lambda: tmp_path)
    return folder


def test_the_zoo_loads_what_is_on_the_shelf(shelf: Path) -> None:
    loaded = registry.load_model("tiny", device="cpu")
    assert (loaded.info.image_size, loaded.info.max_width) == (SIZE, 80)
    assert len(loaded.info.checksum) == 8
    assert registry.load_model("tiny", sha256=_digest(shelf)).info.name == "tiny"


def _digest(folder: Path) -> str:
    import hashlib

    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        ({"name": "nothing"}, ErrorCode.INVALID_ARGUMENT, "shipped: tiny"),
        ({"device": "cuda:7"}, ErrorCode.INVALID_ARGUMENT, "use cpu or auto"),
        ({"device": "gpu"}, ErrorCode.INVALID_ARGUMENT, "none of auto"),
        ({"precision": "int4"}, ErrorCode.INVALID_ARGUMENT, "none of auto"),
        ({"sha256": "0" * 64}, ErrorCode.BAD_FILE, "has sha256"),
        ({"image_size": 256}, ErrorCode.INVALID_ARGUMENT, "leave model.image_size 0"),
        ({"checkpoint": "/no/such.safetensors"}, ErrorCode.IO_ERROR, "no weights file"),
        ({"name": "lsm"}, ErrorCode.MODEL_NOT_LOADED, "semsplat weights where lsm"),
    ],
)
def test_refusals_say_what_to_do(shelf: Path, options: dict, code: ErrorCode, says: str) -> None:
    if torch.cuda.is_available() and options.get("device", "").startswith("cuda"):
        options = {"device": "gpu"}
        says = "none of auto"
    with pytest.raises(SemsplatError, match=says) as error:
        registry.load_model(**{"name": "tiny", **options})
    assert error.value.code is code


def test_a_broken_file_is_refused(shelf: Path) -> None:
    whole = (shelf / "model.safetensors").read_bytes()
    (shelf / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SemsplatError, match="no safetensors file") as error:
        registry.load_model("tiny")
    assert error.value.code is ErrorCode.BAD_FILE


@pytest.mark.parametrize("sizes", [{"max_width": 230}, {"image_size": [32, 50]}])
def test_sizes_that_are_no_whole_patches_are_refused_at_load(shelf: Path, sizes: dict) -> None:
    config = shelf / "config.yaml"
    config.write_text(yaml.safe_dump({**yaml.safe_load(config.read_text()), **sizes}))
    with pytest.raises(SemsplatError, match="multiples of 16") as refusal:
        registry.load_model("tiny", device="cpu")
    assert refusal.value.code is ErrorCode.BAD_FILE
