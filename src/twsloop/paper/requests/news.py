"""News: providers, bulletins, headlines before now and as they come, articles.

A stream of headlines belongs to a market data line with the generic tick 292: `watch` opens it. All
that a provider writes is a line of its own, of a "contract" of the type NEWS (`open_tape`).
`post_bulletin` and `post_headline` are for control code: they happen now, and are told to whoever
has asked for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import islice
from types import MappingProxyType
from typing import Any

import attrs
from ibapi.protobuf.HistoricalNews_pb2 import HistoricalNews
from ibapi.protobuf.HistoricalNewsEnd_pb2 import HistoricalNewsEnd
from ibapi.protobuf.NewsArticle_pb2 import NewsArticle
from ibapi.protobuf.NewsBulletin_pb2 import NewsBulletin
from ibapi.protobuf.NewsProvider_pb2 import NewsProvider
from ibapi.protobuf.NewsProviders_pb2 import NewsProviders
from ibapi.protobuf.TickNews_pb2 import TickNews

from twsloop.clock import Timer
from twsloop.paper.catalogue.instruments import Instrument
from twsloop.paper.clients.client import Client
from twsloop.paper.clients.hub import Hub
from twsloop.paper.market import generic_ticks
from twsloop.paper.market.news import (
    PROVIDERS,
    Headline,
    NewsRoom,
    provider_codes,
    read_time,
)
from twsloop.paper.orders.validation import NO_DEFINITION

from .handling import Handler, desk, seed_of, validating

__all__ = [
    "GENERAL",
    "HANDLERS",
    "TAPE",
    "VENUE_CLOSED",
    "VENUE_OPEN",
    "NewsDesk",
    "open_tape",
    "post_bulletin",
    "post_headline",
    "watch",
]

#: IB's kinds of bulletins.
GENERAL, VENUE_CLOSED, VENUE_OPEN = 1, 2, 3
#: IB gives at most so many headlines an answer.
MOST_HEADLINES = 300
PLAIN_TEXT = 0
BULLETINS = ("bulletins", 0)
#: The kind of subscription that hears all of a provider.
TAPE = "tape"
NO_ARTICLE = "Failed to request news article: No data available"


@attrs.define(eq=False)
class Watch:
    """A client that hears headlines of instruments under a market data line's id."""

    hub: Hub
    client: Client
    req_id: int
    instruments: tuple[Instrument, ...]
    providers: tuple[str, ...]
    timer: Timer | None = None

    def wait(self, after: datetime) -> None:
        """Tell the next headline when it is due."""
        room = _room(self.hub)
        due = [room.next_after(one, self.providers, after) for one in self.instruments]
        following = min((one for one in due if one is not None), key=_when, default=None)
        if following is not None:
            delay = max((following.time - self.hub.now()).total_seconds(), 0.0)
            self.timer = self.hub.clock.call_later(delay, self._due, following)

    def tell(self, headline: Headline) -> None:
        """Tell a headline."""
        message = TickNews(
            reqId=self.req_id,
            timestamp=int(headline.time.timestamp() * 1000),
            providerCode=headline.provider,
            articleId=headline.article,
            headline=headline.text,
            extraData="",
        )
        self.client.send("tickNews", message)

    def _due(self, headline: Headline) -> None:
        self.tell(headline)
        self.client.flush()
        self.wait(headline.time)


@attrs.define
class NewsDesk:
    """The news of a running gateway.

    Attributes:
        room: All headlines; made when first needed, from the market's seed.
        bulletins: Those of this run.
        watches: Who hears headlines as they come.
    """

    room: NewsRoom | None = None
    bulletins: list[NewsBulletin] = attrs.Factory(list)
    watches: list[Watch] = attrs.Factory(list)


def _when(headline: Headline) -> tuple[datetime, str]:
    return headline.time, headline.article


def _room(hub: Hub) -> NewsRoom:
    news = desk(hub, NewsDesk)
    if news.room is None:
        news.room = NewsRoom(seed_of(hub))
    return news.room


def watch(
    hub: Hub,
    client: Client,
    req_id: int,
    instruments: Iterable[Instrument],
    providers: Iterable[str],
) -> Callable[[], None]:
    """Tell headlines from now on: the latest one at once, then as they come.

    Args:
        hub: The gateway.
        client: Who asks.
        req_id: The id of its market data line.
        instruments: What they are about.
        providers: Whose headlines.

    Returns:
        What ends it; to be called when the line ends.
    """
    codes = tuple(providers)
    one = Watch(hub, client, req_id, tuple(instruments), codes)
    watches = desk(hub, NewsDesk).watches
    watches.append(one)
    now, room = hub.now(), _room(hub)
    known = [h for each in one.instruments for h in islice(room.latest(each, codes, now), 1)]
    if known:
        one.tell(max(known, key=_when))
    one.wait(now)

    def end() -> None:
        if one in watches:
            watches.remove(one)
        if one.timer is not None:
            one.timer.cancel()

    return end


def open_tape(hub: Hub, client: Client, request: Any) -> None:
    """All that a provider writes, as IB's broad tapes: a line of its own, without quotes."""
    req_id, contract, text = request.reqId, request.contract, request.genericTickList
    provider = contract.exchange
    if provider not in PROVIDERS or contract.symbol != f"{provider}:{provider}_ALL":
        hub.error(client, req_id, 200, NO_DEFINITION)
        return
    asked = generic_ticks.read(text, "NEWS", client.server_version) if text else None
    if asked is None or generic_ticks.NEWS not in asked.codes or asked.defaults:
        validating(hub, client, req_id, "bQ", generic_ticks.refusal(text, "NEWS"))
        return
    everything = hub.engine.catalogue.all()
    client.subscriptions[TAPE, req_id] = watch(hub, client, req_id, everything, (provider,))


def post_headline(hub: Hub, con_id: int, text: str, body: str = "") -> Headline:
    """Something happened: a headline of an instrument, now."""
    headline = _room(hub).add(con_id, hub.now(), text, body or text)
    for one in desk(hub, NewsDesk).watches:
        about = any(instrument.con_id == con_id for instrument in one.instruments)
        if about and headline.provider in one.providers:
            one.tell(headline)
            one.client.flush()
    return headline


def post_bulletin(hub: Hub, text: str, kind: int = GENERAL, exchange: str = "") -> int:
    """A bulletin of the exchange or the broker, now; returns its number."""
    bulletins = desk(hub, NewsDesk).bulletins
    bulletin = NewsBulletin(
        newsMsgId=len(bulletins) + 1,
        newsMsgType=kind,
        newsMessage=text,
        originatingExch=exchange,
    )
    bulletins.append(bulletin)
    for client in tuple(hub.clients.values()):
        if BULLETINS in client.subscriptions:
            client.send("updateNewsBulletin", bulletin)
            client.flush()
    return len(bulletins)


def _nothing() -> None:
    """A bulletin subscription has nothing to let go of."""


def req_news_bulletins(hub: Hub, client: Client, request: Any) -> None:
    """Bulletins as they come; with ``allMessages`` those of this run first."""
    client.subscriptions[BULLETINS] = _nothing
    if request.allMessages:
        for bulletin in desk(hub, NewsDesk).bulletins:
            client.send("updateNewsBulletin", bulletin)


def cancel_news_bulletins(_hub: Hub, client: Client, _request: Any) -> None:
    """No more bulletins; nothing is told, whether there were any or not."""
    client.end_subscription(*BULLETINS)


def req_news_providers(_hub: Hub, client: Client, _request: Any) -> None:
    """The providers; their names say that what comes from them is made up."""
    providers = [
        NewsProvider(providerCode=code, providerName=name) for code, name in PROVIDERS.items()
    ]
    client.send("newsProviders", NewsProviders(newsProviders=providers))


def req_historical_news(hub: Hub, client: Client, request: Any) -> None:
    """Headlines of an instrument between two times, the latest first, and the end."""
    req_id = request.reqId
    instrument = hub.engine.catalogue.by_con_id(request.conId)
    if instrument is None:
        hub.error(client, req_id, 200, NO_DEFINITION)
        return
    try:
        codes = provider_codes(request.providerCodes)
    except ValueError as error:
        validating(hub, client, req_id, "bN", f"Invalid news provider code: '{error}'")
        return
    try:
        since, until = read_time(request.startDateTime), read_time(request.endDateTime)
    except ValueError as error:
        validating(hub, client, req_id, "bN", f"Invalid date/time: '{error}'")
        return
    if request.totalResults < 1:
        cause = f"Invalid number of results: {request.totalResults}"
        validating(hub, client, req_id, "bN", cause)
        return
    now = hub.now()
    until = now if until is None else min(until, now)
    most = min(request.totalResults, MOST_HEADLINES)
    found = list(islice(_room(hub).latest(instrument, codes, until, since), most + 1))
    for headline in found[:most]:
        message = HistoricalNews(
            reqId=req_id,
            time=f"{headline.time:%Y-%m-%d %H:%M:%S}.0",
            providerCode=headline.provider,
            articleId=headline.article,
            headline=headline.text,
        )
        client.send("historicalNews", message)
    end = HistoricalNewsEnd(reqId=req_id, hasMore=len(found) > most)
    client.send("historicalNewsEnd", end)


def req_news_article(hub: Hub, client: Client, request: Any) -> None:
    """The text of an article, or 10172."""
    find = hub.engine.catalogue.by_con_id
    headline = _room(hub).article(request.providerCode, request.articleId, find)
    if headline is None or headline.time > hub.now():
        hub.error(client, request.reqId, 10172, NO_ARTICLE)
        return
    message = NewsArticle(reqId=request.reqId, articleType=PLAIN_TEXT, articleText=headline.body)
    client.send("newsArticle", message)


HANDLERS: Mapping[int, Handler] = MappingProxyType(
    {
        12: req_news_bulletins,
        13: cancel_news_bulletins,
        84: req_news_article,
        85: req_news_providers,
        86: req_historical_news,
    }
)
