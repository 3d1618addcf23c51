"""How many messages a second each client takes, and what one costs: interleaved rounds, medians.

::

    python bench/throughput.py                                  all rows, five rounds
    python bench/throughput.py --rows official,ib_async,bare --rounds 3 --messages 100000
    python bench/throughput.py --mode blast                     everything at once
    python bench/throughput.py --list                           the rows

The ratios are those of the medians, within this run. Where the machine has two processors, the
blaster has the first, each client in its turn the second. CPU time is that of the client's whole
process; other load disturbs it least.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.machine import machine, said
from bench.rows import ROWS, Row, chosen, medians, rounds

__all__ = ["measure", "parser", "table"]

AGAINST = ("ib_async", "official")


def measure(
    rows: Sequence[Row], options: argparse.Namespace, *, settings: Mapping[str, Any] | None = None
) -> dict[str, dict[str, Any]]:
    """The medians of each row, with lowest and highest."""
    plan = {
        "mode": options.mode,
        "lines": options.lines,
        "streams": options.streams,
        "messages": options.messages,
        "warm": options.warm,
        "window": options.window,
        "settings": settings or {},
    }
    found = {}
    for name, runs in rounds(rows, plan, options.rounds, talk=options.talk).items():
        one = medians(runs)
        one["lowest"], one["highest"] = (
            pick(run["a_second"] for run in runs) for pick in (min, max)
        )
        found[name] = one
    for one in found.values():
        for rival in AGAINST:
            if rival in found:
                one[f"x_{rival}"] = one["a_second"] / found[rival]["a_second"]
                one[f"cpu_x_{rival}"] = found[rival]["cpu_us"] / one["cpu_us"]
    return found


def table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """As Markdown."""
    head = (
        "client", "messages/s (lowest..highest)", "x ib_async", "x IB's own", "CPU us/message",
        "CPU: x ib_async", "x IB's own", "RSS MB (grown)",
    )  # fmt: skip
    lines = [f"| {' | '.join(head)} |", f"|:--{'|--:' * (len(head) - 1)}|"]

    def times(one: Mapping[str, Any], name: str) -> str:
        return f"{one[name]:.2f}" if name in one else ""

    for name, one in found.items():
        rate = f"{one['a_second']:,.0f} ({one['lowest']:,.0f}..{one['highest']:,.0f})"
        cells = [
            ROWS[name].title, rate, times(one, "x_ib_async"), times(one, "x_official"),
            f"{one['cpu_us']:.3f}", times(one, "cpu_x_ib_async"), times(one, "cpu_x_official"),
            f"{one['rss_mb']:.0f} ({one['rss_grown_mb']:+.1f})",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    made.add_argument("--rows", help="names, separated by commas")
    made.add_argument("--list", action="store_true", help="list the rows")
    made.add_argument("--mode", choices=["window", "blast"], default="window")
    made.add_argument("--rounds", type=int, default=5)
    made.add_argument("--messages", type=int, default=200_000)
    made.add_argument("--warm", type=int, default=20_000)
    made.add_argument("--window", type=int, default=4_000)
    made.add_argument("--lines", type=int, default=40)
    made.add_argument("--streams", type=int, default=40)
    made.add_argument("--tiny", action="store_true", help="only to see that it runs")
    made.add_argument("--json", type=Path, default=Path(__file__).with_name("throughput.json"))
    made.set_defaults(talk=False)
    return made


def tiny(options: argparse.Namespace) -> None:
    """Sizes that only show that it runs."""
    options.rounds, options.messages, options.warm = 1, 2_000, 1_000


def main() -> None:
    """Measure, print, write."""
    options = parser().parse_args()
    if options.list:
        for row in ROWS.values():
            print(f"{row.name:<18} {row.title}")
        return
    if options.tiny:
        tiny(options)
    options.talk = not options.tiny
    found = measure(chosen(options.rows, ROWS), options)
    about = machine()
    print(f"{said(about)}; {options.messages:,} messages, {options.rounds} rounds\n")
    print(table(found))
    options.json.write_text(json.dumps({"rows": found, "machine": about}, indent=2) + "\n")


if __name__ == "__main__":
    main()
