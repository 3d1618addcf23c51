"""What tests of the gateway's faults share: what a client is told until it asks for the time."""

from __future__ import annotations

from tests.support.official import Call
from tests.support.wireclient import WireClient, brief, error_of

__all__ = ["codes", "errors", "heard", "prices", "stories"]

#: What comes with an account's positions and values, which these tests are not about.
QUIET = frozenset({"updatePortfolio", "position", "tickSize", "currentTime"})


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
