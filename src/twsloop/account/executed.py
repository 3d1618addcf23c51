"""Executions and commissions as facts tell them: in any order, repeatedly, corrected. Pure.

An execution's id stays with it, but for its last segment, which counts its corrections. A paper
gateway that starts anew counts ids from the first again: the same id with another time is another
execution, and the report of its commission is the one that came after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import attrs

from twsloop.events import CommissionReported, Fill
from twsloop.events.execution_ids import correction_of, execution_base

__all__ = ["Executed", "ExecutionLog"]


@attrs.frozen
class Executed:
    """An execution in its newest version, with what it cost once that is reported."""

    fill: Fill
    commission: CommissionReported | None = None

    @property
    def time(self) -> datetime:
        """When it was made; where that cannot be read, when we learned of it."""
        return self.fill.executed_at or self.fill.time


class ExecutionLog:
    """Every execution, and every commission report, once."""

    def __init__(self) -> None:
        #: By account and the id's part that stays: the versions, by id and time of execution.
        self._fills: dict[tuple[str, str], dict[tuple[str, datetime | None], Fill]] = {}
        self._commissions: dict[str, list[CommissionReported]] = {}

    def take(self, fill: Fill) -> None:
        """An execution; of one that is told again, the earliest telling is kept."""
        versions = self._fills.setdefault((fill.account, execution_base(fill.exec_id)), {})
        key = fill.exec_id, fill.executed_at
        known = versions.get(key)
        if known is None or fill.time < known.time:
            versions[key] = fill

    def take_commission(self, report: CommissionReported) -> None:
        """A commission report."""
        reports = self._commissions.setdefault(report.exec_id, [])
        if report not in reports:
            reports.append(report)

    def executed(self) -> list[Executed]:
        """All executions, in the order they were made."""
        found = [one for versions in self._fills.values() for one in self._newest(versions)]
        return sorted(found, key=lambda one: (one.time, one.fill.exec_id, one.fill.account))

    def _newest(self, versions: dict[tuple[str, datetime | None], Fill]) -> Iterator[Executed]:
        """The newest version of each execution that had one id."""
        lowest = min(correction_of(exec_id) for exec_id, _ in versions)
        firsts = [fill for (i, _), fill in versions.items() if correction_of(i) == lowest]
        firsts.sort(key=_made_at)
        for number, first in enumerate(firsts):
            since = _made_at(first) if number else None
            until = _made_at(firsts[number + 1]) if number + 1 < len(firsts) else None
            mine = [fill for fill in versions.values() if _within(_made_at(fill), since, until)]
            newest = max(mine, key=lambda fill: (correction_of(fill.exec_id), _made_at(fill)))
            reports = [
                report
                for report in self._commissions.get(newest.exec_id, ())
                if _within(report.time, since, until)
            ]
            last = max(reports, key=lambda r: (r.time, r.commission, r.currency), default=None)
            yield Executed(newest, last)


def _made_at(fill: Fill) -> datetime:
    return fill.executed_at or fill.time


def _within(time: datetime, since: datetime | None, until: datetime | None) -> bool:
    return (since is None or time >= since) and (until is None or time < until)
