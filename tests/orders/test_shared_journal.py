"""Two clients that write to one journal, one of which hears what the other one trades."""

from __future__ import annotations

from tests.support.desk import PATIENCE, Heard
from tests.support.journal_room import Room, resting
from twsloop.events import Fill, GapReport
from twsloop.orders.builders import market_order
from twsloop.orders.state import OrderStatus


def test_whoever_wrote_it_first_an_execution_is_told_to_a_client_once(room: Room) -> None:
    with (
        room.process(connection__client_id=0) as watching,
        room.process(connection__client_id=7) as trading,
    ):
        for _ in range(6):
            trade = trading.place_order("AAPL", market_order("BUY", 1))
            watching.executions().result(PATIENCE)  # as soon as there is one, perhaps before us
            assert trade.settled.result(PATIENCE) is OrderStatus.FILLED
    reports, fills = Heard(), Heard()
    again = room.process(connection__client_id=7)
    again.observe(GapReport, reports)
    again.observe(Fill, fills)
    with again:
        assert reports.next().executions == ()
        assert [len(one.fills) for one in again.trades()] == [1] * 6
        assert [one.commission for one in again.trades()].count(None) == 0
    assert fills.rest() == []
    again = room.process(connection__client_id=0)  # it has seen them all, whoever wrote them
    again.observe(GapReport, reports)
    again.observe(Fill, fills)
    with again:
        assert reports.next().executions == ()
        assert len(again.executions().result(PATIENCE)) == 6
    assert fills.rest() == []


def test_what_was_traded_while_it_was_away_is_told_although_another_one_wrote_it(
    room: Room,
) -> None:
    heard = Heard()
    with room.process(connection__client_id=0) as watching:
        with room.process(connection__client_id=7) as trading:
            order_id = resting(trading, "188").order_id
        room.quote("AAPL", 187.5, 187.6)
        while not watching.executions().result(PATIENCE):
            pass
    again = room.process(connection__client_id=7)
    again.observe(Fill, heard)
    with again:
        assert heard.next().order_id == order_id
    assert heard.rest() == []
