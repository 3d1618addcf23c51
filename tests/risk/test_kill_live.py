"""The kill switch of a gateway object: over real sockets, with a real journal."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
import uvloop

from tests.orders.test_earlier import put_back, take_away
from tests.support.desk import PATIENCE, Heard, config_for, open_paper, settle
from twsloop.app.kill_switch import engage
from twsloop.clock import SystemClock
from twsloop.config import Config
from twsloop.errors import RiskError
from twsloop.events import KillSwitchActed, KillSwitchChanged, RiskVerdict
from twsloop.gateway import IBGateway
from twsloop.orders.builders import limit_order, market_order, stop_order
from twsloop.orders.state import OrderStatus
from twsloop.orders.trade import Trade
from twsloop.paper import PaperGateway
from twsloop.storage.latches import write_down


@attrs.frozen
class Room:
    """A paper gateway that stays, and a journal; programs come and go."""

    feed: Any
    paper: PaperGateway
    folder: Path
    loop_factory: Any

    def program(self, **more: Any) -> IBGateway:
        """The next one."""
        return IBGateway(self.config(**more), loop_factory=self.loop_factory)

    def config(self, **more: Any) -> Config:
        """Its settings."""
        settings = {
            "journal__enabled": True,
            "journal__file": self.folder / "journal.db",
            "kill_switch__poll": 0.05,
            **more,
        }
        return config_for(self.paper, **settings)


@pytest.fixture(
    params=[(225, uvloop.new_event_loop), (200, asyncio.new_event_loop)], ids=["protobuf", "text"]
)
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Room]:
    version, loop_factory = request.param
    with open_paper(max_version=version) as (feed, paper):
        yield Room(feed, paper, tmp_path, loop_factory)


def working(gateway: IBGateway, order: Any) -> Trade:
    heard = Heard()
    trade = gateway.place_order("AAPL", order, on_update=heard)
    live = {OrderStatus.SUBMITTED, OrderStatus.PRE_SUBMITTED}
    if trade.status not in live:
        heard.until(lambda shown: shown.status in live)
    return trade


def hear(gateway: IBGateway, kind: Any) -> Heard:
    heard = Heard()
    gateway.observe(kind, heard)
    return heard


def test_entries_are_cancelled_stops_stay_and_it_survives_a_restart(room: Room) -> None:
    gateway = room.program()
    acted, verdicts = hear(gateway, KillSwitchActed), hear(gateway, RiskVerdict)
    with gateway:
        bought = gateway.place_order("AAPL", market_order("BUY", 100))
        assert bought.done.result(PATIENCE) is OrderStatus.FILLED
        stop = working(gateway, stop_order("SELL", 100, "150"))
        entry = working(gateway, limit_order("BUY", 10, "100"))
        assert gateway.kill_switch.engage("enough")
        assert not gateway.kill_switch.engage("twice")
        assert (gateway.kill_switch.engaged, gateway.kill_switch.by) == (True, "api")
        told = acted.next()
        assert [order.order_id for order in told.cancelled] == [entry.order_id]
        assert told.complete
        assert told.closed == ()
        assert entry.done.result(PATIENCE) is OrderStatus.CANCELLED
        assert stop.active
        refused = gateway.place_order("AAPL", market_order("BUY", 1))
        assert refused.done.result(PATIENCE) is OrderStatus.REFUSED
        assert refused.reason == (
            "kill_switch: engaged by api: enough; it stays so until it is released: "
            'gw.kill_switch.release("why") or twsloop kill --release "why"'
        )
        assert verdicts.next().failed.name == "kill_switch"
    again = room.program()
    acted, changed = hear(again, KillSwitchActed), hear(again, KillSwitchChanged)
    with again:
        assert (again.kill_switch.engaged, again.kill_switch.reason) == (True, "enough")
        assert changed.next().reason == "enough"
        refused = again.place_order("AAPL", market_order("BUY", 1))
        assert refused.done.result(PATIENCE) is OrderStatus.REFUSED
        settle(again)
        assert acted.rest() == []  # it was done
        with pytest.raises(RiskError, match="reason"):
            again.kill_switch.release(" ")
        assert again.kill_switch.release("looked into it")
        assert not again.kill_switch.release("twice")
        placed = again.place_order("AAPL", market_order("SELL", 1))
        assert placed.done.result(PATIENCE) is OrderStatus.FILLED
    with room.program() as last:
        assert not last.kill_switch.engaged


def test_positions_are_closed_only_if_that_is_configured(room: Room) -> None:
    gateway = room.program(kill_switch__flatten=True, kill_switch__cancel="all")
    acted = hear(gateway, KillSwitchActed)
    with gateway:
        bought = gateway.place_order("AAPL", market_order("BUY", 100))
        assert bought.done.result(PATIENCE) is OrderStatus.FILLED
        stop = working(gateway, stop_order("SELL", 100, "150"))
        gateway.kill_switch.engage("out")
        told = acted.next()
        assert [order.order_id for order in told.cancelled] == [stop.order_id]
        (closed,) = told.closed
        assert (closed.quantity, closed.closed) == (Decimal(100), True), closed
        assert gateway.positions().result(PATIENCE) == []
        # Nobody else closes anything, whatever he says of himself.
        refused = gateway.orders.place("AAPL", market_order("SELL", 1), origin="kill_switch")
        assert refused.done.result(PATIENCE) is OrderStatus.REFUSED


def test_programs_that_share_a_journal_share_it(room: Room) -> None:
    one, other = room.program(), room.program(connection__client_id=8)
    mine_heard = hear(one, KillSwitchChanged)
    heard, acted = hear(other, KillSwitchChanged), hear(other, KillSwitchActed)
    with one, other:
        entry = working(other, limit_order("BUY", 10, "100"))
        mine = working(one, limit_order("BUY", 10, "100"))
        one.kill_switch.engage("for all")
        assert heard.next().reason == "for all"
        assert [order.order_id for order in acted.next().cancelled] == [entry.order_id]
        assert mine.done.result(PATIENCE) is OrderStatus.CANCELLED
        other.kill_switch.release("over")
        assert mine_heard.until(lambda fact: not fact.engaged).reason == "over"
        assert not one.kill_switch.engaged


def test_one_of_them_closes_the_positions(room: Room) -> None:
    settings = {"kill_switch__flatten": True}
    one, other = room.program(**settings), room.program(connection__client_id=8, **settings)
    acted = [hear(one, KillSwitchActed), hear(other, KillSwitchActed)]
    with one, other:
        bought = one.place_order("AAPL", market_order("BUY", 100))
        assert bought.done.result(PATIENCE) is OrderStatus.FILLED
        other.kill_switch.engage("out")
        told = [heard.next() for heard in acted]
        assert sorted(len(fact.closed) for fact in told) == [0, 1]
        assert one.positions().result(PATIENCE) == []
        ends = {fact.steps[-1].text for fact in told}
        assert "another program with this journal closes them" in ends


def test_what_was_written_while_no_program_ran_is_done_at_the_next_start(room: Room) -> None:
    with room.program(kill_switch__cancel="none") as gateway:
        entry = working(gateway, limit_order("BUY", 10, "100"))
        params = gateway._tws.config.journal
    fact = KillSwitchChanged(time=SystemClock().now(), engaged=True, by="cli", reason="at night")
    assert write_down(params, [fact]) == 1
    assert write_down(params, [fact]) == 0
    again = room.program()
    acted = hear(again, KillSwitchActed)
    with again:
        told = acted.next()
        assert [order.order_id for order in told.cancelled] == [entry.order_id]
        assert again.kill_switch.by == "cli"


def test_it_acts_when_the_link_is_back(room: Room) -> None:
    gateway = room.program(reconnect__quick_delay=0.05, reconnect__first_delay=0.05)
    acted, states = hear(gateway, KillSwitchActed), Heard()
    with gateway:
        entry = working(gateway, limit_order("BUY", 10, "100"))
        gateway.on_session(lambda state, _reason: states(state.name))
        engaged = threading.Event()

        def engage(state: Any, _reason: str) -> None:
            if state.name == "WAITING" and not engaged.is_set():
                engaged.set()
                gateway.kill_switch.engage("the link is gone")

        gateway.on_session(engage)
        room.paper.faults.reset()
        told = acted.next()
        assert engaged.is_set()
        assert [order.order_id for order in told.cancelled] == [entry.order_id]


def test_it_acts_before_a_short_command_ends(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    with room.program() as gateway:
        entry = working(gateway, limit_order("BUY", 10, "100"))
    engage(room.config(), "enough")
    again = room.program()
    acted = hear(again, KillSwitchActed)
    with again:
        pass
    (told,) = acted.rest()
    assert [order.order_id for order in told.cancelled] == [entry.order_id]
    assert told.complete
    # So does one that engages it, and is over.
    with room.program() as gateway:
        assert gateway.kill_switch.release("looked into it")
        acted = hear(gateway, KillSwitchActed)
        entry = working(gateway, limit_order("BUY", 10, "100"))
        gateway.kill_switch.engage("again")
    (told,) = acted.rest()
    assert [order.order_id for order in told.cancelled] == [entry.order_id]
    assert not [line for line in caplog.messages if "504" in line]


def test_it_says_that_it_has_not_acted_and_acts_the_next_time(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = room.program(loop__stop_timeout=0.4)
    acted = hear(gateway, KillSwitchActed)
    with gateway:
        entry = working(gateway, limit_order("BUY", 10, "100"))
        room.paper.faults.half_open()
        gateway.kill_switch.engage("enough")
    assert acted.rest() == []
    said = [line for line in caplog.messages if "the kill switch has not acted" in line]
    assert len(said) == 1
    assert "within 0.2 s" in said[0]
    assert not [line for line in caplog.messages if "504" in line]
    room.paper.faults.clear()
    again = room.program()
    acted = hear(again, KillSwitchActed)
    with again:
        told = acted.next()
        assert [order.order_id for order in told.cancelled] == [entry.order_id]


def test_a_callback_that_stops_its_own_session_is_told_that_it_has_not_acted(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = room.program()
    over = threading.Event()
    gateway.on_session(lambda state, _reason: over.set() if state.name == "DISCONNECTED" else None)
    with gateway:
        working(gateway, limit_order("BUY", 10, "100"))

        def engage_and_stop() -> None:
            gateway.kill_switch.engage("enough")
            gateway.stop()

        gateway.schedule_task(engage_and_stop)
        assert over.wait(PATIENCE)
    assert "the kill switch has not acted: the session is over" in "\n".join(caplog.messages)
    assert not [line for line in caplog.messages if "504" in line]
    again = room.program()
    acted = hear(again, KillSwitchActed)
    with again:
        assert len(acted.next().cancelled) == 1


def test_a_journal_that_is_mended_is_read_at_once(room: Room) -> None:
    poll = 60  # later than anybody waits here: the next look in turn does not find it
    gateway = room.program(kill_switch__poll=poll)
    engage(room.config(), "before the trouble", SystemClock())
    kept = take_away(room.folder / "journal.db")
    changed = hear(gateway, KillSwitchChanged)
    with gateway:
        refused = gateway.place_order("AAPL", market_order("BUY", 1))
        assert refused.done.result(PATIENCE) is OrderStatus.REFUSED
        put_back(kept, room.folder / "journal.db")
        told = changed.next()
        assert (told.engaged, told.reason) == (True, "before the trouble")
        # It is known again: what lets orders pass is its release, not another look.
        assert gateway.kill_switch.release("looked after")
        assert not gateway.kill_switch.blocks


def test_a_file_engages_it(room: Room) -> None:
    file = room.folder / "STOP"
    gateway = room.program(kill_switch__file=file, kill_switch__poll=60)
    changed = hear(gateway, KillSwitchChanged)
    with gateway:
        file.touch()
        refused = gateway.place_order("AAPL", market_order("BUY", 1))
        assert refused.done.result(PATIENCE) is OrderStatus.REFUSED
        assert changed.next().by == "file"
        with pytest.raises(RiskError, match="remove it first"):
            gateway.kill_switch.release("over")
        file.unlink()
        assert gateway.kill_switch.engaged  # latched
        assert gateway.kill_switch.release("over")


def test_a_file_is_seen_without_an_order(room: Room) -> None:
    file = room.folder / "STOP"
    gateway = room.program(kill_switch__file=file)
    changed = hear(gateway, KillSwitchChanged)
    with gateway:
        file.touch()
        assert changed.next().by == "file"


def test_a_signal_engages_it(room: Room) -> None:
    before = signal.getsignal(signal.SIGUSR2)
    try:
        gateway = room.program(kill_switch__signal="SIGUSR2")
        changed = hear(gateway, KillSwitchChanged)
        with gateway:
            os.kill(os.getpid(), signal.SIGUSR2)
            fact = changed.next()
            assert (fact.by, fact.reason) == ("signal", "SIGUSR2")
    finally:
        signal.signal(signal.SIGUSR2, before)


def test_it_can_be_engaged_before_the_start(room: Room) -> None:
    gateway = room.program()
    assert gateway.kill_switch.engage("not today")
    with gateway:
        refused = gateway.place_order("AAPL", market_order("BUY", 1))
        assert refused.done.result(PATIENCE) is OrderStatus.REFUSED
    with room.program() as again:
        assert again.kill_switch.reason == "not today"
