"""What the details of a contract exclude is refused; where they are silent, nothing is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given, target
from hypothesis import strategies as st
from ibapi.client_utils import createPlaceOrderRequestProto
from ibapi.contract import Contract, ContractDetails
from ibapi.order import Order

from tests.support.exchange import Exchange
from tests.support.order_examples import EXAMPLES, LIMIT
from twsloop.contracts import combo, stock
from twsloop.errors import InvalidOrder
from twsloop.orders import conditions, pegged
from twsloop.orders.attributes import changed
from twsloop.orders.builders import limit_order, market_order, stop_order
from twsloop.orders.checks import find_problems, validate
from twsloop.orders.words import OrderType
from twsloop.paper.orders.price_steps import step_at

STOCK = stock("AAPL")
TYPES = "COND,DAY,GTC,IOC,LMT,MKT,STP,STPLMT,TRAIL,WHATIF"


def details(**fields: Any) -> ContractDetails:
    made = ContractDetails()
    made.contract = stock("AAPL")
    made.orderTypes, made.validExchanges = TYPES, "SMART,NASDAQ,ARCA"
    made.minTick, made.minSize, made.sizeIncrement = 0.01, Decimal("0.0001"), Decimal("0.0001")
    for name, value in fields.items():
        setattr(made, name, value)
    return made


@attrs.frozen
class Rule:
    """A market rule of one step."""

    step: Decimal

    def increment(self, price: Decimal) -> Decimal:
        return self.step


#: (order, IB's code, a word of the text)
WRONG: list[tuple[Order, int, str]] = [
    (limit_order("BUY", 1, "189.505"), 110, "189.50 is"),
    (stop_order("BUY", 1, "180.001"), 110, "auxPrice"),
    (limit_order("BUY", 1, 1, discretionaryAmt=0.005), 168, "discretionaryAmt"),
    (limit_order("BUY", "0.00005", 1), 388, "smallest"),
    (limit_order("BUY", "1.00005", 1), 10250, "multiple"),
    (changed(LIMIT, orderType="MIT", auxPrice=1.0), 387, "MIT"),
    (changed(LIMIT, orderType="NEW"), 387, "NEW"),
    (changed(LIMIT, displaySize=5), 10255, "displaySize"),
    (changed(LIMIT, allOrNone=True), 10257, "allOrNone"),
    (changed(LIMIT, minQty=5), 10256, "minQty"),
    (changed(LIMIT, hidden=True), 152, "hidden"),
    (changed(LIMIT, sweepToFill=True), 10267, "sweepToFill"),
    (changed(LIMIT, blockOrder=True), 10266, "blockOrder"),
    (changed(LIMIT, postToAts=5), 10274, "postToAts"),
    (changed(LIMIT, imbalanceOnly=True), 10342, "imbalanceOnly"),
    (changed(LIMIT, cashQty=100.0), 10244, "cashQty"),
    (changed(LIMIT, tif="GTG"), 10052, "GTG"),
]


@pytest.mark.parametrize(("order", "code", "word"), WRONG, ids=[str(one[1]) for one in WRONG])
def test_what_the_details_exclude(order: Order, code: int, word: str) -> None:
    with pytest.raises(InvalidOrder, match=word) as raised:
        validate(order, STOCK, details())
    assert raised.value.code == code
    validate(order, STOCK)
    silent = details(
        orderTypes="", validExchanges="", minTick=0.0, minSize=Decimal(0), sizeIncrement=Decimal(0)
    )
    validate(order, STOCK, silent)


def test_conditions_have_to_be_listed() -> None:
    order = conditions.when(LIMIT, conditions.margin_condition(above=1))
    validate(order, STOCK, details())
    with pytest.raises(InvalidOrder) as raised:
        validate(order, STOCK, details(orderTypes="LMT"))
    assert raised.value.code == 402


def test_the_exchange_has_to_trade_it() -> None:
    with pytest.raises(InvalidOrder, match=r"LSE does not trade it; ARCA, NASDAQ, SMART") as raised:
        validate(LIMIT, stock("AAPL", "LSE"), details())
    assert raised.value.code == 200
    for exchange in ("NASDAQ", "SMART", "IBKRATS", "OVERNIGHT"):
        validate(LIMIT, stock("AAPL", exchange), details())


def test_the_market_rule_binds_and_not_the_smallest_step() -> None:
    order, fine = limit_order("BUY", 1, "1.01"), details(minTick=0.01)
    validate(order, STOCK, fine)
    with pytest.raises(InvalidOrder, match=r"multiple of 0\.05"):
        validate(order, STOCK, fine, rule=Rule(Decimal("0.05")))
    with pytest.raises(InvalidOrder):
        validate(order, STOCK, rule=Rule(Decimal("0.05")))


@pytest.mark.parametrize(("tif", "refused"), [("DAY", False), ("AUC", True)])
def test_a_market_to_limit_order_has_a_price_of_its_own_at_an_auction_alone(
    tif: str, refused: bool
) -> None:
    order = changed(limit_order("BUY", 1, "1.01"), orderType="MTL", tif=tif)
    problems = find_problems(order, STOCK, rule=Rule(Decimal("0.05")))
    assert (110 in [one.code for one in problems]) is refused


def test_prices_that_are_no_prices_of_the_contract() -> None:
    coarse = details(minTick=1.0, orderTypes="")
    for order in (
        pegged.relative("BUY", 1, offset="0.02"),
        pegged.snap_to_market("BUY", 1, "0.02"),
        changed(market_order("BUY", 1), lmtPrice=0.0, auxPrice=0.0),
    ):
        validate(order, STOCK, coarse)
    spread = combo("AAPL", [(1, 1, "BUY"), (2, 1, "SELL")])
    validate(limit_order("BUY", 1, "-1.25"), spread, coarse)


@given(st.integers(-(10**9), 10**9), st.sampled_from(["0.01", "0.0001", "0.25", "0.00005", "5"]))
def test_every_price_on_the_grid_passes(steps: int, step: str) -> None:
    price = steps * Decimal(step)
    validate(limit_order("BUY", 1, price), STOCK, rule=Rule(Decimal(step)))
    off = limit_order("BUY", 1, price + Decimal(step) / 2)
    assert [one.code for one in find_problems(off, STOCK, rule=Rule(Decimal(step)))] == [110]


def test_a_difference_of_floats_is_on_the_grid() -> None:
    order = limit_order("BUY", 1, 1000.1 - 999.9)
    assert order.lmtPrice != 0.2
    assert find_problems(order, STOCK, rule=Rule(Decimal("0.01"))) == []
    slightly = limit_order("BUY", 1, "0.20001")
    assert [one.code for one in find_problems(slightly, STOCK, rule=Rule(Decimal("0.01")))] == [110]


# ---- the paper gateway's own details, and its judgement ----------------------------------------


def of_the_paper_gateway(exchange: Exchange, instrument: Any) -> ContractDetails:
    told = instrument.details(exchange.now)
    made = details(orderTypes=told.orderTypes, validExchanges=told.validExchanges)
    made.minTick, made.minSize = float(told.minTick), Decimal(told.minSize)
    made.sizeIncrement = Decimal(told.sizeIncrement)
    return made


def test_what_is_listed_for_a_stock_is_what_its_orders_are_held_against() -> None:
    """Whatever a stock lists passes, and what it does not list is refused with 387."""
    exchange = Exchange()
    mine = of_the_paper_gateway(exchange, exchange.feed.instrument("AAPL"))
    listed = mine.orderTypes.split(",")
    refused = set()
    for name, (contract, order) in EXAMPLES.items():
        if contract.symbol != "AAPL" or contract.secType != "STK" or contract.exchange != "SMART":
            continue
        codes = {problem.code for problem in find_problems(order, contract, mine)}
        word = OrderType(order.orderType).listed
        assert (387 in codes) == (word is not None and word not in listed), name
        refused |= codes
    assert refused <= {387, 10256}


@attrs.frozen
class GatewaysRule:
    """The market rule by which the paper gateway itself goes."""

    instrument: Any

    def increment(self, price: Decimal) -> Decimal:
        return step_at(self.instrument, price)


def kinds(exchange: Exchange) -> dict[str, tuple[Any, Contract]]:
    """An instrument of each kind, and its contract as IB's client writes it."""
    found = {}
    for instrument in exchange.feed.instruments.all():
        if instrument.sec_type not in found and instrument.order_types:
            contract = Contract()
            contract.conId = instrument.con_id
            contract.exchange = instrument.valid_exchanges[0]
            contract.secType, contract.symbol = instrument.sec_type, instrument.symbol
            found[instrument.sec_type] = instrument, contract
    return found


KINDS = kinds(Exchange())
CHANGES: dict[str, st.SearchStrategy[Any]] = {
    "orderType": st.sampled_from([*OrderType]).map(str),
    "action": st.sampled_from(["BUY", "SELL"]),
    "totalQuantity": st.sampled_from([Decimal(n) for n in ("0.00001", "0.5", "1", "100", "20000")]),
    "lmtPrice": st.sampled_from([0.00005, 0.01, 0.05, 0.25, 1.0, 1.10005, 101.125, 5000.25]),
    "auxPrice": st.sampled_from([0.0, 0.01, 0.25, 1.1, 99.123]),
    "tif": st.sampled_from(["DAY", "GTC", "IOC", "OPG", "NMIN", "GTT", "GTX", "DTC", "OVERNIGHT"]),
    "displaySize": st.sampled_from([0, 10]),
    "hidden": st.booleans(),
    "allOrNone": st.booleans(),
    "minQty": st.sampled_from([0, 10]),
    "cashQty": st.sampled_from([0.0, 1000.0]),
}


@given(st.sampled_from(sorted(KINDS)), st.fixed_dictionaries({}, optional=CHANGES))
def test_no_contract_is_refused_what_its_gateway_takes(kind: str, fields: dict[str, Any]) -> None:
    instrument, contract = KINDS[kind]
    exchange = Exchange()
    order = changed(limit_order("BUY", 1, 1), **fields)
    exchange.engine.place(7, createPlaceOrderRequestProto(1, contract, order), exchange.now)
    taken = any(line.startswith("open") for line in exchange.told())
    told = of_the_paper_gateway(exchange, instrument)
    told.contract = contract
    problems = find_problems(order, contract, told, rule=GatewaysRule(instrument))
    assert not (taken and problems), problems
    target(float(taken), label="orders that the gateway takes")


def test_each_kind_of_instrument_was_asked() -> None:
    assert {"STK", "CASH", "FUT", "CRYPTO"} <= set(KINDS)
