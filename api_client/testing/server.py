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
import html
import math
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import attrs
from aiohttp import web

from .answers import Answers, Refused, ServerOptions
from .contract import Operation, document, operations
from .faults import Faults

__all__ = ["ReferenceServer", "Seen", "ServerOptions"]

_BASE = "/api/v1"
_PERIOD = 60.0
_START_TIMEOUT = 10.0


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
        self._operations = operations()
        self._answers = Answers(self.options)
        assert set(self._answers.handlers) == set(self._operations), "the OpenAPI has other paths"
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
        except Refused as refused:
            response = _refusal(refused)
        with self._lock:
            if place < len(self._seen) and self._seen[place] is seen:
                self._seen[place] = attrs.evolve(seen, status=response.status)
        return response

    async def _judge(
        self, request: web.Request, operation: Operation | None, seen: Seen, key: str | None
    ) -> web.StreamResponse:
        if key not in self.options.keys:
            raise Refused(401, "Invalid or missing API key")
        if operation is None:
            raise Refused(404, "Not found", f"no path {request.path}")
        if request.method != "GET":
            raise Refused(400, "Only GET")
        headers = self._count(str(key), operation.rate, seen.at)

        def right() -> dict[str, Any]:
            return self._answers.data(operation, seen.query)

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
            raise Refused(429, "Rate limit exceeded", f"{limit} a minute", **headers)
        return headers


def _refusal(refused: Refused) -> web.Response:
    content = {"status": "error", "error": refused.error, "code": refused.code}
    if refused.message is not None:
        content["message"] = refused.message
    return web.json_response(content, status=refused.code, headers=refused.headers)
