# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Message filters: the base of every filter, subscriptions, and synchronisers by stamp.

The public names, signatures and matching rules of the ROS 2 package `message_filters`, of the part
that semsplat uses, for machines without a ROS installation. A callback runs after the synchroniser
has let go of its lock, in the thread that delivered the last message of the set; the original's
runs under it, and one that raises leaves it locked.
"""

from message_filters.simple_filter import SimpleFilter
from message_filters.subscriber import Subscriber
from message_filters.synchronizer import ApproximateTimeSynchronizer, TimeSynchronizer

__all__ = ["ApproximateTimeSynchronizer", "SimpleFilter", "Subscriber", "TimeSynchronizer"]
