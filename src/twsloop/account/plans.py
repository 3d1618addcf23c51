"""How each of IB's account streams is asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import attrs

from twsloop.connection.core import Core
from twsloop.connection.streams import Feed, StreamPlan
from twsloop.errors import LoopNotRunning, SlotsExhausted

from .processor import POSITIONS, AccountProcessor, values_key
from .state import AccountTable, ModelTable, PositionTable, SummaryTable

__all__ = ["SUMMARIES", "Plans"]

#: IB refuses more summaries at a time (322, IBKR Campus chapter 14).
SUMMARIES = 2


@attrs.define
class Plans:
    """Makes the plans.

    Attributes:
        core: The connection.
        processor: What hears the answers.
        label: Writes a contract for people.
        positions_table: The live positions.
        account_table: The live account updates.
        ask_positions: Sends the request for positions, in its turn.
        ask_updates: Sends the request for an account's updates, in its turn.
        freed: Told, on the loop thread, that one of IB's places for summaries is free again.
    """

    core: Core
    processor: AccountProcessor
    label: Callable[[Any], str]
    positions_table: PositionTable
    account_table: AccountTable
    ask_positions: Callable[[], object]
    ask_updates: Callable[[str], object]
    freed: Callable[[], object]
    _summaries: dict[Feed[Any], str] = attrs.Factory(dict)

    @property
    def deadline(self) -> float:
        """Seconds that an answer may take."""
        return self.core.config.connection.request_timeout

    def summary(self, tags: str, group: str) -> StreamPlan:
        """The newest values of some tags; takes one of IB's two places."""
        core = self.core
        return StreamPlan(
            request="account summary",
            send=lambda req_id: core.reqAccountSummary(req_id, group, tags),
            cancel=core.cancelAccountSummary,
            listener=self.processor,
            callbacks=(),
            key=("account summary", tags, group),
            state=SummaryTable,
            admit=lambda feed: self._admit(feed, f"{tags} of {group}"),
            release=self._release,
            has_image=True,
            deadline=self.deadline,
        )

    @property
    def summaries(self) -> int:
        """How many of IB's places are taken."""
        return len(self._summaries)

    @property
    def followed(self) -> int:
        """How many of them by streams that nobody is about to give up."""
        asked = self.core.streams.only_asked
        return sum(not asked(feed) for feed in tuple(self._summaries))

    def _admit(self, feed: Feed[Any], holder: str) -> None:
        if len(self._summaries) >= SUMMARIES:
            raise self.full("a further one")
        self._summaries[feed] = holder

    def _release(self, feed: Feed[Any]) -> None:
        self._summaries.pop(feed, None)
        with contextlib.suppress(LoopNotRunning):  # then nobody waits for it any more
            self.core.event_loop.post(self.freed)

    def full(self, what: str) -> SlotsExhausted:
        """Why nothing more can be asked."""
        return SlotsExhausted(
            f"IB keeps {SUMMARIES} account summaries at a time, and {what} would be one too many: "
            "cancel one, or ask one of them for more tags",
            holders=tuple(self._summaries.values()),
            code=322,
            request="account summary",
        )

    def positions(self) -> StreamPlan:
        """Every position of every account."""
        return StreamPlan(
            request="positions",
            send=lambda _req_id: self.ask_positions(),
            cancel=None,  # a raw user of the same session may need them, and our facts do
            listener=self.processor,
            callbacks=(),
            key=POSITIONS,
            state=lambda: self.positions_table,
            has_image=True,
        )

    def values(self, account: str) -> StreamPlan:
        """The values and the portfolio of one account."""
        return StreamPlan(
            request=f"account updates of {account[:2]}...",
            send=lambda _req_id: self.ask_updates(account),
            cancel=None,
            listener=self.processor,
            callbacks=(),
            key=values_key(account),
            state=lambda: self.account_table,
            has_image=True,
        )

    def model_positions(self, account: str, model: str) -> StreamPlan:
        """The positions of an account, a model, or both."""
        core = self.core
        return StreamPlan(
            request="positions of an account and a model",
            send=lambda req_id: core.reqPositionsMulti(req_id, account, model),
            cancel=core.cancelPositionsMulti,
            listener=self.processor,
            callbacks=("positionMulti", "positionMultiEnd"),
            key=("model positions", account, model),
            state=lambda: ModelTable(self.label),
            reset=lambda table: table.clear(),
            has_image=True,
            deadline=self.deadline,
        )

    def model_values(self, account: str, model: str, ledger: bool) -> StreamPlan:
        """The values of an account, a model, or both; any number of them at a time."""
        core = self.core
        return StreamPlan(
            request="values of an account and a model",
            send=lambda req_id: core.reqAccountUpdatesMulti(req_id, account, model, ledger),
            cancel=core.cancelAccountUpdatesMulti,
            listener=self.processor,
            callbacks=("accountUpdateMulti", "accountUpdateMultiEnd"),
            key=("model values", account, model, ledger),
            state=lambda: ModelTable(self.label),
            reset=lambda table: table.clear(),
            has_image=True,
            deadline=self.deadline,
        )

    def profit(self, account: str, model: str) -> StreamPlan:
        """Profit and loss of an account, about once a second."""
        core = self.core
        return StreamPlan(
            request=f"profit and loss of {account[:2]}...",
            send=lambda req_id: core.reqPnL(req_id, account, model),
            cancel=core.cancelPnL,
            listener=self.processor,
            callbacks=("pnl",),
            key=("profit", account, model),
            state=lambda: (account, model),
            keep_latest=True,
            deadline=self.deadline,
        )

    def position_profit(self, account: str, model: str, con_id: int) -> StreamPlan:
        """Profit and loss of one position. IB says nothing at all to an unknown contract's id."""
        core = self.core
        return StreamPlan(
            request=f"profit and loss of contract {con_id}",
            send=lambda req_id: core.reqPnLSingle(req_id, account, model, con_id),
            cancel=core.cancelPnLSingle,
            listener=self.processor,
            callbacks=("pnlSingle",),
            key=("position profit", account, model, con_id),
            state=lambda: (account, model, con_id),
            keep_latest=True,
            deadline=self.deadline,
        )
