"""From placing an order to its orderStatus: IB's own client, ib_async and twsloop, side by side.

The gateway (`round_trips/prompt_gateway.py`) answers with bytes that it had before. It and each
client have a process of their own, each client its own environment; the gateway has the first
processor and the clients the last. They take turns, so that what else the machine does falls on all
of them alike, and a ratio is the median of the ratios of the rounds. An order is placed when the
one before has its orderStatus, and no client paces. The EWrapper programs hear openOrder, too, as
a program that trades does.

::

    python bench/order_round_trip.py                  7 rounds of 100 orders, and bench/*.json
    python bench/order_round_trip.py --tiny           a few orders of our own rows (the tests)
    python bench/order_round_trip.py --only place raw
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.conformance.venvs import IB_ASYNC, OFFICIAL_10, runtime_of  # noqa: E402

PROGRAMS = Path(__file__).with_name("round_trips")
#: Orders that are not counted: what is done once is done with them.
WARM_UP = 50
NEWEST, TEXT = 225, 200
OFFICIAL, ASYNC = "ibapi 10.46.1", "ib_async 2.1"
#: What a round trip may take of those.
GOALS = {ASYNC: 0.65, OFFICIAL: 0.9}


def here() -> Path:
    """Our own interpreter."""
    return Path(sys.executable)


def official() -> Path:
    """The one with IB's own client."""
    return runtime_of(OFFICIAL_10)


def ib_async() -> Path:
    """The one with ib_async."""
    return runtime_of(IB_ASYNC)


@attrs.frozen
class Row:
    """One client in one way.

    Attributes:
        name: What the table calls it.
        key: What ``--only`` calls it.
        arguments: Its program, and what that is told besides the port and the client id.
        version: The newest protocol version that its gateway speaks.
        python: The interpreter of its environment.
        goal: Whether the goals are for it.
    """

    name: str
    key: str
    arguments: tuple[str, ...]
    version: int = NEWEST
    python: Callable[[], Path] = here
    goal: bool = False


ROWS = (
    Row(OFFICIAL, "official", ("official.py",), python=official),
    Row("ibapi 10.46.1, text", "official-text", ("official.py",), TEXT, official),
    Row(ASYNC, "ib_async", ("ib_async_client.py",), python=ib_async),
    Row("IBKRConnection.placeOrder", "bare", ("ours.py", "bare"), goal=True),
    Row("IBKRConnection.placeOrder, text", "bare-text", ("ours.py", "bare"), TEXT),
    Row("IBGateway.placeOrder", "raw", ("ours.py", "raw")),
    Row("gw.place_order", "place", ("ours.py", "place"), goal=True),
    Row("gw.place_order, text", "place-text", ("ours.py", "place"), TEXT),
    Row("gw.place_order, journal", "journal", ("ours.py", "journal")),
)  # fmt: skip
OURS = tuple(row for row in ROWS if row.python is here)


@contextlib.contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A program that ends when nobody writes to it any more."""
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            yield child
        finally:
            assert child.stdin is not None
            child.stdin.close()


def line_of(child: subprocess.Popen[str]) -> Any:
    """What a program says next."""
    assert child.stdout is not None
    line = child.stdout.readline()
    if not line:
        raise SystemExit(f"a program of this measurement has ended: {child.args!r}")
    return json.loads(line)


def turn(child: subprocess.Popen[str], orders: int) -> dict[str, Any]:
    """Let a client place so many orders; what it says of them."""
    assert child.stdin is not None
    child.stdin.write(f"{orders}\n")
    child.stdin.flush()
    told: dict[str, Any] = line_of(child)
    return told


def run(rows: Sequence[Row], *, rounds: int, orders: int, warm_up: int = WARM_UP) -> dict[str, Any]:
    """What each of the rows took, round by round.

    Returns:
        By the row's name: ``taken``, the microseconds of each order of each round, and ``cpu``,
        the client's microseconds of processor time for an order.
    """
    found: dict[str, Any] = {row.name: {"taken": [], "cpu": []} for row in rows}
    with contextlib.ExitStack() as stack:
        ports: dict[int, int] = {}
        for version in {row.version for row in rows}:
            program = str(PROGRAMS / "prompt_gateway.py")
            gateway = stack.enter_context(process(sys.executable, program, str(version)))
            ports[version] = line_of(gateway)
            with contextlib.suppress(AttributeError, OSError):
                os.sched_setaffinity(gateway.pid, {min(os.sched_getaffinity(0))})
        clients = {}
        for number, row in enumerate(rows, start=1):
            program, *more = row.arguments
            arguments = (str(PROGRAMS / program), str(ports[row.version]), str(number), *more)
            clients[row.name] = stack.enter_context(process(str(row.python()), *arguments))
        for client in clients.values():
            line_of(client)
        for client in clients.values():
            turn(client, warm_up)
        for _ in range(rounds):
            for name, client in clients.items():
                told = turn(client, orders)
                found[name]["taken"].append(told["taken"])
                found[name]["cpu"].append(told["cpu"])
    return found


def summary(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of the table."""
    medians = {
        name: [statistics.median(one) for one in told["taken"]] for name, told in found.items()
    }
    rows = []
    for name, told in found.items():
        every = sorted(time for one in told["taken"] for time in one)
        row = {
            "client": name,
            "orders": len(every),
            "p50_us": statistics.median(medians[name]),
            "p50_min_us": min(medians[name]),
            "p50_max_us": max(medians[name]),
            "p99_us": every[int(len(every) * 0.99)],
            "cpu_us": statistics.median(told["cpu"]),
        }
        for key, rival in (("x_ib_async", ASYNC), ("x_official", OFFICIAL)):
            if rival in medians:
                pairs = zip(medians[name], medians[rival], strict=True)
                row[key] = statistics.median(ours / theirs for ours, theirs in pairs)
        rows.append(row)
    return rows


def show(rows: Sequence[dict[str, Any]]) -> None:
    """Print the table."""
    print(f"{'microseconds':<34}{'p50':>7} {'(min..max)':>14}{'p99':>8}{'CPU':>7}", end="")
    print(f"{'x ib_async':>12}{'x official':>12}")
    for row in rows:
        spread = f"({row['p50_min_us']:.0f}..{row['p50_max_us']:.0f})"
        print(f"{row['client']:<34}{row['p50_us']:>7.0f} {spread:>14}", end="")
        print(f"{row['p99_us']:>8.0f}{row['cpu_us']:>7.0f}", end="")
        for key in ("x_ib_async", "x_official"):
            print(f"{row[key]:>12.2f}" if key in row else f"{'':>12}", end="")
        print()


def judged(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each goal, and whether it was met."""
    wanted = {row.name for row in ROWS if row.goal}
    goals = []
    for row in rows:
        if row["client"] in wanted:
            for key, rival in (("x_ib_async", ASYNC), ("x_official", OFFICIAL)):
                if key in row:
                    met = row[key] <= GOALS[rival]
                    told = {"client": row["client"], "against": rival, "goal": GOALS[rival]}
                    goals.append({**told, "ratio": row[key], "met": met})
    return goals


def main() -> int:
    """Run, print, and keep the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--orders", type=int, default=100, help="a client's orders in a round")
    parser.add_argument("--only", nargs="+", choices=[row.key for row in ROWS], metavar="ROW")
    parser.add_argument("--tiny", action="store_true", help="a few orders of our own rows")
    parser.add_argument("--json", type=Path, help="where the figures go")
    given = parser.parse_args()
    if given.tiny:
        rows = summary(run(OURS, rounds=1, orders=3, warm_up=2))
    else:
        chosen = [row for row in ROWS if given.only is None or row.key in given.only]
        rows = summary(run(chosen, rounds=given.rounds, orders=given.orders))
    show(rows)
    goals = judged(rows)
    for goal in goals:
        word = "met" if goal["met"] else "MISSED"
        print(f"goal: {goal['client']} <= {goal['goal']} x {goal['against']}: {word}")
    target = given.json or (None if given.tiny else Path(__file__).with_suffix(".json"))
    if target is not None:
        report = {"rows": rows, "goals": goals}
        target.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
