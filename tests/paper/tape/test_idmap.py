"""Ids of a script and of the live client: learnt from requests, applied to answers."""

from __future__ import annotations

from typing import Any

import pytest

from twsloop.paper.tape.idmap import IdMap, id_paths
from twsloop.wire.messages import INBOUND, OUTBOUND, message_class


def made(name: str, **fields: Any) -> Any:
    return message_class(name)(**fields)


def test_requests_orders_and_clients_are_three_name_spaces() -> None:
    ids = IdMap()
    ids.bind(made("MarketDataRequest", reqId=5), made("MarketDataRequest", reqId=50))
    ids.bind(made("PlaceOrderRequest", orderId=5), made("PlaceOrderRequest", orderId=51))
    ids.bind(made("StartApiRequest", clientId=5), made("StartApiRequest", clientId=0))
    assert not ids.trivial
    assert ids.apply(made("TickPrice", reqId=5)).reqId == 50
    status = ids.apply(made("OrderStatus", orderId=5, parentId=5, clientId=5, permId=5))
    assert (status.orderId, status.parentId, status.clientId, status.permId) == (51, 51, 0, 5)
    opened = made("OpenOrder", orderId=5)
    opened.order.orderId = opened.order.parentId = opened.order.clientId = 5
    told = ids.apply(opened)
    assert (told.orderId, told.order.orderId, told.order.parentId) == (51, 51, 51)
    assert told.order.clientId == 0
    assert opened.orderId == 5  # the script's own message stays


def test_an_error_means_the_order_where_there_is_one() -> None:
    ids = IdMap()
    ids.bind(made("MarketDataRequest", reqId=5), made("MarketDataRequest", reqId=50))
    assert ids.apply(made("ErrorMessage", id=5)).id == 50
    ids.bind(made("PlaceOrderRequest", orderId=5), made("PlaceOrderRequest", orderId=51))
    assert ids.apply(made("ErrorMessage", id=5)).id == 51
    assert ids.apply(made("ErrorMessage", id=-1)).id == -1


def test_ids_that_are_the_same_need_no_looking() -> None:
    ids = IdMap()
    message = made("TickPrice", reqId=5)
    ids.bind(made("MarketDataRequest", reqId=5), made("MarketDataRequest", reqId=5))
    assert ids.trivial
    assert ids.apply(message) is message
    ids.bind(made("MarketDataRequest", reqId=6), made("MarketDataRequest", reqId=7))
    assert ids.apply(message) is message


def test_what_has_no_id_is_left_alone() -> None:
    ids = IdMap(trivial=False)
    message = made("OpenOrdersEnd")
    assert ids.apply(message) is message
    ids.bind(made("PlaceOrderRequest"), made("PlaceOrderRequest", orderId=7))
    assert ids.live("order", 0) is None


def test_an_order_without_a_parent_binds_none() -> None:
    ids = IdMap()
    scripted, live = made("PlaceOrderRequest", orderId=1), made("PlaceOrderRequest", orderId=9)
    scripted.order.parentId, live.order.parentId = 0, 0
    ids.bind(scripted, live)
    assert ids.live("order", 0) is None


@pytest.mark.parametrize(
    ("wanted", "given", "opens", "fits"),
    [
        (1, 50, True, True),
        (1, 50, False, True),
        (1, 60, False, False),
        (1, 60, True, True),
        (2, 60, False, True),
    ],
)
def test_a_cancel_has_to_be_of_what_was_begun(
    wanted: int, given: int, opens: bool, fits: bool
) -> None:
    ids = IdMap()
    ids.bind(made("MarketDataRequest", reqId=1), made("MarketDataRequest", reqId=50))
    scripted = made("CancelMarketData", reqId=wanted)
    assert ids.fits(scripted, made("CancelMarketData", reqId=given), opens=opens) is fits


def test_a_request_without_its_id_does_not_fit() -> None:
    ids = IdMap()
    assert not ids.fits(made("CancelMarketData", reqId=1), made("CancelMarketData"), opens=True)
    assert ids.fits(made("CancelMarketData"), made("CancelMarketData", reqId=1), opens=True)


def test_the_client_id_is_filled_in() -> None:
    ids = IdMap()
    status = made("OrderStatus", orderId=1)
    ids.complete(status)
    assert not status.HasField("clientId")
    ids.client_id = 7
    ids.complete(status)
    assert status.clientId == 7
    told = made("OrderStatus", clientId=3)
    ids.complete(told)
    assert told.clientId == 3
    opened = made("OpenOrder", orderId=1)
    ids.complete(opened)
    assert not opened.HasField("order")
    opened.order.orderId = 1
    ids.complete(opened)
    assert opened.order.clientId == 7


def test_every_top_level_id_of_the_protocol_is_known() -> None:
    """A message with reqId, orderId or clientId that nobody maps would go to the wrong request."""
    for table in (INBOUND, OUTBOUND):
        for kind in table.values():
            if kind.proto is None:
                continue
            descriptor = message_class(kind.proto).DESCRIPTOR
            known = {path for path, _ in id_paths(descriptor)}
            for name in ("reqId", "orderId", "clientId"):
                assert name not in descriptor.fields_by_name or (name,) in known, kind.name
