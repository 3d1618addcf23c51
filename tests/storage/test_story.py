"""The story of an order that was really sent: over a socket, into a file, and read beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop

from tests.support.desk import PATIENCE, Desk, Heard, open_desk
from twsloop.orders.builders import limit_order, market_order
from twsloop.orders.state import OrderStatus
from twsloop.storage.queries import Wanted, order_stories, query_fills, query_orders
from twsloop.storage.reading import reading
from twsloop.storage.timeline import Story
from twsloop.storage.verify import verify


@pytest.fixture(
    params=[(225, uvloop.new_event_loop), (200, asyncio.new_event_loop)], ids=["protobuf", "text"]
)
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    version, loop_factory = request.param
    with open_desk(
        version=version,
        loop_factory=loop_factory,
        journal__enabled=True,
        journal__file=tmp_path / "journal.db",
    ) as made:
        yield made


def story_of(file: Path, order_id: int) -> Story:
    """What the file tells, while the program that writes it goes on."""
    with reading(file) as journal:
        (story,) = order_stories(journal, Wanted(order_id=order_id))
    return story


def written(desk: Desk) -> None:
    """All that was told so far is in the file."""
    journal = desk.gateway._IBGateway__slices.journal
    desk.gateway._tws.event_loop.submit(journal.flush).result(PATIENCE)


def test_an_order_that_is_filled(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    trade = desk.gateway.orders.place("AAPL", market_order("BUY", 10), tag="meanrev", reason="low")
    assert trade.settled.result(PATIENCE) is OrderStatus.FILLED
    written(desk)
    story = story_of(file, trade.order_id)
    hops = [moment.hop for moment in story.moments]
    assert hops[:4] == ["call", "verdict", "intent", "sent"]
    assert set(hops[4:]) >= {"fill", "end", "commission"}
    assert set(story.latencies) == {"decided", "left", "answered", "filled", "paid", "whole"}
    order = story.order
    assert (order.status, order.tag, order.purpose, order.perm_id) == (
        *("Filled", "meanrev", "low"),
        trade.perm_id,
    )
    assert (order.filled, order.average_price, order.commission) == (
        *(trade.filled, trade.average_price),
        trade.commission,
    )
    with reading(file) as journal:
        fills = [one.fill for one in query_fills(journal, Wanted(tag="meanrev"))]
    assert fills == list(trade.fills)


def test_an_order_that_is_changed_and_cancelled(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    heard = Heard()
    trade = desk.gateway.place_order("AAPL", limit_order("BUY", 10, "100"), on_update=heard)
    if trade.status is not OrderStatus.SUBMITTED:
        heard.until(lambda shown: shown.status is OrderStatus.SUBMITTED)
    desk.gateway.orders.modify(trade, limit_price=101).result(PATIENCE)
    assert trade.cancel().result(PATIENCE) is OrderStatus.CANCELLED
    written(desk)
    story = story_of(file, trade.order_id)
    told = [(moment.hop, moment.text) for moment in story.moments]
    assert any(hop == "change" and text.startswith("lmtPrice 100") for hop, text in told)
    assert ("cancel", "asked for") in [(hop, text.split(": ")[-1]) for hop, text in told]
    assert [hop for hop, _ in told][-1] in {"end", "notice"}
    assert (story.order.status, story.order.revision) == ("Cancelled", 1)
    desk.gateway.stop()
    with reading(file) as journal:
        assert [one.may_be_working for one in query_orders(journal, Wanted())] == [False]
    assert verify(file).ok
