"""How a connection keeps to the gateway's limits, and what waits because of them.

The message rate is the Outbox's business (`twsloop.session.pacing`). A request may have rules of
its own beside it: IB counts requests for history, tick-by-tick streams of an instrument, snapshots
that cost. Who knows such a rule registers it here for the requests it is about (`Pacing.rule`), and
each message of that kind waits for it in the Outbox, whoever sent it: a slice, or a program's own
call of EClient, as IB wrote it.

What the gateway complains of teaches: error 100 and the warning before it make the rate smaller for
a while, and requests that may have been refused with it, because they left shortly before and have
no answer, are asked again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from twsloop.errors import ParseError
from twsloop.events import Notice
from twsloop.session.pacing import SPAN, Wait, own_rate
from twsloop.session.pending import Pending
from twsloop.session.waiting import Pause, WaitingRequest, WaitSource
from twsloop.transport import Lane, Outbox, Queued
from twsloop.transport.outgoing import Turn
from twsloop.wire.codec import decode
from twsloop.wire.messages import OUTBOUND, OUTBOUND_BY_NAME, Direction
from twsloop.wire.request_ids import request_id

from .asks import TOO_FAST

if TYPE_CHECKING:
    from .core import Core

__all__ = ["Pacing", "Rule"]

#: Makes the turn that a message has to wait for; given its protobuf form, and whether a program's
#: own call sent it. None lets it pass.
Rule = Callable[[Any, bool], Turn | None]

#: Market data lines that every login has (domain.md b).
LEAST_LINES = 100
#: How the warning before it begins (its code is 0).
WARNING = "approaching max rate"


class Pacing:
    """The limits of one connection.

    Args:
        core: The connection.
        wake: Lets the loop thread write what may leave; from any thread.
        unlimited: Time stands still: what is paced would never leave.

    Attributes:
        outbox: The one owner of what goes out.
    """

    def __init__(self, core: Core, wake: Callable[[], object], *, unlimited: bool) -> None:
        self._core = core
        params = core.config.pacing
        # Every login has a hundred lines; a smaller setting leaves some of them to other programs.
        lines = max(core.config.market_data.lines, LEAST_LINES)
        rate = own_rate(lines) if params.rate is None else params.rate
        reserve = rate // 5 if params.reserve is None else params.reserve
        self.enabled = params.enabled and not unlimited
        self.outbox = Outbox(
            core.clock,
            rate=rate if self.enabled else 0,
            reserve=reserve,
            limit=params.queue_limit,
            wake=wake,
            identify=lambda body: request_id(body, core.server_version),
            unique=core.request_ids.issued,
        )
        self._rules: dict[int, list[Rule]] = {}
        self._sources: list[WaitSource] = []

    # ---- rules ---------------------------------------------------------------------------

    def rule(self, name: str, make: Rule) -> None:
        """Let each message of a kind wait for a turn of its own.

        Args:
            name: EClient's name of the request.
            make: Makes the turn, in the thread that sends; it is asked on the loop thread.
        """
        self._rules.setdefault(OUTBOUND_BY_NAME[name].number, []).append(make)

    def turn(self, number: int, body: bytes, *, own_call: bool) -> Turn | None:
        """The turn that a message has to wait for, if there is a rule for its kind (any thread)."""
        rules = self._rules.get(number)
        if rules is None:
            return None
        try:
            message = decode(Direction.OUTBOUND, body, self._core.server_version).message
        except ParseError:  # IB will say so
            return None
        turns = [turn for make in rules if (turn := make(message, own_call)) is not None]
        if not turns:
            return None
        if not self.enabled:
            return _Counted(turns)
        return turns[0] if len(turns) == 1 else _Turns(turns)

    # ---- what waits ----------------------------------------------------------------------

    def list_waits(self, source: WaitSource) -> None:
        """Let `waiting` name what waits somewhere else than in the Outbox, too."""
        self._sources.append(source)

    def waiting(self) -> tuple[WaitingRequest, ...]:
        """Everything that waits to be asked, and why; from any thread."""
        rows = [self._row(one) for one in self.outbox.queued()]
        rows += [self._turn_row(pending, place) for pending, place in self._core.asks.waiting()]
        rows += self._feed_rows()
        for source in self._sources:
            rows.extend(source())
        return tuple(rows)

    def since(self, moment: float) -> dict[str, Any]:
        """The two fields of a `WaitingRequest` that say how long, of the clock's seconds then."""
        seconds = max(self._core.clock.monotonic() - moment, 0.0)
        return {"since": self._core.clock.now() - timedelta(seconds=seconds), "seconds": seconds}

    def rows(self, lane: str, pauses: Iterable[Pause]) -> list[WaitingRequest]:
        """What `waiting` says of requests that wait for a time they know, in their order."""
        now = self._core.clock.monotonic()
        return [
            WaitingRequest(
                request=one.request,
                lane=lane,
                reason=one.reason,
                expected=max(one.until - now, 0.0),
                position=place,
                req_id=one.req_id,
                **self.since(one.since),
            )
            for place, one in enumerate(pauses)
        ]

    def _row(self, one: Queued) -> WaitingRequest:
        message = one.message
        kind = OUTBOUND.get(message.number)
        req_id = None if message.key is None else message.key[1]
        if req_id is None and message.lane >= Lane.REQUEST:
            req_id = request_id(message.body, self._core.server_version)
        number = message.order_id if message.order_id is not None else req_id
        name = "a message" if kind is None else kind.name
        return WaitingRequest(
            request=message.request or (name if number is None else f"{name} {number}"),
            lane=message.lane.name.lower(),
            reason=one.wait.reason,
            expected=one.wait.seconds if math.isfinite(one.wait.seconds) else None,
            position=one.ahead,
            req_id=req_id,
            order_id=message.order_id,
            **self.since(message.since),
        )

    def _turn_row(self, pending: Pending, place: int) -> WaitingRequest:
        return WaitingRequest(
            request=pending.request,
            lane="turn",
            reason=f"another request that is answered by {pending.key} is under way",
            expected=None,
            position=place + 1,
            **self.since(pending.since),
        )

    def _feed_rows(self) -> list[WaitingRequest]:
        """Streams whose requests wait for their turn before they come here."""
        turns = [
            Pause(
                request=feed.request, until=turn[1], reason=turn[2], since=turn[0],
                req_id=feed.req_id,
            )
            for feed in self._core.streams
            if feed.req_id is not None and (turn := feed.turn) is not None
        ]  # fmt: skip
        turns.sort(key=lambda one: one.until)
        return self.rows("history", turns)

    def counts(self) -> dict[str, float]:
        """What was withdrawn, asked again or spilled so far, by name; only what happened at all."""
        outbox, asks = self.outbox, self._core.asks
        found = {
            "requests_withdrawn": outbox.withdrawn,
            "requests_repeated": asks.repeated,
            "order_facts_spilled": self._core.registry.backlog.spilled,
        }
        return {name: float(count) for name, count in found.items() if count}

    # ---- complaints ----------------------------------------------------------------------

    def heard(self, notice: Notice) -> None:
        """Learn of a notice (loop thread)."""
        refused = notice.code == TOO_FAST
        if not refused and not notice.text.lower().startswith(WARNING):
            return
        self.complained(notice.text, refused=refused)

    def complained(self, text: str, *, refused: bool) -> None:
        """The gateway finds us too fast: go slower, and ask again what it may have refused.

        Args:
            text: Its words; they may name the limit.
            refused: It refused a message (100), and ends the session at the third.
        """
        self._core.metrics.counter("rate_complaints").add()
        if self.enabled:
            self.outbox.complained(text, refused=refused)
        if refused:
            self._core.asks.refused_for_rate(SPAN)


class _Turns:
    """Several turns of one message: it leaves when all of them are there.

    Args:
        turns: They.
    """

    def __init__(self, turns: list[Turn]) -> None:
        self._turns = turns

    def wait(self, now: float) -> Wait | None:
        """The longest wait of them."""
        waits = [wait for turn in self._turns if (wait := turn.wait(now)) is not None]
        return max(waits, key=lambda wait: wait.seconds, default=None)

    def leave(self, now: float) -> None:
        """It leaves."""
        for turn in self._turns:
            turn.leave(now)


class _Counted(_Turns):
    """Turns that nothing waits for, because pacing is off; what leaves is counted."""

    def wait(self, now: float) -> None:
        """Never."""
        del now
