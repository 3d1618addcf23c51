"""One thing that trades, or that prices are told of: what IB says about it, and what describes it.

`Instrument.fits` is IB's reading of a contract description: fields left empty fit everything.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

import attrs
from ibapi.protobuf.Contract_pb2 import Contract
from ibapi.protobuf.ContractDetails_pb2 import ContractDetails

from twsloop.paper.clock import hours

__all__ = ["VENUES", "Instrument", "generated_con_id", "right_of", "wanted_expiry"]

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
STOCK_RULE = 26
#: What every contract lists; names as `matching_engine.md` 2 has them. What is missing in an
#: instrument's list is refused with IB's 387.
BASE_TYPES = (
    "COND,DAY,GTC,GTD,GTT,HID,IOC,LIT,LMT,MIT,MKT,OCA,REL,STP,STPLMT,"
    "TRAIL,TRAILLIT,TRAILLMT,TRAILMIT,WHATIF"
)
#: Generated contract ids start here: above every id that IB has given so far.
GENERATED_IDS = 1_500_000_000
RIGHTS: Mapping[str, str] = MappingProxyType(
    {"C": "C", "CALL": "C", "P": "P", "PUT": "P", "": "", "0": "", "?": ""}
)
MONTH_DIGITS, DAY_DIGITS = 6, 8
STRIKE_ERROR = 1e-6


def generated_con_id(key: str) -> int:
    """A contract id that never changes for the same text, in a range of its own."""
    return GENERATED_IDS + zlib.crc32(key.encode()) % 500_000_000


def right_of(text: str) -> str | None:
    """``C``, ``P``, or "" where none is given; None for a word that is no right."""
    return RIGHTS.get(text.strip().upper())


def wanted_expiry(wanted: Contract) -> str | None:
    """The expiry of a description: "", YYYYMM or YYYYMMDD; None for what is neither.

    IB also takes what it tells itself: ``20261218 08:30:00 US/Central``, or with hyphens.
    """
    text: str = wanted.lastTradeDateOrContractMonth.strip()
    expiry = text.split(" ", maxsplit=1)[0]
    head, hyphen, _ = expiry.partition("-")
    if hyphen and len(head) == DAY_DIGITS:
        expiry = head
    if not expiry or (expiry.isdecimal() and len(expiry) in {MONTH_DIGITS, DAY_DIGITS}):
        return expiry
    return None


@attrs.frozen(kw_only=True)
class Instrument:
    """One thing that trades.

    Attributes:
        con_id: IB's contract id.
        symbol: Symbol; of a currency pair the base currency, of an option the underlying's.
        sec_type: STK, CASH, FUT, CONTFUT, IND, OPT, CRYPTO or BOND.
        exchange: Where orders are routed unless the contract says otherwise.
        primary_exchange: The listing exchange of a stock.
        currency: What prices are in.
        local_symbol: The exchange's name of it.
        trading_class: IB's trading class.
        multiplier: Of a future or an option, else "".
        last_trade_date: YYYYMMDD of a future or an option, else "".
        last_trade_time: HH:MM:SS of that day, in its time zone, "" where unknown.
        expires: YYYYMMDD on which it is settled, where that is after the last day of trading.
        strike: Of an option, else 0.
        right: ``C`` or ``P`` of an option, else "".
        american: An option that may be exercised before it expires.
        min_tick: Smallest price step.
        min_size: Smallest size of an order.
        size_increment: Step of sizes.
        suggested_size_increment: Step that IB suggests.
        long_name: The company's or currency's name.
        market_name: IB's marketName.
        valid_exchanges: Where orders may be routed, in IB's order.
        order_types: Comma separated, as IB tells them.
        market_rule: The market rule of all valid exchanges, unless `market_rules` tells them apart.
        market_rules: The market rule of each valid exchange, or nothing.
        stock_type: COMMON or ETF, else "".
        industry: IB's industry.
        category: IB's category.
        subcategory: IB's subcategory.
        contract_month: YYYYMM of a future or an option.
        under_con_id: The underlying.
        under_symbol: Its symbol.
        under_sec_type: Its security type.
        sec_ids: Other identifiers: (``ISIN``, the number).
        agg_group: IB's aggregated group.
        bbo_exchange: IB's code for the venues behind bid and offer, "" without.
        hours: When it trades.
        reference_price: What a synthetic market starts from.
        lot: A round lot.
        daily_volume: Usual volume of a day, in shares or contracts.
        volatility: Yearly volatility that its options trade at (0.25 is 25 %).
        dividend_yield: Dividends a year as a part of the price.
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
    last_trade_time: str = ""
    expires: str = ""
    strike: float = 0.0
    right: str = ""
    american: bool = False
    min_tick: Decimal = Decimal("0.01")
    min_size: Decimal = Decimal(1)
    size_increment: Decimal = Decimal(1)
    suggested_size_increment: Decimal = Decimal(1)
    long_name: str = ""
    market_name: str = ""
    valid_exchanges: tuple[str, ...] = ("SMART",)
    order_types: str = BASE_TYPES
    market_rule: int = STOCK_RULE
    market_rules: tuple[int, ...] = ()
    stock_type: str = ""
    industry: str = ""
    category: str = ""
    subcategory: str = ""
    contract_month: str = ""
    under_con_id: int = 0
    under_symbol: str = ""
    under_sec_type: str = ""
    sec_ids: tuple[tuple[str, str], ...] = ()
    agg_group: int = 0
    bbo_exchange: str = ""
    hours: hours.Hours = hours.EQUITY
    reference_price: float = 100.0
    lot: int = 100
    daily_volume: int = 0
    volatility: float = 0.3
    dividend_yield: float = 0.0

    @property
    def time_zone(self) -> str:
        """IB's name of the zone that its hours are in."""
        return self.hours.time_zone

    @property
    def quote_driven(self) -> bool:
        """Whether it has quotes but no trades (currency pairs)."""
        return self.sec_type == "CASH"

    @property
    def is_option(self) -> bool:
        """Whether it has a strike and a right."""
        return self.sec_type == "OPT"

    @property
    def can_be_traded(self) -> bool:
        """Whether there are orders for it: not for an index or a continuous future."""
        return bool(self.order_types)

    @property
    def market_rule_ids(self) -> str:
        """IB's marketRuleIds: one for each valid exchange, in their order."""
        rules = self.market_rules or (self.market_rule,) * len(self.valid_exchanges)
        return ",".join(map(str, rules))

    def rule_at(self, exchange: str) -> int:
        """The market rule of one of its exchanges; of its first one for any other."""
        if self.market_rules and exchange in self.valid_exchanges:
            return self.market_rules[self.valid_exchanges.index(exchange)]
        return self.market_rules[0] if self.market_rules else self.market_rule

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

    def detailed_contract(self, exchange: str | None = None) -> Contract:
        """Its contract as a contractDetails answer has it: with the time of the last trade."""
        contract = self.contract(exchange)
        if self.sec_type == "BOND":
            for name in ("symbol", "currency", "lastTradeDate", "lastTradeDateOrContractMonth"):
                contract.ClearField(name)
        if self.last_trade_time:
            # Clients split it into the date, the time and the zone.
            contract.lastTradeDateOrContractMonth = (
                f"{self.last_trade_date} {self.last_trade_time} {self.time_zone}"
            )
        return contract

    def details(self, now: datetime) -> ContractDetails:
        """What a contractDetails answer says beyond the contract.

        Args:
            now: The hours strings begin with this day.
        """
        details = ContractDetails(
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
            underSecType=self.under_sec_type or ("IND" if self.under_symbol else ""),
            marketRuleIds=self.market_rule_ids,
            realExpirationDate=self.expires or self.last_trade_date,
            stockType=self.stock_type,
            minSize=str(self.min_size),
            sizeIncrement=str(self.size_increment),
            suggestedSizeIncrement=str(self.suggested_size_increment),
            secIdList=dict(self.sec_ids),
        )
        if self.sec_type == "BOND":
            self._bond(details)
        return details

    def _bond(self, details: ContractDetails) -> None:
        """As Gateway 10.40 tells a bond: the description says it all, the numbers are 0."""
        details.cusip = self.local_symbol
        details.descAppend = self.long_name
        details.coupon = 0.0
        details.issueDate = details.bondType = details.couponType = details.ratings = ""
        details.nextOptionDate = details.nextOptionType = details.bondNotes = ""
        details.callable = details.puttable = details.convertible = False
        details.nextOptionPartial = False

    def is_open(self, now: datetime, *, liquid: bool = True) -> bool:
        """Whether it trades now: in regular hours, or at all with ``liquid=False``."""
        return self.hours.is_open(now, liquid=liquid)

    def fits(self, wanted: Contract) -> bool:
        """Whether a description fits, contract id aside; empty fields fit everything."""
        expiry = wanted_expiry(wanted)
        right = right_of(wanted.right)
        return (
            _same(wanted.symbol, self.symbol)
            and _same(wanted.secType, self.sec_type)
            and _same(wanted.currency, self.currency)
            and _same(wanted.localSymbol, self.local_symbol)
            and _same(wanted.tradingClass, self.trading_class)
            and expiry is not None
            and (not expiry or expiry in {self.last_trade_date, self.contract_month})
            and (not wanted.multiplier or f"{wanted.multiplier:g}" == self.multiplier)
            and (not wanted.strike or abs(wanted.strike - self.strike) < STRIKE_ERROR)
            and right is not None
            and (not right or right == self.right)
            and self._trades_at(wanted.exchange)
            and _same(wanted.primaryExch.partition(".")[0], self.primary_exchange)
            and self._has_id(wanted)
        )

    def _trades_at(self, exchange: str) -> bool:
        exchange = exchange.upper()
        wanted = "NASDAQ" if exchange == "ISLAND" else exchange.partition(".")[0]
        return not wanted or wanted in self.valid_exchanges

    def _has_id(self, wanted: Contract) -> bool:
        tag = wanted.secIdType.upper()
        return not (wanted.secId and tag) or (tag, wanted.secId.upper()) in self.sec_ids

    def conflict(self, wanted: Contract) -> str | None:
        """What of a description contradicts its contract id, in the words of error 478."""
        expiry = wanted_expiry(wanted)
        pairs = (
            ("symbol", wanted.symbol, self.symbol),
            ("ibLocalSymbol", wanted.localSymbol, self.local_symbol),
            ("trading class", wanted.tradingClass, self.trading_class),
            ("currency", wanted.currency, self.currency),
        )
        for name, said, own in pairs:
            if not _same(said, own):
                return f"requested {name} {said}, in contract {own};"
        if not _same(wanted.secType, self.sec_type):
            return f"requested sectype {wanted.secType}, in contract {self.sec_type};"
        if expiry is None or (expiry and expiry != self.last_trade_date):
            said = wanted.lastTradeDateOrContractMonth
            return f"requested expiry {said}, in contract {self.last_trade_date};"
        right = right_of(wanted.right)
        if right is None or (right and right != self.right):
            return f"requested right {wanted.right}, in contract {self.right};"
        if wanted.strike and abs(wanted.strike - self.strike) >= STRIKE_ERROR:
            return f"requested strike {wanted.strike:g}, in contract {self.strike:g};"
        return None


def _same(wanted: str, own: str) -> bool:
    return not wanted or wanted == own or wanted.strip().upper() == own.upper()
