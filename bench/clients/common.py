"""What every runner does: say what it wants to be told, count, and print what it took.

Only the standard library: it runs in the environment of each client.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import resource
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

BLOCK = 500
MARK = 54
#: So many blocks are acknowledged at a time: half of the usual window of 4000 messages.
CREDITS = 4
CLIENT_CPU = 1
PATIENCE = 120.0
#: How long we wait for the rest of what was sent; a client that is further behind is just that.
BEHIND = 10.0
CLOCK = time.monotonic


def memory_mb() -> float:
    """The resident size of this process now."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:  # not Linux
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return pages * resource.getpagesize() / 1e6


def pin() -> None:
    """Stay away from the blaster's processor, where there are two."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > CLIENT_CPU:
        os.sched_setaffinity(0, {CLIENT_CPU})


class Bench:
    """One run.

    Attributes:
        plan: What the orchestrator asked for: ``mode``, ``lines``, ``streams``, ``messages``,
            ``warm``, ``rate``, ``seconds``, ``max_version``; and what concerns the runner.
        count: Callbacks, or updates; the hook adds to it.
        late: Seconds from the sending of each bid to its callback; the hook adds to it.
    """

    def __init__(self) -> None:
        self.plan: dict[str, Any] = json.loads(sys.argv[1])
        self.port: int = self.plan["port"]
        self.count = 0
        self.late: list[float] = []
        self._marks = self._told = 0
        self._warm = self.plan.get("warm", 0) // BLOCK
        self._all = self._warm + self.plan.get("messages", 0) // BLOCK
        self._start: tuple[float, ...] = ()
        self._end: tuple[float, ...] = ()
        self._over = threading.Event()
        pin()

    def call(self, **more: Any) -> None:
        """Tell the blaster that we come."""
        self._control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._control.settimeout(PATIENCE)
        self._control.connect(self.plan["control"])
        self._control.sendall(json.dumps({**self.plan, **more}).encode() + b"\n")
        self._lines = self._control.makefile("r", encoding="utf-8")

    def hang_up(self) -> None:
        """Let the blaster serve the next one."""
        self._lines.close()
        self._control.close()

    def heard(self) -> dict[str, Any]:
        """What the blaster says next; blocks."""
        said: dict[str, Any] = json.loads(self._lines.readline())
        return said

    def begin(self) -> None:
        """Everything is subscribed to: wait for the payload, and let it come."""
        self.heard()
        gc.collect()
        self.at_start, self.cpu_at_start = memory_mb(), time.process_time()
        self._send = self._control.send
        self._send(b"g")
        if self._warm == 0:
            self._start = self._now()

    def _now(self) -> tuple[float, ...]:
        return CLOCK(), time.process_time(), self.count, self._marks

    def mark(self, number: float) -> None:
        """The hook heard a mark."""
        came = self._marks = int(number)
        if came - self._told >= CREDITS or self._told < self._warm <= came or came >= self._all:
            # A call to the system takes as long as twenty messages: not one for each mark.
            self._send(b"." * (came - self._told))
            self._told = came
        if not self._start and came >= self._warm:
            self._start = self._now()
        if came >= self._all:
            self._end = self._now()
            self._over.set()

    @property
    def over(self) -> bool:
        """Whether the last mark came."""
        return self._over.is_set()

    def wait(self) -> None:
        """Wait for the last mark."""
        if not self._over.wait(PATIENCE):
            raise SystemExit(f"only {self._marks} of {self._all} blocks came")

    def told(self, **more: Any) -> None:
        """Print what a run of throughput took."""
        seconds, cpu, count, marks = (
            end - start for end, start in zip(self._end, self._start, strict=True)
        )
        # Who reads faster than a block is sent may hear of the first and the last mark at once.
        messages = max(marks, 1) * BLOCK
        self.show(
            messages=messages,
            seconds=seconds,
            a_second=messages / max(seconds, 1e-9),
            cpu_us=cpu / messages * 1e6,
            callbacks=count,
            heard=self.count,
            rss_mb=memory_mb(),
            rss_grown_mb=memory_mb() - self.at_start,
            **more,
        )

    def told_latency(self, said: dict[str, Any], **more: Any) -> None:
        """Print what a run of latency took; the first tenth is not counted."""
        cpu = time.process_time() - self.cpu_at_start
        until = CLOCK() + BEHIND
        while len(self.late) < said["sent"] and CLOCK() < until:
            time.sleep(0.02)
        times = sorted(self.late[len(self.late) // 10 :])

        def part(share: float) -> float:
            return times[min(len(times) - 1, int(len(times) * share))] * 1e6

        self.show(
            count=len(self.late),
            p50_us=part(0.5),
            p99_us=part(0.99),
            p999_us=part(0.999),
            stall_us=said["stall"] * 1e6,
            cpu=cpu / said["seconds"],
            **more,
        )

    def show(self, **what: Any) -> None:
        """Print a result."""
        print(json.dumps({"python": platform.python_version(), **what}), flush=True)

    def finish(self) -> None:
        """After a run of any mode: wait, and print."""
        if self.plan["mode"] == "latency":
            self.told_latency(self.heard(), **self.plan.get("more", {}))
        else:
            self.wait()
            self.told()
