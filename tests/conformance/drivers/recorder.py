"""What the drivers share: JSON lines on stdout, the plan's arguments, an end with an exit code.

The drivers run in the environment of the client that they drive. They know the standard library,
that client, and this file; nothing of twsloop.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import sys
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

#: Above this, a number of IB's clients means "unset" (double max, 2**127 - 1).
UNSET_FROM = 1e30
#: Seconds a step may wait for what it needs; a local gateway answers in milliseconds.
PATIENCE_S = 15.0
#: Tick types by the names that the lines use (IB's numbers).
TICK_NAMES = dict(
    zip(
        (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 14, 32, 33, 45, 49, 84),
        (
            *("bidSize", "bid", "ask", "askSize", "last", "lastSize", "high", "low", "volume"),
            *("close", "open", "bidExchange", "askExchange", "lastTimestamp", "halted"),
            "lastExchange",
        ),
        strict=True,
    )
)
#: Of these the value is a size; of the others a price or a text.
SIZES = {"bidSize", "askSize", "lastSize", "volume"}
PRICES = {"bid", "ask", "last", "high", "low", "close", "open"}
#: Two threads print: the client's and the plan's.
PRINTING = threading.Lock()


class Trouble(Exception):
    """What should have come did not."""


def plain(value: Any) -> Any:
    """A value as JSON has it; None for what the client calls unset."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float) and (math.isnan(value) or abs(value) >= UNSET_FROM):
        return None
    if isinstance(value, bytes):
        return value.decode()
    return value


def line(event: str, **fields: Any) -> None:
    """Print one JSON line."""
    content = {"event": event, **{name: plain(value) for name, value in fields.items()}}
    with PRINTING:
        sys.stdout.write(json.dumps(content, default=str) + "\n")
        sys.stdout.flush()


class Stream:
    """What came on one market data line, counted; only sums are printed."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.count = 0
        self.kinds: dict[str, int] = {}
        self.latest: dict[str, Any] = {}
        self.order: list[str] = []
        self.problems: list[str] = []
        self.trace: list[tuple[str, Any]] = []

    def tick(self, number: int, value: Any) -> None:
        """Count a tick of IB's type ``number``."""
        name = TICK_NAMES.get(number, str(number))
        self.count += 1
        value = plain(value)
        if name not in self.kinds:
            self.order.append(name)
        elif name == "volume" and value < self.latest[name]:
            self.problems.append(f"volume fell from {self.latest[name]} to {value}")
        if value is None or (name in PRICES and value <= 0) or (name in SIZES and value < 0):
            self.problems.append(f"{name} {value}")
        self.kinds[name] = self.kinds.get(name, 0) + 1
        self.latest[name] = value
        self.trace.append((name, value))

    def tell(self) -> None:
        """Print the sums."""
        line(
            "stream",
            symbol=self.symbol,
            count=self.count,
            kinds=self.kinds,
            latest=self.latest,
            order=self.order,
            problems=self.problems[:10],
        )

    def tell_all(self) -> None:
        """Print every tick."""
        line("trace", symbol=self.symbol, ticks=self.trace)


class Book:
    """A deep book, built from what is told of it as a client builds it."""

    def __init__(self) -> None:
        self.sides: tuple[list[list[float]], list[list[float]]] = ([], [])
        self.problems: list[str] = []
        self.updates = 0

    def update(self, position: int, operation: int, side: int, price: float, size: float) -> None:
        """Insert (0), update (1) or delete (2) a row of the asks (0) or the bids (1)."""
        rows = self.sides[side]
        self.updates += 1
        if operation == 0 and position <= len(rows):
            rows.insert(position, [price, size])
        elif operation == 1 and position < len(rows):
            rows[position] = [price, size]
        elif operation == 2 and position < len(rows):
            del rows[position]
        else:
            self.problems.append(f"operation {operation} at {position} of {len(rows)} rows")

    def full(self, rows: int) -> bool:
        """Whether both sides have so many rows."""
        return all(len(side) >= rows for side in self.sides)

    def tell(self) -> None:
        """Print the book."""
        asks, bids = self.sides
        line("book", asks=asks, bids=bids, problems=self.problems[:5], updates=self.updates)


def arguments() -> argparse.Namespace:
    """The plan: where to connect, what to watch, what to trade."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--client-id", type=int, default=7)
    parser.add_argument("--symbols", default="AAPL,MSFT,SPY,NVDA")
    parser.add_argument("--trade", default="AAPL")
    parser.add_argument("--quantity", type=int, default=10)
    parser.add_argument("--ticks", type=int, default=400)
    parser.add_argument("--big", type=int, default=3000, help="more than a quote displays")
    parser.add_argument("--again", action="store_true", help="the second session of a client id")
    parser.add_argument("--trace", action="store_true", help="only stream, and print every tick")
    parser.add_argument("--data", action="store_true", help="history, depth, options, news")
    parser.add_argument("--module", default="", help="the package, where two share a driver")
    return parser.parse_args()


def drive(plan: Callable[[argparse.Namespace], None]) -> None:
    """Run the plan; the exit code is 0 only when it came to its end."""
    # Warnings and errors that the client logs go to stderr, where the test looks for them.
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    began = time.monotonic()
    try:
        plan(arguments())
    except (Trouble, OSError) as trouble:  # a closed connection may be met first by a request
        line("trouble", text=repr(trouble))
        sys.exit(1)
    line("done", seconds=round(time.monotonic() - began, 3))
