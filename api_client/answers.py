"""What each endpoint answers: one `attrs` class for each object of the contract.

Names are the contract's. Times know their zone, money is Decimal, option symbols are parsed; a
field that did not come is None, and a field this version does not know is in ``extra``. Fields that
the contract names without saying their form (``date_added``, ``prediction_time``,
``datetime_of_data``) are datetimes when they look like one.
"""

# ruff: noqa: RUF009 - the calls make attrs fields

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import attrs

from .fields import (
    Record,
    clock_time,
    eastern,
    epoch_ms,
    flag,
    integer,
    iso,
    many,
    mapping,
    moment,
    money,
    numbers,
    option,
    raw,
    real,
    record,
    text,
    texts,
)
from .occ import OptionSymbol
from .tables import to_pandas, to_polars

__all__ = [
    "DataInfo",
    "DataRangeAnswer",
    "DivergenceAnswer",
    "DivergencePoint",
    "MarketHours",
    "MinuteBar",
    "MinuteDataAnswer",
    "MlSystem",
    "ModelInfo",
    "Prediction",
    "PredictionAnswer",
    "PredictionsAnswer",
    "RangeParameters",
    "StatusAnswer",
    "SystemStatus",
    "ThreadStatus",
    "TickersAnswer",
    "Trade",
    "TradesAnswer",
]

Moment = dt.datetime | str | int | Decimal | None


class _Rows:
    """An answer that holds a list: it can be walked, counted and made a table of."""

    __slots__ = ()

    def _rows(self) -> tuple[Any, ...]:
        raise AssertionError("each answer class names its list")  # pragma: no cover

    def __len__(self) -> int:
        return len(self._rows())

    def to_pandas(self) -> Any:
        """The rows as a ``pandas.DataFrame``; see `api_client.tables`."""
        return to_pandas(self._rows())

    def to_polars(self) -> Any:
        """The rows as a ``polars.DataFrame``; see `api_client.tables`."""
        return to_polars(self._rows())


# ------------------------------------------------------------------------------------- status


@attrs.frozen(kw_only=True)
class SystemStatus(Record):
    """The service itself. ``current_time_et`` knows its zone (US Eastern)."""

    service: str | None = text()
    status: str | None = text()
    current_time_et: dt.datetime | None = eastern()
    timezone: str | None = text()


@attrs.frozen(kw_only=True)
class MarketHours(Record):
    """The hours in which the service takes the market for open, US Eastern."""

    is_market_hours: bool | None = flag()
    market_open: dt.time | None = clock_time()
    market_close: dt.time | None = clock_time()


@attrs.frozen(kw_only=True)
class ThreadStatus(Record):
    """One of the service's own workers; the contract leaves open what else it tells (``extra``)."""

    running: bool | None = flag()
    active: Any = raw()


@attrs.frozen(kw_only=True)
class MlSystem(Record):
    """The predictors, as the service describes them."""

    running: bool | None = flag()
    predictors: Any = raw()


@attrs.frozen(kw_only=True)
class StatusAnswer(Record):
    """``GET /status``."""

    system: SystemStatus | None = record(SystemStatus)
    market: MarketHours | None = record(MarketHours)
    tickers: tuple[str, ...] | None = texts()
    threads: Mapping[str, ThreadStatus | None] | None = mapping(ThreadStatus)
    ml_system: MlSystem | None = record(MlSystem)


@attrs.frozen(kw_only=True)
class TickersAnswer(Record):
    """``GET /tickers``."""

    tickers: tuple[str, ...] = texts(required=True)
    count: int | None = integer()

    def __iter__(self) -> Iterator[str]:
        return iter(self.tickers)

    def __len__(self) -> int:
        return len(self.tickers)


# ------------------------------------------------------------------------------- trades, bars


@attrs.frozen(kw_only=True)
class Trade(Record):
    """One option trade. ``trade_value`` is price * size * 100, as the service computed it."""

    id: int | None = integer()
    ticker: str | None = text()
    option_symbol: OptionSymbol | None = option()
    trade_timestamp: dt.datetime | None = epoch_ms()
    trade_datetime: dt.datetime | None = iso()
    price: Decimal | None = money()
    size: int | None = integer()
    trade_value: Decimal | None = money()
    bid: Decimal | None = money()
    ask: Decimal | None = money()
    price_threshold: Decimal | None = money()
    delta: float | None = real()
    updated_delta: float | None = real()
    underlying_price: Decimal | None = money()
    underlying_bid: Decimal | None = money()
    underlying_ask: Decimal | None = money()
    date_added: Moment = moment()


@attrs.frozen(kw_only=True)
class TradesAnswer(_Rows, Record):
    """``GET /trades``."""

    ticker: str | None = text()
    count: int | None = integer()
    trades: tuple[Trade, ...] = many(Trade)

    def _rows(self) -> tuple[Trade, ...]:
        return self.trades

    def __iter__(self) -> Iterator[Trade]:
        return iter(self.trades)


@attrs.frozen(kw_only=True)
class MinuteBar(Record):
    """One minute of the underlying."""

    ticker: str | None = text()
    timestamp: dt.datetime | None = epoch_ms()
    datetime: dt.datetime | None = iso()
    open: Decimal | None = money()
    high: Decimal | None = money()
    low: Decimal | None = money()
    close: Decimal | None = money()
    volume: int | None = integer()
    date_added: Moment = moment()


@attrs.frozen(kw_only=True)
class MinuteDataAnswer(_Rows, Record):
    """``GET /minute-data``."""

    ticker: str | None = text()
    count: int | None = integer()
    minute_data: tuple[MinuteBar, ...] = many(MinuteBar)

    def _rows(self) -> tuple[MinuteBar, ...]:
        return self.minute_data

    def __iter__(self) -> Iterator[MinuteBar]:
        return iter(self.minute_data)


# --------------------------------------------------------------------------------- divergence


@attrs.frozen(kw_only=True)
class DivergencePoint(Record):
    """The divergence of option flow and price at one moment, with a short and a long memory."""

    ticker: str | None = text()
    timestamp: dt.datetime | None = epoch_ms()
    datetime: dt.datetime | None = iso()
    d_pos_short: float | None = real()
    d_neg_short: float | None = real()
    d_diff_short: float | None = real()
    d_diff_derivative_short: float | None = real()
    d_pos_long: float | None = real()
    d_neg_long: float | None = real()
    d_diff_long: float | None = real()
    d_diff_derivative_long: float | None = real()
    stock_price: Decimal | None = money()
    sum_pos: float | None = real()
    sum_neg: float | None = real()
    number_of_trades: int | None = integer()
    lambda_short: float | None = real()
    lambda_long: float | None = real()
    date_added: Moment = moment()


@attrs.frozen(kw_only=True)
class DivergenceAnswer(_Rows, Record):
    """``GET /divergence``."""

    ticker: str | None = text()
    count: int | None = integer()
    divergence_data: tuple[DivergencePoint, ...] = many(DivergencePoint)

    def _rows(self) -> tuple[DivergencePoint, ...]:
        return self.divergence_data

    def __iter__(self) -> Iterator[DivergencePoint]:
        return iter(self.divergence_data)


@attrs.frozen(kw_only=True)
class RangeParameters(Record):
    """What the service understood of a range request; the rest of its echo is in ``extra``."""

    lookback_hours: float | None = real()
    lambda_short: float | None = real()
    lambda_long: float | None = real()
    date_range: Any = raw()
    filters: Any = raw()


@attrs.frozen(kw_only=True)
class DataInfo(Record):
    """How much the service worked through for a range request."""

    original_trades: int | None = integer()
    filtered_trades: int | None = integer()
    minute_data_points: int | None = integer()
    divergence_points: int | None = integer()


@attrs.frozen(kw_only=True)
class DataRangeAnswer(_Rows, Record):
    """``GET /data-range``."""

    ticker: str | None = text()
    parameters: RangeParameters | None = record(RangeParameters)
    data_info: DataInfo | None = record(DataInfo)
    divergence_data: tuple[DivergencePoint, ...] = many(DivergencePoint)

    def _rows(self) -> tuple[DivergencePoint, ...]:
        return self.divergence_data

    def __iter__(self) -> Iterator[DivergencePoint]:
        return iter(self.divergence_data)


# -------------------------------------------------------------------------------- predictions


@attrs.frozen(kw_only=True)
class Prediction(Record):
    """One prediction: ``signal`` (BUY, SELL, ...) with its ``confidence`` from 0 to 1."""

    ticker: str | None = text()
    signal: str | None = text()
    numeric: float | None = real()
    confidence: float | None = real()
    probabilities: tuple[float | None, ...] | None = numbers()
    timestamp: dt.datetime | None = epoch_ms()
    datetime: dt.datetime | None = iso()
    datetime_of_data: Moment = moment()
    stock_price: Decimal | None = money()
    feature_values: Mapping[str, float | None] | None = mapping()
    prediction_time: Moment = moment()


@attrs.frozen(kw_only=True)
class ModelInfo(Record):
    """Which model predicted."""

    model_path: str | None = text()
    is_ticker_specific: bool | None = flag()
    using_default_only: bool | None = flag()


@attrs.frozen(kw_only=True)
class PredictionAnswer(Record):
    """``GET /prediction/latest``. ``prediction`` is None when the service has none yet."""

    ticker: str | None = text()
    prediction: Prediction | None = record(Prediction)
    model_info: ModelInfo | None = record(ModelInfo)


@attrs.frozen(kw_only=True)
class PredictionsAnswer(_Rows, Record):
    """``GET /predictions``."""

    ticker: str | None = text()
    count: int | None = integer()
    predictions: tuple[Prediction, ...] = many(Prediction)
    model_info: ModelInfo | None = record(ModelInfo)

    def _rows(self) -> tuple[Prediction, ...]:
        return self.predictions

    def __iter__(self) -> Iterator[Prediction]:
        return iter(self.predictions)
