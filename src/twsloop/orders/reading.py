"""What IB's order callbacks carry, in our own terms: Decimal money, aware times, None for unset."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from ibapi.const import UNSET_DECIMAL, UNSET_DOUBLE

from twsloop.events import CommissionReported, Fill, order_story

__all__ = [
    "correction_of",
    "execution_base",
    "execution_time",
    "money",
    "prices_of",
    "read_commission",
    "read_execution",
    "size",
]

_DASHED = re.compile(r"(\d{8})-(\d{2}:\d{2}:\d{2})(?: UTC)?")
_ZONED = re.compile(r"(\d{8}) +(\d{2}:\d{2}:\d{2}) +(\S.*)")

#: Order types that have no limit price, or no stop price: the gateway's echo says 0.0 there.
_NO_LIMIT = frozenset({"MKT", "STP", "MIT", "MOC", "MTL", "TRAIL"})
_NO_STOP = frozenset({"MKT", "LMT", "MOC", "LOC", "MTL"})


def money(value: float | str | None) -> Decimal | None:
    """A float or text of IB as an exact decimal; None for unset, and for what is no number."""
    if value is None or value in {UNSET_DOUBLE, ""}:
        return None
    try:
        number = Decimal(str(value))
    except ArithmeticError:
        return None
    return number if number.is_finite() else None


def prices_of(order: Any) -> tuple[Decimal | None, Decimal | None]:
    """The limit price and the stop price of an ibapi Order; None where its type has none."""
    limit, stop = money(order.lmtPrice), money(order.auxPrice)
    return (
        None if not limit and order.orderType in _NO_LIMIT else limit,
        None if not stop and order.orderType in _NO_STOP else stop,
    )


def size(value: Any) -> Decimal:
    """A size of IB's; 0 for unset."""
    number = Decimal(str(value)) if value is not None else Decimal(0)
    return Decimal(0) if number == UNSET_DECIMAL or not number.is_finite() else number


def execution_time(text: str) -> datetime | None:
    """The time of an execution, UTC.

    The forms seen: ``20260928 09:32:25 US/Eastern`` (server 225, the instrument's zone) and
    ``20260611-13:30:30`` (UTC). A time without a zone, or with the operating system's own name of
    one, cannot be placed, and is None.
    """
    dashed = _DASHED.fullmatch(text)
    if dashed is not None:
        return _parse(" ".join(dashed.groups()), UTC)
    zoned = _ZONED.fullmatch(text)
    if zoned is None:
        return None
    try:
        zone = ZoneInfo(zoned.group(3))
    except (OSError, ValueError):  # unknown (ZoneInfoNotFoundError is a KeyError of OSError's kind)
        return None
    except KeyError:
        return None
    return _parse(f"{zoned.group(1)} {zoned.group(2)}", zone)


def _parse(text: str, zone: Any) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%d %H:%M:%S").replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def execution_base(exec_id: str) -> str:
    """The part of an execution id that a correction keeps: all but the digits after the last dot.

    An id that does not end in digits is its own base.
    """
    base, dot, last = exec_id.rpartition(".")
    return base if dot and last.isdigit() else exec_id


def correction_of(exec_id: str) -> int:
    """Which version of the execution it is: 1 for the first, more for corrections."""
    _, dot, last = exec_id.rpartition(".")
    return int(last) if dot and last.isdigit() else 0


def read_execution(
    contract: Any, execution: Any, *, symbol: str, now: datetime, corrects: str | None = None
) -> Fill:
    """IB's Execution as a fact."""
    return Fill(
        time=now,
        correlation_id=order_story(execution.clientId, execution.orderId),
        exec_id=execution.execId,
        order_id=execution.orderId,
        client_id=execution.clientId,
        perm_id=execution.permId or None,
        account=execution.acctNumber,
        con_id=contract.conId or None,
        symbol=symbol,
        side=execution.side,
        shares=size(execution.shares),
        price=money(execution.price) or Decimal(0),
        exchange=execution.exchange,
        executed_at=execution_time(execution.time),
        cumulative=size(execution.cumQty) or None,
        average_price=money(execution.avgPrice),
        corrects=corrects,
    )


def read_commission(
    report: Any, realized: Decimal | None, *, order_id: int | None, now: datetime
) -> CommissionReported:
    """IB's CommissionAndFeesReport as a fact; the realized result as its sender meant it."""
    return CommissionReported(
        time=now,
        exec_id=report.execId,
        commission=money(report.commissionAndFees) or Decimal(0),
        currency=report.currency,
        realized_pnl=realized,
        order_id=order_id,
    )
