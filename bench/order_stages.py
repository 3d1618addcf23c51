"""Where the time of ``gw.place_order`` goes, stage by stage, from the call to the orderStatus.

Some functions on an order's way note the time when they are called and when they return; what lies
between two notes is a stage, and each is the median of many orders. The gateway is that of
``order_round_trip.py``; the notes themselves cost a tenth.

::

    python bench/order_stages.py                 500 orders, without a journal
    python bench/order_stages.py --publish       and docs/tables/order_stages.md
"""

from __future__ import annotations

import argparse
import functools
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ibapi.client import EClient  # noqa: E402

from bench.round_trips import ours  # noqa: E402
from bench.round_trips.turns import pin  # noqa: E402
from twsloop import IBGateway  # noqa: E402
from twsloop.orders.leaving import Leaving  # noqa: E402
from twsloop.orders.placing import Placer  # noqa: E402
from twsloop.orders.processor import OrderProcessor  # noqa: E402
from twsloop.orders.validation import Validator  # noqa: E402
from twsloop.transport import Transport  # noqa: E402

TABLE = ROOT / "docs" / "tables" / "order_stages.md"
GATEWAY = ROOT / "bench" / "round_trips" / "prompt_gateway.py"
WARM_UP = 100

#: What notes the time: the class, its method, and its name here.
NOTED: tuple[tuple[Any, str, str], ...] = (
    (Placer, "place_orders", "placed"),
    (Validator, "check", "checked"),
    (Placer, "_begin", "begun"),
    (Leaving, "take", "reviewed"),
    (EClient, "placeOrder", "encoded"),
    (Transport, "write", "written"),
    (Transport, "data_received", "read"),
    (OrderProcessor, "openOrder", "opened"),
    (OrderProcessor, "orderStatus", "told"),
)
#: From which note to which a stage lasts, and what it is.
STAGES = (
    ("", "placed>", "the caller's thread: IB's Order is built, the call is read"),
    ("placed>", "checked>", "the order is copied, its prices and size brought into IB's types"),
    ("checked>", "checked<", "it is checked: sixty rules of what the gateway refuses"),
    ("checked<", "placed<", "its id, its record and its handle are made"),
    ("placed<", "begun>", "the loop thread is woken"),
    ("begun>", "reviewed>", "it enters the book; the session's gate"),
    ("reviewed>", "encoded>", "the risk gate; the journal, if there is one"),
    ("encoded>", "written>", "IB's encoder; the lanes"),
    ("written>", "written<", "the system takes the bytes"),
    ("written<", "read>", "that it was made and has left is told; the gateway answers meanwhile"),
    ("read>", "opened>", "openOrder is decoded"),
    ("opened>", "opened<", "it is compared with the book, and told"),
    ("opened<", "told>", "orderStatus is decoded"),
    ("told>", "", "it is compared with the book, and told: the program's callback is called"),
)  # fmt: skip


def noting(function: Callable[..., Any], name: str, notes: list[tuple[str, int]]) -> Any:
    """The function, which notes when it is called and when it returns."""

    @functools.wraps(function)
    def noted(*args: Any, **more: Any) -> Any:
        notes.append((f"{name}>", time.perf_counter_ns()))
        try:
            return function(*args, **more)
        finally:
            notes.append((f"{name}<", time.perf_counter_ns()))

    return noted


def measure(orders: int) -> list[tuple[str, float]]:
    """Each stage, and its microseconds; and the whole."""
    notes: list[tuple[str, int]] = []
    plain = [(kind, method, getattr(kind, method)) for kind, method, _ in NOTED]
    for kind, method, name in NOTED:
        setattr(kind, method, noting(getattr(kind, method), name, notes))
    try:
        return summary(run(orders, notes))
    finally:
        for kind, method, function in plain:
            setattr(kind, method, function)


def run(orders: int, notes: list[tuple[str, int]]) -> list[dict[str, float]]:
    """What each order noted, microseconds after its call; the whole under no name."""
    runs: list[dict[str, float]] = []
    with subprocess.Popen(
        [sys.executable, str(GATEWAY), "225"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as gateway:  # fmt: skip
        assert gateway.stdout is not None
        assert gateway.stdin is not None
        app = IBGateway(ours.settings(int(gateway.stdout.readline()), 1, "", {}))
        with app:
            one = ours.own_call(app)
            for number in range(WARM_UP + orders):
                notes.clear()
                began = time.perf_counter_ns()
                whole = one()
                if number >= WARM_UP:
                    at = {name: (when - began) / 1e3 for name, when in reversed(notes)}
                    runs.append({**at, "": whole})
        gateway.stdin.close()
    return runs


def summary(runs: list[dict[str, float]]) -> list[tuple[str, float]]:
    """The medians of the stages, of orders that went the usual way."""
    usual = Counter(map(len, runs)).most_common(1)[0][0]
    runs = [run for run in runs if len(run) == usual]
    found = []
    for first, last, words in STAGES:
        spans = [run[last] - (run[first] if first else 0.0) for run in runs]
        found.append((words, statistics.median(spans)))
    found.append(("from the call to the callback", statistics.median(run[""] for run in runs)))
    return found


def table(found: Sequence[tuple[str, float]]) -> str:
    """The stages as a table of Markdown."""
    rows = [f"| {words} | {took:.0f} |" for words, took in found[:-1]]
    words, took = found[-1]
    lines = ["| stage | µs |", "|---|---|", *rows, f"| **{words}** | **{took:.0f}** |"]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run, print, and publish if asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--orders", type=int, default=500)
    parser.add_argument("--publish", action="store_true", help=f"write {TABLE.relative_to(ROOT)}")
    given = parser.parse_args()
    pin()
    text = table(measure(given.orders))
    print(text, end="")
    if given.publish:
        TABLE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
