# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Services without a graph: the queue of queries, vocabularies, refusals."""

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from std_srvs.srv import Trigger

from semsplat_interfaces.srv import Query, SetVocabulary
from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.nodes.common.callback_guard import CallbackGuard
from semsplat_ros.nodes.perception.label_changes import changed_labels
from semsplat_ros.nodes.perception.services import BusyError, Pending, refuse_coded, refuse_trigger
from test.support.perception_rig import wait_until

ASK = SetVocabulary.Request


def hold(pending: Pending, count: int, release: threading.Event) -> list[threading.Thread]:
    """Threads that are inside, one running, the others waiting."""

    def body():
        with pending.enter(8, 5.0):
            release.wait(5.0)

    threads = [threading.Thread(target=body) for _ in range(count)]
    for thread in threads:
        thread.start()
    assert wait_until(lambda: pending._waiting == count)
    return threads


def test_ninth_query_is_busy_and_told_when_to_come_back():
    pending, release = Pending(), threading.Event()
    threads = hold(pending, 8, release)
    with pytest.raises(BusyError) as caught, pending.enter(8, 5.0):
        pass
    response = refuse_coded(Query.Response(), caught.value)
    assert response.error.code == ErrorCode.BUSY
    assert "query.max_pending" in response.error.message
    assert response.retry_after.nanosec > 0
    assert pending.refused == 1
    release.set()
    for thread in threads:
        thread.join()
    with pending.enter(8, 5.0):
        pass
    assert len(pending.seconds) == 9


def test_query_that_waits_too_long_times_out_and_frees_its_place():
    pending, release = Pending(), threading.Event()
    threads = hold(pending, 1, release)
    with pytest.raises(SemsplatError) as caught, pending.enter(8, 0.05):
        pass
    assert caught.value.code == ErrorCode.TIMEOUT
    assert pending._waiting == 1
    release.set()
    threads[0].join()


def test_query_that_raises_frees_its_place():
    pending = Pending()
    with pytest.raises(ValueError, match="inside"), pending.enter(1, 1.0):
        raise ValueError("inside")
    with pending.enter(1, 1.0):
        pass


def test_guard_turns_exceptions_into_answers():
    guard = CallbackGuard()

    def refused(_request, _response):
        raise SemsplatError(ErrorCode.NO_SCENE_YET, "none")

    def broken(_request, response):
        response.concept = "half filled"
        return 1 / 0

    answer = guard.service("query", refused, refuse_coded)(None, Query.Response())
    assert (answer.error.code, guard.count) == (ErrorCode.NO_SCENE_YET, 0)
    answer = guard.service("query", broken, refuse_coded)(None, Query.Response())
    assert answer.error.code == ErrorCode.INTERNAL
    assert answer.concept == ""
    assert "Traceback" not in answer.error.message
    assert guard.count == 1
    answer = guard.service("reset", broken, refuse_trigger)(None, Trigger.Response())
    assert not answer.success
    assert answer.message.startswith("INTERNAL")


def test_reference_in_the_answer_is_in_the_log(caplog):
    error = CallbackGuard().caught("query", KeyError("x"))
    reference = caplog.records[-1].getMessage().split("]")[0].strip("[")
    assert reference in error.message
    assert "KeyError" in caplog.records[-1].getMessage()


def test_guarded_callback_swallows_and_counts():
    guard = CallbackGuard()
    guard.callback("timer", lambda: 1 / 0)()
    assert guard.count == 1
    assert guard.last.code == ErrorCode.INTERNAL


def test_vocabulary_modes():
    old = ("chair", "red mug")
    assert changed_labels(old, ASK.REPLACE, ("sofa",)) == (("sofa",), [])
    assert changed_labels(old, ASK.ADD, (" tall   lamp ",)) == ((*old, "tall lamp"), [])
    assert changed_labels(old, ASK.REMOVE, ("CHAIR",)) == (("red mug",), [])


@pytest.mark.parametrize(
    ("mode", "asked", "reason"),
    [
        (ASK.REPLACE, ("sofa", "Sofa"), "given twice"),
        (ASK.REPLACE, ("  ",), "blank"),
        (ASK.REPLACE, ("a\x07b",), "not printable"),
        (ASK.ADD, ("x" * 257,), "257 characters"),
        (ASK.ADD, ("CHAIR",), "already"),
        (ASK.REMOVE, ("sofa",), "not in the vocabulary"),
        (ASK.REPLACE, ("unlabelled",), "reserved"),
    ],
)
def test_refused_labels_are_named_with_a_reason(mode, asked, reason):
    _, rejected = changed_labels(("chair",), mode, asked)
    assert len(rejected) == 1
    assert reason in rejected[0]


def test_unknown_mode_is_refused():
    with pytest.raises(SemsplatError, match="mode 7"):
        changed_labels((), 7, ("x",))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("abc ", min_size=1, max_size=4)), st.sampled_from([0, 1, 2]))
def test_new_labels_are_unique_and_clean(asked, mode):
    labels, rejected = changed_labels(("a", "b c"), mode, tuple(asked))
    assert len({label.casefold() for label in labels}) == len(labels)
    assert all(label == " ".join(label.split()) != "" for label in labels)
    if mode == ASK.REPLACE:
        assert len(labels) + len(rejected) == len(asked)
