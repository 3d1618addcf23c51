"""Both clients against the reference server, over real HTTP."""

from __future__ import annotations

import datetime as dt
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest

import api_client
from api_client import (
    ApiClient,
    ApiClosedError,
    ApiConfigError,
    ApiError,
    ApiParameterError,
    AsyncApiClient,
    NotFoundError,
    queries,
)
from api_client.testing import ReferenceServer
from api_client.testing.faults import envelope
from tests.support.flow import KEY, FlowTime, ask_both

Call = Callable[[Any], Any]
DAY = "2026-11-17"
# name -> a call that either client understands
CALLS: dict[str, Call] = {
    "status": lambda client: client.status.get(),
    "tickers": lambda client: client.tickers.get(),
    "trades": lambda client: client.trades.get("SLV"),
    "trades limit": lambda client: client.trades.get("SLV", limit=7),
    "trades recent": lambda client: client.trades.get("SLV", recent=True, limit=5),
    "trades dates": lambda client: client.trades.get("SLV", start_date=DAY, end_date=DAY),
    "trades times": lambda client: client.trades.get(
        "SLV", start_date=DAY, end_date=DAY, start_time="10:00", end_time=dt.time(12, 30)
    ),
    "minute": lambda client: client.minute_data.get("SLV", limit=3),
    "minute times": lambda client: client.minute_data.get(
        "SLV", start_date=DAY, end_date=DAY, start_time="10:00", end_time="10:04"
    ),
    "minute recent": lambda client: client.minute_data.get("SLV", recent=True, limit=2),
    "divergence": lambda client: client.divergence.get("SLV"),
    "divergence days": lambda client: client.divergence.get("SLV", days=2, limit=9),
    "divergence times": lambda client: client.divergence.get(
        "SLV", start_date=DAY, end_date=DAY, start_time="15:00", end_time="15:30"
    ),
    "latest": lambda client: client.prediction.latest("SLV"),
    "latest default": lambda client: client.prediction.latest("SLV", use_default_only=True),
    "history": lambda client: client.prediction.history("SLV", limit=4),
    "history dates": lambda client: client.prediction.history(
        "SLV",
        start_date="2026-11-17T10:00:00-05:00",
        end_date=dt.datetime(2026, 11, 17, 20, tzinfo=dt.UTC),
        use_default_only=False,
    ),
    "range": lambda client: client.data_range.get("SLV", DAY, DAY),
    "range filtered": lambda client: client.data_range.get(
        "SLV",
        DAY,
        DAY,
        start_time="10:00",
        end_time="11:00",
        lookback_hours=2,
        lambda_short=0.5,
        lambda_long=1.5,
        min_value=100,
        max_value=5_000_000,
        min_size=2,
        max_size=390,
        min_delta=-0.9,
        max_delta=0.9,
    ),
    "raw": lambda client: client.fetch(queries.raw("/tickers", rate="standard")),
    "unknown ticker": lambda client: client.trades.get("NOPE"),
    "bad parameter": lambda client: client.fetch(queries.raw("/trades", ticker="SLV", limit="x")),
}


@pytest.mark.parametrize("name", CALLS)
async def test_sync_and_async_give_the_same(
    name: str, server: ReferenceServer, time: FlowTime
) -> None:
    call = CALLS[name]
    mine, theirs = await ask_both(server, time, call, call)
    if isinstance(mine, Exception):
        assert isinstance(mine, ApiError)
        assert (type(mine), str(mine)) == (type(theirs), str(theirs))
    else:
        assert mine == theirs
    first, second = server.seen
    assert (first.path, first.query, first.key_in) == (second.path, second.query, "header")


def test_every_parameter_of_the_contract_is_sent(server: ReferenceServer, time: FlowTime) -> None:
    with ApiClient(server.base_url, KEY, timing=time.timing) as client:
        for call in CALLS.values():
            try:
                call(client)
            except ApiError:
                continue
    sent: dict[str, set[str]] = {}
    for seen in server.seen:
        sent.setdefault(seen.path, set()).update(seen.query)
    from api_client.testing.contract import operations  # noqa: PLC0415 - the judge, not the subject

    assert sent == {path: set(one.parameters) for path, one in operations().items()}


def test_answers_mean_what_was_asked(client: ApiClient) -> None:
    trades = client.trades.get("slv", start_date=DAY, end_date=DAY, limit=1000)
    assert len(trades) == trades.count == 60
    day = {trade.trade_timestamp.date() for trade in trades if trade.trade_timestamp}
    assert day == {dt.date(2026, 11, 17)}
    for trade in trades:
        assert trade.trade_timestamp == trade.trade_datetime
        assert trade.option_symbol is not None
        assert trade.option_symbol.root == trade.ticker == "SLV"
        assert trade.price is not None
        assert trade.size is not None
        assert trade.trade_value == trade.price * trade.size * 100
    recent = client.trades.get("SLV", recent=True, limit=5)
    stamps = [trade.trade_timestamp for trade in recent]
    assert stamps == sorted(stamps, reverse=True, key=str)
    minutes = client.minute_data.get(
        "SLV", start_date=DAY, end_date=DAY, start_time="10:00", end_time="10:04"
    )
    assert [bar.datetime.strftime("%H:%M") for bar in minutes if bar.datetime] == [
        "10:00",
        "10:01",
        "10:02",
        "10:03",
        "10:04",
    ]


def test_a_range_without_filters_is_the_plain_divergence(client: ApiClient) -> None:
    plain = client.divergence.get("SLV", start_date=DAY, end_date=DAY)
    computed = client.data_range.get("SLV", DAY, DAY)
    assert plain.divergence_data == computed.divergence_data
    filtered = client.data_range.get("SLV", DAY, DAY, min_size=200)
    assert filtered.data_info is not None
    assert filtered.data_info.original_trades == 60
    assert 0 < (filtered.data_info.filtered_trades or 0) < 60
    assert filtered.divergence_data != plain.divergence_data


@pytest.mark.parametrize("place", ["header", "query"])
async def test_the_key_goes_where_it_is_told(
    place: Any, server: ReferenceServer, time: FlowTime
) -> None:
    mine, theirs = await ask_both(server, time, CALLS["tickers"], CALLS["tickers"], key_place=place)
    assert mine == theirs
    assert [seen.key_in for seen in server.seen] == [place, place]


def test_a_closed_client_says_so(server: ReferenceServer) -> None:
    client = ApiClient(server.base_url, KEY)
    client.close()
    client.close()
    assert client.closed
    with pytest.raises(ApiClosedError, match="closed"):
        client.status.get()
    assert server.seen == ()


async def test_a_client_closed_while_it_waits_says_so(
    server: ReferenceServer, time: FlowTime
) -> None:
    server.faults.add("/tickers", envelope(500), 4)
    client = AsyncApiClient(
        server.base_url, KEY, timing=attrs.evolve(time.timing, sleep_async=lambda _: client.close())
    )
    with pytest.raises(ApiClosedError, match="closed"):
        await client.tickers.get()
    assert len(server.seen) == 1


async def test_a_closed_async_client_says_so(server: ReferenceServer) -> None:
    client = AsyncApiClient(server.base_url, KEY)
    await client.close()
    await client.close()
    with pytest.raises(ApiClosedError, match="closed"):
        await client.status.get()


async def test_bad_arguments_never_leave(server: ReferenceServer, time: FlowTime) -> None:
    mine, theirs = await ask_both(
        server,
        time,
        lambda client: client.trades.get("SLV", limit=0),
        lambda client: client.trades.get("SLV", limit=0),
    )
    assert isinstance(mine, ApiParameterError)
    assert isinstance(theirs, ApiParameterError)
    assert server.seen == ()


def test_environment_and_env_file(server: ReferenceServer, tmp_path: Any) -> None:
    environ = {"API_BASE_URL": server.base_url, "API_KEY": KEY}
    with ApiClient(environ=environ) as client:
        assert client.tickers.get().count == 2
    env_file = tmp_path / "flow.env"
    env_file.write_text(f"API_BASE_URL={server.base_url}\nAPI_KEY='{KEY}'\n")
    with ApiClient(environ={}, env_file=env_file) as client:
        assert client.tickers.get().count == 2
    with pytest.raises(ApiConfigError, match="API_KEY"):
        ApiClient(server.base_url, environ={}, env_file=None)


def test_methods_show_the_signature_of_their_query(client: ApiClient) -> None:
    shown = inspect.signature(client.trades.get)
    assert shown.parameters == inspect.signature(queries.trades).parameters
    assert client.trades.get.__doc__ == queries.trades.__doc__


async def test_an_async_answer_is_awaited_not_fetched_early(
    server: ReferenceServer, time: FlowTime
) -> None:
    async with AsyncApiClient(server.base_url, KEY, timing=time.timing) as client:
        waiting: Awaitable[Any] = client.tickers.get()
        assert server.seen == ()
        assert (await waiting).count == 2


def test_the_public_names_are_there_and_sorted() -> None:
    missing = [name for name in api_client.__all__ if not hasattr(api_client, name)]
    assert missing == []
    errors = [name for name in api_client.__all__ if name.endswith("Error")]
    assert all(issubclass(getattr(api_client, name), ApiError) for name in errors)
    assert issubclass(NotFoundError, ApiError)
