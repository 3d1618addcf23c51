"""Which predictions are worth a proposal, and what a user's answer to one means. Pure rules.

A prediction of the flow service is somebody's guess about a price; an order is money. Between the
two stand the rules of this module, and every doubt falls on the side of not trading: a prediction
that is old, comes from the future, says nothing that can be traded, is not sure enough, or lacks a
part, becomes a `Rejection` with its reason; so does an answer that comes when the prediction has
meanwhile become old.

Time comes in as an argument. A prediction is whatever has the attributes of `Prediction`.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Protocol

import attrs
from ibapi.contract import Contract
from ibapi.order import Order

from twsloop.orders.builders import Number, limit_order, market_order
from twsloop.wire.showing import contract_words

__all__ = [
    "Outcome",
    "Prediction",
    "Proposal",
    "QuantityRule",
    "Rejection",
    "SignalRules",
    "judge",
    "order_for",
    "seen_before",
    "worth",
]

#: Words of a signal that say: do nothing.
HOLDS = frozenset({"HOLD", "NEUTRAL"})
#: Sides that can be traded.
SIDES = ("BUY", "SELL")
#: IB cuts an order's reference after this many characters.
REF_LENGTH = 40
#: Thirty years are for ever, seconds; a datetime can still be moved by it.
LONGEST = 1e9


class Prediction(Protocol):
    """What is asked of a prediction; `api_client.Prediction` has it."""

    @property
    def ticker(self) -> str | None:
        """What it is about."""

    @property
    def signal(self) -> str | None:
        """BUY, SELL, HOLD or another word."""

    @property
    def confidence(self) -> float | None:
        """From 0 to 1."""

    @property
    def timestamp(self) -> datetime | None:
        """When it was made, aware."""

    @property
    def datetime(self) -> datetime | None:
        """The same, in another form."""

    @property
    def stock_price(self) -> Decimal | None:
        """The price it was made at."""


#: How much to trade: a number, or a function that is given the prediction.
QuantityRule = Number | Callable[[Any], Number]


class Outcome(StrEnum):
    """What became of a prediction, or of a question for one."""

    ACCEPTED = "accepted"
    """The callback accepted; the order went to the gateway's door."""
    DECLINED = "declined"
    """The callback said no."""
    HOLD = "hold"
    """It says to do nothing."""
    UNKNOWN = "unknown"
    """Its signal is a word that nobody has explained."""
    UNSURE = "unsure"
    """Its confidence is below the least that was asked for."""
    STALE = "stale"
    """It was too old when it was seen."""
    FUTURE = "future"
    """It says that it was made later than now: one of the clocks is wrong."""
    INCOMPLETE = "incomplete"
    """A part is missing or makes no sense."""
    LATE = "late"
    """The callback accepted (or was still thinking) when it had become too old."""
    FAILED = "failed"
    """The callback raised, or returned what is no answer."""
    REFUSED = "refused"
    """The order could not be placed at all."""
    NO_ANSWER = "no_answer"
    """The service did not answer, or not with a prediction; it is asked again later."""
    ENDED = "ended"
    """The ticker is not asked for any more: the client is closed, or cannot ask for it."""


def _positive(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
    if not 0 < value < LONGEST:
        msg = f"{attribute.name} must be above 0 (and below {LONGEST:g}), and is {value}"
        raise ValueError(msg)


def _share(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
    if not 0 <= value <= 1:
        msg = f"{attribute.name} is a share from 0 to 1, and is {value}"
        raise ValueError(msg)


def _aware(_: object, attribute: attrs.Attribute[Any], value: datetime | None) -> None:
    if value is not None and value.tzinfo is None:
        msg = f"{attribute.name} needs a time zone: {value!r}"
        raise ValueError(msg)


def _decimal(value: Number) -> Decimal:
    if isinstance(value, bool):
        msg = "a quantity is a number, not a yes or no"
        raise TypeError(msg)
    try:
        return value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation:
        msg = f"{value!r} is not a number"
        raise ValueError(msg) from None


def _amount(_: object, attribute: attrs.Attribute[Any], value: QuantityRule) -> None:
    if not callable(value) and not (_decimal(value).is_finite() and _decimal(value) >= 0):
        msg = f"{attribute.name} must not be below 0, and is {value}"
        raise ValueError(msg)


@attrs.frozen(kw_only=True)
class SignalRules:
    """What is asked, how often, and what is worth a proposal.

    Attributes:
        interval: Seconds between two questions for one ticker.
        max_age: How old a prediction may be, seconds; when it is proposed, and when the order
            leaves.
        max_ahead: How far in the future a prediction may lie, seconds: clocks differ.
        min_confidence: The least confidence, 0 to 1.
        quantity: How much to propose: a number, or a function of the prediction; see `worth`. 0
            proposes nothing.
        contracts: What to trade for a ticker, where that is not the stock of the same name.
        since: Take nothing that was made up to this time: what an earlier run has seen already.
        use_default_only: Ask the service's default model only.
        max_backoff: The longest wait between two questions while the service fails, seconds.
        chance: Numbers from 0 up to 1, so that many programs do not come back at once.
    """

    interval: float = attrs.field(default=60.0, validator=_positive)
    max_age: float = attrs.field(default=300.0, validator=_positive)
    max_ahead: float = attrs.field(default=5.0, validator=attrs.validators.ge(0))
    min_confidence: float = attrs.field(default=0.0, validator=_share)
    quantity: QuantityRule = attrs.field(default=1, validator=_amount)
    contracts: Mapping[str, Contract | str] = attrs.field(factory=dict)
    since: datetime | None = attrs.field(default=None, validator=_aware)
    use_default_only: bool | None = None
    max_backoff: float = attrs.field(default=900.0, validator=_positive)
    chance: Callable[[], float] = random.random


def _above_zero(_: object, attribute: attrs.Attribute[Any], value: Decimal | None) -> None:
    if value is not None and not (value.is_finite() and value > 0):
        msg = f"{attribute.name} must be above 0, and is {value}"
        raise ValueError(msg)


@attrs.frozen(kw_only=True)
class Proposal:
    """An order that a prediction suggests; change one with ``attrs.evolve``.

    Attributes:
        ticker: What the prediction is about.
        side: ``BUY`` or ``SELL``.
        quantity: How much.
        contract: What to trade: a symbol as people type it, or IB's Contract.
        limit_price: None for an order at the market.
        confidence: The prediction's, 0 to 1.
        reference_price: The price the prediction was made at; None if it does not say.
        made: When the prediction was made.
        age: How old it was when it was proposed, seconds.
        expires: When an acceptance comes too late.
        prediction: All of it.
    """

    ticker: str
    side: str = attrs.field(validator=attrs.validators.in_(SIDES))
    quantity: Decimal = attrs.field(converter=_decimal, validator=_above_zero)
    contract: Contract | str = attrs.field(repr=contract_words)
    limit_price: Decimal | None = attrs.field(
        default=None, converter=attrs.converters.optional(_decimal), validator=_above_zero
    )
    confidence: float
    reference_price: Decimal | None
    made: datetime
    age: float
    expires: datetime
    prediction: Any = attrs.field(repr=False)

    @property
    def reference(self) -> str:
        """What its order carries as IB's ``orderRef``: the same for the same prediction."""
        return f"flow {self.ticker} {self.made.astimezone(UTC):%Y%m%dT%H%M%SZ}"[:REF_LENGTH]

    def order(self) -> Order:
        """IB's Order for it, at the market or with its limit."""
        fields = {"orderRef": self.reference}
        if self.limit_price is None:
            return market_order(self.side, self.quantity, **fields)
        return limit_order(self.side, self.quantity, self.limit_price, **fields)


@attrs.frozen
class Rejection:
    """Why a prediction is not proposed."""

    outcome: Outcome
    reason: str


def worth(amount: Number) -> Callable[[Prediction], Decimal]:
    """A quantity rule: as many whole units as ``amount`` buys at the prediction's price.

    >>> from decimal import Decimal
    >>> from api_client import Prediction
    >>> from twsloop.app.signals import worth
    >>> worth(1000)(Prediction(stock_price=Decimal("30.25")))
    Decimal('33')
    """
    most = _decimal(amount)

    def rule(prediction: Prediction) -> Decimal:
        price = prediction.stock_price
        return most // price if price is not None and price > 0 else Decimal(0)

    return rule


def _short(text: object) -> str:
    """A word of the service's, as a log line can hold it."""
    return repr(text)[:40]


def made_at(prediction: Prediction) -> datetime | None:
    """When a prediction was made."""
    return prediction.timestamp or prediction.datetime


def seen_before(prediction: Prediction, last: Prediction | None) -> bool:
    """Whether a prediction is no newer than the last one of its ticker.

    The time decides alone: one that was computed again for the same moment is the same one, and
    one that is older than the last comes from a server that lags behind.
    """
    if last is None:
        return False
    this, before = made_at(prediction), made_at(last)
    return prediction == last if this is None or before is None else this <= before


def judge(
    prediction: Prediction, ticker: str, rules: SignalRules, now: datetime
) -> Proposal | Rejection:
    """What a prediction is worth at this moment.

    Args:
        prediction: As the service gave it.
        ticker: What was asked for.
        rules: What the user wants.
        now: The time, aware.
    """
    made = made_at(prediction)
    if made is None:
        return Rejection(Outcome.INCOMPLETE, "it does not say when it was made")
    if prediction.ticker is not None and prediction.ticker.upper() != ticker:
        return Rejection(
            Outcome.INCOMPLETE, f"it is about {_short(prediction.ticker)}, not {ticker}"
        )
    age = (now - made).total_seconds()
    if age < -rules.max_ahead:
        return Rejection(Outcome.FUTURE, f"it is from {-age:.0f} s in the future")
    side = (prediction.signal or "").strip().upper()
    if side in HOLDS:
        return Rejection(Outcome.HOLD, f"it says {side}")
    if side not in SIDES:
        return Rejection(Outcome.UNKNOWN, f"its signal is {_short(prediction.signal)}")
    if age > rules.max_age:
        return Rejection(Outcome.STALE, f"it is {age:.0f} s old (max_age {rules.max_age:g})")
    if rules.since is not None and made <= rules.since:
        return Rejection(Outcome.STALE, f"it is not newer than {rules.since} (since)")
    confidence, price = prediction.confidence, prediction.stock_price
    if confidence is None or not 0 <= confidence <= 1:
        return Rejection(Outcome.INCOMPLETE, f"its confidence is {confidence}")
    if confidence < rules.min_confidence:
        words = f"its confidence is {confidence:g} (min_confidence {rules.min_confidence:g})"
        return Rejection(Outcome.UNSURE, words)
    if price is not None and not (price.is_finite() and price > 0):
        return Rejection(Outcome.INCOMPLETE, f"its price is {price:g}")
    rule = rules.quantity
    quantity = _decimal(rule(prediction) if callable(rule) else rule)
    if quantity.is_finite() and quantity == 0:
        return Rejection(Outcome.DECLINED, "the quantity rule says 0")
    return Proposal(
        ticker=ticker,
        side=side,
        quantity=quantity,
        contract=rules.contracts.get(ticker, ticker),
        confidence=confidence,
        reference_price=price,
        made=made,
        age=max(age, 0.0),
        expires=made + timedelta(seconds=rules.max_age),
        prediction=prediction,
    )


def order_for(proposal: Proposal, answer: object) -> tuple[Contract | str, Order] | None:
    """What a callback's answer asks for: contract and order, or None for no.

    ``None`` and ``False`` decline. ``True`` accepts as proposed. A number accepts with another
    quantity (0 declines). A `Proposal` accepts what it has become. An ``ibapi`` Order is placed
    as it is.

    Raises:
        TypeError: It is none of these.
        ValueError: A quantity below 0, or the proposal of another prediction.
    """
    if answer is None or answer is False:
        return None
    if answer is True:
        return proposal.contract, proposal.order()
    if isinstance(answer, Order):
        order = copy.copy(answer)
        order.orderRef = order.orderRef or proposal.reference
        return proposal.contract, order
    if isinstance(answer, Proposal):
        if answer.prediction is not proposal.prediction or answer.expires != proposal.expires:
            msg = f"the answer is another proposal: {answer}"
            raise ValueError(msg)
        return answer.contract, answer.order()
    if isinstance(answer, int | float | Decimal):
        quantity = _decimal(answer)
        if quantity.is_finite() and quantity == 0:
            return None
        changed = attrs.evolve(proposal, quantity=quantity)
        return changed.contract, changed.order()
    msg = (
        "the callback answers with True, a quantity, a changed proposal or an Order to accept, "
        f"with None or False to decline; not with {type(answer).__name__}"
    )
    raise TypeError(msg)
