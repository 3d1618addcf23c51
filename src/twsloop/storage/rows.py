"""Facts as rows of the journal: the spine's columns, and those of the tables beside it. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import attrs

from twsloop.events import (
    AcknowledgementLate,
    CommissionReported,
    ConfigTaken,
    DayPeak,
    Fact,
    Fill,
    GapReport,
    HeartbeatMissed,
    HeartbeatRestored,
    IdentityBroken,
    KillSwitchActed,
    KillSwitchChanged,
    KillSwitchClaimed,
    Notice,
    OrderEvent,
    OrderFact,
    OrderIntent,
    OrderStep,
    RiskBreached,
    RiskLimitChanged,
    RiskVerdict,
    SessionBegan,
    SessionChanged,
    order_story,
    to_record,
)
from twsloop.events.encoding import time_text, to_json
from twsloop.events.records import from_record

from .chain import canonical

__all__ = [
    "Details",
    "Entry",
    "body_of",
    "details_of",
    "drafts_of",
    "is_kept",
    "key_of",
    "storable",
    "story_of",
    "time_of",
]

#: Rows of the tables beside the spine: the table, and its values without ``seq``.
Details = tuple[tuple[str, tuple[Any, ...]], ...]

#: What is kept besides everything about orders.
_KEPT = (ConfigTaken, HeartbeatMissed, HeartbeatRestored, SessionBegan, SessionChanged)
#: Notices of less weight are kept only if they are about an order.
_WEIGHTY = frozenset({"warning", "error", "fatal"})
_ABOUT_ORDERS = frozenset({"order_new", "order_live"})

#: What SQLite's integers can hold.
_LARGEST = 2**63 - 1


@attrs.frozen(kw_only=True)
class Entry:
    """One row of the spine.

    Attributes:
        seq: Its place; without a hole from one to the next.
        time: When the fact was learned, ISO 8601 in UTC.
        kind: The fact's class.
        epoch: The session it belongs to, as the journal counts them; 0 for none.
        correlation_id: The story that it belongs to.
        natural_key: What makes it the same as another one; None if nothing does.
        body: The fact as JSON.
        hash: The chain's hash.
    """

    seq: int
    time: str
    kind: str
    epoch: int
    correlation_id: str
    natural_key: str | None
    body: str
    hash: str

    @property
    def head(self) -> tuple[int, str, str, int, str, str | None]:
        """What the chain hashes before the body."""
        return self.seq, self.time, self.kind, self.epoch, self.correlation_id, self.natural_key

    def fact(self) -> Fact:
        """The fact itself.

        Raises:
            ValueError: The body cannot be read, or a newer version wrote it.
        """
        return from_record(json.loads(self.body))


def is_kept(fact: Fact) -> bool:
    """Whether the journal keeps a fact of this kind."""
    if isinstance(fact, Notice):
        return fact.severity in _WEIGHTY or fact.scope == "order" or fact.context in _ABOUT_ORDERS
    return isinstance(fact, (OrderFact, *_KEPT))


# ---- the spine ---------------------------------------------------------------------------
def time_of(fact: Fact) -> str:
    """A fact's time, such that text sorts as time does."""
    return time_text(fact.time)


def body_of(fact: Fact) -> str:
    """A fact as JSON; what JSON has no form for becomes text rather than keep a row out."""
    try:
        return to_json(fact)
    except (TypeError, ValueError):
        return canonical(_as_text(to_record(fact)))


def _as_text(value: Any) -> Any:
    """A value in JSON's types, whatever it is."""
    if isinstance(value, Mapping):
        return {str(key): _as_text(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_text(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def key_of(fact: Fact) -> str | None:
    """What makes two reports the same one; None for what is a fact of its own each time.

    An execution is known by its id, account and client. Its time, price and size are in the key as
    well: a paper gateway that is started again counts its ids from the first.
    """
    key = _key_of(fact)
    return None if key is None else storable(key)


def _key_of(fact: Fact) -> str | None:
    """The same; it may hold what SQLite does not store."""
    if isinstance(fact, Fill):
        at = "" if fact.executed_at is None else fact.executed_at.isoformat()
        return (
            f"fill|{fact.account}|{fact.client_id}|{fact.exec_id}"
            f"|{fact.side}|{fact.shares.normalize():f}|{fact.price.normalize():f}|{at}"
        )
    if isinstance(fact, CommissionReported):
        profit = "" if fact.realized_pnl is None else f"{fact.realized_pnl.normalize():f}"
        amount = f"{fact.commission.normalize():f}"
        return f"commission|{fact.exec_id}|{amount}|{fact.currency}|{profit}"
    if isinstance(fact, ConfigTaken):
        return f"config|{fact.digest}"
    if isinstance(fact, KillSwitchChanged):  # every program that hears of it tells it
        return f"kill|{time_of(fact)}|{fact.engaged}|{fact.by}|{fact.reason}"
    if isinstance(fact, KillSwitchClaimed):  # the first one counts
        return f"claim|{fact.engaged.isoformat()}|{','.join(sorted(fact.accounts))}"
    return None


def story_of(fact: Fact, otherwise: str) -> str:
    """The story that a fact belongs to; of one that does not say, as far as its fields do."""
    if fact.correlation_id:
        return storable(fact.correlation_id)
    order_id = getattr(fact, "order_id", None)
    client_id = getattr(fact, "client_id", None)
    if order_id and client_id is not None:
        return order_story(client_id, order_id)
    return otherwise


def storable(text: str) -> str:
    """A text as SQLite stores it: what is no character (half of a surrogate pair) is escaped."""
    # A gateway's text may hold such; the body has it escaped.
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


# ---- the tables beside it ----------------------------------------------------------------
def details_of(fact: Fact, epoch: int) -> Details:
    """The rows that a fact has beside the spine.

    Args:
        fact: The fact.
        epoch: The session it belongs to, as the journal counts them.
    """
    return tuple([(table, tuple(map(_stored, values))) for table, values in drafts_of(fact, epoch)])


def drafts_of(fact: Fact, epoch: int) -> Details:
    """As `details_of`, for a writer in haste: SQLite refuses a value that it cannot store as it is.

    It raises `UnicodeEncodeError` for a text that has what is no character, and `OverflowError` for
    a number of more than 64 bits. Of everything else both make the same.
    """
    made = _DETAILS_FOR[type(fact)]
    if made is None:
        return ()
    drafts = made(fact, epoch)
    for _, values in drafts:
        if not _PLAIN.issuperset(map(type, values)):
            return tuple(
                [
                    (table, tuple([v if type(v) in _PLAIN else _stored(v) for v in values]))
                    for table, values in drafts
                ]
            )
    return drafts


#: What SQLite takes as it is, with the exceptions that it refuses.
_PLAIN = frozenset({str, int, type(None)})


class _DetailsFor(dict[type[Fact], Callable[[Any, int], Details] | None]):
    """Who makes the rows of a class of facts, found when the first one comes."""

    def __missing__(self, kind: type[Fact]) -> Callable[[Any, int], Details] | None:
        self[kind] = next((make for base, make in _DETAILS.items() if issubclass(kind, base)), None)
        return self[kind]


_DETAILS_FOR = _DetailsFor()


def _stored(value: Any) -> Any:
    """A value as SQLite takes it: money as text, and nothing that would keep a row out."""
    if value is None:
        return None
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        # More than 64 bits stand in the body alone.
        return int(value) if -_LARGEST <= value <= _LARGEST else None
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _text(value: Any) -> str | None:
    """Something of a mapping as text; a number in its digits, never with an exponent."""
    if value is None or value == "":
        return None
    return f"{Decimal(repr(value)):f}" if isinstance(value, float) else str(value)


def _digits(value: Decimal | None) -> str | None:
    """A number in its digits."""
    return None if value is None else f"{value:f}"


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _session(fact: SessionBegan, epoch: int) -> Details:
    accounts = ",".join(sorted(fact.accounts))
    where = (fact.host, fact.port, fact.mode, accounts)
    ids = (fact.server_version, fact.next_id, fact.floor, fact.program, fact.pid)
    return (("session", (epoch, fact.client_id, fact.epoch, *where, *ids)),)


def _intent(fact: OrderIntent, _epoch: int) -> Details:
    order, contract, verdict = fact.order, fact.contract, fact.verdict
    row = (
        *(fact.client_id, fact.order_id, fact.revision, fact.kind),
        *(fact.account, fact.con_id, fact.symbol),
        *(_text(contract.get(name)) for name in ("secType", "currency")),
        *(_text(order.get(name)) for name in ("action", "orderType", "totalQuantity")),
        *(_text(order.get(name)) for name in ("lmtPrice", "auxPrice", "tif")),
        _number(order.get("parentId")),
        _text(order.get("ocaGroup")),
        *(fact.token, fact.tag, fact.origin, fact.purpose),
        None if verdict is None else verdict.allowed,
        fact.config,
    )
    intent = ("intent", row)
    return (intent,) if verdict is None else (intent, *_verdict(verdict, 0))


def _verdict(fact: RiskVerdict, _epoch: int) -> Details:
    failed = fact.failed
    name = None if failed is None else failed.name
    return (("verdict", (fact.client_id, fact.order_id, fact.allowed, name, fact.reason)),)


#: The columns of a step that its changes tell.
_STEP_COLUMNS = (
    *("account", "symbol", "tag", "status"),
    *("filled", "remaining", "average_price", "reason"),
)


def _step(fact: OrderStep, _epoch: int) -> Details:
    new = fact.changes.get
    row = (fact.client_id, fact.order_id, fact.perm_id, "OrderStep", fact.source)
    told = [(v or None) if type(v := new(name)) is str else _text(v) for name in _STEP_COLUMNS]
    return (("order_event", (*row, *told)),)


def _order_event(fact: OrderEvent, _epoch: int) -> Details:
    reason = fact.reason
    if isinstance(fact, AcknowledgementLate):
        reason = reason or f"no answer for {fact.waited:g} s"
    row = (
        *(fact.client_id, fact.order_id, fact.perm_id, type(fact).__name__, fact.origin),
        *(fact.account, fact.symbol, fact.tag, fact.status),
        *(_digits(fact.filled), _digits(fact.remaining), _digits(fact.average_price), reason),
    )
    return (("order_event", row),)


def _identity(fact: IdentityBroken, _epoch: int) -> Details:
    perm_ids = ", ".join(map(str, fact.perm_ids))
    nothing = (None,) * 7
    newest = fact.perm_ids[-1] if fact.perm_ids else None
    row = (fact.client_id, fact.order_id, newest, "IdentityBroken", "")
    return (("order_event", (*row, *nothing, f"live under the permanent ids {perm_ids}")),)


def _execution(fact: Fill, _epoch: int) -> Details:
    at = fact.executed_at
    row = (
        *(fact.exec_id, fact.account, fact.client_id, fact.order_id, fact.perm_id, fact.con_id),
        *(fact.symbol, fact.side, fact.shares, fact.price, fact.exchange),
        None if at is None else at.isoformat(timespec="microseconds"),
        *(fact.cumulative, fact.average_price, fact.corrects, fact.tag),
    )
    return (("execution", row),)


def _commission(fact: CommissionReported, _epoch: int) -> Details:
    row = (fact.exec_id, fact.order_id, fact.commission, fact.currency, fact.realized_pnl)
    return (("commission", row),)


def _notice(fact: Notice, _epoch: int) -> Details:
    said = (fact.severity, fact.category, fact.ends.value, fact.text)
    return (("notice", (fact.req_id, fact.code, *said)),)


def _config(fact: ConfigTaken, _epoch: int) -> Details:
    return (("config", (fact.digest, canonical(dict(fact.settings)))),)


def _gap(fact: GapReport, _epoch: int) -> Details:
    times = (t.isoformat(timespec="microseconds") for t in (fact.began, fact.ended))
    epochs = (fact.epoch_before, fact.epoch)
    return (("gap", (fact.cause, fact.reason, *times, *epochs, fact.complete, str(fact))),)


def _kill_switch(fact: KillSwitchChanged, _epoch: int) -> Details:
    old, new = ("off", "on") if fact.engaged else ("on", "off")
    row = (type(fact).__name__, "kill switch", "", old, new, fact.engaged, fact.by, fact.reason)
    return (("control", row),)


def _kill_acted(fact: KillSwitchActed, _epoch: int) -> Details:
    whose, end = f"client {fact.client_id}", "done" if fact.complete else "failed"
    row = (type(fact).__name__, "kill switch", "", None, end, None, whose, str(fact))
    return (("control", row),)


def _limit(fact: RiskLimitChanged, _epoch: int) -> Details:
    row = (type(fact).__name__, fact.limit, "", fact.old, fact.new, None, fact.by, fact.reason)
    return (("control", row),)


def _breach(fact: RiskBreached, _epoch: int) -> Details:
    check = fact.check
    numbers = (check.limit, check.value)
    row = (type(fact).__name__, check.name, fact.account, *numbers, fact.latched, "", check.text)
    return (("control", row),)


def _peak(fact: DayPeak, _epoch: int) -> Details:
    row = (type(fact).__name__, "max_drawdown", fact.account, None, fact.profit, None, "", "")
    return (("control", row),)


#: Who has rows beside the spine, and which.
_DETAILS: dict[type[Fact], Callable[[Any, int], Details]] = {
    OrderStep: _step,
    OrderEvent: _order_event,
    OrderIntent: _intent,
    Fill: _execution,
    CommissionReported: _commission,
    Notice: _notice,
    SessionBegan: _session,
    RiskVerdict: _verdict,
    IdentityBroken: _identity,
    ConfigTaken: _config,
    GapReport: _gap,
    KillSwitchChanged: _kill_switch,
    KillSwitchActed: _kill_acted,
    RiskLimitChanged: _limit,
    RiskBreached: _breach,
    DayPeak: _peak,
}
