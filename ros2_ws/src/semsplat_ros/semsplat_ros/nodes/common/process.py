# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""From the start of a node's process to its exit code."""

import contextlib
import logging
import os
import queue
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import NoReturn, Protocol, runtime_checkable

from semsplat_ros.errors import ErrorCode, SemsplatError

EXIT_BAD_START = 2
EXIT_DEVICE_LOST = 70
"""EX_SOFTWARE of sysexits.h: end this process and start another one."""
EXIT_LOOK_S = 0.2
CLOSE_TIMEOUT_S = 2.5
"""After this the process ends, whatever still runs."""
NUM_THREADS = 12
"""Queries that wait (8) and everything else that may run at one time (4); never the core count,
with one core a waiting service would starve the callbacks it waits for."""

DISCOVERY = (("127.0.0.1", 7400), ("239.255.0.1", 7400))
"""Where DDS looks for others on this machine and on its network."""

_logger = logging.getLogger(__name__)


@runtime_checkable
class Closable(Protocol):
    """A node that ends its own threads."""

    exit_code: int | None
    """Set by the node when the process should end with it; None = run on."""

    def close(self, timeout: float) -> bool:
        """Stop everything; True if all threads have ended."""
        ...

    def destroy_node(self) -> None:
        """Leave the graph."""
        ...


class StopRequest:
    """An event that a signal handler may set.

    ``threading.Event`` must not be set there: the handler runs in the thread that waits, between
    any two of its instructions, and would wait for a lock which that thread holds already. A
    ``SimpleQueue`` can be interrupted and called again. One thread may wait.
    """

    def __init__(self) -> None:
        self._made = False
        self._calls: queue.SimpleQueue[None] = queue.SimpleQueue()

    def set(self) -> None:
        """Ask to stop; from any thread and any signal handler."""
        self._made = True
        self._calls.put(None)

    def is_set(self) -> bool:
        """Whether anybody asked."""
        return self._made

    def wait(self, timeout: float) -> bool:
        """Until somebody asks, at most `timeout` seconds; whether anybody did."""
        if not self._made:
            with contextlib.suppress(queue.Empty):
                self._calls.get(timeout=timeout)
        return self._made


class StopSignals:
    """SIGINT, SIGTERM and SIGHUP ask to stop; a second one, later than an echo of the first, ends
    at once. SIGHUP stays ignored where it is (nohup)."""

    def __init__(self) -> None:
        self.stop = StopRequest()
        self._first = float("inf")
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGTERM, self._on_signal)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._on_signal)

    def _on_signal(self, signum: int, _frame) -> None:
        if self.stop.is_set() and time.monotonic() - self._first > 0.5:
            os._exit(128 + signum)
        self._first = min(self._first, time.monotonic())
        self.stop.set()


def leave(code: int) -> NoReturn:
    """End the process now that everything of its own has ended.

    What Python would still do, to take torch's libraries apart, can last longer than a user waits.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # nobody reads it any more
            stream.flush()
    os._exit(code)


def run(
    build: Callable[[], Closable],
    args: list[str] | None = None,
    signals: StopSignals | None = None,
) -> int:
    """Build a node, spin it until a signal, and end in order.

    Args:
        build: makes the node; a SemsplatError of it is printed as one line.
        args: ROS arguments, None = those of the process.
        signals: if the handlers are installed already.

    Returns:
        0 after a signal or a shutdown, 2 if the node could not be started with what it was given,
        else the exit code that the node asked for.
    """
    signals = signals or StopSignals()
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    if signals.stop.is_set():
        return 0
    try:
        refuse_without_network()
        # Handlers of our own: rclpy's would shut the context down under callbacks that still run.
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
        node = build()
    except Exception as problem:
        with contextlib.suppress(OSError):
            print(f"semsplat: cannot start: {_one_line(problem)}", file=sys.stderr)
        rclpy.try_shutdown()
        return EXIT_BAD_START
    return _spin_until_stopped(node, signals.stop)


def refuse_without_network() -> None:
    """DDS starts without a word where nobody will ever find the node; nothing is sent here.

    Raises:
        SemsplatError: IO_ERROR if no network interface is up, not even the loopback.
    """
    for address in DISCOVERY:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(address)
                return
            except OSError as error:
                problem = error
    raise SemsplatError(
        ErrorCode.IO_ERROR,
        f"no network interface is up, not even loopback ({problem.strerror}), so that no other "
        "process would find the node; run: ip link set lo up",
    )


def _spin_until_stopped(node: Closable, stop: StopRequest) -> int:
    import rclpy
    from rclpy.executors import MultiThreadedExecutor

    executor = MultiThreadedExecutor(num_threads=NUM_THREADS)
    executor.add_node(node)
    thread = threading.Thread(target=_spin, args=(executor, stop), name="semsplat-spin")
    thread.start()
    while node.exit_code is None and not stop.wait(EXIT_LOOK_S):
        pass
    code = node.exit_code or 0
    # Neither a model call nor a callback can be interrupted: if one hangs, this ends the process.
    last_resort = threading.Timer(CLOSE_TIMEOUT_S, os._exit, (code,))
    last_resort.daemon = True
    last_resort.start()
    ended = node.close(timeout=CLOSE_TIMEOUT_S * 0.6)
    stop.set()
    executor.shutdown()
    thread.join()
    node.destroy_node()
    rclpy.try_shutdown()
    last_resort.cancel()
    if not ended:
        _logger.warning("the model call that is still running is abandoned")
        leave(code)
    return code


def _spin(executor, stop: StopRequest) -> None:
    """Spin until the context or the executor ends; what a callback raises does not end it."""
    from rclpy.executors import ExternalShutdownException

    while not stop.is_set() and executor.context.ok():
        try:
            executor.spin()
            break
        except ExternalShutdownException:
            break
        except Exception as problem:
            if stop.is_set():
                break  # the executor was shut down under its own wait
            # rclpy raises RCLError out of spin when a client asks for an impossible transition.
            _logger.error("a callback outside the node's guards failed: %s", _one_line(problem))
    stop.set()


def _one_line(problem: BaseException) -> str:
    text = " ".join(str(problem).split())
    return text or type(problem).__name__
