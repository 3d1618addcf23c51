"""What is remembered comes back as it was: IB's objects, rows, numbers, words."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.contract import (
    ComboLeg,
    Contract,
    ContractDetails,
    DeltaNeutralContract,
    FundAssetType,
    FundDistributionPolicyIndicator,
)
from ibapi.ineligibility_reason import IneligibilityReason
from ibapi.tag_value import TagValue

from twsloop.contracts.chains import OptionChain
from twsloop.contracts.coding import decode, encode
from twsloop.contracts.rules import make_rule
from twsloop.contracts.state import DepthExchange, SmartVenue


def facts(value: Any) -> Any:
    """A value as plain data, so that IB's objects, which are never equal, can be compared."""
    if isinstance(value, (list, tuple)):
        return [facts(one) for one in value]
    if type(value).__module__.startswith("ibapi") and hasattr(value, "__dict__"):
        if isinstance(value, (FundAssetType, FundDistributionPolicyIndicator)):
            return value
        return {"": type(value), **{key: facts(one) for key, one in vars(value).items()}}
    return value


def full_details() -> ContractDetails:
    made = ContractDetails()
    made.contract.symbol, made.contract.conId = "ES", 495512552
    made.contract.comboLegs = [ComboLeg()]
    made.contract.comboLegs[0].ratio = 3
    made.contract.deltaNeutralContract = DeltaNeutralContract()
    made.contract.deltaNeutralContract.delta = 0.5
    made.minSize, made.sizeIncrement = Decimal("0.0001"), Decimal(1)
    made.secIdList = [TagValue("ISIN", "US0378331005")]
    made.ineligibilityReasonList = [IneligibilityReason("1", "not for you")]
    made.fundAssetType = FundAssetType.Equity
    made.fundDistributionPolicyIndicator = FundDistributionPolicyIndicator.IncomeFund
    made.longName = 'Größe "in quotes"'
    made.lastTradeTime = "08:30:00"
    return made


@pytest.mark.parametrize("details", [ContractDetails(), full_details()], ids=["new", "full"])
def test_details_come_back_whole(details: ContractDetails) -> None:
    (back,) = decode(encode([details]))
    assert facts(back) == facts(details)
    assert back.__class__ is ContractDetails


def test_only_what_differs_is_written() -> None:
    assert len(encode(ContractDetails())) < 60
    assert "strike" not in encode(Contract())


def test_rows_come_back_equal() -> None:
    chain = OptionChain(
        symbol="SPX",
        under_con_id=1,
        exchange="SMART",
        trading_class="SPXW",
        multiplier="100",
        expiries=(date(2026, 10, 2),),
        strikes=(Decimal("5000.5"),),
    )
    rows = [chain, make_rule(26, [(0, "0.01"), (3, "0.05")]), SmartVenue(1, "ARCA", "P")]
    assert decode(encode(rows)) == rows
    depth = DepthExchange("ISLAND", "STK", None, "Deep2", None)
    assert decode(encode(depth)) == depth


@pytest.mark.parametrize(
    "text",
    ["", "{", '{"$":"Unheard"}', '{"a":1}', '{"$":"Decimal","is":"x"}', '{"$":"OptionChain"}',
     '{"$":"FundAssetType","is":"x"}', '{"$":"date","is":"tomorrow"}'],
)  # fmt: skip
def test_what_cannot_be_read_is_one_error(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        decode(text)


def test_what_has_no_form_is_refused() -> None:
    with pytest.raises(TypeError, match="object has no form"):
        encode([object()])


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@given(TEXTS, NUMBERS, st.decimals(allow_nan=False, allow_infinity=False), st.booleans())
def test_any_values_come_back(text: str, number: float, size: Decimal, flag: bool) -> None:
    details = ContractDetails()
    details.longName = details.contract.symbol = text
    details.contract.strike, details.minTick = number, number
    details.minSize, details.callable = size, flag
    assert facts(decode(encode(details))) == facts(details)
