# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""How long each stage of the newest pairs took."""

import statistics
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

WINDOW = 200
"""Pairs that are remembered."""


class StageTimes:
    """Milliseconds by stage over the newest pairs. Thread-safe.

    Stages in the order of a pair: ``wait`` (since the pair was complete), ``decode prepare predict
    label segment fill publish``, and ``total`` from the moment a pair was taken until everything
    was published.
    """

    def __init__(self, window: int = WINDOW) -> None:
        self._lock = threading.Lock()
        self._window = window
        self._times: dict[str, deque[float]] = {}

    def add(self, stage: str, milliseconds: float) -> None:
        """Remember one duration."""
        with self._lock:
            times = self._times.setdefault(stage, deque(maxlen=self._window))
            times.append(float(milliseconds))

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Remember how long the body takes, unless it raises."""
        start = time.perf_counter()
        yield
        self.add(stage, (time.perf_counter() - start) * 1e3)

    def samples(self) -> dict[str, list[float]]:
        """All remembered durations, oldest first."""
        with self._lock:
            return {stage: list(times) for stage, times in self._times.items()}

    def median(self, stage: str) -> float:
        """Median of a stage, NaN if it never ran."""
        with self._lock:
            times = self._times.get(stage)
            return statistics.median(times) if times else float("nan")

    def medians(self) -> dict[str, float]:
        """Median of every stage."""
        return {stage: statistics.median(times) for stage, times in self.samples().items()}

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._times.clear()


def percentile(values: Sequence[float], percent: float) -> float:
    """A percentile of some numbers, NaN if there are none."""
    return float(np.percentile(values, percent)) if len(values) else float("nan")
