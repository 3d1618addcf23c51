"""Data that is refused or taken away for reasons of its own, while link and server are healthy.

- another session of the same user has the live data (10197), as when the owner of a paper account
  logs in live: everything stops, and goes on when that session ends;
- the permission for live data goes (354);
- depth is halted (316) or begun anew (317);
- a trade is taken back, and real-time bars with it (10225);
- bars that are kept up to date are dead (10182), or were never there (366);
- requests for history come too fast, whatever their number (162).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import ClassVar

import attrs

from twsloop.paper.catalogue.instruments import Instrument
from twsloop.paper.clients.client import Client
from twsloop.paper.clients.hub import Hub
from twsloop.paper.clients.kinds import DEPTH, HISTORY, LINE, REAL_TIME_BARS, TICKS
from twsloop.paper.clients.pacing import VIOLATION
from twsloop.paper.clients.permissions import NOT_SUBSCRIBED
from twsloop.paper.clients.session import Request
from twsloop.paper.requests import depth

from .farms import HISTORY_REQUESTS, fail_live_bars
from .fault import End, Fault, Stage
from .params import count, flag, text
from .silence import KINDS, Key, found_in, silence_of

__all__ = [
    "DATA_FAULTS",
    "BustEvent",
    "CompetingSession",
    "DataRefused",
    "DepthHalted",
    "DepthReset",
    "HistoryForgotten",
    "HistoryRefused",
    "LiveBarsFail",
]

COMPETING = (10197, "No market data during competing session")
_ELSEWHERE = (
    "Historical Market Data Service error message:"
    "Trading TWS session is connected from a different IP address"
)
OTHER_ADDRESS = (162, _ELSEWHERE)
_BUST = (
    "Bust event occurred, current subscription is deactivated. "
    "Please resubscribe real-time bars immediately."
)
BUST = (10225, _BUST)
SYMBOL = "Only of this symbol; of all instruments unless given."
#: What the live data of a login is, beside history.
LIVE = frozenset({LINE, DEPTH, TICKS, REAL_TIME_BARS})


def streams_of(
    hub: Hub, stage: Stage, kinds: frozenset[str], symbol: str | None = None
) -> Iterator[tuple[Client, Key]]:
    """The subscriptions that a fault is about; they may be ended on the way."""
    for client in tuple(hub.clients.values()):
        if not stage.hits(client.client_id):
            continue
        for key, instrument in tuple(client.streams()):
            if key[0] in kinds and is_of(instrument, symbol):
                yield client, key


def is_of(instrument: Instrument, symbol: str | None) -> bool:
    """Whether an instrument is meant by a symbol; None means all."""
    return symbol in {None, instrument.symbol, instrument.local_symbol}


def drop(hub: Hub, client: Client, key: Key) -> None:
    """End a subscription on the gateway's side."""
    kind, req_id = key
    if kind == LINE:
        hub.watchers.unwatch(client.lines[req_id])
    else:
        client.end_subscription(kind, req_id)


def _refusing(hub: Hub, stage: Stage, refusal: Callable[[Request], tuple[int, str] | None]) -> End:
    """Refuse requests of the clients that a fault hits; returns what undoes it."""

    def hear(client: Client, request: Request) -> bool:
        refused = refusal(request) if stage.hits(client.client_id) else None
        if refused is None:
            return False
        hub.error(client, request.message.reqId, *refused)
        return True

    hub.gates.requests.append(hear)
    return lambda: hub.gates.requests.remove(hear)


@attrs.frozen(kw_only=True)
class CompetingSession(Fault):
    """The user is logged in elsewhere, and the live data goes there: 10197 for each subscription.

    What is asked for meanwhile is refused with 10197, history with 162. When the other session ends
    the subscriptions that were there go on by themselves.
    """

    name: ClassVar[str] = "competing_session"

    resume: bool = flag(True, "Whether they go on when it ends; otherwise they stay silent.")

    def begin(self, stage: Stage) -> End:
        """Let it happen."""
        return stage.each_hub(lambda hub: self._take_away(hub, stage))

    def _take_away(self, hub: Hub, stage: Stage) -> End:
        silence = silence_of(hub)
        allowed = _refusing(hub, stage, self._refusal)
        silence.begin(stage, lambda client, key, _: stage.hits(client.client_id) and key[0] in LIVE)
        for client, (_, req_id) in streams_of(hub, stage, LIVE):
            hub.error(client, req_id, *COMPETING)

        def end() -> None:
            allowed()
            if not self.resume:
                for client, key in streams_of(hub, stage, LIVE):
                    silence.kill(client, key)
            silence.end(stage)

        return end

    @staticmethod
    def _refusal(request: Request) -> tuple[int, str] | None:
        name = request.type.name
        if name in HISTORY_REQUESTS:
            return OTHER_ADDRESS
        return COMPETING if name in KINDS else None


@attrs.frozen(kw_only=True)
class DataRefused(Fault):
    """The login has no permission for live data any more: 354 ends every subscription.

    What is asked for meanwhile is refused with 354, too.
    """

    name: ClassVar[str] = "data_refused"

    symbol: str | None = text(None, SYMBOL)

    def begin(self, stage: Stage) -> End:
        """Let it happen."""
        return stage.each_hub(lambda hub: self._refuse(hub, stage))

    def _refuse(self, hub: Hub, stage: Stage) -> End:
        for client, key in streams_of(hub, stage, LIVE, self.symbol):
            hub.error(client, key[1], 354, NOT_SUBSCRIBED)
            drop(hub, client, key)

        def refusal(request: Request) -> tuple[int, str] | None:
            if request.type.name in HISTORY_REQUESTS or request.type.name not in KINDS:
                return None
            instrument = found_in(hub, request.message)
            meant = instrument is not None and is_of(instrument, self.symbol)
            return (354, NOT_SUBSCRIBED) if meant else None

        return _refusing(hub, stage, refusal)


@attrs.frozen(kw_only=True)
class HistoryRefused(Fault):
    """Requests for history come too fast, the gateway finds: 162, pacing violation."""

    name: ClassVar[str] = "history_refused"

    requests: int | None = count(
        None, "How many are refused, then it ends; all as long as it lasts unless given.", low=1
    )

    def begin(self, stage: Stage) -> End:
        """Let it happen."""
        refused = 0

        def refusal(request: Request) -> tuple[int, str] | None:
            nonlocal refused
            if request.type.name not in HISTORY_REQUESTS:
                return None
            refused += 1
            if refused == self.requests:
                stage.later(0.0, stage.finished)
            if self.requests is not None and refused > self.requests:
                return None
            return 162, VIOLATION

        return stage.each_hub(lambda hub: _refusing(hub, stage, refusal))


@attrs.frozen(kw_only=True)
class DepthHalted(Fault):
    """Depth is halted: 316 ends the streams, until they are asked for again."""

    name: ClassVar[str] = "depth_halted"
    instant: ClassVar[bool] = True

    symbol: str | None = text(None, SYMBOL)

    def begin(self, stage: Stage) -> None:
        """Let it happen."""
        hub = stage.host.hub
        for client, key in streams_of(hub, stage, frozenset({DEPTH}), self.symbol):
            hub.error(client, key[1], 316, depth.HALTED)
            drop(hub, client, key)


@attrs.frozen(kw_only=True)
class DepthReset(Fault):
    """A venue's book was rebuilt: 317, and all rows anew."""

    name: ClassVar[str] = "depth_reset"
    instant: ClassVar[bool] = True

    symbol: str | None = text(None, SYMBOL)

    def begin(self, stage: Stage) -> None:
        """Let it happen."""
        hub = stage.host.hub
        for client, (_, req_id) in streams_of(hub, stage, frozenset({DEPTH}), self.symbol):
            depth.retell_to(hub, client, req_id)


@attrs.frozen(kw_only=True)
class BustEvent(Fault):
    """A trade was taken back: 10225 ends real-time bars and bars that are kept up to date."""

    name: ClassVar[str] = "bust_event"
    instant: ClassVar[bool] = True

    symbol: str | None = text(None, SYMBOL)

    def begin(self, stage: Stage) -> None:
        """Let it happen."""
        hub = stage.host.hub
        bars = frozenset({REAL_TIME_BARS, HISTORY})
        for client, key in streams_of(hub, stage, bars, self.symbol):
            hub.error(client, key[1], *BUST)
            drop(hub, client, key)


@attrs.frozen(kw_only=True)
class LiveBarsFail(Fault):
    """10182 for every request that is kept up to date, without a word about a farm."""

    name: ClassVar[str] = "live_bars_fail"
    instant: ClassVar[bool] = True

    def begin(self, stage: Stage) -> None:
        """Let it happen."""
        hub = stage.host.hub
        for client in tuple(hub.clients.values()):
            if stage.hits(client.client_id):
                fail_live_bars(hub, client)


@attrs.frozen(kw_only=True)
class HistoryForgotten(Fault):
    """The gateway has lost its requests for history, and says nothing: their cancel gets 366."""

    name: ClassVar[str] = "history_forgotten"
    instant: ClassVar[bool] = True

    def begin(self, stage: Stage) -> None:
        """Let it happen."""
        for client in tuple(stage.host.hub.clients.values()):
            for kind, req_id in tuple(client.subscriptions):
                if kind == HISTORY and stage.hits(client.client_id):
                    client.end_subscription(kind, req_id)


DATA_FAULTS: Mapping[str, type[Fault]] = MappingProxyType(
    {
        "competing_session": CompetingSession,
        "data_refused": DataRefused,
        "depth_halted": DepthHalted,
        "depth_reset": DepthReset,
        "bust_event": BustEvent,
        "live_bars_fail": LiveBarsFail,
        "history_forgotten": HistoryForgotten,
        "history_refused": HistoryRefused,
    }
)
