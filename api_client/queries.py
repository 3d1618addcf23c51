"""Each request of the contract, as a function that builds a `Query` from checked arguments.

A query is data: which endpoint, which parameters, which answer class. Both clients send the same
queries, and `ENDPOINTS` is the one table of paths, rate classes and patience.

The contract says that "data-heavy" endpoints have the lower limit without naming them. Taken as
heavy is whatever returns rows: if the service is more generous, that costs a little speed and never
a 429.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Generic, TypeVar

import attrs

from . import checks
from .answers import (
    DataRangeAnswer,
    DivergenceAnswer,
    MinuteDataAnswer,
    PredictionAnswer,
    PredictionsAnswer,
    StatusAnswer,
    TickersAnswer,
    TradesAnswer,
)
from .checks import Day, Moment, Number, TimeOfDay
from .errors import ApiParameterError
from .fields import Record, WrongShape, read
from .limiter import RateClass
from .settings import Timeouts

__all__ = [
    "ENDPOINTS",
    "Day",
    "EndpointSpec",
    "Moment",
    "Number",
    "Query",
    "TimeOfDay",
    "data_range",
    "divergence",
    "minute_data",
    "prediction_latest",
    "predictions",
    "raw",
    "status",
    "tickers",
    "trades",
]

A = TypeVar("A")
Param = str | int | float | Decimal | bool | None


@attrs.frozen(kw_only=True)
class EndpointSpec:
    """One path of the service.

    Attributes:
        name: The endpoint class it belongs to; settings name timeouts by it.
        path: Below the base URL.
        rate: Which of the service's two limits it falls under.
        timeouts: Its patience, if the settings say nothing.
    """

    name: str
    path: str
    rate: RateClass = "heavy"
    timeouts: Timeouts = attrs.field(factory=Timeouts)


_ROWS = Timeouts(read=30.0, total=120.0)
_SLOW = Timeouts(read=600.0, total=900.0)  # the contract: "minutes for long ranges"

ENDPOINTS: Mapping[str, EndpointSpec] = {
    "status": EndpointSpec(name="status", path="/status", rate="standard"),
    "tickers": EndpointSpec(name="tickers", path="/tickers", rate="standard"),
    "trades": EndpointSpec(name="trades", path="/trades", timeouts=_ROWS),
    "minute_data": EndpointSpec(name="minute_data", path="/minute-data", timeouts=_ROWS),
    "divergence": EndpointSpec(name="divergence", path="/divergence", timeouts=_ROWS),
    "prediction_latest": EndpointSpec(
        name="prediction", path="/prediction/latest", rate="standard"
    ),
    "predictions": EndpointSpec(name="prediction", path="/predictions", timeouts=_ROWS),
    "data_range": EndpointSpec(name="data_range", path="/data-range", timeouts=_SLOW),
}


@attrs.frozen
class Query(Generic[A]):
    """One request, checked and ready.

    Attributes:
        spec: The endpoint.
        params: Names and texts of the query string, without the key.
        read: Makes the answer from the envelope's ``data`` (and its path, for errors).
    """

    spec: EndpointSpec
    params: tuple[tuple[str, str], ...]
    read: Callable[[object, str], A] = attrs.field(repr=False)


R = TypeVar("R", bound=Record)


def _query(spec: EndpointSpec, answer: type[R], **params: Param) -> Query[R]:
    return Query(spec, _encoded(params), lambda data, path: read(answer, data, path))


def _encoded(params: Mapping[str, Param]) -> tuple[tuple[str, str], ...]:
    texts = []
    for name, value in params.items():
        if value is None:
            continue
        shown = str(value).lower() if isinstance(value, bool) else f"{value}"
        texts.append((name, shown))
    return tuple(texts)


# ------------------------------------------------------------------------------------ queries


def status() -> Query[StatusAnswer]:
    """How the service is: system, market hours, tickers, workers, predictors."""
    return _query(ENDPOINTS["status"], StatusAnswer)


def tickers() -> Query[TickersAnswer]:
    """Which tickers the service watches."""
    return _query(ENDPOINTS["tickers"], TickersAnswer)


def trades(
    ticker: str,
    *,
    start_date: Day | None = None,
    end_date: Day | None = None,
    start_time: TimeOfDay | None = None,
    end_time: TimeOfDay | None = None,
    limit: int | None = None,
    recent: bool | None = None,
) -> Query[TradesAnswer]:
    """Option trades of a ticker.

    Args:
        ticker: The underlying.
        start_date: First day, US Eastern.
        end_date: Last day, inclusive.
        start_time: On the first day, from this minute.
        end_time: On the last day, to this minute.
        limit: At most so many (the service's default: 100).
        recent: The newest first, up to ``limit``; the dates are ignored by the service.

    Raises:
        ApiParameterError: An argument the contract does not allow.
    """
    return _query(
        ENDPOINTS["trades"],
        TradesAnswer,
        ticker=checks.ticker_name(ticker),
        **checks.dates(start_date, end_date, start_time, end_time),
        limit=checks.count("limit", limit),
        recent=checks.flag("recent", recent),
    )


def minute_data(
    ticker: str,
    *,
    start_date: Day | None = None,
    end_date: Day | None = None,
    start_time: TimeOfDay | None = None,
    end_time: TimeOfDay | None = None,
    limit: int | None = None,
    recent: bool | None = None,
) -> Query[MinuteDataAnswer]:
    """Minute bars of the underlying; arguments as in `trades`."""
    return _query(
        ENDPOINTS["minute_data"],
        MinuteDataAnswer,
        ticker=checks.ticker_name(ticker),
        **checks.dates(start_date, end_date, start_time, end_time),
        limit=checks.count("limit", limit),
        recent=checks.flag("recent", recent),
    )


def divergence(
    ticker: str,
    *,
    start_date: Day | None = None,
    end_date: Day | None = None,
    start_time: TimeOfDay | None = None,
    end_time: TimeOfDay | None = None,
    days: int | None = None,
    limit: int | None = None,
) -> Query[DivergenceAnswer]:
    """Divergence of option flow and price.

    Args:
        ticker: The underlying.
        start_date: As in `trades`; the dates win over ``days``.
        end_date: As in `trades`.
        start_time: As in `trades`.
        end_time: As in `trades`.
        days: The last so many days (the service's default: 1).
        limit: At most so many (the service's default: all).

    Raises:
        ApiParameterError: An argument the contract does not allow.
    """
    return _query(
        ENDPOINTS["divergence"],
        DivergenceAnswer,
        ticker=checks.ticker_name(ticker),
        **checks.dates(start_date, end_date, start_time, end_time),
        days=checks.count("days", days),
        limit=checks.count("limit", limit),
    )


def prediction_latest(
    ticker: str, *, use_default_only: bool | None = None
) -> Query[PredictionAnswer]:
    """The newest prediction of a ticker.

    Args:
        ticker: The underlying.
        use_default_only: Ask the default model even if the ticker has its own.

    Raises:
        ApiParameterError: An argument the contract does not allow.
    """
    return _query(
        ENDPOINTS["prediction_latest"],
        PredictionAnswer,
        ticker=checks.ticker_name(ticker),
        use_default_only=checks.flag("use_default_only", use_default_only),
    )


def predictions(
    ticker: str,
    *,
    start_date: Moment | None = None,
    end_date: Moment | None = None,
    limit: int | None = None,
    use_default_only: bool | None = None,
) -> Query[PredictionsAnswer]:
    """Predictions made before.

    Args:
        ticker: The underlying.
        start_date: ISO-8601: a datetime, a date or text. (Here the contract takes times too.)
        end_date: The same.
        limit: At most so many (the service's default: 100).
        use_default_only: As in `prediction_latest`.

    Raises:
        ApiParameterError: An argument the contract does not allow.
    """
    return _query(
        ENDPOINTS["predictions"],
        PredictionsAnswer,
        ticker=checks.ticker_name(ticker),
        limit=checks.count("limit", limit),
        start_date=checks.moment("start_date", start_date),
        end_date=checks.moment("end_date", end_date),
        use_default_only=checks.flag("use_default_only", use_default_only),
    )


def data_range(  # noqa: PLR0913 - the contract's own list
    ticker: str,
    start_date: Day,
    end_date: Day,
    *,
    start_time: TimeOfDay | None = None,
    end_time: TimeOfDay | None = None,
    lookback_hours: Number | None = None,
    lambda_short: Number | None = None,
    lambda_long: Number | None = None,
    min_value: Number | None = None,
    max_value: Number | None = None,
    min_size: int | None = None,
    max_size: int | None = None,
    min_delta: Number | None = None,
    max_delta: Number | None = None,
) -> Query[DataRangeAnswer]:
    """Divergence computed anew over a range, from the trades that pass the filters. Slow.

    Args:
        ticker: The underlying.
        start_date: First day, US Eastern.
        end_date: Last day, inclusive.
        start_time: On the first day, from this minute.
        end_time: On the last day, to this minute.
        lookback_hours: The memory's length in hours (the service's default: 8).
        lambda_short: Decay of the short memory (0.45).
        lambda_long: Decay of the long memory (0.9).
        min_value: Least trade value.
        max_value: Greatest trade value.
        min_size: Least trade size, in contracts.
        max_size: Greatest trade size.
        min_delta: Least delta.
        max_delta: Greatest delta.

    Raises:
        ApiParameterError: An argument the contract does not allow.
    """
    return _query(
        ENDPOINTS["data_range"],
        DataRangeAnswer,
        ticker=checks.ticker_name(ticker),
        **checks.dates(start_date, end_date, start_time, end_time),
        lookback_hours=checks.above_zero("lookback_hours", lookback_hours),
        lambda_short=checks.plain("lambda_short", lambda_short),
        lambda_long=checks.plain("lambda_long", lambda_long),
        **checks.span("value", min_value, max_value),
        **checks.span("size", min_size, max_size),
        **checks.span("delta", min_delta, max_delta),
    )


def _read_raw(data: object, path: str) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise WrongShape(path, "an object", data)
    return data


def raw(path: str, rate: RateClass = "heavy", **params: Param) -> Query[Mapping[str, Any]]:
    """Any path, unread: ``data`` as JSON gave it (numbers with a point are Decimal).

    For an endpoint this version does not know, and for answers whose shape has changed.

    Args:
        path: Below the base URL, e.g. ``/trades``.
        rate: Which limit it counts under.
        **params: The query's parameters; None leaves one out.

    Raises:
        ApiParameterError: The path is not one, or holds a query.
    """
    if not re.fullmatch(r"(/[A-Za-z0-9_.~-]+)+", path, re.ASCII) or "/../" in f"{path}/":
        raise ApiParameterError(f"a path looks like /trades: {path[:40]!r}")
    if "api_key" in params:
        raise ApiParameterError("the key belongs to the client, not to a query")
    return Query(EndpointSpec(name="raw", path=path, rate=rate), _encoded(params), _read_raw)
