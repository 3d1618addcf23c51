"""The lines, on the loop thread: requested, renewed after a gap, cancelled when nobody holds them.

A line is requested once the session is READY, and anew at each READY after that: a subscription
outlives the sessions it runs in. While its life is interrupted (`twsloop.connection.care`), its
ticker is stale; the first tick makes it fresh again.

Holders are found and held in the callers' threads, under one lock, so that `subscribe` never waits
for the loop; requests, cancels and ticks are the loop thread's alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from ibapi.contract import Contract

from twsloop.clock import Timer
from twsloop.connection.care import DATA_KEPT, DATA_LOST, SERVED, SERVERS_LOST
from twsloop.connection.core import Core
from twsloop.errors import (
    ConnectionLost,
    RequestError,
    RequestTimeout,
    SlotsExhausted,
)
from twsloop.events import Ends, GapCause, Notice
from twsloop.session.state import State
from twsloop.wire.identity import contract_key

from .line_life import line_life
from .lines import Line, LineLedger
from .processor import TICK_CALLBACKS, MarketDataProcessor
from .slots import REFUSALS, Claim, Pool, Slots
from .state import Ticker
from .subscriptions import Subscription
from .ticks import MarketDataType

__all__ = ["LineDesk"]

#: Says that delayed data could be had: with type 3 or 4 it follows (domain.md d).
DELAYED_POSSIBLE = 10089


class LineDesk:
    """All lines of a connection, and who holds them.

    Args:
        core: The connection.
        slots: Who holds what of IB's limited places.
        label: Writes a contract as people type it.

    Attributes:
        ledger: The lines.
        slots: As given.
        data_type: What kind of data is asked for.
        lock: Held while a line gets a holder, or loses one.
    """

    def __init__(self, core: Core, slots: Slots, label: Callable[[Contract], str]) -> None:
        self.ledger = LineLedger()
        self.slots = slots
        self.data_type = MarketDataType[core.config.market_data.data_type.upper()]
        self.lock = threading.Lock()
        self._core = core
        self._label = label
        self._processor = MarketDataProcessor(
            self.ledger,
            core.arrival,
            core.clock,
            heard=core.streams.care.heard,
            snapshot_end=self._snapshot_end,
            reroute=self._reroute,
        )
        self._listening = False
        self._type_asked = False
        self._care = core.streams.care
        #: The deadlines of snapshots.
        self._timers: dict[Line, Timer] = {}
        self._ages_posted = False
        slots.on_displaced = self._displaced
        core.on_session(self._session)
        core.on_down(self._down)
        core.on_notice(self._notice)
        core.subscriptions.append(self.ledger.words_of)

    # ---- doors ---------------------------------------------------------------------------

    def line(
        self,
        contract: Contract,
        *,
        key: Any = None,
        ticks: str = "",
        snapshot: bool = False,
        timeout: float | None = None,
    ) -> Line:
        """A new line, which nobody holds yet."""
        ticker = Ticker(contract, self._label(contract), self._core.clock)
        line = Line(key, ticker, ticks, snapshot, timeout=timeout)
        if not snapshot:
            line.life = line_life(line, redo=self._redo, ages=self._ages_changed)
        return line

    def do(self, work: Callable[..., object], *args: Any) -> None:
        """Run on the loop thread: at once if this is it, else soon; nobody waits for it."""
        loop = self._core.event_loop
        if loop.in_loop():
            work(*args)
        else:
            loop.post(work, *args)

    # ---- for those who hold lines, on the loop thread ----------------------------------------

    def hold(self, line: Line, holder: Any) -> None:
        """Let a holder of our own hold a line, which is requested if it is new."""
        with self.lock:
            self.ledger.hold(line, holder)
        self.entered((line,))

    def entered(self, lines: Iterable[Line]) -> None:
        """Lines have a holder more: hear their ticks, and request those that are new."""
        entered = tuple(lines)
        for line in entered:
            self.rebuild(line)
            if line.life is not None and line in self.ledger:
                self._care.take(line.life)
                self._care.limited(line.life)
        self.listen_to_ticks()
        # Requested last: a request may fail at once, and then all else has to be in place.
        for line in entered if self._core.state in SERVED else ():
            if line.req_id is None and line in self.ledger:
                self._request(line)

    def release(self, line: Line, holder: Any, *, answered: bool = False) -> None:
        """A holder of our own lets go of a line.

        Args:
            line: The line.
            holder: Who holds it.
            answered: It is a snapshot that brought what was wanted: its own end is near, and
                cancelling it could cross that.
        """
        if line not in self.ledger:
            return
        if answered:
            with self.lock:
                self.ledger.unshare(line)  # for the next one its values are of before
                if tuple(line.holders) == (holder,):
                    self.ledger.hold(line, self)
                    self.slots.lower(line, Claim.IDLE)
        self.let_go(line, holder)
        self.listen_to_ticks()

    def has_room(self, contract: Contract) -> bool:
        """Whether there is a place for a snapshot."""
        return self.slots.has_room(Pool.LINES, contract_key(contract), Claim.SHORT)

    def type_asked(self, number: int) -> None:
        """A program asked for another kind of data by itself; from any thread."""
        if number in {kind.value for kind in MarketDataType}:
            self.data_type = MarketDataType(number)

    def set_type(self, kind: MarketDataType, *, renew: bool) -> None:
        """Ask for another kind of data from now on, and for all lines anew."""
        self.data_type = kind
        if self._core.state not in SERVED:
            return  # `_request` asks for it in the next session
        self._core.reqMarketDataType(int(kind))
        self._type_asked = True
        for line in self.ledger if renew else ():
            if not line.snapshot and line.req_id is not None:
                line.ticker.forget()
                if line.life is not None:
                    reason = f"{kind.name.lower().replace('_', ' ')} data was asked for"
                    self._care.interrupt(line.life, GapCause.PROGRAM, reason)
                self._renew(line)

    # ---- on the loop thread --------------------------------------------------------------

    def let_go(self, line: Line, holder: Any) -> None:
        """A holder holds a line no more; the last one cancels it."""
        req_id = line.req_id
        with self.lock:
            last = self.ledger.release(line, holder)
        if not last:
            self.rebuild(line)
            return
        self._ended(line, "cancelled")
        if req_id is not None and self._core.connected:
            self._core.cancelMktData(req_id)

    def listen_to_ticks(self) -> None:
        """Hear ticks only while a line is held: without one they need not be decoded for us."""
        wanted = len(self.ledger) > 0
        if wanted and not self._listening:
            self._core.add_slice(self._processor, TICK_CALLBACKS)
        elif self._listening and not wanted:
            self._core.remove_slice(self._processor, TICK_CALLBACKS)
        self._listening = wanted

    def rebuild(self, line: Line) -> None:
        """Whom a line tells has changed."""
        with self.lock:
            holders = tuple(line.holders)
        line.tell_all([tell for holder in holders if holder is not self for tell in holder.tellers])

    # ---- lines ---------------------------------------------------------------------------

    def _request(self, line: Line) -> None:
        core = self._core
        try:
            self._take_slot(line)
        except SlotsExhausted as error:
            self._fail(line, error)
            return
        self._ask_type()
        req_id = core.request_ids.take()
        self.ledger.assign(line, req_id)
        line.asked_at = core.clock.monotonic()
        line.ticker.renew()
        if line.snapshot:
            limit = core.config.market_data.snapshot_timeout
            seconds = limit if line.timeout is None else line.timeout
            self._timers[line] = core.clock.call_later(seconds, self._too_late, line, seconds)
        snapshot = line.snapshot and not line.regulatory
        contract = line.routed or line.ticker.contract
        core.reqMktData(req_id, contract, line.generic_ticks, snapshot, line.regulatory, [])
        if line.life is not None and line.req_id == req_id:
            self._care.asked(line.life)

    def _renew(self, line: Line) -> None:
        """Ask for a line anew, under a new id."""
        gone = line.life is not None and line.life.gone
        if line.req_id is not None and not gone:
            self._core.cancelMktData(line.req_id)
        self._forget_timers(line)
        self.ledger.assign(line, None)
        self._request(line)

    def _reroute(self, line: Line, con_id: int, exchange: str) -> None:
        """The gateway sends quotes of this contract as those of another: the request is over."""
        routed = Contract()
        routed.conId, routed.exchange = con_id, exchange
        line.routed = routed
        self._forget_timers(line)
        self.ledger.assign(line, None)
        self._request(line)

    def _redo(self, line: Line) -> None:
        """A line that is interrupted, and silent: ask for it anew."""
        if line in self.ledger and self._core.state in SERVED:
            self._renew(line)

    def _forget_timers(self, line: Line) -> None:
        timer = self._timers.pop(line, None)
        if timer is not None:
            timer.cancel()

    def _take_slot(self, line: Line) -> None:
        # A snapshot that is shared is one of our own, which we can take later.
        brief = line.snapshot and line.key is not None
        self.slots.take(
            line,
            Pool.LINES,
            symbol=line.ticker.symbol,
            holder=line.words,
            instrument=line.instrument,
            claim=Claim.SHORT if brief else Claim.FIRM,
        )

    def _displaced(self, token: Any) -> None:
        """A snapshot gave its place to another; from any thread, before that one is requested."""
        self.do(self._give_way, token)

    def _give_way(self, line: Line) -> None:
        if line not in self.ledger:
            return
        if tuple(line.holders) == (self,):  # it has answered
            self.let_go(line, self)
            return
        req_id = line.req_id
        line.displaced = True
        self._fail(line, SlotsExhausted("another needed its place", request=line.words))
        if req_id is not None and self._core.connected:
            self._core.cancelMktData(req_id)

    def _ask_type(self) -> None:
        if self.data_type is not MarketDataType.LIVE and not self._type_asked:
            self._core.reqMarketDataType(int(self.data_type))
        self._type_asked = True

    def _close(self, line: Line, reason: str) -> tuple[Any, ...]:
        """A line ended by itself: who held it."""
        with self.lock:
            holders = tuple(holder for holder in line.holders if holder is not self)
            self.ledger.close(line)
        self._ended(line, reason)
        return holders

    def _ended(self, line: Line, reason: str) -> None:
        """A line is closed: its ticker shows the last known values from now on."""
        if line.life is not None:
            self._care.over(line.life, reason)
        line.ticker.stale, line.ticker.stale_because = True, reason
        line.tell_all([])
        self.slots.give(line)
        self._forget_timers(line)

    def _fail(self, line: Line, error: Exception) -> None:
        line.ticker.error = error
        holders = self._close(line, str(error))
        for holder in holders:
            for symbol in holder.line_over(line, error):
                for delivery in holder.failures:
                    delivery((symbol, error), symbol)
        self.listen_to_ticks()

    def _snapshot_end(self, line: Line) -> None:
        if not line.snapshot:
            return
        holders = self._close(line, "complete")
        for holder in holders:
            holder.line_over(line, None)
        self.listen_to_ticks()

    def _too_late(self, line: Line, seconds: float) -> None:
        req_id = line.req_id
        if req_id is not None and self._core.connected:
            self._core.cancelMktData(req_id)
        self._fail(line, RequestTimeout(f"not complete within {seconds:g} s", request=line.words))

    # ---- the session ---------------------------------------------------------------------

    def _session(self, state: State, _reason: str) -> None:
        if state is State.READY:
            self._request_all()

    def _request_all(self) -> None:
        """Request what is not requested."""
        for line in [line for line in self.ledger if line.req_id is None]:
            # One that is refused is told at once, and who is told may let others go.
            if line in self.ledger and line.req_id is None:
                self._request(line)

    def _down(self) -> None:
        self._type_asked = False
        self._all_over("the link was lost")

    def _all_over(self, reason: str) -> None:
        """No request is answered any more. A snapshot is not asked for again: it may cost."""
        lines = tuple(self.ledger)
        for line in lines:
            self.ledger.assign(line, None)
            self._forget_timers(line)
        for line in lines:
            if line.snapshot and line in self.ledger:
                self._fail(line, ConnectionLost(f"{reason} before the snapshot was complete"))

    def _notice(self, notice: Notice) -> None:
        if notice.code in SERVERS_LOST:
            for line in self.ledger:
                if line.snapshot:
                    line.ticker.interrupt(notice.text)
        elif notice.code == DATA_LOST:
            self._all_over("the gateway lost its servers")
            for line in self.ledger:
                if line.life is not None:
                    self._care.interrupt(line.life, GapCause.SERVERS, notice.text)
            if self._core.state in SERVED:
                self._request_all()
        elif notice.code == DATA_KEPT:
            for line in self.ledger:
                if line.snapshot:
                    line.ticker.resume()
        line_of = self.ledger.by_id(notice.req_id)
        if line_of is not None:
            self._line_notice(line_of, notice)
        elif notice.code in REFUSALS and self._core.request_ids.issued(notice.req_id):
            # A book, or a stream of ticks: it has given its place back by now.
            self.slots.learn(notice.code, notice.text)

    def _line_notice(self, line: Line, notice: Notice) -> None:
        advisory = notice.code == DELAYED_POSSIBLE and self.data_type >= MarketDataType.DELAYED
        if notice.ends is not Ends.REQUEST or advisory:
            line.ticker.apply_notice(notice)
            return
        life = line.life
        self.slots.learn(notice.code, notice.text, line)
        if life is not None and self._care.ended(life, notice):
            (line.ticker.withhold if life.competing else line.ticker.apply_notice)(notice)
            self._ages_changed()
            return
        error = RequestError(
            notice.text,
            code=notice.code,
            req_id=notice.req_id,
            request=f"market data of {line.ticker.symbol}",
            category=notice.category,
        )
        self._fail(line, error)

    def _ages_changed(self) -> None:
        """Tickers became stale, or fresh, without a tick: look at their ages, once for all."""
        if not self._ages_posted:
            self._ages_posted = True
            self._core.event_loop.post(self._look_at_ages)

    def _look_at_ages(self) -> None:
        self._ages_posted = False
        holders = {holder: None for line in self.ledger for holder in tuple(line.holders)}
        for holder in holders:
            if isinstance(holder, Subscription):
                holder.freshness.look()
