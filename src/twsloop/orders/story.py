"""The log of one order, bounded: what only repeats gives way, what happened stays. Pure.

A live order may be reported each day for months, and changed each second. Such reports and changes
are left out, the oldest first, once there are `LOG_LENGTH` entries, and one line says how many.
What happened (its steps, executions, commissions, errors, cancels) is never left out while the
order lives. Of one that is over `SETTLED_LENGTH` entries are kept: how it began, and how it ended.
"""

from __future__ import annotations

from datetime import datetime

import attrs

from twsloop.wire.showing import short_row

__all__ = ["LOG_LENGTH", "SETTLED_LENGTH", "LogEntry", "brief", "without_repeats"]

#: How many entries the log of a live order has before repeated reports are left out.
LOG_LENGTH = 1000
#: How many are kept of an order that is over.
SETTLED_LENGTH = 100
#: How many of these are of its beginning.
_BEGINNING = 30

#: Where entries come from that repeat; a step is a fact ("Submitted -> Filled").
_REPEATS = frozenset({"orderStatus", "openOrder", "completedOrder", "modify"})
_STEP = " -> "
_LEFT_OUT = "log"


@attrs.frozen
class LogEntry:
    """One line of an order's own log: when, from where (IB's callback or ours), what."""

    time: datetime
    source: str
    text: str

    __repr__ = short_row

    @property
    def repeats(self) -> bool:
        """Whether it may be left out: it reports how the order stands, not what happened."""
        if self.source == "execDetails":
            return self.text.endswith(" again")
        return self.source in _REPEATS and _STEP not in self.text


def without_repeats(log: list[LogEntry], length: int) -> list[LogEntry]:
    """The log with at most half of ``length`` repeated reports, the newest ones."""
    repeats = sum(entry.repeats for entry in log)
    surplus = repeats - length // 2
    if len(log) <= length or surplus <= 0:
        return log
    kept: list[LogEntry] = []
    left_out: list[LogEntry] = []
    for entry in log:
        if entry.source == _LEFT_OUT or (entry.repeats and surplus > 0):
            surplus -= entry.repeats
            left_out.append(entry)
        else:
            kept.append(entry)
    place = next((n for n, entry in enumerate(kept) if entry.time > left_out[-1].time), len(kept))
    kept.insert(place, _line(left_out))
    return kept


def brief(log: list[LogEntry]) -> list[LogEntry]:
    """The log of an order that is over."""
    log = without_repeats(log, SETTLED_LENGTH)
    if len(log) <= SETTLED_LENGTH:
        return log
    ending = SETTLED_LENGTH - _BEGINNING - 1
    middle = log[_BEGINNING:-ending]
    return [*log[:_BEGINNING], _line(middle), *log[-ending:]]


def _line(left_out: list[LogEntry]) -> LogEntry:
    """Says how many entries are not here, and those that an earlier such line told of."""
    count = sum(
        int(entry.text.split()[0]) if entry.source == _LEFT_OUT else 1 for entry in left_out
    )
    return LogEntry(left_out[-1].time, _LEFT_OUT, f"{count} entries up to here are left out")
