# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Running a long command: one line of progress for a person, everything else in a log file."""

import re
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

_ROWS = 2000  # of a command's output, kept to explain a failure

# What pip and colcon print, and what of it is worth showing.
_NOTABLE = (
    (re.compile(r"^\s*Downloading (?:\S*/)?([A-Za-z0-9_.]+?-[0-9][^-/ ]*)\S* (\(.*\))"), r"\1 \2"),
    (re.compile(r"^Collecting ([A-Za-z0-9_.\-]+)"), r"\1"),
    (re.compile(r"^(Installing collected packages).*"), r"unpacking"),
    (re.compile(r"^Starting >>> (\S+)"), r"building \1"),
    (re.compile(r"^\[ *(\d+)%\] .*?\b(\w+?)__rosidl"), r"building \2 \1 %"),
    (re.compile(r"^(?:Get|Hit):\d+ \S+ \S+ \S+ (\S+)"), r"\1"),
    (re.compile(r"^(?:Unpacking|Setting up) (\S+)"), r"\1"),
)


class CommandFailed(Exception):  # noqa: N818 - it is the command that failed
    """A command ended with an error; `output` is what it had printed."""

    def __init__(self, command: Sequence[str], output: str) -> None:
        super().__init__(" ".join(command))
        self.output = output


class StatusLine:
    """One line on a terminal that is rewritten each second, or a line now and then in a log."""

    def __init__(self, title: str, every: float = 15.0) -> None:
        self._title = title
        self._detail = ""
        self._start = time.monotonic()
        self._terminal = sys.stdout.isatty()
        self._every = 0.5 if self._terminal else every
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "StatusLine":
        if not self._terminal:
            print(f"{self._title} ...", flush=True)
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._detail = "" if kind is None else "failed"
        self._show(end="\n")

    def show(self, detail: str) -> None:
        """What is being done right now."""
        self._detail = detail

    def _run(self) -> None:
        while not self._done.wait(self._every):
            self._show(end="" if self._terminal else "\n")

    def _show(self, end: str) -> None:
        seconds = time.monotonic() - self._start
        line = f"{self._title}  {seconds:4.0f} s  {self._detail}"
        if self._terminal:
            line = "\r\033[K" + line[:100]
        sys.stdout.write(line.rstrip() + end)
        sys.stdout.flush()


def run(
    title: str,
    command: Sequence[str],
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Run a command to its end, showing progress. Raises CommandFailed, OSError."""
    rows: deque[str] = deque(maxlen=_ROWS)
    with StatusLine(title) as status, log.open("a", encoding="utf-8") as out:
        out.write(f"\n$ {' '.join(command)}\n")
        with subprocess.Popen(
            command,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            assert process.stdout is not None
            for row in process.stdout:
                out.write(row)
                out.flush()
                rows.append(row)
                if detail := notable(row):
                    status.show(detail)
        if process.returncode != 0:
            raise CommandFailed(command, "".join(rows))


def notable(row: str) -> str:
    """The part of a row of output that tells a person what is going on; empty for the rest."""
    for pattern, form in _NOTABLE:
        if match := pattern.match(row):
            return match.expand(form)
    return ""
