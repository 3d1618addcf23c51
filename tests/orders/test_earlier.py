"""What was done before is recalled as soon as the journal can be read, and for each login."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from tests.orders.test_sessions import connected, working
from tests.support.desk import PATIENCE, Heard
from tests.support.fake_tws import FakeTws, open_order
from tests.support.journal_room import Room, resting
from tests.support.journals import Steps
from twsloop.clock import ManualClock
from twsloop.config import Config
from twsloop.contracts import stock, symbol_of
from twsloop.events import GapReport, GapVerdict, JournalTrouble
from twsloop.gateway import IBGateway
from twsloop.orders.book import OrderBook
from twsloop.orders.builders import limit_order
from twsloop.orders.earlier import Earlier
from twsloop.orders.state import OrderRecord, OrderStatus
from twsloop.orders.trade import Trade
from twsloop.session.state import State
from twsloop.storage.recalling import Recalled


def take_away(file: Path) -> Path:
    """Put something else into the place of a journal."""
    kept = file.with_name("kept.db")
    file.rename(kept)
    file.write_bytes(b"no journal" * 1000)
    return kept


def put_back(kept: Path, file: Path) -> None:
    """Let the journal be where it was."""
    file.unlink()
    for rest in file.parent.glob(f"{file.name}-*"):
        rest.unlink()
    kept.rename(file)


def place(gateway: IBGateway) -> Trade:
    """An order of which it is known whether it leaves."""
    heard = Heard()
    trade = gateway.place_order("AAPL", limit_order("BUY", 1, "100"), on_update=heard)
    heard.until(lambda shown: shown.status is not OrderStatus.CREATED)
    return trade


def test_a_journal_that_is_mended_is_recalled_and_compared_before_orders_leave(room: Room) -> None:
    with room.process() as gateway:
        lost = resting(gateway).order_id
    room.paper.faults.nightly_restart(away=0.0, orders="lost")
    kept = take_away(room.file)
    reports, troubles, gateway = Heard(), Heard(), room.process()
    gateway.observe(GapReport, reports)
    gateway.observe(JournalTrouble, troubles)
    with gateway:
        refused = place(gateway)
        assert refused.status is OrderStatus.REFUSED
        assert "what earlier processes did is not known yet" in refused.reason
        assert "not a database" in refused.reason
        assert [one.order_id for one in gateway.trades()] == [refused.order_id]
        put_back(kept, room.file)
        report = reports.next()
        rows = {row.order_id: row.verdict for row in report.orders}
        assert (report.cause, rows[lost]) == ("start", GapVerdict.VANISHED)
        assert [trade.status for trade in gateway.trades() if trade.order_id == lost] == [
            OrderStatus.UNCERTAIN
        ]
        again = place(gateway)
        # The kill switch looks into the file in its own time.
        assert again.reason.startswith("kill_switch") or not again.reason
        assert again.order_id > refused.order_id > lost
    assert [told.over for told in troubles.rest()] == [False, True]


class Late:
    """A session that began without a journal's word, and what reading it gives, time by time."""

    def __init__(self, *answers: Recalled | Exception | None) -> None:
        self.clock = ManualClock()
        self.answers = list(answers)
        self.read: list[float] = []
        self.problems: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.core: Any = SimpleNamespace(
            clock=self.clock,
            client_id=1,
            epoch=1,
            accounts=("DU1",),
            state=State.SYNCING,
            role=SimpleNamespace(sends_orders=True),
            config=Config(),
            on_fact=lambda _hook: None,
            errors=SimpleNamespace(
                report_exception=lambda what, _error: self.problems.append(what)
            ),
            event_loop=SimpleNamespace(
                spawn=lambda work, name: self.tasks.append(asyncio.create_task(work, name=name))
            ),
        )
        self.repair: Any = SimpleNamespace(
            compared=None, unread=lambda: None, resume_late=self.compare
        )
        nothing = cast(Any, None)
        self.earlier = Earlier(
            cast(Any, self.core),
            OrderBook(symbol_of),
            board=nothing,
            processor=nothing,
            repair=cast(Any, self.repair),
            journal=Steps(),
            recall=self.recall,
        )

    async def recall(self) -> Recalled | None:
        """What the file tells this time."""
        self.read.append(self.clock.monotonic())
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def compare(self, known: Recalled, taken: list[Any]) -> None:
        """The gateway's lists are as the journal is."""
        assert (known, taken) == (Recalled(), [])
        self.repair.compared(SimpleNamespace(cause="start"))

    async def begin(self) -> None:
        """The session is READY."""
        self.earlier.session(State.SYNCING)
        await self.earlier.restore()
        self.core.state = State.READY

    async def after(self, seconds: float) -> None:
        """Time passes."""
        self.clock.advance(seconds)
        await asyncio.gather(*self.tasks)

    def refuses(self, origin: str = "place") -> str:
        """Why an order would not leave now."""
        order = OrderRecord(7, 1, stock("AAPL"), limit_order("BUY", 1, 1), origin=origin)
        return self.earlier.refuses(order)


async def test_a_file_that_could_not_be_read_is_tried_again_and_again() -> None:
    """Trouble in reading alone has no end that anybody tells."""
    late = Late(None, None, Recalled())
    await late.begin()
    assert late.refuses().startswith("what earlier processes did is not known yet")
    assert not late.refuses("kill_switch")
    late.core.state = State.SYNCING
    await late.after(1)  # the lists are still being fetched
    assert late.read == [0]
    late.core.state = State.READY
    await late.after(2)
    assert late.refuses()
    await late.after(4)
    assert not late.refuses()
    await late.after(100)
    await late.earlier.restore()
    assert late.read == [0, 3, 7]  # once for each login


async def test_a_file_that_cannot_be_understood_is_none() -> None:
    """The lists alone have to do, as where a session begins with it."""
    late = Late(None, ValueError("no journal of ours"))
    await late.begin()
    await late.after(1)
    assert not late.refuses()
    assert late.problems == ["the orders of earlier processes"]
    await late.after(100)
    assert late.read == [0, 1]


async def test_a_session_that_ends_meanwhile_leaves_it_to_the_next() -> None:
    late = Late(None, Recalled())
    await late.begin()
    late.earlier.down()
    await late.after(100)
    assert late.read == [0]


def test_another_login_of_the_same_object_begins_anew(tmp_path: Path) -> None:
    tws, sessions, file = FakeTws(), Heard(), tmp_path / "journal.db"
    with connected(tws, journal__enabled=True, journal__file=file) as gateway:
        gateway.on_session(lambda state, _reason: sessions(state))
        first = working(tws, gateway)
        tws.accounts = "DU7654321"
        tws.open_orders = [open_order(1, "Submitted", permId=77, lmtPrice=50.0)]
        tws.hang_up()
        sessions.until(lambda state: state is State.READY)
        (other,) = gateway.trades()
        assert (other.perm_id, other.order.lmtPrice) == (77, 50.0)
        assert first.done.result(PATIENCE) is OrderStatus.UNCERTAIN
        assert (first.perm_id, first.order.lmtPrice) == (901, 100.0)
        rows = [row for report in gateway.orders.gap_reports for row in report.orders]
        assert {row.perm_id for row in rows} == {77}
        assert gateway.next_order_id() > 1
        # The first login again: what was done there is in the journal.
        tws.accounts, tws.open_orders = "DU1234567", []
        tws.hang_up()
        sessions.until(lambda state: state is State.READY)
        (again,) = gateway.trades()
        assert (again.perm_id, again.status) == (901, OrderStatus.UNCERTAIN)
