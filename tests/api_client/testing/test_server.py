"""The reference server itself: auth, limits as it counts them, its record, its life."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.error
import urllib.request
from typing import Any

import pytest

from api_client import (
    ApiClient,
    AsyncApiClient,
    AuthenticationError,
    RateLimitError,
    RateLimits,
    RetryPolicy,
    TradesAnswer,
    queries,
)
from api_client.testing import ReferenceServer, ServerOptions
from api_client.testing.faults import rate_limited, silent
from tests.support.flow import KEY, NOW, FlowTime

ONCE = RetryPolicy(attempts=1)
LOOSE = RateLimits(standard=1000, heavy=1000)


def call(url: str, **headers: str) -> tuple[int, dict[str, str], Any]:
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, dict(answer.headers), json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), json.load(error)


def test_a_key_in_either_place_and_no_other(server: ReferenceServer) -> None:
    url = f"{server.base_url}/tickers"
    quoted = urllib.request.quote(KEY)  # type: ignore[attr-defined]
    assert call(url, **{"X-API-Key": KEY})[0] == 200
    assert call(f"{url}?api_key={quoted}")[0] == 200
    assert call(url)[0] == 401
    assert call(url, **{"X-API-Key": "wrong"})[0] == 401
    assert call(f"{url}?api_key=wrong")[0] == 401
    assert call(f"{server.base_url}/nothing")[0] == 401
    assert [seen.key_in for seen in server.seen] == [
        "header",
        "query",
        None,
        "header",
        "query",
        None,
    ]
    assert KEY not in repr(server.seen)


def test_limits_by_key_and_class_with_their_headers(
    server: ReferenceServer, time: FlowTime
) -> None:
    url = f"{server.base_url}/trades?ticker=SLV&limit=1"
    for number in range(15):
        status, headers, _ = call(url, **{"X-API-Key": KEY})
        assert status == 200
        assert headers["X-RateLimit-Limit"] == "15"
        assert headers["X-RateLimit-Remaining"] == str(14 - number)
        time.sleep(1.0)
    status, headers, content = call(url, **{"X-API-Key": KEY})
    assert (status, content["status"], content["code"]) == (429, "error", 429)
    assert (headers["X-RateLimit-Remaining"], headers["X-RateLimit-Reset"]) == ("0", "45")
    assert call(f"{server.base_url}/tickers", **{"X-API-Key": KEY})[0] == 200
    time.sleep(45.0)
    assert call(url, **{"X-API-Key": KEY})[0] == 200
    assert server.busiest("heavy") == 16  # the refused one arrived too
    assert server.busiest("standard") == 1
    server.forget()
    assert server.seen == ()
    assert server.busiest("heavy") == 0


def test_a_client_that_keeps_the_limits_never_meets_them(
    server: ReferenceServer, time: FlowTime
) -> None:
    with ApiClient(server.base_url, KEY, timing=time.timing) as client:
        for _ in range(40):
            client.trades.get("SLV", limit=1)
            client.tickers.get()
    assert {seen.status for seen in server.seen} == {200}
    assert server.busiest("heavy") == 15
    assert server.busiest("standard") <= 30
    assert sum(time.slept) >= 120.0


def test_threads_that_share_a_client_keep_the_limits(
    server: ReferenceServer, time: FlowTime
) -> None:
    with ApiClient(server.base_url, KEY, timing=time.timing) as client:

        def work() -> None:
            for _ in range(6):
                client.trades.get("SLV", limit=1)

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(server.seen) == 36
    assert {seen.status for seen in server.seen} == {200}
    assert server.busiest("heavy") <= 15


async def test_tasks_that_share_a_client_keep_the_limits(
    server: ReferenceServer, time: FlowTime
) -> None:
    async with AsyncApiClient(server.base_url, KEY, timing=time.timing) as client:
        answers = await asyncio.gather(*[client.trades.get("SLV", limit=1) for _ in range(36)])
    assert len(answers) == 36
    assert {seen.status for seen in server.seen} == {200}
    assert server.busiest("heavy") <= 15


async def test_clients_of_one_key_can_share_a_limiter(
    server: ReferenceServer, time: FlowTime
) -> None:
    with ApiClient(server.base_url, KEY, timing=time.timing) as first:
        async with AsyncApiClient(
            server.base_url, KEY, timing=time.timing, limiter=first.limiter
        ) as second:
            for _ in range(12):
                first.minute_data.get("SLV", limit=1)
                await second.minute_data.get("SLV", limit=1)
    assert {seen.status for seen in server.seen} == {200}
    assert server.busiest("heavy") <= 15


async def test_a_storm_of_429_from_another_program_is_weathered(
    server: ReferenceServer, time: FlowTime
) -> None:
    async with AsyncApiClient(
        server.base_url, KEY, timing=time.timing, limits=LOOSE, retries=ONCE
    ) as rude:
        for _ in range(15):
            await rude.trades.get("SLV", limit=1)
        with pytest.raises(RateLimitError) as raised:
            await rude.fetch(queries.raw("/trades", rate="standard", ticker="SLV"))
    assert (raised.value.limit, raised.value.remaining, raised.value.reset) == (15, 0, 60.0)
    async with AsyncApiClient(server.base_url, KEY, timing=time.timing) as client:
        answers = await asyncio.gather(*[client.trades.get("SLV", limit=1) for _ in range(10)])
    assert len(answers) == 10
    assert server.seen[-1].status == 200


async def test_cancelling_gives_the_place_back(server: ReferenceServer, time: FlowTime) -> None:
    async with AsyncApiClient(
        server.base_url, KEY, timing=time.timing, limits=RateLimits(standard=1)
    ) as client:
        asked = asyncio.Event()
        server.faults.add("/tickers", _waiting_fault(asyncio.get_running_loop(), asked))
        task = asyncio.ensure_future(client.tickers.get())
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await client.tickers.get()).count == 2
        assert sum(time.slept) == pytest.approx(60.25)


def _waiting_fault(loop: asyncio.AbstractEventLoop, asked: asyncio.Event) -> Any:
    never = silent(30.0)

    async def fault(request: Any, right: Any) -> Any:
        loop.call_soon_threadsafe(asked.set)
        return await never(request, right)

    return fault


def test_a_wrong_key_is_told_and_not_asked_again(server: ReferenceServer) -> None:
    with (
        ApiClient(server.base_url, "nobody", environ={}) as client,
        pytest.raises(AuthenticationError, match="API key") as raised,
    ):
        client.status.get()
    assert raised.value.attempts == 1
    assert len(server.seen) == 1


def test_only_get(server: ReferenceServer) -> None:
    request = urllib.request.Request(
        f"{server.base_url}/tickers", data=b"{}", headers={"X-API-Key": KEY}
    )
    with pytest.raises(urllib.error.HTTPError) as raised, urllib.request.urlopen(request):
        pass
    assert raised.value.code == 400
    raised.value.close()


def test_a_server_starts_stops_and_starts_again() -> None:
    server = ReferenceServer(options=ServerOptions(now=lambda: NOW))
    server.stop()
    with server:
        port = server.port
        assert call(f"{server.base_url}/status", **{"X-API-Key": server.key})[0] == 200
    server.stop()
    with server:
        assert server.port == port
        assert call(f"{server.base_url}/status", **{"X-API-Key": server.key})[0] == 200


def test_a_taken_port_is_an_error(server: ReferenceServer) -> None:
    with pytest.raises(OSError, match="address"):
        ReferenceServer(port=server.port).start()


def test_no_limit_at_all(time: FlowTime) -> None:
    options = ServerOptions(limits={"standard": 0, "heavy": 0}, monotonic=time.monotonic)
    with (
        ReferenceServer(options=options) as server,
        ApiClient(server.base_url, server.key, limits=LOOSE) as client,
    ):
        for _ in range(40):
            client.tickers.get()
        assert server.busiest("standard") == 40


async def test_a_long_storm_is_met_at_the_limits_pace(
    server: ReferenceServer, time: FlowTime
) -> None:
    """429 to everything, without a word on when it ends: retries count like requests."""
    server.faults.add("*", rate_limited(None), 60)
    async with AsyncApiClient(server.base_url, KEY, timing=time.timing) as client:
        outcomes = await asyncio.gather(
            *[client.trades.get("SLV", limit=1) for _ in range(20)], return_exceptions=True
        )
    assert {type(one) for one in outcomes} <= {RateLimitError, TradesAnswer}
    assert len(server.seen) > 60
    assert server.busiest("heavy") <= 15
