"""Subscriptions and their lines: opened, heard, watched and cancelled, from any thread.

Lines are found and held in the callers' threads, under the desk's lock, so that `subscribe` never
waits for the loop thread; what follows from it runs there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from ibapi.contract import Contract

from twsloop.connection.core import Core
from twsloop.errors import LoopNotRunning
from twsloop.processors import Where
from twsloop.processors.delivery import Delivery, delivery_for

from .desk import LineDesk
from .lines import line_key
from .subscriptions import OnLife, OnStale, OnTick, Subscription

__all__ = ["Subscribing"]


class Subscribing:
    """What subscriptions need of the slice.

    Args:
        core: The connection.
        desk: The lines.
    """

    def __init__(self, core: Core, desk: LineDesk) -> None:
        self._core = core
        self._desk = desk

    def open(
        self, subscription: Subscription, wanted: Mapping[str, Contract], generic_ticks: str
    ) -> None:
        """Let a subscription hold its lines, those that are there or new ones.

        Raises:
            LoopNotRunning: Before ``start()`` or ``connect()``.
        """
        desk, snapshot = self._desk, subscription.snapshot
        with desk.lock:
            if not self._core.event_loop.running:
                msg = "subscribe needs a running loop: call start() or connect() first"
                raise LoopNotRunning(msg)
            for symbol, contract in wanted.items():
                key = None if snapshot else line_key(contract, generic_ticks)
                line = desk.ledger.find(key) if key is not None else None
                if line is None:
                    line = desk.line(contract, key=key, ticks=generic_ticks, snapshot=snapshot)
                desk.ledger.hold(line, subscription)
                subscription.hold(symbol, line)
        desk.do(self._opened, subscription)

    def cancel(self, subscription: Subscription) -> None:
        """Let a subscription's lines go."""
        subscription.mute()
        try:
            self._desk.do(self._cancelled, subscription)
        except LoopNotRunning:  # nothing is open at the gateway, and nobody else is here
            self._cancelled(subscription)
        subscription.finish()

    def listen(self, subscription: Subscription, callback: OnTick, where: Where) -> None:
        """Let another callback hear a subscription's ticks."""
        delivery = delivery_for(self._core, callback, where, latest=True)
        self._desk.do(self._listen, subscription, delivery)

    def watch(
        self, subscription: Subscription, callback: OnStale | None = None, where: Where = None
    ) -> None:
        """Look after the age of a subscription's tickers from now on."""
        if callback is not None:
            subscription.freshness.tell(delivery_for(self._core, callback, where))
        with contextlib.suppress(LoopNotRunning):  # before the start, and after the end
            self._desk.do(subscription.freshness.look)

    def living(self, subscription: Subscription, callback: OnLife, where: Where) -> None:
        """Let a callback hear of the lives of a subscription's lines."""
        subscription.life_deliveries.append(delivery_for(self._core, callback, where))

    def limited(self, subscription: Subscription) -> None:
        """For how long a subscription's lines may be silent has changed."""
        with contextlib.suppress(LoopNotRunning):  # before the start, and after the end
            self._desk.do(self._limited, subscription)

    # ---- on the loop thread --------------------------------------------------------------

    def _limited(self, subscription: Subscription) -> None:
        for life in dict.fromkeys(subscription.lives.values()):
            self._core.streams.care.limited(life)

    def _opened(self, subscription: Subscription) -> None:
        """A subscription holds its lines: show what is there, request what is new."""
        lines = dict.fromkeys(subscription.lines.values())
        if not lines:
            subscription.finish()
        for delivery in subscription.deliveries:
            self._show(subscription, delivery)
        self._desk.entered(lines)
        subscription.freshness.look()

    def _listen(self, subscription: Subscription, delivery: Delivery) -> None:
        subscription.deliveries.append(delivery)
        for line in subscription.lines.values():
            self._desk.rebuild(line)
        self._show(subscription, delivery)

    def _show(self, subscription: Subscription, delivery: Delivery) -> None:
        """Show a latecomer the quotes as they stand: the next change may be far away."""
        for line in dict.fromkeys(subscription.lines.values()):
            if line.ticker.received is not None:
                delivery((line.ticker,), line.ticker)

    def _cancelled(self, subscription: Subscription) -> None:
        for line in dict.fromkeys(subscription.lines.values()):
            self._desk.let_go(line, subscription)
        self._desk.listen_to_ticks()
        subscription.freshness.stop()
