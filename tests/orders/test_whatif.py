"""A preview is read exactly, and what the gateway does not say is None."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from ibapi import comm
from ibapi.decoder import Decoder
from ibapi.order_state import OrderAllocation, OrderState
from ibapi.wrapper import EWrapper

from twsloop.contracts import stock
from twsloop.orders.builders import limit_order
from twsloop.orders.checks import validate
from twsloop.orders.whatif import Effect, OrderPreview, preview_order, read_preview
from twsloop.wire.codec import encode
from twsloop.wire.messages import INBOUND_BY_NAME, message_class


def read(**fields: Any) -> OrderPreview:
    state = OrderState()
    for name, value in fields.items():
        setattr(state, name, value)
    return read_preview(stock("AAPL"), limit_order("BUY", 1, 1), state)


def test_nothing_said_is_none() -> None:
    empty = read(initMarginBefore="1.7976931348623157E308", status="PreSubmitted")
    assert not empty.margins.known
    assert empty.margins_outside_rth is None
    said = {
        empty.commission,
        empty.commission_min,
        empty.commission_max,
        empty.commission_currency,
        empty.margin_currency,
        empty.suggested_size,
        empty.warning,
        empty.reject_reason,
        empty.most_commission,
    }
    assert said == {None}
    assert (empty.status, empty.allocations) == ("PreSubmitted", ())


def test_money_is_exact() -> None:
    made = read(
        initMarginBefore="1000.10",
        initMarginChange="250.2",
        initMarginAfter="1250.30",
        maintMarginAfter="0.0",
        equityWithLoanChange="-1.05",
        initMarginAfterOutsideRTH=2500.6,
        commissionAndFees=1.01,
        minCommissionAndFees=0.35,
        maxCommissionAndFees=1.1,
        commissionAndFeesCurrency="USD",
        marginCurrency="EUR",
        suggestedSize=Decimal(40),
        warningText="careful",
    )
    initial = made.margins.initial
    assert (initial.before, initial.change) == (Decimal("1000.10"), Decimal("250.2"))
    assert initial.after == Decimal("1250.30")
    assert made.margins.maintenance.after == 0
    assert made.margins.equity_with_loan.change == Decimal("-1.05")
    assert made.margins_outside_rth is not None
    assert made.margins_outside_rth.initial.after == Decimal("2500.6")
    assert (made.commission, made.most_commission) == (Decimal("1.01"), Decimal("1.1"))
    assert (made.commission_currency, made.margin_currency) == ("USD", "EUR")
    assert (made.suggested_size, made.warning) == (Decimal(40), "careful")


def test_allocations() -> None:
    one = OrderAllocation()
    one.account, one.position, one.desiredAllocQty = "DU1", Decimal(5), Decimal("2.5")
    (made,) = read(orderAllocations=[one]).allocations
    assert (made.account, made.position, made.desired_quantity) == (
        "DU1",
        Decimal(5),
        Decimal("2.5"),
    )
    assert (made.position_after, made.is_monetary) == (None, False)


def test_the_order_that_asks() -> None:
    mine = limit_order("BUY", 1, 1, transmit=False)
    asked = preview_order(mine)
    assert (asked.whatIf, asked.transmit) == (True, True)
    assert (mine.whatIf, mine.transmit) == (False, False)
    validate(asked, stock("AAPL"))


class Listener(EWrapper):
    """Hears one openOrder."""

    def openOrder(self, orderId: int, contract: Any, order: Any, orderState: Any) -> None:
        self.preview = read_preview(contract, order, orderState)


@pytest.mark.parametrize("version", [225, 200])
def test_what_ibs_decoder_hands_over_is_read(version: int) -> None:
    row = INBOUND_BY_NAME["openOrder"]
    message = message_class(row.proto)(orderId=12)
    message.contract.symbol, message.contract.secType = "AAPL", "STK"
    message.order.action, message.order.orderType = "BUY", "LMT"
    message.order.totalQuantity, message.order.whatIf = "1", True
    state = message.orderState
    state.status, state.initMarginBefore, state.initMarginAfter = "PreSubmitted", 10.5, 20.25
    state.commissionAndFees, state.commissionAndFeesCurrency = 1.25, "USD"
    heard = Listener()
    body = encode(row, message, version)
    decoder = Decoder(heard, version)
    if version > 200:
        decoder.processProtoBuf(body[4:], row.number)
    else:
        decoder.interpret(comm.read_fields(body.partition(b"\0")[2]), row.number)
    preview = heard.preview
    assert preview.contract.symbol == "AAPL"
    assert preview.margins.initial == Effect(Decimal("10.5"), None, Decimal("20.25"))
    assert (preview.commission, preview.commission_currency) == (Decimal("1.25"), "USD")
    assert preview.commission_max is None
