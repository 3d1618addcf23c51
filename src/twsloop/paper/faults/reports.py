"""Reports about orders that come late, twice, in another order or never; ends that do not come.

The truth is not touched: the broker knows the order as it is, and tells it so when it is asked
(reqOpenOrders, reqExecutions, reqCompletedOrders). Only what is pushed goes wrong, as in the
public's traces: orderStatus is not guaranteed for each change, equal reports come in pairs, one
build told Filled before the execution, commissions come late or never.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import attrs

from twsloop.paper.clients import visibility
from twsloop.paper.clients.client import Client
from twsloop.paper.clients.hub import Hub
from twsloop.paper.orders.outbox import Outgoing

from .fault import End, Fault, Stage
from .params import choice, count, number, text

__all__ = [
    "REPORT_FAULTS",
    "DuplicateReports",
    "LateAnswers",
    "LateReports",
    "MissingAnswers",
    "MissingReports",
    "ReorderedReports",
    "ShuffledReports",
]

#: What is told of an order by itself, as IB calls it; ``cancelled`` is error 202.
KINDS = ("execDetails", "commissionAndFeesReport", "orderStatus", "openOrder", "cancelled")
#: Where that is not the name of the message.
NAMES = {"commissionAndFeesReport": "commissionReport", "cancelled": "errMsg"}
CANCELLED = 202
#: Answers that clients wait for.
ENDS = (
    *("openOrderEnd", "execDetailsEnd", "completedOrdersEnd", "positionEnd"),
    *("accountDownloadEnd", "accountSummaryEnd", "positionMultiEnd", "accountUpdateMultiEnd"),
    *("contractDetailsEnd", "historicalDataEnd", "tickSnapshotEnd", "secDefOptParamsEnd"),
    *("managedAccounts", "nextValidId", "currentTime"),
)
KIND = "Which kind of report; cancelled is error 202."
STATUS = "Only openOrder and orderStatus of this status, such as Filled."
HOW_MANY = "How many, then it ends; all as long as it lasts unless given."


@attrs.define(eq=False)
class _Counted:
    """Lets a fault meet so many messages, and end then."""

    stage: Stage
    left: int | None

    def take(self) -> bool:
        """Whether it meets another one."""
        if self.left == 0:
            return False
        if self.left is not None:
            self.left -= 1
            if not self.left:
                self.stage.later(0.0, self.stage.finished)
        return True


def _is_kind(kind: str, status: str | None, one: Outgoing) -> bool:
    """Whether a report is of a kind, and of a status if one is given."""
    _, name, told = one
    message: Any = told
    if name != NAMES.get(kind, kind) or (kind == "cancelled" and message.errorCode != CANCELLED):
        return False
    if status is None:
        return True
    if name == "openOrder":
        return bool(message.orderState.status == status)
    return name == "orderStatus" and bool(message.status == status)


def _met(stage: Stage, fault: Any) -> Callable[[Outgoing], bool]:
    """Whether a report is one that a fault is about; each call counts."""
    counted = _Counted(stage, fault.reports)

    def met(one: Outgoing) -> bool:
        return stage.hits(one[0]) and _is_kind(fault.kind, fault.status, one) and counted.take()

    return met


def _post(stage: Stage, news: Iterable[Outgoing]) -> None:
    """Tell what was kept; a gateway that is away tells nobody."""
    if stage.host.running:
        hub = stage.host.hub
        for client_id, name, message in news:
            visibility.post(hub, client_id, name, message)
        for client in tuple(hub.clients.values()):
            client.flush()


def _gate(stage: Stage, gate: Callable[[Sequence[Outgoing]], Sequence[Outgoing]]) -> End:
    """Put a gate into the way of reports; returns what takes it away."""

    def install(hub: Hub) -> End:
        hub.gates.reports.append(gate)
        return lambda: hub.gates.reports.remove(gate)

    return stage.each_hub(install)


@attrs.frozen(kw_only=True)
class LateReports(Fault):
    """Reports of one kind come later than everything that happened after them."""

    name: ClassVar[str] = "late_reports"

    kind: str = choice("execDetails", KIND, KINDS)
    status: str | None = text(None, STATUS)
    seconds: float = number(1.0, "How late; they come at once when the fault is ended before.")
    reports: int | None = count(None, HOW_MANY, low=1)

    def begin(self, stage: Stage) -> End:
        """Let it happen."""
        met, waiting = _met(stage, attrs.evolve(self, reports=None)), list[Outgoing]()
        left = self.reports

        def tell() -> None:
            _post(stage, [waiting.pop(0)])
            if left == 0 and not waiting:
                stage.finished()

        def gate(news: Sequence[Outgoing]) -> Sequence[Outgoing]:
            nonlocal left
            now = []
            for one in news:
                if left != 0 and met(one):
                    left = left if left is None else left - 1
                    waiting.append(one)
                    stage.later(self.seconds, tell)
                else:
                    now.append(one)
            return now

        remove = _gate(stage, gate)

        def end() -> None:
            remove()
            _post(stage, waiting)
            waiting.clear()

        return end


@attrs.frozen(kw_only=True)
class MissingReports(Fault):
    """Reports of one kind are never pushed; who asks for orders or executions finds them."""

    name: ClassVar[str] = "missing_reports"

    kind: str = choice("execDetails", KIND, KINDS)
    status: str | None = text(None, STATUS)
    reports: int | None = count(None, HOW_MANY, low=1)

    def begin(self, stage: Stage) -> End:
        """Let it happen."""
        met = _met(stage, self)
        return _gate(stage, lambda news: [one for one in news if not met(one)])


@attrs.frozen(kw_only=True)
class DuplicateReports(Fault):
    """Reports of one kind are pushed more than once."""

    name: ClassVar[str] = "duplicate_reports"

    kind: str = choice("execDetails", KIND, KINDS)
    status: str | None = text(None, STATUS)
    times: int = count(1, "How often more.", low=1, high=1000)
    seconds: float = number(0.0, "How long after the first, each after the one before.")
    reports: int | None = count(None, HOW_MANY, low=1)

    def begin(self, stage: Stage) -> End:
        """Let it happen."""
        met, clock = _met(stage, self), stage.host.clock

        def gate(news: Sequence[Outgoing]) -> Sequence[Outgoing]:
            now = []
            for one in news:
                now.append(one)
                if not met(one):
                    continue
                if not self.seconds:
                    now += [one] * self.times
                    continue
                for number_of in range(1, self.times + 1):
                    # Also after the fault has ended: it is on its way.
                    clock.call_later(number_of * self.seconds, _post, stage, [one])
            return now

        return _gate(stage, gate)


@attrs.frozen(kw_only=True)
class ReorderedReports(Fault):
    """Reports of one kind come after the next report of another kind, instead of before."""

    name: ClassVar[str] = "reordered_reports"

    kind: str = choice("execDetails", KIND, KINDS)
    status: str | None = text(None, STATUS)
    after: str = choice("commissionAndFeesReport", "What comes first.", KINDS)
    reports: int | None = count(None, HOW_MANY, low=1)

    def begin(self, stage: Stage) -> End:
        """Let it happen."""
        met, held = _met(stage, self), list[Outgoing]()

        def gate(news: Sequence[Outgoing]) -> Sequence[Outgoing]:
            now: list[Outgoing] = []
            for one in news:
                if self.after != self.kind and met(one):
                    held.append(one)
                    continue
                now.append(one)
                if _is_kind(self.after, None, one):
                    now += [late for late in held if late[0] == one[0]]
                    held[:] = [late for late in held if late[0] != one[0]]
            return now

        remove = _gate(stage, gate)

        def end() -> None:
            remove()
            _post(stage, held)

        return end


@attrs.frozen(kw_only=True)
class ShuffledReports(Fault):
    """All that one event has to tell of orders comes in a random order (seeded)."""

    name: ClassVar[str] = "shuffled_reports"

    def begin(self, stage: Stage) -> End:
        """Let it happen."""

        def gate(news: Sequence[Outgoing]) -> Sequence[Outgoing]:
            places = [place for place, one in enumerate(news) if stage.hits(one[0])]
            mixed, now = [news[place] for place in places], list(news)
            for place in range(len(mixed) - 1, 0, -1):
                other = stage.chance.randint(0, place)
                mixed[place], mixed[other] = mixed[other], mixed[place]
            for place, one in zip(places, mixed, strict=True):
                now[place] = one
            return now

        return _gate(stage, gate)


def _answers(stage: Stage, fault: Any, take: Callable[[Client, str, Any], None]) -> End:
    """Take the answers that a fault is about out of their way."""
    counted = _Counted(stage, fault.answers)

    def gate(client: Client, name: str, message: Any) -> bool:
        if name != fault.answer or not stage.hits(client.client_id) or not counted.take():
            return False
        take(client, name, message)
        return True

    def install(hub: Hub) -> End:
        hub.gates.messages.append(gate)
        return lambda: hub.gates.messages.remove(gate)

    return stage.each_hub(install)


@attrs.frozen(kw_only=True)
class MissingAnswers(Fault):
    """An answer, or the end of a list, never comes."""

    name: ClassVar[str] = "missing_answers"

    answer: str = choice("openOrderEnd", "Which.", ENDS)
    answers: int | None = count(None, HOW_MANY, low=1)

    def begin(self, stage: Stage) -> End:
        """Let it happen."""
        return _answers(stage, self, lambda _client, _name, _message: None)


@attrs.frozen(kw_only=True)
class LateAnswers(Fault):
    """An answer, or the end of a list, comes late; other answers pass it."""

    name: ClassVar[str] = "late_answers"

    answer: str = choice("openOrderEnd", "Which.", ENDS)
    seconds: float = number(1.0, "How late.")
    answers: int | None = count(None, HOW_MANY, low=1)

    def begin(self, stage: Stage) -> End:
        """Let it happen."""
        clock = stage.host.clock

        def tell(client: Client, name: str, message: Any) -> None:
            client.put(name, message)
            client.flush()

        def later(client: Client, name: str, message: Any) -> None:
            # Also after the fault has ended: it is on its way.
            clock.call_later(self.seconds, tell, client, name, message)

        return _answers(stage, self, later)


REPORT_FAULTS: Mapping[str, type[Fault]] = MappingProxyType(
    {
        "late_reports": LateReports,
        "missing_reports": MissingReports,
        "duplicate_reports": DuplicateReports,
        "reordered_reports": ReorderedReports,
        "shuffled_reports": ShuffledReports,
        "late_answers": LateAnswers,
        "missing_answers": MissingAnswers,
    }
)
