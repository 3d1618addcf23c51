"""Market scans: which instruments, where, in which order, filtered how (pure).

Every number comes from the live books, so a scan agrees with what market data lines tell. Two facts
that a book does not have are made up from the catalogue, once for all: a share's market value is
its price times its usual daily volume divided by `TURNOVER`; its usual option volume is a hundredth
of its usual volume.

The tables (`SCANS`, `PLACES`, `FILTERS`) are also what reqScannerParameters lists
(`scanner_parameters`), so nothing is listed that does not work.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import attrs
from ibapi.protobuf.ScannerDataElement_pb2 import ScannerDataElement

from twsloop.paper.catalogue.instruments import Instrument

from .vocabulary import TopOfBook

__all__ = [
    "FILTERS",
    "MOST_ROWS",
    "PLACES",
    "SCANS",
    "Bound",
    "Filter",
    "Place",
    "Scan",
    "ScanError",
    "Scanner",
    "Seen",
    "scanner_of",
]

#: A scan has no more rows than this, as IB's.
MOST_ROWS = 50
#: The part of all shares that changes hands on a usual day.
TURNOVER = 0.004
OPTIONS_A_SHARE = 0.01
MILLION = 1e6
#: From here on a number of a request means "not set".
UNSET = 1e300


class ScanError(Exception):
    """A scan that the market data service refuses.

    Attributes:
        cause: What it says.
    """

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


@attrs.frozen
class Seen:
    """An instrument as a scan sees it.

    Attributes:
        instrument: The instrument.
        top: Its book.
        trades: How many trades it has had.
    """

    instrument: Instrument
    top: TopOfBook
    trades: int = 0

    @property
    def price(self) -> float | None:
        """The last price; of what has none, the middle of the quote."""
        top = self.top
        if top.last is not None:
            return top.last
        return None if top.bid is None or top.ask is None else (top.bid + top.ask) / 2

    @property
    def change(self) -> float | None:
        """Percent since the close before."""
        return _percent(self.price, self.top.close)

    @property
    def since_open(self) -> float | None:
        """Percent since the open."""
        return _percent(self.price, self.top.open)

    @property
    def gap(self) -> float | None:
        """Percent from the close before to the open."""
        return _percent(self.top.open, self.top.close)

    @property
    def volume(self) -> float:
        """Shares of this session."""
        return float(self.top.volume)

    @property
    def value_traded(self) -> float | None:
        """The session's volume at the price of now."""
        return None if self.price is None else self.volume * self.price

    @property
    def range(self) -> float | None:
        """Percent from the session's low to its high."""
        return _percent(self.top.high, self.top.low)

    @property
    def heat(self) -> float | None:
        """The session's volume in usual days."""
        usual = self.instrument.daily_volume
        return self.volume / usual if usual else None

    @property
    def market_value(self) -> float | None:
        """All shares at the price of now (made up, see the module)."""
        if self.price is None or not self.instrument.daily_volume:
            return None
        return self.price * self.instrument.daily_volume / TURNOVER


def _percent(now: float | None, before: float | None) -> float | None:
    return None if now is None or not before else 100.0 * (now / before - 1.0)


Number = Callable[[Seen], float | None]


@attrs.frozen
class Scan:
    """A scan code.

    Attributes:
        name: What TWS shows.
        number: What it orders by; instruments without it are left out.
        largest: Whether the largest come first.
    """

    name: str
    number: Number
    largest: bool = True


SCANS: Mapping[str, Scan] = MappingProxyType(
    {
        "TOP_PERC_GAIN": Scan("Top % Gainers", lambda one: one.change),
        "TOP_PERC_LOSE": Scan("Top % Losers", lambda one: one.change, largest=False),
        "MOST_ACTIVE": Scan("Most Active", lambda one: one.volume),
        "MOST_ACTIVE_USD": Scan("Most Active ($)", lambda one: one.value_traded),
        "HOT_BY_VOLUME": Scan("Hot Contracts by Volume", lambda one: one.heat),
        "HOT_BY_PRICE": Scan(
            "Hot Contracts by Price",
            lambda one: None if one.change is None else abs(one.change),
        ),
        "HOT_BY_PRICE_RANGE": Scan("Hot Contracts by Price Range", lambda one: one.range),
        "TOP_PRICE_RANGE": Scan("Top Price Range", lambda one: one.range),
        "TOP_TRADE_COUNT": Scan("Top Trade Count", lambda one: float(one.trades)),
        "TOP_OPEN_PERC_GAIN": Scan("Top % Gainers Since Open", lambda one: one.since_open),
        "TOP_OPEN_PERC_LOSE": Scan(
            "Top % Losers Since Open", lambda one: one.since_open, largest=False
        ),
        "HIGH_OPEN_GAP": Scan("Top Close-to-Open % Gainers", lambda one: one.gap),
        "LOW_OPEN_GAP": Scan("Top Close-to-Open % Losers", lambda one: one.gap, largest=False),
        "HALTED": Scan("Halted", lambda one: 1.0 if one.top.halted else None),
    }
)


@attrs.frozen
class Place:
    """A location code.

    Attributes:
        name: What TWS shows.
        kind: The instrument code that it belongs to.
        holds: Whether an instrument is there.
        parent: The location that it is a part of, "" of a country's.
    """

    name: str
    kind: str
    holds: Callable[[Instrument], bool]
    parent: str = ""


def _listed(*venues: str) -> Callable[[Instrument], bool]:
    return lambda one: one.sec_type == "STK" and one.primary_exchange in venues


def _is_stock(one: Instrument) -> bool:
    return one.sec_type == "STK"


def _is_fund(one: Instrument) -> bool:
    return one.sec_type == "STK" and one.stock_type == "ETF"


def _is_future(one: Instrument) -> bool:
    return one.sec_type == "FUT"


#: Instrument code -> what TWS shows.
KINDS: Mapping[str, str] = MappingProxyType(
    {"STK": "US Stocks", "ETF.EQ.US": "US Equity ETFs", "FUT.US": "US Futures"}
)
PLACES: Mapping[str, Place] = MappingProxyType(
    {
        "STK.US": Place("US Stocks", "STK", _is_stock),
        "STK.US.MAJOR": Place("Listed/NASDAQ", "STK", _is_stock, "STK.US"),
        "STK.NYSE": Place("NYSE", "STK", _listed("NYSE"), "STK.US.MAJOR"),
        "STK.AMEX": Place("AMEX", "STK", _listed("AMEX"), "STK.US.MAJOR"),
        "STK.ARCA": Place("ARCA", "STK", _listed("ARCA"), "STK.US.MAJOR"),
        "STK.NASDAQ": Place("NASDAQ", "STK", _listed("NASDAQ"), "STK.US.MAJOR"),
        "ETF.EQ.US": Place("US Equity ETFs", "ETF.EQ.US", _is_fund),
        "ETF.EQ.US.MAJOR": Place("Listed/NASDAQ", "ETF.EQ.US", _is_fund, "ETF.EQ.US"),
        "FUT.US": Place("US Futures", "FUT.US", _is_future),
        "FUT.CME": Place("CME", "FUT.US", lambda one: one.exchange == "CME", "FUT.US"),
    }
)


@attrs.frozen
class Bound:
    """One side of a filter.

    Attributes:
        tag: The tag of a filter option.
        name: What TWS shows.
        above: Whether it lets pass what is at least its value; else what is at most.
        unit: What a value is multiplied by.
        field: The field of ScannerSubscription that says the same, "" without one.
    """

    tag: str
    name: str
    above: bool
    unit: float = 1.0
    field: str = ""


@attrs.frozen
class Filter:
    """What can be filtered by: a number, and its bounds."""

    number: Number
    bounds: tuple[Bound, ...]


def _between(stem: str, name: str, unit: float = 1.0, fields: str = "") -> tuple[Bound, ...]:
    suffix = "1e6" if unit == MILLION else ""
    above, below = (f"{fields}Above", f"{fields}Below") if fields else ("", "")
    return (
        Bound(f"{stem}Above{suffix}", f"{name} Above", True, unit, above),
        Bound(f"{stem}Below{suffix}", f"{name} Below", False, unit, below),
    )


FILTERS: Mapping[str, Filter] = MappingProxyType(
    {
        "PRICE": Filter(
            lambda one: one.price,
            (
                Bound("priceAbove", "Price Above", True, field="abovePrice"),
                Bound("priceBelow", "Price Below", False, field="belowPrice"),
            ),
        ),
        "USDPRICE": Filter(lambda one: one.price, _between("usdPrice", "Price ($)")),
        "VOLUME": Filter(
            lambda one: one.volume,
            (
                Bound("volumeAbove", "Volume Above", True, field="aboveVolume"),
                Bound("volumeBelow", "Volume Below", False),
            ),
        ),
        "USDVOLUME": Filter(lambda one: one.value_traded, _between("usdVolume", "Volume ($)")),
        "AVGVOLUME": Filter(
            lambda one: float(one.instrument.daily_volume), _between("avgVolume", "Average Volume")
        ),
        "MKTCAP_USD": Filter(
            lambda one: one.market_value,
            _between("marketCap", "Market Cap ($, millions)", MILLION),
        ),
        "MKTCAP": Filter(
            lambda one: one.market_value,
            _between("marketCap", "Market Cap ($)", fields="marketCap"),
        ),
        "CHANGEPERC": Filter(lambda one: one.change, _between("changePerc", "Change (%)")),
        "CHANGEOPENPERC": Filter(
            lambda one: one.since_open, _between("changeOpenPerc", "Change Since Open (%)")
        ),
        "OPENGAPPERC": Filter(lambda one: one.gap, _between("openGapPerc", "Open Gap (%)")),
        "PRICERANGE": Filter(lambda one: one.range, _between("priceRange", "Price Range (%)")),
        "NUMTRADES": Filter(
            lambda one: float(one.trades), _between("tradeCount", "Number of Trades")
        ),
        "AVGOPTVOLUME": Filter(
            lambda one: one.instrument.daily_volume * OPTIONS_A_SHARE,
            (
                Bound(
                    "avgOptVolumeAbove",
                    "Average Option Volume Above",
                    True,
                    field="averageOptionVolumeAbove",
                ),
                Bound("avgOptVolumeBelow", "Average Option Volume Below", False),
            ),
        ),
    }
)
_BY_TAG = {bound.tag: (one.number, bound) for one in FILTERS.values() for bound in one.bounds}
_BY_FIELD = {
    bound.field: (one.number, bound)
    for one in FILTERS.values()
    for bound in one.bounds
    if bound.field
}
#: The filter of types of shares: its tag, and IB's words for the types that there are.
STOCK_TYPES_TAG = "stkTypes"
STOCK_TYPES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "": frozenset({"COMMON", "ETF"}),
        "ALL": frozenset({"COMMON", "ETF"}),
        "STOCK": frozenset({"COMMON"}),
        "CORP": frozenset({"COMMON"}),
        "COMMON": frozenset({"COMMON"}),
        "ETF": frozenset({"ETF"}),
        "ADR": frozenset(),
        "REIT": frozenset(),
        "CEF": frozenset(),
    }
)

Test = Callable[[Seen], bool]


@attrs.frozen
class Scanner:
    """A scan, ready to run.

    Attributes:
        scan: What it orders by.
        places: Where it looks.
        tests: What an instrument must pass.
        rows: How many rows it has at most.
    """

    scan: Scan
    places: tuple[Place, ...]
    tests: tuple[Test, ...]
    rows: int = MOST_ROWS

    def covers(self, instrument: Instrument) -> bool:
        """Whether it looks where the instrument is."""
        return any(place.holds(instrument) for place in self.places)

    def run(self, seen: Iterable[Seen]) -> list[ScannerDataElement]:
        """The rows, ranked from 0."""
        ranked: list[tuple[float, str, Instrument]] = []
        for one in seen:
            number = self.scan.number(one)
            if number is not None and all(test(one) for test in self.tests):
                key = -number if self.scan.largest else number
                ranked.append((key, one.instrument.local_symbol, one.instrument))
        ranked.sort(key=lambda row: row[:2])
        return [
            ScannerDataElement(
                rank=rank,
                contract=instrument.contract(),
                marketName=instrument.market_name or instrument.trading_class,
                distance="",
                benchmark="",
                projection="",
                comboKey="",
            )
            for rank, (_, _, instrument) in enumerate(ranked[: self.rows])
        ]


def scanner_of(wanted: Any) -> Scanner:
    """Make a scanner of a request's ScannerSubscription.

    Raises:
        ScanError: A code or a filter is unknown, or a value is no number.
    """
    scan = SCANS.get(wanted.scanCode)
    if scan is None:
        raise ScanError(f"Scanner type with code {wanted.scanCode} is disabled.")
    places = []
    for code in wanted.locationCode.split(","):
        place = PLACES.get(code.strip())
        if place is None:
            raise ScanError(
                "Error: Market Scanner is not configured for one of the chosen locations."
            )
        places.append(place)
    if wanted.instrument not in KINDS or any(one.kind != wanted.instrument for one in places):
        raise ScanError(f"Scanner instrument {wanted.instrument} is not in the chosen locations.")
    rows = wanted.numberOfRows if 0 < wanted.numberOfRows < MOST_ROWS else MOST_ROWS
    return Scanner(scan, tuple(places), tuple(_tests(wanted)), rows)


def _tests(wanted: Any) -> Sequence[Test]:
    tests = [_type_test(wanted.stockTypeFilter)] if wanted.instrument == "STK" else []
    for field, (number, bound) in _BY_FIELD.items():
        value = float(getattr(wanted, field)) if wanted.HasField(field) else UNSET
        # 0 is what a client sends that has no other word for "not set".
        if 0 < value < UNSET:
            tests.append(_bound_test(number, bound, value))
    for tag, text in wanted.scannerSubscriptionFilterOptions.items():
        if tag == STOCK_TYPES_TAG:
            tests.append(_type_test(text))
            continue
        if tag not in _BY_TAG:
            raise ScanError(f"Filter with code {tag} is disabled.")
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise ScanError(f"Filter with code {tag} has a wrong value: {text}")
        number, bound = _BY_TAG[tag]
        tests.append(_bound_test(number, bound, value))
    return tests


def _bound_test(number: Number, bound: Bound, value: float) -> Test:
    limit = value * bound.unit

    def passes(one: Seen) -> bool:
        own = number(one)
        return own is not None and (own >= limit if bound.above else own <= limit)

    return passes


def _type_test(text: str) -> Test:
    """``ALL``, one word, or several behind ``inc:`` or ``exc:``."""
    mode, _, words = text.rpartition(":")
    named: set[str] = set()
    for word in words.upper().split(","):
        if word.strip() not in STOCK_TYPES:
            raise ScanError(f"Filter with code {STOCK_TYPES_TAG} has a wrong value: {text}")
        named |= STOCK_TYPES[word.strip()]
    excluded = mode.strip().lower() == "exc"
    return lambda one: (one.instrument.stock_type in named) is not excluded
