# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""CLIP's towers at a tiny size."""

import math

import pytest
import torch
import torch.nn.functional as F

from semsplat_ros.families.weights.named_weights import SPLAT_RULE, rule_state
from semsplat_ros.families.weights.tensor_lists import tensor_list
from semsplat_ros.networks.clip.clip import TINY_CLIP, Clip
from semsplat_ros.networks.precision import set_compute_dtype


@pytest.fixture
def clip() -> Clip:
    model = Clip(TINY_CLIP).eval()
    model.load_state_dict(rule_state(model.state_dict(), 0, SPLAT_RULE))
    return model


def test_names_and_shapes_are_the_official_ones():
    with torch.device("meta"):
        model = Clip()
    ours = {n: tuple(t.shape) for n, t in model.state_dict().items()}
    assert ours == {n: tuple(s.shape) for n, s in tensor_list("clip_vitb16").tensors.items()}


@pytest.mark.parametrize(("h", "w"), [(64, 64), (32, 80), (80, 32)])
def test_one_feature_per_patch(clip, h, w):
    assert clip.visual(torch.rand(3, 3, h, w)).shape == (3, 12, h // 16, w // 16)


def test_a_patch_reaches_others_but_for_the_last_layer(clip):
    images = torch.rand(1, 3, 64, 64)
    changed = images.clone()
    changed[..., :16, :16] = 1 - changed[..., :16, :16]
    difference = (clip.visual(images) - clip.visual(changed)).abs().sum(1)
    assert (difference > 0).all()
    # With one layer alone there is no attention between patches left.
    del clip.visual.transformer.resblocks[0]
    difference = (clip.visual(images) - clip.visual(changed)).abs().sum(1)[0]
    assert difference[0, 0] > 0
    assert difference.flatten()[1:].max() == 0


def test_positions_at_the_trained_size_are_the_table_itself(clip):
    assert clip.visual._positions(4, 4) is clip.visual.positional_embedding


def test_positions_follow_the_orientation(clip):
    wide, tall = clip.visual._positions(2, 6), clip.visual._positions(6, 2)
    table = clip.visual.positional_embedding
    with torch.no_grad():
        turned = table[1:].view(4, 4, -1).transpose(0, 1).flatten(0, 1)
        clip.visual.positional_embedding.copy_(torch.cat((table[:1], turned)))
    expected = tall[1:].view(6, 2, -1).transpose(0, 1).flatten(0, 1)
    torch.testing.assert_close(clip.visual._positions(2, 6)[1:], expected, atol=1e-6, rtol=1e-5)
    assert not torch.allclose(wide[1:], expected)


def test_text_is_causal(clip):
    tokens = torch.tensor([[18, 3, 4, 19, 0, 0, 0, 0]])
    tail = tokens.clone()
    tail[0, 4:] = 7
    torch.testing.assert_close(clip.encode_text(tokens), clip.encode_text(tail))
    head = tokens.clone()
    head[0, 1] = 5
    assert not torch.allclose(clip.encode_text(tokens), clip.encode_text(head))


def test_attention_is_the_standard_one(clip):
    attention = clip.transformer.resblocks[0].attn
    reference = torch.nn.MultiheadAttention(16, 2, batch_first=True)
    reference.load_state_dict(attention.state_dict())
    x = torch.randn(2, 5, 16)
    with torch.no_grad():
        torch.testing.assert_close(attention(x), reference(x, x, x)[0], atol=1e-5, rtol=1e-4)


def test_quick_gelu(clip):
    mlp = clip.transformer.resblocks[0].mlp
    x = torch.randn(1, 3, 16)
    hidden = mlp.c_fc(x)
    expected = mlp.c_proj(hidden / (1 + torch.exp(-1.702 * hidden)))
    torch.testing.assert_close(mlp(x), expected)
    assert not torch.allclose(mlp(x), mlp.c_proj(F.gelu(hidden)), atol=1e-5)


def test_logit_scale_is_the_published_start(clip):
    assert math.isclose(clip.logit_scale.item(), math.log(1 / 0.07), rel_tol=1e-6)


def test_gradients_flow_to_the_image(clip):
    images = torch.rand(1, 3, 64, 64, requires_grad=True)
    clip.visual(images).square().sum().backward()
    assert images.grad.abs().sum() > 0


def test_bfloat16_is_close(clip):
    images = torch.rand(1, 3, 64, 64)
    exact = clip.visual(images)
    set_compute_dtype(clip.visual, torch.bfloat16)
    rounded = clip.visual(images)
    assert rounded.dtype is torch.float32
    assert 0 < (rounded - exact).norm() / exact.norm() < 0.02
