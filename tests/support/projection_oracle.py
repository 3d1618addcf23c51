"""What a subscriber must be told of a tick file: a second, tiny projection, straight over csv.

It shares no code with twsloop, so that both cannot be wrong in the same way by accident. It knows
one file, one session, no sampling. A told line is ``(message, tick type, value[, size])`` with
prices as floats and sizes as Decimals; ``docs/paper_projection.md`` is the text it was written
from.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

__all__ = ["oracle"]


def oracle(
    path: Path, *, lot: int = 1, since: str = "", until: str = "9"
) -> Iterator[tuple[object, ...]]:
    """The messages of an equity file; ``since <= ts_utc < until``, compared as text."""
    shown: dict[Any, Any] = {}
    venue = {"bid": "", "ask": ""}
    total = Decimal(0)
    with gzip.open(path, "rt", newline="") as lines:
        for row in csv.DictReader(lines):
            if not since <= row["ts_utc"] < until or row["suspicious"] != "0":
                continue
            for side, price_type, size_type, venue_type in (("bid", 1, 0, 32), ("ask", 2, 3, 33)):
                if row["kind"] == "Q" and row[side]:
                    venue[side] = row["exch"]
                price, size = row[f"nbbo_{side}"], row[f"nbbo_{side}_size"]
                now = (float(price), Decimal(size)) if price else (None, None)
                before = shown.get(side, (None, None))
                if now == before:
                    continue
                shown[side] = now
                wire = (-1.0, Decimal(0)) if now[0] is None else now
                if now[0] != before[0]:
                    yield "tickPrice", price_type, *wire
                yield "tickSize", size_type, wire[1]
                if shown.get(venue_type, "") != venue[side]:
                    shown[venue_type] = venue[side]
                    yield "tickString", venue_type, venue[side]
            if row["kind"] != "T":
                continue
            second = str(int(datetime.fromisoformat(row["ts_utc"]).timestamp()))
            if shown.get("second") != second:
                shown["second"] = second
                yield "tickString", 45, second
            price_now, size_now = float(row["price"]), Decimal(row["size"])
            if shown.get("last") != price_now:
                yield "tickPrice", 4, price_now, size_now
                yield "tickSize", 5, size_now
            elif shown.get("last_size") != size_now:
                yield "tickSize", 5, size_now
            shown["last"], shown["last_size"] = price_now, size_now
            total += size_now
            if total // lot != (total - size_now) // lot:
                yield "tickSize", 8, Decimal(total // lot)
            for tick_type, better in ((6, max), (7, min)):
                best = better(price_now, shown.get(tick_type, price_now))
                if shown.get(tick_type) != best:
                    shown[tick_type] = best
                    yield "tickPrice", tick_type, best, Decimal(0)
            if "open" not in shown:
                shown["open"] = price_now
                yield "tickPrice", 14, price_now, Decimal(0)
