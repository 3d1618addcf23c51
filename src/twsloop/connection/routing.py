"""IB's error callback: sorted into a notice, and told to those it concerns, in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twsloop.error_handler import ScopeHint
from twsloop.errors import LoopNotRunning
from twsloop.events import order_story
from twsloop.wire.times import from_millis

if TYPE_CHECKING:
    from .core import Core

__all__ = ["ErrorRoute"]


class ErrorRoute:
    """The way of each call of IB's error, from the wire or from IB's client itself.

    Args:
        core: The connection.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    def error(self, *args: Any) -> None:
        """IB's error callback, from the wire or from IB's client in the caller's own thread."""
        loop = self._core.event_loop
        if loop.in_loop():
            self._route(args, not self._core.dispatcher.take_wire_error())
            return
        try:
            loop.post(self._route, args, True)
        except LoopNotRunning:  # there is no callback thread but this one
            self._route(args, True)

    def _route(self, args: tuple[Any, ...], local: bool) -> None:
        core = self._core
        req_id, millis, code, text, *rest = args
        advanced_reject = rest[0] if rest else ""
        is_order, working = core.order_known(req_id) if req_id >= 0 else (False, False)
        hint: ScopeHint | None = "order" if is_order else None
        subscription = core.subscription(req_id)
        if req_id in core.asks:
            hint = "request"
        elif hint is None and subscription is not None:
            hint = "subscription"
        notice = core.errors.handle(
            req_id,
            code,
            text,
            time=from_millis(millis),
            advanced_reject=advanced_reject,
            local=local,
            scope_hint=hint,
            order_known=working,
            correlation_id=order_story(core.client_id, req_id) if hint == "order" else "",
            raised=hint == "request" and core.request_ids.issued(req_id),
            logged=not local and core.tells_itself(code),
            named=subscription or "" if hint == "subscription" else "",
        )
        core.asks.notice(notice)
        core.noticed(notice)
        core.registry.dispatch("error", (req_id, millis, code, text, advanced_reject))
