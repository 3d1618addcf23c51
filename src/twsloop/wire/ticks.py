"""Our own decoders for messages where IB's decoder gives a wrong value or costs too much.

Each takes the body without its id and calls the sink's EWrapper methods, as IB's decoder does.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ibapi.common import TickAttrib
from ibapi.const import NO_VALID_ID, UNSET_DECIMAL, UNSET_DOUBLE, UNSET_INTEGER

from .messages import message_class

__all__ = ["tick_price"]

#: The size tick that goes with a price tick: bid, ask and last, live and delayed.
SIZE_OF_PRICE = {1: 0, 2: 3, 4: 5, 66: 69, 67: 70, 68: 71}

_TICK_PRICE: Any = None


def tick_price(body: bytes, sink: Any) -> None:
    """Decode a protobuf TickPrice.

    IB's own decoder reads an absent attrMask as 2147483647, so that all three attributes come out
    true; absent means that none is set.
    """
    global _TICK_PRICE  # noqa: PLW0603  (the class is looked up once, when first needed)
    if _TICK_PRICE is None:
        _TICK_PRICE = message_class("TickPrice")
    message = _TICK_PRICE.FromString(body)
    sink.tickPriceProtoBuf(message)
    has = message.HasField
    req_id = message.reqId if has("reqId") else NO_VALID_ID
    tick_type = message.tickType if has("tickType") else UNSET_INTEGER
    mask = message.attrMask  # 0 where absent
    attrib = TickAttrib()
    attrib.canAutoExecute = bool(mask & 1)
    attrib.pastLimit = bool(mask & 2)
    attrib.preOpen = bool(mask & 4)
    size = Decimal(message.size) if message.size else UNSET_DECIMAL
    sink.tickPrice(req_id, tick_type, message.price if has("price") else UNSET_DOUBLE, attrib)
    size_type = SIZE_OF_PRICE.get(tick_type)
    if size_type is not None:
        sink.tickSize(req_id, size_type, size)
