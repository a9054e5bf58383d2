# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A flood of log lines becomes a few that say how many there were."""

import logging
from unittest.mock import create_autospec

import pytest
from rclpy.impl.rcutils_logger import RcutilsLogger

from semsplat_ros.nodes.common import log_forwarding
from semsplat_ros.nodes.common.log_forwarding import RosHandler, Throttle, without_digits
from semsplat_ros.nodes.common.notices import Notices


@pytest.fixture
def clock(monkeypatch):
    class Time:
        now = 100.0

        def monotonic(self) -> float:
            return self.now

    time = Time()
    monkeypatch.setattr(log_forwarding, "time", time)
    return time


def test_repeats_are_held_back_and_counted(clock, caplog):
    throttle, logger = Throttle(5.0), logging.getLogger("semsplat_ros.test")
    for _ in range(148):
        throttle.log(logger, logging.WARNING, "key", "left image dropped")
    throttle.log(logger, logging.WARNING, "other", "right image dropped")
    clock.now += 5.0
    throttle.log(logger, logging.WARNING, "key", "left image dropped")
    assert [r.getMessage() for r in caplog.records] == [
        "left image dropped",
        "right image dropped",
        "left image dropped (147 more)",
    ]
    throttle.forget()
    throttle.log(logger, logging.WARNING, "key", "left image dropped")
    assert caplog.records[-1].getMessage() == "left image dropped"


def test_log_that_cannot_be_written_is_no_failure():
    gone = create_autospec(RcutilsLogger, instance=True)
    gone.error.side_effect = BrokenPipeError
    RosHandler(gone).emit(logging.LogRecord("n", logging.ERROR, "f", 1, "text", None, None))
    gone.error.assert_called_once_with("text")


def test_notice_is_logged_when_it_is_new_not_when_its_numbers_run(clock, caplog):
    notices = Notices()
    for stamp in range(5):
        notices.set("target_frame", f"no transform at {stamp}.5")
    assert notices.texts() == ("no transform at 4.5",)
    assert len(caplog.records) == 1
    notices.set("target_frame", "")
    assert notices.texts() == ()
    clock.now += 60.0
    notices.set("target_frame", "no transform at 9.5")
    assert len(caplog.records) == 2
    notices.clear()
    assert notices.texts() == ()


def test_without_digits():
    assert without_digits("silent for 2.1 s") == "silent for . s"
