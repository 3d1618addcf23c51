"""Day trades, counted from executions: in memory, and from the journal after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from tests.risk.support import ACCOUNT, Row, World, aapl, eurusd
from tests.support.desk import PATIENCE, config_for, open_paper
from twsloop.config.sections import RiskParams
from twsloop.events import Fill
from twsloop.gateway import IBGateway
from twsloop.orders.builders import market_order
from twsloop.orders.state import OrderStatus
from twsloop.paper import PaperGateway
from twsloop.risk.counters import TradingDay
from twsloop.risk.day_trades import REACHES_BACK, DayTradeBook, first_day

MONDAY = date(2026, 9, 28)
NOON = datetime(2026, 9, 28, 16, 0, tzinfo=UTC)
DAY_OF = TradingDay(RiskParams()).of


def fill(number: int, quantity: int, **more: Any) -> Fill:
    given: dict[str, Any] = {
        "exec_id": f"0000e0d5.69c2f1a0.{number:02}.01",
        "order_id": number,
        "account": ACCOUNT,
        "con_id": 265598,
        "time": NOON + timedelta(seconds=number),
        "price": Decimal(100),
    }
    side = "BOT" if quantity > 0 else "SLD"
    return Fill(side=side, shares=Decimal(abs(quantity)), **(given | more))


def counted(*fills: tuple[Fill, str], today: date = MONDAY) -> int:
    book = DayTradeBook()
    for one, kind in fills:
        book.take(one, kind)
    return book.count(ACCOUNT, today, DAY_OF)


def test_a_round_trip_is_one_day_trade_of_its_account() -> None:
    book = DayTradeBook()
    book.take(fill(1, 100), "STK")
    assert book.count(ACCOUNT, MONDAY, DAY_OF) == 0
    book.take(fill(2, -100), "STK")
    assert book.count(ACCOUNT, MONDAY, DAY_OF) == 1
    assert book.count("DU2", MONDAY, DAY_OF) == 0
    book.take(fill(2, -100), "STK")  # listed again
    assert book.count(ACCOUNT, MONDAY, DAY_OF) == 1


def test_they_count_by_when_they_were_executed() -> None:
    # Told in the wrong order, and after midnight: opened, closed, and opened again.
    late = NOON + timedelta(days=1)
    fills = [
        (fill(number, size, time=late, executed_at=NOON + timedelta(minutes=minute)), "STK")
        for number, size, minute in ((1, -100, 2), (2, 100, 3), (3, 100, 1))
    ]
    assert counted(*fills, today=MONDAY + timedelta(days=1)) == 1


@pytest.mark.parametrize(
    ("kind", "count"), [("STK", 1), ("OPT", 1), ("WAR", 1), ("", 1), ("FUT", 0), ("CASH", 0)]
)
def test_which_kinds_count(kind: str, count: int) -> None:
    assert counted((fill(1, 100), kind), (fill(2, -100), kind)) == count


def test_a_correction_takes_the_place_of_what_it_corrects() -> None:
    first, second = fill(1, 100), fill(2, -100)
    busted = fill(2, 100, exec_id=f"{second.exec_id[:-2]}02", corrects=second.exec_id)
    assert counted((first, "STK"), (second, "STK"), (busted, "STK")) == 0
    assert counted((first, "STK"), (busted, "STK"), (second, "STK")) == 0  # an old one is told late


def test_of_a_combination_its_legs_count() -> None:
    def combo(number: int, size: int) -> list[tuple[Fill, str]]:
        whole = fill(number, size, con_id=28812380)
        legs = [
            fill(number, size * sign, con_id=con_id, exec_id=f"{whole.exec_id[:-3]}.0{leg}.01")
            for leg, (con_id, sign) in enumerate(((7, 1), (8, -1)), start=2)
        ]
        return [(whole, ""), *((leg, "BAG") for leg in legs)]

    assert counted(*combo(1, 1), *combo(2, -1)) == 2
    assert counted((fill(1, 1), "BAG"), (fill(2, -1), "BAG")) == 0


def test_what_is_too_long_ago_is_forgotten() -> None:
    book = DayTradeBook()
    for number, size in ((1, 100), (2, -100)):
        book.take(fill(number, size), "STK")
    for days in range(9):
        today = MONDAY + timedelta(days=days)
        assert book.count(ACCOUNT, today, DAY_OF) == int(first_day(today) <= MONDAY)
    assert not book._fills


@given(st.integers(0, 800), st.integers(0, 86399))
def test_nothing_that_counts_is_older_than_what_is_read(days: int, seconds: int) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=days, seconds=seconds)
    assert DAY_OF(now - REACHES_BACK) < first_day(DAY_OF(now))


# -------------------------------------------------------------------- as the broker counts


def test_without_the_brokers_count_nothing_opens_if_it_is_asked_for() -> None:
    world = World(held=[Row(aapl(), Decimal(100))])
    gate = world.gate(day_trading="broker")
    assert gate.review(world.propose()).reason.startswith(
        "day_trading: how many day trades remain is not known"
    )
    assert gate.review(world.propose(order=market_order("SELL", 100))).allowed
    assert gate.review(world.propose(eurusd())).allowed  # no rule is about currencies
    assert world.gate().review(world.propose()).allowed
    world.values["DayTradesRemaining"] = Decimal(1)
    assert gate.review(world.propose()).allowed


# ------------------------------------------------------------------------- over real sockets


@pytest.fixture(
    params=[(225, uvloop.new_event_loop), (200, asyncio.new_event_loop)], ids=["protobuf", "text"]
)
def poor(request: pytest.FixtureRequest) -> Iterator[tuple[PaperGateway, Any]]:
    """A gateway whose account is worth less than the classic rule wants."""
    version, loop_factory = request.param
    with open_paper(max_version=version, cash=Decimal(20_000)) as (_feed, paper):
        yield paper, loop_factory


def test_the_fourth_day_trade_is_refused_after_a_restart_as_well(
    poor: tuple[PaperGateway, Any], tmp_path: Path
) -> None:
    paper, loop_factory = poor

    def program(**more: Any) -> IBGateway:
        settings = {"journal__enabled": True, "journal__file": tmp_path / "journal.db", **more}
        classic = {"risk__classic_day_trading": ACCOUNT}
        return IBGateway(config_for(paper, **classic, **settings), loop_factory=loop_factory)

    def trade(gateway: IBGateway, side: str) -> Any:
        placed = gateway.place_order("AAPL", market_order(side, 1))
        assert placed.done.result(PATIENCE) is OrderStatus.FILLED, placed.reason
        assert placed.settled.result(PATIENCE)
        return placed

    def refused(gateway: IBGateway) -> str:
        placed = gateway.place_order("AAPL", market_order("BUY", 1))
        assert placed.done.result(PATIENCE) is OrderStatus.REFUSED
        return str(placed.reason)

    with program() as gateway:
        for _ in range(2):
            trade(gateway, "BUY")
            trade(gateway, "SELL")
        trade(gateway, "BUY")
    with program() as gateway:
        trade(gateway, "SELL")
        assert "would be 4 day trades" in refused(gateway)
        # Without the rule it may trade; with it again, what was counted counts.
        gateway.risk.change("classic_day_trading", None, reason="a test")
        trade(gateway, "BUY")
        trade(gateway, "SELL")
        gateway.risk.change("classic_day_trading", (ACCOUNT,))
    with program() as gateway:
        assert "would be 5 day trades" in refused(gateway)
    # A journal that cannot be read at the start is read as soon as it can.
    file, kept = tmp_path / "journal.db", tmp_path / "kept.db"
    file.rename(kept)
    file.write_text("this is no journal")
    with program(journal__on_trouble="warn", kill_switch__poll=0.05) as gateway:
        assert "is not known" in refused(gateway)
        kept.replace(file)
        while "would be 5 day trades" not in refused(gateway):
            gateway.open_orders().result(PATIENCE)
    with program(journal__enabled=False) as gateway:
        assert "counted by the order journal" in refused(gateway)
