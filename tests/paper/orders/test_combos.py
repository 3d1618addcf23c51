"""Combinations: two legs that trade as one."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from ibapi.protobuf.ComboLeg_pb2 import ComboLeg
from ibapi.protobuf.Contract_pb2 import Contract

from tests.support.exchange import Exchange, codes
from twsloop.paper.orders.order import Status

AAPL, MSFT = 265598, 272093


def bag(*, first: float | None = None, second: float | None = None, ratio: int = 1) -> Contract:
    """Bought, it buys AAPL and sells MSFT."""
    legs = [
        ComboLeg(conId=AAPL, ratio=1, action="BUY", exchange="SMART"),
        ComboLeg(conId=MSFT, ratio=ratio, action="SELL", exchange="SMART"),
    ]
    for leg, price in zip(legs, (first, second), strict=True):
        if price is not None:
            leg.perLegPrice = price
    return Contract(
        symbol="AAPL,MSFT", secType="BAG", currency="USD", exchange="SMART", comboLegs=legs
    )


@pytest.fixture
def market() -> Exchange:
    it = Exchange()
    it.quote("AAPL", 270.00, 270.05, 100)
    it.quote("MSFT", 420.00, 420.10, 60)
    return it


def test_the_net_of_the_legs_quotes(market: Exchange) -> None:
    told = market.place(contract=bag(), totalQuantity="50")
    assert told[2:] == [
        "exec -1 BOT 50 @-149.95 cum 50 avg -149.95",
        "exec -1 BOT 50 @270.05 cum 50 avg 270.05",
        "exec -1 SLD 50 @420 cum 50 avg 420",
        "open 1 Filled",
        "status 1 Filled 50/0 @-149.95",
        "open 1 Filled 2.44265",
        "status 1 Filled 50/0 @-149.95",
        "report 1.00015 USD",
        "report 1.4425 USD",
    ]
    assert market.account.quantity(AAPL) == 50
    assert market.account.quantity(MSFT) == -50
    paid = 50 * Decimal("149.95") - Decimal("2.44265")
    assert market.account.cash["USD"] == Decimal(1_000_000) + paid


def test_a_sale_takes_the_other_sides(market: Exchange) -> None:
    told = market.place(contract=bag(), action="SELL", totalQuantity="10")
    assert told[2] == "exec -1 SLD 10 @-150.1 cum 10 avg -150.1"
    assert told[3:5] == [
        "exec -1 SLD 10 @270 cum 10 avg 270",
        "exec -1 BOT 10 @420.1 cum 10 avg 420.1",
    ]


def test_the_execution_ids_of_legs_have_a_segment_more(market: Exchange) -> None:
    market.place(contract=bag(), totalQuantity="10")
    own, first, second = market.engine.executions
    assert re.fullmatch(r"[0-9a-f]{8}\.[0-9a-f]{8}\.01\.01", own.exec_id)
    assert first.exec_id == f"{own.exec_id[:17]}.01.02.01"
    assert second.exec_id == f"{own.exec_id[:17]}.01.03.01"
    assert own.is_summary
    assert [one.instrument.symbol for one in (first, second)] == ["AAPL", "MSFT"]


def test_the_smallest_quote_bounds_the_fill(market: Exchange) -> None:
    told = market.place(contract=bag(ratio=2), totalQuantity="50")
    assert told[2].startswith("exec -1 BOT 30 @-569.95")
    market.place(2, symbol="MSFT", action="SELL")
    assert market.order(2).filled == 0  # the combination took what was bid
    market.quote("MSFT", 421.00, 421.10, 100)
    assert market.order(1).status is Status.FILLED


def test_a_negative_limit(market: Exchange) -> None:
    told = market.place(contract=bag(), orderType="LMT", lmtPrice=-151.0, totalQuantity="10")
    assert told == ["open 1 Submitted", "status 1 Submitted 0/10 @0"] * 2
    market.quote("MSFT", 421.04, 421.10)
    assert market.told() == []
    market.quote("AAPL", 269.90, 270.00)
    assert market.told()[0] == "exec -1 BOT 10 @-151.04 cum 10 avg -151.04"


def test_prices_of_the_legs(market: Exchange) -> None:
    told = market.place(
        contract=bag(first=270.0, second=420.0), orderType="LMT", totalQuantity="10"
    )
    assert codes(told) == []
    assert market.order().filled == 0
    market.quote("AAPL", 269.90, 270.00)
    assert market.told()[0] == "exec -1 BOT 10 @-150 cum 10 avg -150"


def test_both_legs_have_to_trade(market: Exchange) -> None:
    market.halt("MSFT")
    assert codes(market.place(contract=bag())) == [154]
    market.halt("MSFT", 0)
    market.quote("MSFT", None, 420.10)
    market.place(2, contract=bag(), totalQuantity="10")
    assert market.order(2).status is Status.PRE_SUBMITTED
    market.quote("MSFT", 420.00, 420.10)
    assert market.order(2).status is Status.FILLED


def test_what_is_echoed(market: Exchange) -> None:
    market.place(contract=bag(), orderType="LMT", lmtPrice=-160.0)
    contract = market.order().contract
    assert (contract.secType, contract.exchange, len(contract.comboLegs)) == ("BAG", "SMART", 2)
    assert contract.comboLegsDescrip == f"{AAPL}|1,{MSFT}|-1"


def test_its_preview_is_the_legs(market: Exchange) -> None:
    market.trade("AAPL", 270.02)
    market.trade("MSFT", 420.05)
    request: dict[str, Any] = {"contract": bag(), "totalQuantity": "100", "whatIf": True}
    assert [line.split()[0] for line in market.place(**request)] == ["open"]
    assert market.order() is None
    told = market.place(contract=bag(), totalQuantity="100000")
    assert codes(told) == [201]


def test_modifying_a_combination(market: Exchange) -> None:
    fields: dict[str, Any] = {"orderType": "LMT", "totalQuantity": "10"}
    market.place(contract=bag(), lmtPrice=-160.0, **fields)
    assert codes(market.place(contract=bag(), lmtPrice=-161.0, **fields)) == []
    other = bag()
    other.comboLegs[1].conId = 8314
    assert codes(market.place(contract=other, lmtPrice=-161.0, **fields)) == [10059]


def test_types_that_a_combination_does_not_take(market: Exchange) -> None:
    assert codes(market.place(contract=bag(), orderType="STP", auxPrice=1.0)) == [387]
    assert codes(market.place(2, contract=bag(), orderType="MOC")) == [387]


def test_partial_fills_average_each_leg(market: Exchange) -> None:
    market.place(contract=bag(), totalQuantity="100")
    market.quote("MSFT", 422.00, 422.10, 100)
    legs = [one for one in market.engine.executions if one.instrument.symbol == "MSFT"]
    told = [f"{one.quantity} {one.cumulative} {one.average:f}" for one in legs]
    assert told == ["60 60 420.0", "40 100 420.8"]


@pytest.mark.parametrize(("oca_type", "refused"), [(1, [359]), (2, [359]), (3, []), (0, [])])
def test_a_combination_shares_its_group_without_block_only(
    market: Exchange, oca_type: int, refused: list[int]
) -> None:
    fields: dict[str, Any] = {
        "orderType": "LMT",
        "lmtPrice": -151.0,
        "ocaGroup": "g",
        "ocaType": oca_type,
    }
    assert codes(market.place(contract=bag(), totalQuantity="10", **fields)) == refused
