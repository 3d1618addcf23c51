"""What a driver printed, and how an order's events read as one word."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
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
        code: The exit code; None when the driver had to be ended.
    """

    events: tuple[Event, ...]
    stderr: tuple[str, ...]
    code: int | None

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


def drive(python: Path, driver: str, *arguments: str) -> Transcript:
    """Run a driver in its client's environment, isolated from ours."""
    command = [str(python), "-I", str(DRIVERS / driver), *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=DRIVER_DEADLINE_S, check=False
        )
        out, err, code = done.stdout, done.stderr, done.returncode
    except subprocess.TimeoutExpired as error:
        out, err = _text(error.stdout), _text(error.stderr)
        code = None
    events = [json.loads(line) for line in out.splitlines()]
    return Transcript(tuple(events), tuple(line for line in err.splitlines() if line), code)


def _text(part: bytes | str | None) -> str:
    """What a process that had to be ended had printed by then."""
    return part.decode() if isinstance(part, bytes) else part or ""


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
