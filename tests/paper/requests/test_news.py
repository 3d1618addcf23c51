"""News over a socket, judged by IB's decoder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from tests.support.manual_feed import ManualFeed
from tests.support.wireclient import WireClient, error_of
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway
from twsloop.paper.market.news import PROVIDERS
from twsloop.paper.requests.handling import desk
from twsloop.paper.requests.news import NewsDesk, post_bulletin, post_headline, watch

VERSIONS = [151, 157, 173, 176, 177, 178, 187, 193, 200, 213, 225]
APPLE = 265598
ALL = "+".join(PROVIDERS)


@pytest.fixture
async def gateway() -> AsyncIterator[PaperGateway]:
    async with PaperGateway(feed=ManualFeed(), clock=ManualClock()) as it:
        yield it


def connect(gateway: PaperGateway, version: int = 225, client_id: int = 1) -> WireClient:
    return WireClient(gateway.host, gateway.port, version=version, client_id=client_id)


async def heard(client: WireClient) -> list[Any]:
    """All that came before the answer to a question asked now."""
    client.send("reqCurrentTime")
    return (await client.until("currentTime"))[:-1]


async def history(client: WireClient, **fields: Any) -> list[Any]:
    wanted = {"conId": APPLE, "providerCodes": ALL, "totalResults": 10, **fields}
    client.send("reqHistoricalNews", reqId=5, **wanted)
    return await heard(client)


@pytest.mark.parametrize("version", VERSIONS)
async def test_providers_headlines_and_their_articles(gateway: PaperGateway, version: int) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        client.send("reqNewsProviders")
        (call,) = await heard(client)
        assert {row["code"]: row["name"] for row in call.args[0]} == dict(PROVIDERS)
        *headlines, end = await history(client)
        assert len(headlines) == 10
        assert (end.name, end.args) == ("historicalNewsEnd", (5, True))
        times = [call.args[1] for call in headlines]
        assert times == sorted(times, reverse=True)
        assert all(time < "2026-01-05 14:30:00.0" for time in times)
        for call in headlines:
            _, _, provider, article, headline = call.args
            client.send("reqNewsArticle", reqId=6, providerCode=provider, articleId=article)
            (found,) = await heard(client)
            assert (found.name, found.args[:2]) == ("newsArticle", (6, 0))
            assert found.args[2].startswith(headline)


async def test_ranges(gateway: PaperGateway) -> None:
    async with connect(gateway, 200) as client:
        await client.ready()
        *all_of_them, _ = await history(client, totalResults=300)
        assert len(all_of_them) == 300
        first, last = all_of_them[20].args[1], all_of_them[10].args[1]
        *some, end = await history(client, startDateTime=first, endDateTime=last)
        assert [call.args[1:] for call in some] == [call.args[1:] for call in all_of_them[10:20]]
        assert end.args == (5, False)
        *none, end = await history(client, startDateTime="2027-01-01 00:00:00.0")
        assert (none, end.args) == ([], (5, False))
        *none, end = await history(client, startDateTime=last, endDateTime=first)
        assert (none, end.args) == ([], (5, False))
        *some, end = await history(client, endDateTime="20260101 00:00:00 UTC")
        assert all(call.args[1] < "2026-01-01 00:00:01" for call in some)


@pytest.mark.parametrize("version", [157, 200, 225])
async def test_refusals(gateway: PaperGateway, version: int) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        for fields, code in (
            ({"conId": 1}, 200),
            ({"providerCodes": ""}, 321),
            ({"providerCodes": "CNN"}, 321),
            ({"startDateTime": "soon"}, 321),
            ({"totalResults": 0}, 321),
            ({"totalResults": -3}, 321),
        ):
            (call,) = await history(client, **fields)
            assert error_of(call)[:2] == (5, code), fields
        client.send("reqNewsArticle", reqId=7, providerCode="BRFG", articleId="BRFG$1")
        (call,) = await heard(client)
        text = "Failed to request news article: No data available"
        assert error_of(call) == (7, 10172, text)


async def test_an_article_of_tomorrow_is_not_told_today(gateway: PaperGateway) -> None:
    instrument = gateway.hub.engine.catalogue.by_con_id(APPLE)
    assert instrument is not None
    async with connect(gateway) as client:
        await client.ready()
        watch(gateway.hub, gateway.hub.clients[1], 9, (instrument,), PROVIDERS)()
        room = desk(gateway.hub, NewsDesk).room
        assert room is not None
        following = room.next_after(instrument, PROVIDERS, gateway.hub.now())
        assert following is not None
        await heard(client)
        fields = {"providerCode": following.provider, "articleId": following.article}
        client.send("reqNewsArticle", reqId=6, **fields)
        (call,) = await heard(client)
        assert error_of(call)[:2] == (6, 10172)


@pytest.mark.parametrize("version", VERSIONS)
async def test_bulletins(gateway: PaperGateway, version: int) -> None:
    async with (
        connect(gateway, version, 1) as one,
        connect(gateway, version, 2) as two,
        connect(gateway, version, 3) as deaf,
    ):
        for client in (one, two, deaf):
            await client.ready()
        one.send("reqNewsBulletins", allMessages=True)
        assert await heard(one) == []
        assert post_bulletin(gateway.hub, "NYSE is closed", 2, "NYSE") == 1
        (call,) = await heard(one)
        assert (call.name, call.args) == ("updateNewsBulletin", (1, 2, "NYSE is closed", "NYSE"))
        two.send("reqNewsBulletins", allMessages=False)
        assert await heard(two) == []
        deaf.send("reqNewsBulletins", allMessages=True)
        assert [call.args[0] for call in await heard(deaf)] == [1]
        deaf.send("cancelNewsBulletins")
        assert await heard(deaf) == []
        post_bulletin(gateway.hub, "again")
        assert [call.args[0] for call in await heard(two)] == [2]
        assert await heard(deaf) == []


@pytest.mark.parametrize("version", [151, 176, 200, 225])
async def test_headlines_as_they_come(gateway: PaperGateway, version: int) -> None:
    clock, hub = gateway.clock, gateway.hub
    assert isinstance(clock, ManualClock)
    contract = {"conId": APPLE, "exchange": "SMART"}
    async with connect(gateway, version) as client:
        await client.ready()
        client.send("reqMktData", reqId=9, contract=contract, genericTickList="mdoff,292")
        latest = (await heard(client))[-1]
        assert latest.name == "tickNews"
        *headlines, _ = await history(client, totalResults=1)
        assert [latest.args[2:5]] == [call.args[2:] for call in headlines]
        posted = post_headline(hub, APPLE, "Apple is halted")
        post_headline(hub, 8314, "IBM is not")
        (call,) = await heard(client)
        assert call.args == (
            9,
            int(posted.time.timestamp() * 1000),
            "PAPER",
            posted.article,
            "Apple is halted",
            "",
        )
        before = hub.now()
        clock.advance(timedelta(hours=30).total_seconds())
        came = [call.args[3] for call in await heard(client)]
        since = f"{before:%Y-%m-%d %H:%M:%S}.0"
        *headlines, _ = await history(client, startDateTime=since, totalResults=300)
        assert came == [call.args[3] for call in reversed(headlines)]
        assert len(came) > 2
        timers = clock.pending()
        client.send("cancelMktData", reqId=9)
        assert await heard(client) == []
        assert clock.pending() == timers - 1
        post_headline(hub, APPLE, "Apple goes on")
        assert await heard(client) == []


async def test_a_line_may_name_its_providers(gateway: PaperGateway) -> None:
    contract = {"conId": APPLE, "exchange": "SMART"}
    async with connect(gateway) as client:
        await client.ready()
        client.send("reqMktData", reqId=9, contract=contract, genericTickList="292:BRFG+DJNL")
        latest = (await heard(client))[-1]
        assert latest.args[2] in {"BRFG", "DJNL"}
        post_headline(gateway.hub, APPLE, "not from them")
        assert await heard(client) == []
        client.send("reqMktData", reqId=10, contract=contract, genericTickList="292:CNN")
        (call,) = await heard(client)
        assert error_of(call)[:2] == (10, 321)


TAPE = {"symbol": "PAPER:PAPER_ALL", "secType": "NEWS", "exchange": "PAPER"}


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_broad_tape_tells_all_that_a_provider_writes(
    gateway: PaperGateway, version: int
) -> None:
    microsoft = 272093
    async with connect(gateway, version) as client:
        await client.ready()
        client.send("reqMktData", reqId=4, contract=TAPE, genericTickList="mdoff,292")
        (latest,) = await heard(client)
        assert (latest.name, latest.args[2]) == ("tickNews", "PAPER")
        told = [
            post_headline(gateway.hub, con_id, "something happened")
            for con_id in (APPLE, microsoft)
        ]
        calls = await heard(client)
        assert [call.args[3] for call in calls] == [one.article for one in told]
        assert {call.args[0] for call in calls} == {4}
        client.send("reqMktData", reqId=4, contract=TAPE, genericTickList="mdoff,292")
        (call,) = await heard(client)
        assert error_of(call)[:2] == (4, 322)
        client.send("cancelMktData", reqId=4)
        assert await heard(client) == []
        post_headline(gateway.hub, APPLE, "nobody hears it")
        client.send("cancelMktData", reqId=4)
        (call,) = await heard(client)
        assert error_of(call)[:2] == (4, 300)


async def test_a_broad_tape_goes_on_with_what_is_due() -> None:
    clock = ManualClock()
    async with PaperGateway(feed=ManualFeed(), clock=clock) as gateway, connect(gateway) as client:
        await client.ready()
        client.send("reqMktData", reqId=4, contract=TAPE, genericTickList="mdoff,292")
        (latest,) = await heard(client)
        for _ in range(3):
            clock.advance(timedelta(days=1).total_seconds())
        times = [call.args[1] for call in await heard(client)]
        assert len(times) > 10  # many instruments, one provider
        assert times == sorted(times)
        assert latest.args[1] <= times[0]


@pytest.mark.parametrize(
    ("contract", "ticks", "code"),
    [
        ({**TAPE, "exchange": "NOBODY"}, "mdoff,292", 200),
        ({**TAPE, "symbol": "PAPER"}, "mdoff,292", 200),
        (TAPE, "292", 321),
        (TAPE, "mdoff", 321),
        (TAPE, "", 321),
        (TAPE, "words", 321),
    ],
)
async def test_a_broad_tape_that_there_is_not(
    gateway: PaperGateway, contract: dict[str, str], ticks: str, code: int
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("reqMktData", reqId=4, contract=contract, genericTickList=ticks)
        (call,) = await heard(client)
        assert error_of(call)[:2] == (4, code)
