"""Claims of the page on threats that only the whole thing shows: sockets, files, threads."""

from __future__ import annotations

import stat
import threading
from pathlib import Path
from typing import Any

from tests.support.desk import PATIENCE, Heard, settle
from tests.support.journal_files import held
from tests.support.journal_room import Room, resting, room
from twsloop.contracts import stock
from twsloop.gateway import IBGateway
from twsloop.orders.builders import limit_order, market_order
from twsloop.orders.state import OrderStatus
from twsloop.paper.requests import table
from twsloop.storage.queries import Wanted, query_orders
from twsloop.storage.reading import reading

__all__ = ["room"]

PLACE_ORDER = 3
THREADS, EACH = 16, 4


def listened(room: Room, monkeypatch: Any) -> list[Any]:
    """Every placeOrder that comes to the gateway, before anything is made of it."""
    came: list[Any] = []
    answer = table.answer

    def hear(hub: Any, client: Any, request: Any) -> None:
        if request.type.number == PLACE_ORDER:
            came.append((request.message.orderId, request.message.order.lmtPrice))
        answer(hub, client, request)

    monkeypatch.setattr(table, "answer", hear)
    return came


def test_only_the_journal_knows_the_ids_of_what_is_long_over(room: Room) -> None:
    """The gateway lists nothing of it any more, and gives ids from 1 again."""
    with room.process() as gateway:
        trade = gateway.place_order("AAPL", market_order("BUY", 10))
        assert trade.settled.result(PATIENCE) is OrderStatus.FILLED
    room.paper.faults.nightly_restart(away=0.0, next_id="reset", executions="cut")
    with room.process() as gateway:
        assert gateway.next_order_id() > trade.order_id
    room.paper.faults.nightly_restart(away=0.0, next_id="reset", executions="cut")
    with room.process(journal__enabled=False) as gateway:
        assert gateway.next_order_id() == 1, "without a journal nobody knows"


def test_what_is_changed_while_it_is_written_down_leaves_as_it_was_written(
    room: Room, monkeypatch: Any
) -> None:
    came = listened(room, monkeypatch)
    with room.process(journal__sync="full") as gateway:  # orders wait for the file itself
        resting(gateway)
        settle(gateway)
        came.clear()
        with held(room.file):
            heard = Heard()
            trade = gateway.place_order("AAPL", limit_order("BUY", 10, 101), on_update=heard)
            gateway.event_loop.call(lambda: None)  # it is on its way into the journal
            change = trade.modify(limit_price=102)
            settle(gateway)
            assert came == []
        change.result(PATIENCE)
    assert came == [(trade.order_id, 101.0), (trade.order_id, 102.0)]
    with reading(room.file) as journal:
        (written,) = query_orders(journal, Wanted(order_id=trade.order_id))
        assert written.order["lmtPrice"] in {102, "102", "102.0"}


def test_sixteen_threads_never_get_the_same_id(room: Room, monkeypatch: Any) -> None:
    came = listened(room, monkeypatch)
    with room.process() as gateway:
        threads = [threading.Thread(target=place, args=(gateway,)) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        settle(gateway)
        ids = [order_id for order_id, _ in came]
        assert len(ids) == len(set(ids)) == 2 * THREADS * EACH


def place(gateway: IBGateway) -> None:
    """Orders with ids of ours, and raw ones with ids that the program took."""
    for _ in range(EACH):
        trade = gateway.place_order("AAPL", limit_order("BUY", 1, 100))
        raw_id = gateway.next_order_id()
        gateway.placeOrder(raw_id, stock("AAPL"), limit_order("BUY", 1, 99))
        assert trade.order_id != raw_id


def test_nobody_else_can_read_a_copy_of_the_journal(room: Room, tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    with room.process(journal__backup_folder=copies) as gateway:
        resting(gateway)
        made = gateway.journal.backup().result(PATIENCE)
        assert [*copies.iterdir()] == [made]
        assert stat.S_IMODE(made.stat().st_mode) == 0o600
