"""The story of one order: every hop on its way, in order, with what each took. Pure.

The hops are: ``call`` (the program made it), ``verdict`` (the risk gate), ``intent`` (written
down), ``sent`` (its frame was handed to the socket), ``answer`` (the gateway's first word),
``status``, ``fill``, ``commission``, ``change``, ``cancel``, ``notice`` (IB's errors and warnings),
``late`` (what should have come and did not), ``session`` (lost and ready again, while the order
lived), ``gap`` (what the lists said of it after that), ``alarm`` and ``end``.

The times are those at which this side learned of each thing, by its own clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs

from twsloop.events import (
    AcknowledgementLate,
    CommissionLate,
    CommissionReported,
    Fact,
    Fill,
    GapReport,
    IdentityBroken,
    Notice,
    OrderCreated,
    OrderEvent,
    OrderIntent,
    OrderStep,
    RiskVerdict,
    SessionChanged,
    order_story,
)
from twsloop.events.execution_ids import execution_base

from .order_state import CREATED, FINAL, OrderState
from .replay import SENT, Replay
from .words import field_words, number_words, order_words, words_of

__all__ = ["Moment", "Story", "stories"]

#: The state of a session in which orders pass.
_READY = "READY"
#: What a step may change besides its status and size, and how it is said.
_NEWS = {"why_held": "held: {}", "simulated_price": "would have filled at {}", "reason": "{}"}
#: IB's fields of an order that people change.
_TERMS = ("totalQuantity", "lmtPrice", "auxPrice", "trailStopPrice", "trailingPercent", "tif")

#: The hop that each fact is which says all by itself.
_HOPS: dict[type[Fact], str] = {
    RiskVerdict: "verdict",
    Fill: "fill",
    CommissionReported: "commission",
    Notice: "notice",
    AcknowledgementLate: "late",
    CommissionLate: "late",
    SessionChanged: "session",
    IdentityBroken: "alarm",
}

Told = Sequence[tuple[int, Fact]]


@attrs.frozen(kw_only=True)
class Moment:
    """One hop of an order.

    Attributes:
        time: When it was known, UTC.
        hop: Which one, in a word.
        text: What happened.
        took: Seconds since the moment before; None for the first, and for what the gateway
            dates before it.
        since: Seconds since the first.
        seq: Which entry of the journal tells it.
    """

    time: datetime
    hop: str
    text: str
    took: float | None = None
    since: float = 0.0
    seq: int


@attrs.frozen(kw_only=True)
class Story:
    """One order from its call to its end.

    Attributes:
        order: How it stands.
        moments: Its hops, in the order in which they were written.
    """

    order: OrderState
    moments: tuple[Moment, ...]

    @property
    def latencies(self) -> dict[str, float]:
        """What each part of the way took, seconds; a part whose end was not told is left out.

        ``decided`` is from the call to the intent, ``left`` from the intent to the socket,
        ``answered`` from the socket to the gateway's first word, ``filled`` from the socket to the
        first execution, ``paid`` from the last execution to the last commission, and ``whole`` from
        the call to the end.
        """
        order = self.order
        first: dict[str, datetime] = {}
        last: dict[str, datetime] = {}
        for moment in self.moments:
            first.setdefault(moment.hop, moment.time)
            last[moment.hop] = moment.time
        spans = {
            "decided": (first.get("call"), first.get("intent")),
            "left": (first.get("intent"), order.sent_at),
            "answered": (order.sent_at, order.answered_at),
            "filled": (order.sent_at, first.get("fill")),
            "paid": (last.get("fill"), last.get("commission")),
            "whole": (order.created_at, order.ended_at),
        }
        return {
            name: (end - begin).total_seconds()
            for name, (begin, end) in spans.items()
            if begin is not None and end is not None
        }


def stories(
    entries: Iterable[tuple[int, Fact]], chosen: Callable[[OrderState], bool]
) -> list[Story]:
    """The stories of some orders.

    Args:
        entries: The journal's facts with their numbers, in order: all, or those that matter.
        chosen: Which orders.
    """
    reader = _Reader()
    for seq, fact in entries:
        reader.read(seq, fact)
    return [
        Story(order=one, moments=_moments(one, reader.of(one)))
        for one in reader.orders
        if chosen(one)
    ]


class _Reader:
    """Sorts facts by the order that they are about."""

    def __init__(self) -> None:
        self._replay = Replay()
        self._told: dict[int, list[tuple[int, Fact]]] = {}
        self._by_story: dict[str, OrderState] = {}
        self._executions: dict[str, list[tuple[int, Fact]]] = {}

    @property
    def orders(self) -> tuple[OrderState, ...]:
        return self._replay.orders

    def read(self, seq: int, fact: Fact) -> None:
        """Take the next entry."""
        about = self._replay.apply(fact, seq)
        if isinstance(fact, (Fill, CommissionReported)):
            # Its order may turn up later.
            base = execution_base(fact.exec_id)
            self._executions.setdefault(base, []).append((seq, fact))
            return
        orders = [about] if about is not None else self._others(fact)
        for order in orders:
            self._told.setdefault(id(order), []).append((seq, fact))
            self._by_story[order_story(order.client_id, order.order_id)] = order

    def _others(self, fact: Fact) -> list[OrderState]:
        """The orders that something else than their own facts is about."""
        if isinstance(fact, GapReport):
            found = (self._replay.find(o.client_id, o.order_id, o.perm_id) for o in fact.orders)
            return [order for order in found if order is not None]
        if isinstance(fact, SessionChanged):
            if _READY not in {fact.old, fact.new}:
                return []
            client = fact.correlation_id.rpartition("-")[0]
            return [
                order
                for order in self._replay.orders
                if order.may_be_working and client == f"session-{order.client_id}"
            ]
        order = self._by_story.get(fact.correlation_id)
        return [] if order is None else [order]

    def of(self, order: OrderState) -> Told:
        """What was told of an order."""
        told = list(self._told.get(id(order), ()))
        for base in order.fills:
            told += self._executions.get(base, ())
        return _calls_first(sorted(told, key=lambda entry: entry[0]))


def _calls_first(told: list[tuple[int, Fact]]) -> Told:
    """What is told of one order, each call before its intent, which is written first."""
    for place, entry in enumerate(told):
        if isinstance(entry[1], OrderCreated):
            first = place
            while first and _was_called_before(entry[1], told[first - 1][1]):
                first -= 1
            told.insert(first, told.pop(place))
    return told


def _was_called_before(call: OrderCreated, fact: Fact) -> bool:
    return isinstance(fact, OrderIntent) and fact.time >= call.time


def _moments(order: OrderState, told: Told) -> tuple[Moment, ...]:
    """The hops, with the time between them."""
    made: list[Moment] = []
    for moment in _Teller(order, told).moments():
        if made:
            took = (moment.time - made[-1].time).total_seconds()
            since = (moment.time - made[0].time).total_seconds()
            # The gateway stamps some of its notices by its own clock, which may be behind ours.
            moment = attrs.evolve(  # noqa: PLW2901
                moment, took=took if took >= 0 else None, since=since
            )
        made.append(moment)
    return tuple(made)


class _Teller:
    """Says in words what each fact of one order tells."""

    def __init__(self, order: OrderState, told: Told) -> None:
        self._about = order
        self._told = told
        self._stepped = any(isinstance(fact, OrderStep) for _, fact in told)
        self._was: dict[str, Any] = {}
        self._order: Mapping[str, Any] = {}
        self._called = False

    def moments(self) -> Iterator[Moment]:
        for seq, fact in self._told:
            for hop, text in self._words(fact):
                yield Moment(time=fact.time, hop=hop, text=text, seq=seq)

    def _words(self, fact: Fact) -> Iterator[tuple[str, str]]:
        match fact:
            case OrderStep():
                yield from self._step(fact)
            case OrderIntent():
                yield from self._intent(fact)
            case OrderCreated():
                self._called = True
                why = f": {fact.reason}" if fact.reason else ""
                size = number_words(fact.quantity)
                what = f"{fact.action} {size} {fact.symbol} {fact.order_type}"
                yield "call", f"{fact.origin or 'made'}, {what}{why}"
            case OrderEvent() if not self._stepped and not isinstance(fact, AcknowledgementLate):
                yield ("end" if fact.status in FINAL else "status"), words_of(fact)
            case GapReport():
                yield "gap", self._gap(fact)
            case _ if type(fact) in _HOPS:
                yield _HOPS[type(fact)], words_of(fact)

    def _gap(self, gap: GapReport) -> str:
        """What became of this order meanwhile."""
        order = self._about
        for one in gap.orders:
            ids = one.client_id, one.order_id
            if one.perm_id in order.perm_ids or (
                order.order_id and ids == (order.client_id, order.order_id)
            ):
                why = f": {one.reason}" if one.reason else ""
                spent = (gap.ended - gap.began).total_seconds()
                change = f"{one.before or 'not known'} -> {one.after}"
                return f"after {spent:.1f} s ({gap.cause}): {one.verdict}, {change}{why}"
        return words_of(gap)

    def _intent(self, intent: OrderIntent) -> Iterator[tuple[str, str]]:
        if intent.verdict is not None:
            yield "verdict", words_of(intent.verdict)
        hop = "change" if intent.kind == "modify" else "intent"
        if hop == "change":
            # The gateway fills in what was left open, where a stop trails to: that is no change.
            known = {**(self._was.get("order") or {}), **self._order}
            what = _difference(known, intent.order, self._order)
        else:
            what = order_words(intent.order)
        self._order = intent.order
        parts = [f"{what} {intent.symbol}".strip() if hop == "intent" else what]
        if intent.quote is not None:
            quote = intent.quote
            bid, ask = number_words(quote.bid), number_words(quote.ask)
            parts.append(f"quote {bid or '-'} / {ask or '-'}, {quote.age:.3f} s old")
        yield hop, ", ".join(part for part in parts if part) or "as it was"

    def _step(self, step: OrderStep) -> Iterator[tuple[str, str]]:
        was, now = self._was, {**self._was, **step.changes}
        self._was = now
        news = _news(was, now)
        if not was and now.get("status") == CREATED and not step.perm_id:
            if not self._called:
                origin, purpose = now.get("origin") or "made", now.get("purpose")
                yield "call", f"{origin}: {purpose}" if purpose else origin
            return
        status = now.get("status", "")
        moved = status if status != was.get("status") else ""
        source = f"{step.source}: " if step.source and step.source != SENT else ""
        if now.get("cancel_asked") and not was.get("cancel_asked"):
            yield "cancel", "asked for"
        if step.source == SENT:
            yield SENT, "handed to the socket"
        elif moved in FINAL:
            yield "end", source + ", ".join((moved, *news))
        elif now.get("acknowledged") and not was.get("acknowledged"):
            yield "answer", source + ", ".join(filter(None, (status, *news)))
        elif moved or news:
            yield "status", source + ", ".join(filter(None, (moved, *news)))


def _news(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What is different besides the status, in words."""
    words = []
    if now.get("filled", "0") != was.get("filled", "0"):
        words.append(f"{now.get('filled')} filled, {now.get('remaining')} open")
    for name, form in _NEWS.items():
        value = now.get(name)
        if value and value != was.get(name):
            words.append(form.format(value))
    terms = _difference(was.get("order") or {}, now.get("order") or {}) if was else ""
    return [*words, *([terms] if terms else [])]


def _difference(
    before: Mapping[str, Any], after: Mapping[str, Any], meant: Mapping[str, Any] | None = None
) -> str:
    """The terms of an order that are others now.

    Args:
        before: As they were.
        after: As they are.
        meant: As they were meant before; what is left open as before is no change, either.
    """
    meant = before if meant is None else meant
    open_still = {
        name for name in _TERMS if _value(meant.get(name)) is None is _value(after.get(name))
    }
    changes = (
        f"{name} {field_words(before.get(name, 'none'))} -> {field_words(after.get(name, 'none'))}"
        for name in _TERMS
        if name not in open_still and _value(before.get(name)) != _value(after.get(name))
    )
    return ", ".join(changes)


def _value(value: Any) -> Any:
    """A term as it is compared: IB's numbers are floats here and decimals there, and 0 is none."""
    try:
        return Decimal(str(value)) or None
    except ArithmeticError:
        return value
