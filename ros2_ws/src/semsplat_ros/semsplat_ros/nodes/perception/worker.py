# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The one thread that owns the model: loads it, runs it on the newest pair, frees it.

Callbacks only store pairs; services read what this thread has swapped in. What the thread runs may
fail or hang: it survives every exception, and :attr:`Worker.busy_seconds` shows a hang to the
watchdog.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar, runtime_checkable

from semsplat_ros.nodes.inputs.image_set import ImageSet

_logger = logging.getLogger(__name__)
_IDLE_WAIT = 0.2
"""Seconds after which the thread looks around even if nobody woke it."""

Result = TypeVar("Result")


@runtime_checkable
class PairSource(Protocol):
    """Where pairs come from: a
    :class:`semsplat_ros.nodes.inputs.synchronization.ImageSynchronizer`.
    """

    def take(self) -> ImageSet | None:
        """The newest pair that was not taken yet."""
        ...

    def wait(self, timeout: float) -> bool:
        """Wait until a pair is there or `wake` is called; True if a pair is there."""
        ...

    def wake(self) -> None:
        """End a `wait`."""
        ...


class Worker:
    """Runs calls and pairs on one thread, calls first, the newest pair always.

    All public methods may be called from any thread.

    Args:
        handle: what to do with a pair; must not raise.
    """

    def __init__(self, handle: Callable[[ImageSet], None]) -> None:
        self._handle = handle
        self._calls: queue.SimpleQueue[tuple[Callable[[], Any], Future]] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._source: PairSource | None = None
        self._permits: int | None = None
        self._min_interval = 0.0
        self._last_start = float("-inf")
        self._closing = False
        self._busy_since: float | None = None
        self._thread = threading.Thread(target=self._run, name="semsplat-worker", daemon=True)
        self._thread.start()

    @property
    def busy_seconds(self) -> float:
        """How long the pair that is being processed has taken so far; 0 between pairs."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    @property
    def alive(self) -> bool:
        """False once the thread has ended."""
        return self._thread.is_alive()

    def call(self, function: Callable[[], Result]) -> "Future[Result]":
        """Run a function on the worker's thread, before any further pair."""
        future: Future[Result] = Future()
        if self._closing:
            future.cancel()
            return future
        self._calls.put((function, future))
        self._wake()
        return future

    def start_pairs(self, source: PairSource, permits: int | None = None) -> None:
        """Process pairs from a source from now on.

        Args:
            source: where they come from.
            permits: how many pairs may be processed, None = no limit; :meth:`permit` adds to it.
        """
        with self._changed:
            self._source, self._permits = source, permits
        self._wake()

    def stop_pairs(self) -> None:
        """Begin no further pair; one that is in work goes on (see :meth:`wait_idle`)."""
        source = self._source
        with self._changed:
            self._source = None
        if source is not None:
            source.wake()
        self._wake()

    def permit(self) -> None:
        """Allow one more pair, where the number is limited."""
        with self._changed:
            if self._permits is not None:
                self._permits = 1
        self._wake()

    def revoke(self) -> None:
        """Take back what :meth:`permit` gave, if it was not used."""
        with self._changed:
            if self._permits is not None:
                self._permits = 0

    def set_max_rate(self, hertz: float) -> None:
        """Begin at most so many pairs a second; 0 = no limit."""
        self._min_interval = 1.0 / hertz if hertz > 0 else 0.0

    def wait_idle(self, timeout: float) -> bool:
        """Wait until no pair is in work; True if that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: self._busy_since is None, timeout)

    def close(self, timeout: float) -> bool:
        """End the thread; True if it has ended in time. What is still queued is cancelled."""
        self._closing = True
        self.stop_pairs()
        self._thread.join(timeout)
        while not self._calls.empty():
            self._calls.get()[1].cancel()
        return not self._thread.is_alive()

    def _wake(self) -> None:
        source = self._source
        with self._changed:
            self._changed.notify_all()
        if source is not None:
            source.wake()

    def _run(self) -> None:
        while not self._closing:
            try:
                self._step()
            except Exception:
                # `handle` must not raise. If it does, the thread must live on all the same.
                _logger.exception("the worker's step failed")
                time.sleep(_IDLE_WAIT)

    def _step(self) -> None:
        try:
            function, future = self._calls.get_nowait()
        except queue.Empty:
            self._next_pair()
            return
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(function())
            except Exception as problem:
                future.set_exception(problem)

    def _next_pair(self) -> None:
        with self._changed:
            source = self._source
            if source is None or self._permits == 0:
                if self._calls.empty() and not self._closing:
                    self._changed.wait(_IDLE_WAIT)
                return
            pause = self._last_start + self._min_interval - time.monotonic()
            if pause > 0:
                self._changed.wait(min(pause, _IDLE_WAIT))
                return
        if not source.wait(_IDLE_WAIT):
            return
        pair = self._begin(source)
        if pair is None:
            return
        try:
            self._handle(pair)
        finally:
            with self._changed:
                self._busy_since = None
                self._changed.notify_all()

    def _begin(self, source: PairSource) -> ImageSet | None:
        """Take a pair if the source is still the one to take from."""
        with self._changed:
            if self._source is not source or self._permits == 0:
                return None
            pair = source.take()
            if pair is None:
                return None
            if self._permits is not None:
                self._permits -= 1
            self._last_start = self._busy_since = time.monotonic()
            return pair
