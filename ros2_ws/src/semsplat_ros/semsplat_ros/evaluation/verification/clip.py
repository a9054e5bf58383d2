# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""CLIP ViT-B/16: dense image features and text features."""

import torch
from jaxtyping import Float
from torch import Tensor

from semsplat_ros.evaluation.verification.golden import Recorder
from semsplat_ros.evaluation.verification.inputs import splat_inputs
from semsplat_ros.evaluation.verification.loading import load_by_rule
from semsplat_ros.families.weights.named_weights import SPLAT_RULE
from semsplat_ros.networks.clip.clip import Clip
from semsplat_ros.networks.clip.tokenizer import tokenize

LIMIT = 2e-5


def clip(recorder: Recorder, seed: int) -> None:
    """Both towers on the images and tokens of the golden file."""
    shape = recorder.golden.shape("clip/input")
    images = splat_inputs(seed, shape[0], shape[-1]).images
    model = load_by_rule(Clip, "clip_vitb16", seed, SPLAT_RULE)
    dense_features(recorder, model, images[0])
    text_features(recorder, model)


def dense_features(
    recorder: Recorder, model: Clip, images: Float[Tensor, "v 3 h w"]
) -> Float[Tensor, "v d rows columns"]:
    """Features of images in -1..1, compared stage by stage."""
    tower = model.visual
    original_images = images * 0.5 + 0.5
    recorder.compare("clip/input", original_images, LIMIT)
    hooks = [
        tower.ln_pre.register_forward_hook(
            lambda _m, _i, out: recorder.compare("clip/ln_pre", out, LIMIT)
        )
    ]
    for i, block in enumerate(tower.transformer.resblocks[:-1]):
        name = f"clip/resblock{i}_LND"
        hooks.append(
            block.register_forward_hook(
                lambda _m, _i, out, name=name: recorder.compare(name, out.transpose(0, 1), LIMIT)
            )
        )
    dense = tower(original_images)
    for hook in hooks:
        hook.remove()
    recorder.compare("clip/dense_features", dense, LIMIT)
    return dense


def text_features(recorder: Recorder, model: Clip) -> None:
    """Tokens of the recorded words, and the features of the recorded tokens."""
    if "clip/text_tokens" not in recorder.golden.arrays:
        return
    recorded = torch.from_numpy(recorder.golden.array("clip/text_tokens")).long()
    words = [str(word) for word in recorder.golden.array("clip/text_labels")]
    recorder.used_as_input("clip/text_labels", "words that are tokenised")
    recorder.compare_array("clip/text_tokens", tokenize(words, model.config.context), 0.0)
    recorder.compare("clip/text_features", model.encode_text(recorded), LIMIT)
