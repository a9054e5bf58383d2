# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The node runs a model that another package registers."""

import pytest

from semsplat_ros.nodes.perception.model_loading import load_configured_model
from test.families.test_registry import MODULE, elsewhere, install  # noqa: F401  (a fixture)
from test.support.perception_rig import Rig

pytestmark = [pytest.mark.ros, pytest.mark.timeout(60)]


def test_the_node_answers_with_a_model_from_outside(ros_graph, elsewhere):  # noqa: F811
    install(elsewhere, "toy", MODULE.format(name="toy"))
    rig = Rig(ros_graph, load=load_configured_model, **{"model.name": "toy"}).wait_active()
    rig.send_infos()
    rig.of_stamp("instances", rig.send())
    answer = rig.query("chair")
    assert answer.error.code == answer.error.OK
    assert answer.info.model.startswith("fake")
