"""How a client's program is measured; nothing but the standard library, for any environment.

It asks for the bars of so many days as often as it is told to, and says each time how long they
took, what memory they took at most, and for how long its loop did nothing else.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["BAR_SIZE", "END", "END_TEXT", "PATIENCE", "Beat", "pin", "report", "turns"]

#: How long an answer may take before the run is given up, seconds.
PATIENCE = 60.0
#: All bars of the gateway end here: 2026-06-01, UTC.
END, END_TEXT = 1_780_272_000, "20260601-00:00:00"
BAR_SIZE = "1 min"
#: How often the loop is looked at, seconds.
BEAT = 0.001


class Beat:
    """Looks how late a loop is: a timer that should come every millisecond."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._worked = 0.0
        #: The longest time the loop did not come to it, seconds: by the clock, and by what the
        #: loop's own thread worked meanwhile, which a busy machine does not lengthen.
        self.longest = self.held = 0.0

    def start(self) -> None:
        """Begin; on the loop."""
        self.longest = self.held = 0.0
        self._arm()

    def stop(self) -> None:
        """End; on the loop."""
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        self._due, self._worked = time.perf_counter() + BEAT, time.thread_time()
        self._timer = self._loop.call_later(BEAT, self._look)

    def _look(self) -> None:
        self.longest = max(self.longest, time.perf_counter() - self._due)
        self.held = max(self.held, time.thread_time() - self._worked)
        self._arm()


def pin() -> None:
    """Keep to the last processor, where there are two; the gateway is on the first."""
    with suppress(AttributeError, OSError):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def turns() -> Iterator[int]:
    """Say that the client is ready; then of how many days each turn asks for the bars."""
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        yield int(line)


def report(ask: Callable[[], tuple[int, Any]], beat: Beat | None = None) -> None:
    """Ask, and print what it took.

    Args:
        ask: Asks and waits; how many bars came, and what a program holds of them.
        beat: Has looked at the loop meanwhile.
    """
    gc.collect()
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    before = _memory("VmRSS")
    cpu, began = time.process_time(), time.perf_counter()
    bars, kept = ask()
    told = {
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - cpu,
        "bars": bars,
        "peak_mb": _memory("VmHWM") - before,
        "blocked": None if beat is None else beat.longest,
        "held": None if beat is None else beat.held,
    }
    gc.collect()
    told["kept_mb"] = _memory("VmRSS") - before
    del kept
    print(json.dumps(told), flush=True)


def _memory(name: str) -> float:
    """What the system says of this process, megabytes; 0 where it says nothing."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith(name):
                return int(line.split()[1]) / 1024
    return 0.0
