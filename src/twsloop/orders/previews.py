"""The answers to our own what-if orders, kept from everybody else. Loop thread.

A what-if order is answered by an ``openOrder`` under an order's id, which looks like any other.
What a slice has asked is nobody else's business (a program would take it for an order), so this
stands before all listeners and lets only the others pass.
"""

from __future__ import annotations

from typing import Any

from twsloop.connection.core import Core

__all__ = ["Previews", "preview_key"]


def preview_key(order_id: int) -> str:
    """Under which name the answer to a what-if order is waited for."""
    return f"preview:{order_id}"


class Previews:
    """Takes what answers our previews out of the stream of reports.

    Args:
        core: The connection.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        core.registry.intercept("openOrder", self._open_order)
        core.registry.intercept("openOrderProtoBuf", self._open_order_twin)

    def _open_order(self, order_id: int, contract: Any, order: Any, state: Any) -> None:
        key = preview_key(order_id)
        if order.whatIf and key in self._core.asks:
            self._core.answer_part(key, (contract, order, state))
            self._core.answer_end(key)
        else:
            self._core.registry.dispatch("openOrder", (order_id, contract, order, state))

    def _open_order_twin(self, report: Any) -> None:
        if not (report.order.whatIf and preview_key(report.orderId) in self._core.asks):
            self._core.registry.dispatch("openOrderProtoBuf", (report,))
