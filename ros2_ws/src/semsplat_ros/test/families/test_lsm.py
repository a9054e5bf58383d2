# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""LSM as a scene model: scenes from images, text in its space, weights from one file or
three."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.base import SceneModel
from semsplat_ros.families.fields.compressed_field import CompressedField
from semsplat_ros.families.lsm import load_lsm, lsm_by_rule
from semsplat_ros.geometry.views import central_crop
from semsplat_ros.networks.lsm import TINY_LSM, LsmConfig
from semsplat_ros.scene import CameraPrior, IntrinsicsSource, ScaleStatus, Views
from test.support import official_files

SIZE = (32, 64)
CPU = torch.device("cpu")


def tiny_config() -> LsmConfig:
    """With CLIP's vocabulary, so that text can be encoded."""
    clip = replace(TINY_LSM.lseg.clip, vocabulary=49408, context=16)
    return replace(TINY_LSM, lseg=replace(TINY_LSM.lseg, clip=clip))


@pytest.fixture(scope="module")
def model():
    return lsm_by_rule(0, tiny_config(), SIZE)


def views(count: int = 2, size: tuple[int, int] = SIZE, known: bool = False) -> Views:
    height, width = size
    intrinsics = torch.tensor([[50.0, 0, width / 2], [0, 50.0, height / 2], [0, 0, 1]])
    return Views(
        images=torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(5)),
        crops=tuple(central_crop(height, width, height, width) for _ in range(count)),
        prior=CameraPrior(
            (intrinsics,) * count if known else (),
            IntrinsicsSource.CAMERA_INFO,
            stamps_ns=(7, 8),
            frame="left_camera_optical_frame",
        ),
    )


def test_a_scene_has_a_gaussian_for_every_pixel(model):
    assert isinstance(model, SceneModel)
    given = views()
    scene = model.predict(given)
    count = 2 * SIZE[0] * SIZE[1]
    assert len(scene.gaussians) == count
    assert scene.gaussians.sh.shape == (count, 1, 3)
    assert scene.scale.status is ScaleStatus.RELATIVE
    assert scene.provenance.model == "lsm-rule"
    assert scene.provenance.stamps_ns == (7, 8)
    assert scene.instance_features is None
    assert (scene.gaussians.confidences >= 1).all()
    # The last Gaussian is the last pixel of the second view.
    assert scene.gaussians.view[-1] == 1 and scene.gaussians.pixel[-1] == count // 2 - 1
    red = scene.pixel_map(scene.gaussians.sh[:, 0, 0], 1)
    assert torch.corrcoef(torch.stack([red.flatten(), given.images[1, 0].flatten()]))[0, 1] > 0.5


def test_the_same_images_give_the_same_scene(model):
    first, second = model.predict(views()), model.predict(views())
    assert torch.equal(first.gaussians.scales, second.gaussians.scales)
    assert torch.equal(first.semantics.compressed, second.semantics.compressed)


def test_given_intrinsics_are_kept_and_missing_ones_estimated(model):
    known = model.predict(views(known=True)).cameras
    assert known.source is IntrinsicsSource.CAMERA_INFO
    assert known.intrinsics[0, 0, 0] == 50.0
    estimated = model.predict(views()).cameras
    assert estimated.source is IntrinsicsSource.ESTIMATED
    assert estimated.intrinsics[0, 0, 0] > 0


def test_points_without_confidence_give_no_pose(model):
    """Weights made from names are never confident: confidence is 1 + e^x with x around 0."""
    scene = model.predict(views())
    confident = (scene.gaussians.confidences > 3) & (scene.gaussians.view == 1)
    assert (confident.sum() < 4) == (scene.cameras.failed == (1,))


@pytest.mark.parametrize("given", [views(1), views(3), views(size=(64, 64))])
def test_other_numbers_of_views_and_sizes_are_refused(model, given):
    with pytest.raises(SemsplatError, match="32x64") as refusal:
        model.predict(given)
    assert refusal.value.code is ErrorCode.INVALID_ARGUMENT


def test_text_and_scene_meet_in_one_space(model):
    text = model.text_encoder.encode(["chair", "table"])
    field = model.predict(views()).semantics
    assert field.dimension == model.text_encoder.dimension
    similarity = field.similarity(text)
    torch.testing.assert_close(similarity, field.features() @ text.T, atol=1e-4, rtol=1e-3)
    assert similarity.abs().max() <= 1 + 1e-4


def test_similarity_is_the_cosine_of_the_expanded_features():
    g = torch.Generator().manual_seed(0)
    field = CompressedField(
        torch.randn(50, 6, generator=g),
        torch.randn(9, 6, generator=g),
        torch.randn(9, generator=g),
    )
    text = F.normalize(torch.randn(4, 9, generator=g), dim=1)
    expanded = field.compressed @ field.weight.T + field.bias
    expected = F.cosine_similarity(expanded[:, None], text[None], dim=-1)
    torch.testing.assert_close(field.similarity(text), expected)
    torch.testing.assert_close(field.features(), F.normalize(expanded, dim=1))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files of all three systems in official layout; every value says which file it came from."""
    folder = tmp_path_factory.mktemp("lsm")

    def state(system: str, value: float) -> dict:
        made = official_files.state_dict(system)
        return {n: torch.full((), value).to(t.dtype).expand(t.shape) for n, t in made.items()}

    lsm = official_files.training_file(state("lsm", 1.0))
    torch.save(lsm, folder / "checkpoint-final.pth")
    torch.save(official_files.training_file(state("dust3r", 2.0)), folder / "dust3r.pth")
    torch.save({"state_dict": state("lseg", 3.0)}, folder / "demo_e200.ckpt")
    return folder


def origins(model) -> tuple[float, float, float]:
    network = model.network
    return (
        float(network.point_transformer.dust_feat_proj.weight[0, 0]),
        float(network.dust3r["dust3r"].enc_norm.weight[0]),
        float(network.lseg_feature_extractor.scratch.head1.weight[0, 0, 0, 0]),
    )


def test_one_file_holds_the_fine_tuned_parts(files):
    model = load_lsm(files / "checkpoint-final.pth", CPU)
    assert origins(model) == (1.0, 1.0, 1.0)
    assert model.info.image_size == (256, 256)
    assert "non-commercial" in model.info.licence or "no statement" in model.info.licence
    assert model.network.lseg_feature_extractor.clip_pretrained.text_projection[0, 0] == 1.0


def test_a_folder_of_three_files_is_the_published_demonstration(files):
    model = load_lsm(files, CPU)
    assert origins(model) == (1.0, 2.0, 3.0)
    one = load_lsm(files / "checkpoint-final.pth", CPU)
    assert model.info.checksum == one.info.checksum


def test_a_folder_may_replace_one_part(files, tmp_path):
    for name in ("checkpoint-final.pth", "demo_e200.ckpt"):
        (tmp_path / name).symlink_to(files / name)
    assert origins(load_lsm(tmp_path, CPU)) == (1.0, 1.0, 3.0)


def test_two_files_of_one_system_are_refused(files, tmp_path):
    for name in ("a.pth", "b.pth"):
        (tmp_path / name).symlink_to(files / "checkpoint-final.pth")
    with pytest.raises(SemsplatError, match=r"a\.pth and b\.pth") as refusal:
        load_lsm(tmp_path, CPU)
    assert refusal.value.code is ErrorCode.BAD_FILE


def test_a_file_of_another_system_is_refused(files, tmp_path):
    with pytest.raises(SemsplatError, match="no LSM weights among dust3r"):
        load_lsm(files / "dust3r.pth", CPU)
    with pytest.raises(SemsplatError, match="no weights files"):
        load_lsm(tmp_path, CPU)


def test_a_missing_tensor_is_named(files, tmp_path):
    content = official_files.training_file(official_files.state_dict("lsm"))
    del content["model"]["gaussian_head.gaussian_proj.bias"]
    torch.save(content, tmp_path / "lsm.pth")
    with pytest.raises(SemsplatError, match="gaussian_proj.bias is missing"):
        load_lsm(tmp_path / "lsm.pth", CPU)


def test_checksum_and_size_are_checked(files):
    with pytest.raises(SemsplatError, match="sha256"):
        load_lsm(files / "checkpoint-final.pth", CPU, sha256="0" * 64)
    with pytest.raises(SemsplatError, match="multiples of 32"):
        load_lsm(files / "checkpoint-final.pth", CPU, image_size=208)
