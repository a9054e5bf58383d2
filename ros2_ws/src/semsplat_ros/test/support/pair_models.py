# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Small models of a pair, with weights made from names."""

from typing import Any

from semsplat_ros.families.dust3r import pair_model_by_rule
from semsplat_ros.families.gsemsplat import gsemsplat_by_rule
from semsplat_ros.families.splatt3r import splatt3r_by_rule
from semsplat_ros.networks.croco import TINY_CROCO
from semsplat_ros.networks.dpt import TINY_DPT


def tiny_pair_model(
    name: str, image_size: tuple[int, int], text_encoder: Any = None, **options: Any
) -> Any:
    """DUSt3R, MASt3R, Splatt3R or GSemSplat, a few layers each."""
    sizes = {"config": TINY_CROCO, "dpt": TINY_DPT, "image_size": image_size, **options}
    if name == "gsemsplat":
        return gsemsplat_by_rule(text_encoder=text_encoder, **sizes)
    if name == "splatt3r":
        return splatt3r_by_rule(**sizes)
    return pair_model_by_rule(name, **sizes)
