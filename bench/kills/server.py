"""The gateway of a run, in a process of its own: it lives on, and keeps the books."""

from __future__ import annotations

import multiprocessing
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from multiprocessing.connection import Connection
from typing import Any

import attrs

from twsloop.paper import PaperGateway
from twsloop.paper.clients.client import Client
from twsloop.paper.clients.hub import Hub
from twsloop.paper.clients.session import Request
from twsloop.paper.orders.order import TERMINAL, Status
from twsloop.paper.requests import table

__all__ = ["Books", "Received", "Remote", "gateway_process"]

PLACE_ORDER, CANCEL_ORDER = 3, 4
#: What is quoted, and at which price.
PRICES = {"AAPL": 189.5, "MSFT": 420.0}


@attrs.frozen
class Received:
    """One placeOrder, as it came in.

    Attributes:
        order_id: Its id.
        reference: Its orderRef.
        order: What can be told apart: side, type, size, prices.
    """

    order_id: int
    reference: str
    order: tuple[str, str, Decimal, float, float]


@attrs.frozen
class Standing:
    """One order as the gateway has it."""

    order_id: int
    perm_id: int
    reference: str
    status: str
    working: bool
    filled: Decimal
    limit: float


@attrs.frozen
class Books:
    """What the gateway knows of one client's orders.

    Attributes:
        received: Every placeOrder, in order.
        cancels: The order ids of every cancelOrder, in order.
        orders: Every order that was taken, and transmitted.
        fills: Order id, shares and price by execution id.
        commissions: What each execution cost.
        connected: Whether the client is connected.
    """

    received: tuple[Received, ...]
    cancels: tuple[int, ...]
    orders: tuple[Standing, ...]
    fills: dict[str, tuple[int, Decimal, Decimal]]
    commissions: dict[str, Decimal]
    connected: bool


class _Keeper:
    """Writes down what comes in, before anything is made of it."""

    def __init__(self) -> None:
        self.received: dict[int, list[Received]] = defaultdict(list)
        self.cancels: dict[int, list[int]] = defaultdict(list)
        self._answer = table.answer
        table.answer = self._hear

    def _hear(self, hub: Hub, client: Client, request: Request) -> None:
        message = request.message
        if request.type.number == PLACE_ORDER:
            order = message.order
            what = (
                *(order.action, order.orderType, Decimal(order.totalQuantity)),
                *(order.lmtPrice, order.auxPrice),
            )
            came = Received(message.orderId, order.orderRef, what)
            self.received[client.client_id].append(came)
        elif request.type.number == CANCEL_ORDER:
            self.cancels[client.client_id].append(message.orderId)
        self._answer(hub, client, request)

    def books(self, paper: PaperGateway, client_id: int) -> Books:
        """Of one client; on the gateway's loop."""
        # What is not transmitted is shown to nobody, as with IB: an entry whose stop never came.
        orders = [
            one
            for one in paper.engine.book
            if one.client_id == client_id and one.status is not Status.UNTRANSMITTED
        ]
        executions = [one for one in paper.engine.executions if one.order.client_id == client_id]
        return Books(
            received=tuple(self.received[client_id]),
            cancels=tuple(self.cancels[client_id]),
            orders=tuple(
                Standing(
                    one.order_id,
                    one.perm_id,
                    one.request.orderRef,
                    str(one.status),
                    one.status not in TERMINAL,
                    one.filled,
                    one.request.lmtPrice,
                )
                for one in orders
            ),
            fills={
                one.exec_id: (one.order.order_id, one.quantity, one.price) for one in executions
            },
            commissions={one.exec_id: one.commission for one in executions},
            connected=client_id in paper.hub.clients,
        )


def serve(pipe: Connection, version: int) -> None:
    """Run a paper gateway until it is told that this is the end."""
    keeper = _Keeper()
    with PaperGateway(feed="manual", max_version=version) as paper:
        for symbol, price in PRICES.items():
            paper.market.set_price(symbol, price)
        pipe.send(paper.port)
        while (asked := pipe.recv()) != ("end",):
            what, *args = asked
            if what == "price":
                paper.market.set_price(*args)
                pipe.send(None)
            elif what == "reset":
                pipe.send(paper.call(paper.engine.book.reset_ids, args[0]))
            else:
                pipe.send(paper.call(keeper.books, paper, args[0]))


@attrs.frozen
class Remote:
    """The way to ask the gateway's process."""

    pipe: Connection
    port: int

    def price(self, symbol: str, price: float) -> None:
        """The market moves."""
        self._ask("price", symbol, price)

    def books(self, client_id: int) -> Books:
        """What the gateway knows of one client's orders now."""
        books: Books = self._ask("books", client_id)
        return books

    def reset_ids(self, client_id: int) -> None:
        """From now on the gateway gives a client ids from 1 again."""
        self._ask("reset", client_id)

    def _ask(self, *what: Any) -> Any:
        self.pipe.send(what)
        return self.pipe.recv()


@contextmanager
def gateway_process(version: int) -> Iterator[Remote]:
    """A gateway in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    pipe, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(theirs, version))
    process.start()
    try:
        yield Remote(pipe, pipe.recv())
    finally:
        pipe.send(("end",))
        process.join(20)
        if process.is_alive():
            process.kill()
