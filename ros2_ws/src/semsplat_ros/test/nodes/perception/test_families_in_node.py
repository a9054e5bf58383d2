# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Every upstream model in the node, at small size and with weights made from names: the same
topics, the same answers, and honest words about what it is."""

from dataclasses import replace

import numpy as np
import pytest

from semsplat_interfaces.srv import Query
from semsplat_ros.errors import ErrorCode
from semsplat_ros.families.lsm import lsm_by_rule
from semsplat_ros.families.spatialsplat import noposplat_by_rule, spatialsplat_by_rule
from semsplat_ros.networks.clip.clip import TINY_CLIP
from semsplat_ros.networks.lsm import TINY_LSM
from semsplat_ros.networks.spatialsplat import TINY_SPLAT
from test.families.test_pair_models import Words
from test.support.pair_models import tiny_pair_model
from test.support.perception_rig import FRAME, Rig, stamp_of, wait_until

pytestmark = [pytest.mark.ros, pytest.mark.timeout(120)]
LISTEN = ("instances", "points", "gaussians", "masks/left", "masks/right", "relative_pose")
PAIR_SIZE = (32, 48)
PATIENCE_S = 40.0
"""Small networks too take a while on a machine that is busy with other tests."""


def spatialsplat():
    clip = replace(TINY_CLIP, vocabulary=49408, context=16)
    return spatialsplat_by_rule(0, TINY_SPLAT, clip, (64, 64))


def lsm():
    clip = replace(TINY_LSM.lseg.clip, vocabulary=49408, context=16)
    config = replace(TINY_LSM, lseg=replace(TINY_LSM.lseg, clip=clip))
    return lsm_by_rule(0, config, (32, 64))


def pair(name):
    return lambda: tiny_pair_model(name, PAIR_SIZE, Words())


FAMILIES = {
    # Name: how it is made, has language, trained for metres.
    "spatialsplat": (spatialsplat, True, False),
    "noposplat": (lambda: noposplat_by_rule(0, TINY_SPLAT, (64, 64)), False, False),
    "lsm": (lsm, True, False),
    "dust3r": (pair("dust3r"), False, False),
    "mast3r": (pair("mast3r"), False, True),
    "splatt3r": (pair("splatt3r"), False, True),
    "gsemsplat": (pair("gsemsplat"), True, True),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_pair_goes_in_and_everything_comes_out(ros_graph, name):
    make, has_language, metric = FAMILIES[name]
    vocabulary = ["chair", "table"] if has_language else [""]
    rig = Rig(
        ros_graph,
        make(),
        listen=LISTEN,
        **{"semantics.vocabulary": vocabulary, "instance.min_points": 4},
    )
    assert wait_until(lambda: rig.node.state_label == "active", PATIENCE_S)
    rig.wait_active()
    header = rig.send()
    messages = {topic: rig.of_stamp(topic, header, PATIENCE_S) for topic in LISTEN[:-1]}
    for topic, message in messages.items():
        assert message is not None, (topic, rig.facts())
        assert message.header.frame_id == FRAME, topic
        assert stamp_of(message) == header.stamp, topic

    info = messages["instances"].info
    assert info.model == f"{name}-rule"
    expected = info.SCALE_MODEL if metric else info.SCALE_RELATIVE
    assert info.scale_status == expected
    assert info.intrinsics_source == info.INTRINSICS_ESTIMATED
    # Points from weights that mean nothing may allow no pose: then none is published.
    failed = rig.node.pipeline.current.perception.scene.cameras.failed
    assert bool(rig.of_stamp("relative_pose", header, 0.5 if failed else 5.0)) != bool(failed)

    height, width = rig.model.info.image_size
    gaussians = messages["gaussians"]
    assert 0 < gaussians.count <= 2 * height * width
    assert len(gaussians.positions) == 3 * gaussians.count
    if len(gaussians.importances):
        # The selection of the SpatialSplat paper: what is not selected is not sent.
        assert min(gaussians.importances) > 0.5
        assert gaussians.count < 2 * height * width
    ids = {instance.id for instance in messages["instances"].instances}
    for side in ("left", "right"):
        mask = messages[f"masks/{side}"]
        assert (mask.height, mask.width) == (128, 160)
        assert set(np.frombuffer(mask.data, np.uint16).tolist()) <= ids | {0}

    request = Query.Request(text="find the chair")
    answer = rig.call(Query, "query", request, PATIENCE_S)
    if has_language:
        assert answer.error.code in (ErrorCode.OK, ErrorCode.NOT_FOUND), answer.error.message
        assert answer.header.stamp == header.stamp
        assert answer.concept == "chair"
    else:
        assert answer.error.code == ErrorCode.NO_LANGUAGE_MODEL
        assert name in answer.error.message
