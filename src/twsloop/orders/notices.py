"""What notices mean for orders: errors that end one, refuse a change, or tell where one is."""

from __future__ import annotations

import re

from twsloop.connection.core import Core
from twsloop.errors import RequestError
from twsloop.events import Ends, Notice
from twsloop.ids import FIRST_REQUEST_ID

from .board import Board
from .book import OrderBook
from .previews import preview_key
from .raw import CANCEL_UNKNOWN
from .state import WORDS, OrderInput, OrderStatus
from .steps import ending, is_working
from .sync import Sync
from .way_out import WayOut

__all__ = ["OrderNotices"]

#: Categories of notices that speak of data even if their id is an order's too.
_NOT_ABOUT_ORDERS = frozenset({"historical", "market_data", "market_data_farm"})
#: The order that a cancel named is over.
CANCEL_OVER = 10148
_STATE = re.compile(r"state:\s*([A-Za-z]+)")


class OrderNotices:
    """Hears notices for the orders slice; loop thread.

    Args:
        core: The connection.
        book: Every order.
        board: Who is told.
        sync: Asks the gateway.
        way_out: Where orders leave.
    """

    def __init__(
        self, core: Core, book: OrderBook, *, board: Board, sync: Sync, way_out: WayOut
    ) -> None:
        self._core = core
        self._book = book
        self._board = board
        self._sync = sync
        self._way_out = way_out
        core.order_known = self.known
        core.on_notice(self.heard)

    def known(self, order_id: int) -> tuple[bool, bool]:
        """For the ErrorHandler: is this id an order of ours, and is it known to be working?"""
        record = self._book.find(self._core.client_id, order_id)
        if record is None or order_id >= FIRST_REQUEST_ID:
            return False, False
        return True, is_working(record)

    def heard(self, notice: Notice) -> None:
        """A notice came; what it means for the order that it names."""
        # Users hear of it next, and whatever they call then has to pass the gate by itself.
        self._way_out.shut()
        self._sync.heed(notice)
        previewed = preview_key(notice.req_id)
        if previewed in self._core.asks and notice.ends is not Ends.NOTHING:
            self._core.asks.refused(previewed, notice)
            return
        if notice.req_id < 0 or notice.category in _NOT_ABOUT_ORDERS:
            return
        record = self._book.find(self._core.client_id, notice.req_id)
        if record is None or notice.req_id >= FIRST_REQUEST_ID:
            return
        now = self._core.clock.now()
        never_left = record.status is OrderStatus.CREATED and record.sent is not None
        if notice.local and notice.severity in {"error", "fatal"}:
            if never_left:
                self._board.apply(record, OrderInput.DROPPED, notice.text)
            else:
                self._board.change_failed(record, _error(notice))
            return
        ends = ending(record, notice)
        self._board.announce(self._book.apply_error(record, notice, now))
        if ends is Ends.CHANGE:
            self._board.change_failed(record, _error(notice))
        if notice.code == CANCEL_OVER:
            found = _STATE.search(notice.text)
            if found and found.group(1) in WORDS:
                self._board.announce(
                    self._book.apply_word(record, found.group(1), now, f"error {notice.code}")
                )
        elif notice.code == CANCEL_UNKNOWN and not record.final:
            work = self._sync.look_again(record)
            self._core.event_loop.spawn(work, name="orders after 10147")


def _error(notice: Notice) -> RequestError:
    return RequestError(
        notice.text,
        code=notice.code,
        req_id=notice.req_id,
        request=f"order {notice.req_id}",
        category=notice.category,
    )
