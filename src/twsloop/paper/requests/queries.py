"""Questions about orders and executions: what is open, what came to its end, what was filled.

All are answered from memory and change nothing, except that client 0 binds orders that were placed
by hand. What lies before the gateway's day (midnight in New York) is not told: completed orders
and executions are today's, unless an execution filter asks for more days (server version 200 on).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import attrs
from ibapi.protobuf.CompletedOrdersEnd_pb2 import CompletedOrdersEnd
from ibapi.protobuf.ExecutionDetailsEnd_pb2 import ExecutionDetailsEnd

from twsloop.paper.clients import visibility
from twsloop.paper.clients.client import Client
from twsloop.paper.clients.hub import Hub
from twsloop.paper.orders import echo
from twsloop.paper.orders.order import Execution, PaperOrder

from .handling import Handler, validating

__all__ = ["HANDLERS", "midnight", "tell_completed"]

ONLY_CLIENT_0 = (
    "Only API connections with clientId set to 0 can set the auto bind TWS orders property."
)
NEW_YORK = ZoneInfo("America/New_York")
TIME_FORMS = ("%Y%m%d %H:%M:%S", "%Y%m%d-%H:%M:%S", "%Y%m%d")
SIDES = {"BUY": "BUY", "BOT": "BUY", "SELL": "SELL", "SLD": "SELL", "SSHORT": "SELL"}
#: Older executions than this are not kept, as in TWS's trade log.
MOST_DAYS = 7


def midnight(now: datetime) -> datetime:
    """The beginning of the gateway's day."""
    return now.astimezone(NEW_YORK).replace(hour=0, minute=0, second=0, microsecond=0)


# ---- open and completed orders -----------------------------------------------------------------


def req_open_orders(hub: Hub, client: Client, _request: Any) -> None:
    """The live orders of this client id; client 0 binds those that were placed by hand first."""
    if client.client_id == visibility.BINDER:
        visibility.bind_all(hub, client)
    visibility.tell_orders(client, hub.open_orders(client.client_id))


def req_all_open_orders(hub: Hub, client: Client, _request: Any) -> None:
    """The live orders of all client ids, and those that were placed by hand; binds nothing."""
    visibility.tell_orders(client, hub.open_orders())


def req_auto_open_orders(hub: Hub, client: Client, request: Any) -> None:
    """Bind orders that will be placed by hand; there is no answer."""
    if client.client_id == visibility.BINDER:
        visibility.auto_bind(client, request.autoBind)
    elif request.autoBind:
        hub.error(client, -1, 327, ONLY_CLIENT_0)


def req_completed_orders(hub: Hub, client: Client, request: Any) -> None:
    """The orders of all clients that came to their end today."""
    tell_completed(hub, client, api_only=request.apiOnly)


def tell_completed(hub: Hub, client: Client, *, api_only: bool = False) -> None:
    """Tell the completed orders of today, and the end."""
    begin = midnight(hub.now())
    for order in hub.engine.book.completed():
        if api_only and visibility.is_by_hand(order):
            continue
        if order.perm_id in hub.memory.ended:
            continue
        if order.completed_at is None or order.completed_at >= begin:
            client.send("completedOrder", _completed(order))
    client.send("completedOrdersEnd", CompletedOrdersEnd())


def _completed(order: PaperOrder) -> Any:
    message = echo.completed_order(order)
    if order.client_id == visibility.BY_HAND:
        message.order.clientId = visibility.BINDER
        message.order.orderId = 0
    return message


# ---- executions --------------------------------------------------------------------------------


def _since(text: str) -> datetime | None:
    """The time of an execution filter; None where there is none.

    Raises:
        ValueError: It cannot be read.
    """
    text = text.strip()
    if not text:
        return None
    zone: Any = UTC
    parts = text.rsplit(" ", 1)
    # A zone is a word: US/Eastern, but also UTC, which ib_async and ib_insync write.
    if len(parts) == 2 and parts[1][0].isalpha():
        try:
            zone = ZoneInfo(parts[1])
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(parts[1]) from error
        text = parts[0]
    for form in TIME_FORMS:
        try:
            return datetime.strptime(" ".join(text.split()), form).replace(tzinfo=zone)
        except ValueError:
            continue
    raise ValueError(text)


@attrs.frozen
class _Days:
    """The days that a filter asks for: from one on, or only some."""

    begin: datetime
    only: frozenset[date] | None = None

    def __contains__(self, moment: datetime) -> bool:
        if self.only is not None:
            return moment.astimezone(NEW_YORK).date() in self.only
        return moment >= self.begin


def _days(wanted: Any, now: datetime) -> _Days:
    """Today, or the days of the filter.

    Raises:
        ValueError: A date cannot be read.
    """
    today = midnight(now)
    if wanted.specificDates:
        texts = [str(one) for one in wanted.specificDates]
        dates = {datetime.strptime(text, "%Y%m%d").replace(tzinfo=NEW_YORK) for text in texts}
        oldest = today - timedelta(days=MOST_DAYS)
        return _Days(today, frozenset(day.date() for day in dates if day >= oldest))
    if wanted.HasField("lastNDays"):
        # The last day is today.
        back = min(max(wanted.lastNDays, 1), MOST_DAYS) - 1
        return _Days(midnight(today - timedelta(days=back)))
    return _Days(today)


def _fits(fill: Execution, wanted: Any, since: datetime | None, days: _Days) -> bool:
    order = fill.order
    instrument = fill.instrument
    side = SIDES.get(wanted.side.upper()) if wanted.side else None
    return (
        (not wanted.clientId or wanted.clientId == order.client_id)
        and (not wanted.acctCode or wanted.acctCode == order.account)
        and fill.time in days
        and (since is None or fill.time >= since)
        and (not wanted.symbol or wanted.symbol.upper() == instrument.symbol.upper())
        and (not wanted.secType or wanted.secType == instrument.sec_type)
        and (not wanted.exchange or wanted.exchange in {fill.exchange, order.contract.exchange})
        and (side is None or (side == "BUY") == fill.is_buy)
    )


def req_executions(hub: Hub, client: Client, request: Any) -> None:
    """The executions that fit a filter, each with its commission report."""
    wanted = request.executionFilter
    try:
        since = _since(wanted.time)
        days = _days(wanted, hub.now())
    except ValueError as error:
        text = wanted.time or str(error)
        validating(hub, client, request.reqId, "bK", f"Invalid execution time: {text}")
        return
    for fill in hub.engine.executions[hub.memory.first : hub.memory.known]:
        if _fits(fill, wanted, since, days):
            details = echo.execution_details(fill, request.reqId)
            if fill.order.client_id == visibility.BY_HAND:
                details.execution.orderId = 0
                details.execution.clientId = visibility.BINDER
            client.send("execDetails", details)
            if not fill.is_summary:  # a combination pays by its legs
                client.send("commissionReport", echo.commission_report(fill))
    client.send("execDetailsEnd", ExecutionDetailsEnd(reqId=request.reqId))


HANDLERS: Mapping[int, Handler] = MappingProxyType(
    {
        5: req_open_orders,
        7: req_executions,
        15: req_auto_open_orders,
        16: req_all_open_orders,
        99: req_completed_orders,
    }
)
