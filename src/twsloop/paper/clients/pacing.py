"""The pacing judge of a running gateway: what a request may not ask for now.

`pacing_judge` has the rules. Here a request meets them before its handler sees it; how many
messages a connection may send is judged there (`twsloop.paper.connection`), and depth and
tick-by-tick streams are counted by those who serve them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from twsloop.paper.history.bars import BAR_SIZES

from .kinds import HISTORY, REAL_TIME_BARS
from .pacing_judge import MOST_OPEN, HistoryJudge, PacingRules

if TYPE_CHECKING:
    from .client import Client
    from .hub import Hub
    from .session import Request

__all__ = ["TOO_FAST", "PacingJudge"]

#: What a session over its rate is told, with error 100 (the id is -1).
TOO_FAST = "Max rate of messages per second has been exceeded:max={limit} rec={count} ({strike})"
TOO_MANY_LINES = "Max number of tickers has been reached"
VIOLATION = "Historical Market Data Service error message:Historical data request pacing violation"
REAL_TIME_VIOLATION = "Invalid Real-time Query:Historical data request pacing violation"

#: One tick-by-tick request for an instrument in so many seconds.
TICK_BY_TICK_S = 15.0
TOO_MANY_TICKS = "Max number of tick-by-tick requests has been reached."

MARKET_DATA, HISTORICAL_DATA, REAL_TIME, HEAD_TIMESTAMP, TICK_BY_TICK = 1, 20, 50, 87, 97


@attrs.define(eq=False)
class PacingJudge:
    """Judges the requests of a login.

    Attributes:
        rules: The limits.
        history: What was asked of the history lately.
        ticks: When a tick-by-tick stream of an instrument was asked for last.
    """

    rules: PacingRules = attrs.Factory(PacingRules)
    history: HistoryJudge = attrs.Factory(HistoryJudge)
    ticks: dict[object, float] = attrs.Factory(dict)

    def refusal(self, hub: Hub, client: Client, request: Request) -> tuple[int, str] | None:
        """Code and text of what a request breaks; None: it may pass, and counts."""
        number, message = request.type.number, request.message
        if number == MARKET_DATA:
            return self._line(hub, client, message)
        if number == REAL_TIME:
            refused = self._line(hub, client, message)
            if refused is None and self._breaks_history(hub, "bars", message):
                refused = 420, REAL_TIME_VIOLATION
            return refused
        if number == TICK_BY_TICK:
            return self._stream(hub, message.contract)
        if number == HEAD_TIMESTAMP or (number == HISTORICAL_DATA and _is_small(message)):
            kind = "head" if number == HEAD_TIMESTAMP else "history"
            if self._breaks_history(hub, kind, message):
                return 162, VIOLATION
        return None

    def _line(self, hub: Hub, client: Client, message: Any) -> tuple[int, str] | None:
        if message.reqId in client.lines:
            return None  # a duplicate is refused as such
        used = {
            line.instrument.con_id for each in hub.clients.values() for line in each.lines.values()
        }
        if len(used) + _open(hub, REAL_TIME_BARS) < self.rules.lines:
            return None
        found = hub.engine.catalogue.find(message.contract)
        if len(found) == 1 and found[0].con_id in used:
            return None  # it is a line already
        return 101, TOO_MANY_LINES

    def _stream(self, hub: Hub, contract: Any) -> tuple[int, str] | None:
        now = hub.clock.monotonic()
        self.ticks = {name: at for name, at in self.ticks.items() if at > now - TICK_BY_TICK_S}
        found = hub.engine.catalogue.find(contract)
        if len(found) == 1:
            if found[0].con_id in self.ticks:
                return 10190, TOO_MANY_TICKS
            self.ticks[found[0].con_id] = now
        return None

    def _breaks_history(self, hub: Hub, kind: str, message: Any) -> bool:
        if not self.rules.history:
            return False
        if _open(hub, HISTORY) >= MOST_OPEN:
            return True
        asked = type(message)()
        asked.CopyFrom(message)
        asked.ClearField("reqId")
        contract = message.contract
        name = contract.conId or (contract.symbol, contract.secType, contract.localSymbol)
        family = (name, contract.exchange, message.whatToShow)
        weight = 2 if message.whatToShow.upper() == "BID_ASK" else 1
        identity = (kind, asked.SerializeToString(deterministic=True))
        return self.history.broken(hub.clock.monotonic(), identity, family, weight) is not None


def _open(hub: Hub, kind: str) -> int:
    return sum(one == kind for each in hub.clients.values() for one, _ in each.subscriptions)


def _is_small(message: Any) -> bool:
    """Whether the history rules hold for these bars: 30 seconds and less."""
    size = BAR_SIZES.get(message.barSizeSetting.lower())
    return size is not None and size.small
