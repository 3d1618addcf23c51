"""The risk gate of one connection: what every order passes, and what users are given of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal

import attrs

from twsloop.connection.core import Core
from twsloop.events import QuoteSeen, RiskVerdict

from .gate import Proposal, RiskGate
from .kill_desk import KillDesk, Ledger
from .sources import OrderView, Sources
from .values import exact

__all__ = ["RiskDesk"]


class RiskDesk:
    """Judges the orders of one connection; loop thread.

    Args:
        core: The connection.
        sources: What is known of the world.
        ledger: The journal, for the kill switch.

    Attributes:
        gate: The checks.
        kill_switch: What stops all new orders.
    """

    def __init__(self, core: Core, sources: Sources, ledger: Ledger) -> None:
        self._core = core
        self.kill_switch = KillDesk(core, ledger)
        blocked: Callable[[], str] = lambda: self.kill_switch.blocks  # noqa: E731
        self.gate = RiskGate(core.config, attrs.evolve(sources, kill_switch=blocked))

    # ---- what the orders slice needs -----------------------------------------------------

    def review(
        self, record: Any, order: Any, kind: Literal["place", "modify", "exercise"]
    ) -> RiskVerdict:
        """Judge an order that is about to leave; if it may, it counts from now on.

        Args:
            record: The order's record.
            order: IB's Order, as it will leave.
            kind: What it is.
        """
        return self.gate.review(self._proposal(record, order, kind))

    def noted(self, record: OrderView) -> None:
        """An order of the book is not what it was."""
        self.gate.note(record, self._core.clock.monotonic())

    def seen(self, contract: Any) -> QuoteSeen | None:
        """The quote of a contract as it stands, to be written down with an order."""
        quote = self.gate.sources.quote(contract)
        if quote is None or quote.age is None:
            return None
        return QuoteSeen(
            bid=exact(quote.bid),
            ask=exact(quote.ask),
            last=exact(quote.last),
            at=self._core.clock.now() - timedelta(seconds=quote.age),
            age=quote.age,
        )

    def _proposal(self, record: Any, order: Any, kind: str) -> Proposal:
        core = self._core
        account = order.account
        if not account and not order.faGroup and len(core.accounts) == 1:
            account = core.accounts[0]
        return Proposal(
            order_id=record.order_id,
            client_id=record.client_id,
            kind="modify" if kind == "modify" else "place",
            contract=record.contract,
            order=order,
            account=account,
            now=core.clock.now(),
            monotonic=core.clock.monotonic(),
            in_force=record.before_change,
            filled=record.filled,
            # The very object: anybody can write the same word.
            by_kill_switch=record.origin is self.kill_switch.origin,
        )
