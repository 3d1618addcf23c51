"""What the drivers of the side-by-side share: JSON lines out, commands in, one at a time.

A driver is the plain program that its client's own documentation shows: it connects, watches one
share, rests one order, and does what it is told. It has no recovery of its own: what is seen is
what the client does. It knows the standard library, its client, and this file.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["PATIENCE_S", "SYMBOL", "Driver", "arguments", "serve", "tell"]

SYMBOL = "AAPL"
#: Where the resting order waits, far below the market.
REST_PRICE = 90.0
QUANTITY = 10
#: How long a step of the start may take, seconds.
PATIENCE_S = 10.0
_PRINTING = threading.Lock()


def tell(event: str, **fields: Any) -> None:
    """Print one JSON line."""
    with _PRINTING:
        sys.stdout.write(json.dumps({"event": event, **fields}, default=str) + "\n")
        sys.stdout.flush()


def arguments() -> argparse.Namespace:
    """Where to connect."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--bars", action="store_true", help="keep bars up to date, too")
    return parser.parse_args()


class Driver:
    """What a driver keeps of what its client told it, and what it can be asked.

    Attributes:
        bid: The last bid.
        close: The last bar's close.
        statuses: The last status of each order.
        fills: The execution ids that were told, each as often as it was.
    """

    def __init__(self) -> None:
        self.bid = 0.0
        self.close = 0.0
        self.statuses: dict[int, str] = {}
        self.fills: list[str] = []

    def connected(self) -> bool:
        """What the client says of its connection."""
        raise NotImplementedError

    def buy(self) -> None:
        """Place a market order."""
        raise NotImplementedError

    def state(self) -> None:
        """Tell what the program knows now."""
        tell(
            "state",
            connected=self.connected(),
            bid=self.bid,
            close=self.close,
            statuses=self.statuses,
            fills=self.fills,
        )


def serve(
    driver: Driver, call: Callable[[Callable[[], None]], object] = lambda work: work()
) -> None:
    """Do what the lines of the standard input say, until it ends.

    Args:
        driver: Who does it.
        call: How work is handed to the client's thread.
    """
    commands: dict[str, Callable[[], None]] = {"buy": driver.buy, "state": driver.state}

    def guarded(name: str) -> None:
        try:
            commands[name]()
        except Exception as error:
            tell("raised", text=repr(error))

    for line in sys.stdin:
        name = line.strip()
        call(lambda name=name: guarded(name))  # type: ignore[misc]
    # A client that hangs must not keep the process.
    os._exit(0)
