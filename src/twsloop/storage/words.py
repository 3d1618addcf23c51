"""Facts of the journal in words: one line each, for people. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from twsloop.events import (
    AcknowledgementLate,
    CommissionLate,
    CommissionReported,
    ConfigTaken,
    DifferencesAccepted,
    DifferencesAsked,
    Fact,
    Fill,
    GapReport,
    HeartbeatMissed,
    HeartbeatRestored,
    IdentityBroken,
    JournalTrouble,
    KillSwitchActed,
    KillSwitchChanged,
    Notice,
    OrderEvent,
    OrderIdsRolledBack,
    OrderIntent,
    OrderStep,
    PositionsHeld,
    RiskBreached,
    RiskLimitChanged,
    RiskVerdict,
    SessionBegan,
    SessionChanged,
    to_record,
)

__all__ = ["field_words", "number_words", "order_words", "words_of"]

#: What a line does not have to say again.
_KNOWN = ("event", "time", "correlation_id")


def words_of(fact: Fact) -> str:
    """What happened, in words."""
    match fact:
        case Notice() | GapReport() | KillSwitchActed():
            return str(fact)
        case RiskVerdict() | RiskLimitChanged() | RiskBreached() | KillSwitchChanged():
            return _control(fact)
        case OrderIntent() | OrderStep() | OrderEvent() | IdentityBroken():
            return _order(fact)
        case Fill() | CommissionReported() | CommissionLate():
            return _execution(fact)
        case SessionBegan() | SessionChanged() | HeartbeatMissed() | HeartbeatRestored():
            return _session(fact)
        case DifferencesAsked():
            return "; ".join(map(str, fact.differences))
        case DifferencesAccepted():
            return _because("; ".join(map(str, fact.differences)), fact.reason)
        case PositionsHeld():
            held = (f"{number_words(one.quantity)} {one.symbol}" for one in fact.positions)
            return ", ".join(held) or "none"
        case ConfigTaken():
            return f"{fact.digest}, {len(fact.settings)} settings"
        case OrderIdsRolledBack():
            return f"the gateway's next order id is {fact.told}; {fact.known} is the lowest unused"
        case JournalTrouble():
            return _because("written again" if fact.over else "not written", fact.reason)
    record = to_record(fact)
    return ", ".join(
        f"{name.replace('_', ' ')} {value}"
        for name, value in record.items()
        if name not in _KNOWN and value not in (None, "", [], {}, False)
    )


def order_words(order: Mapping[str, Any]) -> str:
    """IB's Order by its fields, in short."""
    names = ("action", "totalQuantity", "orderType", "lmtPrice", "auxPrice", "tif")
    return " ".join(field_words(order[name]) for name in names if order.get(name))


def field_words(value: Any) -> str:
    """A field of an order: IB's floats without the zero that is no digit of the price."""
    return number_words(Decimal(repr(value))) if isinstance(value, float) else str(value)


def number_words(value: Decimal | None) -> str:
    """A number in its digits; nothing for None."""
    return "" if value is None else f"{value.normalize():f}"


def _control(fact: RiskVerdict | RiskLimitChanged | RiskBreached | KillSwitchChanged) -> str:
    match fact:
        case RiskVerdict():
            count = len(fact.checks)
            checks = f"{count} check{'' if count == 1 else 's'}"
            return f"allowed, {checks}" if fact.allowed else f"refused, {fact.reason}"
        case RiskLimitChanged():
            change = f"{fact.limit}: {fact.old or 'none'} -> {fact.new or 'none'}"
            how = "loosened" if fact.loosened else "tightened"
            return _because(f"{change}, {how}{_by(fact.by)}", fact.reason)
        case RiskBreached():
            account = f" of {fact.account}" if fact.account else ""
            latched = ", new orders are refused from now on" if fact.latched else ""
            return f"{fact.check.name}{account}: {fact.check.text}{latched}"
        case KillSwitchChanged():
            word = "engaged" if fact.engaged else "released"
            then = f", cancel {fact.cancel}{', flatten' if fact.flatten else ''}"
            return _because(f"{word}{_by(fact.by)}{then if fact.engaged else ''}", fact.reason)


def _order(fact: OrderIntent | OrderStep | OrderEvent | IdentityBroken) -> str:
    match fact:
        case OrderIntent():
            what = f"{fact.kind} {order_words(fact.order)} {fact.symbol}".rstrip()
            return f"{what}{_refused(fact.verdict)}"
        case AcknowledgementLate():
            return f"no word of it for {fact.waited:.1f} s"
        case OrderEvent():
            return _because(fact.status, fact.reason)
        case IdentityBroken():
            perms = ", ".join(map(str, fact.perm_ids))
            return f"seen live under several permanent ids: {perms}"
        case OrderStep():
            shown = ("status", "filled", "reason")
            news = [f"{name} {fact.changes[name]}" for name in shown if fact.changes.get(name)]
            return ", ".join(news) or ", ".join(fact.changes)


def _refused(verdict: RiskVerdict | None) -> str:
    return "" if verdict is None or verdict.allowed else f", {words_of(verdict)}"


def _execution(fact: Fill | CommissionReported | CommissionLate) -> str:
    match fact:
        case Fill():
            where = f" on {fact.exchange}" if fact.exchange else ""
            corrects = f", corrects {fact.corrects}" if fact.corrects else ""
            what = f"{fact.side} {number_words(fact.shares)} at {number_words(fact.price)}{where}"
            return f"{what} ({fact.exec_id}{corrects})"
        case CommissionReported():
            # IB's own client makes a 0 of the profit that an opening trade has not.
            profit = f", realized {number_words(fact.realized_pnl)}" if fact.realized_pnl else ""
            cost = f"{number_words(fact.commission)} {fact.currency}".rstrip()
            return f"{cost}{profit} ({fact.exec_id})"
        case CommissionLate():
            return f"no commission of {fact.exec_id} for {fact.waited:.1f} s"


def _session(fact: SessionBegan | SessionChanged | HeartbeatMissed | HeartbeatRestored) -> str:
    match fact:
        case SessionBegan():
            who = f"{fact.mode}, {', '.join(fact.accounts) or 'no accounts'}"
            where = f"{fact.host}:{fact.port}, client {fact.client_id}, session {fact.epoch}"
            return f"{who} at {where}, next order id {fact.next_id}, floor {fact.floor}"
        case SessionChanged():
            return _because(f"{fact.old} -> {fact.new}", fact.reason)
        case HeartbeatMissed():
            return f"silent for {fact.silence:.1f} s"
        case HeartbeatRestored():
            return f"heard again after {fact.silence:.1f} s"


def _because(text: str, reason: str) -> str:
    return f"{text}: {reason}" if reason else text


def _by(who: str) -> str:
    return f" by {who}" if who else ""
