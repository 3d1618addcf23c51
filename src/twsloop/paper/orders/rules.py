"""What a gateway's owner can set about its orders: IB's precautions, presets and permissions."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import attrs

__all__ = ["OrderRules"]


@attrs.frozen(kw_only=True)
class OrderRules:
    """The settings.

    Attributes:
        empty_tif: What an order without a time in force gets: ``notice`` makes it a DAY order and
            tells 10349, ``day`` does the same silently, ``refuse`` is 10052 (builds differ).
        price_band: A limit to buy a US stock more than this part above the market is cancelled
            with 202, as paper accounts do (0.03 is 3 %); None for no band.
        direct_routing: ``accept`` takes stock orders that name an exchange, ``discard`` is the
            gateway's precaution: 10329, Cancelled, 201.
        cross_side: Whether an order that turns a position round is refused (2137).
        fractional_stocks: Whether the account may trade parts of shares (else 10243).
        accept_delay: So many seconds after it came an order has its first report; a second message
            for it in the meantime is 2102.
        cancel_delay: So many seconds a cancel is under way; reports in the meantime say
            PendingCancel, and the order may still fill.
    """

    empty_tif: Literal["notice", "day", "refuse"] = "notice"
    price_band: Decimal | None = Decimal("0.03")
    direct_routing: Literal["accept", "discard"] = "accept"
    cross_side: bool = False
    fractional_stocks: bool = False
    accept_delay: float = 0.0
    cancel_delay: float = 0.0
