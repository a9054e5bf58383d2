# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""LSeg at a small size, its names at the official one, and the two sides of its text space."""

from dataclasses import replace

import pytest
import torch

from semsplat_ros.families.base import TextEncoder
from semsplat_ros.families.weights.tensor_lists import tensor_list
from semsplat_ros.networks.clip.clip import TINY_CLIP, Clip
from semsplat_ros.networks.clip.text_tower import ClipTextEncoder
from semsplat_ros.networks.lseg import TINY_LSEG, Lseg
from semsplat_ros.networks.precision import set_compute_dtype


def tiny() -> Lseg:
    torch.manual_seed(0)
    net = Lseg(TINY_LSEG).eval()
    for p in net.parameters():
        p.data = torch.randn(p.shape, dtype=p.dtype) * 0.1
    return net


def test_official_names_and_shapes():
    with torch.device("meta"):
        ours = {name: tuple(t.shape) for name, t in Lseg().state_dict().items()}
    official = {name: spec.shape for name, spec in tensor_list("lseg").tensors.items()}
    assert ours == official


@pytest.mark.parametrize("size", [(32, 32), (64, 96), (96, 64)])
def test_features_are_half_the_size(size):
    images = torch.rand(3, 3, *size) * 2 - 1
    with torch.no_grad():
        dense = tiny()(images)
    assert dense.shape == (3, TINY_LSEG.out_channels, size[0] // 2, size[1] // 2)
    assert dense.dtype == torch.float32


def test_a_image_does_not_depend_on_its_neighbours_in_the_batch():
    images = torch.rand(3, 3, 64, 32)
    net = tiny()
    with torch.no_grad():
        torch.testing.assert_close(net(images)[1:2], net(images[1:2]))


@pytest.mark.parametrize("size", [(48, 64), (64, 80)])
def test_sides_that_do_not_fit_are_refused(size):
    with pytest.raises(ValueError, match="32"):
        tiny()(torch.rand(1, 3, *size))


def test_nothing_that_is_dropped_was_used():
    images = torch.rand(1, 3, 64, 64)
    net = tiny()
    with torch.no_grad():
        before = net(images)
        net.drop_unused()
        assert torch.equal(net(images), before)
    assert not any("visual" in name or "head." in name for name in net.state_dict())


def test_every_other_parameter_has_a_gradient():
    net = tiny().train()
    net.drop_unused()
    net(torch.rand(2, 3, 64, 64)).square().mean().backward()
    without = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    unread = ("clip_pretrained.", "scratch.refinenet4.resConfUnit1.")
    assert [n for n in without if not n.startswith(unread)] == []


def test_pooled_tokens_are_means_view_after_view():
    dense = torch.rand(4, 2, 16, 24)
    tokens = tiny().pooled_tokens(dense, views=2)
    assert tokens.shape == (2, 2 * 2 * 3, 2)
    torch.testing.assert_close(tokens[1, 6 + 4], dense[3, :, 8:16, 8:16].mean((1, 2)))


def test_the_position_table_is_used_as_it_is_at_its_own_size():
    vit = tiny().pretrained.model
    side = TINY_LSEG.table_side
    torch.testing.assert_close(vit._positions(side, side), vit.pos_embed)
    bigger = vit._positions(2 * side, side)
    assert torch.equal(bigger[:, 0], vit.pos_embed[:, 0])
    torch.testing.assert_close(bigger[:, 1], vit.pos_embed[:, 1])  # corners stay


def test_bfloat16_stays_close():
    net = tiny()
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        full = net(images)
        set_compute_dtype(net, torch.bfloat16)
        half = net(images)
    assert (half - full).norm() < 0.03 * full.norm()


def encoder() -> ClipTextEncoder:
    torch.manual_seed(0)
    clip = Clip(replace(TINY_CLIP, vocabulary=49408, context=16)).eval()
    for p in clip.parameters():
        p.data.normal_(std=0.3)
    return ClipTextEncoder(clip)


def test_texts_become_unit_rows():
    texts = encoder()
    assert isinstance(texts, TextEncoder)
    rows = texts.encode(["chair", "a red chair", "CHAIR", ""])
    assert rows.shape == (4, texts.dimension)
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(4))
    torch.testing.assert_close(rows[0], rows[2])
    assert (rows[0] - rows[1]).norm() > 1e-2
    assert texts.encode([]).shape == (0, texts.dimension)


def test_many_texts_are_the_same_as_one_by_one():
    texts = encoder()
    words = [f"thing {i}" for i in range(70)]
    together = texts.encode(words)
    torch.testing.assert_close(together[69:], texts.encode(words[69:]), atol=1e-5, rtol=1e-4)
