"""The limits of a gateway object: followed, watched, restored and changed, over real sockets."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
import uvloop

from tests.support.desk import PATIENCE, Heard, config_for, open_paper
from twsloop.config import Config
from twsloop.errors import RiskError
from twsloop.events import (
    KillSwitchChanged,
    OrderCreated,
    RiskBreached,
    RiskLimitChanged,
    RiskVerdict,
)
from twsloop.gateway import IBGateway
from twsloop.orders.builders import limit_order, market_order
from twsloop.orders.state import OrderStatus
from twsloop.paper import PaperGateway

THREADS = 16


@attrs.frozen
class Room:
    """A paper gateway that stays, and a journal; programs come and go."""

    feed: Any
    paper: PaperGateway
    folder: Path
    loop_factory: Any

    def program(self, **more: Any) -> IBGateway:
        """The next one."""
        settings = {"journal__enabled": True, "journal__file": self.folder / "journal.db", **more}
        return IBGateway(config_for(self.paper, **settings), loop_factory=self.loop_factory)

    def quote(self, price: float) -> None:
        """The market has a new quote."""
        quotes = [
            self.feed.quote("AAPL", price, price + 0.02, 1000),
            self.feed.trade("AAPL", price),
        ]
        self.paper.call(self.feed.send, quotes)


@pytest.fixture(
    params=[(225, uvloop.new_event_loop), (200, asyncio.new_event_loop)], ids=["protobuf", "text"]
)
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Room]:
    version, loop_factory = request.param
    with open_paper(max_version=version) as (feed, paper):
        yield Room(feed, paper, tmp_path, loop_factory)


def hear(gateway: IBGateway, kind: Any) -> Heard:
    heard = Heard()
    gateway.observe(kind, heard)
    return heard


def at_once(work: Callable[[], Any]) -> list[Any]:
    """Do something in sixteen threads that begin together."""
    found: list[Any] = []
    start = threading.Barrier(THREADS)

    def one() -> None:
        start.wait(PATIENCE)
        found.append(work())

    threads = [threading.Thread(target=one) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(found) == THREADS
    return found


def test_sixteen_threads_stay_within_a_position_together(room: Room) -> None:
    with room.program(risk__max_position=500) as gateway:
        order = limit_order("BUY", 100, "100")

        def place() -> Any:
            heard = Heard()
            trade = gateway.place_order("AAPL", order, on_update=heard)
            heard.until(lambda shown: shown.status in {"Submitted", "REFUSED"})
            return trade

        trades = at_once(place)
        refused = [one for one in trades if one.status is OrderStatus.REFUSED]
        held = [one for one in trades if one not in refused]
        assert len(held) == 5
        assert {one.reason.split(":")[0] for one in refused} == {"max_position"}
        room.quote(99.0)
        for one in held:
            assert one.done.result(PATIENCE) is OrderStatus.FILLED
        (position,) = gateway.positions().result(PATIENCE)
        assert position.quantity == Decimal(500)
        # What closes it may leave.
        out = gateway.place_order("AAPL", market_order("SELL", 500))
        assert out.done.result(PATIENCE) is OrderStatus.FILLED


def test_sixteen_threads_stay_within_several_limits_together(room: Room) -> None:
    limits = {"risk__max_open_orders": 6, "risk__orders_per_minute": 9}
    with room.program(**limits) as gateway:

        def place() -> Any:
            heard = Heard()
            trade = gateway.place_order("AAPL", limit_order("BUY", 1, "100"), on_update=heard)
            heard.until(lambda shown: shown.status in {"Submitted", "REFUSED"})
            return trade

        trades = at_once(place)
        working = [one for one in trades if one.status is not OrderStatus.REFUSED]
        assert len(working) == 6
        assert {one.reason.split(":")[0] for one in trades if one not in working} == {
            "max_open_orders"
        }
        for one in working:
            one.cancel()
            assert one.done.result(PATIENCE) is OrderStatus.CANCELLED
        trades = at_once(place)
        working = [one for one in trades if one.status is not OrderStatus.REFUSED]
        assert len(working) == 3
        assert {one.reason.split(":")[0] for one in trades if one not in working} == {
            "orders_per_minute"
        }


def test_orders_of_the_day_count_on_over_a_restart(room: Room) -> None:
    with room.program(risk__orders_per_day=20) as gateway:
        trades = at_once(lambda: gateway.place_order("AAPL", market_order("BUY", 1)))
        ends = Counter(trade.done.result(PATIENCE) for trade in trades)
        assert ends == {OrderStatus.FILLED: THREADS}
    with room.program(risk__orders_per_day=20) as gateway:
        trades = at_once(lambda: gateway.place_order("AAPL", market_order("BUY", 1)))
        ends = Counter(trade.done.result(PATIENCE) for trade in trades)
        assert ends == {OrderStatus.FILLED: 4, OrderStatus.REFUSED: 12}


def test_what_is_not_needed_is_not_asked_for(room: Room) -> None:
    with room.program() as gateway:
        assert not gateway._tws.streams._feeds
        gateway.risk.change("max_position", 10)
        assert len(gateway._tws.streams._feeds) == 1
        gateway.risk.change("max_position", None, reason="a test")
        assert gateway.place_order("AAPL", market_order("BUY", 11)).done.result(PATIENCE) == (
            OrderStatus.FILLED
        )


def test_the_brokers_count_of_day_trades_is_followed_if_it_is_asked_for(room: Room) -> None:
    with room.program(risk__day_trading="broker") as gateway:
        order = market_order("BUY", 1)
        verdict = gateway.preview_order("AAPL", order, what_if=False).result(PATIENCE).verdict
        assert verdict is not None
        (check,) = [one for one in verdict.checks if one.name == "day_trading"]
        assert check.value == Decimal(-1)
        placed = gateway.place_order("AAPL", order)
        assert placed.done.result(PATIENCE) is OrderStatus.FILLED, placed.reason


def test_money_is_counted_in_the_currency_of_the_account(room: Room) -> None:
    with room.program(risk__max_notional=1000, risk__max_buying_power=50) as gateway:
        small = gateway.place_order("AAPL", limit_order("BUY", 5, "190"))
        assert small.done.result(PATIENCE) is OrderStatus.FILLED, small.reason
        large = gateway.place_order("AAPL", limit_order("BUY", 6, "190"))
        assert large.done.result(PATIENCE) is OrderStatus.REFUSED
        assert large.reason.startswith("max_notional: its value is 1140, ")


def test_a_loss_engages_the_kill_switch_and_stays_over_a_restart(room: Room) -> None:
    gateway = room.program(risk__max_daily_loss=1000)
    breached, killed = hear(gateway, RiskBreached), hear(gateway, KillSwitchChanged)
    with gateway:
        bought = gateway.place_order("AAPL", market_order("BUY", 100))
        assert bought.done.result(PATIENCE) is OrderStatus.FILLED, bought.reason
        room.quote(170.0)
        fact = breached.next()
        assert (fact.check.name, fact.latched) == ("max_daily_loss", True)
        assert fact.check.value >= 1000
        changed = killed.next()
        assert (changed.engaged, changed.by) == (True, "loss limit")
    again = room.program(risk__max_daily_loss=1_000_000)
    with again:
        (account,) = again.accounts
        assert again.risk.latched == ((account, "max_daily_loss"),)
        assert again.kill_switch.release("looked into it")
        refused = again.place_order("AAPL", market_order("BUY", 1))
        assert refused.done.result(PATIENCE) is OrderStatus.REFUSED
        assert refused.reason.startswith("max_daily_loss: it was reached today")
        out = again.place_order("AAPL", market_order("SELL", 100))
        assert out.done.result(PATIENCE) is OrderStatus.FILLED, out.reason
        with pytest.raises(RiskError, match="reason"):
            again.risk.release(account, "max_daily_loss", "")
        assert again.risk.release(account, "max_daily_loss", "a test")
        assert not again.risk.release(account, "max_daily_loss", "twice")
        placed = again.place_order("AAPL", market_order("BUY", 1))
        assert placed.done.result(PATIENCE) is OrderStatus.FILLED, placed.reason


def test_rejects_open_the_circuit_breaker(room: Room) -> None:
    gateway = room.program(risk__breaker_rejects=2, kill_switch__on_breaker=True)
    breached, killed = hear(gateway, RiskBreached), hear(gateway, KillSwitchChanged)
    with gateway:
        for _ in range(2):
            room.paper.market.reject_next_order("no")
            rejected = gateway.place_order("AAPL", market_order("BUY", 1))
            assert rejected.done.result(PATIENCE) is OrderStatus.REJECTED
        assert breached.next().check.name == "breaker"
        assert killed.next().by == "breaker"
        assert gateway.risk.breaker == "2 rejects within 60 s"
        gateway.kill_switch.release("looked into it")
        refused = gateway.place_order("AAPL", market_order("BUY", 1))
        assert refused.done.result(PATIENCE) is OrderStatus.REFUSED
        assert refused.reason.startswith("breaker")
        assert gateway.risk.close_breaker()
        assert not gateway.risk.close_breaker()
        placed = gateway.place_order("AAPL", market_order("BUY", 1))
        assert placed.done.result(PATIENCE) is OrderStatus.FILLED


def test_limits_are_changed_with_a_row_for_each(room: Room) -> None:
    gateway = room.program(risk__max_quantity=10)
    changed = hear(gateway, RiskLimitChanged)
    with gateway:
        with pytest.raises(RiskError, match="only with a reason"):
            gateway.risk.change("max_quantity", 20)
        fact = gateway.risk.change("max_quantity", 20, reason="more cash")
        assert fact is not None
        assert changed.next() == fact
        assert (gateway.risk.limits.max_quantity, fact.loosened) == (20, True)
        assert gateway.risk.change("max_quantity", 20) is None
        config = Config.load(environ={}, overrides={"risk.max_quantity": 5})
        (row,) = gateway.risk.reload(config)
        assert (row.old, row.new, row.by) == ("20", "5", "reload")
        refused = gateway.place_order("AAPL", market_order("BUY", 6))
        assert refused.done.result(PATIENCE) is OrderStatus.REFUSED
        assert refused.reason.startswith("max_quantity")


def test_a_limit_that_was_tightened_holds_after_a_restart(room: Room) -> None:
    with room.program(risk__max_quantity=10) as gateway:
        gateway.risk.change("max_quantity", 5)
    again = room.program(risk__max_quantity=10)
    changed = hear(again, RiskLimitChanged)
    with again:
        told = changed.next()
        assert (told.old, told.new, told.by, told.client_id) == ("10", "5", "restart", 1)
        refused = again.place_order("AAPL", market_order("BUY", 6))
        assert refused.done.result(PATIENCE) is OrderStatus.REFUSED
        with pytest.raises(RiskError, match="only with a reason"):
            again.risk.change("max_quantity", 10)
        again.risk.change("max_quantity", 10, reason="looked into it")
    with room.program(risk__max_quantity=10) as gateway:
        placed = gateway.place_order("AAPL", market_order("BUY", 6))
        assert placed.done.result(PATIENCE) is OrderStatus.FILLED, placed.reason
        gateway.risk.change("max_quantity", 1)
    # Another client has its own limits.
    with room.program(risk__max_quantity=10, connection__client_id=7) as other:
        placed = other.place_order("AAPL", market_order("BUY", 6))
        assert placed.done.result(PATIENCE) is OrderStatus.FILLED, placed.reason


def test_what_cannot_be_read_at_the_start_is_read_as_soon_as_it_can(room: Room) -> None:
    with room.program(risk__max_quantity=10) as gateway:
        gateway.risk.change("max_quantity", 5)
    file, kept = room.folder / "journal.db", room.folder / "kept.db"
    file.rename(kept)
    file.write_text("this is no journal")
    again = room.program(risk__max_quantity=10, kill_switch__poll=0.05)
    changed = hear(again, RiskLimitChanged)
    with again:
        refused = again.place_order("AAPL", market_order("BUY", 1))
        assert refused.done.result(PATIENCE) is OrderStatus.REFUSED
        assert again.risk.limits.max_quantity == 10
        kept.replace(file)
        assert changed.next().by == "restart"
        assert again.risk.limits.max_quantity == 5


def test_a_preview_says_everything_and_places_nothing(room: Room) -> None:
    gateway = room.program(risk__max_quantity=10, risk__orders_per_day=1)
    told = hear(gateway, OrderCreated)
    with gateway:
        small = gateway.preview_order("AAPL", limit_order("BUY", 10, "100")).result(PATIENCE)
        assert (small.allowed, small.reasons, small.unanswered) == (True, (), "")
        assert small.what_if is not None
        assert small.what_if.margins.initial.change
        large = gateway.preview_order("AAPL", limit_order("BUY", 11, "100"), what_if=False)
        found = large.result(PATIENCE)
        assert (found.allowed, found.what_if) == (False, None)
        assert found.reasons == ("max_quantity: its size is 11 units, above the limit of 10",), (
            found
        )
        odd = limit_order("BUY", 1, "100")
        odd.totalQuantity = Decimal(-1)
        wrong = gateway.preview_order("AAPL", odd).result(PATIENCE)
        assert not wrong.allowed
        assert "quantity" in wrong.invalid.lower()
        unread = gateway.preview_order("AAPL AAPL AAPL AAPL", market_order("BUY", 1))
        assert unread.result(PATIENCE).invalid
        gateway.kill_switch.engage("stop")
        stopped = gateway.preview_order("AAPL", limit_order("BUY", 1, "100"), what_if=False)
        (why,) = stopped.result(PATIENCE).reasons
        assert why.startswith("kill_switch: engaged by api: stop; it stays so until")
        gateway.kill_switch.release("go")
        # Nothing was counted: the one order of the day is still there.
        placed = gateway.place_order("AAPL", market_order("BUY", 1))
        assert placed.done.result(PATIENCE) is OrderStatus.FILLED
        assert told.next().order_id == placed.order_id
        assert told.rest() == []


def test_a_simulated_order_is_judged_as_well(room: Room) -> None:
    gateway = room.program(risk__max_quantity=10, orders__enabled=False)
    verdicts = hear(gateway, RiskVerdict)
    with gateway:
        fits = gateway.place_order("AAPL", market_order("BUY", 10))
        assert fits.done.result(PATIENCE) is OrderStatus.SIMULATED
        assert fits.reason.startswith("simulated: ")
        assert verdicts.next().allowed
        large = gateway.place_order("AAPL", market_order("BUY", 11))
        assert large.done.result(PATIENCE) is OrderStatus.SIMULATED
        assert large.reason.endswith(
            "; but the risk gate would refuse it: "
            "max_quantity: its size is 11 units, above the limit of 10"
        )
        assert verdicts.next().order_id == large.order_id
