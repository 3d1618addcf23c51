"""The paper market's instruments: what a contract description finds, and IB's details of it.

An `Instrument` is everything that a contractDetails answer tells, plus what the synthetic market
starts from. A `Catalogue` finds instruments the way IB does: by contract id, or by the fields that
are given; fields left empty fit everything, several fits mean that the description is ambiguous,
none means IB's error 200. Expiries of futures follow from the date that the catalogue is made for.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

import attrs
from ibapi.protobuf.Contract_pb2 import Contract
from ibapi.protobuf.ContractDetails_pb2 import ContractDetails

from . import hours
from .listings import CURRENCIES, ETFS, FUTURES, STOCKS, CurrencyLine, FutureLine, StockLine

__all__ = [
    "MARKET_RULES",
    "VENUES",
    "Catalogue",
    "Instrument",
    "currency_instrument",
    "generated_con_id",
    "stock_instrument",
]

#: Venue letters (of the consolidated tape, as replay files have them) -> IB's exchange names.
VENUES: Mapping[str, str] = MappingProxyType(
    {
        "A": "AMEX",
        "B": "BEX",
        "C": "NYSENAT",
        "D": "FINRA",
        "J": "EDGEA",
        "K": "DRCTEDGE",
        "M": "CHX",
        "N": "NYSE",
        "P": "ARCA",
        "Q": "NASDAQ",
        "U": "MEMX",
        "V": "IEX",
        "W": "CBOE",
        "X": "PSX",
        "Y": "BYX",
        "Z": "BATS",
    }
)
#: Market rule id -> (low edge of the price range, increment), for reqMarketRule.
MARKET_RULES: Mapping[int, tuple[tuple[Decimal, Decimal], ...]] = MappingProxyType(
    {
        26: ((Decimal(0), Decimal("0.01")),),
        67: ((Decimal(0), Decimal("0.25")),),
        3188: ((Decimal(0), Decimal("0.00005")),),
        3189: ((Decimal(0), Decimal("0.005")),),
    }
)
STOCK_RULE = 26
STOCK_EXCHANGES = (
    *("SMART", "AMEX", "NYSE", "CBOE", "PHLX", "ISE", "CHX", "ARCA", "NASDAQ", "DRCTEDGE"),
    *("BEX", "BATS", "EDGEA", "BYX", "IEX", "PEARL", "NYSENAT", "LTSE", "MEMX", "PSX"),
)
# Names as matching_engine.md 2 lists them; what is missing here is refused with IB's 387.
BASE_TYPES = (
    "COND,DAY,GTC,GTD,GTT,HID,IOC,LIT,LMT,MIT,MKT,OCA,REL,STP,STPLMT,"
    "TRAIL,TRAILLIT,TRAILLMT,TRAILMIT,WHATIF"
)
STOCK_TYPES = BASE_TYPES + (
    ",AON,ICE,IMB,LOC,MIDPX,MOC,MTL,OPG,PEGBENCH,PEGMID,POSTATS,REL2MID,"
    "SNAPMID,SNAPMKT,SNAPREL,SWEEP"
)
FUTURE_TYPES = BASE_TYPES + ",ICE,MTL,SNAPMID,SNAPMKT,SNAPREL"
MONTH_LETTERS = "FGHJKMNQUVXZ"
#: Generated contract ids start here: above every id that IB has given so far.
GENERATED_IDS = 1_500_000_000
EXPIRIES = 4


def generated_con_id(key: str) -> int:
    """A contract id that never changes for the same text, in a range of its own."""
    return GENERATED_IDS + zlib.crc32(key.encode()) % 500_000_000


@attrs.frozen(kw_only=True)
class Instrument:
    """One thing that trades.

    Attributes:
        con_id: IB's contract id.
        symbol: Symbol; of a currency pair the base currency.
        sec_type: STK, CASH or FUT.
        exchange: Where orders are routed unless the contract says otherwise.
        primary_exchange: The listing exchange of a stock.
        currency: What prices are in.
        local_symbol: The exchange's name of it.
        trading_class: IB's trading class.
        multiplier: Of a future, else "".
        last_trade_date: YYYYMMDD of a future, else "".
        strike: Always 0: no options are listed.
        right: Always "".
        min_tick: Smallest price step.
        min_size: Smallest size of an order.
        size_increment: Step of sizes.
        suggested_size_increment: Step that IB suggests.
        long_name: The company's or currency's name.
        market_name: IB's marketName.
        valid_exchanges: Where orders may be routed, in IB's order.
        order_types: Comma separated, as IB tells them.
        market_rule: The market rule of all valid exchanges.
        stock_type: COMMON or ETF, else "".
        industry: IB's industry.
        category: IB's category.
        subcategory: IB's subcategory.
        contract_month: YYYYMM of a future.
        under_con_id: The future's underlying.
        under_symbol: Its symbol.
        agg_group: IB's aggregated group.
        bbo_exchange: IB's code for the venues behind bid and offer, "" without.
        hours: When it trades.
        reference_price: What a synthetic market starts from.
        lot: A round lot.
        daily_volume: Usual volume of a day, in shares or contracts.
    """

    con_id: int
    symbol: str
    sec_type: str
    exchange: str = "SMART"
    primary_exchange: str = ""
    currency: str = "USD"
    local_symbol: str
    trading_class: str
    multiplier: str = ""
    last_trade_date: str = ""
    strike: float = 0.0
    right: str = ""
    min_tick: Decimal = Decimal("0.01")
    min_size: Decimal = Decimal(1)
    size_increment: Decimal = Decimal(1)
    suggested_size_increment: Decimal = Decimal(1)
    long_name: str = ""
    market_name: str = ""
    valid_exchanges: tuple[str, ...] = ("SMART",)
    order_types: str = BASE_TYPES
    market_rule: int = STOCK_RULE
    stock_type: str = ""
    industry: str = ""
    category: str = ""
    subcategory: str = ""
    contract_month: str = ""
    under_con_id: int = 0
    under_symbol: str = ""
    agg_group: int = 0
    bbo_exchange: str = ""
    hours: hours.Hours = hours.EQUITY
    reference_price: float = 100.0
    lot: int = 100
    daily_volume: int = 0

    @property
    def time_zone(self) -> str:
        """IB's name of the zone that its hours are in."""
        return self.hours.time_zone

    @property
    def quote_driven(self) -> bool:
        """Whether it has quotes but no trades (currency pairs)."""
        return self.sec_type == "CASH"

    @property
    def market_rule_ids(self) -> str:
        """IB's marketRuleIds: one for each valid exchange, in their order."""
        return ",".join([str(self.market_rule)] * len(self.valid_exchanges))

    @property
    def price_digits(self) -> int:
        """Digits after the point that its minimum tick has."""
        exponent = self.min_tick.as_tuple().exponent
        return max(0, -exponent) if isinstance(exponent, int) else 0

    def contract(self, exchange: str | None = None) -> Contract:
        """Its contract as a protobuf message.

        Args:
            exchange: The exchange to show; its own unless given.
        """
        contract = Contract(
            conId=self.con_id,
            symbol=self.symbol,
            secType=self.sec_type,
            strike=self.strike,
            exchange=self.exchange if exchange is None else exchange,
            primaryExch=self.primary_exchange,
            currency=self.currency,
            localSymbol=self.local_symbol,
            tradingClass=self.trading_class,
        )
        if self.multiplier:
            contract.multiplier = float(self.multiplier)
        # Strict protobuf readers take an absent right, or "C" or "P", and no empty one.
        if self.right:
            contract.right = self.right
        if self.last_trade_date:
            contract.lastTradeDateOrContractMonth = self.last_trade_date
            contract.lastTradeDate = self.last_trade_date
        return contract

    def details(self, now: datetime) -> ContractDetails:
        """What a contractDetails answer says beyond the contract.

        Args:
            now: The hours strings begin with this day.
        """
        return ContractDetails(
            marketName=self.market_name or self.trading_class,
            minTick=str(self.min_tick),
            orderTypes=self.order_types,
            validExchanges=",".join(self.valid_exchanges),
            priceMagnifier=1,
            underConId=self.under_con_id,
            longName=self.long_name,
            contractMonth=self.contract_month,
            industry=self.industry,
            category=self.category,
            subcategory=self.subcategory,
            timeZoneId=self.time_zone,
            tradingHours=self.hours.text(now),
            liquidHours=self.hours.text(now, liquid=True),
            evRule="",
            evMultiplier=0.0,
            aggGroup=self.agg_group,
            underSymbol=self.under_symbol,
            underSecType="IND" if self.under_symbol else "",
            marketRuleIds=self.market_rule_ids,
            realExpirationDate=self.last_trade_date,
            stockType=self.stock_type,
            minSize=str(self.min_size),
            sizeIncrement=str(self.size_increment),
            suggestedSizeIncrement=str(self.suggested_size_increment),
        )

    def is_open(self, now: datetime, *, liquid: bool = True) -> bool:
        """Whether it trades now: in regular hours, or at all with ``liquid=False``."""
        return self.hours.is_open(now, liquid=liquid)

    def fits(self, wanted: Contract) -> bool:
        """Whether a description fits, contract id aside; empty fields fit everything."""
        expiry = wanted.lastTradeDateOrContractMonth.split(" ")[0].split("-")[0]
        return (
            _same(wanted.symbol, self.symbol)
            and _same(wanted.secType, self.sec_type)
            and _same(wanted.currency, self.currency)
            and _same(wanted.localSymbol, self.local_symbol)
            and _same(wanted.tradingClass, self.trading_class)
            and (
                not expiry
                or self.last_trade_date.startswith(expiry)
                or expiry == self.contract_month
            )
            and (not wanted.multiplier or f"{wanted.multiplier:g}" == self.multiplier)
            and not wanted.strike
            and wanted.right in {"", "0", "?"}
            and self._trades_at(wanted.exchange)
            and _same(wanted.primaryExch.partition(".")[0], self.primary_exchange)
        )

    def _trades_at(self, exchange: str) -> bool:
        wanted = "NASDAQ" if exchange == "ISLAND" else exchange.partition(".")[0]
        return not wanted or wanted in self.valid_exchanges


def _same(wanted: str, own: str) -> bool:
    return not wanted or wanted == own or wanted.upper() == own


class Catalogue:
    """All instruments of a paper market.

    Args:
        instruments: The instruments, in the order in which they are told.

    Raises:
        ValueError: Two instruments have one contract id.
    """

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self._by_id: dict[int, Instrument] = {}
        self._by_symbol: dict[str, list[Instrument]] = {}
        for instrument in instruments:
            if instrument.con_id in self._by_id:
                msg = f"contract id {instrument.con_id} stands twice in the catalogue"
                raise ValueError(msg)
            self._by_id[instrument.con_id] = instrument
            self._by_symbol.setdefault(instrument.symbol, []).append(instrument)

    @classmethod
    def standard(cls, today: date) -> Catalogue:
        """Everything that is listed, with the futures that have not expired on that day."""
        lines = [stock_instrument(line) for line in STOCKS]
        lines += [stock_instrument(line, etf=True) for line in ETFS]
        lines += [currency_instrument(line) for line in CURRENCIES]
        for future in FUTURES:
            lines += [_future(future, expiry) for expiry in _expiries(today)]
        return cls(lines)

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self._by_id.values())

    def __contains__(self, con_id: object) -> bool:
        return con_id in self._by_id

    def all(self) -> tuple[Instrument, ...]:
        """Every instrument."""
        return tuple(self._by_id.values())

    def by_con_id(self, con_id: int) -> Instrument | None:
        """The instrument of a contract id, or None."""
        return self._by_id.get(con_id)

    def by_symbol(self, symbol: str) -> Instrument | None:
        """The instrument that people call so: ``AAPL``, ``EUR.USD``, or a local symbol."""
        for instrument in self:
            if symbol == instrument.local_symbol:
                return instrument
        found = self._by_symbol.get(symbol, [])
        return found[0] if len(found) == 1 else None

    def find(self, wanted: Contract) -> list[Instrument]:
        """What fits a contract description (the protobuf message of a request).

        A contract id decides alone, save for the exchange, which must trade it. Without one, the
        description needs a symbol or a local symbol.
        """
        if wanted.conId:
            instrument = self._by_id.get(wanted.conId)
            only = Contract(exchange=wanted.exchange)
            return [instrument] if instrument is not None and instrument.fits(only) else []
        if wanted.symbol:
            names = {wanted.symbol, wanted.symbol.upper()}
            candidates = [one for name in sorted(names) for one in self._by_symbol.get(name, [])]
        elif wanted.localSymbol:
            candidates = list(self)
        else:
            return []
        return [one for one in candidates if one.fits(wanted)]

    def with_instruments(self, more: Iterable[Instrument]) -> Catalogue:
        """A catalogue that lists more; of a contract id listed twice the new one counts."""
        merged = dict(self._by_id)
        merged.update((one.con_id, one) for one in more)
        return Catalogue(merged.values())


def stock_instrument(line: StockLine, *, etf: bool = False) -> Instrument:
    """A US stock or fund from its line; a contract id of 0 is generated."""
    nasdaq = line.primary == "NASDAQ"
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
        reference_price=line.price,
        daily_volume=int(line.volume * 1_000_000),
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
    )


def _expiries(today: date) -> list[date]:
    """The next quarterly expiries: third Fridays of March, June, September, December."""
    found: list[date] = []
    year, month = today.year, 3
    while len(found) < EXPIRIES:
        first = date(year, month, 1)
        expiry = first + timedelta(days=(4 - first.weekday()) % 7 + 14)
        if expiry >= today:
            found.append(expiry)
        year, month = (year, month + 3) if month < 12 else (year + 1, 3)
    return found


def _future(line: FutureLine, expiry: date) -> Instrument:
    local = f"{line.symbol}{MONTH_LETTERS[expiry.month - 1]}{expiry.year % 10}"
    return Instrument(
        con_id=generated_con_id(f"FUT {line.symbol} {expiry:%Y%m%d}"),
        symbol=line.symbol,
        sec_type="FUT",
        exchange=line.exchange,
        local_symbol=local,
        trading_class=line.symbol,
        multiplier=line.multiplier,
        last_trade_date=f"{expiry:%Y%m%d}",
        min_tick=Decimal(line.tick),
        long_name=line.name,
        market_name=line.symbol,
        valid_exchanges=(line.exchange,),
        order_types=FUTURE_TYPES,
        market_rule=line.rule,
        contract_month=f"{expiry:%Y%m}",
        under_con_id=line.underlying,
        under_symbol=line.symbol,
        agg_group=2147483647,
        hours=hours.INDEX_FUTURE,
        reference_price=line.price,
        lot=1,
        daily_volume=int(line.volume * 1_000_000),
    )
