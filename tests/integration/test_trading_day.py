"""A trading day against the paper gateway: protected, held, closed, counted."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.desk import PATIENCE, Desk, Heard, config_for, open_desk, open_paper
from twsloop.account.ledger import TagLedger
from twsloop.clock import ManualClock
from twsloop.config import EndOfDayParams
from twsloop.errors import OrderError
from twsloop.events import EndOfDayReport, OrderFact, ProtectionKind
from twsloop.gateway import IBGateway
from twsloop.gateway.day import TradingDay
from twsloop.gateway.ledger import LedgerDesk
from twsloop.orders.builders import bracket, limit_order, market_order, stop_order
from twsloop.risk.day_clock import OrderHold

AAPL = 265598


def day_of(gateway: IBGateway, **more: Any) -> TradingDay:
    return TradingDay(gateway._tws, gateway.orders, gateway.account, **more)


def until_ready(desk: Desk, *trades: Any) -> None:
    """Return when the gateway has told that these orders wait for no parent any more."""
    while any("child" in trade.why_held for trade in trades):
        desk.gateway.open_orders().result(PATIENCE)


def outcomes(report: EndOfDayReport) -> list[str]:
    return [step.outcome for step in report.steps]


@pytest.mark.parametrize("version", [225, 200])
def test_a_day_from_its_entry_to_its_report(version: int, loop_factory: Any) -> None:
    with open_desk(version=version, loop_factory=loop_factory) as desk:
        gateway = desk.gateway
        facts, reports = Heard(), Heard()
        gateway.observe(OrderFact, facts)
        gateway.observe(EndOfDayReport, reports)
        ledger = TagLedger()
        day = day_of(gateway, drift=ledger_of(gateway).drift_of)
        family = bracket("BUY", 100, take_profit=300, stop_loss=100, tif="GTC")
        entry, profit, loss = gateway.orders.bracket("AAPL", family, tag="mean")
        entry.settled.result(PATIENCE)
        until_ready(desk, profit, loss)

        report = day.protection().result(PATIENCE)
        (cover,) = report.positions
        assert (cover.stopped, cover.targeted) == (Decimal(100), Decimal(100))
        assert (report.findings, report.orders) == ((), 2)

        cheap = gateway.place_order("MSFT", limit_order("BUY", 1, 100, tif="GTC"))
        ended = day.end(EndOfDayParams(cancel="entries")).result(PATIENCE)
        assert [order.order_id for order in ended.cancelled] == [cheap.order_id]
        assert {order.order_id for order in ended.left} == {profit.order_id, loss.order_id}
        assert ended.complete
        assert reports.next() == ended

        loss.cancel().result(PATIENCE)
        lonely = day.protection().result(PATIENCE)
        assert [finding.kind.value for finding in lonely.findings] == ["no stop"]

        ended = day.end(EndOfDayParams(cancel="all", flatten=True)).result(PATIENCE)
        assert outcomes(ended).count("failed") == 0
        (closed,) = ended.closed
        assert (closed.symbol, closed.closed) == ("AAPL", True)
        assert gateway.trades()[-1].contract.exchange == "SMART"
        assert ended.left == ()
        assert ended.count is not None
        assert (ended.count.fills, ended.count.drift) == (2, ())
        ledger.learn(entry.contract)
        gateway.trades()[-1].settled.result(PATIENCE)
        desk.settle()
        for fact in facts.rest():
            ledger.take(fact)
        (row,) = ledger.positions()
        assert (row.tag, row.quantity, row.close_reason) == ("mean", Decimal(0), "other")
        assert ledger.drift(gateway.positions().result(PATIENCE)) == []


def test_the_ledger_counts_what_the_account_counts() -> None:
    with open_desk() as desk:
        facts = Heard()
        desk.gateway.observe(OrderFact, facts)
        ledger = TagLedger()
        trades = [
            desk.gateway.orders.place("AAPL", market_order(side, size), tag="mean")
            for side, size in (("BUY", 50), ("SELL", 70), ("BUY", 5))
        ]
        for trade in trades:
            trade.settled.result(PATIENCE)
        (contract,) = {one.contract.conId: one.contract for one in trades}.values()
        ledger.learn(contract)
        desk.settle()
        for fact in facts.rest():
            ledger.take(fact)
        long, short = ledger.positions(tag="mean")
        assert (long.quantity, short.quantity, short.left) == (Decimal(0), Decimal(-15), Decimal(5))
        profit = desk.gateway.account.own_profit().result(PATIENCE)
        assert sum((row.realized or 0 for row in (long, short)), Decimal(0)) == sum(
            row.realized for row in profit
        )
        held = desk.gateway.positions().result(PATIENCE)
        assert ledger.drift(held) == []
        assert [one.difference for one in TagLedger().drift(held)] == [Decimal(-15)]


def test_an_entry_that_filled_in_part() -> None:
    """Its stop waits for the rest, and ends with it: the part that filled has none."""
    with open_desk() as desk:
        gateway = desk.gateway
        day = day_of(gateway)
        desk.quote("AAPL", 189.49, 189.51, 40)
        entry, _, loss = gateway.orders.bracket(
            "AAPL", bracket("BUY", 100, entry="189.51", take_profit=300, stop_loss=100, tif="GTC")
        )
        while entry.filled < 40:
            gateway.open_orders().result(PATIENCE)
        (finding,) = day.protection().result(PATIENCE).findings
        assert finding.kind is ProtectionKind.NO_STOP
        assert f"order {loss.order_id} is PreSubmitted (held: child,trigger)" in finding.text

        report = day.end(EndOfDayParams(cancel="entries")).result(PATIENCE)
        assert (report.cancelled, len(report.left)) == ((), 3)
        report = day.end(EndOfDayParams(cancel="entries", flatten=True)).result(PATIENCE)
        assert [order.order_id for order in report.cancelled] == [entry.order_id]
        assert (report.complete, report.left) == (True, ())
        assert gateway.positions().result(PATIENCE) == []


def test_one_run_at_a_time() -> None:
    with open_desk() as desk:
        day = day_of(desk.gateway)
        desk.gateway.place_order("MSFT", limit_order("BUY", 1, 100, tif="GTC"))
        first = day.end(EndOfDayParams(wait=3600))
        with pytest.raises(OrderError, match="under way already"):
            day.end().result(PATIENCE)
        first.cancel()


def test_it_runs_by_itself_at_its_time() -> None:
    # 15:54:50 in New York; the paper gateway goes by its own time.
    clock = ManualClock(start=datetime(2026, 1, 5, 20, 54, 50, tzinfo=UTC))
    with open_paper() as (_, paper):
        config = config_for(
            paper, end_of_day__at="15:55 America/New_York", end_of_day__cancel="all"
        )
        with IBGateway(config, clock=clock) as gateway:
            reports = Heard()
            gateway.observe(EndOfDayReport, reports)
            hold = OrderHold(clock.now)
            day = day_of(gateway, hold=hold)
            gateway.event_loop.call(day.run_by_itself)
            stop = gateway.place_order("AAPL", stop_order("SELL", 5, 100, tif="GTC"))
            gateway.open_orders().result(PATIENCE)
            clock.advance(9)
            assert hold.refuses() == ""
            clock.advance(1)
            report = reports.next()
            assert [order.order_id for order in report.cancelled] == [stop.order_id]
            assert report.since == datetime(2026, 1, 5, 5, tzinfo=UTC)
            assert "as planned" in hold.refuses()


def test_nothing_runs_by_itself_unless_told() -> None:
    with open_desk() as desk:
        day = day_of(desk.gateway)
        desk.on_loop(day.run_by_itself)
        assert day._alarm is None


def ledger_of(gateway: IBGateway) -> LedgerDesk:
    slices = gateway._IBGateway__slices
    return LedgerDesk(
        gateway._tws,
        slices.journal,
        executions=slices.orders.book.executions.fills,
        orders=slices.desk.trades,
        positions=slices.account.positions,
    )


@pytest.mark.parametrize("journaled", [True, False])
def test_the_ledger_is_the_same_after_a_restart(journaled: bool, tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "journal__enabled": journaled,
        "journal__file": tmp_path / "journal.db",
    }
    with open_desk(**settings) as desk:
        family = bracket("BUY", 100, take_profit=200, stop_loss=100, tif="GTC")
        entry, profit, loss = desk.gateway.orders.bracket("AAPL", family, tag="mean")
        entry.settled.result(PATIENCE)
        until_ready(desk, profit, loss)
        held = ledger_of(desk.gateway).positions().result(PATIENCE)
        desk.quote("AAPL", 201, 202, 1000)
        profit.settled.result(PATIENCE)
        loss.done.result(PATIENCE)
        before = ledger_of(desk.gateway).positions().result(PATIENCE)
        config = config_for(
            desk.paper, connection__client_id=desk.gateway._tws.client_id, **settings
        )
        desk.gateway.stop()
        with IBGateway(config) as again:
            ledger = ledger_of(again)
            after = ledger.positions().result(PATIENCE)
            assert ledger.drift().result(PATIENCE) == []
            assert ledger.positions(open_only=True).result(PATIENCE) == []
    (row,) = held
    assert (row.tag, row.quantity) == ("mean", Decimal(100))
    assert (row.stop_price, row.target_price) == (Decimal(100), Decimal(200))
    (row,) = before
    assert (row.quantity, row.close_reason, row.unreported) == (Decimal(0), "target", 0)
    if journaled:  # else nobody knows what the orders were
        assert after == before
    else:
        (row,) = after
        assert (row.tag, row.realized) == ("mean", before[0].realized)
