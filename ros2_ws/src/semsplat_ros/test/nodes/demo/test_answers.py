# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import json

import numpy as np
import pytest

from semsplat_interfaces.msg import SceneInfo
from semsplat_interfaces.srv import Query
from semsplat_ros.errors import ErrorCode
from semsplat_ros.nodes.common.conversions import to_header
from semsplat_ros.nodes.demo.answers import Answer, as_json
from semsplat_ros.nodes.outputs import scene_messages
from semsplat_ros.scene import Match, ObjectInstance


def answered(code: ErrorCode, center=(-0.42, -0.45, 2.31), score=0.83, text="") -> Answer:
    instance = ObjectInstance(3, center, center, (0.5, 1.0, 0.6), 100, 0.9, (), "chair", 1, 0.8)
    response = Query.Response(error=scene_messages.error(code, text), concept="chair")
    response.header = to_header(12_000_000_034, "left_camera_optical")
    response.info.scale_status = SceneInfo.SCALE_BASELINE
    response.matches = [scene_messages.to_match(Match(instance, score, 0.4))]
    if code is ErrorCode.OK:
        response.goal.object_pose = response.matches[0].instance.box_center
    return Answer("find the chair", response, 61.4)


def test_sentence_of_what_was_found():
    expected = "chair: 2.31 m ahead, 0.42 m left, 0.45 m up (score 0.83), 61 ms"
    assert answered(ErrorCode.OK).sentence() == expected
    other = answered(ErrorCode.OK, center=(0.1, 0.2, 1.0))
    assert "0.10 m right, 0.20 m down" in other.sentence()


def test_places_in_the_nodes_target_frame_are_seen_from_the_camera():
    # The camera stands at (5, 0, 1) of the room and looks along its x axis.
    left_from_room = np.array([[0, -1, 0, 0], [0, 0, -1, 1], [1, 0, 0, -5], [0, 0, 0, 1.0]])
    seen = answered(ErrorCode.OK, center=(7.31, 0.42, 1.45))
    answer = dataclasses.replace(seen, left_from_answer=left_from_room)
    assert answer.sentence().startswith("chair: 2.31 m ahead, 0.42 m left, 0.45 m up")
    assert answer.as_json()["position"] == pytest.approx([-0.42, -0.45, 2.31])
    assert answer.as_json()["box_center"] == pytest.approx([-0.42, -0.45, 2.31])
    assert answer.as_json()["box_size"] == pytest.approx([0.5, 1.0, 0.6])


def test_places_without_metres_say_so():
    answer = answered(ErrorCode.OK)
    answer.response.info.scale_status = SceneInfo.SCALE_RELATIVE
    assert " m " not in answer.sentence()
    assert "scale unknown" in answer.sentence()


def test_sentence_of_what_was_not_found_names_the_best_candidate():
    told = "no 'chair' above 0.25; best was 'stool' 0.19"
    answer = answered(ErrorCode.NOT_FOUND, score=0.19, text=told)
    assert answer.sentence() == f"chair: not found ({told}), 61 ms"


def test_refusal_gives_its_reason():
    response = Query.Response(
        error=scene_messages.error(ErrorCode.EMPTY_TEXT, "the text names nothing")
    )
    assert Answer("", response, 1.0).sentence() == "'': EMPTY_TEXT, the text names nothing, 1 ms"
    assert Answer("", response, 1.0).as_json()["score"] == 0.0


@pytest.mark.parametrize("code", [ErrorCode.OK, ErrorCode.NOT_FOUND])
def test_json(code):
    written = json.loads(json.dumps(as_json(7, 3.2, [answered(code)])))
    (query,) = written["queries"]
    assert (written["seed"], written["setup_s"]) == (7, 3.2)
    assert query["error"] == code.name
    if code is ErrorCode.OK:
        assert query["position"] == pytest.approx([-0.42, -0.45, 2.31])
        assert query["box_size"] == pytest.approx([0.5, 1.0, 0.6])
    else:
        assert query["position"] is query["box_center"] is query["box_size"] is None
    assert answered(code).stamp_ns == 12_000_000_034
