# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The two-view transformer at a tiny size."""

from dataclasses import replace

import pytest
import torch

from semsplat_ros.families.weights.named_weights import DUST3R_RULE, rule_state
from semsplat_ros.families.weights.tensor_lists import tensor_list
from semsplat_ros.networks.croco import TINY_CROCO, CrocoConfig, TwoViewTransformer
from semsplat_ros.networks.precision import CentredLinear, set_compute_dtype

TOKEN = replace(TINY_CROCO, intrinsics_token=True)
INTRINSICS = torch.tensor([[1.1, 0, 0.5], [0, 1.2, 0.5], [0, 0, 1]])


def make(config: CrocoConfig = TINY_CROCO) -> TwoViewTransformer:
    network = TwoViewTransformer(config).eval()
    network.load_state_dict(rule_state(network.state_dict(), 0, DUST3R_RULE))
    return network


def images(b: int = 1, v: int = 2, h: int = 32, w: int = 48, seed: int = 0) -> torch.Tensor:
    return torch.randn(b, v, 3, h, w, generator=torch.Generator().manual_seed(seed))


def k_of(x: torch.Tensor) -> torch.Tensor:
    return INTRINSICS.expand(*x.shape[:2], 3, 3)


def test_names_and_shapes_are_the_official_ones():
    with torch.device("meta"):
        network = TwoViewTransformer(CrocoConfig(intrinsics_token=True))
    ours = {f"backbone.{name}": tuple(t.shape) for name, t in network.state_dict().items()}
    official = {
        name: tuple(spec.shape)
        for name, spec in tensor_list("noposplat").tensors.items()
        if name.startswith("backbone.")
    }
    assert ours == official


@pytest.mark.parametrize(("h", "w"), [(32, 48), (48, 32), (16, 64)])
@pytest.mark.parametrize("config", [TINY_CROCO, TOKEN])
def test_shapes_landscape_and_portrait(config, h, w):
    x = images(2, 2, h, w)
    features = make(config)(x, k_of(x))
    n = h // 16 * (w // 16)
    assert features.grid == (h // 16, w // 16)
    for side in (features.reference, features.others):
        assert [tuple(t.shape) for t in side] == [(2, n, 32)] + [(2, n, 24)] * 12


def test_last_entries_are_normalised_and_only_those():
    network = make()
    with torch.no_grad():
        network.dec_norm.weight.fill_(1.0)
        network.dec_norm.bias.fill_(0.0)
        features = network(images())
    for side in (features.reference, features.others):
        torch.testing.assert_close(
            side[-1].std(-1, correction=0), torch.ones(1, 6), atol=1e-3, rtol=0
        )
        assert (side[-2].std(-1) - 1).abs().min() > 0.05


def test_batch_items_do_not_mix():
    network, x = make(TOKEN), images(3, 2)
    together = network(x, k_of(x))
    alone = network(x[1:2], k_of(x[1:2]))
    torch.testing.assert_close(together.reference[-1][1:2], alone.reference[-1])
    torch.testing.assert_close(together.others[-1][1:2], alone.others[-1])


def test_every_decoder_output_depends_on_the_other_view():
    network, x = make(), images()
    other = x.clone()
    other[:, 1] = images(seed=1)[:, 1]
    a, b = network(x).reference, network(other).reference
    assert torch.equal(a[0], b[0])
    assert all((p - q).abs().max() > 1e-3 for p, q in zip(a[1:], b[1:], strict=True))


def test_both_sides_read_the_layer_before():
    # Layer 1 of view 2 must not see what layer 1 made of view 1.
    network, x = make(), images()
    before = network(x).others[1]
    with torch.no_grad():
        network.dec_blocks[0].mlp.fc2.bias.add_(1.0)
    assert torch.equal(network(x).others[1], before)
    assert not torch.allclose(network(x).others[2], make()(x).others[2])


def test_sides_have_their_own_decoders():
    network, x = make(), images()
    twin = x[:, :1].repeat(1, 2, 1, 1, 1)
    features = network(twin)
    assert not torch.allclose(features.reference[1], features.others[1])
    network.dec_blocks2.load_state_dict(network.dec_blocks.state_dict())
    features = network(twin)
    torch.testing.assert_close(features.reference[-1], features.others[-1])


def test_intrinsics_matter_with_a_token_and_are_demanded():
    network, x = make(TOKEN), images()
    a = network(x, k_of(x))
    b = network(x, k_of(x) * torch.tensor([1.3, 1.0]).view(1, 2, 1, 1))
    assert (a.reference[-1] - b.reference[-1]).abs().max() > 1e-4
    with pytest.raises(ValueError, match="intrinsics"):
        network(x)


class TestMoreViews:
    """NoPoSplat's multi-view layout."""

    def test_order_of_the_other_views_does_not_matter(self):
        network, x = make(TOKEN), images(2, 4)
        order = [0, 3, 1, 2]
        a = network(x, k_of(x))
        b = network(x[:, order], k_of(x))
        torch.testing.assert_close(a.reference[-1], b.reference[-1], atol=1e-5, rtol=1e-4)
        others = a.others[-1].unflatten(0, (2, 3))[:, [2, 0, 1]].flatten(0, 1)
        torch.testing.assert_close(others, b.others[-1], atol=1e-5, rtol=1e-4)

    def test_the_reference_is_not_exchangeable(self):
        network, x = make(), images(1, 3)
        swapped = network(x[:, [1, 0, 2]])
        assert (network(x).reference[-1] - swapped.others[-1][:1]).abs().max() > 1e-3

    def test_a_view_twice_changes_nothing_for_who_attends_to_it_alone(self):
        # Attention to two copies of the same tokens is attention to one.
        network, x = make(), images(1, 2)
        three = torch.cat((x, x[:, 1:]), dim=1)
        # The copies do see each other, so only the first layer is the same.
        torch.testing.assert_close(
            network(x).reference[1], network(three).reference[1], atol=1e-5, rtol=1e-4
        )


def test_gradients_reach_every_parameter_but_the_mask_token():
    network = make(TOKEN)
    x = images()
    features = network(x, k_of(x))
    sum(t.square().mean() for t in (*features.reference, *features.others)).backward()
    without = {n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()}
    assert without == {"mask_token"}


def test_bfloat16_is_close_and_keeps_the_residual_stream_in_float32():
    network, x = make(TOKEN), images()
    exact = network(x, k_of(x)).reference[-1]
    set_compute_dtype(network, torch.bfloat16)
    assert network.enc_norm.weight.dtype is torch.float32
    rounded = network(x, k_of(x)).reference[-1]
    assert rounded.dtype is torch.float32
    assert 0 < (rounded - exact).norm() / exact.norm() < 0.02


def test_first_blocks_are_centred_the_others_rounded_and_embeddings_stay():
    network = TwoViewTransformer(replace(TINY_CROCO, encoder_depth=6, intrinsics_token=True))
    set_compute_dtype(network, torch.bfloat16)
    stacks = (network.enc_blocks, network.dec_blocks, network.dec_blocks2)
    for blocks in stacks:
        for index, block in enumerate(blocks):
            layers = [m for m in block.modules() if isinstance(m, torch.nn.Linear)]
            assert len(layers) >= 4
            if index < 4:
                assert all(isinstance(m, CentredLinear) for m in layers), index
                assert {m.compute_dtype for m in layers} == {torch.bfloat16}
                assert {m.weight.dtype for m in layers} == {torch.float32}
            else:
                assert not any(isinstance(m, CentredLinear) for m in layers), index
                assert {m.weight.dtype for m in layers} == {torch.bfloat16}
    kept = (network.patch_embed.proj, network.decoder_embed, network.intrinsic_encoder)
    assert {m.weight.dtype for m in kept} == {torch.float32}


@pytest.mark.parametrize("shape", [(1, 1, 3, 32, 32), (1, 2, 3, 40, 32), (1, 2, 3, 32, 33)])
def test_unsuitable_images_are_refused(shape):
    with pytest.raises(ValueError, match="views"):
        make()(torch.zeros(shape))
