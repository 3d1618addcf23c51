"""What resilience, pacing and the journal cost: the same client with one after the other.

Of ticks it is the CPU time of a message, of orders the time from ``place_order`` to the callback of
its orderStatus. Each line has what the line before has. Pacing is on with a rate that nothing here
reaches: what it costs is wanted, not what waiting for a turn takes.

::

    python bench/costs.py
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import order_round_trip as orders
from bench.machine import machine, said
from bench.rows import Blaster, chosen, medians, once

__all__ = ["measure", "table"]

BARE = {
    "heartbeat.enabled": False,
    "reconnect.enabled": False,
    "loop.lag_interval": 0,
    "pacing.enabled": False,
}
PACED = {"pacing.enabled": True, "pacing.rate": 10_000}
#: Title, settings, whether orders go into a journal.
STEPS: tuple[tuple[str, dict[str, Any], bool], ...] = (
    ("neither heartbeat, reconnecting, pacing nor journal", BARE, False),
    ("+ resilience (heartbeat, reconnecting, watch of the loop)", {"pacing.enabled": False}, False),
    ("+ pacing", PACED, False),
    ("+ journal, `sync = normal`: all of it", PACED, True),
)
TICKS = ("bare", "live", "bare-native", "live-native")
#: What --tiny leaves of both: the first and the last step.
FEW = ("bare",)


def _steps(options: argparse.Namespace) -> tuple[tuple[str, dict[str, Any], bool], ...]:
    return (STEPS[0], STEPS[-1]) if options.tiny else STEPS


def _ticks(options: argparse.Namespace) -> dict[str, list[float]]:
    """By row, for each step: microseconds of CPU for a message."""
    rows, steps = chosen(",".join(FEW if options.tiny else TICKS), ()), _steps(options)
    runs: dict[tuple[str, int], list[dict[str, Any]]] = {}
    with Blaster.running() as blaster:
        for _ in range(options.rounds):
            for row in rows:
                for number, (_, settings, journal) in enumerate(steps):
                    plan = {
                        "mode": "window", "lines": 40, "streams": 40, "warm": options.warm,
                        "messages": options.messages,
                        "settings": {**settings, "journal.enabled": journal},
                    }  # fmt: skip
                    runs.setdefault((row.name, number), []).append(once(blaster, row, plan))
    return {
        row.name: [medians(runs[row.name, number])["cpu_us"] for number in range(len(steps))]
        for row in rows
    }


def _orders(options: argparse.Namespace) -> list[float]:
    """For each step: microseconds of a round trip."""
    rows = [
        orders.Row(
            title, title, ("ours.py", "journal" if journal else "place", json.dumps(settings))
        )
        for title, settings, journal in _steps(options)
    ]
    warm = 2 if options.tiny else orders.WARM_UP
    found = orders.run(rows, rounds=options.rounds, orders=options.orders, warm_up=warm)
    taken = {row["client"]: row["p50_us"] for row in orders.summary(found)}
    return [taken[row.name] for row in rows]


def measure(options: argparse.Namespace) -> dict[str, list[float]]:
    """By what is measured, for each step."""
    return {**_ticks(options), "order": _orders(options)}


def table(found: Mapping[str, Sequence[float]]) -> str:
    """As Markdown."""
    titles = {
        "bare": "callbacks, pure",
        "live": "live tickers, pure",
        "bare-native": "callbacks, native",
        "live-native": "live tickers, native",
        "order": "order round trip, p50",
    }
    lines = [
        f"| with | {' | '.join(titles[name] for name in found)} |",
        f"|:--{'|--:' * len(found)}|",
    ]
    count = len(next(iter(found.values())))
    steps = STEPS if count == len(STEPS) else (STEPS[0], STEPS[-1])
    for number, (title, *_) in enumerate(steps):
        cells = [
            f"{taken[number]:.0f} us" if name == "order" else f"{taken[number]:.3f} us"
            for name, taken in found.items()
        ]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--warm", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--orders", type=int, default=100)
    parser.add_argument("--tiny", action="store_true", help="only to see that it runs")
    parser.add_argument("--json", type=Path, default=Path(__file__).with_name("costs.json"))
    options = parser.parse_args()
    if options.tiny:
        options.messages, options.warm, options.rounds, options.orders = 2_000, 1_000, 1, 3
    found: dict[str, Any] = {"costs": measure(options), "machine": machine()}
    print(f"{said(found['machine'])}\n")
    print(table(found["costs"]))
    options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
