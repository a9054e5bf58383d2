# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Matching with the installed message_filters and with one that has all known faults."""

import array
import threading
from collections.abc import Iterable

import message_filters
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sensor_msgs.msg import CompressedImage, Image

from semsplat_ros.errors import SemsplatError
from semsplat_ros.nodes.inputs.image_set import ImageSet, NewestSetSlot
from semsplat_ros.nodes.inputs.stream_counters import JUMP_BACK_NS, Drop, DropReason
from semsplat_ros.nodes.inputs.synchronization import ImageSynchronizer
from test.support import stock_synchronizers

MS = 1_000_000
SECOND = 1000 * MS
START = 100 * SECOND
PAIR = ("left", "right")
TRIPLE = ("front", "rear", "top")


@pytest.fixture(params=["installed", "faulty"], autouse=True)
def synchronizers(request, monkeypatch):
    """Every test runs with both; the guards must not need either to be good."""
    if request.param == "faulty":
        for name in ("TimeSynchronizer", "ApproximateTimeSynchronizer"):
            monkeypatch.setattr(message_filters, name, getattr(stock_synchronizers, name))


def image(stamp_ns: int, name: str = "") -> Image:
    """The smallest valid image."""
    message = Image(height=1, width=1, encoding="mono8", step=1, data=array.array("B", [7]))
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, SECOND)
    message.header.frame_id = name
    return message


def feed(guard: ImageSynchronizer, side: int, stamp_ns: int, name: str = "") -> ImageSet | None:
    guard.receive(guard._cameras[side], image(stamp_ns, name))
    return guard.take()


def feed_pairs(guard: ImageSynchronizer, start: int, count: int, period: int = 33 * MS) -> int:
    """All streams in step; how many pairs or larger sets came."""
    got = 0
    for index in range(count):
        for side in range(len(guard._cameras)):
            got += feed(guard, side, start + index * period) is not None
    return got


def in_time(function, *args, seconds: float = 20.0) -> None:
    """Run in a thread; a deadlock fails the test instead of hanging it."""
    thread = threading.Thread(target=function, args=args, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "blocked"


# --- the four faults of the stock synchronisers ---


def break_append(guard: ImageSynchronizer) -> None:
    """Make the synchroniser's callback raise once, as a bug in it would."""

    class Broken(list):
        def append(self, item):
            raise RuntimeError("a bug")

    guard._matcher._complete = Broken()


@pytest.mark.parametrize("max_offset", [0.0, 0.02])
def test_fault_1_an_exception_inside_the_synchroniser_does_not_block_the_next_message(max_offset):
    guard = ImageSynchronizer(PAIR, max_offset, 5)
    break_append(guard)

    pairs = []
    in_time(lambda: pairs.append(feed_pairs(guard, START, 1)))
    assert guard.counters.streams["right"].dropped == {DropReason.FAILED: 1}
    in_time(lambda: pairs.append(feed_pairs(guard, START + SECOND, 10)))
    assert pairs == [0, 10]


@pytest.mark.parametrize("max_offset", [0.0, 0.02])
@pytest.mark.parametrize(
    ("sec", "nanosec", "reason"),
    [
        (-1, 0, DropReason.BAD_STAMP),
        (-(2**31), 5, DropReason.BAD_STAMP),
        (100, 10**9, DropReason.BAD_STAMP),
        (100, 2**32 - 1, DropReason.BAD_STAMP),
        (0, 0, DropReason.ZERO_STAMP),
    ],
)
def test_fault_1_bad_stamps_never_reach_the_synchroniser(max_offset, sec, nanosec, reason):
    drops: list[Drop] = []
    guard = ImageSynchronizer(PAIR, max_offset, 5, on_drop=drops.append)
    bad = image(START)
    bad.header.stamp.sec, bad.header.stamp.nanosec = sec, nanosec

    in_time(guard.receive, "left", bad)
    in_time(guard.receive, "right", bad)
    in_time(feed_pairs, guard, START, 3)
    assert [(drop.stream, drop.reason) for drop in drops] == [("left", reason), ("right", reason)]
    assert guard.counters.streams["left"].dropped == {reason: 1}
    assert guard.counters.sets == 3


@pytest.mark.parametrize("max_offset", [0.0, 0.02])
@pytest.mark.parametrize("back", [2 * SECOND, 3600 * SECOND, 500 * MS])
def test_fault_2_pairs_go_on_after_time_was_set_back(max_offset, back):
    """A recording in a loop; a short one is found out by many older stamps in a row."""
    queue = 5
    guard = ImageSynchronizer(PAIR, max_offset, queue)
    end = START + 4000 * SECOND
    assert feed_pairs(guard, end - 90 * 33 * MS, 90) == 90
    for extra in range(queue):  # fill one queue with later stamps
        feed(guard, 0, end + extra * MS)
    again = feed_pairs(guard, end - back, 90)
    assert again >= 90 - (queue + 1)
    counters = guard.counters
    assert counters.resets >= 1
    assert "went back" in counters.last_reset
    assert counters.streams["left"].waiting <= queue


def test_fault_2_one_stray_stamp_of_the_future_costs_one_reset():
    guard = ImageSynchronizer(PAIR, 0.02, 5)
    feed_pairs(guard, START, 10)
    feed(guard, 1, START + 3600 * SECOND)
    assert feed_pairs(guard, START + SECOND, 10) >= 9
    assert guard.counters.resets == 1


def test_fault_3_tolerance_zero_takes_the_exact_synchroniser(monkeypatch):
    def never(*args):
        raise AssertionError("approximate")

    monkeypatch.setattr(message_filters, "ApproximateTimeSynchronizer", never)
    assert feed_pairs(ImageSynchronizer(PAIR, 0.0, 5), START, 3) == 3


def test_fault_3_tolerance_zero_matches_equal_stamps_only():
    guard = ImageSynchronizer(PAIR, 0.0, 5)
    assert feed_pairs(guard, START, 10) == 10
    feed(guard, 0, START + SECOND)
    assert feed(guard, 1, START + SECOND + 1) is None


@pytest.mark.parametrize("max_offset", [0.001, 0.02, 0.1, 0.333333333, 1.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_fault_3_the_tolerance_is_inclusive_to_the_nanosecond(max_offset, sign):
    most = round(max_offset * SECOND)
    guard = ImageSynchronizer(PAIR, max_offset, 5)
    feed(guard, 0, START)
    assert feed(guard, 1, START + sign * (most + 1)) is None
    assert (guard.counters.streams["left"].waiting, guard.counters.streams["right"].waiting) == (
        1,
        1,
    )
    guard = ImageSynchronizer(PAIR, max_offset, 5)
    feed(guard, 0, START)
    pair = feed(guard, 1, START + sign * most)
    assert pair is not None
    assert pair.spread == max_offset
    assert pair.stamps_ns[1] - pair.stamp_ns == sign * most


def test_fault_4_a_busy_consumer_stalls_no_stream():
    """The consumer keeps the first pair for ever; callbacks go on and the newest pair waits."""
    guard = ImageSynchronizer(PAIR, 0.02, 5)
    taken, let_go = threading.Event(), threading.Event()

    def consumer():
        assert guard.wait(20.0)
        guard.take()
        taken.set()
        let_go.wait(20.0)

    thread = threading.Thread(target=consumer, daemon=True)
    thread.start()

    def send(start: int, count: int) -> None:
        for index in range(count):
            guard.receive("left", image(start + index * 33 * MS))
            guard.receive("right", image(start + index * 33 * MS))

    send(START, 1)
    assert taken.wait(20.0)
    in_time(send, START + SECOND, 50)
    pair = guard.take()
    assert pair.stamp_ns == START + SECOND + 49 * 33 * MS
    assert guard.counters.sets == 51
    assert guard.counters.sets_dropped == 49
    let_go.set()
    thread.join(20.0)


@pytest.mark.parametrize("side", [0, 1])
def test_fault_4_a_slow_drop_listener_stalls_no_stream(side):
    inside, let_go = threading.Event(), threading.Event()

    def listener(drop):
        inside.set()
        let_go.wait(20.0)

    guard = ImageSynchronizer(PAIR, 0.02, 5, on_drop=listener)
    thread = threading.Thread(target=guard.receive, args=(PAIR[side], image(0)), daemon=True)
    thread.start()
    assert inside.wait(20.0)
    in_time(feed_pairs, guard, START, 3)
    assert guard.counters.sets == 3
    let_go.set()
    thread.join(20.0)


# --- validation ---


def test_images_that_cannot_be_used_are_dropped_with_their_reason():
    drops: list[Drop] = []
    guard = ImageSynchronizer(PAIR, 0.02, 5, max_pixels=100, on_drop=drops.append)
    large = Image(
        height=11, width=10, encoding="mono8", step=10, data=array.array("B", bytes(110))
    )
    short = image(START)
    short.data = array.array("B")
    unknown = image(START)
    unknown.encoding = "jpeg2000"
    no_file = CompressedImage(format="jpeg", data=array.array("B", b"GIF89a"))
    words = ("max_pixels", "0 bytes", "jpeg2000", "47 49 46")
    for message in (large, short, unknown, no_file):
        message.header.stamp.sec = 100
        guard.receive("left", message)
    assert [drop.reason for drop in drops] == [DropReason.REFUSED] * 4
    for word, drop in zip(words, drops, strict=True):
        assert word in drop.message
    assert feed(guard, 1, START) is None
    assert feed(guard, 0, START) is not None


def test_a_drop_that_repeats_says_so_until_a_good_message_comes():
    drops: list[Drop] = []
    guard = ImageSynchronizer(PAIR, 0.02, 5, on_drop=drops.append)
    guard.receive("left", image(0))
    guard.receive("right", image(0))
    guard.receive("left", image(0))
    guard.receive("left", image(START))
    guard.receive("left", image(0))
    assert [drop.repeated for drop in drops] == [False, False, True, False]


def test_a_listener_that_raises_does_no_harm():
    def listener(drop):
        raise RuntimeError("a bug in the listener")

    guard = ImageSynchronizer(PAIR, 0.02, 5, on_drop=listener)
    guard.receive("left", image(0))
    assert feed_pairs(guard, START, 3) == 3


@pytest.mark.parametrize("max_offset", [-0.1, float("nan"), float("inf")])
def test_a_tolerance_that_is_none_is_refused(max_offset):
    with pytest.raises(SemsplatError):
        ImageSynchronizer(PAIR, max_offset, 5)
    guard = ImageSynchronizer(PAIR, 0.02, 5)
    with pytest.raises(SemsplatError):
        guard.set_max_offset(max_offset)
    assert feed_pairs(guard, START, 1) == 1


# --- order, duplicates, changes ---


def test_a_duplicate_replaces_the_waiting_message_and_never_makes_a_second_pair():
    guard = ImageSynchronizer(PAIR, 0.02, 5)
    feed(guard, 0, START, "first")
    feed(guard, 0, START, "second")
    pair = feed(guard, 1, START)
    assert pair.header.frame_id == "second"
    assert feed(guard, 0, START) is None
    assert feed(guard, 1, START) is None
    counters = guard.counters
    assert counters.streams["left"].duplicates == 1
    assert counters.streams["left"].dropped == {DropReason.LATE: 1}
    assert counters.streams["right"].dropped == {DropReason.LATE: 1}


def test_pairs_never_go_back_in_time():
    """9 waits, 10 pairs with 12; 13 is near enough to 9 but must wait for a later left image."""
    guard = ImageSynchronizer(PAIR, 0.004, 5)
    feed(guard, 0, START + 9 * MS)
    feed(guard, 0, START + 10 * MS)
    assert feed(guard, 1, START + 12 * MS).stamp_ns == START + 10 * MS
    assert feed(guard, 1, START + 13 * MS) is None
    assert feed(guard, 0, START + 14 * MS).stamps_ns[1] == START + 13 * MS
    assert guard.counters.streams["left"].unmatched == 1


def test_one_silent_stream_keeps_memory_bounded_and_counts_the_other():
    guard = ImageSynchronizer(PAIR, 0.02, 4)
    for index in range(100):
        feed(guard, 0, START + index * 33 * MS)
    counters = guard.counters.streams["left"]
    assert counters.waiting == 4
    assert counters.unmatched == 96
    assert guard.counters.streams["right"].received == 0
    assert guard.counters.streams["right"].last_received is None


def test_a_changed_tolerance_holds_from_the_next_message_on():
    guard = ImageSynchronizer(PAIR, 0.0, 5)
    feed(guard, 0, START)
    guard.set_max_offset(0.01)
    assert feed(guard, 1, START) is None  # what waited is forgotten
    assert feed(guard, 0, START + 10 * MS) is not None
    guard.set_max_offset(0.0)
    feed(guard, 0, START + SECOND)
    assert feed(guard, 1, START + SECOND + 10 * MS) is None
    assert guard.counters.streams["left"].unmatched + guard.counters.streams["left"].waiting == 2


def test_reset_forgets_waiting_messages_and_the_untaken_pair():
    guard = ImageSynchronizer(PAIR, 0.02, 5)
    guard.receive("left", image(START))
    guard.receive("right", image(START))
    guard.receive("left", image(START + SECOND))
    guard.reset("deactivated")
    assert guard.take() is None
    assert feed(guard, 1, START + SECOND) is None
    assert guard.counters.last_reset == "deactivated"
    assert guard.counters.sets == 1
    assert feed_pairs(guard, START, 3) == 3


# --- what a person is told ---


def test_a_constant_offset_above_the_tolerance_is_diagnosed():
    guard = ImageSynchronizer(PAIR, 0.02, 5)
    for index in range(40):
        feed(guard, 0, START + index * 700 * MS)
        feed(guard, 1, START + index * 700 * MS + 310 * MS)
    sentence = guard.diagnosis()
    assert "0.310 s > input.max_offset 0.020 s" in sentence
    assert guard.counters.arrival_offsets == {"right": pytest.approx(0.310)}
    assert guard.counters.set_offsets == {}
    guard.set_max_offset(0.4)
    assert feed(guard, 0, START + 100 * SECOND) is None
    assert feed(guard, 1, START + 100 * SECOND + 310 * MS) is not None
    assert guard.diagnosis() == ""
    assert guard.counters.set_offsets == {"right": pytest.approx(0.310)}


@pytest.mark.parametrize("late", [0, 1])
def test_a_stream_that_arrives_after_the_queue_is_full_is_diagnosed(late):
    guard = ImageSynchronizer(PAIR, 0.005, 3)
    for index in range(60):
        feed(guard, 1 - late, START + index * 33 * MS)
        if index >= 9:
            feed(guard, late, START + (index - 9) * 33 * MS)
    sentence = guard.diagnosis()
    assert ("left", "right")[late] in sentence
    assert "0.297 s" in sentence
    assert "input.queue" in sentence


def test_pairs_that_come_need_no_diagnosis():
    guard = ImageSynchronizer(PAIR, 0.02, 5)
    feed_pairs(guard, START, 100)
    assert guard.diagnosis() == ""
    assert guard.counters.set_offsets == {"right": 0.0}


# --- against a brute-force oracle ---

Event = tuple[int, int]


def oracle(events: Iterable[Event], tolerance: int, queue: int) -> list[tuple[int, int]]:
    """Index pairs that must come out; plain lists, nothing shared with the code under test."""
    waiting: list[list[tuple[int, int]]] = [[], []]
    newest: list[int | None] = [None, None]
    paired: list[int | None] = [None, None]
    older = [0, 0]
    pairs = []
    for index, (side, stamp) in enumerate(events):
        behind = 0 if newest[side] is None else newest[side] - stamp
        older[side] = older[side] + 1 if behind > 0 else 0
        if behind > JUMP_BACK_NS or older[side] > queue:
            waiting, newest, paired, older = [[], []], [None, None], [None, None], [0, 0]
        if paired[side] is not None and stamp <= paired[side]:
            continue
        newest[side] = stamp if newest[side] is None else max(newest[side], stamp)
        mine = [entry for entry in waiting[side] if entry[0] != stamp] + [(stamp, index)]
        waiting[side] = sorted(mine)[-queue:]
        if (stamp, index) not in waiting[side]:
            continue
        near = [entry for entry in waiting[1 - side] if abs(entry[0] - stamp) <= tolerance]
        if not near:
            continue
        best = min(abs(entry[0] - stamp) for entry in near)
        chosen = [entry for entry in near if abs(entry[0] - stamp) == best]
        assert len(chosen) == 1, "the test draws stamps without ties"
        two = [(stamp, index), chosen[0]] if side == 0 else [chosen[0], (stamp, index)]
        pairs.append((two[0][1], two[1][1]))
        paired = [two[0][0], two[1][0]]
        waiting = [[e for e in waiting[s] if e[0] > paired[s]] for s in (0, 1)]
    return pairs


@st.composite
def streams(draw) -> list[Event]:
    """Two cameras with jitter, losses, repeats, disorder and jumps of the clock.

    Right stamps end in 1, left ones in 0, and periods are coarse, so no two candidates are equally
    near.
    """
    events, now = [], START
    for _ in range(draw(st.integers(1, 40))):
        now += draw(
            st.sampled_from([0, 10, 20, 33, 33, 33, 33, 50, -20, -33, -1500, -30_000, 5000]).map(
                lambda step: step * MS
            )
        )
        now = max(now, SECOND)
        for side in draw(st.sampled_from([(0, 1), (1, 0), (0,), (1,), (0, 1, 1), (0, 0, 1)])):
            jitter = draw(st.sampled_from([0, 0, 0, 1, 3, 7, 12]))
            events.append((side, now + jitter * MS + (MS // 3 if side else 0)))
    return events


@settings(max_examples=200, deadline=None)
@given(
    events=streams(),
    tolerance=st.sampled_from([0, 1, 2, 5, 20, 40]).map(lambda value: value * MS),
    queue=st.integers(1, 6),
    equal=st.booleans(),
)
def test_pairs_are_those_of_the_oracle(events, tolerance, queue, equal):
    if equal:  # both cameras on one clock: the case of tolerance 0
        events = [(side, stamp // MS * MS) for side, stamp in events]
        tolerance = 0
    guard = ImageSynchronizer(PAIR, tolerance / SECOND, queue)
    got = []
    for index, (side, stamp) in enumerate(events):
        pair = feed(guard, side, stamp, str(index))
        if pair is not None:
            got.append((int(pair.header.frame_id), int(pair.messages[1].header.frame_id)))
        assert guard.counters.streams["left"].waiting <= queue
        assert guard.counters.streams["right"].waiting <= queue
    assert got == oracle(events, tolerance, queue)

    counters = guard.counters
    assert counters.sets == len(got)
    for side, stream in enumerate(counters.streams.values()):
        assert stream.received == sum(event[0] == side for event in events)
        gone = sum(stream.dropped.values()) + stream.duplicates + stream.unmatched
        assert stream.received == gone + stream.waiting + counters.sets
        assert DropReason.FAILED not in stream.dropped


def test_two_threads_lose_nothing():
    count = 500
    guard = ImageSynchronizer(PAIR, 0.0, count)

    def send(camera):
        for index in range(count):
            guard.receive(camera, image(START + index * MS))

    threads = [threading.Thread(target=send, args=(camera,), daemon=True) for camera in PAIR]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60.0)
        assert not thread.is_alive()
    assert guard.counters.sets == count
    assert guard.take().stamp_ns == START + (count - 1) * MS


# --- three cameras and more ---


def names(count: int) -> tuple[str, ...]:
    return tuple(f"camera{index}" for index in range(count))


@st.composite
def many_streams(draw) -> tuple[int, list[Event]]:
    """Cameras with jitter and losses whose images arrive in any order, each stream in its own."""
    count = draw(st.integers(3, 5))
    events, now = [], START
    for _ in range(draw(st.integers(1, 25))):
        now += draw(st.sampled_from([33, 33, 50, 100])) * MS
        present = draw(st.sets(st.integers(0, count - 1)))
        for camera in draw(st.permutations(sorted(present))):
            jitter = draw(st.sampled_from([0, 0, 1, 3, 7, 12]))
            events.append((camera, now + jitter * MS))
    return count, events


def fit(waiting: list[set[int]], tolerance: int) -> bool:
    """True if one stamp of each can be taken with all within the tolerance of each other."""
    starts = set().union(*waiting)
    return any(
        all(any(start <= stamp <= start + tolerance for stamp in own) for own in waiting)
        for start in starts
    )


@settings(max_examples=200, deadline=None)
@given(
    streams=many_streams(),
    tolerance=st.sampled_from([0, 2, 5, 20, 40]).map(lambda value: value * MS),
    queue=st.integers(1, 6),
)
def test_sets_are_complete_tight_in_order_and_never_missed(streams, tolerance, queue):
    count, events = streams
    guard = ImageSynchronizer(names(count), tolerance / SECOND, queue)
    waiting: list[set[int]] = [set() for _ in range(count)]
    newest = [0] * count
    made = 0
    for camera, stamp in events:
        image_set = feed(guard, camera, stamp, str(camera))
        waiting[camera] = set(sorted(waiting[camera] | {stamp})[-queue:])
        possible = fit(
            [{stamp} if i == camera else own for i, own in enumerate(waiting)], tolerance
        )
        assert (image_set is not None) == possible
        if image_set is None:
            continue
        made += 1
        assert image_set.frames == tuple(str(index) for index in range(count))
        assert max(image_set.stamps_ns) - min(image_set.stamps_ns) <= tolerance
        assert image_set.stamps_ns[camera] == stamp
        for index, own in enumerate(image_set.stamps_ns):
            assert own in waiting[index]
            assert own > newest[index]
            newest[index] = own
            waiting[index] = {other for other in waiting[index] if other > own}
    counters = guard.counters
    assert counters.sets == made
    for index, stream in enumerate(counters.streams.values()):
        assert stream.waiting == len(waiting[index])
        gone = sum(stream.dropped.values()) + stream.duplicates + stream.unmatched
        assert stream.received == gone + stream.waiting + made


@pytest.mark.parametrize("max_offset", [0.0, 0.02])
@pytest.mark.parametrize("count", [3, 8])
def test_cameras_in_step_make_a_set_each_time(max_offset, count):
    guard = ImageSynchronizer(names(count), max_offset, 5)
    assert feed_pairs(guard, START, 30) == 30
    assert guard.counters.set_offsets == dict.fromkeys(names(count)[1:], 0.0)
    assert guard.diagnosis() == ""


@pytest.mark.parametrize("max_offset", [0.0, 0.02])
def test_one_silent_camera_of_three_keeps_memory_bounded(max_offset):
    guard = ImageSynchronizer(TRIPLE, max_offset, 4)
    for index in range(100):
        for side in (0, 2):
            assert feed(guard, side, START + index * 33 * MS) is None
    front, rear, top = guard.counters.streams.values()
    assert (front.waiting, front.unmatched, top.waiting, top.unmatched) == (4, 96, 4, 96)
    assert rear.received == 0
    assert feed_pairs(guard, START + 100 * SECOND, 5) == 5


def test_of_three_cameras_the_one_that_is_off_is_named():
    guard = ImageSynchronizer(TRIPLE, 0.02, 5)
    for index in range(40):
        start = START + index * 700 * MS
        for side, offset in enumerate((0, 5, 310)):
            feed(guard, side, start + offset * MS)
    sentence = guard.diagnosis()
    assert "front and top 0.310 s > input.max_offset 0.020 s" in sentence
    assert "rear" not in sentence


@pytest.mark.parametrize("late", [0, 1, 2])
def test_of_three_cameras_the_late_one_is_named(late):
    guard = ImageSynchronizer(TRIPLE, 0.005, 3)
    for index in range(60):
        for side in {0, 1, 2} - {late}:
            feed(guard, side, START + index * 33 * MS)
        if index >= 9:
            feed(guard, late, START + (index - 9) * 33 * MS)
    sentence = guard.diagnosis()
    assert sentence.startswith(TRIPLE[late])
    assert "0.297 s" in sentence
    assert "input.queue" in sentence


def test_two_cameras_that_fit_the_first_but_not_each_other_are_named():
    guard = ImageSynchronizer(TRIPLE, 0.02, 5)
    for index in range(40):
        start = START + index * 700 * MS
        for side, offset in ((1, -15), (2, 15), (0, 0)):
            assert feed(guard, side, start + offset * MS) is None
    assert "rear and top 0.030 s > input.max_offset" in guard.diagnosis()


def test_of_eight_cameras_the_late_one_is_named():
    guard = ImageSynchronizer(names(8), 0.005, 3)
    for index in range(60):
        for side in range(7):
            feed(guard, side, START + index * 33 * MS)
        if index >= 9:
            feed(guard, 7, START + (index - 9) * 33 * MS)
    assert guard.diagnosis().startswith("camera7 images arrive")


@pytest.mark.parametrize("offsets", [(0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 1, -1)])
def test_the_tolerance_holds_for_all_with_a_synchroniser_that_includes_its_slop(
    monkeypatch, offsets
):
    class Inclusive(message_filters.ApproximateTimeSynchronizer):
        def __init__(self, fs, queue, slop):
            super().__init__(fs, queue, slop + 1e-9)

    monkeypatch.setattr(message_filters, "ApproximateTimeSynchronizer", Inclusive)
    guard = ImageSynchronizer(TRIPLE, 0.001, 5)
    most = MS // (max(offsets) - min(offsets))
    for side, offset in enumerate(offsets):
        assert feed(guard, side, START + offset * (most + 1)) is None
    assert guard.counters.sets == 0
    sets = [feed(guard, i, START + SECOND + offset * most) for i, offset in enumerate(offsets)]
    assert sets[-1] is not None


def test_cameras_that_are_never_all_together_are_told_to_be_triggered():
    """Two of three drop every second image, and not the same."""
    guard = ImageSynchronizer(TRIPLE, 0.04, 5)
    for index in range(60):
        start = START + index * 100 * MS
        for side in (0, 1 + index % 2):
            assert feed(guard, side, start) is None
    assert "no sets of images" in guard.diagnosis()
    assert feed_pairs(guard, START + 100 * SECOND, 3) == 3
    assert guard.diagnosis() == ""


def test_a_camera_of_three_whose_clock_was_set_back_starts_all_anew():
    guard = ImageSynchronizer(TRIPLE, 0.02, 5)
    feed_pairs(guard, START, 10)
    assert feed_pairs(guard, START - 50 * SECOND, 10) == 10
    assert "front stamps went back" in guard.counters.last_reset


# --- the slot ---


def some_pair(stamp_ns: int) -> ImageSet:
    return ImageSet((image(stamp_ns),) * 2, (stamp_ns, stamp_ns), 0.0)


def test_the_newest_pair_wins():
    slot = NewestSetSlot()
    assert slot.take() is None
    for stamp in (1, 2, 3):
        slot.put(some_pair(stamp))
    assert slot.take().stamp_ns == 3
    assert slot.take() is None
    assert slot.dropped == 2
    slot.put(some_pair(4))
    slot.clear()
    assert slot.take() is None
    assert slot.dropped == 3


def test_waiting_ends_with_a_pair_with_wake_and_with_time():
    slot = NewestSetSlot()
    assert not slot.wait(0.0)
    slot.wake()
    in_time(slot.wait, 60.0)  # a wake before the wait is not lost
    answers = []
    thread = threading.Thread(target=lambda: answers.append(slot.wait(60.0)), daemon=True)
    thread.start()
    slot.put(some_pair(1))
    thread.join(20.0)
    assert answers == [True]
    assert slot.wait(0.0)


# --- images without a stamp, one camera ---


def test_zero_stamps_take_the_time_of_arrival_only_when_allowed():
    clock = iter([START, START + 5 * MS, START + SECOND, START + SECOND + 900 * MS])
    guard = ImageSynchronizer(PAIR, 0.02, 5, arrival_ns=lambda: next(clock))
    assert feed(guard, 0, 0) is None
    pair = feed(guard, 1, 0)
    assert pair.stamps_ns == (START, START + 5 * MS)
    assert pair.header.stamp.sec == 100, "outputs carry the time of arrival"
    assert feed(guard, 0, 0) is None
    assert feed(guard, 1, 0) is None, "arrival too far apart"
    assert feed_pairs(guard, 2 * START, 3) == 3, "real stamps are left alone"
    forbidden = ImageSynchronizer(PAIR, 0.02, 5)
    feed(forbidden, 0, 0)
    reason, text = forbidden.counters.streams["left"].last_drop
    assert reason == DropReason.ZERO_STAMP
    assert "input.allow_zero_stamp" in text


def test_a_clock_that_stands_still_stamps_nothing():
    guard = ImageSynchronizer(PAIR, 0.02, 5, arrival_ns=lambda: 0)
    assert feed(guard, 0, 0) is None
    assert guard.counters.streams["left"].dropped == {DropReason.ZERO_STAMP: 1}


def one_camera(gap: float = 0.5, queue: int = 5) -> ImageSynchronizer:
    return ImageSynchronizer(PAIR[:1], 0.02, queue, min_baseline_time=gap)


def test_one_camera_pairs_each_image_with_the_newest_that_is_old_enough():
    guard = one_camera()
    pairs = [feed(guard, 0, START + i * 100 * MS) for i in range(20)]
    assert pairs[:5] == [None] * 5
    for i, pair in enumerate(pairs[5:], start=5):
        assert pair.stamp_ns == START + i * 100 * MS
        assert pair.stamp_ns - pair.stamps_ns[1] == 500 * MS
    counters = guard.counters
    assert (counters.sets, counters.streams["left"].unmatched) == (15, 0)
    assert guard.diagnosis() == ""


@settings(max_examples=60)
@given(
    gaps=st.lists(st.integers(1, 900), min_size=1, max_size=80),
    gap=st.sampled_from([50, 300, 1000]),
    queue=st.sampled_from([1, 5, 50]),
)
def test_partner_is_old_enough_not_much_older_and_memory_is_bounded(gaps, gap, queue):
    guard = one_camera(gap / 1000, queue)
    stamps = [START]
    feed(guard, 0, START)
    for step in gaps:
        stamps.append(stamps[-1] + step * MS)
        pair = feed(guard, 0, stamps[-1])
        assert guard.counters.streams["left"].waiting <= queue + 2
        wanted = [s for s in stamps if stamps[-1] - s >= gap * MS]
        assert (pair is not None) == bool(wanted)
        if pair is not None:
            assert pair.stamp_ns == stamps[-1]
            assert 0 <= max(wanted) - pair.stamps_ns[1] <= gap * MS // queue


def test_one_camera_out_of_order_looped_and_with_bad_images():
    guard = one_camera()
    feed(guard, 0, START)
    assert feed(guard, 0, START - 10 * MS) is None
    guard.receive("left", Image())
    assert feed(guard, 0, START + 600 * MS) is not None
    assert feed(guard, 0, START + 600 * MS) is None, "the same image again"
    assert feed(guard, 0, START - 50 * SECOND) is None
    assert guard.counters.resets == 1
    assert feed(guard, 0, START - 49 * SECOND).stamps_ns[1] == START - 50 * SECOND
    guard.set_max_offset(0.5)
    assert feed(guard, 0, START - 48 * SECOND) is not None, "the history is kept"
