"""100,000 bars of history: IB's own client, ib_async and twsloop, side by side.

The gateway (`histories/gateway.py`) answers with bytes that it had before. It and each client have
a process of their own, each client its own environment and for each round a new process; the
gateway has the first processor and the clients the last. They take turns, so that what else the
machine does falls on all of them alike, and a ratio is the median of the ratios of the rounds. Each
asks for the bars of one day first, so that what is done once is not counted.

Memory is what a process grew by at its peak while the answer came; ``blocked`` is the longest time
a timer of the client's own loop had to wait beyond its time (IB's own client has no loop), and
``held`` what the loop's thread itself worked between two of them, at most: what is more is the
machine's, and other programs'.

The goals are for IB's callbacks, which count the bars as those of IB's own client do; ib_async
returns a list of them. ``gw.history.bars`` returns more than that list: it asks in pieces that a
gateway answers, with exact decimals and times, in order, checked. Its row is there to be seen.

::

    python bench/history.py                  5 rounds of 70 days of minutes, and bench/history.json
    python bench/history.py --tiny           a few bars of our own rows (the tests)
    python bench/history.py --only bare official
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.order_round_trip import (  # noqa: E402
    ASYNC,
    OFFICIAL,
    TEXT,
    Row,
    ib_async,
    line_of,
    official,
    process,
    turn,
)

PROGRAMS = Path(__file__).with_name("histories")
#: 100,800 bars of a minute.
DAYS, ROUNDS, WARM_UP = 70, 5, 1
#: What 100,000 bars may take of those: the time, and the memory.
TIME = {ASYNC: 0.6, OFFICIAL: 0.8}
MEMORY = {ASYNC: 0.4}
#: For how long the loop may do nothing else, milliseconds.
HELD_MS = 20.0

ROWS = (
    Row(OFFICIAL, "official", ("official.py",), python=official),
    Row("ibapi 10.46.1, text", "official-text", ("official.py",), TEXT, official),
    Row(ASYNC, "ib_async", ("ib_async_client.py",), python=ib_async),
    Row("IBKRConnection", "bare", ("ours.py", "bare"), goal=True),
    Row("IBKRConnection, text", "bare-text", ("ours.py", "bare"), TEXT, goal=True),
    Row("IBGateway", "raw", ("ours.py", "raw"), goal=True),
    Row("gw.history.bars", "history", ("ours.py", "history")),
    Row("gw.history.bars, text", "history-text", ("ours.py", "history"), TEXT),
)
#: What the tests run: each program, each way of asking, each protocol.
TINY = tuple(row for row in ROWS if row.key in {"bare-text", "raw", "history"})
FIGURES = ("seconds", "cpu", "peak_mb", "kept_mb", "blocked", "held")


def run(rows: Sequence[Row], *, rounds: int, days: int) -> dict[str, list[dict[str, Any]]]:
    """What each row said of each round."""
    found: dict[str, list[dict[str, Any]]] = {row.name: [] for row in rows}
    with contextlib.ExitStack() as stack:
        ports: dict[int, int] = {}
        for version in {row.version for row in rows}:
            program = str(PROGRAMS / "gateway.py")
            gateway = stack.enter_context(process(sys.executable, program, str(version), str(days)))
            ports[version] = line_of(gateway)
            with contextlib.suppress(AttributeError, OSError):
                os.sched_setaffinity(gateway.pid, {min(os.sched_getaffinity(0))})
        for _ in range(rounds):
            for number, row in enumerate(rows, start=1):
                program, *more = row.arguments
                told = (str(PROGRAMS / program), str(ports[row.version]), str(number), *more)
                with process(str(row.python()), *told) as client:
                    line_of(client)
                    turn(client, WARM_UP)
                    found[row.name].append(turn(client, days))
    return found


def summary(found: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The rows of the table: medians, and medians of the rounds' ratios."""
    rows = []
    for name, rounds in found.items():
        row: dict[str, Any] = {"client": name, "bars": rounds[0]["bars"], "rounds": len(rounds)}
        for figure in FIGURES:
            values = [one[figure] for one in rounds if one[figure] is not None]
            row[figure] = statistics.median(values) if values else None
        row["seconds_min"] = min(one["seconds"] for one in rounds)
        row["seconds_max"] = max(one["seconds"] for one in rounds)
        for key, rival in (("x_ib_async", ASYNC), ("x_official", OFFICIAL)):
            for figure in ("seconds", "peak_mb"):
                pairs = list(zip(rounds, found.get(rival, ()), strict=False))
                if pairs and all(theirs[figure] for _, theirs in pairs):
                    row[f"{figure}_{key}"] = statistics.median(
                        ours[figure] / theirs[figure] for ours, theirs in pairs
                    )
        rows.append(row)
    return rows


def show(rows: Sequence[dict[str, Any]]) -> None:
    """Print the table."""
    print(f"{'':<24}{'bars':>8}{'s':>7} {'(min..max)':>13}{'CPU s':>7}{'peak MB':>9}", end="")
    print(
        f"{'kept MB':>9}{'blocked ms':>12}{'held ms':>9}"
        f"{'time x async':>14}{'x official':>12}{'MB x async':>12}"
    )
    for row in rows:
        spread = f"({row['seconds_min']:.2f}..{row['seconds_max']:.2f})"
        print(f"{row['client']:<24}{row['bars']:>8}{row['seconds']:>7.2f} {spread:>13}", end="")
        print(f"{row['cpu']:>7.2f}{row['peak_mb']:>9.1f}{row['kept_mb']:>9.1f}", end="")
        for key, wide in (("blocked", 12), ("held", 9)):
            text = "" if row[key] is None else f"{row[key] * 1e3:.1f}"
            print(f"{text:>{wide}}", end="")
        for key, wide in (
            ("seconds_x_ib_async", 14), ("seconds_x_official", 12), ("peak_mb_x_ib_async", 12)
        ):  # fmt: skip
            print(f"{row[key]:>{wide}.2f}" if key in row else f"{'':>{wide}}", end="")
        print()


def judged(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each goal, and whether it was met."""
    wanted = {row.name for row in ROWS if row.goal}
    goals = []
    limits = [("seconds_x_ib_async", f"time of {ASYNC}", TIME[ASYNC])]
    limits.append(("seconds_x_official", f"time of {OFFICIAL}", TIME[OFFICIAL]))
    limits.append(("peak_mb_x_ib_async", f"memory of {ASYNC}", MEMORY[ASYNC]))
    for row in rows:
        if row["client"] not in wanted:
            continue
        for key, words, limit in limits:
            if key in row:
                told = {"client": row["client"], "against": words, "goal": limit}
                goals.append({**told, "ratio": row[key], "met": row[key] <= limit})
        if row["held"] is not None:
            held = row["held"] * 1e3
            told = {"client": row["client"], "against": "ms of a loop", "goal": HELD_MS}
            goals.append({**told, "ratio": held, "met": held <= HELD_MS})
    return goals


def main() -> int:
    """Run, print, and keep the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--days", type=int, default=DAYS, help="days of 1440 bars")
    parser.add_argument("--only", nargs="+", choices=[row.key for row in ROWS], metavar="ROW")
    parser.add_argument("--tiny", action="store_true", help="a few bars of our own rows")
    parser.add_argument("--json", type=Path, help="where the figures go")
    given = parser.parse_args()
    if given.tiny:
        rows = summary(run(TINY, rounds=1, days=1))
    else:
        chosen = [row for row in ROWS if given.only is None or row.key in given.only]
        rows = summary(run(chosen, rounds=given.rounds, days=given.days))
    show(rows)
    goals = judged(rows)
    for goal in goals:
        word = "met" if goal["met"] else "MISSED"
        limit = f"{goal['goal']:g} {goal['against']}"
        print(f"goal: {goal['client']} <= {limit}: {goal['ratio']:.2f} {word}")
    target = given.json or (None if given.tiny else Path(__file__).with_suffix(".json"))
    if target is not None:
        report = {"rows": rows, "goals": goals}
        target.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
