"""What is asked about companies: corporate events of Wall Street Horizon, and fundamentals."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

from ibapi.contract import Contract

from twsloop.connection.core import Core
from twsloop.errors import ContractError, RequestError
from twsloop.event_loop import Future, SharedWork
from twsloop.wire.identity import contract_key

from .events import WshEvent, WshMeta, event_query, read_events

__all__ = ["Companies", "Details", "Fundamentals", "no_details"]

T = TypeVar("T")
#: Looks a contract up, within so many seconds: IB's ContractDetails of all that fit.
Details = Callable[[Contract, float | None], Awaitable[Sequence[Any]]]


class Fundamentals(StrEnum):
    """IB's reports about a company."""

    SNAPSHOT = "ReportSnapshot"
    SUMMARY = "ReportsFinSummary"
    RATIOS = "ReportRatios"
    STATEMENTS = "ReportsFinStatements"
    ESTIMATES = "RESC"
    CALENDAR = "CalendarReport"


async def no_details(contract: Contract, _limit: float | None) -> Sequence[Any]:
    """Nobody looks contracts up."""
    msg = f"{contract.symbol or 'this contract'} has no conId, and nobody here can look it up"
    raise ContractError(msg)


class Companies:
    """What is asked about companies.

    Args:
        core: The connection.
        to_contract: Reads what users give as a contract.
        label: Writes a contract for people.
        details: Looks a contract up, where a request needs its id.
    """

    def __init__(
        self,
        core: Core,
        *,
        to_contract: Callable[[Contract | str], Contract],
        label: Callable[[Contract], str],
        details: Details,
    ) -> None:
        self._core = core
        self._to_contract = to_contract
        self._label = label
        self._details = details
        self._meta: WshMeta | None = None
        self._wsh = asyncio.Lock()
        self._shared = SharedWork(core.event_loop)
        core.on_down(self._down)

    def wsh_meta(self, *, timeout: float | None = None) -> Future[WshMeta]:
        """What can be asked of Wall Street Horizon; from any thread.

        It is asked for once a session; that service is a subscription of its own.
        """
        work = self._shared.of
        return self._core.event_loop.submit(work, "wsh meta", self._ask_meta_alone, timeout)

    def wsh_events(
        self,
        contract: Contract | str,
        *,
        tag: str = "",
        start: date | None = None,
        end: date | None = None,
        limit: int | None = None,
        also: Iterable[str] = (),
        timeout: float | None = None,
    ) -> Future[list[WshEvent]]:
        """Corporate events of a contract; from any thread.

        IB wants the metadata asked for first, and one question at a time: both are seen to.

        Args:
            contract: Whose events.
            tag: Only events of this type (``wshe_ed``; see `wsh_meta`).
            start: The first day.
            end: The last day.
            limit: At most so many (1 to 100).
            also: Whose events besides: ``competitors``, ``portfolio``, ``watchlist``.
            timeout: Seconds for each answer.

        Raises:
            SymbolError: The contract cannot be read.
            ValueError: A limit that is none of IB's, days in the wrong order, or a word of ``also``
                that nobody knows.
        """
        about = self._to_contract(contract)
        others = (also,) if isinstance(also, str) else tuple(also)
        query = functools.partial(
            event_query, tag=tag, start=start, end=end, limit=limit, also=others
        )
        query(0)  # says what is wrong here
        return self._core.event_loop.submit(
            self._shared.of,
            ("wsh events", contract_key(about), tag, start, end, limit, others),
            self._ask_events,
            about,
            query,
            timeout,
        )

    def fundamentals(
        self,
        contract: Contract | str,
        report: Fundamentals | str = Fundamentals.SNAPSHOT,
        *,
        timeout: float | None = None,
    ) -> Future[str]:
        """A report about a company, as XML; from any thread.

        Gateways from 10.47 on do not serve it any more; older ones need a subscription.
        """
        about = self._to_contract(contract)
        return self._core.event_loop.submit(self._ask_fundamentals, about, str(report), timeout)

    # ---- on the loop thread --------------------------------------------------------------

    async def _ask_meta_alone(self, patience: float | None) -> WshMeta:
        async with self._wsh:
            return await self._ask_meta(patience)

    async def _ask_meta(self, patience: float | None) -> WshMeta:
        core = self._core
        if self._meta is None:
            request = "metadata of Wall Street Horizon"
            (text,) = await core.ask(
                core.reqWshMetaData,
                request=request,
                timeout=patience,
                cancel=core.cancelWshMetaData,
            )
            self._meta = _read(WshMeta.read, text, request)
        return self._meta

    async def _ask_events(
        self, contract: Contract, query: Callable[[int], Any], patience: float | None
    ) -> list[WshEvent]:
        core = self._core
        wanted = query(await self._con_id(contract, patience))
        request = f"corporate events of {self._label(contract)}"
        async with self._wsh:  # IB takes one question at a time
            await self._ask_meta(patience)
            (text,) = await core.ask(
                lambda req_id: core.reqWshEventData(req_id, wanted),
                request=request,
                timeout=patience,
                cancel=core.cancelWshEventData,
            )
        return _read(read_events, text, request)

    async def _ask_fundamentals(
        self, contract: Contract, report: str, patience: float | None
    ) -> str:
        core = self._core
        (text,) = await core.ask(
            lambda req_id: core.reqFundamentalData(req_id, contract, report, []),
            request=f"{report} of {self._label(contract)}",
            timeout=patience,
            cancel=core.cancelFundamentalData,
            share=("fundamentals", contract_key(contract), report),
        )
        return str(text)

    async def _con_id(self, contract: Contract, patience: float | None) -> int:
        """The id of a contract, which some requests name it by."""
        if contract.conId:
            return int(contract.conId)
        found = await self._details(contract, patience)
        ids = {details.contract.conId: details.contract for details in found}
        if len(ids) != 1:
            names = [self._label(one) for one in ids.values()]
            msg = f"{self._label(contract)} is {len(ids)} contracts: say which one is meant"
            raise ContractError(msg, candidates=names)
        con_id: int = next(iter(ids))
        return con_id

    def _down(self) -> None:
        self._meta = None
        self._wsh = asyncio.Lock()  # the next session may have another loop


def _read(read: Callable[[str], T], text: str, request: str) -> T:
    """Read an answer; one that cannot be read is the request's error."""
    try:
        return read(text)
    except ValueError as error:
        raise RequestError(str(error), request=request) from error
