"""What clients are told of an account: value rows, the summary's tags, the ledger, positions.

The keys, their order (alphabetical) and their forms are those of a USD paper account on Gateway
10.40 (reference ``domain.md`` e): ledger keys have a row per currency and one for ``BASE``, account
keys one row in the base currency, a few have no currency at all. Money has two decimals,
NetLiquidationByCurrency four, Cushion six. Keys of things this gateway does not have (funds,
warrants, bills) are there with 0.00, because clients look for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import attrs
from ibapi.protobuf.PortfolioValue_pb2 import PortfolioValue

from twsloop.paper.decimals import plain

from .account import Account, Marks, Position
from .margins import Requirement
from .valuation import Valuation

__all__ = [
    "BASE",
    "Row",
    "Snapshot",
    "account_rows",
    "clock_text",
    "currencies",
    "ledger_rows",
    "portfolio_value",
    "position_contract",
    "summary_ledger",
    "summary_rows",
    "take_snapshot",
]

ZERO = Decimal(0)
BASE = "BASE"
LEDGER = "$LEDGER"
LEVERAGE = 4
CENTS = Decimal("0.01")
TEN_THOUSANDTHS = Decimal("0.0001")
MILLIONTHS = Decimal("0.000001")
RATE_STEP = Decimal("0.0000001")


class Row(NamedTuple):
    """One value: key, value and currency ("" where it has none)."""

    key: str
    value: str
    currency: str


@attrs.frozen
class Snapshot:
    """An account's figures at one moment, in its base currency.

    Attributes:
        account: The account.
        marks: Prices and rates of that moment.
        cash: All cash.
        stock: Value of the positions that are no options.
        option: Value of the options.
        futures: What futures have gained since their settlement.
        gross: Sum of the absolute values of stocks and options.
        need: What the positions bind.
        unrealized: Unrealized profit.
        realized: What was realized in this session.
        daily: Profit since the session began.
    """

    account: Account
    marks: Marks
    cash: Decimal
    stock: Decimal
    option: Decimal
    futures: Decimal
    gross: Decimal
    need: Requirement
    unrealized: Decimal
    realized: Decimal
    daily: Decimal

    @property
    def equity(self) -> Decimal:
        """Net liquidation value."""
        return self.cash + self.stock + self.option + self.futures

    @property
    def loan(self) -> Decimal:
        """Equity with loan value: options can carry no loan."""
        return self.equity - self.option

    @property
    def total_cash(self) -> Decimal:
        """Cash with the futures' profit, as IB counts it."""
        return self.cash + self.futures

    @property
    def initial(self) -> Decimal:
        """Initial margin."""
        return self.need.initial

    @property
    def maintenance(self) -> Decimal:
        """Maintenance margin."""
        return self.need.maintenance

    @property
    def reg_t(self) -> Decimal:
        """Regulation T's margin."""
        return self.need.reg_t

    @property
    def available(self) -> Decimal:
        """Equity that no initial margin binds."""
        return self.loan - self.initial

    @property
    def excess(self) -> Decimal:
        """Equity that no maintenance margin binds."""
        return self.loan - self.maintenance

    @property
    def special(self) -> Decimal:
        """The special memorandum account: what Regulation T leaves, never below zero."""
        return max(self.loan - self.reg_t, ZERO)

    @property
    def buying_power(self) -> Decimal:
        """IB's rule for a margin account: (lower of equity now and before, less margin) x 4."""
        free = min(self.loan, self.account.previous_equity) - self.initial
        return max(free, ZERO) * LEVERAGE


def take_snapshot(account: Account, valuation: Valuation) -> Snapshot:
    """The account's figures now."""
    marks = valuation.marks_now(account)
    daily, unrealized, realized = account.profits(marks)
    return Snapshot(
        account=account,
        marks=marks,
        cash=account.total_cash(marks),
        stock=account.stock_value(marks),
        option=account.option_value(marks),
        futures=account.futures_profit(marks),
        gross=account.gross_value(marks),
        need=valuation.requirement(account, marks=marks),
        unrealized=unrealized,
        realized=realized,
        daily=daily,
    )


def _money(value: Decimal) -> str:
    return f"{value.quantize(CENTS):f}"


def _text(value: str) -> Callable[[Snapshot], str]:
    return lambda _snapshot: value


def _of(name: str) -> Callable[[Snapshot], str]:
    return lambda snapshot: _money(getattr(snapshot, name))


_NOTHING = _text("0.00")

#: Account keys in the base currency.
_MONEY: dict[str, Callable[[Snapshot], str]] = {
    "AccruedDividend": _NOTHING,
    "AvailableFunds": _of("available"),
    "Billable": _NOTHING,
    "BuyingPower": _of("buying_power"),
    "EquityWithLoanValue": _of("loan"),
    "ExcessLiquidity": _of("excess"),
    "FullAvailableFunds": _of("available"),
    "FullExcessLiquidity": _of("excess"),
    "FullInitMarginReq": _of("initial"),
    "FullMaintMarginReq": _of("maintenance"),
    "GrossPositionValue": _of("gross"),
    "Guarantee": _NOTHING,
    "IncentiveCoupons": _NOTHING,
    "IndianStockHaircut": _NOTHING,
    "InitMarginReq": _of("initial"),
    "LookAheadAvailableFunds": _of("available"),
    "LookAheadExcessLiquidity": _of("excess"),
    "LookAheadInitMarginReq": _of("initial"),
    "LookAheadMaintMarginReq": _of("maintenance"),
    "MaintMarginReq": _of("maintenance"),
    "NetLiquidation": _of("equity"),
    "NetLiquidationUncertainty": _NOTHING,
    "PASharesValue": _NOTHING,
    "PhysicalCertificateValue": _NOTHING,
    "PostExpirationExcess": _NOTHING,
    "PostExpirationMargin": _NOTHING,
    "TotalCashValue": _of("total_cash"),
    "TotalDebitCardPendingCharges": _NOTHING,
}


def _ratio(part: Decimal, whole: Decimal, step: Decimal) -> str:
    return f"{(part / whole if whole else ZERO).quantize(step):f}"


#: Account keys without a currency.
_PLAIN: dict[str, Callable[[Snapshot], str]] = {
    "AccountCode": lambda s: s.account.name,
    "AccountReady": _text("true"),
    "AccountType": _text("INDIVIDUAL"),
    "ColumnPrio-S": _text("1"),
    "Cushion": lambda s: _ratio(s.excess, s.equity, MILLIONTHS),
    "Leverage-S": lambda s: _ratio(s.gross, s.equity, CENTS),
    "LookAheadNextChange": _text("0"),
    "NLVAndMarginInReview": _text("false"),
    "SegmentTitle-S": _text("US Securities"),
    "SettledCashByDate": lambda s: f"Cash:{_money(s.cash)}",
    "SettledCashByDate-S": lambda s: f"Cash:{_money(s.cash)}",
    "TradingType-S": _text("STKNOPT"),
}


def _ledger_cash(s: Snapshot, currency: str) -> str:
    return _money(s.cash if currency == BASE else s.account.cash.get(currency, ZERO))


def _total_cash(s: Snapshot, currency: str) -> Decimal:
    if currency == BASE:
        return s.total_cash
    own = s.account.cash.get(currency, ZERO)
    return own + s.account.futures_profit(s.marks, currency)


def _ledger_total_cash(s: Snapshot, currency: str) -> str:
    return _money(_total_cash(s, currency))


def _ledger_value(kind: str) -> Callable[[Snapshot, str], str]:
    def value(s: Snapshot, currency: str) -> str:
        wanted = None if currency == BASE else currency
        return _money(s.account.market_value((kind,), s.marks, wanted))

    return value


def _ledger_futures(s: Snapshot, currency: str) -> str:
    return _money(s.futures if currency == BASE else s.account.futures_profit(s.marks, currency))


def _ledger_equity(s: Snapshot, currency: str) -> str:
    if currency == BASE:
        value = s.equity
    else:
        value = _total_cash(s, currency)
        value += s.account.stock_value(s.marks, currency)
        value += s.account.option_value(s.marks, currency)
    return f"{value.quantize(TEN_THOUSANDTHS):f}"


def _ledger_unrealized(s: Snapshot, currency: str) -> str:
    if currency == BASE:
        return _money(s.unrealized)
    return _money(s.account.total_unrealized(s.marks, currency))


def _ledger_realized(s: Snapshot, currency: str) -> str:
    if currency == BASE:
        return _money(s.realized)
    return _money(s.account.total_realized(s.marks, currency))


def _ledger_rate(s: Snapshot, currency: str) -> str:
    if currency in {BASE, s.account.currency}:
        return "1.00"
    return f"{s.marks.rate(currency).quantize(RATE_STEP):f}"


def _ledger_zero(_s: Snapshot, _currency: str) -> str:
    return "0.00"


#: Ledger keys: a row per currency and one for BASE.
_LEDGER: dict[str, Callable[[Snapshot, str], str]] = {
    "AccountOrGroup": lambda s, _currency: s.account.name,
    "AccruedCash": _ledger_zero,
    "CashBalance": _ledger_cash,
    "CorporateBondValue": _ledger_value("BOND"),
    "Cryptocurrency": _ledger_value("CRYPTO"),
    "Currency": lambda _s, currency: currency,
    "ExchangeRate": _ledger_rate,
    "FundValue": _ledger_zero,
    "FutureOptionValue": _ledger_value("FOP"),
    "FuturesPNL": _ledger_futures,
    "FxCashBalance": _ledger_zero,
    "IssuerOptionValue": _ledger_zero,
    "MoneyMarketFundValue": _ledger_zero,
    "MutualFundValue": _ledger_zero,
    "NetDividend": _ledger_zero,
    "NetLiquidationByCurrency": _ledger_equity,
    "OptionMarketValue": _ledger_value("OPT"),
    "RealCurrency": lambda _s, currency: currency,
    "RealizedPnL": _ledger_realized,
    "StockMarketValue": _ledger_value("STK"),
    "TBillValue": _ledger_zero,
    "TBondValue": _ledger_zero,
    "TotalCashBalance": _ledger_total_cash,
    "UnrealizedPnL": _ledger_unrealized,
    "WarrantValue": _ledger_zero,
}
#: Ledger keys that are the same for all accounts, or words.
_UNSUMMED = frozenset({"AccountOrGroup", "Currency", "ExchangeRate", "RealCurrency"})
#: Ledger keys that $LEDGER tells but account updates do not.
_SUMMARY_ONLY = frozenset({"Cryptocurrency"})

#: Keys of the account summary that account updates do not have.
_SUMMARY: dict[str, Callable[[Snapshot], str]] = {
    "SettledCash": _of("cash"),
    "AccruedCash": _NOTHING,
    "PreviousDayEquityWithLoanValue": lambda s: _money(s.account.previous_equity),
    "PreviousEquityWithLoanValue": lambda s: _money(s.account.previous_equity),
    "ReqTEquity": _of("loan"),
    "ReqTMargin": _of("reg_t"),
    "RegTEquity": _of("loan"),
    "RegTMargin": _of("reg_t"),
    "SMA": _of("special"),
}
_SUMMARY_PLAIN: dict[str, Callable[[Snapshot], str]] = {
    "AccountType": _PLAIN["AccountType"],
    "Cushion": _PLAIN["Cushion"],
    "LookAheadNextChange": _PLAIN["LookAheadNextChange"],
    "HighestSeverity": _text(""),
    "DayTradesRemaining": _text("-1"),
    "DayTradesRemainingT+1": _text("-1"),
    "DayTradesRemainingT+2": _text("-1"),
    "DayTradesRemainingT+3": _text("-1"),
    "DayTradesRemainingT+4": _text("-1"),
    "Leverage": _PLAIN["Leverage-S"],
}


def currencies(account: Account) -> tuple[str, ...]:
    """The ledger's currencies: BASE and every currency the account has touched."""
    own = {item.instrument.currency for item in account.held()} | set(account.cash)
    return tuple(sorted({BASE, *own}))


def ledger_rows(snapshot: Snapshot, *, summary: bool = False) -> Iterator[Row]:
    """The ledger, key by key."""
    names = currencies(snapshot.account)
    for key, value in _LEDGER.items():
        if key in _SUMMARY_ONLY and not summary:
            continue
        for currency in names:
            yield Row(key, value(snapshot, currency), currency)


def account_rows(snapshot: Snapshot) -> list[Row]:
    """All rows of an account update, in IB's order."""
    base = snapshot.account.currency
    rows = [Row(key, value(snapshot), base) for key, value in _MONEY.items()]
    rows += [Row(key, value(snapshot), "") for key, value in _PLAIN.items()]
    rows += ledger_rows(snapshot)
    return sorted(rows, key=lambda row: row.key)


def summary_rows(snapshot: Snapshot, tags: Iterable[str]) -> list[tuple[str, Row]]:
    """The rows of an account summary without its ledger: ``(account, row)``, alphabetically.

    Args:
        snapshot: The account's figures.
        tags: The tags asked for. Unknown ones give no row.
    """
    name, base = snapshot.account.name, snapshot.account.currency
    rows: list[tuple[str, Row]] = []
    for tag in sorted({tag.strip() for tag in tags}):
        if tag in _SUMMARY_PLAIN:
            rows.append((name, Row(tag, _SUMMARY_PLAIN[tag](snapshot), "")))
        elif tag in _SUMMARY or tag in _MONEY:
            value = (_SUMMARY.get(tag) or _MONEY[tag])(snapshot)
            rows.append((name, Row(tag, value, base)))
    return rows


def summary_ledger(
    snapshots: Sequence[Snapshot], rates: Sequence[Decimal], tags: Iterable[str]
) -> list[Row]:
    """The ledger of an account summary: one for all its accounts, currency by currency.

    Args:
        snapshots: The accounts' figures; the first one's base currency is the ledger's.
        rates: That currency for one unit of each account's base currency.
        tags: The tags asked for: ``$LEDGER`` (the base), ``$LEDGER:CUR`` (one currency) and
            ``$LEDGER:ALL`` count.
    """
    wanted = {
        tag.strip().partition(":")[2] or BASE for tag in tags if tag.strip().startswith(LEDGER)
    }
    if not wanted:
        return []
    sums: dict[tuple[str, str], str] = {}
    for snapshot, rate in zip(snapshots, rates, strict=True):
        for key, value, currency in ledger_rows(snapshot, summary=True):
            place = (key, currency)
            mine = _in_base(value, rate) if currency == BASE and key not in _UNSUMMED else value
            if key == "ExchangeRate":  # into the ledger's base, not the account's
                mine = _ledger_rate(snapshots[0], currency)
            if place not in sums:
                sums[place] = mine
            elif key not in _UNSUMMED:
                sums[place] = f"{Decimal(sums[place]) + Decimal(mine):f}"
    order = {currency: n for n, currency in enumerate(sorted({place[1] for place in sums}))}
    keys = {key: n for n, key in enumerate(_LEDGER)}
    return [
        Row(key, "All" if key == "AccountOrGroup" else value, currency)
        for (key, currency), value in sorted(
            sums.items(), key=lambda item: (order[item[0][1]], keys[item[0][0]])
        )
        if "ALL" in wanted or currency in wanted
    ]


def _in_base(value: str, rate: Decimal) -> str:
    amount = Decimal(value)
    return value if rate == 1 else f"{(amount * rate).quantize(amount):f}"


def position_contract(position: Position) -> Any:
    """A position's contract: a share's exchange is its primary one, other kinds show none.

    So it is in every recorded ``position`` of a share, a currency pair and a future.
    """
    return position.instrument.contract(exchange=position.instrument.primary_exchange)


def portfolio_value(account: Account, position: Position, marks: Marks) -> PortfolioValue:
    """An updatePortfolio message of one position; a flat one shows zeros."""
    mark = account.mark(position, marks)
    value = position.quantity * mark
    instrument = position.instrument
    listed = instrument.primary_exchange or instrument.exchange
    return PortfolioValue(
        contract=instrument.contract(exchange=listed),
        position=plain(position.quantity),
        marketPrice=float(mark / position.unit),
        marketValue=float(round(value, 2)),
        averageCost=float(round(position.average_cost, 8)),
        unrealizedPNL=float(round(account.unrealized(position, marks), 2)),
        realizedPNL=float(round(position.realized_today, 2)),
        accountName=account.name,
    )


def clock_text(now: datetime) -> str:
    """An account's time stamp, as updateAccountTime has it."""
    return f"{now:%H:%M}"
