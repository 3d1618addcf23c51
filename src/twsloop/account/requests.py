"""What goes out about accounts: questions with one answer, and streams (``watch_...``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, tzinfo
from typing import Any

from twsloop.connection.core import Core
from twsloop.connection.streams import Stream
from twsloop.errors import ContractError, RequestError
from twsloop.event_loop import Future
from twsloop.processors import Where

from .portfolio import OnRow, Portfolio
from .profit import (
    Comparison,
    Dimension,
    Method,
    Opening,
    OwnFill,
    ProfitRow,
    own_profit,
)
from .questions import Questions, moved
from .rows import (
    AccountProfit,
    AccountValue,
    FamilyCode,
    LedgerRow,
    ModelPosition,
    ModelValue,
    PortfolioItem,
    Position,
    PositionProfit,
    SummaryRow,
)

__all__ = ["DEFAULT_TAGS", "AccountRequests"]

#: What people look at first (IB's tags).
DEFAULT_TAGS = (
    "AccountType",
    "NetLiquidation",
    "TotalCashValue",
    "BuyingPower",
    "EquityWithLoanValue",
    "GrossPositionValue",
    "InitMarginReq",
    "MaintMarginReq",
    "AvailableFunds",
    "ExcessLiquidity",
    "Cushion",
)


def _no_fills() -> list[OwnFill]:
    msg = "there is no orders slice here whose executions could be counted"
    raise RequestError(msg, request="own profit")


class AccountRequests:
    """The account slice: summaries, values, positions, profit and loss.

    Args:
        core: The connection.
        label: Writes a contract for people.
        fills: The executions of today that are known, with their tags; loop thread.
    """

    def __init__(
        self,
        core: Core,
        *,
        label: Callable[[Any], str],
        fills: Callable[[], list[OwnFill]] = _no_fills,
    ) -> None:
        self._core = core
        self._fills = fills
        self._questions = Questions(core, label)
        self._plans = self._questions.plans

    # ---- questions -----------------------------------------------------------------------

    def positions(self, *, timeout: float | None = None) -> Future[list[Position]]:
        """The positions of all accounts that are not flat; from any thread."""
        return self._core.event_loop.submit(self._questions.positions, timeout)

    def summary(
        self,
        tags: str | Iterable[str] = DEFAULT_TAGS,
        group: str = "All",
        *,
        timeout: float | None = None,
    ) -> Future[list[SummaryRow]]:
        """The newest values of IB's tags.

        Args:
            tags: IB's tags, or ``$LEDGER:ALL`` and the like.
            group: ``All`` accounts, or those of an advisor's group.
            timeout: Seconds for the answer; as configured unless given.

        Raises:
            RequestError: IB has told nothing of these tags.
        """
        return self._core.event_loop.submit(self._questions.summary, group, _joined(tags), timeout)

    def values(
        self, account: str = "", *, timeout: float | None = None
    ) -> Future[list[AccountValue]]:
        """All values of one account (the first of the login unless named), live from then on."""
        return self._core.event_loop.submit(self._questions.values, account, timeout)

    def portfolio(
        self, account: str = "", *, timeout: float | None = None
    ) -> Future[list[PortfolioItem]]:
        """The positions of one account as IB values them every three minutes.

        See `watch_portfolio` for values of this second, and of several accounts.
        """
        return self._core.event_loop.submit(self._questions.portfolio, account, timeout)

    def model_positions(
        self, account: str = "", model: str = "", *, timeout: float | None = None
    ) -> Future[list[ModelPosition]]:
        """The positions of an account, of a model in it, or of a model in all accounts."""
        return self._core.event_loop.submit(
            self._questions.model_positions, account, model, timeout
        )

    def model_values(
        self,
        account: str = "",
        model: str = "",
        *,
        ledger: bool = False,
        timeout: float | None = None,
    ) -> Future[list[ModelValue]]:
        """The values of an account and a model; ``ledger`` for the currencies and the sum only."""
        return self._core.event_loop.submit(
            self._questions.model_values, account, model, ledger, timeout
        )

    def pnl(
        self, account: str = "", model: str = "", *, timeout: float | None = None
    ) -> Future[AccountProfit]:
        """Profit and loss of an account, as IB counts it now."""
        return self._core.event_loop.submit(self._questions.pnl, account, model, timeout)

    def position_pnl(
        self, con_id: int, account: str = "", model: str = "", *, timeout: float | None = None
    ) -> Future[PositionProfit]:
        """Profit and loss of one position, as IB counts it now.

        Raises:
            RequestTimeout: IB says nothing to the id of a contract that it does not know.
            ContractError: It is no id.
        """
        given: object = con_id
        if not isinstance(given, int):
            msg = f"con_id={con_id!r}: a position is told by the number of its contract (conId)"
            raise ContractError(msg)
        return self._core.event_loop.submit(
            self._questions.position_pnl, con_id, account, model, timeout
        )

    def ledger(self, account: str = "", *, timeout: float | None = None) -> Future[list[LedgerRow]]:
        """What is held in each currency; one row is ``BASE``, the sum in the base currency."""
        return self._core.event_loop.submit(self._questions.ledger, account, timeout)

    def base_currency(self, account: str = "", *, timeout: float | None = None) -> Future[str]:
        """The currency that an account is kept in."""
        return self._core.event_loop.submit(self._questions.base_currency, account, timeout)

    def managed_accounts(self, *, timeout: float | None = None) -> Future[tuple[str, ...]]:
        """The accounts of the login, as the gateway lists them now."""
        return self._core.event_loop.submit(self._questions.managed_accounts, timeout)

    def family_codes(self, *, timeout: float | None = None) -> Future[list[FamilyCode]]:
        """The accounts and the codes of their families."""
        return self._core.event_loop.submit(self._questions.family_codes, timeout)

    # ---- streams -------------------------------------------------------------------------

    def watch_positions(
        self, on_update: Callable[[Position], object] | None = None, where: Where = None
    ) -> Stream[Position]:
        """Every change of a position; the stream's ``state.rows()`` are all that are not flat."""
        return self._core.streams.open(self._plans.positions(), on_update, where)

    def watch_summary(
        self,
        tags: str | Iterable[str] = DEFAULT_TAGS,
        group: str = "All",
        *,
        on_update: Callable[[SummaryRow], object] | None = None,
        where: Where = None,
    ) -> Stream[SummaryRow]:
        """The values of IB's tags as they change; the stream's ``state.rows()`` are the newest.

        Raises:
            SlotsExhausted: Two are followed already; IB would refuse a third (322).
        """
        return self._core.streams.open(self._plans.summary(_joined(tags), group), on_update, where)

    def watch_values(
        self,
        account: str = "",
        on_update: Callable[[AccountValue | PortfolioItem], object] | None = None,
        where: Where = None,
    ) -> Stream[AccountValue | PortfolioItem]:
        """All values and the portfolio of one account as they change (every three minutes).

        Raises:
            RequestError: Those of another account are followed: IB sends one account's at a time.
            NotConnected: No account is named, and the login's are not known before READY.
        """
        name = self._questions.meant(account)
        other = self._questions.watched(name)
        if other:
            raise moved(name, other)
        return self._core.streams.open(self._plans.values(name), on_update, where)

    def watch_model_positions(
        self,
        account: str = "",
        model: str = "",
        *,
        on_update: Callable[[ModelPosition], object] | None = None,
        where: Where = None,
    ) -> Stream[ModelPosition]:
        """The positions of an account and a model as they change."""
        return self._core.streams.open(
            self._plans.model_positions(account, model), on_update, where
        )

    def watch_model_values(
        self,
        account: str = "",
        model: str = "",
        *,
        ledger: bool = False,
        on_update: Callable[[ModelValue], object] | None = None,
        where: Where = None,
    ) -> Stream[ModelValue]:
        """The values of an account and a model as they change."""
        plan = self._plans.model_values(account, model, ledger)
        return self._core.streams.open(plan, on_update, where)

    def watch_pnl(
        self,
        account: str = "",
        model: str = "",
        *,
        on_update: Callable[[AccountProfit], object] | None = None,
        where: Where = None,
    ) -> Stream[AccountProfit]:
        """Profit and loss of an account, about once a second.

        Raises:
            NotConnected: No account is named, and the login's are not known before READY.
        """
        plan = self._plans.profit(self._questions.meant(account), model)
        return self._core.streams.open(plan, on_update, where)

    def watch_position_pnl(
        self,
        con_id: int,
        account: str = "",
        model: str = "",
        *,
        on_update: Callable[[PositionProfit], object] | None = None,
        where: Where = None,
    ) -> Stream[PositionProfit]:
        """Profit and loss of one position, about once a second.

        Raises:
            NotConnected: No account is named, and the login's are not known before READY.
        """
        plan = self._plans.position_profit(self._questions.meant(account), model, con_id)
        return self._core.streams.open(plan, on_update, where)

    def watch_portfolio(
        self, account: str = "", on_update: OnRow | None = None, where: Where = None
    ) -> Portfolio:
        """Every position joined with its value and its profit, about once a second.

        Args:
            account: Whose; those of all accounts unless named.
            on_update: Called with each `PortfolioRow` that changed.
            where: Where that runs: None for the loop thread; an executor; an asyncio loop.
        """
        return Portfolio(self._core, self._plans, account, on_update, where)

    def held(self) -> list[Position] | None:
        """The positions as they were last reported; None if nobody has asked yet; loop thread."""
        return self._questions.held()

    # ---- our own count -------------------------------------------------------------------

    def carry(self, fills: Iterable[OwnFill]) -> None:
        """These executions are forgotten from now on: what they left is held; loop thread."""
        self._questions.carried.take(fills)

    def own_profit(
        self,
        by: Dimension | Iterable[Dimension] = ("symbol",),
        *,
        method: Method = "fifo",
        opening: Iterable[Opening] = (),
        zone: tzinfo = UTC,
        since: datetime | None = None,
    ) -> Future[list[ProfitRow]]:
        """What the executions that are known earned, counted by ourselves.

        Executions of orders that are forgotten ([orders] keep_settled) say what is held and at what
        cost, as those from before ``since`` do.

        Args:
            by: What a row stands for: any of ``account``, ``symbol``, ``tag``, ``day``; each row is
                of one currency.
            method: ``fifo``, as IB does unless told otherwise, or ``average``.
            opening: What was held before the first execution that is known.
            zone: In which a day begins.
            since: Count what was executed from then on, a time with a zone; what was executed
                before only says what is held, and at what cost.

        Raises:
            ValueError: An unknown dimension or method, or a ``since`` without a zone.
        """
        dimensions: tuple[Dimension, ...] = (by,) if isinstance(by, str) else tuple(by)
        lots = tuple(opening)
        own_profit((), by=dimensions, method=method, since=since)  # what is wrong raises here

        def count() -> list[ProfitRow]:
            return own_profit(
                self._fills(),
                by=dimensions,
                method=method,
                opening=lots,
                carried=self._questions.carried,
                zone=zone,
                since=since,
            )

        return self._core.event_loop.submit(count)

    def compare_profit(
        self,
        account: str = "",
        *,
        opening: Iterable[Opening] = (),
        since: datetime | None = None,
        timeout: float | None = None,
    ) -> Future[Comparison]:
        """Our own count of what was realized today beside IB's, in the base currency.

        Args:
            account: Whose; the first of the login unless named.
            opening: What was held before the first execution that is known.
            since: When IB's count of today began, a time with a zone; unless given the last
                midnight in New York.
            timeout: Seconds for each answer; as configured unless given.

        Raises:
            ValueError: A ``since`` without a zone.
        """
        lots = tuple(opening)
        own_profit((), since=since)  # what is wrong raises here
        return self._core.event_loop.submit(
            lambda: self._questions.compare(account, self._fills(), lots, since, timeout)
        )


def _joined(tags: str | Iterable[str]) -> str:
    return tags if isinstance(tags, str) else ",".join(tags)
