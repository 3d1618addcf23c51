"""Is anybody there? Any inbound byte is life; after silence we ask, and then we judge.

A TCP link whose other end is gone without a word looks healthy for minutes: writes succeed into
buffers, reads wait. So silence is measured on the monotonic clock, a question (reqCurrentTime) is
asked when it has lasted, and when even that brings no byte in time the link counts as dead. A link
may also be dead in one direction: then bytes come, but no answer (`twsloop.session.liveness`).
"""

from __future__ import annotations

from collections.abc import Callable

from twsloop.clock import Clock, Timer
from twsloop.events import Fact, HeartbeatMissed, HeartbeatRestored
from twsloop.session.liveness import Liveness, Verdict

__all__ = ["HeartbeatMonitor"]

#: So many turns of the loop pass before a link is given up: a loop that was held looks at its
#: timers before its sockets (uvloop also calls what is due at once before it reads: so two).
TURNS = 2


class HeartbeatMonitor:
    """Watches one link; on its loop's thread only.

    Args:
        clock: For time and timers.
        silence: How long the link may be silent before it is asked, seconds.
        deadline: How long any byte may take then, seconds.
        probe: Asks the gateway something that it answers.
        on_dead: Told once, with the seconds of silence, when the link is dead.
        on_deaf: Told once, with the seconds since the question, when it was not answered although
            bytes came. The question is then asked even while bytes come. Unless given, any byte is
            answer enough.
        half: Whether a message has been half there for a while, so that an answer would come late.
        on_fact: Told of HeartbeatMissed and HeartbeatRestored.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        silence: float,
        deadline: float,
        probe: Callable[[], object],
        on_dead: Callable[[float], object],
        on_deaf: Callable[[float], object] | None = None,
        half: Callable[[], bool] | None = None,
        on_fact: Callable[[Fact], object] | None = None,
    ) -> None:
        self._clock = clock
        self._silence = silence
        self._deadline = deadline
        self._probe = probe
        self._on_dead = on_dead
        self._on_deaf = on_deaf
        self._half = half
        self._on_fact = on_fact
        self._life: Liveness | None = None
        self._timer: Timer | None = None
        self._missed = False

    @property
    def monitoring(self) -> bool:
        """Whether it watches."""
        return self._life is not None

    @property
    def silent_for(self) -> float:
        """Seconds since the last byte; 0 when it does not watch."""
        return 0.0 if self._life is None else self._clock.monotonic() - self._life.last_life

    def start_monitoring(self) -> None:
        """Watch from now on; again from now on if it watched already."""
        self.stop_monitoring()
        now = self._clock.monotonic()
        answers = self._on_deaf is not None
        self._life = Liveness(self._silence, self._deadline, now, answers=answers)
        self._arm(self._life)

    def stop_monitoring(self) -> None:
        """Watch no more; nothing happens if it did not."""
        self._life = None
        self._missed = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def heartbeat_received(self) -> None:
        """A byte came in; cheap, as the timer stands as it is and looks anew when it fires."""
        life = self._life
        if life is None:
            return
        now = self._clock.monotonic()
        silent = now - life.last_life
        life.heard(now)
        if self._missed:
            self._missed = False
            self._tell(HeartbeatRestored(time=self._clock.now(), silence=silent))
            if life is self._life:  # whoever was told may have stopped it
                self._arm(life)

    def answer_received(self) -> None:
        """The question, or one like it, was answered: what we write arrives."""
        if self._life is not None:
            asked = self._life.asked_at is not None
            self._life.answered(self._clock.monotonic())
            if asked:
                self._arm(self._life)

    def worked(self, seconds: float) -> None:
        """Handing over what one read brought took so long."""
        if self._life is not None:
            self._life.worked(seconds)

    def _arm(self, life: Liveness) -> None:
        if self._timer is not None:
            self._timer.cancel()  # an answer may have come within the question itself
        delay = life.next_look(self._clock.monotonic())
        self._timer = self._clock.call_later(delay, self._look, life)

    def _look(self, life: Liveness, turns: int = TURNS) -> None:
        if life is not self._life:
            return  # a timer of a watch that has ended
        now = self._clock.monotonic()
        verdict = life.look(now, half=self._half is not None and self._half())
        if verdict in {Verdict.DEAD, Verdict.DEAF} and turns:
            # What has come meanwhile is read first.
            self._timer = self._clock.call_later(0.0, self._look, life, turns - 1)
            return
        if verdict is Verdict.DEAD:
            silence, missed = now - life.last_life, self._missed
            self.stop_monitoring()
            if not missed:  # it was asked while bytes came, and they ceased after that
                self._tell(HeartbeatMissed(time=self._clock.now(), silence=silence))
            self._on_dead(silence)
            return
        if verdict is Verdict.DEAF and self._on_deaf is not None:
            asked = life.asked_at
            self.stop_monitoring()
            self._on_deaf(0.0 if asked is None else now - asked)
            return
        if verdict is Verdict.PROBE:
            silent = self._on_deaf is None or now >= life.last_life + self._silence
            if silent and not self._missed:
                self._missed = True
                silence = now - life.last_life
                self._tell(HeartbeatMissed(time=self._clock.now(), silence=silence))
        try:
            if verdict is Verdict.PROBE and life is self._life:
                self._probe()
        finally:  # a question that cannot be asked must not end the watch
            if life is self._life:
                self._arm(life)

    def _tell(self, fact: Fact) -> None:
        if self._on_fact is not None:
            self._on_fact(fact)
