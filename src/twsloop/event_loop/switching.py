"""Python's switch interval, for as long as a loop that asks for one runs.

A thread that computes gives the interpreter up only when it has had it for this long (5 ms unless
told otherwise), and a loop thread that was woken waits for that. The interval belongs to the whole
process: so of several loops the one that asks for the shortest gets it, and when none of them runs
any more it is what it was before, unless somebody else has set it meanwhile.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator

__all__ = ["asked"]

_LOCK = threading.Lock()
#: What the loops that run ask for.
_ASKED: list[float] = []
#: What was in force before the first of them, and what was set for them last.
_FOUND: list[float] = []


@contextlib.contextmanager
def asked(seconds: float | None) -> Iterator[None]:
    """While inside, threads change at least this often; None asks for nothing."""
    if seconds is None:
        yield
        return
    with _LOCK:
        if not _ASKED:
            _FOUND[:] = [sys.getswitchinterval()] * 2
        _ASKED.append(seconds)
        _apply()
    try:
        yield
    finally:
        with _LOCK:
            _ASKED.remove(seconds)
            _apply()


def _apply() -> None:
    before, ours = _FOUND
    if not _same(sys.getswitchinterval(), ours):
        return  # somebody else's decision
    sys.setswitchinterval(min(_ASKED, default=before))
    _FOUND[1] = sys.getswitchinterval()


def _same(one: float, other: float) -> bool:
    """Python keeps it in whole microseconds."""
    return abs(one - other) < 1e-6
