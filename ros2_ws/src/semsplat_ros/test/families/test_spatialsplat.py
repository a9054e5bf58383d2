# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""SpatialSplat and NoPoSplat as scene models, with weights made from names."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families import loading
from semsplat_ros.families.base import SceneModel
from semsplat_ros.families.spatialsplat import (
    load_noposplat,
    load_spatialsplat,
    noposplat_by_rule,
    spatialsplat_by_rule,
)
from semsplat_ros.families.splat_models import (
    SpatialSplatModel,
    blending_opacities,
    gaussians_of,
    normalised_intrinsics,
)
from semsplat_ros.geometry.views import prepare_views
from semsplat_ros.networks.clip.clip import TINY_CLIP
from semsplat_ros.networks.lseg import TINY_LSEG, Lseg
from semsplat_ros.networks.spatialsplat import TINY_SPLAT
from semsplat_ros.scene import CameraPrior, IntrinsicsSource, ScaleStatus
from semsplat_ros.view_layout import ViewLayout
from test.support.camera_priors import image_format
from test.support.official_files import state_dict

SIZE = (64, 64)
K = torch.tensor([[300.0, 0, 160], [0, 310, 120], [0, 0, 1]])


def views(count=2, size=SIZE, intrinsics=None):
    rng = np.random.default_rng(0)
    original_images = tuple(
        rng.integers(0, 256, (240, 320, 3), dtype=np.uint8) for _ in range(count)
    )
    prior = CameraPrior((intrinsics,) * count, stamps_ns=(7,) * count, frame="camera")
    return prepare_views(original_images, image_format(size), prior)


def one_view():
    """What Perceiver.prepare would refuse."""
    two = views(2)
    return replace(two, images=two.images[:1], crops=two.crops[:1], prior=CameraPrior())


def spatialsplat(**options):
    return spatialsplat_by_rule(0, TINY_SPLAT, TINY_CLIP, options.pop("size", SIZE), **options)


@pytest.mark.parametrize("size", [(64, 64), (64, 96), (96, 64)])
@pytest.mark.parametrize("count", [2, 3])
def test_spatialsplat_scene(size, count):
    model: SceneModel = spatialsplat(size=size)
    scene = model.predict(views(count, size))
    n = count * size[0] * size[1]
    assert len(scene.gaussians) == n
    assert scene.gaussians.sh.shape == (n, 16, 3)
    assert scene.gaussians.view.bincount().tolist() == [size[0] * size[1]] * count
    assert scene.gaussians.pixel.max() == size[0] * size[1] - 1
    torch.testing.assert_close(scene.gaussians.quats_wxyz.norm(dim=-1), torch.ones(n))
    assert scene.instance_features.shape == (n, 8)
    assert scene.semantics.similarity(F.normalize(torch.randn(3, 12), dim=-1)).shape == (n, 3)
    assert scene.cameras.first_from_view.shape == (count, 4, 4)
    assert torch.equal(scene.cameras.first_from_view[0], torch.eye(4))
    assert scene.scale.status is ScaleStatus.RELATIVE
    assert scene.provenance.model == "spatialsplat-rule"
    assert scene.provenance.frame == "camera"
    assert scene.provenance.stamps_ns == (7,) * count


def test_lseg_reads_the_images_in_0_to_1_and_gives_the_coarse_field_its_semantics():
    torch.manual_seed(0)
    lseg, given = Lseg(TINY_LSEG).eval(), views()

    def extractor(images):
        assert torch.equal(images, given.images)
        return lseg(images)

    clip_model = spatialsplat()
    model = SpatialSplatModel(clip_model.network, clip_model.info, extractor)
    scene, with_clip = model.predict(given), clip_model.predict(given)
    network = clip_model.network
    with torch.no_grad():
        fields = network(
            (given.images * 2 - 1)[None],
            normalised_intrinsics(given)[None],
            lseg(given.images)[None],
        )
    semantics = scene.semantics.coarse.semantics
    torch.testing.assert_close(semantics, fields.coarse.semantics[0].flatten(0, 1))
    assert not torch.allclose(semantics, with_clip.semantics.coarse.semantics)
    assert torch.equal(scene.gaussians.means, with_clip.gaussians.means)
    assert torch.equal(scene.instance_features, with_clip.instance_features)


def test_noposplat_has_no_language():
    scene = noposplat_by_rule(0, TINY_SPLAT, SIZE).predict(views())
    assert scene.semantics is None
    assert scene.instance_features is None
    assert scene.gaussians.importances is None
    assert torch.equal(blending_opacities(scene.gaussians), scene.gaussians.opacities)


def test_same_input_same_scene():
    model = spatialsplat()
    a, b = model.predict(views()), model.predict(views())
    assert torch.equal(a.gaussians.means, b.gaussians.means)
    assert torch.equal(a.cameras.first_from_view, b.cameras.first_from_view)


def test_intrinsics_are_taken_where_given_and_estimated_where_not():
    model = spatialsplat()
    given = model.predict(views(intrinsics=K))
    assert given.cameras.source is IntrinsicsSource.PARAMETER
    assert torch.equal(given.cameras.intrinsics, views(intrinsics=K).intrinsics)
    free = model.predict(views())
    assert free.cameras.source is IntrinsicsSource.ESTIMATED
    assert not torch.allclose(free.gaussians.means, given.gaussians.means)


def test_quaternions_become_w_first():
    field = noposplat_by_rule(0, TINY_SPLAT, SIZE).network(
        torch.zeros(1, 2, 3, *SIZE), torch.eye(3).expand(1, 2, 3, 3)
    )
    x, y, z, w = field.quats_xyzw[0].flatten(0, 1).unbind(-1)
    torch.testing.assert_close(
        gaussians_of(field).quats_wxyz, torch.stack((w, x, y, z), dim=-1), atol=1e-5, rtol=1e-4
    )
    # Colour-major channels become coefficients with the colour last.
    assert torch.equal(gaussians_of(field).sh[5, 3], field.sh[0, 0, 5, :, 3])


def test_blending_follows_the_threshold():
    gaussians = spatialsplat().predict(views()).gaussians
    kept = gaussians.importances > 0.5
    assert 0 < kept.sum() < len(kept)
    plain = gaussians.opacities * gaussians.importances
    expected = torch.where(kept, plain, plain * 1e-3)
    torch.testing.assert_close(blending_opacities(gaussians), expected)


def test_bfloat16_stays_close():
    exact = spatialsplat().predict(views()).gaussians
    rounded = spatialsplat(dtype=torch.bfloat16).predict(views()).gaussians
    assert rounded.means.dtype is torch.float32
    assert 0 < (rounded.opacities - exact.opacities).abs().mean() < 0.02


@pytest.mark.parametrize("unsuitable", [one_view(), views(2, (64, 96))])
def test_unsuitable_views_are_refused(unsuitable):
    with pytest.raises(SemsplatError, match="64x64") as refusal:
        spatialsplat().predict(unsuitable)
    assert refusal.value.code is ErrorCode.INVALID_ARGUMENT


class TestFiles:
    """With official names and shapes, without official values."""

    @pytest.fixture(autouse=True)
    def _no_forward(self, monkeypatch):
        # Official size, but nothing is computed and nothing is hashed.
        monkeypatch.setattr(loading, "file_sha256", lambda _path: "0123456789abcdef")

    def save(self, path, system):
        torch.save({"state_dict": state_dict(system)}, path)
        return path

    def load(self, load, path, **options):
        return load(path, torch.device("cpu"), torch.float32, **options)

    def test_noposplat(self, tmp_path):
        model = self.load(load_noposplat, self.save(tmp_path / "re10k.ckpt", "noposplat"))
        assert model.info.image_size == (256, 256)
        assert model.info.checksum == "01234567"
        assert "non-commercial" in model.info.licence
        assert not model.info.metric

    def test_spatialsplat_without_language_says_so(self, tmp_path, caplog):
        path = self.save(tmp_path / "spatialsplat.ckpt", "spatialsplat")
        model = self.load(load_spatialsplat, path)
        assert model.language is None
        assert model.text_encoder is None
        assert "without language" in caplog.text

    def test_spatialsplat_with_clip_beside_it(self, tmp_path):
        path = self.save(tmp_path / "spatialsplat.ckpt", "spatialsplat")
        self.save(tmp_path / "clip_vitb16.pt", "clip_vitb16")
        model = self.load(load_spatialsplat, path)
        assert model.language is not None
        assert model.text_encoder.dimension == 512

    @pytest.mark.parametrize("inner", ["", "net."])
    def test_spatialsplat_with_lseg_inside(self, tmp_path, inner):
        self.save(tmp_path / "clip_vitb16.pt", "clip_vitb16")
        lseg = {n.removeprefix("net."): t for n, t in state_dict("lseg").items()}
        state = state_dict("spatialsplat")
        state |= {f"encoder.language_extractor.{inner}{n}": t for n, t in lseg.items()}
        path = tmp_path / "spatialsplat.ckpt"
        torch.save({"state_dict": state}, path)
        model = self.load(load_spatialsplat, path)
        assert isinstance(model.extractor, Lseg), "what is inside comes before a file beside"
        assert model.text_encoder.dimension == 512
        del state[f"encoder.language_extractor.{inner}scratch.head1.bias"]
        torch.save({"state_dict": state}, path)
        with pytest.raises(SemsplatError, match=r"Lseg.*scratch\.head1\.bias is missing"):
            self.load(load_spatialsplat, path)

    def test_spatialsplat_with_lseg_beside_it(self, tmp_path):
        path = self.save(tmp_path / "spatialsplat.ckpt", "spatialsplat")
        self.save(tmp_path / "demo_e200.ckpt", "lseg")
        assert isinstance(self.load(load_spatialsplat, path).extractor, Lseg)

    def test_another_system_is_refused(self, tmp_path):
        path = self.save(tmp_path / "a.ckpt", "noposplat")
        with pytest.raises(SemsplatError, match="noposplat") as refusal:
            self.load(load_spatialsplat, path)
        assert refusal.value.code is ErrorCode.BAD_FILE
        splat = self.save(tmp_path / "b.ckpt", "spatialsplat")
        self.save(tmp_path / "demo_e200.ckpt", "noposplat")
        with pytest.raises(SemsplatError, match="CLIP"):
            self.load(load_spatialsplat, splat)

    def test_image_size(self, tmp_path):
        path = self.save(tmp_path / "a.ckpt", "noposplat")
        assert self.load(load_noposplat, path, image_size=512).info.image_size == (512, 512)
        with pytest.raises(SemsplatError, match="multiples"):
            self.load(load_noposplat, path, image_size=500)


def test_the_supplements_layout_reads_the_other_views_as_one_sequence():
    """For two views nothing changes; for three the layouts differ, and the order of the others
    moves with them."""
    model = spatialsplat()
    two, three = views(2), views(3)
    separate = [model.predict(given).gaussians.means for given in (two, three)]
    model.view_layout = ViewLayout.JOINED
    joined = [model.predict(given).gaussians.means for given in (two, three)]
    torch.testing.assert_close(joined[0], separate[0])
    assert not torch.allclose(joined[1], separate[1], atol=1e-3)


def test_in_the_supplements_layout_the_reference_is_encoded_alone():
    network = spatialsplat().network.backbone
    network.layout = ViewLayout.JOINED
    images = torch.rand(1, 3, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    intrinsics = torch.eye(3).repeat(1, 3, 1, 1)
    other = images.clone()
    other[:, 2] = -other[:, 2]
    first, second = network(images, intrinsics), network(other, intrinsics)
    torch.testing.assert_close(first.reference[0], second.reference[0])
    mine, theirs = (f.others[0].unflatten(0, (1, 2))[:, 0] for f in (first, second))
    assert not torch.allclose(mine, theirs, atol=1e-4), "view 1 sees view 2 in the encoder"
