# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""How long the real node takes beside its model, and how fast it answers while pairs stream.

The node runs in the process that measures. Cameras, listeners and the one who asks are in another
process (:func:`_peer`), as they are on a robot: the node's time is its own. Everything goes over
DDS.
"""

import multiprocessing
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import rclpy
from rclpy.context import Context
from rclpy.executors import (
    ExternalShutdownException,
    MultiThreadedExecutor,
    SingleThreadedExecutor,
)
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from semsplat_interfaces.msg import ObjectInstanceArray
from semsplat_interfaces.srv import Query
from semsplat_ros.cpu_threads import take_turns_often
from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.evaluation.benchmark.speed import (
    MODEL_STAGES,
    WARM_UP,
    BenchPair,
    peak_mib,
    spread,
)
from semsplat_ros.nodes.common.conversions import to_header, to_image
from semsplat_ros.nodes.common.process import NUM_THREADS
from semsplat_ros.nodes.demo.processes import enter_own_domain
from semsplat_ros.nodes.perception.node import PerceptionNode
from semsplat_ros.nodes.simulation.simulated_camera import FRAMES, to_calibration

LISTENED: dict[str, type] = {
    "points": PointCloud2,
    "instances": ObjectInstanceArray,
    "masks/left": Image,
    "masks/right": Image,
}
"""A pair is done when all of these have come with its stamp."""
NODE_STAGES = ("wait", "decode", "other", "fill", "publish")
QUESTIONS = ("find the chair", "where is the table?", "red sofa", "lamp")
QUERY_PERIOD_S = 0.05
START_S = 120.0
PAIR_S = 120.0
"""Longest wait for one pair, of which one may be lost on the way (images are best effort)."""


def time_node(
    pair: BenchPair,
    runs: int,
    parameters: Mapping[str, Any],
    load: Callable | None = None,
) -> dict[str, Any]:
    """Run the node on a pair again and again.

    Args:
        pair: what the cameras send.
        runs: pairs that count, and questions that count.
        parameters: of the node.
        load: what the node calls to load its model; None loads the one the parameters name.

    Returns:
        ``node_ms``, ``stages_ms`` of :data:`NODE_STAGES`, ``query_ms``.

    Raises:
        SemsplatError: MODEL_NOT_LOADED if the node does not start, TIMEOUT if a pair or an answer
            does not come.
    """
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    namespace = f"/bench_{uuid.uuid4().hex[:8]}"
    peer = spawn.Process(target=_peer, args=(theirs, namespace, pair, runs), daemon=True)
    peer.start()
    theirs.close()
    context = Context()
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    node = PerceptionNode(
        load=load,
        namespace=namespace,
        context=context,
        parameter_overrides=[Parameter(name, value=v) for name, v in parameters.items()],
    )
    executor = MultiThreadedExecutor(num_threads=NUM_THREADS, context=context)
    executor.add_node(node)
    spinner = threading.Thread(target=_spin, args=(executor,), name="bench-spin")
    spinner.start()
    try:
        _wait_active(node)
        _receive(ours, "warm")
        node.worker.wait_idle(PAIR_S)
        node.times.clear()
        ours.send("measure")
        _receive(ours, "pairs")
        # The last pair has been received, but its times are noted only when the worker is done.
        node.worker.wait_idle(PAIR_S)
        samples = node.times.samples()
        ours.send("ask")
        queries = _receive(ours, "queries")
    finally:
        _end(peer, node, executor, spinner, context)
    return {**split(samples), "query_ms": spread(queries)}


def bench_node(
    pair: BenchPair, model: str, checkpoint: str, device: str, threads: int, runs: int
) -> dict[str, Any]:
    """:func:`time_node` with a model of the zoo and ``peak_mib``; for a process of its own."""
    enter_own_domain()
    take_turns_often()  # as the node's own process does
    parameters = {
        "model.name": model,
        "model.checkpoint": checkpoint,
        "model.device": device,
        "model.threads": threads,
    }
    return {**time_node(pair, runs, parameters), "peak_mib": peak_mib()}


def split(samples: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """What the node itself took of each pair, from the stages it noted.

    The node's time is ``wait`` and ``total`` without the model's stages; ``other`` is what no
    stage names (reading the calibration, swapping the scene in, counting).

    Args:
        samples: milliseconds by stage, one entry for each pair, in the same order.
    """
    count = min(len(samples[stage]) for stage in ("wait", "total", *MODEL_STAGES))
    rows = {stage: np.asarray(times)[-count:] for stage, times in samples.items()}
    model = sum(rows[stage] for stage in MODEL_STAGES)
    node = rows["wait"] + rows["total"] - model
    named = sum(rows[stage] for stage in NODE_STAGES if stage != "other")
    rows["other"] = np.maximum(node - named, 0.0)
    return {
        "node_ms": spread(node.tolist()),
        "stages_ms": {stage: spread(rows[stage].tolist()) for stage in NODE_STAGES},
    }


def _wait_active(node: PerceptionNode) -> None:
    end = time.monotonic() + START_S
    while node.state_label != "active":
        if node.configure_error is not None:
            raise node.configure_error
        if time.monotonic() > end:
            raise SemsplatError(
                ErrorCode.MODEL_NOT_LOADED, f"the node is not active after {START_S:.0f} s"
            )
        time.sleep(0.01)


def _receive(pipe: Connection, expected: str) -> Any:
    """The next word of the other process; a problem it had is raised here."""
    try:
        word, content = pipe.recv()
    except EOFError:
        raise SemsplatError(ErrorCode.INTERNAL, "the benchmark's cameras ended early") from None
    if word != expected:
        raise SemsplatError(ErrorCode.TIMEOUT, str(content))
    return content


def _end(peer, node: PerceptionNode, executor, spinner: threading.Thread, context) -> None:
    peer.join(5.0)
    peer.kill()
    node.close(timeout=5.0)
    executor.shutdown()
    spinner.join()
    node.destroy_node()
    rclpy.try_shutdown(context=context)


def _spin(executor) -> None:
    try:
        executor.spin()
    except ExternalShutdownException:
        pass


# The other process ---------------------------------------------------------------------------


def _peer(pipe: Connection, namespace: str, pair: BenchPair, runs: int) -> None:
    """Cameras, listeners and questions; tells its parent how far it is."""
    take_turns_often()  # who asks must not wait for this process's own cameras
    context = Context()
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    peer = _Peer(context, namespace, pair)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(peer)
    spinner = threading.Thread(target=_spin, args=(executor,), daemon=True)
    spinner.start()
    try:
        peer.wait_connected()
        for _ in range(WARM_UP + 1):
            peer.send_and_wait()
        for text in QUESTIONS:
            peer.ask(text)
        pipe.send(("warm", None))
        pipe.recv()
        for _ in range(runs):
            peer.send_and_wait()
        pipe.send(("pairs", None))
        pipe.recv()
        pipe.send(("queries", peer.ask_while_streaming(runs)))
    except (SemsplatError, EOFError) as problem:
        pipe.send(("problem", str(problem)))
    finally:
        executor.shutdown()
        spinner.join(5.0)
        rclpy.try_shutdown(context=context)


class _Peer(Node):
    def __init__(self, context: Context, namespace: str, pair: BenchPair) -> None:
        super().__init__("bench_peer", namespace=namespace, context=context)
        self._pair = pair
        self._images = [self.create_publisher(Image, f"{s}/image_raw", 2) for s in FRAMES]
        self._infos = [self.create_publisher(CameraInfo, f"{s}/camera_info", 2) for s in FRAMES]
        self._client = self.create_client(Query, "query")
        self._came = threading.Condition()
        self._newest = dict.fromkeys(LISTENED, 0)
        for name, kind in LISTENED.items():
            self.create_subscription(
                kind, name, lambda message, name=name: self._note(name, message), 2
            )

    def wait_connected(self) -> None:
        publishers = [*self._images, *self._infos]
        end = time.monotonic() + START_S
        while not all(p.get_subscription_count() for p in publishers) or not all(
            self.count_publishers(name) for name in LISTENED
        ):
            if time.monotonic() > end:
                raise SemsplatError(ErrorCode.TIMEOUT, "the node's topics were not discovered")
            time.sleep(0.01)

    def send_and_wait(self) -> None:
        """One pair, until all that the node publishes of it is here; sent again if it is lost."""
        end = time.monotonic() + PAIR_S
        while time.monotonic() < end:
            stamp = self._send()
            with self._came:
                if self._came.wait_for(lambda s=stamp: self._complete(s), PAIR_S / 4):
                    return
        raise SemsplatError(ErrorCode.TIMEOUT, f"no result of a pair after {PAIR_S:.0f} s")

    def ask(self, text: str) -> float:
        """Milliseconds from the call of the service to its answer."""
        if not self._client.wait_for_service(timeout_sec=START_S):
            raise SemsplatError(ErrorCode.TIMEOUT, "the query service was not discovered")
        done = threading.Event()
        start = time.perf_counter()
        future = self._client.call_async(Query.Request(text=text))
        future.add_done_callback(lambda _: done.set())
        if not done.wait(PAIR_S):
            raise SemsplatError(ErrorCode.TIMEOUT, "a query was not answered")
        elapsed = (time.perf_counter() - start) * 1e3
        code = future.result().error.code
        if code not in (ErrorCode.OK, ErrorCode.NOT_FOUND):
            raise SemsplatError(
                ErrorCode(code), f"a query failed: {future.result().error.message}"
            )
        return elapsed

    def ask_while_streaming(self, count: int) -> list[float]:
        """Latencies of questions while pairs come as fast as the node takes them."""
        stop = threading.Event()

        def stream() -> None:
            while not stop.is_set():
                self.send_and_wait()

        thread = threading.Thread(target=stream, daemon=True)
        thread.start()
        times = []
        for index in range(count):
            times.append(self.ask(QUESTIONS[index % len(QUESTIONS)]))
            time.sleep(QUERY_PERIOD_S)
        stop.set()
        thread.join(PAIR_S)
        return times

    def _send(self) -> int:
        stamp = time.time_ns()
        headers = [to_header(stamp, FRAMES[side]) for side in FRAMES]
        for publisher, side, header in zip(self._infos, FRAMES, headers, strict=True):
            publisher.publish(to_calibration(self._pair.rig, side, header))
        images = (self._pair.left, self._pair.right)
        for publisher, image, header in zip(self._images, images, headers, strict=True):
            publisher.publish(to_image(image, "rgb8", header))
        return stamp

    def _note(self, name: str, message: Any) -> None:
        stamp = message.header.stamp
        with self._came:
            self._newest[name] = stamp.sec * 1_000_000_000 + stamp.nanosec
            self._came.notify_all()

    def _complete(self, stamp: int) -> bool:
        return all(newest == stamp for newest in self._newest.values())
