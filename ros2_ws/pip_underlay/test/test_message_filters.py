# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The part of message_filters that semsplat relies on; passes against the ROS package too."""

import threading

import pytest
from message_filters import (
    ApproximateTimeSynchronizer,
    SimpleFilter,
    Subscriber,
    TimeSynchronizer,
)
from rclpy.node import Node
from sensor_msgs.msg import Image


def image(nanoseconds: int) -> Image:
    message = Image()
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(nanoseconds, 10**9)
    return message


def stamps(pairs: list[tuple[Image, Image]]) -> list[tuple[int, ...]]:
    return [tuple(m.header.stamp.sec * 10**9 + m.header.stamp.nanosec for m in p) for p in pairs]


class Pairs:
    """Two filters, a synchroniser made of them and the pairs that came out."""

    def __init__(self, make, *args, **kwargs) -> None:
        self.left, self.right = SimpleFilter(), SimpleFilter()
        self.out: list[tuple[Image, Image]] = []
        self.synchronizer = make([self.left, self.right], *args, **kwargs)
        self.synchronizer.registerCallback(lambda *pair: self.out.append(pair))

    def feed(self, sequence: str) -> list[tuple[int, ...]]:
        """'l100 r103': left with stamp 100 ms, then right with stamp 103 ms; stamps in ms."""
        for word in sequence.split():
            side = self.left if word[0] == "l" else self.right
            side.signalMessage(image(int(word[1:]) * 10**6))
        return [tuple(stamp // 10**6 for stamp in pair) for pair in stamps(self.out)]


def test_a_filter_passes_registered_arguments_after_the_message() -> None:
    seen = []
    source = SimpleFilter()
    source.registerCallback(lambda *args: seen.append(args), "left", 7)
    source.registerCallback(lambda *args: seen.append(args))
    source.signalMessage("a", "b")
    assert seen == [("a", "b", "left", 7), ("a", "b")]


def test_a_subscriber_passes_the_messages_of_its_topic_on(spinning_node: Node) -> None:
    seen: list[Image] = []
    came = threading.Event()
    source = Subscriber(spinning_node, Image, "images", qos_profile=5)
    source.registerCallback(lambda message: (seen.append(message), came.set()))
    assert source.getTopic() == "images"
    publisher = spinning_node.create_publisher(Image, "images", 5)
    for _ in range(100):
        publisher.publish(image(7))
        if came.wait(0.1):
            break
    assert seen[0].header.stamp.nanosec == 7
    assert spinning_node.destroy_subscription(source.sub)


def test_three_filters_make_a_set_of_three() -> None:
    sources = [SimpleFilter() for _ in range(3)]
    out: list[tuple[int, ...]] = []
    synchronizer = ApproximateTimeSynchronizer(sources, 5, 0.01)
    synchronizer.registerCallback(lambda *messages: out.extend(stamps([messages])))
    for source, stamp in zip(sources, (0, 9_000_000, -9_000_000), strict=True):
        source.signalMessage(image(10**9 + stamp))
    assert out == [], "the second and the third are too far apart"
    sources[2].signalMessage(image(10**9 + 1_000_000))
    assert out == [(10**9, 10**9 + 9_000_000, 10**9 + 1_000_000)]


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        ("l1 r1", [(1, 1)]),
        ("r1 l1", [(1, 1)]),
        ("l1 r2", []),
        ("l1 l2 r2", [(2, 2)]),
        ("l1 l2 l3 l4 r1 r4", [(4, 4)]),  # a queue of 3 has forgotten 1
        ("l1 l1 r1 r1", [(1, 1)]),
    ],
)
def test_time_synchronizer_matches_equal_stamps(sequence: str, expected: list) -> None:
    assert Pairs(TimeSynchronizer, 3).feed(sequence) == expected


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        ("l100 r105", [(100, 105)]),
        ("r105 l100", [(100, 105)]),
        ("l100 r119", [(100, 119)]),
        ("l100 r120", []),  # less than slop, not equal to it
        ("l100 l110 r111", [(110, 111)]),  # the nearest
        ("l100 l110 r111 r101", [(110, 111), (100, 101)]),
        ("l100 l200 l300 l400 r101", []),
        ("l100 r101 r102", [(100, 101)]),  # a message is used once
    ],
)
def test_approximate_synchronizer_matches_within_slop(sequence: str, expected: list) -> None:
    assert Pairs(ApproximateTimeSynchronizer, 3, 0.02).feed(sequence) == expected


def test_what_waits_is_in_the_queues_by_its_nanoseconds() -> None:
    pairs = Pairs(ApproximateTimeSynchronizer, 3, 0.02)
    pairs.feed("l100 l110 r111 r300")
    assert [sorted(queue) for queue in pairs.synchronizer.queues] == [[100000000], [300000000]]
    pairs.synchronizer.queues[0].clear()  # and may be taken out
    assert pairs.feed("r102") == [(110, 111)]


def test_three_inputs_need_all_within_slop() -> None:
    filters = [SimpleFilter() for _ in range(3)]
    out: list = []
    ApproximateTimeSynchronizer(filters, 5, 0.02).registerCallback(lambda *s: out.append(s))
    for source, milliseconds in zip(filters, (100, 115, 130), strict=True):
        source.signalMessage(image(milliseconds * 10**6))
    assert out == []
    filters[0].signalMessage(image(118 * 10**6))
    assert stamps(out) == [(118000000, 115000000, 130000000)]


def test_messages_without_header_need_allow_headerless() -> None:
    refused = Pairs(ApproximateTimeSynchronizer, 5, 1.0)
    refused.left.signalMessage("l")
    refused.right.signalMessage("r")
    assert refused.out == []
    taken = Pairs(ApproximateTimeSynchronizer, 5, 1.0, allow_headerless=True)
    taken.left.signalMessage("l")
    taken.right.signalMessage("r")
    assert taken.out == [("l", "r")]
