"""All of it: every measurement beside the other clients, the goals, and the tables of the docs.

::

    python bench/all_clients.py                       everything (about 15 minutes)
    python bench/all_clients.py --quick               fewer rounds (about 5 minutes)
    python bench/all_clients.py --only throughput latency
    python bench/all_clients.py --only --publish      from the figures of before, into docs/tables
    python bench/all_clients.py --tiny                our own rows, to see that all of it runs

Each measurement keeps its figures in a JSON file beside it; goals and tables are made of those that
are there. A ratio is one of medians within a run.
On a machine that does other things at the same time, the ratios of CPU time say more.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import attrs

from bench import connect, costs, latency, stages, throughput
from bench.machine import machine, said

HERE = Path(__file__).parent
TABLES = HERE.parent / "docs" / "tables"
#: What runs, and how much of it: whole, quick and tiny.
SCRIPTS: dict[str, tuple[list[str], list[str], list[str]]] = {
    "throughput": (
        ["--rounds", "7"],
        ["--rounds", "5", "--messages", "100000"],
        ["--tiny", "--rows", "recv,uvloop,split,bare,run,live,bare-native,live-native,bare-text"],
    ),
    "latency": (
        ["--rounds", "5"],
        ["--rounds", "3", "--seconds", "0.5", "--tries", "2"],
        ["--tiny", "--rows", "bare,live"],
    ),
    "connect": (["--rounds", "5"], ["--rounds", "2"], ["--tiny", "--rows", "bare,live"]),
    "order_round_trip": ([], ["--rounds", "5"], ["--tiny"]),
    "history": ([], ["--rounds", "3"], ["--tiny"]),
    "decode": ([], ["--rounds", "3"], ["--rounds", "1", "--messages", "500"]),
    "slices": ([], [], ["--rounds", "1", "--messages", "1000"]),
    "costs": ([], ["--rounds", "3"], ["--tiny"]),
    "stages": (["--rounds", "5"], ["--rounds", "3"], ["--tiny"]),
    "fanout": (
        [],
        ["--only", "blast", "--rounds", "1"],
        ["--only", "blast", "--rounds", "1", "--version", "225", "--sinks", "2",
         "--symbols", "5", "--events", "1000"],
    ),
}  # fmt: skip
#: Scripts that call the file of their figures otherwise.
OUT = {"slices": "--out"}


@attrs.frozen
class Goal:
    """What has to be shown.

    Attributes:
        what: In words.
        limit: The number.
        least: Whether it is the least that is wanted; else the most.
        find: Where it is in the figures; None where it was not measured.
        unit: What the number is of.
        cpu: Where the same ratio of CPU time is, which other load disturbs least.
    """

    what: str
    limit: float
    least: bool
    find: Callable[[Mapping[str, Any]], float | None]
    unit: str = "x"
    cpu: Callable[[Mapping[str, Any]], float | None] | None = None

    def met(self, value: float) -> bool:
        """Whether it is reached."""
        return value >= self.limit if self.least else value <= self.limit


def _at(*path: str) -> Callable[[Mapping[str, Any]], float | None]:
    def find(found: Mapping[str, Any]) -> float | None:
        one: Any = found
        for step in path:
            if not isinstance(one, Mapping) or step not in one:
                return None
            one = one[step]
        return float(one)

    return find


def _rate(what: str, limit: float, row: str, rival: str) -> Goal:
    """Of throughput."""
    at = "throughput", "rows", row
    return Goal(what, limit, True, _at(*at, f"x_{rival}"), "x", _at(*at, f"cpu_x_{rival}"))


def _named(script: str, client: str, key: str) -> Callable[[Mapping[str, Any]], float | None]:
    """Of a script that keeps a list of rows."""

    def find(found: Mapping[str, Any]) -> float | None:
        for row in found.get(script, {}).get("rows", ()):
            if row.get("client") == client and row.get(key) is not None:
                return float(row[key])
        return None

    return find


def _held(client: str) -> Callable[[Mapping[str, Any]], float | None]:
    """Milliseconds that the loop's thread worked without a turn for others, at most."""

    def find(found: Mapping[str, Any]) -> float | None:
        seconds = _named("history", client, "held")(found)
        return None if seconds is None else seconds * 1e3

    return find


def _on_top(wire: str, kind: str) -> Callable[[Mapping[str, Any]], float | None]:
    """Tickers and callbacks, as a multiple of the bare decode."""

    def find(found: Mapping[str, Any]) -> float | None:
        for row in found.get("slices", {}).get("rows", ()):
            if row["wire"] == wire:
                bare = float(row[f"{kind} bare"])
                return (float(row[f"{kind} callback"]) - bare) / bare
        return None

    return find


def _fan_out(found: Mapping[str, Any]) -> float | None:
    one = _at("fanout", "blast", "225", "a_second")(found)
    return None if one is None else one / 1e6


ASYNC, OFFICIAL = "ib_async 2.1", "IB's own client"
ORDER, BARS = "order_round_trip", "history"
GOALS: tuple[Goal, ...] = (
    _rate(f"IB's callbacks, pure: messages/s of {ASYNC}", 3.5, "bare", "ib_async"),
    _rate(f"the same of {OFFICIAL}", 7.0, "bare", "official"),
    _rate(f"live tickers and a callback, pure: of {ASYNC}", 2.5, "live", "ib_async"),
    _rate(f"IB's callbacks, native: of {ASYNC}", 12.0, "bare-native", "ib_async"),
    _rate(f"the same of {OFFICIAL}", 25.0, "bare-native", "official"),
    _rate(f"live tickers and a callback, native: of {ASYNC}", 6.0, "live-native", "ib_async"),
    _rate(f"text, pure: of {ASYNC}", 3.0, "bare-text", "ib_async"),
    _rate(f"the same of {OFFICIAL}", 6.0, "bare-text", "official"),
    Goal(f"tick to callback at 50,000/s, pure: p50 of {ASYNC}", 0.6, False,
         _at("latency", "rows", "bare", "50000", "x_ib_async")),
    Goal(f"the same of {OFFICIAL}", 0.4, False,
         _at("latency", "rows", "bare", "50000", "x_official")),
    Goal(f"order round trip, `gw.place_order`: p50 of {ASYNC}", 0.65, False,
         _named(ORDER, "gw.place_order", "x_ib_async")),
    Goal(f"the same of {OFFICIAL}", 0.9, False, _named(ORDER, "gw.place_order", "x_official")),
    Goal(f"order round trip, IB's `placeOrder`: p50 of {ASYNC}", 0.65, False,
         _named(ORDER, "IBKRConnection.placeOrder", "x_ib_async")),
    Goal(f"the same of {OFFICIAL}", 0.9, False,
         _named(ORDER, "IBKRConnection.placeOrder", "x_official")),
    Goal(f"100,000 bars, IB's callbacks: time of {ASYNC}", 0.6, False,
         _named(BARS, "IBKRConnection", "seconds_x_ib_async")),
    Goal(f"the same: memory of {ASYNC}", 0.4, False,
         _named(BARS, "IBKRConnection", "peak_mb_x_ib_async")),
    Goal(f"the same: time of {OFFICIAL}", 0.8, False,
         _named(BARS, "IBKRConnection", "seconds_x_official")),
    Goal("the same: work of the loop's thread without a turn for others", 20.0, False,
         _held("IBKRConnection"), "ms"),
    Goal(f"100,000 bars, `gw.history.bars`: time of {ASYNC}", 0.6, False,
         _named(BARS, "gw.history.bars", "seconds_x_ib_async")),
    Goal(f"the same: memory of {ASYNC}", 0.4, False,
         _named(BARS, "gw.history.bars", "peak_mb_x_ib_async")),
    Goal(f"the same: time of {OFFICIAL}", 0.8, False,
         _named(BARS, "gw.history.bars", "seconds_x_official")),
    Goal("the same: work of the loop's thread without a turn for others", 20.0, False,
         _held("gw.history.bars"), "ms"),
    Goal("tickers and callbacks on top of the bare decode, pure, quotes", 1.0, False,
         _on_top("python", "quotes")),
    Goal("the same, native", 1.0, False, _on_top("native", "quotes")),
    Goal("the paper gateway: ticks a second to 8 clients", 1.5, True, _fan_out, "M"),
)  # fmt: skip


def run(name: str, size: int, folder: Path) -> None:
    """Run a script; what it prints is shown."""
    print(f"\n== {name}", flush=True)
    where = [OUT.get(name, "--json"), str(folder / f"{name}.json")]
    done = subprocess.run(
        [sys.executable, str(HERE / f"{name}.py"), *SCRIPTS[name][size], *where], check=False
    )
    if done.returncode:
        raise SystemExit(f"{name} failed")


def figures(folder: Path) -> dict[str, Any]:
    """All that was measured."""
    found = {}
    for name in SCRIPTS:
        file = folder / f"{name}.json"
        if file.exists():
            found[name] = json.loads(file.read_text(encoding="utf-8"))
    return found


def goals(found: Mapping[str, Any]) -> str:
    """As Markdown: each goal, and whether it was met."""
    lines = ["| what | goal | measured | | by CPU time |", "|:--|--:|--:|:-:|--:|"]
    for goal in GOALS:
        spent = None if goal.cpu is None else goal.cpu(found)
        value = goal.find(found)
        if value is None:
            measured, verdict = "not measured", ""
        else:
            measured = f"{value:.2f} {goal.unit}"
            verdict = "met" if goal.met(value) else "**missed**"
        limit = f"{'>=' if goal.least else '<='} {goal.limit:g} {goal.unit}"
        cpu = "" if spent is None else f"{spent:.2f} x"
        lines.append(f"| {goal.what} | {limit} | {measured} | {verdict} | {cpu} |")
    return "\n".join(lines)


def _orders(found: Mapping[str, Any]) -> str:
    lines = [
        "| client | p50 us (lowest..highest) | x ib_async | x IB's own | CPU us |",
        "|:--|--:|--:|--:|--:|",
    ]
    for row in found["rows"]:
        spread = f"{row['p50_us']:.0f} ({row['p50_min_us']:.0f}..{row['p50_max_us']:.0f})"
        ratios = [f"{row[key]:.2f}" if key in row else "" for key in ("x_ib_async", "x_official")]
        lines.append(f"| {row['client']} | {spread} | {' | '.join(ratios)} | {row['cpu_us']:.0f} |")
    return "\n".join(lines)


def _bars(found: Mapping[str, Any]) -> str:
    lines = [
        "| client | seconds (lowest..highest) | CPU s | peak MB | kept MB | late, ms | held, ms |",
        "|:--|--:|--:|--:|--:|--:|--:|",
    ]
    for row in found["rows"]:
        spread = f"{row['seconds']:.2f} ({row['seconds_min']:.2f}..{row['seconds_max']:.2f})"
        times = (row["blocked"], row.get("held"))
        late = " | ".join("" if one is None else f"{one * 1e3:.0f}" for one in times)
        memory = f"{row['peak_mb']:.0f} | {row['kept_mb']:.0f}"
        lines.append(f"| {row['client']} | {spread} | {row['cpu']:.2f} | {memory} | {late} |")
    return "\n".join(lines)


def _fans(found: Mapping[str, Any]) -> str:
    lines = ["| server version | M ticks/s (lowest..highest) | CPU us a tick |", "|:--|--:|--:|"]
    for version, one in found["blast"].items():
        spread = f"({one['lowest'] / 1e6:.2f}..{one['highest'] / 1e6:.2f})"
        rate = f"{one['a_second'] / 1e6:.2f} {spread}"
        lines.append(f"| {version} | {rate} | {one['cpu_us_a_message']:.2f} |")
    return "\n".join(lines)


def _decoders(found: Mapping[str, Any]) -> str:
    names = list(found["rows"][0]["ns"])
    lines = [
        f"| server version | messages | {' | '.join(f'{name}, us' for name in names)} |",
        f"|:--|:--|{'--:|' * len(names)}",
    ]
    for row in found["rows"]:
        cells = " | ".join(f"{row['ns'][name] / 1e3:.2f}" for name in names)
        lines.append(f"| {row['version']} | {row['kind']} | {cells} |")
    return "\n".join(lines)


def profile(found: Mapping[str, Any]) -> str:
    """The tables of where the time goes."""
    parts = []
    if "stages" in found:
        one = found["stages"]
        parts += [f"Run on {said(one['machine'])}.", stages.table(one["stages"])]
    if "decode" in found:
        parts += [
            "### Each kind of message, decoded and told to a method that counts",
            "`official` is IB's own decoder without its threads, queue and socket.",
            _decoders(found["decode"]),
        ]
    return "\n\n".join(parts) + "\n"


def _latencies(found: Mapping[str, Any]) -> str:
    rows = {
        name: {int(rate): figures for rate, figures in one.items()}
        for name, one in found["rows"].items()
    }
    shown: str = latency.table(rows)
    return shown


#: Each section of the page: title, figures, how they are shown.
SECTIONS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("Ticks, as fast as they are taken", "throughput",
     lambda found: throughput.table(found["rows"])),
    ("From the gateway's send to the callback, median (part of a core)", "latency", _latencies),
    ("From an order to its orderStatus", "order_round_trip", _orders),
    ("100,000 bars of history", "history", _bars),
    ("A connection", "connect", lambda found: connect.table(found["rows"])),
    ("What each part of twsloop costs", "costs", lambda found: costs.table(found["costs"])),
    ("The paper gateway tells 8 clients", "fanout", _fans),
)  # fmt: skip


def page(found: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """The tables of the docs."""
    day = f"{datetime.now(UTC):%d %B %Y}"
    parts = [f"Run on {day}: {said(dict(about))}.", "### The goals", goals(found)]
    for title, name, shown in SECTIONS:
        if name in found:
            parts += [f"### {title}", shown(found[name])]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Run, print, publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=list(SCRIPTS), metavar="WHAT")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--tiny", action="store_true", help="our own rows, only to see it run")
    parser.add_argument("--publish", action="store_true", help="write docs/tables")
    options = parser.parse_args()
    if options.tiny and options.publish:
        parser.error("tiny sizes are not published")
    wanted = list(SCRIPTS) if options.only is None else options.only
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder) if options.tiny else HERE
        for name in wanted:
            run(name, 2 if options.tiny else int(options.quick), where)
        found = figures(where)
    about = found.get("throughput", {}).get("machine") or machine()
    print(f"\n{page(found, about)}")
    if options.publish:
        (TABLES / "speed.md").write_text(page(found, about), encoding="utf-8")
        (TABLES / "profile.md").write_text(profile(found), encoding="utf-8")
        print(f"written: {TABLES}/speed.md, profile.md")


if __name__ == "__main__":
    main()
