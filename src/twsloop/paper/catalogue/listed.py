"""Makes instruments of the lines in `listings`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from types import MappingProxyType

import attrs

from twsloop.paper.clock import hours
from twsloop.paper.clock.hours import Hours

from .calendar_rules import MONTH_LETTERS, future_expiries
from .instrument import BASE_TYPES, Instrument, generated_con_id
from .listings import (
    DEFAULT_TEMPER,
    ISINS,
    TEMPERS,
    BondLine,
    CryptoLine,
    CurrencyLine,
    FutureLine,
    IndexLine,
    StockLine,
)

__all__ = [
    "HOURS",
    "bond_instrument",
    "continuous",
    "crypto_instrument",
    "currency_instrument",
    "expired_futures",
    "futures",
    "index_instrument",
    "stock_instrument",
]

STOCK_EXCHANGES = (
    *("SMART", "AMEX", "NYSE", "CBOE", "PHLX", "ISE", "CHX", "ARCA", "NASDAQ", "DRCTEDGE"),
    *("BEX", "BATS", "EDGEA", "BYX", "IEX", "PEARL", "NYSENAT", "LTSE", "MEMX", "PSX"),
)
STOCK_TYPES = BASE_TYPES + (
    ",AON,ICE,IMB,LOC,MIDPX,MOC,MTL,OPG,PEGBENCH,PEGMID,POSTATS,REL2MID,"
    "SNAPMID,SNAPMKT,SNAPREL,SWEEP"
)
FUTURE_TYPES = BASE_TYPES + ",ICE,MTL,SNAPMID,SNAPMKT,SNAPREL"
BOND_TYPES = "AON,DAY,GTC,GTD,GTT,HID,IOC,LMT,MKT,OCA,STP,TRAIL,WHATIF"
#: How many expiries of a future are listed; and how many past ones ``includeExpired`` finds.
EXPIRIES, PAST_EXPIRIES = 4, 8
#: The trading hours that `listings.FutureLine` names.
HOURS: Mapping[str, Hours] = MappingProxyType(
    {
        "index": hours.INDEX_FUTURE,
        "metal": Hours(
            time_zone="US/Eastern",
            trading=(time(18), time(17)),
            liquid=(time(9, 30), time(17)),
            rollover=time(18),
        ),
        "rates": Hours(
            time_zone="US/Central",
            trading=(time(17), time(16)),
            liquid=(time(7, 20), time(16)),
            rollover=time(17),
        ),
    }
)
INDEX_HOURS = Hours(
    time_zone="US/Eastern",
    trading=(time(9, 30), time(16, 15)),
    liquid=(time(9, 30), time(16)),
    rollover=time(0),
    us_holidays=True,
)
CUSIP = slice(2, 11)


def _identifiers(isin: str | None) -> tuple[tuple[str, str], ...]:
    return (("ISIN", isin), ("CUSIP", isin[CUSIP])) if isin else ()


def stock_instrument(line: StockLine, *, etf: bool = False) -> Instrument:
    """A US stock or fund from its line; a contract id of 0 is generated."""
    nasdaq = line.primary == "NASDAQ"
    temper = TEMPERS.get(line.symbol, DEFAULT_TEMPER)
    return Instrument(
        con_id=line.con_id or generated_con_id(f"STK {line.symbol}"),
        symbol=line.symbol,
        sec_type="STK",
        primary_exchange=line.primary,
        local_symbol=line.symbol,
        trading_class="NMS" if nasdaq else line.symbol.replace(" ", ""),
        min_size=Decimal("0.0001"),
        size_increment=Decimal("0.0001"),
        suggested_size_increment=Decimal(40 if line.price >= 250 else 100),
        long_name=line.name,
        valid_exchanges=STOCK_EXCHANGES,
        order_types=STOCK_TYPES,
        stock_type="ETF" if etf else "COMMON",
        industry=line.industry,
        category=line.category,
        subcategory=line.subcategory,
        agg_group=1,
        bbo_exchange="9c0001" if nasdaq else "a60001",
        sec_ids=_identifiers(ISINS.get(line.symbol)),
        reference_price=line.price,
        daily_volume=int(line.volume * 1_000_000),
        volatility=temper.volatility,
        dividend_yield=temper.dividends,
    )


def currency_instrument(line: CurrencyLine) -> Instrument:
    """A currency pair from its line; a contract id of 0 is generated."""
    pair = f"{line.base}.{line.quote}"
    return Instrument(
        con_id=line.con_id or generated_con_id(f"CASH {pair}"),
        symbol=line.base,
        sec_type="CASH",
        exchange="IDEALPRO",
        currency=line.quote,
        local_symbol=pair,
        trading_class=pair,
        min_tick=Decimal(line.tick),
        min_size=Decimal("0.01"),
        size_increment=Decimal("0.01"),
        suggested_size_increment=Decimal("0.01"),
        long_name=line.name,
        valid_exchanges=("IDEALPRO",),
        order_types=BASE_TYPES,
        market_rule=line.rule,
        agg_group=4,
        hours=hours.CURRENCY,
        reference_price=line.price,
        lot=100_000,
        volatility=0.08,
    )


def crypto_instrument(line: CryptoLine) -> Instrument:
    """A crypto currency from its line."""
    step = Decimal("0.00000001")
    return Instrument(
        con_id=line.con_id,
        symbol=line.symbol,
        sec_type="CRYPTO",
        exchange="PAXOS",
        local_symbol=f"{line.symbol}.USD",
        trading_class=line.symbol,
        min_tick=Decimal(line.tick),
        min_size=step,
        size_increment=step,
        suggested_size_increment=step,
        long_name=line.name,
        valid_exchanges=("PAXOS",),
        order_types=BASE_TYPES,
        market_rule=line.rule,
        agg_group=6,
        hours=hours.CURRENCY,
        reference_price=line.price,
        lot=1,
        daily_volume=5_000,
        volatility=0.5,
    )


def index_instrument(line: IndexLine) -> Instrument:
    """An index from its line: a level, and nothing that could be ordered."""
    temper = TEMPERS.get(line.symbol, DEFAULT_TEMPER)
    return Instrument(
        con_id=line.con_id,
        symbol=line.symbol,
        sec_type="IND",
        exchange=line.exchange,
        local_symbol=line.symbol,
        trading_class=line.symbol,
        long_name=line.name,
        valid_exchanges=(line.exchange,),
        order_types="",
        market_rule=26,
        hours=INDEX_HOURS,
        reference_price=line.level,
        lot=1,
        volatility=temper.volatility,
        dividend_yield=temper.dividends,
    )


def bond_instrument(line: BondLine) -> Instrument:
    """A bond from its line."""
    return Instrument(
        con_id=line.con_id,
        symbol=line.symbol,
        sec_type="BOND",
        local_symbol=f"IBCID{line.con_id}",
        trading_class=line.symbol,
        last_trade_date=line.maturity,
        min_tick=Decimal("0.0001"),
        long_name=line.name,
        market_rule=1388,
        order_types=BOND_TYPES,
        contract_month=line.maturity[:6],
        industry=line.industry,
        category=line.category,
        subcategory=line.subcategory,
        sec_ids=_identifiers(line.isin),
        agg_group=7,
        hours=INDEX_HOURS,
        lot=1,
    )


def futures(line: FutureLine, today: date) -> list[Instrument]:
    """The contracts of a future that still trade on a day, the next one first."""
    return [
        _future(line, month, expiry)
        for month, expiry in future_expiries(line.expiry, line.months, today, EXPIRIES)
    ]


def expired_futures(line: FutureLine, today: date) -> list[Instrument]:
    """Those of the two years before."""
    since = today - timedelta(days=2 * 365)
    past = future_expiries(line.expiry, line.months, since, 2 * len(line.months) + 1)
    return [_future(line, month, expiry) for month, expiry in past if expiry < today]


def continuous(future: Instrument) -> Instrument:
    """The continuous future that a lead contract stands for: history and details, no orders."""
    return attrs.evolve(future, sec_type="CONTFUT", order_types="")


def _future(line: FutureLine, month: str, expiry: date) -> Instrument:
    trading_class = line.trading_class or line.symbol
    letter = MONTH_LETTERS[int(month[4:]) - 1]
    return Instrument(
        con_id=generated_con_id(f"FUT {trading_class} {expiry:%Y%m%d}"),
        symbol=line.symbol,
        sec_type="FUT",
        exchange=line.exchange,
        local_symbol=f"{trading_class}{letter}{month[3]}",
        trading_class=trading_class,
        multiplier=line.multiplier,
        last_trade_date=f"{expiry:%Y%m%d}",
        last_trade_time=line.last_time,
        min_tick=Decimal(line.tick),
        long_name=line.name,
        market_name=trading_class,
        valid_exchanges=(line.exchange,),
        order_types=FUTURE_TYPES,
        market_rule=line.rule,
        contract_month=month,
        under_con_id=line.underlying,
        under_symbol=line.symbol,
        agg_group=2147483647,
        hours=HOURS[line.hours],
        reference_price=line.price,
        lot=1,
        daily_volume=int(line.volume * 1_000_000),
    )
