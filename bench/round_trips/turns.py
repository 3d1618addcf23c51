"""How a client's program takes its turns; nothing but the standard library, for any environment."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

__all__ = ["PATIENCE", "pin", "report", "turns"]

#: How long an order may take before the run is given up, seconds.
PATIENCE = 30.0


def pin() -> None:
    """Keep to the last processor, where there are two; the gateway is on the first."""
    with suppress(AttributeError, OSError):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def turns() -> Iterator[int]:
    """Say that the client is ready; then how many orders each turn has."""
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        yield int(line)


def report(orders: int, one: Callable[[], float]) -> None:
    """Place so many orders, one behind the other, and print what each took, in microseconds.

    Args:
        orders: How many.
        one: Places one, waits for its orderStatus, and says how long that took.
    """
    began = time.process_time()
    taken = [one() for _ in range(orders)]
    cpu = (time.process_time() - began) / max(orders, 1) * 1e6
    print(json.dumps({"taken": taken, "cpu": cpu}), flush=True)
