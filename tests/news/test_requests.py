"""News over sockets, from a paper gateway that is told what happens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.desk import PATIENCE, Heard
from tests.support.fake_tws import FakeTws, error, message
from tests.support.sessions import SESSIONS, open_session
from twsloop import Config, IBGateway, PaperGateway, stock
from twsloop.errors import ContractError, RequestError
from twsloop.news.state import BulletinKind, Headline

Session = tuple[PaperGateway, IBGateway]


@pytest.fixture(scope="module", params=list(SESSIONS))
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    with open_session(request.param) as pair:
        yield pair


def apple() -> object:
    contract = stock("AAPL")
    contract.conId = 265598
    return contract


def test_what_happens_is_told_to_who_follows_it(session: Session) -> None:
    paper, gw = session
    heard = Heard()
    with gw.news.follow(apple(), heard) as stream:
        heard.next()  # the latest one before now
        told = paper.market.headline("AAPL", "something happened", "the whole story")
        headline: Headline = heard.until(lambda one: one.article_id == told)
        assert headline.text == "something happened"
        assert headline.time is not None
        assert stream.latest == headline
        assert gw.news.article(headline).result(PATIENCE).text == "the whole story"


def test_all_that_a_provider_writes_is_one_stream(session: Session) -> None:
    paper, gw = session
    heard = Heard()
    with gw.news.broad_tape("PAPER", heard):
        heard.next()  # the latest one before now
        told = [paper.market.headline(symbol, "news") for symbol in ("AAPL", "MSFT")]
        assert [heard.until(lambda one: one.text == "news").article_id for _ in told] == told


def test_two_who_follow_the_same_share_a_line(session: Session) -> None:
    paper, gw = session
    first, second = Heard(), Heard()
    with gw.news.follow(apple(), first, providers="PAPER") as one:
        first.next()
        with gw.news.follow(apple(), second, providers=["PAPER"]) as other:
            assert other.feed is one.feed
            told = paper.market.headline("AAPL", "for both")
            assert first.until(lambda h: h.article_id == told).text == "for both"
            assert second.until(lambda h: h.article_id == told).text == "for both"
        assert one.active


def test_pages_make_one_list(session: Session) -> None:
    _, gw = session
    whole = gw.news.headlines(apple(), limit=None).result(PATIENCE)
    assert len(whole) > 300  # more than an answer holds
    assert len({(one.provider, one.article_id) for one in whole}) == len(whole)
    assert gw.news.headlines(apple(), limit=320).result(PATIENCE) == whole[:320]


def test_an_unknown_provider_is_the_gateways_error(session: Session) -> None:
    _, gw = session
    with pytest.raises(RequestError) as caught:
        gw.news.headlines(apple(), providers="NOBODY").result(PATIENCE)
    assert caught.value.code == 321
    with gw.news.broad_tape("NOBODY") as stream:
        stream.done.result(PATIENCE)
        assert isinstance(stream.error, RequestError)


def test_bulletins_are_told_once_to_all_who_listen(session: Session) -> None:
    paper, gw = session
    paper.market.bulletin("before", kind=2, exchange="NYSE")
    first, second = Heard(), Heard()
    with gw.news.bulletins(first) as stream, gw.news.bulletins(second):
        before = first.until(lambda one: one.text == "before")
        assert (before.kind, before.exchange) == (BulletinKind.VENUE_CLOSED, "NYSE")
        paper.market.bulletin("now")
        now = first.until(lambda one: one.text == "now")
        assert second.until(lambda one: one.text == "now") == now
        assert stream.state.all()[-2:] == [before, now]


def test_a_user_of_ibs_own_calls_hears_bulletins_beside_ours(session: Session) -> None:
    paper, gw = session
    heard, ours = Heard(), Heard()

    class Listener:
        def updateNewsBulletin(self, msgId: int, msgType: int, text: str, exchange: str) -> None:
            heard(text)

    listener = Listener()
    gw.add_message_processor(listener)
    try:
        with gw.news.bulletins(ours):
            gw.news.providers().result(PATIENCE)  # answered after those of today
            paper.market.bulletin("only ours")
            ours.until(lambda one: one.text == "only ours")
            gw.reqNewsBulletins(False)
            gw.event_loop.call(lambda: None)  # its turn has come
            paper.market.bulletin("both")
            ours.until(lambda one: one.text == "both")
            assert heard.until(lambda text: text == "both")
        # Ours is cancelled, and the user's goes on.
        paper.market.bulletin("only the user's")
        assert heard.until(lambda text: text == "only the user's")
        assert "only ours" not in heard.all
        gw.cancelNewsBulletins()
    finally:
        gw.remove_message_processor(listener)


def test_a_contract_without_an_id_is_looked_up(session: Session) -> None:
    _, gw = session
    by_symbol = gw.news.headlines("AAPL", limit=3).result(PATIENCE)
    assert by_symbol == gw.news.headlines(apple(), limit=3).result(PATIENCE)
    with pytest.raises((ContractError, RequestError)):
        gw.news.headlines("NOBODY").result(PATIENCE)


def test_live_headlines_hold_a_line(session: Session) -> None:
    _, gw = session
    before = len(gw.market_data.slots)
    heard = Heard()
    with gw.news.follow(apple(), heard):
        heard.next()
        assert [slot.holder for slot in gw.market_data.slots][before:] == ["headlines of AAPL"]
    gw.news.providers().result(PATIENCE)  # answered after the line was given back
    assert len(gw.market_data.slots) == before


def test_what_cannot_be_asked_is_said_at_the_call(session: Session) -> None:
    _, gw = session
    headline = Headline(None, "BRFG", "", "no article")
    with pytest.raises(ValueError, match="this headline has none"):
        gw.news.article(headline)
    with pytest.raises(ValueError, match="at least one"):
        gw.news.headlines(apple(), limit=0)
    with pytest.raises(ValueError, match="providers"):
        gw.news.broad_tape("")
    with pytest.raises(ValueError, match="1 to 100"):
        gw.news.wsh_events(apple(), limit=500)


def test_headlines_that_ib_repeats_to_a_new_request_are_told_once() -> None:
    def headline(req_id: int, number: int) -> bytes:
        return message(
            "tickNews",
            reqId=req_id,
            timestamp=1_767_621_600_000 + number,
            providerCode="BRFG",
            articleId=f"BRFG${number}",
            headline=f"headline {number}",
        )

    heard = Heard()
    with (
        FakeTws() as server,
        IBGateway(Config.load(environ={}, overrides={"connection.port": server.port})) as gw,
        gw.news.follow(apple(), heard) as stream,
    ):
        first = server.next("reqMktData").reqId
        server.say(headline(first, 1))
        assert heard.next().article_id == "BRFG$1"
        server.say(error(-1, 1101, "Connectivity restored, data lost"))
        second = server.next("reqMktData").reqId
        assert second != first
        server.say(headline(second, 1), headline(second, 2))
        assert heard.next().article_id == "BRFG$2"
        assert stream.active
