"""A raw exercise is in no book; its caller and the journal are told what becomes of it."""

from __future__ import annotations

import pytest
from ibapi.order_cancel import OrderCancel

from tests.support.desk import PATIENCE, Heard
from tests.support.full_disk import room_for
from tests.support.journal_files import held
from tests.support.journal_room import Room, resting
from twsloop.contracts import option, stock
from twsloop.errors import OrdersRefused
from twsloop.events import JournalTrouble
from twsloop.gateway import IBGateway
from twsloop.orders.copying import copied
from twsloop.orders.state import OrderStatus
from twsloop.storage.order_state import OrderState

CALL = option("AAPL", "20261218", "190", "C")
#: Ids that the program counts for itself.
ASKED = 900


class App(IBGateway):
    """Hears what IB would tell of a raw call."""

    def __init__(self, *args: object, **more: object) -> None:
        super().__init__(*args, **more)  # type: ignore[arg-type]
        self.complaints = Heard()
        self.mine = ""

    def managedAccounts(self, accountsList: str) -> None:
        self.mine = accountsList.partition(",")[0]

    def error(
        self, reqId: int, errorTime: int, errorCode: int, errorString: str, reject: str = ""
    ) -> None:
        if reqId >= 0:
            self.complaints((reqId, errorCode, errorString))

    def exercise(self, number: int = ASKED) -> None:
        """Ask for an exercise IB's way."""
        self.exerciseOptions(number, CALL, 1, 1, self.mine, 0, "", "", False)

    def written(self, number: int = ASKED) -> OrderState:
        """How the journal says that it stands."""
        (state,) = self.journal.orders(order_id=number).result(PATIENCE)
        return state


def test_one_that_is_being_written_down_when_the_session_ends(room: Room) -> None:
    with room.process(App, journal__deadline=30, journal__sync="full") as gateway:
        assert isinstance(gateway, App)
        resting(gateway)  # the journal is open
        with held(room.file):
            gateway.exercise()
            room.paper.faults.close()
            number, code, text = gateway.complaints.next()
        assert (number, code) == (ASKED, 322)
        assert "the session ended" in text
        assert gateway.written().status == OrderStatus.NOT_SENT


def test_one_that_is_being_written_down_when_all_is_cancelled(room: Room) -> None:
    with room.process(App, journal__deadline=30, journal__sync="full") as gateway:
        assert isinstance(gateway, App)
        trade = resting(gateway)
        with held(room.file):
            gateway.exercise()
            gateway.reqGlobalCancel(OrderCancel())
            number, code, text = gateway.complaints.next()
        assert (number, code) == (ASKED, 322)
        assert "cancelled before it was sent" in text
        assert trade.done.result(PATIENCE) is OrderStatus.CANCELLED
        assert gateway.written().status == OrderStatus.NOT_SENT
        assert ASKED not in {one.order_id for one in gateway.trades()}


def test_one_that_the_gateway_refuses_is_no_riddle_for_the_next_process(room: Room) -> None:
    with room.process(App) as gateway:
        assert isinstance(gateway, App)
        gateway.exercise()
        number, code, _text = gateway.complaints.next()
        assert number == ASKED
        state = gateway.written()
        assert (state.status, state.error_code) == (OrderStatus.REJECTED, code)
        assert state.sent_at is not None
        assert not state.may_be_working


def test_the_id_of_an_order_that_works_is_no_other_one_s(room: Room) -> None:
    with room.process(App) as gateway:
        assert isinstance(gateway, App)
        trade = resting(gateway)
        gateway.exercise(trade.order_id)
        assert gateway.complaints.next()[:2] == (trade.order_id, 103)
        assert trade.status is OrderStatus.SUBMITTED


def test_a_change_that_cannot_be_written_down_fails_with_the_reason(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    troubles = Heard()
    with room.process(App, journal__sync="full") as gateway:
        assert isinstance(gateway, App)
        trade = resting(gateway)
        gateway.observe(JournalTrouble, troubles)
        with room_for(1):  # at once, where a file that is held is found out by waiting
            with pytest.raises(OrdersRefused, match="the order journal cannot be written"):
                trade.modify(limit_price="101").result(PATIENCE)
            changed = copied(trade.order)
            changed.lmtPrice = 102
            gateway.placeOrder(trade.order_id, stock("AAPL"), changed)
            number, code, text = gateway.complaints.next()
        assert (number, code) == (trade.order_id, 134)  # it is not dead, as 201 would say
        assert "the order journal cannot be written" in text
        assert (trade.status, trade.order.lmtPrice) == (OrderStatus.SUBMITTED, 100)
        notes = [entry.text for entry in trade.log if entry.source == "modify"]
        assert sum("the order journal cannot be written" in note for note in notes) == 2
        assert not troubles.next().over
    said = [line.getMessage() for line in caplog.records if "did not happen" in line.getMessage()]
    assert len(said) == 2  # whoever waits for no Future learns it here
