"""Everything that can go wrong on the way, over real sockets, for both clients."""

from __future__ import annotations

import asyncio
import gc
import gzip
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from api_client import (
    ApiAnswerError,
    ApiAnswerTooLargeError,
    ApiClient,
    ApiClosedError,
    ApiConfigError,
    ApiConnectionError,
    ApiError,
    ApiJsonError,
    ApiRedirectError,
    ApiServiceError,
    ApiShapeError,
    ApiTimeoutError,
    AsyncApiClient,
    AuthenticationError,
    RateLimitError,
    RetryPolicy,
    ServerError,
    TickersAnswer,
    Timeouts,
)
from api_client.testing import ReferenceServer, faults
from tests.support.flow import KEY, FlowTime, ask_both

MIB = 1024 * 1024
QUICK = {"tickers": Timeouts(connect=2, read=0.15, total=0.3)}
ONCE = RetryPolicy(attempts=1)


def ask(client: Any) -> Any:
    return client.tickers.get()


async def both(
    server: ReferenceServer, time: FlowTime, fault: faults.Fault, times: int = 1, **options: Any
) -> tuple[Any, Any]:
    """What each client makes of a fault that each of them meets ``times`` times."""
    server.faults.add("/tickers", fault, times)

    def again(client: Any) -> Any:
        server.faults.clear()
        server.faults.add("/tickers", fault, times)
        return ask(client)

    server.faults.clear()
    return await ask_both(server, time, again, again, **options)


@pytest.mark.parametrize(
    "fault",
    [
        faults.drop(),
        faults.cut(),
        faults.envelope(500),
        faults.envelope(503, status=200),
        faults.rate_limited(3),
        faults.rate_limited(None),
        faults.rate_limited(2, status=200, name="Retry-After"),
    ],
)
async def test_what_passes_is_not_noticed(
    fault: faults.Fault, server: ReferenceServer, time: FlowTime
) -> None:
    for outcome in await both(server, time, fault, times=2):
        assert isinstance(outcome, TickersAnswer)
    assert len(server.seen) == 6


@pytest.mark.parametrize(
    ("fault", "kind", "attempts"),
    [
        (faults.drop(), ApiConnectionError, 4),
        (faults.cut(), ApiConnectionError, 4),
        (faults.envelope(500), ServerError, 4),
        (faults.rate_limited(3), RateLimitError, 4),
        (faults.rate_limited(500), RateLimitError, 1),
        (faults.body(b"<html>it works!</html>"), ApiJsonError, 1),
        (faults.body(b""), ApiJsonError, 1),
        (faults.body(b'{"status": "success", "data": {"tick'), ApiJsonError, 1),
        (faults.body(b"[]"), ApiShapeError, 1),
        (faults.body(b"not gzip at all", headers={"Content-Encoding": "gzip"}), ApiAnswerError, 1),
        (faults.altered(lambda data: data.pop("tickers")), ApiShapeError, 1),
        (faults.altered(lambda data: data.update(count="2")), ApiShapeError, 1),
        (faults.redirect("https://example.com/"), ApiRedirectError, 1),
        (faults.redirect("/api/v1/tickers", 308), ApiRedirectError, 1),
        (faults.redirect("http://[no:url"), ApiRedirectError, 1),
        (faults.body(b"", status=301), ApiRedirectError, 1),
        (faults.body(b"{}", headers={"Content-Encoding": "br"}), ApiAnswerError, 1),
        (faults.body(b"\xff\xfe\xfd"), ApiJsonError, 1),
        (
            faults.body(b'{"status": "success", "data": {"tickers": [], "count": 1e400}}'),
            ApiShapeError,
            1,
        ),
        (
            faults.body(b'{"status": "success", "data": {"tickers": [], "x": 1e9999999999}}'),
            ApiJsonError,
            1,
        ),
    ],
)
async def test_what_stays_is_a_clear_error(
    fault: faults.Fault,
    kind: type[ApiError],
    attempts: int,
    server: ReferenceServer,
    time: FlowTime,
) -> None:
    mine, theirs = await both(server, time, fault, times=4)
    for outcome in (mine, theirs):
        assert type(outcome) is kind
        assert outcome.attempts == attempts
        assert "/tickers" in str(outcome)
        assert outcome.__cause__ is outcome.__context__ is None
    assert str(mine) == str(theirs)
    assert len(server.seen) == 2 * attempts


async def test_new_fields_and_missing_ones_do_no_harm(
    server: ReferenceServer, time: FlowTime
) -> None:
    def change(data: dict[str, Any]) -> None:
        data["venue"] = {"name": "new"}
        del data["count"]

    for outcome in await both(server, time, faults.altered(change)):
        assert outcome.tickers == ("SLV", "SPY")
        assert outcome.count is None
        assert outcome.extra == {"venue": {"name": "new"}}


@pytest.mark.parametrize("fault", [faults.drip(0.02), faults.silent(5.0)])
async def test_slow_answers_end_in_time_and_are_not_asked_again(
    fault: faults.Fault, server: ReferenceServer, time: FlowTime
) -> None:
    # Who waited longer would have the whole answer.
    for outcome in await both(server, time, fault, timeouts=QUICK):
        assert type(outcome) is ApiTimeoutError
        assert isinstance(outcome, TimeoutError)
        assert outcome.attempts == 1
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    "fault",
    [
        faults.huge(3 * MIB),
        faults.body(b" " * (MIB + 1)),
        faults.body(gzip.compress(b" " * (30 * MIB)), headers={"Content-Encoding": "gzip"}),
    ],
)
async def test_huge_answers_are_refused(
    fault: faults.Fault, server: ReferenceServer, time: FlowTime
) -> None:
    for outcome in await both(server, time, fault, max_body=MIB):
        assert type(outcome) is ApiAnswerTooLargeError
        assert "1,048,576 bytes" in str(outcome)
        assert outcome.attempts == 1


async def test_a_large_answer_within_the_limit_is_read(
    server: ReferenceServer, time: FlowTime
) -> None:
    padding = faults.altered(lambda data: data.update(padding="x" * 3 * MIB))
    for outcome in await both(server, time, padding):
        assert len(outcome.extra["padding"]) == 3 * MIB


async def test_a_redirect_is_never_followed(server: ReferenceServer, time: FlowTime) -> None:
    with ReferenceServer() as other:
        location = f"{other.base_url}/tickers"
        for outcome in await both(server, time, faults.redirect(location)):
            assert outcome.location == location
            assert "not followed" in str(outcome)
        assert other.seen == ()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


async def test_nobody_listens(time: FlowTime) -> None:
    url = f"http://127.0.0.1:{free_port()}/api/v1"
    with ApiClient(url, KEY, timing=time.timing) as client, pytest.raises(ApiError) as mine:
        client.tickers.get()
    async with AsyncApiClient(url, KEY, timing=time.timing) as client_async:
        with pytest.raises(ApiError) as theirs:
            await client_async.tickers.get()
    for raised in (mine.value, theirs.value):
        assert type(raised) is ApiConnectionError
        assert raised.attempts == 4
        assert "cannot connect" in str(raised)


class Blunt:
    """Sends each visitor the same bytes, whatever was asked, and hangs up."""

    def __init__(self, reply: bytes) -> None:
        self._reply = reply
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.05)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        self.visits = 0

    @property
    def port(self) -> int:
        port: int = self._socket.getsockname()[1]
        return port

    def _serve(self) -> None:
        while not self._done.is_set():
            try:
                visitor, _ = self._socket.accept()
            except TimeoutError:
                continue
            with visitor:
                self.visits += 1
                visitor.recv(65536)
                visitor.sendall(self._reply)

    def close(self) -> None:
        self._done.set()
        self._thread.join()
        self._socket.close()


class Drip(Blunt):
    """Sends a byte of its headers now and then, and never comes to their end."""

    def _serve(self) -> None:
        while not self._done.is_set():
            try:
                visitor, _ = self._socket.accept()
            except TimeoutError:
                continue
            with visitor, suppress(OSError):
                self.visits += 1
                visitor.recv(65536)
                visitor.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not self._done.wait(0.02):
                    visitor.sendall(b"x")


async def test_headers_that_never_end(time: FlowTime) -> None:
    url, slow = "http://127.0.0.1:{}/api/v1", Drip(b"")
    try:
        with (
            ApiClient(url.format(slow.port), KEY, timing=time.timing, timeouts=QUICK) as client,
            pytest.raises(ApiTimeoutError, match=r"0\.3 s"),
        ):
            client.tickers.get()
    finally:
        slow.close()
    slow = Drip(b"")
    try:
        async with AsyncApiClient(
            url.format(slow.port), KEY, timing=time.timing, timeouts=QUICK
        ) as client_async:
            with pytest.raises(ApiTimeoutError, match=r"0\.3 s"):
                await client_async.tickers.get()
    finally:
        slow.close()


@pytest.fixture
def blunt() -> Iterator[Callable[[bytes], Blunt]]:
    opened: list[Blunt] = []

    def make(reply: bytes) -> Blunt:
        opened.append(Blunt(reply))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.mark.parametrize(
    "reply",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: banana\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
    ],
)
async def test_not_http(reply: bytes, blunt: Callable[[bytes], Blunt], time: FlowTime) -> None:
    there = blunt(reply)
    url = f"http://127.0.0.1:{there.port}/api/v1"
    with (
        ApiClient(url, KEY, timing=time.timing, retries=ONCE) as client,
        pytest.raises(ApiConnectionError, match="dropped"),
    ):
        client.tickers.get()
    async with AsyncApiClient(url, KEY, timing=time.timing, retries=ONCE) as client_async:
        with pytest.raises(ApiConnectionError, match="dropped"):
            await client_async.tickers.get()
    assert there.visits == 2


GOOD = b'{"status": "success", "data": {"tickers": ["SLV"], "count": 1}}'


@pytest.mark.parametrize(
    ("head", "body", "expected"),
    [
        (b"HTTP/1.0 200 OK\r\n\r\n", GOOD, TickersAnswer),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", GOOD, TickersAnswer),
        (b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.0 200 OK\r\n\r\n", GOOD, TickersAnswer),
        (b"HTTP/1.0 200 OK\r\n\r\n", b"\xef\xbb\xbf" + GOOD, TickersAnswer),
        (b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n", GOOD, TickersAnswer),
        (b"HTTP/1.0 200 OK\r\nContent-Encoding: utf-8\r\n\r\n", GOOD, TickersAnswer),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", GOOD, ApiJsonError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", GOOD, ApiConnectionError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", GOOD, ApiConnectionError),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            GOOD,
            ApiConnectionError,
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", ApiJsonError),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", b"", ApiRedirectError),
        (b"HTTP/1.0 302 X\r\nLocation: javascript:\x1b[2J\r\n\r\n", b"", ApiRedirectError),
        (b"HTTP/1.0 999 X\r\n\r\n", GOOD, ApiServiceError),
        (b"HTTP/1.0 401 X\r\n\r\n", b"<html>", AuthenticationError),
        (b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 300_000 + b"\r\n\r\n", GOOD, ApiConnectionError),
    ],
)
async def test_odd_http(
    head: bytes,
    body: bytes,
    expected: type[Any],
    blunt: Callable[[bytes], Blunt],
    time: FlowTime,
) -> None:
    there = blunt(head + body)
    url = f"http://127.0.0.1:{there.port}/api/v1"
    outcomes: list[Any] = []
    with ApiClient(url, KEY, timing=time.timing, retries=ONCE) as client:
        try:
            outcomes.append(client.tickers.get())
        except ApiError as error:
            outcomes.append(error)
    async with AsyncApiClient(url, KEY, timing=time.timing, retries=ONCE) as client_async:
        try:
            outcomes.append(await client_async.tickers.get())
        except ApiError as error:
            outcomes.append(error)
    assert [type(one) for one in outcomes] == [expected, expected]
    assert str(outcomes[0]) == str(outcomes[1])
    assert there.visits == 2


async def test_tls_to_a_plain_port(blunt: Callable[[bytes], Blunt], time: FlowTime) -> None:
    url = f"https://127.0.0.1:{blunt(b'HTTP/1.1 400 Bad Request').port}/api/v1"
    with (
        ApiClient(url, KEY, timing=time.timing, retries=ONCE) as client,
        pytest.raises(ApiConnectionError, match="cannot connect"),
    ):
        client.tickers.get()


async def test_a_kept_connection_that_died_is_replaced(
    server: ReferenceServer, time: FlowTime
) -> None:
    with ApiClient(server.base_url, KEY, timing=time.timing) as client:
        assert client.tickers.get().count == 2
        port = server.port
        server.stop()
        with ReferenceServer(port=port, options=server.options):
            assert client.tickers.get().count == 2


@pytest.mark.parametrize(
    ("proxy", "problem"),
    [
        ("socks5://127.0.0.1:1", "socksio"),
        ("nonsense://user:hush@host", "not a URL that can be used"),
        ("http://[::", "not a URL that can be used"),
    ],
)
def test_a_proxy_that_cannot_be_used(
    proxy: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    with pytest.raises(ApiConfigError, match=problem) as raised:
        ApiClient("http://flow.invalid/api/v1", KEY)
    assert "hush" not in str(raised.value)
    with pytest.raises(ApiConfigError, match=problem):
        AsyncApiClient("http://flow.invalid/api/v1", KEY)
    # Nothing of it matters for this machine itself.
    ApiClient("http://127.0.0.1:1/api/v1", KEY).close()


def test_a_proxy_without_its_scheme(monkeypatch: pytest.MonkeyPatch, time: FlowTime) -> None:
    with ReferenceServer() as proxy:
        monkeypatch.setenv("http_proxy", f"127.0.0.1:{proxy.port}")
        with (
            ApiClient("http://flow.invalid/api/v1", KEY, timing=time.timing) as client,
            pytest.raises(ApiError),
        ):
            client.tickers.get()
        assert len(proxy.seen) == 1


def waiting(asked: threading.Event) -> faults.Fault:
    """A service that takes its time."""
    slow = faults.silent(50.0)

    async def fault(request: Any, right: Any) -> Any:
        asked.set()
        return await slow(request, right)

    return fault


def test_a_client_closed_during_a_call(server: ReferenceServer, time: FlowTime) -> None:
    asked, ended = threading.Event(), threading.Event()
    outcome: list[BaseException] = []
    server.faults.add("/tickers", waiting(asked), 9)
    client = ApiClient(server.base_url, KEY, timing=time.timing)

    def ask_it() -> None:
        try:
            client.tickers.get()
        except ApiError as error:
            outcome.append(error)
        ended.set()

    thread = threading.Thread(target=ask_it)
    thread.start()
    assert asked.wait(5)
    client.close()
    assert ended.wait(5)
    thread.join()
    assert [type(one) for one in outcome] == [ApiClosedError]
    assert len(server.seen) == 1


def test_a_client_closed_while_it_connects_leaves_no_socket(
    server: ReferenceServer, time: FlowTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking_up, found, look_up = threading.Event(), threading.Event(), socket.getaddrinfo
    outcome: list[BaseException] = []

    def slow(*arguments: Any, **more: Any) -> Any:
        looking_up.set()
        assert found.wait(20)
        return look_up(*arguments, **more)

    def ask_it(client: ApiClient) -> None:
        try:
            client.tickers.get()
        except ApiError as error:
            outcome.append(error)

    # No body: nothing of it tells the thread beside that its caller has left.
    server.faults.add("/tickers", faults.body(b""))
    monkeypatch.setattr(socket, "getaddrinfo", slow)
    earlier = set(threading.enumerate())
    with ApiClient(server.base_url, KEY, timing=time.timing) as client:
        thread = threading.Thread(target=ask_it, args=(client,))
        thread.start()
        assert looking_up.wait(20)
        (beside,) = {*threading.enumerate()} - {*earlier, thread}
    thread.join(20)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", ResourceWarning)
        found.set()
        beside.join(20)
        gc.collect()
    assert [type(one) for one in outcome] == [ApiClosedError]
    assert [str(one.message) for one in warned] == []


async def test_an_async_client_closed_during_a_call(
    server: ReferenceServer, time: FlowTime
) -> None:
    asked = threading.Event()
    server.faults.add("/tickers", waiting(asked), 9)
    client = AsyncApiClient(server.base_url, KEY, timing=time.timing)
    task = asyncio.ensure_future(client.tickers.get())
    assert await asyncio.to_thread(asked.wait, 5)
    await client.close()
    with pytest.raises(ApiClosedError, match="during the call"):
        await task
    assert len(server.seen) == 1


def test_the_environments_proxy_is_used_but_not_for_this_machine(
    monkeypatch: pytest.MonkeyPatch, server: ReferenceServer, time: FlowTime
) -> None:
    with ReferenceServer() as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        with ApiClient(server.base_url, KEY, timing=time.timing) as client:
            assert client.tickers.get().count == 2
        assert list(proxy.seen) == []
        with (
            ApiClient("http://flow.invalid/api/v1", KEY, timing=time.timing) as client,
            pytest.raises(ApiError),
        ):
            client.tickers.get()
        assert proxy.seen[0].path.endswith("/tickers")
