"""The orders desk, ``gw.orders``: everything about orders under one name; from any thread.

Placing, changing and cancelling return handles (`Trade`) at once; questions return Futures. What
the gateway is known to refuse raises where it is called. Orders of other clients, and those placed
by hand, are Trades too: they are shown live and cannot be changed, unless client 0 binds them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Unpack

from ibapi.contract import Contract
from ibapi.order import Order

from twsloop.connection.core import Core
from twsloop.errors import OrderError
from twsloop.event_loop import Future

from .actions import Actions, CancelledAll, MakeOrder
from .asking import OrderQuestions
from .attached import attach
from .builders import Bracket, Number, market_order, one_cancels_all, to_quantity
from .changing import as_it_stands, changed_order
from .exercise import ExerciseRequest
from .holdings import PositionsOf
from .intent import Intent, Placing
from .requests import Orders
from .state import OrderStatus
from .trade import Trade
from .whatif import OrderPreview, read_preview
from .words import ExerciseAction

__all__ = ["OrderDesk"]


class OrderDesk(OrderQuestions):
    """Orders: ``gw.orders``.

    Args:
        core: The connection.
        orders: The slice's inside.
        to_contract: Reads what users give as a contract.
        positions: Asks for all positions, within so many seconds, for `close_position`; None if
            nobody can.
    """

    def __init__(
        self,
        core: Core,
        orders: Orders,
        *,
        to_contract: Callable[[Contract | str], Contract],
        positions: PositionsOf | None = None,
    ) -> None:
        super().__init__(core, orders)
        self._to_contract = to_contract
        self._actions = Actions(core, orders, positions)

    # ---- placing -------------------------------------------------------------------------

    def place(
        self,
        contract: Contract | str,
        order: Order,
        **how: Unpack[Placing],
    ) -> Trade:
        """Place an order; returns at once, with ``trade.order_id`` set.

        Args:
            contract: What to trade: IB's Contract, or a symbol as people type it.
            order: IB's Order; it is copied, and may be used again.
            how: ``tag``, ``reason``, ``on_update``, ``on_fill``, ``where``... (see `Placing`).

        Raises:
            InvalidOrder: What the gateway would refuse; ``code`` is IB's.
            SymbolError: The symbol cannot be read.
        """
        intent = Intent.of("place", how)
        return self._orders.place_order(self._to_contract(contract), order, intent)

    def place_many(
        self,
        orders: Iterable[tuple[Contract | str, Order]],
        **how: Unpack[Placing],
    ) -> tuple[Trade, ...]:
        """Place orders for any contracts, with consecutive ids; none if one of them is wrong.

        The arguments and errors are those of `place`.
        """
        wanted = [(self._to_contract(contract), order) for contract, order in orders]
        return self._orders.place_orders(wanted, Intent.of("place_many", how))

    def bracket(
        self,
        contract: Contract | str,
        orders: Bracket,
        **how: Unpack[Placing],
    ) -> tuple[Trade, Trade, Trade]:
        """Place an entry with its profit taker and its stop: ``bracket("BUY", 100, ...)``.

        The two closing orders wait until the entry fills, and one cancels the other.

        Returns:
            The trades of the entry, of the profit taker and of the stop.
        """
        intent = Intent.of("bracket", how)
        what = self._to_contract(contract)
        entry, profit, loss = self._orders.place_orders(
            [(what, order) for order in orders], intent, linked=True
        )
        return entry, profit, loss

    def family(
        self,
        orders: Iterable[tuple[Contract | str, Order]],
        **how: Unpack[Placing],
    ) -> tuple[Trade, ...]:
        """Place a parent and its children, each for its own contract (hedges have another one).

        The children wait until the parent fills; nothing works before all have arrived.

        Args:
            orders: The parent first.
            how: As for `place`.
        """
        wanted = [(self._to_contract(contract), order) for contract, order in orders]
        made = attach(*(order for _, order in wanted))
        pairs = [(contract, order) for (contract, _), order in zip(wanted, made, strict=True)]
        return self._orders.place_orders(pairs, Intent.of("family", how), linked=True)

    def oca(
        self,
        orders: Iterable[tuple[Contract | str, Order]],
        *,
        group: str = "",
        oca_type: int = 1,
        **how: Unpack[Placing],
    ) -> tuple[Trade, ...]:
        """Place orders of which one cancels (or reduces) the others.

        Args:
            orders: At least two, for any contracts.
            group: A name that was never used; one is made unless given.
            oca_type: 1 cancels the others; 2 and 3 reduce them.
            how: As for `place`.
        """
        wanted = [(self._to_contract(contract), order) for contract, order in orders]
        name = group or self._orders.new_group()
        tied = one_cancels_all([order for _, order in wanted], name, oca_type=oca_type)
        intent = Intent.of("oca", how)
        pairs = [(contract, order) for (contract, _), order in zip(wanted, tied, strict=True)]
        return self._orders.place_orders(pairs, intent)

    def exercise(
        self,
        contract: Contract | str,
        quantity: Number = 1,
        *,
        account: str = "",
        action: ExerciseAction = ExerciseAction.EXERCISE,
        override: bool = False,
        **how: Unpack[Placing],
    ) -> Trade:
        """Exercise an option that is held, or let it lapse.

        Args:
            contract: The option, whole.
            quantity: How many contracts.
            account: Whose; the configured one, or the login's only one, unless given.
            action: Exercise, or lapse.
            override: Do it even against what would happen by itself.
            how: As for `place`.

        Raises:
            InvalidOrder: No option, no account, or no whole number of contracts.
        """
        core = self._core
        only = core.accounts[0] if len(core.accounts) == 1 else ""
        wanted = ExerciseRequest(
            contract=self._to_contract(contract),
            quantity=quantity,
            account=account or core.config.orders.account or only,
            action=action,
            override=override,
        )
        return self._orders.exercise(wanted, Intent.of("exercise", how))

    def what_if(
        self, contract: Contract | str, order: Order, *, timeout: float | None = None
    ) -> Future[OrderPreview]:
        """What an order would do to margins, and cost; no order is placed.

        IB asks for restraint: about one preview for ten orders, and one a minute at most.

        Raises:
            InvalidOrder: What the gateway would refuse.
            SymbolError: The symbol cannot be read.
        """
        asked = self._orders.preview(self._to_contract(contract), order, timeout)
        return self._core.event_loop.submit(_previewed, asked)

    # ---- changing and cancelling ---------------------------------------------------------

    def modify(self, trade: Trade | int, **changes: Any) -> Future[OrderStatus]:
        """Send an order again with changed fields; see `Trade.modify`.

        Args:
            trade: The order, or its id.
            changes: ``quantity``, ``limit_price``, ``stop_price``, ``tif``, any field by IB's name.
        """
        return self._trade(trade).modify(**changes)

    def cancel(self, trade: Trade | int) -> Future[OrderStatus]:
        """Cancel an order of ours; resolves with how it ended; see `Trade.cancel`."""
        return self._trade(trade).cancel()

    def cancel_replace(
        self,
        trade: Trade | int,
        changes: Mapping[str, Any],
        *,
        timeout: float | None = None,
        **how: Unpack[Placing],
    ) -> Future[Trade]:
        """Cancel an order, wait for its end, and place another one for what is left of it.

        For what cannot be modified (the order type, the OCA group, a parent). In between nothing of
        it works; what fills meanwhile is not ordered again.

        Args:
            trade: The order, or its id.
            changes: What is different about the new one, named as for `modify`; the quantity is
                what is left unless given.
            timeout: Seconds that the cancellation may take; ``request_timeout`` unless given.
            how: As for `place`, for the new one; the tag stays unless given.

        Returns:
            A Future of the new trade; OrderError if the old order is not cancelled in that time
            (it filled, perhaps): then nothing is placed, and the cancel stays asked for.
            OrdersRefused if orders may not leave now: then nothing is cancelled.

        Raises:
            InvalidOrder: A change that cannot be one, or what the gateway would refuse.
            OrderError: It is over already, or another client's.
        """
        old = self._trade(trade)
        self._orders.must_be_changeable(old.record)
        change = functools.partial(changed_order, changes=changes)
        intent = Intent.of("cancel_replace", how)
        # Now, while the old one still works: afterwards there would be none.
        self._orders.check(old.contract, change(as_it_stands(old.record)), intent)
        work = self._actions.cancel_replace
        return self._core.event_loop.submit(work, old, change, intent, timeout)

    def cancel_all(self, *, timeout: float | None = None) -> Future[CancelledAll]:
        """Cancel every open order of every client, and those placed by hand (reqGlobalCancel).

        Orders that have not left yet never will.

        Args:
            timeout: Seconds that it may take; ``request_timeout`` unless given.

        Returns:
            A Future of what became of each order; it does not raise for one that stays open.
            NotConnected if there is no session.
        """
        return self._core.event_loop.submit(self._actions.cancel_all, timeout)

    def close_position(
        self,
        contract: Contract | str,
        quantity: Number | None = None,
        *,
        account: str = "",
        order: MakeOrder = market_order,
        cancel_open: bool = False,
        timeout: float | None = None,
        **how: Unpack[Placing],
    ) -> Future[Trade]:
        """Order what closes a position, or a part of it; it never turns the position round.

        The position and the open orders are asked for first. What open orders close already (a
        stop, a profit taker) is not closed twice: only what is free is ordered.

        Args:
            contract: What is held; as people type it, or an IB Contract.
            quantity: How much to close; all that is free unless given.
            account: Whose position; needed where several accounts hold it.
            order: Makes the order from an action and a quantity; a market order unless given
                (``lambda side, size: limit_order(side, size, "189.50")``).
            cancel_open: Cancel our own open closing orders first, if the closing order may leave.
            timeout: Seconds for each answer.
            how: As for `place`.

        Returns:
            A Future of the trade. OrderError if the position is flat, several fit, or too little
            of it is free.

        Raises:
            SymbolError: The symbol cannot be read.
            InvalidOrder: The quantity is no number above 0.
        """
        size = None if quantity is None else to_quantity(quantity)
        intent = Intent.of("close_position", how)
        work = functools.partial(
            self._actions.close_position,
            account=account,
            make=order,
            cancel_open=cancel_open,
            intent=intent,
            limit=timeout,
        )
        return self._core.event_loop.submit(work, self._to_contract(contract), size)

    # ---- inside --------------------------------------------------------------------------

    def _trade(self, trade: Trade | int) -> Trade:
        if isinstance(trade, Trade):
            return trade
        found = self.find(order_id=trade)
        if found is None:
            msg = (
                f"no order {trade} of ours is known here: bind or place it first (one that is over "
                "may be forgotten, see [orders] keep_settled)"
            )
            raise OrderError(msg)
        return found


async def _previewed(asked: Future[list[Any]]) -> OrderPreview:
    contract, order, state = (await asked)[0]
    return read_preview(contract, order, state)
