"""What comes in about scans: IB's callbacks, read into rows."""

from __future__ import annotations

from typing import Any

from twsloop.connection.core import Core
from twsloop.connection.streams import Feed
from twsloop.events import Notice

from .state import read_row

__all__ = ["NOTHING_FOUND", "ScannerProcessor", "ScannerStreams", "empty_image"]

#: "No items retrieved": the scan is empty, and goes on.
NOTHING_FOUND = 165


class ScannerProcessor:
    """EWrapper's callbacks for scans that are asked once.

    Args:
        core: The connection; joins answers to our own requests.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        core.on_notice(self._notice)

    def scannerData(  # noqa: PLR0917  (IB's signature)
        self,
        reqId: int,
        rank: int,
        contractDetails: Any,
        distance: str,
        benchmark: str,
        projection: str,
        legsStr: str,
    ) -> None:
        """A row."""
        row = read_row(rank, contractDetails, distance, benchmark, projection, legsStr)
        self._core.answer_part(reqId, row)

    def scannerDataEnd(self, reqId: int) -> None:
        """All rows have come."""
        self._end(reqId)

    def _notice(self, notice: Notice) -> None:
        # Nobody says whether the end of an empty answer follows: it is an end itself.
        if notice.code == NOTHING_FOUND and self._core.request_ids.issued(notice.req_id):
            self._end(notice.req_id)

    def _end(self, req_id: int) -> None:
        """A scan that was asked once is answered: IB would go on with it."""
        if self._core.answer_end(req_id):
            self._core.cancelScannerSubscription(req_id)


class ScannerStreams:
    """EWrapper's callbacks for scans that go on; heard while somebody follows one.

    Args:
        core: The connection; knows the streams.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    def scannerData(  # noqa: PLR0917  (IB's signature)
        self,
        reqId: int,
        rank: int,
        contractDetails: Any,
        distance: str,
        benchmark: str,
        projection: str,
        legsStr: str,
    ) -> None:
        """A row."""
        feed = self._core.streams.feed(reqId)
        if feed is not None and feed.plan.listener is self:
            feed.state.add(
                read_row(rank, contractDetails, distance, benchmark, projection, legsStr)
            )

    def scannerDataEnd(self, reqId: int) -> None:
        """An image is whole."""
        feed = self._core.streams.feed(reqId)
        if feed is not None and feed.plan.listener is self:
            rows = feed.state.end()
            if rows is not None:
                feed.put(rows)


def empty_image(feed: Feed[Any], notice: Notice) -> bool:
    """Deal with a notice about a scan: "no items" is an image without rows."""
    if notice.code != NOTHING_FOUND:
        return False
    feed.notice = notice
    feed.put(feed.state.nothing_found())
    return True
