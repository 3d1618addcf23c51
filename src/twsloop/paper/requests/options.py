"""Requests about options: what a price implies, what a volatility is worth, exercise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from twsloop.paper.catalogue.instruments import Instrument
from twsloop.paper.clients.client import Client
from twsloop.paper.clients.exercise import EXERCISE, LAPSE, Ending
from twsloop.paper.clients.hub import Hub
from twsloop.paper.feeds.derived import RATE, DerivedFeed, option_terms
from twsloop.paper.market import options
from twsloop.paper.market.options import Greeks
from twsloop.paper.market.ticks import computation
from twsloop.paper.orders.validation import AMBIGUOUS, NO_DEFINITION

from .handling import Handler, processing, validating

__all__ = ["HANDLERS"]

#: The tick type of a computation that was asked for.
CUSTOM = 53
NANOSECONDS = 1_000_000_000


def _find_option(hub: Hub, client: Client, request: Any, ident: int) -> Instrument | None:
    """The option that a request is about; otherwise 200 is told, and None returned.

    200 and not 321, which ib_async takes for a warning: its caller would wait for its time-out.
    """
    catalogue = hub.engine.catalogue
    catalogue.move_to(hub.market_now().date())
    found = [one for one in catalogue.find(request.contract) if one.is_option]
    if len(found) == 1:
        return found[0]
    text = AMBIGUOUS.format(symbol=request.contract.symbol) if found else NO_DEFINITION
    hub.error(client, ident, 200, text)
    return None


def _terms(hub: Hub, option: Instrument) -> options.Terms:
    rate = hub.feed.rate if isinstance(hub.feed, DerivedFeed) else RATE
    time_ns = hub.feed.book(option.under_con_id).time_ns
    if not time_ns:  # the market has not begun: the calendar's time
        time_ns = int(hub.now().timestamp()) * NANOSECONDS
    return option_terms(option, time_ns, rate)


def _is_price(hub: Hub, client: Client, request: Any, name: str, value: float) -> bool:
    if math.isfinite(value) and value > 0.0:
        return True
    validating(hub, client, request.reqId, "bN", f"Invalid {name}: {value:g}")
    return False


def _tell(client: Client, request: Any, greeks: Greeks) -> None:
    message = computation(CUSTOM, greeks).message
    message.reqId = request.reqId
    client.send("tickOptionComputation", message)


def calculate_implied_volatility(hub: Hub, client: Client, request: Any) -> None:
    """The volatility that an option's price implies at a price of the underlying."""
    option = _find_option(hub, client, request, request.reqId)
    if option is None:
        return
    price, underlying = request.optionPrice, request.underPrice
    if not _is_price(hub, client, request, "option price", price):
        return
    if not _is_price(hub, client, request, "underlying price", underlying):
        return
    terms = _terms(hub, option)
    volatility = options.implied_volatility(terms, underlying, price)
    dividends = options.present_value_of_dividends(terms, underlying)
    _tell(client, request, Greeks(volatility, price, None, None, None, None, dividends, underlying))


def calculate_option_price(hub: Hub, client: Client, request: Any) -> None:
    """What an option is worth at a volatility and a price of the underlying."""
    option = _find_option(hub, client, request, request.reqId)
    if option is None:
        return
    volatility, underlying = request.volatility, request.underPrice
    if not _is_price(hub, client, request, "volatility", volatility):
        return
    if not _is_price(hub, client, request, "underlying price", underlying):
        return
    _tell(client, request, options.valued(_terms(hub, option), underlying, volatility))


def exercise_options(hub: Hub, client: Client, request: Any) -> None:
    """Exercise an option or let it lapse; it takes effect at once."""
    ident, engine = request.orderId, hub.engine
    option = _find_option(hub, client, request, ident)
    if option is None:
        return
    account = request.account or next(iter(engine.accounts))
    cause = None
    if account not in engine.accounts or (not request.account and len(engine.accounts) > 1):
        cause = "Invalid account code"
    elif request.exerciseAction not in {EXERCISE, LAPSE}:
        cause = f"Invalid exercise action: {request.exerciseAction}"
    elif request.exerciseQuantity <= 0:
        cause = f"Invalid exercise quantity: {request.exerciseQuantity}"
    if cause is not None:
        validating(hub, client, ident, "cq", cause)
        return
    if engine.book.find(client.client_id, ident) is not None:
        hub.error(client, ident, 103, "Duplicate order id")
        return
    ending = Ending(engine, account, option, hub.market_now())
    refused = ending.refusal(request)
    if refused is not None:
        processing(hub, client, ident, "bS", refused)
        return
    ending.carry_out(client.client_id, request)
    hub.settle()


def cancel_calculation(_hub: Hub, _client: Client, _request: Any) -> None:
    """A calculation is answered at once and once: nothing is left to cancel."""


HANDLERS: Mapping[int, Handler] = MappingProxyType(
    {
        21: exercise_options,
        54: calculate_implied_volatility,
        55: calculate_option_price,
        56: cancel_calculation,
        57: cancel_calculation,
    }
)
