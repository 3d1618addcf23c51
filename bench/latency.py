"""How long a tick takes from the gateway's send to the callback, at several rates.

Each bid carries the moment of its sending as its price (one clock for all processes), so that the
callback knows how late it is. What is compared is the median; the tails of a shared machine say
more about the machine. A run in which the sender itself was late by more than 2 ms is repeated, and
of the tries the one with the shortest stall counts: that rule looks at the sender only, and is the
same for all.

::

    python bench/latency.py                                   three rates, three rounds
    python bench/latency.py --rows bare,ib_async --rates 50000
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.machine import machine, said
from bench.rows import ROWS, Blaster, Row, chosen, once

__all__ = ["measure", "table"]

DEFAULT = (
    "official", "official-text", "ib_async", "ib_insync",
    "bare", "bare-native", "run", "run-native", "live", "live-native",
)  # fmt: skip
RATES = (1_000, 10_000, 50_000)
STALL_US = 2_000.0
TRIES = 4
#: What a client cannot keep up with says nothing but that: the queue of the whole run.
BEHIND_US = 100_000.0


def best(blaster: Blaster, row: Row, plan: Mapping[str, Any], tries: int = TRIES) -> dict[str, Any]:
    """A run in which the sender was on time, as far as there is one."""
    found: list[dict[str, Any]] = []
    for _ in range(tries):
        found.append(once(blaster, row, plan))
        if found[-1]["stall_us"] < STALL_US:
            break
    return min(found, key=lambda one: one["stall_us"])


def measure(rows: Sequence[Row], options: argparse.Namespace) -> dict[str, dict[int, Any]]:
    """By row and rate: the medians over the rounds."""
    runs: dict[tuple[str, int], list[dict[str, Any]]] = {}
    with Blaster.running() as blaster:
        for _ in range(options.rounds):
            for rate in options.rates:
                plan = {
                    "mode": "latency", "lines": 40, "streams": 0, "rate": rate,
                    "seconds": options.seconds,
                }  # fmt: skip
                for row in rows:
                    one = best(blaster, row, plan, 1 if options.tiny else options.tries)
                    runs.setdefault((row.name, rate), []).append(one)
    found: dict[str, dict[int, Any]] = {row.name: {} for row in rows}
    for (name, rate), measured in runs.items():
        keys = ("p50_us", "p99_us", "p999_us", "stall_us", "cpu")
        found[name][rate] = {key: statistics.median(one[key] for one in measured) for key in keys}
    for name, rates in found.items():
        for rate, one in rates.items():
            for rival in ("ib_async", "official"):
                if rival in found and name != rival:
                    one[f"x_{rival}"] = one["p50_us"] / found[rival][rate]["p50_us"]
    return found


def table(found: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> str:
    """As Markdown: the median, and the client's part of a core."""
    rates = sorted({rate for one in found.values() for rate in one})
    head = ["client", *(f"{rate:,}/s" for rate in rates)]
    lines = [f"| {' | '.join(head)} |", f"|:--{'|--:' * len(rates)}|"]
    for name, one in found.items():
        cells = [ROWS[name].title]
        for rate in rates:
            p50, cpu = one[rate]["p50_us"], one[rate]["cpu"]
            cells.append("behind" if p50 > BEHIND_US else f"{p50:.0f} us ({cpu:.0%})")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", help="names, separated by commas")
    parser.add_argument("--rates", type=lambda text: [int(one) for one in text.split(",")])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--tries", type=int, default=TRIES, help="at most, if the sender was late")
    parser.add_argument("--tiny", action="store_true", help="only to see that it runs")
    parser.add_argument("--json", type=Path, default=Path(__file__).with_name("latency.json"))
    options = parser.parse_args()
    options.rates = options.rates or list(RATES)
    if options.tiny:
        options.rounds, options.seconds, options.rates = 1, 0.05, [1_000]
    found = measure(chosen(options.rows, DEFAULT), options)
    about = machine()
    print(f"{said(about)}; {options.rounds} rounds of {options.seconds:g} s\n")
    print(table(found))
    options.json.write_text(json.dumps({"rows": found, "machine": about}, indent=2) + "\n")


if __name__ == "__main__":
    main()
