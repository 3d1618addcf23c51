"""News, on any gateway: providers, headlines, articles, streams, corporate events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from ibapi.contract import Contract

from tests.capabilities.conftest import PATIENCE
from twsloop import IBGateway
from twsloop.connection.streams import StreamStatus
from twsloop.errors import RequestError
from twsloop.news.state import Article, Headline


def apple() -> Contract:
    """AAPL by its id, which is the same everywhere."""
    contract = Contract()
    contract.conId = 265598
    contract.exchange = "SMART"
    return contract


def test_the_providers_have_codes_and_names(gw: IBGateway) -> None:
    providers = gw.news.providers().result(PATIENCE)
    assert providers
    assert all(one.code and one.name for one in providers)


def test_headlines_come_the_latest_first_and_have_articles(gw: IBGateway) -> None:
    headlines = gw.news.headlines(apple(), limit=5).result(PATIENCE)
    assert 0 < len(headlines) <= 5
    times = [one.time for one in headlines if one.time is not None]
    assert times == sorted(times, reverse=True)
    assert all(time.tzinfo is UTC for time in times)
    article = gw.news.article(headlines[0]).result(PATIENCE)
    assert isinstance(article, Article)
    assert article.content


def test_headlines_of_a_span_lie_in_it(gw: IBGateway) -> None:
    end = datetime.now(UTC)
    start = end - timedelta(days=30)
    headlines = gw.news.headlines(apple(), start=start, end=end).result(PATIENCE)
    assert all(start <= one.time <= end for one in headlines if one.time is not None)


def test_an_article_that_there_is_not_is_an_error(gw: IBGateway) -> None:
    with pytest.raises(RequestError) as caught:
        gw.news.article("BRFG", "BRFG$0").result(PATIENCE)
    assert caught.value.code is not None
    assert "article BRFG$0" in str(caught.value)


def test_headlines_are_followed_until_they_are_cancelled(gw: IBGateway, is_live: bool) -> None:
    with gw.news.follow(apple()) as stream:
        if not is_live:  # a real one tells nothing until something happens
            assert isinstance(next(stream.items(PATIENCE)), Headline)
            assert stream.status is StreamStatus.LIVE
        assert stream.active
    assert not stream.active
    assert stream.error is None


def test_all_of_a_provider_is_followed_until_it_is_cancelled(gw: IBGateway) -> None:
    provider = gw.news.providers().result(PATIENCE)[0].code
    with gw.news.broad_tape(provider) as stream:
        gw.system.time().result(PATIENCE)  # answered after a refusal would have come
        assert (stream.active, stream.error) == (True, None)
    assert not stream.active


def test_bulletins_are_followed_until_they_are_cancelled(gw: IBGateway) -> None:
    with gw.news.bulletins() as stream:
        assert stream.active
    assert stream.done.result(PATIENCE) is None


async def test_news_is_awaited_as_well(gw: IBGateway) -> None:
    assert await gw.news.headlines(apple(), limit=1)


def test_what_a_login_may_not_ask_is_ibs_own_error(gw: IBGateway, is_live: bool) -> None:
    if is_live:
        pytest.skip("a real login may have the subscription")
    with pytest.raises(RequestError) as caught:
        gw.news.wsh_meta().result(PATIENCE)
    assert caught.value.code == 10276
    with pytest.raises(RequestError) as caught:
        gw.news.fundamentals(apple()).result(PATIENCE)
    assert caught.value.code == 430
