"""Questions about accounts, end to end over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal

import attrs
import pytest
import uvloop

from tests.support.desk import PATIENCE, Desk, Heard, open_desk
from tests.support.fake_tws import FakeTws, error, message
from twsloop.account.requests import DEFAULT_TAGS
from twsloop.config import Config
from twsloop.errors import (
    ConnectionLost,
    LoopNotRunning,
    RequestError,
    RequestTimeout,
    SessionError,
)
from twsloop.events import PositionChanged, PositionClosed, PositionEvent, PositionOpened
from twsloop.gateway import IBGateway
from twsloop.orders.builders import market_order


@pytest.fixture(
    params=[(225, uvloop.new_event_loop), (200, asyncio.new_event_loop)], ids=["protobuf", "text"]
)
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    version, loop_factory = request.param
    with open_desk(version=version, loop_factory=loop_factory) as made:
        yield made


def trade(desk: Desk, action: str, quantity: int) -> None:
    desk.gateway.place_order("AAPL", market_order(action, quantity)).settled.result(PATIENCE)


def test_positions(desk: Desk) -> None:
    assert desk.gateway.positions().result(PATIENCE) == []
    trade(desk, "BUY", 100)
    (row,) = desk.gateway.positions().result(PATIENCE)
    assert (row.symbol, row.quantity, row.contract.conId) == ("AAPL", Decimal(100), 265598)
    assert row.average_cost is not None
    assert row.average_cost > Decimal("189.51")  # with its commission
    trade(desk, "SELL", 100)
    assert desk.gateway.positions().result(PATIENCE) == []


def test_position_facts(desk: Desk) -> None:
    facts = Heard()
    desk.gateway.observe(PositionEvent, facts)
    desk.gateway.positions().result(PATIENCE)  # from here on they are live
    desk.quote("AAPL", 189.49, 189.51, 1000)
    trade(desk, "BUY", 100)
    opened = facts.next()
    assert isinstance(opened, PositionOpened)
    assert (opened.symbol, opened.quantity) == ("AAPL", Decimal(100))
    trade(desk, "SELL", 150)
    changed = facts.next()
    assert isinstance(changed, PositionChanged)
    assert (changed.previous, changed.quantity) == (Decimal(100), Decimal(-50))
    trade(desk, "BUY", 50)
    assert isinstance(facts.next(), PositionClosed)


def test_account_summary(desk: Desk) -> None:
    tags = ["NetLiquidation", "AccountType"]
    for _ in range(3):  # IB allows two subscriptions at a time: each is closed after its answer
        assert desk.gateway.account_summary(tags).result(PATIENCE)
    rows = desk.gateway.account_summary(tags).result(PATIENCE)
    by_tag = {row.tag: row for row in rows}
    assert by_tag["NetLiquidation"].amount == Decimal(1_000_000)
    assert by_tag["NetLiquidation"].currency == "USD"
    assert by_tag["AccountType"].amount is None
    assert {row.account for row in rows} == {"DU1234567"}
    assert len(desk.gateway.account_summary().result(PATIENCE)) >= 8


def test_several_questions_at_once(desk: Desk) -> None:
    asked = [desk.gateway.positions() for _ in range(3)]
    asked += [desk.gateway.account_summary() for _ in range(2)]  # type: ignore[misc]
    for future in asked:
        assert isinstance(future.result(PATIENCE), list)


def test_more_summaries_than_ib_allows_at_a_time_wait_for_their_turn(desk: Desk) -> None:
    asked = {tag: desk.gateway.account_summary([tag]) for tag in DEFAULT_TAGS}
    for tag, future in asked.items():
        assert {row.tag for row in future.result(PATIENCE)} == {tag}


def test_summaries_that_wait_do_not_outlive_the_session() -> None:
    with FakeTws() as tws:
        gateway = IBGateway(
            Config.load(
                environ={},
                overrides={"connection.port": tws.port, "reconnect.enabled": False},
            )
        )
        with gateway:
            asked = [gateway.account_summary([tag]) for tag in DEFAULT_TAGS[:5]]
            for _ in range(2):
                tws.next("reqAccountSummary")
            tws.hang_up()
            for future in asked:
                assert isinstance(future.exception(PATIENCE), SessionError)
        with gateway:  # another loop: nothing of the first one is left
            again = gateway.account_summary()
            req_id = tws.next("reqAccountSummary").reqId
            tws.say(message("accountSummaryEnd", reqId=req_id))
            with pytest.raises(RequestError, match="nothing was told of AccountType,"):
                again.result(PATIENCE)


def test_account_values_and_portfolio(desk: Desk) -> None:
    values = desk.gateway.account_values().result(PATIENCE)
    assert len(values) > 50
    assert {row.account for row in values} == {"DU1234567"}
    cash = {(row.key, row.currency): row.amount for row in values}
    assert cash["NetLiquidation", "USD"] == Decimal(1_000_000)
    trade(desk, "BUY", 100)
    again = desk.gateway.portfolio("DU1234567").result(PATIENCE)
    assert [row.quantity for row in again] in ([], [Decimal(100)])  # live, every so often


async def test_awaiting(desk: Desk) -> None:
    assert await desk.gateway.positions() == []
    assert await desk.gateway.account_summary()


def config(tws: FakeTws, timeout: float = 10.0) -> Config:
    overrides = {
        "connection.port": tws.port,
        "orders.compare_positions": False,  # the tests tell of positions themselves
        "connection.request_timeout": timeout,
        "heartbeat.enabled": False,
        "reconnect.enabled": False,
    }
    return Config.load(environ={}, overrides=overrides)


def test_an_error_answers_with_ibs_own_words() -> None:
    with FakeTws() as tws, IBGateway(config(tws)) as gateway:
        answer = gateway.account_summary()
        req_id = tws.next("reqAccountSummary").reqId
        tws.say(error(req_id, 322, "Error processing request: unknown group"))
        with pytest.raises(RequestError, match="unknown group") as caught:
            answer.result(PATIENCE)
        assert (caught.value.code, caught.value.request) == (322, "account summary")


def test_silence_and_a_lost_link_end_the_waiting() -> None:
    with FakeTws(silent=("reqPositions",)) as tws, IBGateway(config(tws, 0.3)) as gateway:
        with pytest.raises(RequestTimeout):
            gateway.positions().result(PATIENCE)
        answer = gateway.account_values()
        tws.next("reqAccountUpdates")
        tws.hang_up()
        with pytest.raises((ConnectionLost, RequestTimeout)):
            answer.result(PATIENCE)


def test_without_a_loop_there_is_nobody_to_ask() -> None:
    with pytest.raises(LoopNotRunning):
        IBGateway().positions()


def held(account: str, symbol: str, quantity: int) -> bytes:
    contract = {"conId": len(symbol), "symbol": symbol, "secType": "STK", "currency": "USD"}
    return message(
        "position", account=account, contract=contract, position=str(quantity), avgCost=10.0
    )


def test_what_changed_before_an_image_is_not_in_it() -> None:
    """Bought while it was followed, closed while the link was down: it is flat."""
    facts = Heard()
    with FakeTws(silent=("reqPositions",)) as tws:
        settings = attrs.evolve(config(tws), reconnect=Config().reconnect)
        with IBGateway(settings) as gateway:
            gateway.observe(PositionEvent, facts)
            stream = gateway.account.watch_positions()
            tws.next("reqPositions")
            tws.say(message("positionEnd"))
            stream.image.result(PATIENCE)
            tws.say(held("DU1234567", "AAPL", 100))
            assert isinstance(facts.next(), PositionOpened)
            tws.hang_up()
            tws.next("reqPositions")
            tws.say(held("DU1234567", "A", 1), message("positionEnd"))
            assert facts.next().symbol == "A"
            closed = facts.next()
            assert isinstance(closed, PositionClosed)
            assert (closed.symbol, closed.quantity) == ("AAPL", Decimal(0))
            assert [row.symbol for row in stream.state.rows()] == ["A"]
            tws.say(held("DU1234567", "AAPL", 5))
            assert isinstance(facts.next(), PositionOpened)
            again = gateway.positions()
            tws.next("reqPositions")
            tws.say(message("positionEnd"))
            assert again.result(PATIENCE) == []
            assert {facts.next().symbol, facts.next().symbol} == {"A", "AAPL"}
            assert stream.state.rows() == []


def test_what_was_closed_meanwhile_is_not_in_the_portfolio_of_an_account() -> None:
    """Its updates were those of another account for a while."""

    def answer(tws: FakeTws, account: str, symbol: str | None) -> None:
        assert tws.next("reqAccountUpdates").acctCode == account
        if symbol is not None:
            contract = {"conId": len(symbol), "symbol": symbol, "secType": "STK"}
            fields = {"contract": contract, "position": "10", "accountName": account}
            tws.say(message("updatePortfolio", **fields))
        tws.say(message("accountDownloadEnd", accountName=account))

    with FakeTws() as tws, IBGateway(config(tws)) as gateway:
        symbols = []
        for account, symbol in (("DU1", "AAPL"), ("DU2", "MSFT"), ("DU1", "IBM"), ("DU2", None)):
            asked = gateway.account.portfolio(account)
            answer(tws, account, symbol)
            symbols.append([row.symbol for row in asked.result(PATIENCE)])
        assert symbols == [["AAPL"], ["MSFT"], ["IBM"], []]
