"""Which process this is, and whether another one still lives."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
from pathlib import Path

import attrs

__all__ = ["Process", "here", "is_alive", "process_of"]

_PROC = Path("/proc")
#: The start of a process that has ended, and only waits to be looked after.
_ENDED = "ended"


@attrs.frozen
class Process:
    """A process, told apart from all others.

    Attributes:
        node: The machine (or container) that it runs on, since it was started.
        pid: Its id there.
        started: When it began, in the system's own count; empty where the system does not say.
    """

    node: str
    pid: int
    started: str


def here() -> Process:
    """This process."""
    return process_of(os.getpid())  # asked each time: a fork is another one


def process_of(pid: int) -> Process:
    """The process of this machine that has this id now."""
    return Process(_node(), pid, _started(pid) or "")


def is_alive(process: Process) -> bool | None:
    """Whether a process lives; None where that cannot be seen from here."""
    if process.node != _node() or not process.started:
        return None
    started = _started(process.pid)
    if started is None and _exists(process.pid):
        return None  # another user's, which the system does not show us
    return started == process.started


@functools.cache
def _node() -> str:
    """This machine since its start, and the ids that we see of its processes."""
    boot = space = ""
    with contextlib.suppress(OSError):
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    with contextlib.suppress(OSError):
        space = str((_PROC / "self/ns/pid").readlink())
    return f"{platform.node()}/{boot}/{space}"


def _started(pid: int) -> str | None:
    """When a process began, in ticks since the machine's start (Linux); None if there is none."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    # The name is in parentheses, and may hold some itself; the state and the start come after it.
    fields = stat[stat.rfind(")") + 1 :].split()
    if len(fields) < 20:
        return None
    return _ENDED if fields[0] in {"Z", "X"} else fields[19]


def _exists(pid: int) -> bool:
    """Whether there is a process of that id, whoever's."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True
