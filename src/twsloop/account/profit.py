"""Our own count of what trading earned: from executions alone, exact, and beside IB's.

IB counts realized profit per closing execution, first in first out unless told otherwise, with
commissions in the cost: what opening cost is part of the price paid, what closing cost lowers what
was received. The same is done here, for any grouping of rows. Amounts are in the currency of the
contract, commissions in the one they were charged in; nothing is converted, but for `compare`.

What was held before the first known execution has to be told (`Opening`). What closes a position
whose cost nobody told earns an unknown amount: it is counted in ``unknown``, and never guessed.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import Any, Literal, Protocol

import attrs

from twsloop.events import CommissionReported, Fill
from twsloop.wire.values import decimal_or_none

from .lots import Closed, Holding, Lot, Method
from .rows import AccountProfit

__all__ = [
    "Booked",
    "Carried",
    "Comparison",
    "Dimension",
    "Method",
    "Opening",
    "OwnFill",
    "ProfitRow",
    "Rates",
    "compare",
    "incomplete",
    "own_profit",
    "read_fills",
]

Dimension = Literal["account", "symbol", "tag", "day"]
#: A currency -> what one unit of it is worth in the base currency.
Rates = dict[str, Decimal | None]

_DIMENSIONS = frozenset({"account", "symbol", "tag", "day"})
_ZERO = Decimal(0)
#: IB's word for the side of an execution that bought; the other one is ``SLD``.
_BOUGHT = "BOT"


@attrs.frozen(kw_only=True)
class OwnFill:
    """An execution as it counts: of a single contract (of a combo, each leg's).

    Attributes:
        exec_id: IB's id; of a corrected execution, the newest version alone.
        time: When it was made, UTC.
        account: Whose.
        con_id: The contract's id.
        symbol: The contract as one would type it.
        currency: The contract's.
        quantity: Negative sells.
        price: Per unit, without the multiplier.
        multiplier: Units of one contract.
        commission: What it cost; None while unreported.
        commission_currency: Of the commission; the contract's if empty. IB charges a currency pair
            in the account's own currency.
        tag: What its order was tagged with.
    """

    exec_id: str
    time: datetime
    account: str
    con_id: int
    symbol: str
    currency: str
    quantity: Decimal
    price: Decimal
    multiplier: Decimal = Decimal(1)
    commission: Decimal | None = None
    commission_currency: str = ""
    tag: str = ""

    @property
    def fees(self) -> dict[str, Decimal]:
        """The commission by its currency."""
        if not self.commission:
            return {}
        return {self.commission_currency or self.currency: self.commission}


@attrs.frozen(kw_only=True)
class Opening:
    """What was held before the first known execution.

    Attributes:
        account: Whose.
        con_id: The contract's id.
        quantity: Negative is short.
        cost: Per unit and with the multiplier, as IB's average cost; None if nobody knows.
    """

    account: str
    con_id: int
    quantity: Decimal
    cost: Decimal | None = None


@attrs.frozen(kw_only=True)
class ProfitRow:
    """What one group of executions earned, in one currency.

    A profit belongs to the group of the execution that closed. Without the dimension, a field is
    None.

    Attributes:
        currency: Of the amounts.
        account: Whose.
        symbol: What was traded.
        tag: The tag of the closing orders.
        day: The day of the closing executions, in the zone that was asked for.
        gross: Realized, before commissions.
        realized: Realized, after the commissions of opening and closing, as IB counts it.
        commission: All commissions of the group, realized or not.
        bought: Units bought.
        sold: Units sold.
        unknown: Units closed whose cost nobody told; their profit is in none of the amounts.
        unreported: Executions without a commission report yet; they count as free of it.
    """

    currency: str
    account: str | None = None
    symbol: str | None = None
    tag: str | None = None
    day: date | None = None
    gross: Decimal = _ZERO
    realized: Decimal = _ZERO
    commission: Decimal = _ZERO
    bought: Decimal = _ZERO
    sold: Decimal = _ZERO
    unknown: Decimal = _ZERO
    unreported: int = 0


@attrs.frozen(kw_only=True)
class Comparison:
    """Our count of what was realized beside IB's, in the base currency.

    Attributes:
        account: Whose.
        currency: The base currency.
        ours: By our count; None if a rate or a cost is missing.
        theirs: By ``reqPnL``; None while unset.
        difference: Ours less theirs; None if one of them is missing.
        reasons: Why they may differ, in words.
        rows: Our count by currency.
    """

    account: str
    currency: str
    ours: Decimal | None
    theirs: Decimal | None
    difference: Decimal | None
    reasons: tuple[str, ...]
    rows: tuple[ProfitRow, ...]


def _lot_of(fill: OwnFill) -> Lot:
    """What an execution brings: units, their value, its commission."""
    return Lot(fill.quantity, fill.quantity * fill.price * fill.multiplier, fill.fees)


class Carried:
    """What executions that are not kept any more have left behind: what is held, at what cost.

    They count as those do that were made before ``since``.
    """

    def __init__(self) -> None:
        self._held: dict[Method, dict[tuple[str, int], Holding]] = {"fifo": {}, "average": {}}
        self._latest: dict[str, datetime] = {}

    def take(self, fills: Iterable[OwnFill]) -> None:
        """These executions are being forgotten."""
        for fill in fills:
            key = fill.account, fill.con_id
            for method, holdings in self._held.items():
                holdings.setdefault(key, Holding(method)).take_lot(_lot_of(fill))
            latest = self._latest.get(fill.account, fill.time)
            self._latest[fill.account] = max(latest, fill.time)

    def latest(self, account: str) -> datetime | None:
        """When the latest of them was executed in an account; None if there is none."""
        return self._latest.get(account)

    def bring(self, method: Method, holdings: dict[tuple[str, int], Holding]) -> None:
        """Add what is held to ``holdings``."""
        for key, held in self._held[method].items():
            holding = holdings.setdefault(key, Holding(method))
            for lot in held.lots:
                holding.take_lot(attrs.evolve(lot, fees=dict(lot.fees)))


class Booked(Protocol):
    """An execution with its contract and its commission, as the orders slice keeps it."""

    @property
    def fill(self) -> Fill:
        """The execution."""
        ...

    @property
    def contract(self) -> Any:
        """IB's Contract."""
        ...

    @property
    def commission(self) -> CommissionReported | None:
        """Its commission, once reported."""
        ...


def read_fills(
    booked: Iterable[Booked], tag_of: Callable[[Fill], str] = lambda _fill: ""
) -> list[OwnFill]:
    """Executions as they count; a combo's own are left out, because its legs' are there.

    Args:
        booked: What is known of each.
        tag_of: What the order of an execution was tagged with.
    """
    return [
        OwnFill(
            exec_id=one.fill.exec_id,
            time=one.fill.executed_at or one.fill.time,
            account=one.fill.account,
            con_id=one.contract.conId,
            symbol=one.fill.symbol,
            currency=one.contract.currency,
            quantity=one.fill.shares if one.fill.side == _BOUGHT else -one.fill.shares,
            price=one.fill.price,
            multiplier=decimal_or_none(one.contract.multiplier) or Decimal(1),
            commission=None if one.commission is None else one.commission.commission,
            commission_currency="" if one.commission is None else one.commission.currency,
            tag=tag_of(one.fill),
        )
        for one in booked
        if one.contract.secType != "BAG"
    ]


def own_profit(
    fills: Iterable[OwnFill],
    *,
    by: Sequence[Dimension] = ("symbol",),
    method: Method = "fifo",
    opening: Iterable[Opening] = (),
    carried: Carried | None = None,
    zone: tzinfo = UTC,
    since: datetime | None = None,
) -> list[ProfitRow]:
    """What executions earned, by any grouping.

    Args:
        fills: The executions, in any order; repeated ones count once.
        by: What a row stands for.
        method: Which lot is closed first: the oldest, or all at their average cost.
        opening: What was held before.
        carried: What executions between that and the first of ``fills`` have left.
        zone: In which a day begins.
        since: Count what was executed from then on; what was executed before only says what is
            held, and at what cost.

    Returns:
        One row for each group and currency, in the order of their first execution. Commissions in
        another currency than the contract's have rows of that currency.

    Raises:
        ValueError: An unknown dimension or method, or a ``since`` without a time zone.
    """
    if unknown := set(by) - _DIMENSIONS:
        msg = f"profit by {sorted(unknown)}: known are {sorted(_DIMENSIONS)}"
        raise ValueError(msg)
    if method not in {"fifo", "average"}:
        msg = f"method {method!r} is neither 'fifo' nor 'average'"
        raise ValueError(msg)
    if since is not None and since.utcoffset() is None:
        msg = f"since={since.isoformat()} has no time zone: write datetime(..., tzinfo=UTC)"
        raise ValueError(msg)
    holdings: dict[tuple[str, int], Holding] = {}
    for lot in opening:
        if lot.quantity:
            holding = holdings.setdefault((lot.account, lot.con_id), Holding(method))
            value = None if lot.cost is None else lot.quantity * lot.cost
            holding.lots.append(Lot(lot.quantity, value))
    if carried is not None:
        carried.bring(method, holdings)
    rows: dict[tuple[object, ...], ProfitRow] = {}
    unique = {fill.exec_id: fill for fill in fills}
    for fill in sorted(unique.values(), key=lambda one: (one.time, one.exec_id)):
        if not fill.quantity:
            continue
        holding = holdings.setdefault((fill.account, fill.con_id), Holding(method))
        closed = holding.take_lot(_lot_of(fill))
        if since is not None and fill.time < since:
            continue
        group = _group(fill, by, zone)
        for currency in {fill.currency: None, **fill.fees, **closed.fees}:
            row = attrs.evolve(group, currency=currency)
            key = attrs.astuple(row)
            rows[key] = _added(rows.get(key, row), fill, closed)
    return list(rows.values())


def _group(fill: OwnFill, by: Sequence[Dimension], zone: tzinfo) -> ProfitRow:
    """The empty row of a fill's group."""
    return ProfitRow(
        currency=fill.currency,
        account=fill.account if "account" in by else None,
        symbol=fill.symbol if "symbol" in by else None,
        tag=fill.tag if "tag" in by else None,
        day=fill.time.astimezone(zone).date() if "day" in by else None,
    )


def _added(row: ProfitRow, fill: OwnFill, closed: Closed) -> ProfitRow:
    """A row with what an execution adds in its currency."""
    fees = closed.fees.get(row.currency, _ZERO)
    row = attrs.evolve(
        row,
        realized=row.realized - fees,
        commission=row.commission + fill.fees.get(row.currency, _ZERO),
    )
    if row.currency != fill.currency:
        return row
    return attrs.evolve(
        row,
        gross=row.gross + closed.gross,
        realized=row.realized + closed.gross,
        bought=row.bought + max(fill.quantity, _ZERO),
        sold=row.sold + max(-fill.quantity, _ZERO),
        unknown=row.unknown + closed.unknown,
        unreported=row.unreported + (fill.commission is None),
    )


def compare(
    rows: Sequence[ProfitRow], theirs: AccountProfit, rates: Mapping[str, Decimal | None], base: str
) -> Comparison:
    """Our rows of one account beside IB's realized profit.

    Args:
        rows: Our count.
        theirs: IB's.
        rates: What one unit of a currency is worth in the base currency.
        base: The base currency.
    """
    reasons = []
    ours: Decimal | None = _ZERO
    for row in rows:
        rate = rates.get(row.currency)
        if rate is None and row.realized:
            reasons.append(f"no exchange rate of {row.currency}")
            ours = None
        elif ours is not None and rate is not None:
            ours += row.realized * rate
        if row.unknown:
            reasons.append(
                f"{row.unknown} units in {row.currency} were opened before at no known cost"
            )
        if row.unreported:
            reasons.append(f"{row.unreported} executions have no commission report yet")
        if row.currency != base and row.realized:
            reasons.append(f"{row.currency} at the rate of now, not of each execution")
    if any(row.unknown for row in rows):
        ours = None
    missing = ours is None or theirs.realized is None
    return Comparison(
        account=theirs.account,
        currency=base,
        ours=ours,
        theirs=theirs.realized,
        difference=None if missing else (ours or _ZERO) - (theirs.realized or _ZERO),
        reasons=tuple(reasons),
        rows=tuple(rows),
    )


def incomplete(counted: Comparison, until: datetime) -> Comparison:
    """A comparison of a day of which executions are forgotten: what they earned is in no row.

    Args:
        counted: What the others earned.
        until: When the latest of the forgotten ones was executed.
    """
    reason = (
        f"executions up to {until:%H:%M:%S} UTC are forgotten: raise [orders] keep_settled to "
        "count a whole day"
    )
    return attrs.evolve(counted, ours=None, difference=None, reasons=(*counted.reasons, reason))
