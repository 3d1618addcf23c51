"""The order of the checks: a message that is wrong in two ways gets the earlier one's code."""

from __future__ import annotations

import math
from typing import Any

import pytest
from ibapi.protobuf.ComboLeg_pb2 import ComboLeg
from ibapi.protobuf.Contract_pb2 import Contract

from tests.support.exchange import ACCOUNT, Exchange, codes

AAPL, MSFT = 265598, 272093


@pytest.fixture
def market() -> Exchange:
    it = Exchange()
    it.quote("AAPL", 270.00, 270.05)
    it.trade("AAPL", 270.02)
    it.quote("EUR.USD", 1.1000, 1.1001, 1_000_000)
    return it


#: One fault for each check, in the order of Gateway 10.40, with its code and words of its text.
#: Each has fields that none before it touches, so that any two can be wrong at once.
FAULTS: tuple[tuple[dict[str, Any], int, str], ...] = (
    # 1. read
    ({"goodTillDate": "never"}, 343, "Good Till Date"),
    ({"goodAfterTime": "never"}, 337, "Good After Time"),
    ({"conditions": [{"type": 3, "time": "never"}]}, 10314, "Condition Time"),
    # 2. check
    ({"action": "HOLD"}, 321, "Invalid side"),
    ({"shortSaleSlot": 3}, 321, "Short sale slot"),
    ({"volatility": 0.5}, 321, "VOL order"),
    ({"account": "DU9"}, 321, "DU9"),
    ({"parentId": 99}, 321, "Can't find order with id =99"),
    ({"hedgeType": "D"}, 321, "Hedge"),
    ({"customerAccount": "C123"}, 145, "customer account value: C123"),
    # 4. build
    ({"lmtPrice": 270.001}, 110, "minimum price variation"),
    ({"totalQuantity": "1.5"}, 10243, "Fractional-sized"),
    ({"algoStrategy": "Magic"}, 439, "Algorithm definition not found"),
    # 5. rules
    ({"tif": "SOON"}, 10052, "time in force"),
    ({"minQty": 10}, 10256, "Min Qty"),
)


@pytest.mark.parametrize("first", range(len(FAULTS)))
def test_the_earlier_check_decides(market: Exchange, first: int) -> None:
    for fields, _, _ in FAULTS[first:]:
        wrong: dict[str, Any] = {"orderType": "LMT", "lmtPrice": 270.0, **fields}
        wrong.update(FAULTS[first][0])
        told = market.place(1, **wrong)
        expected = FAULTS[first]
        assert codes(told) == [expected[1]], (fields, told)
        assert expected[2] in told[0]
        assert len(told) == 1
        market = Exchange()
        market.quote("AAPL", 270.00, 270.05)


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"orderType": "MOO", "totalQuantity": "0"}, 321, "Invalid order type"),
        ({"tif": "GTD", "totalQuantity": "0"}, 321, "hh:mm:ss xxx"),
        ({"hedgeType": "D", "totalQuantity": "0"}, 321, "Hedge orders"),
        ({"totalQuantity": "0", "orderType": "STP"}, 321, "cannot be zero"),
        ({"totalQuantity": "-1", "orderType": "STP"}, 321, "out of range"),
        ({"totalQuantity": "1000000000"}, 321, "out of range"),
        ({"orderType": "STP", "triggerMethod": 5}, 321, "stop price"),
        ({"triggerMethod": 5, "shortSaleSlot": 1}, 321, "Invalid trigger method"),
        ({"shortSaleSlot": 1, "volatility": 1.0}, 321, "SSHORT"),
        ({"whatIf": True, "transmit": False, "account": "DU9"}, 321, "What-If"),
        ({"account": "DU9", "orderType": "TRAIL"}, 321, "DU9"),
        ({"orderType": "TRAIL", "parentId": 4}, 321, "offset amount"),
        ({"orderType": "MIDPRICE", "outsideRth": True, "parentId": 4}, 321, "MIDPRICE"),
        ({"orderType": "LMT", "tif": "SOON"}, 463, "valid price"),
        ({"orderType": "LMT", "lmtPrice": -1.0}, 463, "valid price"),
        ({"orderType": "LMT", "lmtPrice": 0.0}, 463, "valid price"),
        ({"orderType": "STP", "auxPrice": -1.0}, 463, "valid price"),
        ({"orderType": "LMT", "lmtPrice": 1e9 + 0.001}, 110, "variation"),
        ({"cashQty": 100.0, "totalQuantity": "", "tif": "SOON"}, 10244, "Cash Quantity"),
        ({"orderType": "MOC", "tif": "GTC", "minQty": 4}, 113, "MOC and LOC"),
        ({"orderType": "PEG MKT", "tif": "SOON"}, 10052, "time in force"),
        ({"orderType": "PEG MKT", "minQty": 4}, 387, "Unsupported order type"),
        ({"displaySize": 200}, 10020, "smaller"),
        ({"discretionaryAmt": 0.1}, 325, "Discretionary"),
        ({"blockOrder": True, "ocaGroup": "x" * 65}, 10266, "Block Order"),
        ({"ocaGroup": "x" * 65, "conditions": [{"type": 9}]}, 401, "Length restriction"),
        ({"lmtPrice": math.nan, "orderType": "LMT"}, 320, "'Lmt Price' for input string: 'nan'"),
        ({"discretionaryAmt": math.nan}, 320, "'Discretionary Amt'"),
        ({"auxPrice": math.inf, "orderType": "STP"}, 320, "'Aux Price' for input string: 'inf'"),
        ({"conditions": [{"type": 1, "price": math.nan}]}, 320, "'Price'"),
    ],
)
def test_refusals(market: Exchange, fields: dict[str, Any], code: int, words: str) -> None:
    told = market.place(**fields)
    assert codes(told) == [code], told
    assert words in told[0]
    assert len(told) == 1
    assert market.order() is None


def test_ids_come_after_the_fields_and_before_the_contract(market: Exchange) -> None:
    market.place(5)
    nowhere = Contract(symbol="NOPE", secType="STK", exchange="SMART", currency="USD")
    assert codes(market.place(0, contract=nowhere)) == [10149]
    assert codes(market.place(0, totalQuantity="0")) == [321]
    assert codes(market.place(3, contract=nowhere)) == [103]
    assert codes(market.place(6, contract=nowhere, tif="SOON")) == [200]


def test_a_missing_exchange_comes_before_the_size(market: Exchange) -> None:
    contract = Contract(symbol="AAPL", secType="STK", currency="USD")
    told = market.place(contract=contract, totalQuantity="0")
    assert told[0].endswith("cause - Missing order exchange")


def test_a_combination_needs_legs(market: Exchange) -> None:
    bag = Contract(symbol="AAPL", secType="BAG", currency="USD", exchange="SMART")
    told = market.place(contract=bag, shortSaleSlot=3)
    assert told[0].endswith("Security type 'BAG' requires combo leg details.")


def test_an_id_that_passed_the_first_checks_is_used_up(market: Exchange) -> None:
    assert codes(market.place(4, totalQuantity="0")) == [321]
    assert market.engine.next_order_id(7) == 5  # not handed out again ...
    assert codes(market.place(4, orderType="LMT", lmtPrice=1.001)) == [110]  # ... but still free
    assert codes(market.place(4)) == [103]  # this one was taken with the order that 110 refused
    assert codes(market.place(5)) == []


def test_a_high_id_is_taken_with_a_warning(market: Exchange) -> None:
    assert codes(market.place(2_000_000_001)) == [2146]
    assert market.order(2_000_000_001) is not None


def test_customer_accounts_are_not_for_everyone(market: Exchange) -> None:
    told = market.place(customerAccount="C123")
    assert told == [
        (
            "error 1 145 Error in validating entry fields -Account config doesn't allow to specify "
            f"customer account value: C123 for account {ACCOUNT}"
        )
    ]


def test_legs_are_checked(market: Exchange) -> None:
    def bag(*legs: ComboLeg, exchange: str = "SMART") -> list[int]:
        contract = Contract(
            symbol="AAPL", secType="BAG", currency="USD", exchange=exchange, comboLegs=legs
        )
        order_id = market.engine.next_order_id(7)
        return codes(market.place(order_id, contract=contract, orderType="LMT", lmtPrice=1.0))

    good = ComboLeg(conId=AAPL, ratio=1, action="BUY", exchange="SMART")
    other = ComboLeg(conId=MSFT, ratio=1, action="SELL", exchange="SMART")
    assert bag(good) == [312]
    assert bag(good, good) == [312]
    assert bag(good, ComboLeg(conId=1, ratio=1, action="SELL", exchange="SMART")) == [313]
    assert bag(good, ComboLeg(conId=MSFT, ratio=0, action="SELL", exchange="SMART")) == [313]
    assert bag(good, ComboLeg(conId=MSFT, ratio=1, action="SELL", exchange="NYSE")) == [315]
    priced = ComboLeg(conId=MSFT, ratio=1, action="SELL", exchange="SMART", perLegPrice=1.0)
    assert bag(good, priced) == [10058]
    assert bag(good, other) == []


def test_an_index_takes_no_order(market: Exchange) -> None:
    index = next(one for one in market.feed.instruments.others if one.sec_type == "IND")
    assert codes(market.place(contract=index.contract())) == [387]


def test_the_price_step_follows_the_market_rule(market: Exchange) -> None:
    told = market.place(symbol="EUR.USD", orderType="LMT", lmtPrice=1.10003, totalQuantity="20000")
    assert codes(told) == [110]
    told = market.place(
        2, symbol="EUR.USD", orderType="LMT", lmtPrice=1.10005, totalQuantity="20000"
    )
    assert codes(told) == []
