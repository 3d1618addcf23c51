"""Data farms that break, fall asleep and come back; what they serve is silent meanwhile.

Sequences (reference ``domain.md`` a, "Loss and recovery"): a broken market data farm tells 2103,
and 2104 when it is back; its lines stay registered. A broken HMDS farm tells 2105, then 10182 for
each request that is kept up to date: that one is dead, and 2106 does not bring it back. A broken
sec-def farm tells 2157, and contracts are not found until 2158.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import attrs

from twsloop.paper.catalogue.instruments import Instrument
from twsloop.paper.clients.client import Client
from twsloop.paper.clients.farms import (
    FARMS,
    FarmKind,
    Farms,
    FarmState,
    history_farm,
    kind_of,
)
from twsloop.paper.clients.hub import Hub
from twsloop.paper.clients.kinds import HISTORY, REAL_TIME_BARS
from twsloop.paper.clients.session import Request
from twsloop.paper.orders.refusals import NO_DEFINITION
from twsloop.paper.requests import table

from .fault import End, Fault, Stage
from .params import choice, flag, many, number
from .silence import KINDS, Key, found_in, silence_of

__all__ = [
    "FARM_FAULTS",
    "HISTORY_REQUESTS",
    "FarmDown",
    "FarmIdle",
    "fail_live_bars",
    "farms_of",
    "hold_farm",
    "release_farm",
]

#: What a HMDS farm answers, and what a sec-def farm does.
HISTORY_REQUESTS = frozenset(
    {"reqHistoricalData", "reqHeadTimeStamp", "reqHistoricalTicks", "reqHistogramData"}
)
CONTRACT_REQUESTS = frozenset({"reqContractDetails", "reqMatchingSymbols", "reqSecDefOptParams"})
#: The reference knows that such a request fails with 162, and not the words.
NO_FARM = "Historical Market Data Service error message:HMDS data farm connection is broken:{farm}"
DISCONNECTED = "Failed to request live updates (disconnected)."


def farms_of(farms: Farms, kind: str, instrument: Instrument) -> tuple[str, ...]:
    """The farms that a subscription hangs on, by its kind."""
    if kind == HISTORY:
        return (history_farm(instrument),)
    if kind == REAL_TIME_BARS:
        # Seen in the public: these stop with the HMDS farm, too.
        return farms.market(instrument), history_farm(instrument)
    return (farms.market(instrument),)


class _FarmWatch:
    """Lets requests and subscriptions feel the state of their farm; one for each gateway."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        hub.gates.requests.append(self._hear)
        silence_of(hub).begin(self, self._is_silent)

    def _is_silent(self, _client: Client, key: Key, instrument: Instrument) -> bool:
        farms = self._hub.farms
        return not all(farms.serves(one) for one in farms_of(farms, key[0], instrument))

    def _hear(self, client: Client, request: Request) -> bool:
        """A request that its farm cannot answer fails."""
        name, farms = request.type.name, self._hub.farms
        if name in CONTRACT_REQUESTS and not farms.contracts_known():
            self._hub.error(client, request.message.reqId, 200, NO_DEFINITION)
            return True
        if name not in HISTORY_REQUESTS:
            return False
        farm = _history_farm(self._hub, request.message)
        if farms.serves(farm):
            return False
        self._hub.error(client, request.message.reqId, 162, NO_FARM.format(farm=farm))
        return True


def _history_farm(hub: Hub, message: Any) -> str:
    instrument = found_in(hub, message)
    return "ushmds" if instrument is None else history_farm(instrument)


def hold_farm(hub: Hub, name: str, token: object, state: FarmState) -> None:
    """Let a farm be so until `release_farm`, and tell it to everyone."""
    if _FarmWatch not in hub.desks:
        hub.desks[_FarmWatch] = _FarmWatch(hub)
    if hub.farms.hold(name, token, state):
        _changed(hub, name)


def release_farm(hub: Hub, name: str, token: object) -> None:
    """Undo `hold_farm`."""
    if hub.farms.release(name, token):
        _changed(hub, name)


def _changed(hub: Hub, name: str) -> None:
    hub.notify(*hub.farms.notice(name))
    if hub.farms.state(name) is FarmState.BROKEN and kind_of(name) is FarmKind.HISTORY:
        for client in tuple(hub.clients.values()):
            fail_live_bars(hub, client, name)
    silence_of(hub).refresh()


def fail_live_bars(hub: Hub, client: Client, farm: str | None = None) -> None:
    """Tell 10182 for a client's bars that are kept up to date, of one farm or all; they end."""
    for (kind, req_id), instrument in tuple(client.streams()):
        if kind == HISTORY and farm in {None, history_farm(instrument)}:
            hub.error(client, req_id, 10182, DISCONNECTED)
            client.end_subscription(kind, req_id)


@attrs.frozen(kw_only=True)
class FarmDown(Fault):
    """A data farm breaks: all clients are told, and what it serves is silent or fails.

    When it ends, the farm is back, and everyone is told that too.
    """

    name: ClassVar[str] = "farm_down"

    farm: str = choice("usfarm", "Which.", FARMS)
    forget: bool = flag(
        False,
        "When the farm is back, what it served stays silent: the gateway lists the subscriptions, "
        "and nothing comes of them until the client ends them and asks again.",
    )
    symbols: tuple[str, ...] = many(
        (), "These hang on it from now on, whatever farm serves the others of their kind."
    )

    def begin(self, stage: Stage) -> End:
        """Let it happen."""

        def install(hub: Hub) -> End:
            hub.farms.moved.update(dict.fromkeys(self.symbols, self.farm))
            hold_farm(hub, self.farm, stage, FarmState.BROKEN)

            def end() -> None:
                if self.forget:
                    self._forget(hub)
                release_farm(hub, self.farm, stage)

            return end

        return stage.each_hub(install)

    def _forget(self, hub: Hub) -> None:
        silence = silence_of(hub)
        for client in tuple(hub.clients.values()):
            for key, instrument in tuple(client.streams()):
                if self.farm in farms_of(hub.farms, key[0], instrument):
                    silence.kill(client, key)


@attrs.frozen(kw_only=True)
class FarmIdle(Fault):
    """A farm that nobody needs falls asleep; the next request for it wakes it.

    All are told that it is idle; then, with the request, that it is connecting; and that it is
    connected when that has taken its time: then the request is answered. This ends the fault.
    """

    name: ClassVar[str] = "farm_idle"

    farm: str = choice("ushmds", "Which.", FARMS)
    wakes: float = number(1.0, "How long it takes to connect.")

    def begin(self, stage: Stage) -> End:
        """Let it happen."""
        return stage.each_hub(lambda hub: self._fall_asleep(hub, stage))

    def _fall_asleep(self, hub: Hub, stage: Stage) -> End:
        waiting: list[tuple[Client, Request]] = []

        def hear(client: Client, request: Request) -> bool:
            if not self._concerns(hub, request):
                return False
            if hub.farms.state(self.farm) is FarmState.IDLE:
                hold_farm(hub, self.farm, stage, FarmState.CONNECTING)
                stage.later(self.wakes, stage.finished)
            if request.type.name in HISTORY_REQUESTS | CONTRACT_REQUESTS:
                waiting.append((client, request))
                return True
            return False

        def end() -> None:
            hub.gates.requests.remove(hear)
            release_farm(hub, self.farm, stage)
            for client, request in waiting:
                if not client.closed:
                    table.serve(hub, client, request)

        hold_farm(hub, self.farm, stage, FarmState.IDLE)
        hub.gates.requests.insert(0, hear)
        return end

    def _concerns(self, hub: Hub, request: Request) -> bool:
        """Whether a request needs the farm."""
        name = request.type.name
        if name in CONTRACT_REQUESTS:
            return kind_of(self.farm) is FarmKind.CONTRACTS
        if name in HISTORY_REQUESTS:
            return self.farm == _history_farm(hub, request.message)
        if name not in KINDS:
            return False
        instrument = found_in(hub, request.message)
        return instrument is not None and self.farm in farms_of(hub.farms, KINDS[name], instrument)


FARM_FAULTS: Mapping[str, type[Fault]] = MappingProxyType(
    {
        "farm_down": FarmDown,
        "farm_idle": FarmIdle,
    }
)
