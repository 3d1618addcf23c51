"""What the reference server answers: the contract's endpoints, from a made-up market."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from api_client.fields import EASTERN

from .contract import BadParameter, Operation
from .data import Filters, Market, Row

__all__ = ["Answers", "Refused", "ServerOptions"]

Handler = Callable[[dict[str, Any]], dict[str, Any]]


class Refused(Exception):
    """An error envelope, and the HTTP status and headers it comes with."""

    def __init__(self, code: int, error: str, message: str | None = None, **headers: str) -> None:
        super().__init__(error)
        self.code = code
        self.error = error
        self.message = message
        self.headers = headers


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@attrs.frozen(kw_only=True)
class ServerOptions:
    """How the server behaves.

    Attributes:
        keys: The keys it takes.
        tickers: What it watches.
        seed: Of the made-up market.
        trades_per_day: Option trades of one ticker a day.
        limits: Requests in any minute, by rate class; 0 is no limit.
        end_inclusive: Whether the minute ``end_time`` belongs to a range (the contract does not
            say).
        now: The present.
        monotonic: The clock of the rate limits.
    """

    keys: Sequence[str] = ("test-key",)
    tickers: Sequence[str] = ("SLV", "SPY", "QQQ")
    seed: int = 1
    trades_per_day: int = 240
    limits: Mapping[str, int] = attrs.field(factory=lambda: {"standard": 30, "heavy": 15})
    end_inclusive: bool = True
    now: Callable[[], dt.datetime] = _now
    monotonic: Callable[[], float] = time.monotonic


class Answers:
    """The endpoints.

    Args:
        options: What the server is.

    Attributes:
        handlers: Path -> what makes its ``data`` from the parameters.
    """

    def __init__(self, options: ServerOptions) -> None:
        self.options = options
        self._market = Market(
            seed=options.seed,
            tickers=options.tickers,
            trades_per_day=options.trades_per_day,
            now=options.now,
        )
        self.handlers: dict[str, Handler] = {
            "/status": self._status,
            "/tickers": self._tickers,
            "/trades": self._trades,
            "/minute-data": self._minute_data,
            "/divergence": self._divergence,
            "/prediction/latest": self._latest,
            "/predictions": self._predictions,
            "/data-range": self._data_range,
        }

    def data(self, operation: Operation, query: Mapping[str, str]) -> dict[str, Any]:
        """The ``data`` of an answer.

        Raises:
            Refused: A parameter that the contract does not allow, or an unknown ticker.
        """
        try:
            values = operation.read(query)
        except BadParameter as error:
            raise Refused(400, "Bad parameters", str(error)) from None
        ticker = values.get("ticker")
        if ticker is not None and ticker not in self.options.tickers:
            raise Refused(404, "Unknown ticker", str(ticker))
        return self.handlers[operation.path](values)

    # -------------------------------------------------------------------------- endpoints

    def _status(self, _: dict[str, Any]) -> dict[str, Any]:
        now = self.options.now().astimezone(EASTERN)
        opened = now.weekday() < 5 and dt.time(9) <= now.time() < dt.time(16, 15)
        return {
            "system": {
                "service": "Options Flow Monitor (reference)",
                "status": "running",
                "current_time_et": f"{now:%Y-%m-%d %H:%M:%S}",
                "timezone": "US/Eastern",
            },
            "market": {
                "is_market_hours": opened,
                "market_open": "9:00",
                "market_close": "16:15",
            },
            "tickers": list(self.options.tickers),
            "threads": {
                "trades": {"running": True, "active": opened, "queue_size": 0},
                "minute_data": {"running": True, "active": opened},
            },
            "ml_system": {
                "running": True,
                "predictors": {ticker: {"loaded": True} for ticker in self.options.tickers},
            },
        }

    def _tickers(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"tickers": list(self.options.tickers), "count": len(self.options.tickers)}

    def _trades(self, asked: dict[str, Any]) -> dict[str, Any]:
        rows = self._select(asked, self._market.trades, "trade_timestamp")
        return {"ticker": asked["ticker"], "count": len(rows), "trades": rows}

    def _minute_data(self, asked: dict[str, Any]) -> dict[str, Any]:
        rows = self._select(asked, self._market.bars, "timestamp")
        return {"ticker": asked["ticker"], "count": len(rows), "minute_data": rows}

    def _divergence(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["start_date"] is None and asked["end_date"] is None:
            asked = {**asked, "start_date": self._market.back(asked["days"])}
        rows = self._select(asked, self._market.divergence, "timestamp")
        return {"ticker": asked["ticker"], "count": len(rows), "divergence_data": rows}

    def _model(self, asked: dict[str, Any]) -> dict[str, Any]:
        own = asked["ticker"] == self.options.tickers[0] and not asked["use_default_only"]
        return {
            "model_path": f"models/{asked['ticker'] if own else 'default'}.bin",
            "is_ticker_specific": own,
            "using_default_only": asked["use_default_only"],
        }

    def _latest(self, asked: dict[str, Any]) -> dict[str, Any]:
        day = self._market.last_day()
        rows = self._market.predictions(asked["ticker"], day, day)
        return {
            "ticker": asked["ticker"],
            "prediction": rows[-1] if rows else None,
            "model_info": self._model(asked),
        }

    def _predictions(self, asked: dict[str, Any]) -> dict[str, Any]:
        day = self._market.last_day()
        start = _aware(asked["start_date"], dt.datetime.combine(day, dt.time()))
        end = _aware(asked["end_date"], dt.datetime.combine(day, dt.time(23, 59)))
        if start > end:
            raise Refused(400, "Bad parameters", "start_date is after end_date")
        rows = [
            row
            for row in self._market.predictions(asked["ticker"], start.date(), end.date())
            if start.timestamp() * 1000 <= row["timestamp"] <= end.timestamp() * 1000
        ][: asked["limit"]]
        return {
            "ticker": asked["ticker"],
            "count": len(rows),
            "predictions": rows,
            "model_info": self._model(asked),
        }

    def _data_range(self, asked: dict[str, Any]) -> dict[str, Any]:
        names = {"value": "trade_value", "size": "size", "delta": "delta"}
        filters = Filters(
            lookback_hours=asked["lookback_hours"],
            lambda_short=asked["lambda_short"],
            lambda_long=asked["lambda_long"],
            least={
                at: low for name, at in names.items() if (low := asked[f"min_{name}"]) is not None
            },
            most={at: up for name, at in names.items() if (up := asked[f"max_{name}"]) is not None},
        )
        trades = self._select(asked, self._market.trades, "trade_timestamp")
        bars = self._select(asked, self._market.bars, "timestamp")

        def computed(ticker: str, first: dt.date, last: dt.date) -> list[Row]:
            return self._market.divergence(ticker, first, last, filters)

        points = self._select(asked, computed, "timestamp")
        return {
            "ticker": asked["ticker"],
            "parameters": {
                "lookback_hours": filters.lookback_hours,
                "lambda_short": filters.lambda_short,
                "lambda_long": filters.lambda_long,
                "date_range": {
                    "start_date": asked["start_date"].isoformat(),
                    "end_date": asked["end_date"].isoformat(),
                },
                "filters": {
                    f"{end}_{name}": asked[f"{end}_{name}"]
                    for name in names
                    for end in ("min", "max")
                },
            },
            "data_info": {
                "original_trades": len(trades),
                "filtered_trades": sum(filters.passes(row) for row in trades),
                "minute_data_points": len(bars),
                "divergence_points": len(points),
            },
            "divergence_data": points,
        }

    def _select(
        self,
        asked: dict[str, Any],
        source: Callable[[str, dt.date, dt.date], list[Row]],
        stamp: str,
    ) -> list[Row]:
        """The rows of a range: by its dates and times, else of the latest day; up to the limit."""
        limit = asked.get("limit")
        if asked.get("recent"):
            rows = source(asked["ticker"], self._market.back(5), self._market.last_day())
            return rows[::-1][:limit]
        last = asked["end_date"] or self._market.last_day()
        first = asked["start_date"] or min(last, self._market.last_day())
        since = _clock_ms(first, asked["start_time"], dt.time())
        until = _clock_ms(last, asked["end_time"], dt.time(23, 59))
        if first > last or since > until:
            raise Refused(400, "Bad parameters", "the range ends before it starts")
        if self.options.end_inclusive or asked["end_time"] is None:
            until += 60_000
        rows = source(asked["ticker"], first, last)
        return [row for row in rows if since <= row[stamp] < until][:limit]


def _aware(value: dt.datetime | None, default: dt.datetime) -> dt.datetime:
    moment = default if value is None else value
    return moment.replace(tzinfo=EASTERN) if moment.tzinfo is None else moment.astimezone(EASTERN)


def _clock_ms(day: dt.date, clock: str | None, default: dt.time) -> int:
    when = default if clock is None else dt.time.fromisoformat(clock)
    return int(dt.datetime.combine(day, when, tzinfo=EASTERN).timestamp()) * 1000
