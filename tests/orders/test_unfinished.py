"""A process that is killed as it compares loses no question: the next one compares anew."""

from __future__ import annotations

from typing import Any

from tests.support.cut_journal import cut, entries_of
from tests.support.desk import PATIENCE, Heard
from tests.support.journal_room import Room, resting
from twsloop.events import GapReport
from twsloop.orders.builders import market_order
from twsloop.orders.state import OrderStatus

ASK: dict[str, Any] = {
    f"reconcile__{kind}": "ask" for kind in ("missing", "extra", "changed", "foreign")
}


def test_wherever_it_is_killed_the_next_process_asks_the_same(room: Room) -> None:
    with room.process() as gateway:
        resting(gateway, "188")
        assert gateway.orders.reconcile().result(PATIENCE).agrees
    room.quote("AAPL", 187.5, 187.6)  # it fills
    with room.process(journal__enabled=False) as strange:
        resting(strange, "100")
    with room.process(connection__client_id=9, journal__enabled=False) as other:
        sold = other.place_order("MSFT", market_order("SELL", 4))
        assert sold.settled.result(PATIENCE) is OrderStatus.FILLED
    before = len(entries_of(room.file))
    with room.process(**ASK) as gateway:
        (report,) = gateway.orders.gap_reports
        assert {one.key for one in gateway.orders.questions} == {
            one.key for one in report.differences
        }
        assert {(one.about, one.kind.value) for one in report.differences} == {
            ("order", "changed"),
            ("order", "extra"),
            ("execution", "extra"),
            ("execution", "foreign"),
        }
    ask_again(room, before, {one.key for one in report.differences})


def test_after_a_lost_link_too(room: Room) -> None:
    reports = Heard()
    gateway = room.process(reconnect__first_delay=0.02, **ASK)
    gateway.observe(GapReport, reports)
    with gateway:
        resting(gateway, "188")
        assert reports.next().cause == "start"
        assert gateway.journal.orders().result(PATIENCE)  # all of it is written
        before = len(entries_of(room.file))
        with room.paper.faults.refuse():
            room.paper.faults.close()
            room.quote("AAPL", 187.5, 187.6)  # it fills before we are back
        report = reports.next()
        assert (report.cause, len(report.differences)) == ("link", 2)
        asked = {one.key for one in report.differences}
    ask_again(room, before, asked)


def ask_again(room: Room, before: int, asked: set[tuple[str, ...]]) -> None:
    """Kill it at each entry behind the first so many: the next process asks."""
    written = entries_of(room.file)[before:]
    kinds = [kind for _, kind in written]
    assert kinds.index("ComparisonBegan") < kinds.index("Fill") < kinds.index("DifferencesAsked")
    end = kinds.index("GapReport")
    # Each place is tried with one of the two protocols.
    for last, kind in written[room.paper.max_version % 2 : end + 1 : 2]:
        file = cut(room.file, last, room.file.with_name(f"killed-{last}.db"))
        with room.process(journal__file=file, **ASK) as gateway:
            again = {one.key for one in gateway.orders.questions}
            assert again == asked, (last, kind)
            (row,) = gateway.orders.gap_reports[:1]
            assert {one.key for one in row.differences} == (set() if kind == "GapReport" else asked)
