"""The endpoint classes: the same methods, blocking and awaited, from one set of functions.

`api_client.queries` and `api_client.ranges` hold the signatures, the checks and the documentation;
the helpers here turn such a function into a method that also carries its query out. So the two
clients cannot drift apart, and a type checker sees the full signature of each method.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from . import queries, ranges
from .fields import Record
from .queries import Query
from .ranges import Scan

__all__ = [
    "AsyncDataRangeEndpoint",
    "AsyncDivergenceEndpoint",
    "AsyncMinuteDataEndpoint",
    "AsyncPredictionEndpoint",
    "AsyncStatusEndpoint",
    "AsyncTickersEndpoint",
    "AsyncTradesEndpoint",
    "DataRangeEndpoint",
    "DivergenceEndpoint",
    "MinuteDataEndpoint",
    "PredictionEndpoint",
    "StatusEndpoint",
    "TickersEndpoint",
    "TradesEndpoint",
]

P = ParamSpec("P")
A = TypeVar("A")
R = TypeVar("R", bound=Record)


class _Client(Protocol):
    def fetch(self, query: Query[A], /) -> A: ...


class _AsyncClient(Protocol):
    def fetch(self, query: Query[A], /) -> Awaitable[A]: ...


class _Endpoint:
    def __init__(self, client: _Client) -> None:
        self._client = client


class _AsyncEndpoint:
    def __init__(self, client: _AsyncClient) -> None:
        self._client = client


def _like(build: Callable[..., Any]) -> Callable[[Callable[..., Any]], Any]:
    """Dress a method as the function it is made from, with ``self`` before its arguments."""

    def dress(method: Callable[..., Any]) -> Any:
        functools.update_wrapper(method, build)
        own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
        arguments = inspect.signature(build).parameters.values()
        method.__signature__ = inspect.Signature([own, *arguments])  # type: ignore[attr-defined]
        return method

    return dress


def _get(build: Callable[P, Query[A]]) -> Callable[Concatenate[_Endpoint, P], A]:
    def method(self: _Endpoint, /, *args: P.args, **kwargs: P.kwargs) -> A:
        return self._client.fetch(build(*args, **kwargs))

    dressed: Callable[Concatenate[_Endpoint, P], A] = _like(build)(method)
    return dressed


def _get_async(
    build: Callable[P, Query[A]],
) -> Callable[Concatenate[_AsyncEndpoint, P], Awaitable[A]]:
    async def method(self: _AsyncEndpoint, /, *args: P.args, **kwargs: P.kwargs) -> A:
        return await self._client.fetch(build(*args, **kwargs))

    dressed: Callable[Concatenate[_AsyncEndpoint, P], Awaitable[A]] = _like(build)(method)
    return dressed


def _iterate(build: Callable[P, Scan[R]]) -> Callable[Concatenate[_Endpoint, P], Iterator[R]]:
    def rows(client: _Client, scan: Scan[R]) -> Iterator[R]:
        while (stretch := scan.walk.stretch) is not None:
            yield from scan.walk.feed(client.fetch(scan.query(stretch)))

    def method(self: _Endpoint, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
        return rows(self._client, build(*args, **kwargs))

    dressed: Callable[Concatenate[_Endpoint, P], Iterator[R]] = _like(build)(method)
    return dressed


def _iterate_async(
    build: Callable[P, Scan[R]],
) -> Callable[Concatenate[_AsyncEndpoint, P], AsyncIterator[R]]:
    async def rows(client: _AsyncClient, scan: Scan[R]) -> AsyncIterator[R]:
        while (stretch := scan.walk.stretch) is not None:
            for row in scan.walk.feed(await client.fetch(scan.query(stretch))):
                yield row

    def method(self: _AsyncEndpoint, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[R]:
        return rows(self._client, build(*args, **kwargs))

    dressed: Callable[Concatenate[_AsyncEndpoint, P], AsyncIterator[R]] = _like(build)(method)
    return dressed


class StatusEndpoint(_Endpoint):
    """``/status``."""

    get = _get(queries.status)


class TickersEndpoint(_Endpoint):
    """``/tickers``."""

    get = _get(queries.tickers)


class TradesEndpoint(_Endpoint):
    """``/trades``."""

    get = _get(queries.trades)
    iterate = _iterate(ranges.scan_trades)


class MinuteDataEndpoint(_Endpoint):
    """``/minute-data``."""

    get = _get(queries.minute_data)
    iterate = _iterate(ranges.scan_minute_data)


class DivergenceEndpoint(_Endpoint):
    """``/divergence``."""

    get = _get(queries.divergence)
    iterate = _iterate(ranges.scan_divergence)


class PredictionEndpoint(_Endpoint):
    """``/prediction/latest`` and ``/predictions``."""

    latest = _get(queries.prediction_latest)
    history = _get(queries.predictions)
    iterate = _iterate(ranges.scan_predictions)


class DataRangeEndpoint(_Endpoint):
    """``/data-range``."""

    get = _get(queries.data_range)
    iterate = _iterate(ranges.scan_data_range)


class AsyncStatusEndpoint(_AsyncEndpoint):
    """``/status``, awaited."""

    get = _get_async(queries.status)


class AsyncTickersEndpoint(_AsyncEndpoint):
    """``/tickers``, awaited."""

    get = _get_async(queries.tickers)


class AsyncTradesEndpoint(_AsyncEndpoint):
    """``/trades``, awaited."""

    get = _get_async(queries.trades)
    iterate = _iterate_async(ranges.scan_trades)


class AsyncMinuteDataEndpoint(_AsyncEndpoint):
    """``/minute-data``, awaited."""

    get = _get_async(queries.minute_data)
    iterate = _iterate_async(ranges.scan_minute_data)


class AsyncDivergenceEndpoint(_AsyncEndpoint):
    """``/divergence``, awaited."""

    get = _get_async(queries.divergence)
    iterate = _iterate_async(ranges.scan_divergence)


class AsyncPredictionEndpoint(_AsyncEndpoint):
    """``/prediction/latest`` and ``/predictions``, awaited."""

    latest = _get_async(queries.prediction_latest)
    history = _get_async(queries.predictions)
    iterate = _iterate_async(ranges.scan_predictions)


class AsyncDataRangeEndpoint(_AsyncEndpoint):
    """``/data-range``, awaited."""

    get = _get_async(queries.data_range)
    iterate = _iterate_async(ranges.scan_data_range)
