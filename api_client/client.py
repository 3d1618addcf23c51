"""`ApiClient` and `AsyncApiClient`: the same core, driven by a thread or by an asyncio loop.

::

    with ApiClient() as client:                        # API_BASE_URL and API_KEY, or .env
        for trade in client.trades.get("SLV", limit=5):
            print(trade.option_symbol, trade.price, trade.size)

    async with AsyncApiClient(base_url, key) as client:
        latest = await client.prediction.latest("SLV")
"""

from __future__ import annotations

import inspect
import ssl
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, TypedDict, TypeVar, Unpack

from .core import Core, Counters, Fault, Outcome, Send, Timing
from .endpoints import (
    AsyncDataRangeEndpoint,
    AsyncDivergenceEndpoint,
    AsyncMinuteDataEndpoint,
    AsyncPredictionEndpoint,
    AsyncStatusEndpoint,
    AsyncTickersEndpoint,
    AsyncTradesEndpoint,
    DataRangeEndpoint,
    DivergenceEndpoint,
    MinuteDataEndpoint,
    PredictionEndpoint,
    StatusEndpoint,
    TickersEndpoint,
    TradesEndpoint,
)
from .errors import ApiClosedError
from .limiter import RateLimiter
from .queries import Query
from .redaction import LogGuard, Redactor
from .settings import KeyPlace, RateLimits, RetryPolicy, Secret, Settings, Timeouts
from .wire import AsyncWire, Wire

__all__ = ["ApiClient", "AsyncApiClient", "ClientOptions"]

A = TypeVar("A")


class ClientOptions(TypedDict, total=False):
    """The keyword arguments that both clients take besides base URL and key; see `Settings`."""

    env_file: str | Path | None
    environ: Mapping[str, str] | None
    key_place: KeyPlace
    timeouts: Mapping[str, Timeouts]
    limits: RateLimits
    retries: RetryPolicy
    max_body: int
    proxy: str | None


class _Base:
    """What both clients are made of.

    Args:
        base_url: ``https://HOST/api/v1``; default: ``API_BASE_URL``.
        api_key: The key; default: ``API_KEY``.
        limiter: A limiter to share with other clients of the same key; ``limits`` is then unused.
        timing: Time and chance, for tests.
        verify: As httpx has it: an SSL context, or False to accept any certificate.
        **options: See `ClientOptions`.

    Raises:
        ApiConfigError: A setting is missing or cannot be used.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | Secret | None = None,
        *,
        limiter: RateLimiter | None = None,
        timing: Timing | None = None,
        verify: ssl.SSLContext | bool = True,
        **options: Unpack[ClientOptions],
    ) -> None:
        self.settings = Settings.load(base_url, api_key, **options)
        self.limiter = limiter if limiter is not None else RateLimiter(self.settings.limits)
        self._timing = timing if timing is not None else Timing()
        self._redactor = Redactor(self.settings.api_key)
        self._core = Core(self.settings, self.limiter, self._timing, self._redactor)
        self._guard = LogGuard(self._redactor)
        self._verify = verify
        self._closed = False
        self._open()
        self._guard.install()

    def _open(self) -> None:
        """Make what the two clients have each of their own."""
        raise AssertionError("each client opens its own")  # pragma: no cover

    @property
    def counters(self) -> Counters:
        """How many requests, retries and refusals so far, and how many seconds of waiting."""
        return self._core.counters

    @property
    def closed(self) -> bool:
        """It takes no more calls."""
        return self._closed

    def _check_open(self) -> None:
        if self._closed:
            raise ApiClosedError("the client is closed")

    def _check_not_cut(self, outcome: Outcome) -> None:
        """A connection that ended because we closed it is no fault of the service's."""
        if self._closed and isinstance(outcome, Fault):
            raise ApiClosedError("the client was closed during the call")

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        return f"<{type(self).__name__} {self.settings.base_url} {state}>"


_ARGUMENTS = inspect.cleandoc(_Base.__doc__ or "").partition("\n\n")[2]


class ApiClient(_Base):
    """The blocking client, also for several threads; use it in ``with``, or `close` it."""

    __doc__ = f"{__doc__}\n\n{_ARGUMENTS}"

    def _open(self) -> None:
        self._wire = Wire(self.settings, self._redactor, self._verify)
        self.status = StatusEndpoint(self)
        self.tickers = TickersEndpoint(self)
        self.trades = TradesEndpoint(self)
        self.minute_data = MinuteDataEndpoint(self)
        self.divergence = DivergenceEndpoint(self)
        self.prediction = PredictionEndpoint(self)
        self.data_range = DataRangeEndpoint(self)

    def fetch(self, query: Query[A]) -> A:
        """Carry out any query of `api_client.queries`; the endpoint classes do the same.

        Raises:
            ApiError: See the tree in `api_client.errors`.
        """
        flow = self._core.run(query)
        outcome: Outcome | None = None
        try:
            while True:
                effect = flow.send(outcome)
                if isinstance(effect, Send):
                    self._check_open()  # it may have been closed during a wait
                    outcome = self._wire.send(effect)
                    self._check_not_cut(outcome)
                else:
                    outcome = None
                    self._timing.sleep(effect.seconds)
        except StopIteration as end:
            answer: A = end.value
            return answer
        finally:
            flow.close()

    def close(self) -> None:
        """Close all connections. Harmless twice.

        A call that another thread is waiting in ends at once with `ApiClosedError`.
        """
        self._closed = True
        self._wire.close()
        self._guard.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncApiClient(_Base):
    """The awaited client, for one asyncio loop; use it in ``async with``, or await `close`."""

    __doc__ = f"{__doc__}\n\n{_ARGUMENTS}"

    def _open(self) -> None:
        self._wire = AsyncWire(self.settings, self._redactor, self._verify)
        self.status = AsyncStatusEndpoint(self)
        self.tickers = AsyncTickersEndpoint(self)
        self.trades = AsyncTradesEndpoint(self)
        self.minute_data = AsyncMinuteDataEndpoint(self)
        self.divergence = AsyncDivergenceEndpoint(self)
        self.prediction = AsyncPredictionEndpoint(self)
        self.data_range = AsyncDataRangeEndpoint(self)

    async def fetch(self, query: Query[A]) -> A:
        """Carry out any query of `api_client.queries`; the endpoint classes do the same.

        Raises:
            ApiError: See the tree in `api_client.errors`.
        """
        flow = self._core.run(query)
        outcome: Outcome | None = None
        try:
            while True:
                effect = flow.send(outcome)
                if isinstance(effect, Send):
                    self._check_open()  # it may have been closed during a wait
                    outcome = await self._wire.send(effect)
                    self._check_not_cut(outcome)
                else:
                    outcome = None
                    await self._timing.sleep_async(effect.seconds)
        except StopIteration as end:
            answer: A = end.value
            return answer
        finally:
            flow.close()

    async def close(self) -> None:
        """Close all connections. Harmless twice."""
        self._closed = True
        self._guard.remove()
        await self._wire.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
