"""What tests of the gateway's faults share: what a client is told until it asks for the time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.support.official import Call
from tests.support.paper_server import AAPL, ORDER
from tests.support.wireclient import WireClient, brief, error_of
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway

__all__ = [
    "BARS",
    "LIMIT",
    "asked",
    "codes",
    "errors",
    "heard",
    "prices",
    "stories",
    "trading_gateway",
]

#: A limit order that rests where `trading_gateway` has its market.
LIMIT: dict[str, Any] = {**ORDER, "orderType": "LMT", "lmtPrice": 269.0}
#: Minutes of one day.
BARS: dict[str, Any] = {
    "contract": AAPL,
    "barSizeSetting": "1 min",
    "duration": "1 D",
    "whatToShow": "TRADES",
    "formatDate": 1,
}

#: What comes with an account's positions and values, which these tests are not about.
QUIET = frozenset({"updatePortfolio", "position", "tickSize", "currentTime"})


@asynccontextmanager
async def trading_gateway(clock: ManualClock) -> AsyncIterator[PaperGateway]:
    """A gateway with a market that takes orders of a thousand shares."""
    async with PaperGateway(feed="manual", clock=clock) as gateway:
        gateway.market.quote("AAPL", 270.0, 270.1, bid_size=1000, ask_size=1000)
        yield gateway


async def asked(client: WireClient, name: str, end: str, **fields: Any) -> list[Call]:
    """What a request is answered with, without its end marker."""
    client.send(name, **fields)
    return (await client.until(end))[:-1]


async def heard(client: WireClient) -> list[Call]:
    """All that the client was told up to now."""
    client.send("reqCurrentTime")
    return (await client.until("currentTime"))[:-1]


def errors(calls: list[Call]) -> list[tuple[int, int, str]]:
    """Id, code and text of the errors and notices."""
    return [error_of(call) for call in calls if call.name == "error"]


def codes(calls: list[Call]) -> list[int]:
    """The codes of the errors and notices."""
    return [code for _, code, _ in errors(calls)]


def prices(calls: list[Call], req_id: int) -> list[tuple[int, float]]:
    """Tick type and price of the price ticks of one request."""
    return [
        (int(call.args[1]), float(call.args[2]))
        for call in calls
        if call.name == "tickPrice" and call.args[0] == req_id
    ]


def stories(calls: list[Call]) -> list[str]:
    """What is told of orders, one short line each."""
    return [brief(call) for call in calls if call.name not in QUIET]
