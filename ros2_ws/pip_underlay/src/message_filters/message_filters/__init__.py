# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Message filters: a subscription as a filter, and synchronisers of several filters by stamp.

The same public names, signatures and matching rules as the ROS 2 package `message_filters`,
for machines without a ROS installation. A callback runs after the synchroniser has let go of
its lock, in the thread that delivered the last message of the set.
"""

from message_filters.simple_filter import SimpleFilter, Subscriber
from message_filters.synchronizer import ApproximateTimeSynchronizer, TimeSynchronizer

__all__ = ["ApproximateTimeSynchronizer", "SimpleFilter", "Subscriber", "TimeSynchronizer"]
