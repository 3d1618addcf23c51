"""The gateway of a run, in a process of its own: it does what it is told, and keeps the books."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Any

import attrs

from twsloop.errors import PaperError
from twsloop.paper import PaperGateway
from twsloop.paper.clients.client import Client
from twsloop.paper.clients.hub import Hub
from twsloop.paper.clients.session import Request
from twsloop.paper.faults.table import FAULTS
from twsloop.paper.orders.order import TERMINAL, Execution
from twsloop.paper.requests import table

__all__ = ["Books", "Remote", "gateway_process"]

#: A Monday in the regular session, in real time from there.
START = datetime(2026, 9, 28, 14, 30, tzinfo=UTC)
#: IB's number of placeOrder.
PLACE_ORDER = 3


@attrs.frozen
class Books:
    """What the gateway knows of one client's orders.

    Attributes:
        fills: The execution ids, in order.
        placed: How many placeOrder messages came for each order id.
        references: Of each order that was taken: its orderRef.
        working: The order ids that are open.
    """

    fills: tuple[str, ...]
    placed: dict[int, int]
    references: dict[int, str]
    working: frozenset[int]


class _Keeper:
    """Counts the orders that come in, before anything is made of them."""

    def __init__(self) -> None:
        self.placed: Counter[tuple[int, int]] = Counter()
        self._answer = table.answer
        table.answer = self._count

    def _count(self, hub: Hub, client: Client, request: Request) -> None:
        if request.type.number == PLACE_ORDER:
            self.placed[client.client_id, request.message.orderId] += 1
        self._answer(hub, client, request)

    def books(self, paper: PaperGateway, client_id: int) -> Books:
        """Of one client; on the gateway's loop."""
        executions: list[Execution] = [
            one for one in paper.engine.executions if one.order.client_id == client_id
        ]
        orders = [one for one in paper.engine.book if one.client_id == client_id]
        return Books(
            fills=tuple(one.exec_id for one in executions),
            placed={order: n for (client, order), n in self.placed.items() if client == client_id},
            references={one.order_id: one.request.orderRef for one in orders},
            working=frozenset(one.order_id for one in orders if one.status not in TERMINAL),
        )


def serve(pipe: Connection, seed: int) -> None:
    """Run a paper gateway until it is told that this is the end."""
    keeper = _Keeper()
    with PaperGateway(seed=seed, start=START) as paper:
        pipe.send(paper.port)
        while (asked := pipe.recv()) != ("end",):
            what, *args = asked
            if what == "fault":
                pipe.send(_begin(paper, *args))
            elif what == "calm":
                paper.faults.clear()
                pipe.send(paper.port)
            else:
                pipe.send(paper.call(keeper.books, paper, args[0]))


def _begin(
    paper: PaperGateway,
    name: str,
    options: dict[str, Any],
    client: int | None,
    lasting: float | None,
) -> str:
    """Let a fault begin; why it could not, or nothing."""
    try:
        paper.faults.begin(FAULTS[name](**options), client, lasting=lasting)
    except PaperError as error:
        return str(error)
    return ""


@attrs.frozen
class Remote:
    """The way to ask the gateway's process."""

    pipe: Connection
    port: int

    def fault(
        self, name: str, options: dict[str, Any], client: int | None, lasting: float | None
    ) -> str:
        """Let a fault begin; why it could not, or nothing."""
        self.pipe.send(("fault", name, options, client, lasting))
        refused: str = self.pipe.recv()
        return refused

    def calm(self) -> None:
        """End all faults."""
        self.pipe.send(("calm",))
        self.pipe.recv()

    def books(self, client_id: int) -> Books:
        """What the gateway knows of one client's orders now."""
        self.pipe.send(("books", client_id))
        books: Books = self.pipe.recv()
        return books


@contextmanager
def gateway_process(seed: int) -> Iterator[Remote]:
    """A gateway in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    pipe, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(theirs, seed))
    process.start()
    try:
        yield Remote(pipe, pipe.recv())
    finally:
        pipe.send(("end",))
        process.join(20)
        if process.is_alive():
            process.kill()
