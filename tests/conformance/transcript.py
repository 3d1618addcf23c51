"""What a driver printed, and how an order's events read as one word."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs

__all__ = ["DRIVERS", "Event", "Transcript", "drive", "word"]

DRIVERS = Path(__file__).parent / "drivers"
#: A driver's own steps give up after 15 s each; a driver that hangs all the same is ended.
DRIVER_DEADLINE_S = 150

Event = dict[str, Any]


@attrs.frozen
class Transcript:
    """One run of one driver.

    Attributes:
        events: The JSON lines, in order.
        stderr: What the client logged, line by line, from level WARNING on.
        code: The exit code; negative when the driver had to be ended.
    """

    events: tuple[Event, ...]
    stderr: tuple[str, ...]
    code: int

    def step(self, name: str) -> list[Event]:
        """What was heard between the beginning of a step and that of the next."""
        inside = False
        found = []
        for event in self.events:
            if event["event"] == "step":
                inside = event["name"] == name
            elif inside:
                found.append(event)
        assert found, f"no step {name!r}; the driver ended with {self.events[-3:]}"
        return found

    def all(self, name: str) -> list[Event]:
        """All events of one kind."""
        return of(self.events, name)

    def one(self, name: str) -> Event:
        """The only event of its kind."""
        (event,) = self.all(name)
        return event


def of(events: Sequence[Event], name: str) -> list[Event]:
    """The events of one kind."""
    return [event for event in events if event["event"] == name]


def drive(
    runtime: Path,
    driver: str,
    *arguments: str,
    on_event: Callable[[Event], None] | None = None,
) -> Transcript:
    """Run a driver in its client's environment, isolated from ours.

    Args:
        runtime: What runs it: the Python or the Node.js of that environment.
        driver: The file in ``drivers``.
        arguments: The driver's.
        on_event: Is told each event when it comes.
    """
    path = DRIVERS / driver
    python = path.suffix == ".py"
    # Node finds the packages of the environment by this; Python has its own, and nothing of ours.
    environ = None if python else {**os.environ, "NODE_PATH": str(_modules(runtime))}
    command = [str(runtime), *(("-I",) if python else ()), str(path), *arguments]
    events: list[Event] = []
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environ
        ) as process,
    ):
        assert process.stdout is not None
        deadline = threading.Timer(DRIVER_DEADLINE_S, process.kill)
        deadline.start()
        try:
            for line in process.stdout:
                if line.endswith("\n"):  # the last line of a driver that had to be ended may not
                    events.append(json.loads(line))
                    if on_event is not None:
                        on_event(events[-1])
            process.wait()
        finally:
            deadline.cancel()
            deadline.join()
            process.kill()
        errors.seek(0)
        complaints = [line for line in errors.read().splitlines() if line]
    return Transcript(tuple(events), tuple(complaints), process.returncode)


def _modules(node: Path) -> Path:
    """The packages beside a Node.js: the folder of its environment has them."""
    return next(up / "node_modules" for up in node.parents if (up / "pyvenv.cfg").exists())


#: One letter an event, so that an order's life can be held against a regular expression.
STATUS_LETTERS = {
    "PreSubmitted": "s",
    "Submitted": "s",
    "Filled": "f",
    "PendingCancel": "p",
    "Cancelled": "x",
}
ERROR_LETTERS = {202: "!", 10349: "t", 399: "w"}


def word(events: Sequence[Event]) -> str:
    """The order events as letters.

    ======= ===========================================================
    letter  event
    ======= ===========================================================
    ``O``   openOrder of a working order
    ``F``   openOrder Filled, without commission
    ``C``   openOrder Filled, with commission
    ``s``   orderStatus PreSubmitted or Submitted
    ``f``   orderStatus Filled
    ``p x`` orderStatus PendingCancel, Cancelled
    ``E``   execDetails
    ``R``   the commission report
    ``!``   error 202
    ``t w`` error 10349, error 399
    ``?``   anything else that speaks of orders
    ======= ===========================================================
    """
    letters = []
    for event in events:
        kind = event["event"]
        if kind == "openOrder":
            charged = event.get("commission") is not None
            letters.append(("C" if charged else "F") if event.get("status") == "Filled" else "O")
        elif kind == "orderStatus":
            letters.append(STATUS_LETTERS.get(event["status"], "?"))
        elif kind == "execDetails":
            letters.append("E")
        elif kind == "commission":
            letters.append("R")
        elif kind == "error":
            letters.append(ERROR_LETTERS.get(event["code"], "?"))
    return "".join(letters)
