# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""LSM's network and Gaussian head at a small size."""

import pytest
import torch
import torch.nn.functional as F

from semsplat_ros.families.weights.tensor_lists import tensor_list
from semsplat_ros.networks.lsm import TINY_LSM, LsmNetwork, enlarge
from semsplat_ros.networks.lsm_head import SH_C0, SH_COEFFICIENTS, LsmGaussianHead, sh_mask
from semsplat_ros.networks.precision import set_compute_dtype


def tiny(seed: int = 0) -> LsmNetwork:
    torch.manual_seed(seed)
    net = LsmNetwork(TINY_LSM).eval()
    for head in (net.dust3r["dust3r"].downstream_head1, net.dust3r["dust3r"].downstream_head2):
        # Points that fill a volume, as those of a trained network do.
        head.dpt.head[4].weight.data *= 20
    return net


def original_images(
    scenes: int = 1, height: int = 32, width: int = 64, seed: int = 0
) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(scenes, 2, 3, height, width, generator=generator) * 2 - 1


def test_official_names_and_shapes():
    with torch.device("meta"):
        ours = {name: tuple(t.shape) for name, t in LsmNetwork().state_dict().items()}
    official = {name: spec.shape for name, spec in tensor_list("lsm").tensors.items()}
    assert ours == official


@pytest.mark.parametrize("size", [(32, 64), (64, 32), (64, 64)])
def test_one_gaussian_a_pixel_of_both_views(size):
    with torch.no_grad():
        maps, gaussians = tiny()(original_images(1, *size))
    count = 2 * size[0] * size[1]
    assert gaussians.scales.shape == (1, count, 3)
    assert gaussians.sh.shape == (1, count, SH_COEFFICIENTS, 3)
    assert gaussians.features.shape == (1, count, TINY_LSM.feature_channels)
    assert (gaussians.scales > 0).all()
    assert ((gaussians.opacities >= 0) & (gaussians.opacities <= 1)).all()
    torch.testing.assert_close(gaussians.quats_wxyz.norm(dim=-1), torch.ones(1, count))
    assert [view.points.shape for view in maps] == [(1, *size, 3)] * 2


def test_points_and_images_are_merged_view_by_view():
    images = original_images(2)
    points = torch.randn(2, 2, 32, 64, 3, generator=torch.Generator().manual_seed(1))
    cloud = tiny().assemble(points, images)
    coords = cloud.structure.coords.unflatten(0, (2, 2, 32, 64))
    assert coords.abs().amax() <= 1
    torch.testing.assert_close(coords.abs().amax((1, 2, 3, 4)), torch.ones(2))
    back = coords * cloud.scale[:, None, None, None, None] + cloud.centre[:, None, None, None]
    torch.testing.assert_close(back, points, atol=1e-5, rtol=1e-5)
    colours = cloud.features[:, 3:].unflatten(0, (2, 2, 32, 64))
    assert torch.equal(colours[1, 1, 5, 7], images[1, 1, :, 5, 7])
    assert cloud.structure.counts == (4096, 4096)


def test_a_scene_does_not_depend_on_its_neighbours_in_the_batch():
    """But for the voxel grid, whose corner is common to the batch: so both scenes are the same
    here."""
    net = tiny()
    one = original_images()
    with torch.no_grad():
        alone = net(one).gaussians
        twice = net(one.repeat(2, 1, 1, 1, 1)).gaussians
    for ours, both in zip(alone, twice, strict=True):
        torch.testing.assert_close(both[:1], ours, atol=2e-4, rtol=1e-3)
        torch.testing.assert_close(both[1:], ours, atol=2e-4, rtol=1e-3)


def test_gradients_do_not_reach_the_points_but_everything_else():
    net = tiny().train()
    maps, gaussians = net(original_images())
    loss = sum(values.square().mean() for values in gaussians)
    loss.backward()
    assert net.dust3r["dust3r"].downstream_head1.dpt.head[4].weight.grad is None
    for name in ("gaussian_head.gaussian_proj", "feature_reduction.0", "lseg_feature_extractor"):
        grads = [p.grad for p in net.get_submodule(name).parameters() if p.grad is not None]
        assert any(grad.abs().sum() > 0 for grad in grads), name
    # The encoder is reached through its tokens.
    assert net.dust3r["dust3r"].patch_embed.proj.weight.grad.abs().sum() > 0


def test_reduction_doubles_and_expansion_halves_the_size():
    net = tiny()
    dense = torch.randn(2, TINY_LSM.lseg.out_channels, 4, 6)
    with torch.no_grad():
        reduced = enlarge(net.feature_reduction(dense))
        assert reduced.shape == (2, TINY_LSM.feature_channels, 8, 12)
        expanded = net.expand(reduced)
        assert expanded.shape == dense.shape
        means = F.avg_pool2d(reduced, 2)
        torch.testing.assert_close(expanded, net.feature_expansion[1](means))


def test_bfloat16_stays_close():
    net = tiny()
    images = original_images()
    with torch.no_grad():
        language = net.language(images)
        set_compute_dtype(net, torch.bfloat16)
        half = net.language(images)
        _, gaussians = net(images)
    assert (half.reduced - language.reduced).norm() < 0.03 * language.reduced.norm()
    assert all(values.dtype == torch.float32 for values in gaussians)
    assert all(torch.isfinite(values).all() for values in gaussians)
    weights = net.lseg_feature_extractor.clip_pretrained.transformer.resblocks[0].mlp.c_fc.weight
    assert weights.dtype == torch.float32  # text keeps its precision


def head_inputs(points: torch.Tensor, seed: int = 0):
    g = torch.Generator().manual_seed(seed)
    shape = points.shape[:2]
    return (
        torch.randn(*shape, 6, generator=g),
        points,
        torch.rand(*shape, 3, generator=g) * 2 - 1,
        torch.randn(*shape, 4, generator=g),
    )


def silent_head() -> LsmGaussianHead:
    """All raw channels are zero."""
    head = LsmGaussianHead(6, 4)
    torch.nn.init.zeros_(head.gaussian_proj.weight)
    torch.nn.init.zeros_(head.gaussian_proj.bias)
    return head


def test_scales_follow_the_spacing_within_limits_around_its_median():
    # 16 points 1 apart and 4 that are 100 apart from everything.
    near = torch.stack(torch.meshgrid(*[torch.arange(4.0)] * 2, indexing="ij"), -1).reshape(-1, 2)
    far = torch.tensor([[100.0, 0], [0, 200], [300, 300], [-400, 0]])
    points = F.pad(torch.cat([near, far]), (0, 1))[None]
    inputs = head_inputs(points)
    with torch.no_grad():
        plain = silent_head()(*inputs).scales[0]
        head = silent_head()
        head.gaussian_proj.bias[:3] = torch.tensor([-20.0, 0.0, 20.0])
        stretched = head(*inputs).scales[0]
    # A corner's three nearest are at 1, 1 and sqrt(2).
    torch.testing.assert_close(plain[0], torch.full((3,), (4 / 3) ** 0.5))
    median = plain[:, 0].sort().values[9]
    torch.testing.assert_close(plain[16:], (3 * median).expand(4, 3))
    torch.testing.assert_close(stretched[:, 0], (0.1 * median).expand(20))
    torch.testing.assert_close(stretched[:, 2], (3 * median).expand(20))


def test_colour_features_and_defaults_of_a_silent_head():
    inputs = head_inputs(torch.randn(2, 10, 3))
    with torch.no_grad():
        out = silent_head()(*inputs)
    colours, language = inputs[2], inputs[3]
    torch.testing.assert_close(out.sh[..., 0, :] * SH_C0 + 0.5, colours * 0.5 + 0.5)
    assert not out.sh[..., 1:, :].any()
    assert torch.equal(out.features, language)
    assert (out.opacities == 0.5).all()


def test_higher_harmonics_are_damped():
    expected = [1.0] + [0.125] * 3 + [0.03125] * 5 + [0.0078125] * 7
    assert sh_mask().tolist() == expected


def test_spacing_is_taken_over_each_scene_alone():
    points = torch.randn(2, 30, 3, generator=torch.Generator().manual_seed(3))
    points[1] *= 10
    inputs = head_inputs(points)
    with torch.no_grad():
        both = silent_head()(*inputs).scales
        second = silent_head()(*(x[1:] for x in inputs)).scales
    assert torch.equal(both[1:], second)
