# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""From the command to the answers: starts the nodes, waits, asks, draws, stops.

What is heavy is imported while the nodes start, not before.
"""

import json
import os
import select
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.nodes.common.process import StopSignals
from semsplat_ros.nodes.demo import processes
from semsplat_ros.nodes.demo.processes import NodeProcess, seconds_since_start

if TYPE_CHECKING:
    from semsplat_ros.nodes.demo.answers import Answer
    from semsplat_ros.nodes.demo.session import DemoSession, Moment

DEFAULT_QUERY = "find the chair"
DEFAULT_SEED = 1_000_000
"""A room that no model was trained on and that shows a chair from where the robot stands."""
START_TIMEOUT_S = 180.0
ANSWER_TIMEOUT_S = 30.0
POLL_S = 0.01
_ATTEMPTS = 3
ROOM_FRAME = "room"


class InterruptedDemo(Exception):  # noqa: N818 - a person did it, nothing failed
    """Ctrl-C or SIGTERM."""


PICTURES = (".png", ".jpg", ".jpeg", ".gif")
FILM_FRAMES = 24
FILM_STEP_S = 0.35
"""Between two frames of a moving picture, while the robot drives on."""
FILM_MS = 250
"""For which a frame is shown."""
FILM_REDUCTION = 2
FILM_COLOURS = 96


@dataclass(frozen=True)
class DemoOptions:
    """What the command line gives."""

    queries: tuple[str, ...] = (DEFAULT_QUERY,)
    seed: int = DEFAULT_SEED
    json_path: Path | None = None
    picture_path: Path | None = Path("demo.png")
    keep: bool = False


def run_demo(options: DemoOptions, say: Callable[[str], None]) -> None:
    """The whole demo.

    Args:
        options: what to ask, where, and which files to write.
        say: prints a line.

    Raises:
        SemsplatError: with what went wrong and what to do.
        InterruptedDemo: if a signal ended it.
    """
    _check_files(options)
    demo = Demo(options, say, StopSignals())
    try:
        demo.start()
        demo.wait_for_scene()
        demo.ask_all()
        demo.write_files()
        if options.keep:
            demo.stay()
        demo.finished = True
    finally:
        demo.close()


class Demo:
    """One run. Call the methods in the order in which they stand here."""

    def __init__(
        self, options: DemoOptions, say: Callable[[str], None], signals: StopSignals
    ) -> None:
        self._options, self._say, self._signals = options, say, signals
        self._processes: list[NodeProcess] = []
        self._folder = Path(tempfile.mkdtemp(prefix="semsplat_demo_"))
        self._domain = 0
        self._session: DemoSession | None = None
        self._truth: Any = None
        self.setup_s = 0.0
        self._answered: list[tuple[Answer, Moment | None]] = []
        self.finished = False

    def start(self) -> None:
        """Start both nodes at once, then this process's own."""
        self._domain = processes.enter_own_domain()
        seed = self._options.seed
        self._tell(f"room {seed}: starting perception_node and room_cameras")
        node = {"target_frame": ROOM_FRAME}
        self._processes.append(NodeProcess("perception_node", node, self._folder))
        cameras = {"seed": seed, "reliable": True, "look_at": self._look_at()}
        if self._moves():
            cameras["motion"] = "drive"
        self._processes.append(NodeProcess("room_cameras", cameras, self._folder))
        from semsplat_ros.nodes.demo.session import DemoSession

        self._session = DemoSession()

    def wait_for_scene(self) -> None:
        """Until the first pair came back as a scene."""
        session, seed = self._need_session(), self._options.seed
        self._wait(lambda: session.newest_pose() is not None, "the first pictures")
        self._tell(f"room {seed}: camera up")
        from semsplat_ros.nodes.demo.truth import RoomTruth
        from semsplat_ros.rooms.robot import StereoRig

        self._truth = RoomTruth(seed, StereoRig())
        self._truth.prepare(session.newest_pose())
        self._wait(self._is_active, "the model")
        self._tell("model loaded")
        self._wait(lambda: session.has_scene() and session.can_ask(), "the first scene")
        self.setup_s = seconds_since_start()
        self._tell("first scene")

    def ask_all(self) -> None:
        """Every query, one after the other."""
        from semsplat_ros.nodes.demo.answers import REFERENCE

        self._say(REFERENCE)
        for text in self._options.queries:
            self._answered.append(self.ask(text))
            self._say(self._answered[-1][0].sentence())

    def ask(self, text: str) -> "tuple[Answer, Moment | None]":
        """One query, with the truth of the frame that it was answered from, and all that was
        received of that frame; None if the query was refused."""
        from semsplat_ros.nodes.common.conversions import clean_string
        from semsplat_ros.nodes.demo.answers import Answer

        session, text = self._need_session(), clean_string(text)
        for _ in range(_ATTEMPTS):
            response, latency = session.ask(text, self._wait_answer)
            answer = Answer(text, response, latency)
            if answer.error not in (ErrorCode.OK, ErrorCode.NOT_FOUND):
                return answer, None
            # Pictures of a scene may be on their way still; one of them may have been lost.
            until = time.monotonic() + 2.0
            stamp = answer.stamp_ns
            while session.moment(stamp) is None and time.monotonic() < until:
                self._pause()
            moment = session.moment(stamp)
            if moment is not None:
                truth = self._truth.of(answer.concept, moment.world_from_left)
                left_from_answer = moment.left_from(response.header.frame_id)
                return Answer(text, response, latency, truth, left_from_answer), moment
        raise SemsplatError(
            ErrorCode.TIMEOUT,
            f"{text!r} was answered {_ATTEMPTS} times from scenes of which messages were lost; "
            "is FASTRTPS_DEFAULT_PROFILES_FILE set (environment/env.sh does it)?",
        )

    def write_files(self) -> None:
        """The JSON and the picture."""
        from semsplat_ros.nodes.demo import answers, scene_view
        from semsplat_ros.nodes.demo.picture import draw

        options = self._options
        if options.json_path is not None:
            every = [answer for answer, _ in self._answered]
            found = answers.as_json(options.seed, self.setup_s, every)
            options.json_path.write_text(json.dumps(found, indent=2) + "\n")
            self._say(f"answers: {options.json_path}")
        if options.picture_path is not None:
            seen = [(answer, moment) for answer, moment in self._answered if moment is not None]
            if not seen:
                self._say("no picture: no query was answered from a scene")
                return
            if self._moves():
                self._film(options.picture_path)
            else:
                draw(scene_view.view_of(seen, options.seed)).save(options.picture_path)
            self._say(f"picture: {options.picture_path.resolve()}")

    def _moves(self) -> bool:
        path = self._options.picture_path
        return path is not None and path.suffix.lower() == ".gif"

    def _film(self, path: Path) -> None:
        """The first query again and again, while the robot drives."""
        from PIL import Image

        from semsplat_ros.nodes.demo import scene_view
        from semsplat_ros.nodes.demo.picture import draw

        frames: list[Any] = []
        while len(frames) < FILM_FRAMES:
            answer, moment = self.ask(self._options.queries[0])
            if moment is not None:
                view = scene_view.view_of([(answer, moment)], self._options.seed)
                frames.append(draw(view).convert("RGB").reduce(FILM_REDUCTION))
            until = time.monotonic() + FILM_STEP_S
            while time.monotonic() < until:
                self._pause()
        palette = frames[0].quantize(FILM_COLOURS)
        first, *rest = (
            frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames
        )
        first.save(path, save_all=True, append_images=rest, duration=FILM_MS, loop=0)

    def stay(self) -> None:
        """Until Ctrl-C; answers what is typed."""
        for line in _commands(self._domain, self._to_ask_next()):
            self._say(line)
        typed = sys.stdin.isatty()
        if typed:
            self._say("Type what to find, Ctrl-C ends.")
        try:
            while True:
                self._pause()
                if typed and select.select([sys.stdin], [], [], 0.1)[0]:
                    text = sys.stdin.readline()
                    typed = bool(text)
                    if text.strip():
                        self._say(self.ask(text.strip())[0].sentence())
        except InterruptedDemo:
            self._say("stopping")

    def close(self) -> None:
        """Stop both nodes; their logs stay if something went wrong."""
        for process in self._processes:
            process.ask_to_stop()
        if self._session is not None:
            self._session.close()
        for process in self._processes:
            process.stop()
        if self.finished:
            shutil.rmtree(self._folder, ignore_errors=True)

    # Waiting -----------------------------------------------------------------------------------

    def _wait(self, true: Callable[[], bool], what: str, timeout: float = START_TIMEOUT_S) -> None:
        """Until something holds, a node dies, a signal comes or the time is over."""
        end = time.monotonic() + timeout
        while not true():
            self._pause()
            if time.monotonic() > end:
                said = "\n".join(f"{p.name}:\n{p.last_lines()}" for p in self._processes)
                raise SemsplatError(
                    ErrorCode.TIMEOUT, f"{what} did not come within {timeout:.0f} s\n{said}"
                )

    def _wait_answer(self, true: Callable[[], bool], what: str) -> None:
        self._wait(true, what, ANSWER_TIMEOUT_S)

    def _pause(self) -> None:
        for process in self._processes:
            process.check()
        if self._signals.stop.wait(POLL_S):
            raise InterruptedDemo

    def _is_active(self) -> bool:
        from semsplat_interfaces.msg import NodeStatus

        status = self._need_session().status
        if status is None:
            return False
        code = ErrorCode(status.last_error.code)
        failed = status.state == NodeStatus.UNCONFIGURED and code is not ErrorCode.OK
        if status.state == NodeStatus.FAULT or failed:
            raise SemsplatError(code, f"perception_node: {status.message}")
        return status.state == NodeStatus.ACTIVE

    def _need_session(self) -> "DemoSession":
        assert self._session is not None, "start() comes first"
        return self._session

    def _look_at(self) -> str:
        """What the robot looks at: what is asked for first, if rooms have such a thing."""
        from semsplat_ros.families.registry import shipped_config
        from semsplat_ros.language.commands import parse_concept
        from semsplat_ros.language.nouns import named_class
        from semsplat_ros.rooms.builder import CLASSES

        try:
            concept = parse_concept(self._options.queries[0])
            synonyms = shipped_config("room")["synonyms"]
            return named_class(concept, CLASSES, synonyms) or "chair"
        except SemsplatError:  # the node will say what is wrong with the text
            return "chair"

    def _to_ask_next(self) -> str:
        """Something in view that was not asked for."""
        asked = {answer.concept for answer, _ in self._answered}
        seen = [moment for _, moment in self._answered if moment is not None]
        return (seen[-1].surest_label(asked) if seen else None) or "table"

    def _tell(self, text: str) -> None:
        self._say(f"[{seconds_since_start():5.1f} s] {text}")


def _check_files(options: DemoOptions) -> None:
    """Refuse what could not be written, before anything is started."""
    for path in (options.json_path, options.picture_path):
        if path is not None and not path.resolve().parent.is_dir():
            raise SemsplatError(
                ErrorCode.IO_ERROR, f"the folder of {path} does not exist: make it first"
            )
        if path is not None and not os.access(
            path if path.exists() else path.resolve().parent, os.W_OK
        ):
            raise SemsplatError(ErrorCode.IO_ERROR, f"{path} may not be written: choose another")
    picture = options.picture_path
    if picture is not None and picture.suffix.lower() not in PICTURES:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"{picture} is no picture file: end it in .png, .jpg or .gif",
        )


def _commands(domain: int, thing: str) -> list[str]:
    """What to try while the nodes run; `thing` is what the query names."""
    lines = ["", "Both nodes run on. In another terminal:"]
    if shutil.which("ros2") is None:
        lines += ["(the command ros2 comes with an installation of ROS 2, not with its libraries)"]
    return [
        *lines,
        "    . environment/env.sh",
        f"    export ROS_DOMAIN_ID={domain} ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST",
        "    ros2 topic list",
        "    ros2 topic hz /semsplat/points",
        "    ros2 service call /semsplat/query semsplat_interfaces/srv/Query "
        f"\"{{text: 'find the {thing}'}}\"",
        "    ros2 param set /semsplat/room_cameras motion drive",
        "    ros2 topic echo --once /semsplat/status",
        "",
    ]
