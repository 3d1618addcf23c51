"""What a paper account is charged for an execution.

The model reproduces every fill captured from IBKR Pro fixed-price paper accounts to 1e-6
(reference ``matching_engine.md`` 4, rates of April to October 2026):

- the commission belongs to the ORDER and is cumulative: ``max(minimum, per_share * shares)``, at
  most a fixed part of the trade's value. Each execution is charged what the order's total grew by,
  so the whole minimum falls on the first execution;
- it begins anew when the order is modified (a cancel and a new order, for minimums) and with each
  session that the order is carried into;
- CAT fee per share on both sides;
- sales also pay the SEC fee on the notional and FINRA's TAF per share.

The rates change by notice, so they are fields of `Rates`, never constants in the code.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import attrs

__all__ = ["CENT_OF_CENT", "Charge", "OrderCharges", "Rates"]

#: Commissions and fees are reported with six decimals.
CENT_OF_CENT = Decimal("0.000001")

ZERO = Decimal(0)
#: Futures and the options on them are charged alike.
FUTURES = ("FUT", "FOP")
#: Micro futures of the tariff; others pay like the big ones.
MICROS = frozenset({"MES", "MNQ", "M2K", "MYM", "MCL", "MGC"})


@attrs.frozen
class Rates:
    """The tariff, in US dollars unless said otherwise.

    Attributes:
        stock_per_share: Commission per share.
        stock_minimum: The least commission of an order.
        stock_cap: The most commission of an order, as a part of its value (0.01 is 1 %).
        cat_per_share: Consolidated Audit Trail fee per share, both sides.
        sec_per_dollar: SEC fee per dollar sold (20.60 per million).
        taf_per_share: FINRA Trading Activity Fee per share sold.
        forex_of_value: Commission as a part of the value traded (0.2 basis points).
        forex_minimum: The least commission of a currency order.
        future_per_contract: Commission of one future, exchange fees aside.
        micro_per_contract: The same of a micro future.
        future_exchange_fee: Exchange, clearing and regulatory fees of one future.
        micro_exchange_fee: The same of a micro future: 0.62 in all, as seen on paper accounts.
        option_per_contract: Commission of one option.
        option_minimum: The least commission of an option order.
        crypto_of_value: Commission as a part of the value of cryptocurrency (18 basis points).
        crypto_minimum: The least commission of a cryptocurrency order.
    """

    stock_per_share: Decimal = Decimal("0.005")
    stock_minimum: Decimal = Decimal("1.00")
    stock_cap: Decimal = Decimal("0.01")
    cat_per_share: Decimal = Decimal("0.000003")
    sec_per_dollar: Decimal = Decimal("0.0000206")
    taf_per_share: Decimal = Decimal("0.000195")
    forex_of_value: Decimal = Decimal("0.00002")
    forex_minimum: Decimal = Decimal("2.00")
    future_per_contract: Decimal = Decimal("0.85")
    micro_per_contract: Decimal = Decimal("0.25")
    future_exchange_fee: Decimal = Decimal("1.40")
    micro_exchange_fee: Decimal = Decimal("0.37")
    option_per_contract: Decimal = Decimal("0.65")
    option_minimum: Decimal = Decimal("1.00")
    crypto_of_value: Decimal = Decimal("0.0018")
    crypto_minimum: Decimal = Decimal("1.75")


@attrs.frozen
class Charge:
    """What one execution costs.

    Attributes:
        commission: The growth of the order's commission.
        fees: Regulatory fees of this execution.
    """

    commission: Decimal
    fees: Decimal

    @property
    def total(self) -> Decimal:
        """What is reported as ``commissionAndFees``."""
        return self.commission + self.fees


@attrs.define
class OrderCharges:
    """The running commission of one order.

    Attributes:
        rates: The tariff.
        sec_type: ``STK``, ``CASH``, ``FUT``, ``OPT``, ``FOP``, ``CRYPTO``; others are free.
        is_sale: Whether the order sells.
        symbol: What it trades: micro futures pay less.
        shares: How much of it has filled so far.
        value: The money those fills turned over, in USD.
        charged: The commission charged so far, without fees.
        session: The end of the session that it counts for, in ns since 1970; 0 before the first.
    """

    rates: Rates
    sec_type: str
    is_sale: bool
    symbol: str = ""
    shares: Decimal = ZERO
    value: Decimal = ZERO
    charged: Decimal = ZERO
    session: int = 0

    def begin(self) -> None:
        """Count from nothing again: what comes is charged like a new order."""
        self.shares = self.value = self.charged = ZERO

    def begin_session(self, session: int) -> None:
        """Begin the session that ends then, unless it is under way."""
        if session != self.session:
            self.session = session
            self.begin()

    @property
    def is_micro(self) -> bool:
        """Whether it trades a micro future."""
        return self.symbol in MICROS

    def add(self, shares: Decimal, value: Decimal) -> Charge:
        """Charge one more execution.

        Args:
            shares: Its size, above zero.
            value: Size times price, in USD.
        """
        charge = self.preview(shares, value)
        self.shares += shares
        self.value += value
        self.charged += charge.commission
        return charge

    def preview(self, shares: Decimal, value: Decimal) -> Charge:
        """What `add` would charge, without charging it."""
        total = self._commission(self.shares + shares, self.value + value)
        commission = max(total - self.charged, ZERO)
        return Charge(commission, self._fees(shares, value))

    def _commission(self, shares: Decimal, value: Decimal) -> Decimal:
        rates = self.rates
        if self.sec_type == "STK":
            amount = max(rates.stock_minimum, rates.stock_per_share * shares)
            amount = min(amount, rates.stock_cap * value)
        elif self.sec_type == "CASH":
            amount = max(rates.forex_minimum, rates.forex_of_value * value)
        elif self.sec_type in FUTURES:
            each = rates.micro_per_contract if self.is_micro else rates.future_per_contract
            amount = each * shares
        elif self.sec_type == "OPT":
            amount = max(rates.option_minimum, rates.option_per_contract * shares)
        elif self.sec_type == "CRYPTO":
            amount = max(rates.crypto_minimum, rates.crypto_of_value * value)
        else:
            amount = ZERO
        return amount.quantize(CENT_OF_CENT, ROUND_HALF_UP)

    def _fees(self, shares: Decimal, value: Decimal) -> Decimal:
        rates = self.rates
        if self.sec_type in FUTURES:
            each = rates.micro_exchange_fee if self.is_micro else rates.future_exchange_fee
            return (each * shares).quantize(CENT_OF_CENT, ROUND_HALF_UP)
        if self.sec_type != "STK":
            return ZERO
        amount = rates.cat_per_share * shares
        if self.is_sale:
            amount += rates.sec_per_dollar * value + rates.taf_per_share * shares
        return amount.quantize(CENT_OF_CENT, ROUND_HALF_UP)
