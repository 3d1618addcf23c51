"""The drivers' hands: one GET over httpx, blocking or awaited, ending in a `Reply` or a `Fault`.

The key is put in at the last moment, by a transport below `httpx.Client`, so that no request object
that httpx logs, or hangs on its exceptions, ever holds it. Exceptions of httpx end here, as `Fault`
values.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import httpx

from .body import ACCEPTED, BadEncoding, Body, TooLarge
from .core import Fault, FaultKind, Outcome, Reply, Send
from .errors import ApiConfigError
from .redaction import Redactor
from .settings import Secret, Settings

__all__ = ["AsyncWire", "Wire"]

_HEADER = "X-API-Key"
_PARAM = "api_key"
_LOCAL = {"localhost", "127.0.0.1", "::1"}
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=8)
_HEADERS = {
    "User-Agent": "twsloop-api-client",
    "Accept": "application/json",
    "Accept-Encoding": ACCEPTED,
}
_LOCATION = "twsloop.location"

# The most particular first: each line is a subclass of one below it, or stands alone.
_KINDS: tuple[tuple[type[Exception], FaultKind], ...] = (
    (httpx.ConnectTimeout, FaultKind.CONNECT_TIMEOUT),
    (httpx.PoolTimeout, FaultKind.CONNECT_TIMEOUT),
    (httpx.TimeoutException, FaultKind.TIMEOUT),
    (httpx.ConnectError, FaultKind.CONNECT),
    (httpx.ProxyError, FaultKind.CONNECT),
    (httpx.NetworkError, FaultKind.DROPPED),
    (httpx.RemoteProtocolError, FaultKind.DROPPED),
    (httpx.DecodingError, FaultKind.ENCODING),
    (httpx.RequestError, FaultKind.REQUEST),
    (httpx.InvalidURL, FaultKind.REQUEST),
    (UnicodeError, FaultKind.REQUEST),
)


class _TooSlow(Exception):
    pass


_ENDINGS: tuple[type[Exception], ...] = (
    *(kind for kind, _ in _KINDS),
    TooLarge,
    BadEncoding,
    _TooSlow,
    TimeoutError,
)


def _proxy(settings: Settings) -> str | None:
    """The proxy to go through: the settings', else the environment's, never to this machine."""
    if settings.proxy is not None:
        return settings.proxy
    parts = urlsplit(settings.base_url)
    host = parts.hostname or ""
    if host in _LOCAL or urllib.request.proxy_bypass(host):
        return None
    found = urllib.request.getproxies().get(parts.scheme)
    return f"http://{found}" if found and "://" not in found else found


@contextmanager
def _configured(settings: Settings) -> Iterator[None]:
    """Whatever httpx cannot begin with is a setting that cannot be used; none of it is echoed."""
    try:
        yield
    except (httpx.InvalidURL, ValueError):  # UnicodeError is one, too
        through = "" if _proxy(settings) is None else " or the proxy"
        raise ApiConfigError(f"the base URL{through} is not a URL that can be used") from None
    except ImportError:
        raise ApiConfigError("a SOCKS proxy needs the package socksio") from None


def _key_adder(settings: Settings) -> Callable[[httpx.Request], httpx.Request]:
    key: Secret = settings.api_key

    def add(request: httpx.Request) -> httpx.Request:
        url, headers = request.url, request.headers.copy()
        if settings.key_place == "header":
            headers[_HEADER] = key.reveal()
        else:
            url = url.copy_add_param(_PARAM, key.reveal())
        return httpx.Request(
            request.method,
            url,
            headers=headers,
            stream=request.stream,
            extensions=request.extensions,
        )

    return add


def _no_redirect(response: httpx.Response) -> httpx.Response:
    """Keep a redirect's target out of httpx's hands.

    It would build the next request even though it is not to be sent, and call a target that is no
    URL a broken connection.
    """
    location = response.headers.pop("location", None)
    if location is not None:
        response.extensions = {**response.extensions, _LOCATION: location}
    return response


@functools.cache
def _authorities() -> ssl.SSLContext:
    """Httpx's own context, read once: it takes longer to read than a request takes to answer."""
    return httpx.create_ssl_context()


def _trusted(verify: ssl.SSLContext | bool) -> ssl.SSLContext | bool:
    return _authorities() if verify is True else verify


class _KeyTransport(httpx.BaseTransport):
    def __init__(self, settings: Settings, verify: ssl.SSLContext | bool) -> None:
        self._add_key = _key_adder(settings)
        self._inner = httpx.HTTPTransport(
            verify=_trusted(verify), limits=_LIMITS, proxy=_proxy(settings)
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return _no_redirect(self._inner.handle_request(self._add_key(request)))

    def close(self) -> None:
        self._inner.close()


class _AsyncKeyTransport(httpx.AsyncBaseTransport):
    def __init__(self, settings: Settings, verify: ssl.SSLContext | bool) -> None:
        self._add_key = _key_adder(settings)
        self._inner = httpx.AsyncHTTPTransport(
            verify=_trusted(verify), limits=_LIMITS, proxy=_proxy(settings)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return _no_redirect(await self._inner.handle_async_request(self._add_key(request)))

    async def aclose(self) -> None:
        await self._inner.aclose()


def _timeout(send: Send) -> httpx.Timeout:
    read = min(send.timeouts.read, send.timeouts.total)
    connect = min(send.timeouts.connect, send.timeouts.total)
    return httpx.Timeout(connect=connect, read=read, write=read, pool=None)


def _reply(response: httpx.Response, body: Body, since: float) -> Reply:
    headers = {name.lower(): value for name, value in response.headers.items()}
    location = response.extensions.get(_LOCATION)
    if location is not None:
        headers["location"] = location
    return Reply(response.status_code, headers, body.whole(), time.monotonic() - since)


def _fault(error: Exception, send: Send, since: float, redactor: Redactor) -> Fault:
    elapsed = time.monotonic() - since
    if isinstance(error, TooLarge):
        return Fault(FaultKind.TOO_LARGE, f"more than {send.max_body:,} bytes", elapsed)
    if isinstance(error, BadEncoding):
        return Fault(FaultKind.ENCODING, redactor.text(str(error)), elapsed)
    if isinstance(error, _TooSlow | TimeoutError):
        return Fault(FaultKind.TIMEOUT, f"more than {send.timeouts.total:g} s", elapsed)
    kind = next(kind for known, kind in _KINDS if isinstance(error, known))
    detail = redactor.text(str(error)) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in detail:
        kind = FaultKind.CERTIFICATE
    return Fault(kind, detail, elapsed)


class Wire:
    """Blocking requests. Safe to use from several threads.

    A blocking read cannot be given a deadline of its own: a service that sends a byte now and then
    keeps it busy for ever, and a name that is looked up cannot be interrupted at all. So each
    request is carried out by a thread beside the caller's, which waits for it until the deadline,
    or until `close`, and no longer; the thread then ends with the next byte it gets. They are
    daemons: no program waits for them at its end.
    """

    def __init__(
        self, settings: Settings, redactor: Redactor, verify: ssl.SSLContext | bool
    ) -> None:
        self._redactor = redactor
        self._lock = threading.Lock()
        self._waiting: set[Future[Outcome]] = set()
        self._closed = False
        with _configured(settings):
            self._http = httpx.Client(
                base_url=settings.base_url,
                transport=_KeyTransport(settings, verify),
                headers=_HEADERS,
                follow_redirects=False,
            )

    def send(self, send: Send) -> Outcome:
        """Carry out one request."""
        since = time.monotonic()
        done: Future[Outcome] = Future()
        left = threading.Event()
        with self._lock:
            self._waiting.add(done)
        work = contextvars.copy_context().run
        beside = threading.Thread(
            target=work,
            args=(self._beside, send, since, done, left),
            name="api_client",
            daemon=True,
        )
        try:
            beside.start()  # Ctrl-C may end this, too: it waits for the thread to run
            return done.result(send.timeouts.total)
        except TimeoutError as error:
            return _fault(error, send, since, self._redactor)
        finally:
            left.set()
            with self._lock:
                self._waiting.discard(done)

    def _beside(
        self, send: Send, since: float, done: Future[Outcome], left: threading.Event
    ) -> None:
        try:
            outcome = self._exchange(send, since, left)
        except BaseException as error:  # noqa: BLE001 - the caller raises it
            _settle(done, error)
        else:
            _settle(done, outcome)

    def _exchange(self, send: Send, since: float, left: threading.Event) -> Outcome:
        try:
            with self._http.stream(
                "GET", send.path, params=send.params, timeout=_timeout(send)
            ) as response:
                body = Body(send.max_body, response.headers.get("content-encoding"))
                try:
                    for piece in response.iter_raw():
                        body.add(piece)
                        if left.is_set():
                            raise _TooSlow
                    return _reply(response, body, since)
                finally:
                    if self._closed:
                        # The pool that was closed forgot a connection that was just being made,
                        # and takes back one that began later: nobody else would close this one.
                        response.extensions["network_stream"].close()
        except _ENDINGS as error:
            return _fault(error, send, since, self._redactor)
        except RuntimeError:
            if not self._closed:
                raise
            return _closed(since)

    def close(self) -> None:
        """Close all connections, and let nobody wait for an answer any more."""
        with self._lock:
            self._closed = True
            waiting = tuple(self._waiting)
        for done in waiting:
            _settle(done, _closed(time.monotonic()))
        self._http.close()


def _closed(since: float) -> Fault:
    return Fault(FaultKind.DROPPED, "the client was closed", time.monotonic() - since)


def _settle(done: Future[Outcome], outcome: Outcome | BaseException) -> None:
    """Give a waiting caller its outcome, unless it has one already, or has left."""
    with suppress(InvalidStateError):
        if isinstance(outcome, BaseException):
            done.set_exception(outcome)
        else:
            done.set_result(outcome)


class AsyncWire:
    """Awaited requests, on one asyncio loop."""

    def __init__(
        self, settings: Settings, redactor: Redactor, verify: ssl.SSLContext | bool
    ) -> None:
        self._redactor = redactor
        with _configured(settings):
            self._http = httpx.AsyncClient(
                base_url=settings.base_url,
                transport=_AsyncKeyTransport(settings, verify),
                headers=_HEADERS,
                follow_redirects=False,
            )

    async def send(self, send: Send) -> Outcome:
        """Carry out one request."""
        since = time.monotonic()
        try:
            async with (
                asyncio.timeout(send.timeouts.total),
                self._http.stream(
                    "GET", send.path, params=send.params, timeout=_timeout(send)
                ) as response,
            ):
                body = Body(send.max_body, response.headers.get("content-encoding"))
                async for piece in response.aiter_raw():
                    body.add(piece)
                return _reply(response, body, since)
        except _ENDINGS as error:
            return _fault(error, send, since, self._redactor)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()
