"""Builds IB's scanner subscriptions and their filters (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from math import isfinite
from typing import Any

from ibapi.scanner import ScannerSubscription
from ibapi.tag_value import TagValue

__all__ = ["MOST_ROWS", "FilterValue", "filter_options", "market_scan", "scan_key"]

#: A scan has no more rows than this.
MOST_ROWS = 50

FilterValue = str | int | float | Decimal | bool
Number = int | float | Decimal


def market_scan(  # noqa: PLR0913  (each filter that IB's own object has)
    code: str,
    *,
    instrument: str = "STK",
    location: str = "STK.US.MAJOR",
    rows: int | None = None,
    above_price: Number | None = None,
    below_price: Number | None = None,
    above_volume: int | None = None,
    market_cap_above: Number | None = None,
    market_cap_below: Number | None = None,
    moody_rating_above: str = "",
    moody_rating_below: str = "",
    sp_rating_above: str = "",
    sp_rating_below: str = "",
    maturity_above: date | None = None,
    maturity_below: date | None = None,
    coupon_above: Number | None = None,
    coupon_below: Number | None = None,
    exclude_convertible: bool = False,
    average_option_volume_above: int | None = None,
    settings: str = "",
    stock_type: str = "",
) -> ScannerSubscription:
    """A scan: which instruments, where, in which order, with the filters IB's object has.

    All other filters are options, by the codes that `Scanner.parameters` lists.

    Args:
        code: What puts them in order (``TOP_PERC_GAIN``, ``MOST_ACTIVE``...).
        instrument: The kind of instruments (``STK``, ``FUT.US``...).
        location: Where they are listed (``STK.US.MAJOR``, ``STK.NASDAQ``...).
        rows: How many rows at most, 1 to 50; as many as IB gives unless given.
        above_price: Only what costs more, in its own currency.
        below_price: Only what costs less.
        above_volume: Only what has traded more today, in shares or contracts.
        market_cap_above: Only what is worth more, in millions of dollars.
        market_cap_below: Only what is worth less.
        moody_rating_above: Only bonds with a better rating.
        moody_rating_below: Only bonds with a worse rating.
        sp_rating_above: Only bonds with a better rating of S&P.
        sp_rating_below: Only bonds with a worse rating of S&P.
        maturity_above: Only bonds that mature later.
        maturity_below: Only bonds that mature earlier.
        coupon_above: Only bonds that pay more, in percent.
        coupon_below: Only bonds that pay less.
        exclude_convertible: No convertible bonds.
        average_option_volume_above: Only what has more options traded a day.
        settings: Of a few scans, IB's pairs (``Annual,true``).
        stock_type: ``ALL``, ``STOCK``, ``ETF``...

    Raises:
        ValueError: No code, a number of rows that IB does not give, or a filter that is no number.
    """
    _check({"code": code, "instrument": instrument, "location": location}, rows)
    scan = ScannerSubscription()
    scan.scanCode, scan.instrument, scan.locationCode = code, instrument, location
    wanted = {
        "numberOfRows": rows,
        "abovePrice": above_price,
        "belowPrice": below_price,
        "aboveVolume": above_volume,
        "marketCapAbove": market_cap_above,
        "marketCapBelow": market_cap_below,
        "couponRateAbove": coupon_above,
        "couponRateBelow": coupon_below,
        "averageOptionVolumeAbove": average_option_volume_above,
    }
    for name, number in wanted.items():
        if number is not None:
            setattr(scan, name, _number(name, number))
    scan.moodyRatingAbove, scan.moodyRatingBelow = moody_rating_above, moody_rating_below
    scan.spRatingAbove, scan.spRatingBelow = sp_rating_above, sp_rating_below
    scan.maturityDateAbove = f"{maturity_above:%Y%m%d}" if maturity_above else ""
    scan.maturityDateBelow = f"{maturity_below:%Y%m%d}" if maturity_below else ""
    scan.excludeConvertible = exclude_convertible
    scan.scannerSettingPairs = settings
    scan.stockTypeFilter = stock_type
    return scan


def filter_options(filters: Mapping[str, FilterValue]) -> list[Any]:
    """IB's list of filter options, from the codes of filters and their values.

    Raises:
        ValueError: A code without letters, or a value that is no number.
    """
    return [TagValue(code, _text(code, value)) for code, value in filters.items()]


def scan_key(scan: Any, options: list[Any]) -> tuple[Any, ...]:
    """What makes two scans the same."""
    fields = tuple(sorted((name, str(value)) for name, value in vars(scan).items()))
    return fields, tuple(sorted((one.tag, one.value) for one in options))


def _check(words: Mapping[str, str], rows: int | None) -> None:
    for name, text in words.items():
        if not text:
            msg = f"a scan needs its {name}; gw.scanner.parameters() lists all there are"
            raise ValueError(msg)
    if rows is not None and not 1 <= rows <= MOST_ROWS:
        msg = f"a scan has 1 to {MOST_ROWS} rows, not {rows}"
        raise ValueError(msg)


def _number(name: str, number: Number) -> int | float:
    """A number as IB's own object holds it: a float where a fraction may stand."""
    if not isfinite(number):
        msg = f"{name} is {number}, and no number to filter by"
        raise ValueError(msg)
    return number if isinstance(number, int) else float(number)


def _text(code: str, value: FilterValue) -> str:
    if not code.strip():
        msg = f"a filter of {value!r} without a code; gw.scanner.parameters() lists the codes"
        raise ValueError(msg)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if not isfinite(value):
        msg = f"the filter {code} is {value}, and no number"
        raise ValueError(msg)
    return f"{Decimal(str(value)).normalize():f}"
