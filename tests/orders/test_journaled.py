"""What an earlier process did is known to the next one: over real sockets, in a real file."""

from __future__ import annotations

from decimal import Decimal

from tests.support.desk import PATIENCE, Heard, config_for
from tests.support.journal_room import Room, resting
from twsloop.events import Fill, GapReport, GapVerdict, OrderRejected
from twsloop.gateway import IBGateway
from twsloop.orders.builders import limit_order, market_order
from twsloop.orders.state import OrderStatus


def test_the_next_process_knows_what_the_last_one_did(room: Room) -> None:
    with room.process() as gateway:
        filled = gateway.place_order("AAPL", market_order("BUY", 100))
        assert filled.settled.result(PATIENCE) is OrderStatus.FILLED
        first = resting(gateway)
    reports, fills = Heard(), Heard()
    gateway = room.process()
    gateway.observe(GapReport, reports)
    gateway.observe(Fill, fills)
    with gateway:
        trade = gateway.trades()[-1]
        assert (trade.order_id, trade.status) == (first.order_id, OrderStatus.SUBMITTED)
        assert trade.cancel().result(PATIENCE) is OrderStatus.CANCELLED
        report = reports.next()
        assert gateway.next_order_id() > first.order_id
    assert report.cause == "start"
    assert [(row.order_id, row.verdict) for row in report.orders] == [
        (first.order_id, GapVerdict.UNCHANGED)
    ]
    assert report.executions == ()
    assert fills.rest() == []  # it was told of it before


def test_what_was_filled_meanwhile_is_told_once(room: Room) -> None:
    with room.process() as gateway:
        order_id = resting(gateway, "188").order_id
    room.quote("AAPL", 187.5, 187.6)
    reports, fills = Heard(), Heard()
    gateway = room.process()
    gateway.observe(GapReport, reports)
    gateway.observe(Fill, fills)
    with gateway:
        report = reports.next()
        assert [(row.order_id, row.verdict) for row in report.orders] == [
            (order_id, GapVerdict.FILLED)
        ]
        (fill,) = report.executions
        assert fill.shares == Decimal(10)
    assert [told.exec_id for told in fills.rest()] == [fill.exec_id]
    fills, again = Heard(), room.process()
    again.observe(Fill, fills)
    with again:
        pass
    assert fills.rest() == []


def test_what_another_client_traded_is_told_once(room: Room) -> None:
    with (
        room.process(connection__client_id=0) as first,
        room.process(
            connection__client_id=7, journal__file=room.file.with_name("other.db")
        ) as other,
    ):
        trade = other.place_order("AAPL", market_order("BUY", 100))
        assert trade.settled.result(PATIENCE) is OrderStatus.FILLED
        (before,) = first.executions().result(PATIENCE)  # it is told, and written
    reports, fills = Heard(), Heard()
    second = room.process(connection__client_id=0)
    second.observe(GapReport, reports)
    second.observe(Fill, fills)
    with second:
        assert reports.next().executions == ()
        assert fills.rest() == []
        (again,) = second.executions().result(PATIENCE)
    assert again.fill.exec_id == before.fill.exec_id


def test_an_id_is_never_used_twice(room: Room) -> None:
    with room.process() as gateway:
        used = resting(gateway).order_id
    room.paper.faults.nightly_restart(away=0.0, next_id="reset")
    with room.process() as gateway:
        assert gateway.next_order_id() > used


def test_an_order_that_the_gateway_forgot_is_uncertain(room: Room) -> None:
    with room.process() as gateway:
        order_id = resting(gateway).order_id
    room.paper.faults.nightly_restart(away=0.0, orders="lost")
    reports, gateway = Heard(), room.process()
    gateway.observe(GapReport, reports)
    with gateway:
        report = reports.next()
        (trade,) = gateway.trades()
        assert (trade.order_id, trade.status) == (order_id, OrderStatus.UNCERTAIN)
    assert [row.verdict for row in report.orders] == [GapVerdict.VANISHED]
    assert not report.complete


def test_without_a_journal_no_order_leaves(room: Room) -> None:
    room.file.write_bytes(b"no journal" * 1000)

    class App(IBGateway):
        errors_heard = Heard()

        def error(
            self, reqId: int, errorTime: int, errorCode: int, errorString: str, reject: str = ""
        ) -> None:
            if reqId > 0:
                self.errors_heard((reqId, errorCode, errorString))

    rejected = Heard()
    gateway = room.process(App)
    gateway.observe(OrderRejected, rejected)
    with gateway:
        trade = gateway.place_order("AAPL", market_order("BUY", 1))
        assert trade.done.result(PATIENCE) is OrderStatus.REFUSED
        assert "journal" in rejected.next().reason
        order_id = gateway.next_order_id()
        gateway.placeOrder(order_id, trade.contract, market_order("BUY", 1))
        told, code, text = App.errors_heard.next()
        assert (told, code) == (order_id, 201)
        assert "journal" in text
        assert gateway.quote("AAPL").result(PATIENCE).bid  # market data goes on
    assert room.file.read_bytes() == b"no journal" * 1000


def test_unwritten_if_the_user_says_so(room: Room) -> None:
    room.file.write_bytes(b"no journal" * 1000)
    with room.process(journal__on_trouble="warn") as gateway:
        trade = gateway.place_order("AAPL", market_order("BUY", 1))
        assert trade.done.result(PATIENCE) is OrderStatus.FILLED


def test_a_cancel_is_written_when_it_is_asked_for(room: Room) -> None:
    with room.process() as gateway:
        trade = resting(gateway)
        assert trade.cancel().result(PATIENCE) is OrderStatus.CANCELLED
        told = gateway.journal.order_history(order_id=trade.order_id).result(PATIENCE)
    sources = [row.source for row in told if row.event == "OrderStep"]
    ends = [row.status for row in told].index("Cancelled")
    assert "cancel" in sources
    assert sources.index("cancel") < ends


def test_an_order_that_is_placed_last_leaves_before_the_end(room: Room) -> None:
    for number in range(1, 6):
        with room.process() as gateway:
            trade = gateway.place_order("AAPL", limit_order("BUY", 10, "100"))
        assert trade.status is not OrderStatus.NOT_SENT
        with room.process() as gateway:
            assert len(gateway.open_orders().result(PATIENCE)) == number


def test_a_gateway_within_the_program_is_play(room: Room) -> None:
    gateway = IBGateway(config_for(room.paper, journal__file=room.file))
    with gateway:
        trade = gateway.place_order("AAPL", market_order("BUY", 1))
        assert trade.done.result(PATIENCE) is OrderStatus.FILLED
    assert not room.file.exists()
