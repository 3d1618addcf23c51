"""What goes out: lines are requested, renewed after a gap, and cancelled when nobody holds them.

A line is requested once the session is READY, and anew at each READY after that: a subscription
outlives the sessions it runs in. Between two sessions, and while the gateway has lost IB's servers,
its ticker is stale; the first tick makes it fresh again.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from ibapi.contract import Contract

from twsloop.clock import Timer
from twsloop.connection.core import Core
from twsloop.errors import ConnectionLost, LoopNotRunning, RequestError, RequestTimeout
from twsloop.event_loop import Future
from twsloop.events import Ends, GapEnded, GapStarted, Notice
from twsloop.processors import Where
from twsloop.processors.delivery import Delivery, delivery_for
from twsloop.session.state import State

from .lines import Line, LineLedger, line_key
from .processor import TICK_CALLBACKS, MarketDataProcessor
from .state import Ticker
from .subscriptions import OnError, OnTick, Subscription
from .ticks import MarketDataType

__all__ = ["MarketData", "Symbols"]

Symbols: TypeAlias = str | Contract | Iterable[str | Contract]

#: The gateway's link to IB's servers is gone; back without, or with, our subscriptions.
SERVERS_LOST = frozenset({1100, 2110})
DATA_LOST = 1101
DATA_KEPT = 1102
#: Says that delayed data could be had: with type 3 or 4 it follows (domain.md d).
DELAYED_POSSIBLE = 10089
_SERVED = frozenset({State.READY, State.DEGRADED})


class MarketData:
    """The market data slice.

    Args:
        core: The connection.
        to_contract: Reads a symbol as people type it.
        label: Writes a contract as people type it.
    """

    def __init__(
        self,
        core: Core,
        *,
        to_contract: Callable[[str | Contract], Contract],
        label: Callable[[Contract], str],
    ) -> None:
        self._core = core
        self._to_contract = to_contract
        self._label = label
        self.ledger = LineLedger()
        #: Subscribers find and hold their lines in their own threads, so that `subscribe` never
        #: waits for the loop; requests, cancels and ticks are the loop thread's alone.
        self._lock = threading.Lock()
        self._processor = MarketDataProcessor(
            self.ledger, core.clock, tell=self._tell, snapshot_end=self._snapshot_end
        )
        self._listening = False
        self._type_asked = False
        self._deadlines: dict[Line, Timer] = {}
        self._gap: datetime | None = None
        core.on_session(self._session)
        core.on_down(self._down)
        core.on_notice(self._notice)

    # ---- doors ---------------------------------------------------------------------------

    def subscribe(
        self,
        symbols: Symbols,
        on_tick: OnTick | None = None,
        *,
        on_error: OnError | None = None,
        generic_ticks: str | None = None,
        snapshot: bool = False,
        where: Where = None,
    ) -> Subscription:
        """Watch any number of contracts; see `IBGateway.subscribe`."""
        wanted = self._read(symbols)
        core = self._core
        ticks = core.config.market_data.generic_ticks if generic_ticks is None else generic_ticks
        subscription = Subscription(self, Future(core.event_loop), snapshot=snapshot)
        if on_tick is not None:
            subscription.deliveries.append(delivery_for(core, on_tick, where, latest=True))
        if on_error is not None:
            subscription.failures.append(delivery_for(core, on_error, where))
        with self._lock:
            if not core.event_loop.running:
                msg = "subscribe needs a running loop: call start() or connect() first"
                raise LoopNotRunning(msg)
            self._hold(subscription, wanted, "" if snapshot else ticks)
        self._do(self._open, subscription)
        return subscription

    def cancel(self, subscription: Subscription) -> None:
        """Let a subscription's lines go."""
        for delivery in (*subscription.deliveries, *subscription.failures):
            delivery.close()
        with contextlib.suppress(LoopNotRunning):  # then no line is open any more
            self._do(self._cancel, subscription)
        subscription.finish()

    def listen(self, subscription: Subscription, callback: OnTick, where: Where) -> None:
        """Let another callback hear a subscription's ticks."""
        delivery = delivery_for(self._core, callback, where, latest=True)
        self._do(self._listen, subscription, delivery)

    async def quote(self, contract: Contract) -> Ticker | None:
        """The live ticker of a contract, or a snapshot; None if there is none. Loop thread only."""
        for line in self.ledger:
            fresh = line.ticker.received is not None and not line.ticker.stale
            if fresh and line_key(line.ticker.contract) == line_key(contract):
                return line.ticker
        subscription = self.subscribe(contract, snapshot=True)
        tickers = await subscription.done
        ticker = next(iter(tickers.values()))
        return None if ticker.received is None else ticker

    # ---- on the loop thread --------------------------------------------------------------

    def _do(self, work: Callable[..., object], *args: Any) -> None:
        """Run on the loop thread: at once if this is it, else soon; nobody waits for it."""
        loop = self._core.event_loop
        if loop.in_loop():
            work(*args)
        else:
            loop.post(work, *args)

    def _hold(
        self, subscription: Subscription, wanted: Mapping[str, Contract], generic_ticks: str
    ) -> None:
        """Let a subscription hold its lines, those that are there or new ones; any thread."""
        for symbol, contract in wanted.items():
            key = None if subscription.snapshot else line_key(contract, generic_ticks)
            line = self.ledger.find(key) if key is not None else None
            if line is None:
                ticker = Ticker(contract, self._label(contract), self._core.clock)
                line = Line(key, ticker, generic_ticks, subscription.snapshot)
            self.ledger.hold(line, subscription)
            subscription.hold(symbol, line)

    def _read(self, symbols: Symbols) -> dict[str, Contract]:
        """Contracts by the name each will have; two that are called alike are numbered."""
        single = isinstance(symbols, (str, Contract))
        given: list[Any] = [symbols] if single else list(symbols)
        wanted: dict[str, Contract] = {}
        for symbol in given:
            contract = self._to_contract(symbol)
            name = symbol.strip() if isinstance(symbol, str) else self._label(contract)
            free, count = name, 1
            while free in wanted and line_key(wanted[free]) != line_key(contract):
                count += 1
                free = f"{name} ({count})"
            wanted[free] = contract
        return wanted

    def _open(self, subscription: Subscription) -> None:
        """A subscription holds its lines: request what is new, show what is there."""
        lines = dict.fromkeys(subscription.lines.values())
        for line in lines:
            self._rebuild(line)
        if not lines:
            subscription.finish()
        self._listen_to_ticks()
        for line in lines:
            if line.ticker.received is not None:
                # A latecomer sees the quote as it stands: the next change may be far away.
                for delivery in subscription.deliveries:
                    delivery((line.ticker,), line.ticker)
        # Requested last: a request may fail at once, and then all else has to be in place.
        for line in lines if self._core.state in _SERVED else ():
            if line.req_id is None and line in self.ledger:
                self._request(line)

    def _listen(self, subscription: Subscription, delivery: Delivery) -> None:
        subscription.deliveries.append(delivery)
        for line in subscription.lines.values():
            self._rebuild(line)
            if line.ticker.received is not None:
                delivery((line.ticker,), line.ticker)

    def _cancel(self, subscription: Subscription) -> None:
        for line in dict.fromkeys(subscription.lines.values()):
            req_id = line.req_id
            with self._lock:
                last = self.ledger.release(line, subscription)
            if last:
                self._ended(line)
                if req_id is not None and self._core.connected:
                    self._core.cancelMktData(req_id)
            else:
                self._rebuild(line)
        self._listen_to_ticks()

    def _listen_to_ticks(self) -> None:
        """Hear ticks only while a line is held: without one they need not be decoded for us."""
        wanted = len(self.ledger) > 0
        if wanted and not self._listening:
            self._core.add_slice(self._processor, TICK_CALLBACKS)
        elif self._listening and not wanted:
            self._core.remove_slice(self._processor, TICK_CALLBACKS)
        self._listening = wanted

    def _rebuild(self, line: Line) -> None:
        with self._lock:
            holders = tuple(line.holders)
        line.listeners = tuple(delivery for holder in holders for delivery in holder.deliveries)

    def _tell(self, line: Line) -> None:
        ticker = line.ticker
        for delivery in line.listeners:
            delivery((ticker,), ticker)

    # ---- lines ---------------------------------------------------------------------------

    def _request(self, line: Line) -> None:
        core = self._core
        self._ask_type()
        req_id = core.request_ids.take()
        self.ledger.assign(line, req_id)
        if line.snapshot:
            seconds = core.config.market_data.snapshot_timeout
            self._deadlines[line] = core.clock.call_later(seconds, self._too_late, line, seconds)
        core.reqMktData(req_id, line.ticker.contract, line.generic_ticks, line.snapshot, False, [])

    def _ask_type(self) -> None:
        wanted = self._wanted_type()
        if wanted is not MarketDataType.LIVE and not self._type_asked:
            self._core.reqMarketDataType(int(wanted))
        self._type_asked = True

    def _wanted_type(self) -> MarketDataType:
        return MarketDataType[self._core.config.market_data.data_type.upper()]

    def _close(self, line: Line) -> tuple[Subscription, ...]:
        """A line ended by itself: who held it."""
        with self._lock:
            holders = tuple(line.holders)
            self.ledger.close(line)
        self._ended(line)
        return holders

    def _ended(self, line: Line) -> None:
        """A line is closed: its ticker shows the last known values from now on."""
        line.ticker.stale = True
        line.listeners = ()
        deadline = self._deadlines.pop(line, None)
        if deadline is not None:
            deadline.cancel()

    def _fail(self, line: Line, error: Exception) -> None:
        line.ticker.error = error
        holders = self._close(line)
        for holder in holders:
            for symbol in holder.line_over(line, error):
                for delivery in holder.failures:
                    delivery((symbol, error))
        self._listen_to_ticks()

    def _snapshot_end(self, line: Line) -> None:
        if not line.snapshot:
            return
        holders = self._close(line)
        for holder in holders:
            holder.line_over(line, None)
        self._listen_to_ticks()

    def _too_late(self, line: Line, seconds: float) -> None:
        req_id = line.req_id
        if req_id is not None and self._core.connected:
            self._core.cancelMktData(req_id)
        what = f"snapshot of {line.ticker.symbol}"
        self._fail(line, RequestTimeout(f"not complete within {seconds:g} s", request=what))

    # ---- the session ---------------------------------------------------------------------

    def _session(self, state: State, _reason: str) -> None:
        if state is not State.READY:
            return
        unasked = [line for line in self.ledger if line.req_id is None]
        for line in unasked:
            self._request(line)
        if unasked or not len(self.ledger):
            self._gap_over("subscriptions renewed")

    def _down(self) -> None:
        self._type_asked = False
        for line in self.ledger:
            self.ledger.assign(line, None)
            if line.snapshot:
                self._fail(
                    line, ConnectionLost("the link was lost before the snapshot was complete")
                )
        self._interrupted("the link was lost")

    def _notice(self, notice: Notice) -> None:
        if notice.code in SERVERS_LOST:
            self._interrupted(notice.text)
        elif notice.code == DATA_LOST:
            for line in self.ledger:
                self.ledger.assign(line, None)
                self._request(line)
            self._gap_over(notice.text)
        elif notice.code == DATA_KEPT:
            for line in self.ledger:
                line.ticker.stale = False
            self._gap_over(notice.text)
        line_of = self.ledger.by_id(notice.req_id)
        if line_of is not None:
            self._line_notice(line_of, notice)

    def _line_notice(self, line: Line, notice: Notice) -> None:
        advisory = notice.code == DELAYED_POSSIBLE and self._wanted_type() >= MarketDataType.DELAYED
        if notice.ends is not Ends.REQUEST or advisory:
            line.ticker.notice = notice
            return
        error = RequestError(
            notice.text,
            code=notice.code,
            req_id=notice.req_id,
            request=f"market data of {line.ticker.symbol}",
            category=notice.category,
        )
        self._fail(line, error)

    def _interrupted(self, reason: str) -> None:
        if not len(self.ledger):
            return
        for line in self.ledger:
            line.ticker.stale = True
        if self._gap is None:
            self._gap = self._core.clock.now()
            self._core.tell(GapStarted(time=self._gap, stream="*", reason=reason))

    def _gap_over(self, reason: str) -> None:
        if self._gap is not None:
            started, self._gap = self._gap, None
            now = self._core.clock.now()
            self._core.tell(GapEnded(time=now, stream="*", started=started, reason=reason))
