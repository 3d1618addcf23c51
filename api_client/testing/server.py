"""The reference server: the Options Flow Monitor's contract over real HTTP, from a made-up market.

It is strict where the contract speaks (key, parameters, rate limits, envelopes) and keeps a record
of every request, so that a test can ask it what really arrived::

    with ReferenceServer() as server:
        with ApiClient(server.base_url, server.key) as client:
            client.trades.get("SLV", limit=5)
        assert server.busiest("heavy") <= 15

In a test the server runs on a loop in a thread of its own; `run` serves in the calling thread.
"""

from __future__ import annotations

import asyncio
import bisect
import datetime as dt
import html
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import attrs
from aiohttp import web

from api_client.fields import EASTERN

from .contract import BadParameter, Operation, document, operations
from .data import Filters, Market, Row
from .faults import Faults

__all__ = ["ReferenceServer", "Seen"]

_BASE = "/api/v1"
_PERIOD = 60.0
_START_TIMEOUT = 10.0
Handler = Callable[[dict[str, Any]], dict[str, Any]]


@attrs.frozen
class Seen:
    """One request that arrived.

    Attributes:
        path: Below ``/api/v1``.
        query: Its parameters, without the key.
        key_in: Where the key stood: ``header``, ``query`` or None.
        rate: Its rate class; None for a path the contract does not have.
        at: When, on the server's clock.
        status: The HTTP status of its answer; 0 while there is none.
    """

    path: str
    query: Mapping[str, str]
    key_in: str | None
    rate: str | None
    at: float
    status: int


class _Refused(Exception):
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


class ReferenceServer:
    """The server.

    Args:
        host: Where to listen.
        port: 0 takes a free one; `port` tells which.
        options: How it behaves.
    """

    def __init__(
        self, host: str = "127.0.0.1", port: int = 0, options: ServerOptions | None = None
    ) -> None:
        self.host = host
        self.port = port
        self.options = options if options is not None else ServerOptions()
        self.faults = Faults()
        self._seen: list[Seen] = []
        self._lock = threading.Lock()
        self._arrivals: dict[tuple[str, str], list[float]] = {}
        self._market = Market(
            seed=self.options.seed,
            tickers=self.options.tickers,
            trades_per_day=self.options.trades_per_day,
            now=self.options.now,
        )
        self._operations = operations()
        self._handlers: dict[str, Handler] = {
            "/status": self._status,
            "/tickers": self._tickers,
            "/trades": self._trades,
            "/minute-data": self._minute_data,
            "/divergence": self._divergence,
            "/prediction/latest": self._latest,
            "/predictions": self._predictions,
            "/data-range": self._data_range,
        }
        assert set(self._handlers) == set(self._operations), "the OpenAPI file has other paths"
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None

    # ------------------------------------------------------------------------------ life

    @property
    def base_url(self) -> str:
        """What a client is given."""
        return f"http://{self.host}:{self.port}{_BASE}"

    @property
    def key(self) -> str:
        """A key it takes."""
        return self.options.keys[0]

    def start(self) -> None:
        """Listen, in a thread of its own; returns when listening.

        Raises:
            OSError: The port cannot be opened.
        """
        self._ready.clear()
        self._failure = None
        self._thread = threading.Thread(
            target=self._run_thread, name="api_client.testing", daemon=True
        )
        self._thread.start()
        if not self._ready.wait(_START_TIMEOUT):
            raise TimeoutError("the reference server did not start")
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Stop listening and drop all connections. Harmless twice."""
        if self._thread is None:
            return
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _run_thread(self) -> None:
        try:
            asyncio.run(self.serve())
        except BaseException as error:  # noqa: BLE001 - start() raises it in the caller's thread
            self._failure = error
        finally:
            self._ready.set()

    async def serve(self, on_ready: Callable[[], None] | None = None) -> None:
        """Listen until `stop`, or until cancelled.

        Args:
            on_ready: Called once the port is open.

        Raises:
            OSError: The port cannot be opened.
        """
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        app = web.Application()
        app.router.add_get("/api/docs", self._docs)
        app.router.add_get("/api/openapi.json", self._openapi)
        app.router.add_route("*", "/{tail:.*}", self._answer)
        # No access log: it would hold the keys of query strings.
        runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, self.host, self.port).start()
            self.port = runner.addresses[0][1]
            self._ready.set()
            if on_ready is not None:
                on_ready()
            await self._stop.wait()
        finally:
            await runner.cleanup()

    # ---------------------------------------------------------------------------- record

    @property
    def seen(self) -> tuple[Seen, ...]:
        """Every request that arrived, in order."""
        with self._lock:
            return tuple(self._seen)

    def forget(self) -> None:
        """Begin a new record; the rate limits and the faults begin anew too."""
        with self._lock:
            self._seen.clear()
            self._arrivals.clear()
        self.faults.clear()

    def busiest(self, rate: str, period: float = _PERIOD) -> int:
        """The most requests of a rate class that arrived within any one period."""
        times = sorted(one.at for one in self.seen if one.rate == rate)
        return max(
            (bisect.bisect_left(times, at + period) - first for first, at in enumerate(times)),
            default=0,
        )

    # --------------------------------------------------------------------------- answers

    async def _docs(self, _: web.Request) -> web.Response:
        rows = "".join(
            f"<li><code>GET {_BASE}{html.escape(path)}</code> ({operation.rate}): "
            f"{html.escape(', '.join(operation.parameters) or 'no parameters')}</li>"
            for path, operation in self._operations.items()
        )
        page = f"<!doctype html><title>Options Flow Monitor (reference)</title><ul>{rows}</ul>"
        return web.Response(text=page, content_type="text/html")

    async def _openapi(self, _: web.Request) -> web.Response:
        return web.json_response(document())

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix(_BASE)
        operation = self._operations.get(path) if request.path.startswith(_BASE) else None
        query = dict(request.query)
        key = request.headers.get("X-API-Key", query.get("api_key"))
        key_in = "header" if "X-API-Key" in request.headers else None
        key_in = key_in or ("query" if "api_key" in query else None)
        query.pop("api_key", None)
        rate = operation.rate if operation is not None else None
        seen = Seen(path, query, key_in, rate, self.options.monotonic(), 0)
        with self._lock:
            place = len(self._seen)
            self._seen.append(seen)
        try:
            response = await self._judge(request, operation, seen, key)
        except _Refused as refused:
            response = _refusal(refused)
        with self._lock:
            if place < len(self._seen) and self._seen[place] is seen:
                self._seen[place] = attrs.evolve(seen, status=response.status)
        return response

    async def _judge(
        self, request: web.Request, operation: Operation | None, seen: Seen, key: str | None
    ) -> web.StreamResponse:
        if key not in self.options.keys:
            raise _Refused(401, "Invalid or missing API key")
        if operation is None:
            raise _Refused(404, "Not found", f"no path {request.path}")
        if request.method != "GET":
            raise _Refused(400, "Only GET")
        headers = self._count(str(key), operation.rate, seen.at)

        def right() -> dict[str, Any]:
            return self._data(operation, seen.query)

        fault = self.faults.next(operation.path)
        if fault is not None:
            return await fault(request, right)
        return web.json_response({"status": "success", "data": right()}, headers=headers)

    def _count(self, key: str, rate: str, now: float) -> dict[str, str]:
        limit = self.options.limits[rate]
        if limit == 0:
            return {}
        with self._lock:
            times = self._arrivals.setdefault((key, rate), [])
            del times[: bisect.bisect_right(times, now - _PERIOD)]
            full = len(times) >= limit
            if not full:
                times.append(now)
            reset = math.ceil(times[0] + _PERIOD - now)
        headers = {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(limit - len(times)),
            "X-RateLimit-Reset": str(reset),
        }
        if full:
            raise _Refused(429, "Rate limit exceeded", f"{limit} a minute", **headers)
        return headers

    def _data(self, operation: Operation, query: Mapping[str, str]) -> dict[str, Any]:
        try:
            values = operation.read(query)
        except BadParameter as error:
            raise _Refused(400, "Bad parameters", str(error)) from None
        ticker = values.get("ticker")
        if ticker is not None and ticker not in self.options.tickers:
            raise _Refused(404, "Unknown ticker", str(ticker))
        return self._handlers[operation.path](values)

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
            raise _Refused(400, "Bad parameters", "start_date is after end_date")
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
            raise _Refused(400, "Bad parameters", "the range ends before it starts")
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


def _refusal(refused: _Refused) -> web.Response:
    content = {"status": "error", "error": refused.error, "code": refused.code}
    if refused.message is not None:
        content["message"] = refused.message
    return web.json_response(content, status=refused.code, headers=refused.headers)
