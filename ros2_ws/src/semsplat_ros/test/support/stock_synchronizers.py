# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Synchronisers as in message_filters with, on purpose, the faults of ROS 2 Jazzy's.

Written to behave as badly: the lock stays locked when anything raises, callbacks run under it, the
smallest stamp is evicted even if it is the newest message, and an offset must be less than slop.
"""

import itertools
import threading

from rclpy.duration import Duration
from rclpy.time import Time


class TimeSynchronizer:
    """Equal stamps."""

    def __init__(self, fs, queue_size):
        self.lock = threading.Lock()
        self.queue_size = queue_size
        self.queues = [{} for _ in fs]
        self.listeners = []
        for side, input_filter in enumerate(fs):
            input_filter.registerCallback(self.add, self.queues[side], side)

    def registerCallback(self, cb, *args):
        self.listeners.append(cb)

    def add(self, msg, my_queue, my_queue_index):
        self.lock.acquire()
        stamp = Time.from_msg(msg.header.stamp).nanoseconds
        self.keep(my_queue, stamp, msg)
        self.match(stamp, my_queue_index)
        self.lock.release()

    def keep(self, queue, stamp, msg):
        queue[stamp] = msg
        while len(queue) > self.queue_size:
            del queue[min(queue)]

    def match(self, stamp, side):
        for common in sorted(set.intersection(*map(set, self.queues))):
            self.deliver((common,) * len(self.queues))

    def deliver(self, stamps):
        messages = [queue[stamp] for queue, stamp in zip(self.queues, stamps, strict=True)]
        for listener in self.listeners:
            listener(*messages)
        for queue, stamp in zip(self.queues, stamps, strict=True):
            del queue[stamp]


class ApproximateTimeSynchronizer(TimeSynchronizer):
    """Stamps less than slop apart; the nearest of the other queues first."""

    def __init__(self, fs, queue_size, slop):
        super().__init__(fs, queue_size)
        self.slop = Duration(seconds=slop).nanoseconds

    def match(self, stamp, side):
        choices = [
            [stamp] if index == side else sorted(queue, key=lambda other: abs(other - stamp))
            for index, queue in enumerate(self.queues)
        ]
        for stamps in itertools.product(*choices):
            if max(stamps) - min(stamps) < self.slop and stamp in self.queues[side]:
                self.deliver(stamps)
                return
