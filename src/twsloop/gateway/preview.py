"""What would become of an order: everything that can be found out without placing it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import attrs
from ibapi.contract import Contract
from ibapi.order import Order

from twsloop.connection.core import Core
from twsloop.contracts import to_contract
from twsloop.errors import RequestError, RequestTimeout, TwsLoopError
from twsloop.events import QuoteSeen, RiskVerdict
from twsloop.orders.checks import tidy
from twsloop.orders.copying import copied
from twsloop.orders.desk import OrderDesk
from twsloop.orders.gate import Answer
from twsloop.orders.intent import Intent
from twsloop.orders.requests import Orders
from twsloop.orders.whatif import OrderPreview
from twsloop.risk.desk import RiskDesk
from twsloop.wire.showing import short_row

__all__ = ["Preview", "Previewer"]


@attrs.frozen(kw_only=True)
class Preview:
    """What was found out about an order; nothing of it is an order.

    Attributes:
        invalid: Why it is no order at all, in words; empty if it can be one. Then nothing else was
            looked at.
        session: Why it would not leave now, whatever it is (no session, orders disabled, ...), in
            words; empty if it would.
        verdict: What the risk gate says of it; None if it was not asked.
        quote: The quote that it was judged by, of a line that is watched; None if none is.
        what_if: What the gateway says it would do to the account; None if there is no answer.
        unanswered: Why there is none, in words.
        refused: The gateway refused the question itself, in its words: it would refuse the order,
            too. Empty if it did not.
    """

    invalid: str = ""
    session: str = ""
    verdict: RiskVerdict | None = None
    quote: QuoteSeen | None = None
    what_if: OrderPreview | None = None
    unanswered: str = ""
    refused: str = ""

    __repr__ = short_row

    @property
    def allowed(self) -> bool:
        """Whether it would leave, if it was placed now."""
        passed = self.verdict is not None and self.verdict.allowed
        return passed and not self.invalid and not self.session

    @property
    def reasons(self) -> tuple[str, ...]:
        """Everything that stands against it, in words; the gateway's own refusal, too."""
        found = [self.invalid, self.session]
        if self.verdict is not None:
            found.append(self.verdict.reason)
        if self.what_if is not None:
            found.append(self.what_if.reject_reason or "")
        found.append(self.refused)
        return tuple(filter(None, found))


class Previewer:
    """Looks at orders that are not to be placed.

    Args:
        core: The connection.
        orders: The orders slice.
        desk: What asks the gateway.
        risk: The risk gate.
    """

    def __init__(self, core: Core, orders: Orders, desk: OrderDesk, risk: RiskDesk) -> None:
        self._core = core
        self._orders = orders
        self._desk = desk
        self._risk = risk

    async def look(
        self, contract: Contract | str, order: Order, ask: bool, limit: float | None
    ) -> Preview:
        """See `IBGateway.preview_order`; loop thread."""
        try:
            what = copied(to_contract(contract))
            made = tidy(copied(order))
            self._orders.check(what, made, Intent())
        except TwsLoopError as error:
            return Preview(invalid=str(error))
        core = self._core
        made.account = made.account or ("" if made.faGroup else core.config.orders.account)
        found, unanswered, refused = None, "the gateway was not asked", ""
        if ask:
            found, unanswered, refused = await _answer(
                lambda: self._desk.what_if(what, made, timeout=limit)
            )
        stands = self._orders.way_out.judge(made.account)
        return Preview(
            session="" if stands.answer is Answer.SEND else stands.reason,
            verdict=self._risk.preview(what, made, self._margin(made, found)),
            quote=self._risk.seen(what),
            what_if=found,
            unanswered=unanswered,
            refused=refused,
        )

    def _margin(self, order: Any, found: OrderPreview | None) -> Decimal | None:
        """What it would tie up, in the base currency of its account, if the gateway says so."""
        if found is None:
            return None
        base = self._risk.base_currency(order)
        return found.margins.initial.change if found.margin_currency in {None, base} else None


async def _answer(
    ask: Callable[[], Awaitable[OrderPreview]],
) -> tuple[OrderPreview | None, str, str]:
    """The gateway's answer; or none, and why, and the gateway's own word if it refused."""
    try:
        return await ask(), "", ""
    except RequestTimeout as error:
        return None, str(error), ""
    except RequestError as error:
        return None, str(error), error.text if error.code else ""
    except (TwsLoopError, TimeoutError) as error:
        return None, str(error), ""
