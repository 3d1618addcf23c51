"""What goes out about scans: one scan is a Future, one that goes on a `Stream`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import Any

from ibapi.scanner import ScannerSubscription

from twsloop.connection.core import Core
from twsloop.connection.streams import Stream, StreamPlan
from twsloop.event_loop import Future
from twsloop.processors import Where

from .builders import FilterValue, filter_options, market_scan, scan_key
from .parameters import ScannerParameters
from .processor import ScannerProcessor, ScannerStreams, empty_image
from .state import ScanRow, ScanRows

__all__ = ["Scanner"]

Rows = tuple[ScanRow, ...]


class Scanner:
    """The scanner slice.

    Args:
        core: The connection.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._streams = ScannerStreams(core)
        core.add_slice(ScannerProcessor(core))

    def parameters(self, *, timeout: float | None = None) -> Future[ScannerParameters]:
        """What can be scanned, where, by what; from any thread.

        IB's document has some megabytes; its parts are read when they are looked at.
        """
        return self._core.event_loop.submit(self._ask_parameters, timeout)

    def scan(
        self,
        scan: ScannerSubscription | str,
        filters: Mapping[str, FilterValue] | None = None,
        *,
        timeout: float | None = None,
    ) -> Future[list[ScanRow]]:
        """Scan once; from any thread.

        Args:
            scan: What `market_scan` makes, or only the code of a scan of US stocks.
            filters: Filter options by their codes (``{"priceAbove": 5}``).
            timeout: Seconds for the answer.

        Returns:
            A Future of the rows by rank; none if nothing fits. It fails with IB's error 162 for a
            scan that IB does not know, or when ten of them are open.

        Raises:
            ValueError: A filter that cannot be sent.
        """
        wanted, options = _read(scan, filters)
        return self._core.event_loop.submit(self._ask_rows, wanted, options, timeout)

    def follow(
        self,
        scan: ScannerSubscription | str,
        on_rows: Callable[[Rows], object] | None = None,
        *,
        filters: Mapping[str, FilterValue] | None = None,
        where: Where = None,
    ) -> Stream[Rows]:
        """Scan until it is cancelled; from any thread.

        IB tells all rows anew about every 30 seconds, and has room for ten scans at a time.

        Args:
            scan: What `market_scan` makes, or only the code of a scan of US stocks.
            on_rows: Called with all rows by rank, whenever they are told; none is an empty tuple.
            filters: Filter options by their codes.
            where: Where the callback runs: None for the loop thread; an executor; a loop.

        Raises:
            ValueError: A filter that cannot be sent.
        """
        core = self._core
        wanted, options = _read(scan, filters)
        plan = StreamPlan(
            request=_words(wanted),
            send=lambda req_id: core.reqScannerSubscription(req_id, wanted, [], options),
            cancel=core.cancelScannerSubscription,
            key=("scan", *scan_key(wanted, options)),
            listener=self._streams,
            callbacks=("scannerData", "scannerDataEnd"),
            state=ScanRows,
            on_notice=empty_image,
            keep_latest=True,
            quiet=True,
        )
        return core.streams.open(plan, on_rows, where)

    # ---- on the loop thread --------------------------------------------------------------

    async def _ask_parameters(self, patience: float | None) -> ScannerParameters:
        core = self._core
        (xml,) = await core.ask(
            lambda _id: core.reqScannerParameters(),
            request="scanner parameters",
            key="scanner_parameters",
            timeout=patience,
            share=("scanner_parameters",),
        )
        return ScannerParameters(xml)

    async def _ask_rows(
        self, scan: ScannerSubscription, options: list[Any], patience: float | None
    ) -> list[ScanRow]:
        core = self._core
        rows: list[ScanRow] = await core.ask(
            lambda req_id: core.reqScannerSubscription(req_id, scan, [], options),
            request=_words(scan),
            timeout=patience,
            cancel=core.cancelScannerSubscription,
            share=("scan", *scan_key(scan, options)),
        )
        return sorted(rows, key=lambda row: row.rank)


def _read(
    scan: ScannerSubscription | str, filters: Mapping[str, FilterValue] | None
) -> tuple[ScannerSubscription, list[Any]]:
    """A scan of its own, whatever becomes of the caller's object, and its filter options."""
    wanted = market_scan(scan) if isinstance(scan, str) else copy(scan)
    return wanted, filter_options(filters or {})


def _words(scan: ScannerSubscription) -> str:
    return f"scan {scan.scanCode} of {scan.locationCode}"
