"""What is to be told, in order: the messages of the engine before anybody sends them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import attrs
from google.protobuf.message import Message

from . import echo
from .order import PaperOrder, Status
from .refusals import Refusal

__all__ = ["Outbox", "Outgoing"]

#: Client id, message name, protobuf message.
Outgoing = tuple[int, str, Message]


@attrs.define(eq=False)
class Outbox:
    """Gathers messages; `take` hands them over."""

    _messages: list[Outgoing] = attrs.Factory(list)

    def __bool__(self) -> bool:
        return bool(self._messages)

    def take(self) -> Sequence[Outgoing]:
        """Everything since the last call."""
        taken, self._messages = self._messages, []
        return taken

    def post(self, client_id: int, name: str, message: Message) -> None:
        """Tell a client something."""
        self._messages.append((client_id, name, message))

    def tell(self, order: PaperOrder, name: str, message: Message) -> None:
        """Tell an order's owner something."""
        self._messages.append((order.client_id, name, message))

    def pair(self, order: PaperOrder, *, commission: bool = False) -> None:
        """Tell an order's owner how it stands: openOrder, orderStatus."""
        if order.silent and order.status is not Status.PENDING_CANCEL:
            return
        order.reports += 1
        self.tell(order, "openOrder", echo.open_order(order, commission=commission))
        self.tell(order, "orderStatus", echo.order_status(order))

    def error(self, client_id: int, ident: int, refusal: Refusal, now: datetime) -> None:
        """Tell a client an error."""
        message = echo.error(ident, refusal.code, refusal.text, now)
        self._messages.append((client_id, "errMsg", message))

    def order_error(self, order: PaperOrder, refusal: Refusal, now: datetime) -> None:
        """Tell an order's owner an error about it."""
        self.error(order.client_id, order.order_id, refusal, now)
