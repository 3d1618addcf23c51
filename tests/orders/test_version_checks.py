"""A field that would not arrive is refused before: judged by what IB's own client sends."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from typing import Any

import pytest
from ibapi.order import Order
from ibapi.tag_value import TagValue

from tests.support import official
from tests.support.order_examples import EXAMPLES, LIMIT, STOCK
from twsloop.errors import InvalidOrder
from twsloop.orders.attributes import changed
from twsloop.orders.checks import validate
from twsloop.orders.version_checks import GATES, LOST_SINCE, version_problem

VERSIONS = (225, 222, 217, 216, 215, 203, 202, 200, 190, 165, 150, 140, 125, 112)
#: What IB's client sends only in company of others, or never, as it is the gateway's to say.
NOT_ALONE = {
    *("orderId", "clientId", "permId", "parentPermId", "submitter", "shareholder"),
    *("autoCancelDate", "filledQuantity", "refFuturesConId", "basisPoints", "basisPointsType"),
    *("orderComboLegs", "smartComboRoutingParams", "algoParams", "hedgeParam"),
    *(name for name in vars(Order()) if name.startswith(("deltaNeutral", "scale", "conditions"))),
    *("referenceContractId", "peggedChangeAmount", "isPeggedChangeAmountDecrease"),
    *("referenceChangeAmount", "referenceExchangeId", "softDollarTier"),
    *("minTradeQty", "minCompeteSize", "competeAgainstBestOffset"),
    *("midOffsetAtWhole", "midOffsetAtHalf"),
}
FIELDS = [name for name in vars(Order()) if name not in NOT_ALONE]


def other(value: Any) -> Any:
    """A value that differs from a field's own."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, str):
        return "Q"
    return type(value)(7)


def touched(field: str) -> Order:
    value = other(getattr(LIMIT, field))
    if field == "orderMiscOptions":
        value = [TagValue("a", "b")]
    return changed(LIMIT, **{field: value})


def sent(order: Order, version: int) -> bytes | None:
    """What IB's client sends; None where it refuses."""
    with contextlib.suppress(AssertionError):
        (body,) = official.requests(lambda client: client.placeOrder(12, STOCK, order), version)
        return body
    return None


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_arrives_or_is_refused(field: str) -> None:
    order = touched(field)
    for version in VERSIONS:
        plain = sent(LIMIT, version)
        assert plain is not None
        arrives = sent(order, version) not in {None, plain}
        assert (version_problem(order, version) is None) == arrives, version


def test_all_gates_are_among_the_fields() -> None:
    assert set(GATES) | set(LOST_SINCE) <= set(FIELDS) | NOT_ALONE
    assert set(GATES.values()) <= set(range(111, 226))


def test_an_order_with_a_preset_stop_does_not_go_out_without_it() -> None:
    contract, order = EXAMPLES["presets"]
    validate(order, contract, server_version=218)
    with pytest.raises(InvalidOrder, match=r"slOrderId needs server version 218.*speaks 217") as e:
        validate(order, contract, server_version=217)
    assert e.value.code == 503


def test_a_field_that_ibs_client_leaves_out_of_protobuf() -> None:
    order = changed(LIMIT, auctionStrategy=1)
    assert version_problem(order, 202) is None
    problem = version_problem(order, 203)
    assert problem is not None
    assert "auctionStrategy" in str(problem)


def test_an_untouched_order_passes_at_every_version() -> None:
    for version in range(100, 226):
        assert version_problem(changed(LIMIT, totalQuantity=Decimal(1)), version) is None
