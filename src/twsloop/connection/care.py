"""Looks after subscriptions: what is interrupted by what, what goes on, what is asked for anew.

Theory of operation. Every subscription, a feed or a market data line, has a `Life`. What happens to
the gateway interrupts those that it concerns, and no others: a lost link and lost servers (1100)
all of them, a broken farm those that it serves, 10197 the one that it names. An item ends the gap,
whatever else was said: data is the proof. The end that the program itself makes of a session is a
pause of all of them, and no fault: they are held still, and the next session goes on with them.

When the gateway says that it has again what it had lost (1102, 2104), that proves nothing. The
subscriptions that should tell something now are given ``[market_data] silent_after`` seconds to do
so. What is silent then is asked for anew, one after the other, and again after pauses that double.
What should tell something says `Patience`. The others go on without a proof, as IB says that they
do.

The same watch keeps a subscription to the silence that its holder allows (``max_silence``): it is
asked for anew whenever it was silent for so long, each time, with no pauses that grow. It asks
again for what is withheld by a competing session (10197), for what the gateway has ended (10182,
10225), and for what was answered once and is refused for now (a farm is broken, too many asked;
see `refusals`). Nothing of this ever touches the session itself, nor the orders.

All on the loop thread, and only when something happens: an item of a live subscription costs
nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from twsloop.events import (
    GapCause,
    GapEnded,
    GapStarted,
    Notice,
    StreamClosed,
    StreamStarted,
)
from twsloop.session.farms import FarmKind, FarmState
from twsloop.session.state import Event, State

from .farms import Farms
from .life import Gap, Life, LifeFact, StreamStatus
from .patience import Patience
from .redoing import Redoing
from .refusals import Standstill, may_pass, standstill_of

if TYPE_CHECKING:
    from .core import Core

__all__ = ["COMPETING_SESSION", "DATA_KEPT", "DATA_LOST", "SERVED", "SERVERS_LOST", "Care"]

#: The gateway's link to IB's servers is gone; back without, or with, our subscriptions.
SERVERS_LOST = frozenset({1100, 2110})
DATA_LOST = 1101
DATA_KEPT = 1102
#: Sessions in which a request may be sent.
SERVED = frozenset({State.READY, State.DEGRADED})

#: Data is withheld while the login is in use elsewhere.
COMPETING_SESSION = 10197
#: Real-time bars are deactivated, and still there: IB wants them cancelled.
DEACTIVATED = 10225
#: How long before the second attempt at such a one, and at most before any, seconds.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 60.0
#: What was asked less long ago has its answer on the way, seconds.
ANSWER_S = 5.0


class Care:
    """Looks after the lives of all subscriptions of a connection; loop thread.

    Args:
        core: The connection.

    Attributes:
        farms: What is known of the data farms.
        closed: Tells whether a contract does not trade now; None where nobody knows its hours.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._params = core.config.market_data
        self._lives: dict[Life, None] = {}
        self._redoing = Redoing(core.clock, self._still_silent)
        self._servers_lost = ""
        self.farms = Farms(core)
        self.closed: Callable[[Any], bool | None] = lambda _contract: None
        self._patience = Patience(core.clock, self._params.silent_after, self._is_closed)
        core.on_notice(self._notice)
        core.on_down(self._down)

    def __len__(self) -> int:
        """How many lives it looks after."""
        return len(self._lives)

    # ---- for those whose lives they are ----------------------------------------------------

    def take(self, life: Life, *, followed: bool = True) -> None:
        """Look after a life from now on; tell of it if somebody follows it."""
        self._lives[life] = None
        if followed and not life.followed:
            life.followed = True
            if life.status is StreamStatus.LIVE:
                self._tell(life, StreamStarted(time=self._core.clock.now(), stream=life.name))

    def asked(self, life: Life) -> None:
        """Its request has left."""
        life.rest()
        life.since = life.asked_at = self._core.clock.monotonic()
        life.dead = life.gone = False
        blocked = self._blocked(life)
        if blocked:
            life.doubtful, life.reason = True, blocked
        elif life.competing:
            self._look_in(life, self._params.competing_retry)
        elif self._patience.awaits(life):
            self._look_in(life, self._patience.pause(life))

    def heard(self, life: Life) -> None:
        """An item came, and it was not live: the first, or the first after a gap."""
        if life.status is StreamStatus.OVER:
            return
        competed, now = life.competing, self._core.clock.monotonic()
        self.farms.heard(life.depends)
        self._live(life, "data comes" if life.started is None else "data comes again")
        if competed:  # it is over for all
            for other in tuple(self._lives):
                if other.competing and now - other.since >= ANSWER_S:
                    other.competing = False
                    self._redo(other, "the competing session has ended")

    def interrupt(self, life: Life, cause: GapCause, reason: str, farm: str = "") -> None:
        """Something of it may be missing from here on."""
        if life.status is StreamStatus.OVER:
            return
        life.rest()
        before, life.reason = life.status, reason
        if before is not StreamStatus.LIVE:
            life.doubtful = True
            return
        life.lively = self._patience.is_lively(life)
        now = self._core.clock.now()
        life.open_gap(Gap(stream=life.name, started=now, cause=cause, reason=reason, farm=farm))
        life.status = StreamStatus.INTERRUPTED
        life.vital.changed()
        self._tell(
            life, GapStarted(time=now, stream=life.name, reason=reason, cause=cause, farm=farm)
        )

    def ended(self, life: Life, notice: Notice) -> bool:
        """The gateway has ended its request, or refused it.

        Returns:
            True if it goes on nevertheless, and is asked for again in time.
        """
        why = standstill_of(
            life,
            notice,
            competed=any(other.competing for other in self._lives),
            lacks=self._lacks(life, notice),
        )
        if why is Standstill.WITHHELD:
            self._withheld(life, notice.text)
        elif why is Standstill.ENDED:
            self.again(life, notice.text, gone=notice.code != DEACTIVATED)
        elif why is Standstill.PASSING:
            self.again(life, notice.text, at_once=False)
        return why is not None

    def refused(self, life: Life, error: Exception) -> bool:
        """Its request failed, and no notice named it: it has no id, or never left.

        Returns:
            True if it was answered once, and is asked for again in time.
        """
        if life.started is None or not may_pass(error, self._core.errors):
            return False
        self.again(life, str(error), at_once=False)
        return True

    def again(self, life: Life, reason: str, *, at_once: bool = True, gone: bool = True) -> None:
        """Its request is dead, and shall be made again: at once, then after pauses that double.

        Args:
            life: Whose.
            reason: What the gateway said.
            at_once: The first time without a pause.
            gone: The gateway does not know it any more: there is nothing to cancel.
        """
        self.interrupt(life, GapCause.GATEWAY, reason)
        life.dead, life.gone = True, gone
        if at_once and not life.attempts:
            self._redo(life, reason)
            return
        life.attempts = max(life.attempts, 1)
        limit = life.vital.max_silence  # who allows so little silence is not left alone for longer
        longest = LONGEST_PAUSE_S if limit is None else min(limit, LONGEST_PAUSE_S)
        pause = FIRST_PAUSE_S * 2.0 ** min(life.attempts - 1, 16)
        self._look_in(life, min(pause, max(longest, FIRST_PAUSE_S)))

    def over(self, life: Life, reason: str) -> None:
        """It is closed."""
        life.rest()
        self._redoing.drop(life)
        taken = life in self._lives
        self._lives.pop(life, None)
        if life.status is StreamStatus.OVER:
            return
        life.status, life.reason = StreamStatus.OVER, reason
        life.vital.changed()
        if taken:
            now = self._core.clock.now()
            self._tell(life, StreamClosed(time=now, stream=life.name, reason=reason))

    def limited(self, life: Life) -> None:
        """For how long it may be silent has changed."""
        if life.status is StreamStatus.LIVE:
            if life.timer is None:  # else it was limited before, and its silence counts on
                life.since = self._core.clock.monotonic()
            life.rest()
            self._look_at_silence(life)
        elif life.vital.asked and not (life.competing or life.dead or self._blocked(life)):
            left = life.since + self._patience.pause(life) - self._core.clock.monotonic()
            if self._patience.awaits(life):
                self._look_in(life, max(left, 0.0))

    # ---- what the gateway says -------------------------------------------------------------

    def _notice(self, notice: Notice) -> None:
        if notice.code in SERVERS_LOST:
            self._servers_lost = notice.text
            for life in tuple(self._lives):
                self.interrupt(life, GapCause.SERVERS, notice.text)
            return
        if notice.code in {DATA_LOST, DATA_KEPT}:
            self._servers_lost = ""
        for change in self.farms.notice(notice):
            if change.farm.state is FarmState.BROKEN:
                self._broken(change.farm.name, notice.text)
        kind = self.farms.serving_again(notice)
        if notice.code == DATA_KEPT:  # after the other one everything is asked for anew
            self._examine(self._lives, notice.text)
        elif kind is FarmKind.SECURITY_DEFINITION:  # without it nothing can be looked up
            self._examine((one for one in self._lives if one.dead), notice.text)
        elif kind is not None:
            self._examine(
                (one for one in self._lives if any(of.kind is kind for of in one.depends)),
                notice.text,
            )
        elif notice.code == COMPETING_SESSION and notice.req_id < 0:
            for life in tuple(self._lives):
                if any(of.kind is FarmKind.MARKET_DATA for of in life.depends):
                    self._withheld(life, notice.text)

    def _down(self) -> None:
        self._servers_lost = ""
        self.farms.clear()
        self._redoing.clear()
        event, reason = self._core.moves.newest
        if event is Event.DISCONNECT:
            cause = GapCause.STOPPED
        else:
            cause, reason = GapCause.LINK, f"the session ended: {reason}"
        for life in tuple(self._lives):
            life.competing = False
            life.attempts = 0
            self.interrupt(life, cause, reason)

    def _broken(self, farm: str, reason: str) -> None:
        """A farm broke: interrupt what it serves, and look whether anything else falls silent."""
        others: dict[Life, float | None] = {}
        for life in tuple(self._lives):
            if self.farms.serves(farm, life.depends):
                self.interrupt(life, GapCause.FARM, reason, farm)
            elif (
                life.depends and life.status is StreamStatus.LIVE and self._patience.is_lively(life)
            ):
                others[life] = life.vital.received
        if others:
            self._core.clock.call_later(
                self._params.silent_after, self._fell_silent, farm, reason, others
            )

    def _fell_silent(self, farm: str, reason: str, others: dict[Life, float | None]) -> None:
        """What was lively when a farm broke, and is silent since then, was of that farm."""
        if not self.farms.is_broken(farm):
            return
        for life, received in others.items():
            silent = life.status is StreamStatus.LIVE and life.vital.received == received
            if silent and life in self._lives and self.farms.fell_silent(life.depends, farm):
                self.interrupt(life, GapCause.FARM, f"silent since then: {reason}", farm)

    def _withheld(self, life: Life, reason: str) -> None:
        life.competing = True
        self.interrupt(life, GapCause.COMPETING, reason)
        self._look_in(life, self._params.competing_retry)

    # ---- whether it goes on ----------------------------------------------------------------

    def _blocked(self, life: Life) -> str:
        """Why nothing can come now; empty if it can."""
        if self._core.state not in SERVED:
            return "there is no session"
        if self._servers_lost:
            return self._servers_lost
        farm = self.farms.broken_for(life.depends)
        return "" if farm is None else farm.text

    def _lacks(self, life: Life, notice: Notice) -> bool:
        """Whether a refusal says no more than that what it needs is gone."""
        if self._blocked(life):
            return True
        return notice.category == "contract" and self.farms.lacks_definitions()

    def _is_closed(self, contract: Any) -> bool | None:
        return self.closed(contract)

    def _examine(self, lives: Iterable[Life], reason: str) -> None:
        """What had interrupted them is over: see what goes on."""
        for life in tuple(lives):
            waits = life.status is StreamStatus.INTERRUPTED or life.doubtful
            if not waits or not (life.dead or life.vital.asked):
                continue
            if life.competing:
                if life.timer is None:
                    self._look_in(life, self._params.competing_retry)
                continue
            blocked = self._blocked(life)
            if blocked:
                life.reason = blocked
            elif life.dead:
                self._redo(life, reason)
            elif life.timer is None:
                self._expect(life, reason)

    def _expect(self, life: Life, reason: str) -> None:
        """Data may come again: wait for it where it should, and take IB's word where not."""
        life.since = self._core.clock.monotonic()
        if self._patience.worth_another(life):
            life.reason = f"waiting for data: {reason}"
            self._look_in(life, self._patience.pause(life))
        else:
            self._resume(life, reason)

    def _resume(self, life: Life, reason: str) -> None:
        """It goes on, as far as anybody can tell."""
        if life.status is StreamStatus.INTERRUPTED:
            life.vital.resumed()
            self._live(life, reason)
        life.doubtful = False

    def _live(self, life: Life, reason: str) -> None:
        """It is live: by an item, or by IB's word."""
        life.rest()
        self._redoing.drop(life)
        now = self._core.clock.now()
        life.status, life.reason = StreamStatus.LIVE, reason
        life.attempts = 0
        life.doubtful = life.competing = life.dead = life.gone = False
        gap = life.close_gap(now, reason)
        life.vital.changed()
        if life.started is None:
            life.started = now
            self._tell(life, StreamStarted(time=now, stream=life.name))
        if gap is not None:
            self._tell(
                life,
                GapEnded(
                    time=now,
                    stream=life.name,
                    started=gap.started,
                    reason=reason,
                    cause=gap.cause,
                    farm=gap.farm,
                ),
            )
        limit = life.vital.max_silence
        if limit is not None:
            life.since = self._core.clock.monotonic()
            self._look_in(life, limit)

    # ---- looking again ---------------------------------------------------------------------

    def _look_in(self, life: Life, seconds: float) -> None:
        life.rest()
        life.timer = self._core.clock.call_later(seconds, self._due, life)

    def _due(self, life: Life) -> None:
        life.timer = None
        if life in self._lives:
            self._look(life)

    def _look(self, life: Life) -> None:
        """Its time is up: nothing came, or the next silence may begin."""
        if life.status is StreamStatus.LIVE:
            self._look_at_silence(life)
        elif self._blocked(life) or not (life.dead or life.competing or life.vital.asked):
            return  # what blocks it will end, and then it is examined, or asked for by others
        elif life.competing or life.dead:
            self._redo(life, life.reason)
        elif self._patience.worth_another(life):
            silent = self._core.clock.monotonic() - life.since
            self._redo(life, f"silent for {silent:.0f} s")
        else:
            self._resume(life, "asked for, and there is nothing to tell")

    def _look_at_silence(self, life: Life) -> None:
        limit = life.vital.max_silence
        if limit is None:
            return
        heard = life.vital.received
        since = life.since if heard is None else max(heard, life.since)
        left = since + limit - self._core.clock.monotonic()
        if left > 0:
            self._look_in(life, left)
            return
        reason = f"silent for {limit:g} s, longer than it may be"
        self.interrupt(life, GapCause.SILENCE, reason)
        if self._blocked(life) or not life.vital.asked:
            return
        early = life.asked_at + life.apart - self._core.clock.monotonic()
        if early > 0:  # it would be cancelled now, and wait for its turn: it is heard meanwhile
            self._look_in(life, early)
        else:
            self._redo(life, reason)

    def _redo(self, life: Life, reason: str) -> None:
        """Ask for it anew, in its turn."""
        life.rest()
        self._redoing.add(life, reason)

    def _still_silent(self, life: Life) -> bool:
        """Whether it is to be asked for anew: nobody heard it, and nothing else is in the way."""
        lives = life in self._lives and life.status is not StreamStatus.LIVE
        return lives and not self._blocked(life)

    def _tell(self, life: Life, fact: LifeFact) -> None:
        if life.followed:
            self._core.tell(fact)
            life.vital.tell(fact)
