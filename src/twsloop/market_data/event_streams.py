"""Depth, tick by tick, and bars, as `MarketData` offers them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias, overload

import attrs
from ibapi.contract import Contract

from twsloop.connection.core import Core
from twsloop.connection.streams import Feed, Stream, StreamPlan
from twsloop.errors import MarketDataError, TwsLoopError
from twsloop.processors import Where
from twsloop.session.farms import FarmKind
from twsloop.wire.identity import contract_key

from .bar_maker import BarMaker
from .depth import Depth, DepthBook
from .event_processor import BARS, DEPTH, TICKS, EventProcessor
from .local_bars import FIVE_SECONDS, BarRule, LocalBar
from .slots import HASTE, Pool, Slots
from .tick_rows import BidAskTick, MidpointTick, RealTimeBar, Tick, TickKind, TradeTick
from .turns import MARGIN_S, AskAgain, LiveTurns

__all__ = ["EventStreams"]

#: How many rows of each side IB keeps at most.
MOST_ROWS = 60
#: How many earlier ticks may be asked for beforehand.
MOST_TICKS = 1000
#: What real-time bars can be made of.
BAR_KINDS = ("TRADES", "MIDPOINT", "BID", "ASK")
#: They come from the market's farm, and stop with that of its history, too (seen in the public).
BAR_FARMS = (FarmKind.MARKET_DATA, FarmKind.HISTORICAL)
#: What a SMART order book needs to be called (10092 otherwise).
_SMART = "SMART"

# The kinds of tick-by-tick data by what their rows are.
Trades: TypeAlias = Literal["Last", "AllLast", TickKind.LAST, TickKind.ALL_LAST]
Quotes: TypeAlias = Literal["BidAsk", TickKind.BID_ASK]
Midpoints: TypeAlias = Literal["MidPoint", TickKind.MIDPOINT]


class EventStreams:
    """The part of `MarketData` that follows single events; mixed into it."""

    _core: Core
    _to_contract: Callable[[str | Contract], Contract]
    _label: Callable[[Contract], str]
    _pace: Callable[[Hashable], float]
    slots: Slots

    def _streams_init(self) -> None:
        self._events = EventProcessor(self._core, self._reroute)
        self._again = AskAgain(self._core)
        LiveTurns(self._core)

    # ---- depth ---------------------------------------------------------------------------

    def depth(
        self,
        symbol: str | Contract,
        rows: int = 10,
        *,
        smart: bool | None = None,
        on_update: Callable[[Depth], object] | None = None,
        where: Where = None,
    ) -> Stream[Depth]:
        """The order book of a contract, live.

        A reset of the gateway (317) empties it, and a halted book (316) is asked for anew; both by
        themselves.

        Args:
            symbol: As people type it, or an IB Contract.
            rows: Rows of each side.
            smart: Whether the books of all exchanges are joined, each row with its exchange;
                unless told otherwise, if the contract is routed by SMART.
            on_update: Called with the `Depth` after each change.
            where: Where that runs: None for the loop thread; an executor; an asyncio loop.

        Returns:
            A stream of `Depth`, whose ``latest`` is the book as it stands.

        Raises:
            SlotsExhausted: All of IB's places for books are taken; it names who holds them.
            MarketDataError: A number of rows that no book has.
            SymbolError: A text that cannot be read.
        """
        contract = self._to_contract(symbol)
        given: object = rows
        if not (isinstance(given, int) and 0 < given <= MOST_ROWS):
            msg = f"a book has 1 to {MOST_ROWS} rows on each side, not {rows!r}"
            raise MarketDataError(msg)
        joined = contract.exchange == _SMART if smart is None else smart
        plan = self._depth_plan(contract, rows, joined)
        return self._core.streams.open(plan, on_update, where)

    def _depth_plan(self, contract: Contract, rows: int, smart: bool) -> StreamPlan:
        core, name = self._core, self._label(contract)
        identity = contract_key(contract)
        return StreamPlan(
            request=f"depth of {name}",
            send=lambda req_id: core.reqMktDepth(req_id, contract, rows, smart, []),
            cancel=lambda req_id: core.cancelMktDepth(req_id, smart),
            listener=self._events,
            callbacks=DEPTH,
            key=("depth", identity, rows, smart),
            state=lambda: DepthBook(rows),
            reset=lambda book: book.clear(),
            admit=lambda feed: self.slots.take(
                feed, Pool.DEPTH, symbol=name, holder=f"depth of {name}", instrument=identity
            ),
            release=self.slots.give,
            on_notice=self._events.depth_notice,
            keep_latest=True,
            contract=contract,
            answers=True,
        )

    def _reroute(self, feed: Feed[Any], con_id: int, exchange: str) -> None:
        """The book of a CFD is that of what it stands for."""
        contract = Contract()
        contract.conId, contract.exchange = con_id, exchange
        key: Any = feed.plan.key
        other = self._depth_plan(contract, *key[2:])
        feed.plan = attrs.evolve(feed.plan, send=other.send)
        feed.restart(f"it is the book of contract {con_id} at {exchange}")

    # ---- tick by tick --------------------------------------------------------------------

    @overload
    def ticks(
        self,
        symbol: str | Contract,
        kind: Trades = ...,
        *,
        history: int = ...,
        ignore_size: bool = ...,
        on_update: Callable[[TradeTick], object] | None = ...,
        where: Where = ...,
    ) -> Stream[TradeTick]: ...

    @overload
    def ticks(
        self,
        symbol: str | Contract,
        kind: Quotes,
        *,
        history: int = ...,
        ignore_size: bool = ...,
        on_update: Callable[[BidAskTick], object] | None = ...,
        where: Where = ...,
    ) -> Stream[BidAskTick]: ...

    @overload
    def ticks(
        self,
        symbol: str | Contract,
        kind: Midpoints,
        *,
        history: int = ...,
        ignore_size: bool = ...,
        on_update: Callable[[MidpointTick], object] | None = ...,
        where: Where = ...,
    ) -> Stream[MidpointTick]: ...

    @overload
    def ticks(
        self,
        symbol: str | Contract,
        kind: str,
        *,
        history: int = ...,
        ignore_size: bool = ...,
        on_update: Callable[[Tick], object] | None = ...,
        where: Where = ...,
    ) -> Stream[Tick]: ...

    def ticks(
        self,
        symbol: str | Contract,
        kind: TickKind | str = TickKind.LAST,
        *,
        history: int = 0,
        ignore_size: bool = False,
        on_update: Callable[[Any], object] | None = None,
        where: Where = None,
    ) -> Stream[Any]:
        """Every single trade, quote, or midpoint of a contract.

        Args:
            symbol: As people type it, or an IB Contract; no combo.
            kind: ``Last``, ``AllLast``, ``BidAsk`` or ``MidPoint``.
            history: How many earlier ticks come first (each with ``historical``), up to 1000.
            ignore_size: Of ``BidAsk``: only changes of a price.
            on_update: Called with each `TradeTick`, `BidAskTick` or `MidpointTick`.
            where: Where that runs: None for the loop thread; an executor; an asyncio loop.

        Raises:
            SlotsExhausted: All of IB's places for such streams are taken; it names who holds them.
            MarketDataError: A kind or a number that IB does not know.
            SymbolError: A text that cannot be read.
        """
        contract = self._to_contract(symbol)
        try:
            wanted = TickKind(kind)
        except ValueError:
            known = ", ".join(TickKind)
            msg = f"tick by tick there are {known} (the case matters), not {kind!r}"
            raise MarketDataError(msg) from None
        if not 0 <= history <= MOST_TICKS:
            msg = f"0 to {MOST_TICKS} earlier ticks can come first, not {history}"
            raise MarketDataError(msg)
        if contract.secType == "BAG":
            msg = "IB has no tick-by-tick data of combos: ask for the legs"
            raise MarketDataError(msg)
        plan = self._tick_plan(contract, wanted, history, ignore_size)
        return self._core.streams.open(plan, on_update, where)

    def _tick_plan(
        self, contract: Contract, kind: TickKind, history: int, ignore_size: bool
    ) -> StreamPlan:
        core, name = self._core, self._label(contract)
        identity = contract_key(contract)
        holder = f"{kind} ticks of {name}"
        return StreamPlan(
            request=holder,
            send=lambda req_id: core.reqTickByTickData(
                req_id, contract, str(kind), history, ignore_size
            ),
            cancel=core.cancelTickByTickData,
            listener=self._events,
            callbacks=TICKS,
            key=("ticks", identity, kind, history, ignore_size),
            admit=lambda feed: self.slots.take(
                feed,
                Pool.TICK_BY_TICK,
                symbol=name,
                holder=holder,
                instrument=("ticks", identity, kind, history, ignore_size),
            ),
            release=self.slots.give,
            on_notice=self._again.notice,
            contract=contract,
            apart=HASTE + MARGIN_S,
        )

    # ---- bars ----------------------------------------------------------------------------

    def realtime_bars(
        self,
        symbol: str | Contract,
        what: str = "TRADES",
        *,
        rth: bool = False,
        on_update: Callable[[RealTimeBar], object] | None = None,
        where: Where = None,
    ) -> Stream[RealTimeBar]:
        """IB's bars of five seconds, as they are made.

        Args:
            symbol: As people type it, or an IB Contract.
            what: ``TRADES``, ``MIDPOINT``, ``BID`` or ``ASK``.
            rth: Only within the regular trading hours.
            on_update: Called with each `RealTimeBar`.
            where: Where that runs: None for the loop thread; an executor; an asyncio loop.

        Raises:
            SlotsExhausted: All market data lines are taken; it names who holds them.
            MarketDataError: Something that no such bars are made of.
            SymbolError: A text that cannot be read.
        """
        contract = self._to_contract(symbol)
        kind = what.upper()
        if kind not in BAR_KINDS:
            msg = f"real-time bars are made of {', '.join(BAR_KINDS)}, not of {what!r}"
            raise MarketDataError(msg)
        plan = self._bar_plan(contract, kind, rth)
        return self._core.streams.open(plan, on_update, where)

    def _bar_plan(self, contract: Contract, kind: str, rth: bool) -> StreamPlan:
        core, name, what = self._core, self._label(contract), contract_key(contract)
        asked: set[int] = set()

        def send(req_id: int) -> None:
            """When it may leave: IB counts it among the requests for history."""
            feed = core.streams.feed(req_id)
            if feed is None:
                return
            seconds = self._pace((what, kind))
            if seconds:
                feed.wait(seconds, "IB's rules for history hold for real-time bars, too")
                core.clock.call_later(seconds, send, req_id)
                return
            asked.add(req_id)
            core.reqRealTimeBars(req_id, contract, 5, kind, rth, [])
            if feed.waits:
                feed.left()

        def cancel(req_id: int) -> None:
            if req_id in asked:
                core.cancelRealTimeBars(req_id)

        return StreamPlan(
            request=f"real-time bars of {name}",
            send=send,
            cancel=cancel,
            listener=self._events,
            callbacks=BARS,
            key=("real-time bars", what, kind, rth),
            admit=lambda feed: self.slots.take(
                feed, Pool.LINES, symbol=name, holder=f"real-time bars of {name}"
            ),
            release=self.slots.give,
            on_notice=self._again.notice,
            contract=contract,
            farms=BAR_FARMS,
            rhythm=FIVE_SECONDS.total_seconds(),
        )

    def local_bars(
        self,
        symbol: str | Contract,
        *,
        seconds: float | None = None,
        ticks: int | None = None,
        volume: Decimal | int | None = None,
        source: Literal["ticks", "bars"] = "ticks",
        anchor: datetime | None = None,
        on_update: Callable[[LocalBar], object] | None = None,
        where: Where = None,
    ) -> Stream[LocalBar]:
        """Bars of any span, made here; give exactly one of seconds, ticks and volume.

        Args:
            symbol: As people type it, or an IB Contract.
            seconds: A bar for so many seconds, aligned to ``anchor``.
            ticks: A bar for so many trades.
            volume: A bar whenever so much was traded.
            source: What they are made of: every trade (``ticks``, one of IB's few tick-by-tick
                places), or IB's five-second bars (``bars``, a market data line).
            anchor: A boundary of bars of time, with a time zone; midnight UTC unless given.
            on_update: Called with each finished `LocalBar`.
            where: Where that runs: None for the loop thread; an executor; an asyncio loop.

        Returns:
            A stream of finished bars; ``stream.state.current`` is the one that is being made.

        Raises:
            MarketDataError: Bars that cannot be made so.
            SlotsExhausted: IB has no place left for the source; it names who holds them.
            SymbolError: A text that cannot be read.
        """
        contract, core = self._to_contract(symbol), self._core
        rule = BarRule(seconds=seconds, ticks=ticks, volume=volume)
        if anchor is not None:
            rule = attrs.evolve(rule, anchor=anchor)
        if source not in {"ticks", "bars"}:
            msg = f"local bars are made of 'ticks' or of 'bars', not of {source!r}"
            raise MarketDataError(msg)
        if source == "bars" and (ticks is not None or (seconds or 0) % 5):
            msg = "of five-second bars come bars of volume, or of a multiple of 5 seconds"
            raise MarketDataError(msg)
        plan = (
            self._tick_plan(contract, TickKind.LAST, 0, False)
            if source == "ticks"
            else self._bar_plan(contract, "TRADES", False)
        )
        maker = BarMaker(core, rule)
        stream: Stream[LocalBar] = core.streams.open(
            StreamPlan(
                request=f"local bars of {self._label(contract)}",
                send=lambda _req_id: None,  # its source asks
                cancel=None,
                listener=maker,
                callbacks=(),
                state=lambda: maker.builder,
                release=maker.end,
                quiet=True,  # its source has a life, and this one the same
            ),
            on_update,
            where,
        )
        try:
            maker.follow(core.streams.open(plan, maker.hear), stream.feed)
        except TwsLoopError:
            stream.cancel()
            raise
        return stream
