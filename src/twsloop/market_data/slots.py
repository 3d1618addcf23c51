"""What of IB's limited places is taken, by whom, and what a further request is told (pure).

IB gives a login so many market data lines, depth books and tick-by-tick streams at a time:

============  ===================================  ==========================================
pool          counted                              over it IB says
============  ===================================  ==========================================
lines         instruments with quotes, however     101 Max number of tickers has been reached
              many watch one; each stream of
              real-time bars by itself
depth         instruments with a book              309 Max number (3) of market depth ...
tick_by_tick  streams; and one request for an      10190 Max number of tick-by-tick ...
              instrument in 15 seconds
============  ===================================  ==========================================

`Slots` is the ledger of one connection. What would not fit is refused here, before IB refuses it,
with the names of those who hold the places. What holds a place for a moment only (a snapshot) gives
way to what stays, and what has its answer gives way to anything (`Claim`). A program's own calls
(``reqMktData`` and its like) are counted beside ours, and never refused here: IB decides on those.

The limits are settings, because IB tells nobody what an account has. Where IB refuses below them,
because another program of the same login holds the rest, that is remembered for a minute; where its
text names the number (309 does), for good.

Sources: IBKR Campus, chapters 11, 18 and 22; domain.md b.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

import attrs

from twsloop.clock import Clock
from twsloop.errors import SlotsExhausted

__all__ = ["DEFAULT_LIMITS", "REFUSALS", "Claim", "Pool", "Slot", "Slots", "Usage"]


class Pool(StrEnum):
    """What there is only so much of; the words are the keys of ``[market_data]``."""

    LINES = "lines"
    DEPTH = "depth"
    TICK_BY_TICK = "tick_by_tick"


class Claim(IntEnum):
    """How much a place is needed: where none is left, the smaller gives way to the greater."""

    IDLE = 0
    """Not any more; it ends by itself."""
    SHORT = 1
    """For a moment, and it could be asked for again."""
    FIRM = 2


#: What IB calls them in its texts.
_WORDS = {
    Pool.LINES: "market data lines",
    Pool.DEPTH: "depth books",
    Pool.TICK_BY_TICK: "tick-by-tick streams",
}
#: What every account has (domain.md b).
DEFAULT_LIMITS: Mapping[Pool, int] = {Pool.LINES: 100, Pool.DEPTH: 3, Pool.TICK_BY_TICK: 5}
#: IB's refusal of one too many -> its pool.
REFUSALS: Mapping[int, Pool] = {101: Pool.LINES, 309: Pool.DEPTH, 10190: Pool.TICK_BY_TICK}
_CODES = {pool: code for code, pool in REFUSALS.items()}
#: How long a limit counts that IB was seen to hold without naming it, seconds. Another program of
#: the login may end meanwhile.
LEARNT_FOR = 60.0
#: One tick-by-tick request for an instrument in so many seconds (IBKR Campus, chapter 22). IB
#: refuses a hasty one with the very code of the limit, so that such a refusal teaches nothing.
HASTE = 15.0
_NUMBER = re.compile(r"\((\d+)\)")


@attrs.frozen(kw_only=True)
class Slot:
    """One place that is taken.

    Attributes:
        pool: Of what.
        symbol: The instrument, as one would type it.
        holder: What holds it, in words: ``quotes of AAPL``, ``your reqMktData 7``.
        since: When it was taken, UTC.
        instrument: What is counted once, however often it is held; None counts by itself.
        own_call: A program's own call of EClient holds it.
        claim: How much it is needed.
    """

    pool: Pool
    symbol: str
    holder: str
    since: datetime
    instrument: Hashable = attrs.field(default=None, repr=False)
    own_call: bool = False
    claim: Claim = attrs.field(default=Claim.FIRM, repr=False)


@attrs.frozen
class Usage:
    """How full a pool is.

    Attributes:
        pool: Which.
        used: Places taken, counted as IB counts them.
        limit: Places there are.
        learnt: The limit is IB's word, and below the setting.
        slots: Who holds them; several may share one place.
    """

    pool: Pool
    used: int
    limit: int
    learnt: bool
    slots: tuple[Slot, ...]

    @property
    def free(self) -> int:
        """Places left."""
        return max(self.limit - self.used, 0)


class Slots:
    """The ledger. Iterating it gives the `Slot` rows, the oldest first.

    Args:
        clock: Stamps the rows.
        limits: Places by pool, as configured.
        lock: Held while it changes, where several threads take and give.
    """

    def __init__(
        self,
        clock: Clock,
        limits: Mapping[Pool, int] = DEFAULT_LIMITS,
        lock: AbstractContextManager[Any] | None = None,
    ) -> None:
        self._lock = nullcontext() if lock is None else lock
        self._clock = clock
        self._limits = {pool: limits[pool] for pool in Pool}
        self._slots: dict[Hashable, Slot] = {}
        #: What is counted once -> how many hold it.
        self._counted: dict[Pool, Counter[Hashable]] = {pool: Counter() for pool in Pool}
        #: Pool -> places, and until when that counts (None: for good).
        self._learnt: dict[Pool, tuple[int, float | None]] = {}
        self._asked: dict[Hashable, float] = {}
        self._hasty_until = 0.0
        #: Told of each that had to give way; from the thread of whoever took its place.
        self.on_displaced: Callable[[Hashable], object] = lambda token: None

    # ---- who holds what ------------------------------------------------------------------

    def __iter__(self) -> Iterator[Slot]:
        return iter(tuple(self._slots.values()))

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, token: Hashable) -> bool:
        """Whether something holds a place."""
        return token in self._slots

    def usage(self, pool: Pool | str) -> Usage:
        """How full a pool is.

        Args:
            pool: ``lines``, ``depth`` or ``tick_by_tick``.

        Raises:
            ValueError: There is no such pool.
        """
        pool = Pool(pool)
        slots = tuple(slot for slot in self if slot.pool is pool)
        limit = self._limit(pool)
        used = len(self._counted[pool])
        return Usage(pool, used, limit, limit < self._limits[pool], slots)

    def free(self, pool: Pool) -> int:
        """Places left in a pool."""
        return max(self._limit(pool) - len(self._counted[pool]), 0)

    def has_room(self, pool: Pool, instrument: Hashable = None, claim: Claim = Claim.FIRM) -> bool:
        """Whether there is a place: free, shared, or held by what would give way."""
        with self._lock:
            shared = instrument is not None and ("shared", instrument) in self._counted[pool]
            return shared or self.free(pool) > 0 or self._weakest(pool, claim) is not None

    # ---- taking and giving ---------------------------------------------------------------

    def take(
        self,
        token: Hashable,
        pool: Pool,
        *,
        symbol: str,
        holder: str,
        instrument: Hashable = None,
        own_call: bool = False,
        claim: Claim = Claim.FIRM,
    ) -> Slot:
        """Take a place; one that is taken already stays as it is.

        Args:
            token: By which it is given back: whatever holds it.
            pool: Of what.
            symbol: The instrument, as one would type it.
            holder: What holds it, in words; the refusals of others name it.
            instrument: What is counted once, however often it is held; None counts by itself.
            own_call: A program's own call, which is counted, and never refused.
            claim: How much it is needed; those with a smaller claim give way.

        Raises:
            SlotsExhausted: All are taken; the error names the holders.
        """
        wanted = Slot(
            pool=pool,
            symbol=symbol,
            holder=holder,
            since=self._clock.now(),
            instrument=instrument,
            own_call=own_call,
            claim=claim,
        )
        displaced: list[Hashable] = []
        try:
            with self._lock:
                return self._take(token, wanted, displaced)
        finally:
            for one in displaced:
                self.on_displaced(one)

    def lower(self, token: Hashable, claim: Claim) -> None:
        """What holds a place needs it less than before."""
        with self._lock:
            slot = self._slots.get(token)
            if slot is not None:
                self._slots[token] = attrs.evolve(slot, claim=claim)

    def give(self, token: Hashable) -> None:
        """Give a place back; nothing happens if it is not taken."""
        with self._lock:
            self._give(token)

    def give_own_calls(self) -> None:
        """The session ended, and a program's own requests with it."""
        with self._lock:
            for token in [token for token, slot in self._slots.items() if slot.own_call]:
                self._give(token)

    def learn(self, code: int | None, text: str = "", token: Hashable = None) -> None:
        """IB said something: if it refused one too many, the others are what there is.

        Args:
            code: IB's code; those outside `REFUSALS` teach nothing.
            text: IB's text, which may name the number.
            token: What was refused, if it still holds its place.
        """
        pool = REFUSALS.get(-1 if code is None else code)
        if pool is None:
            return
        named = _NUMBER.search(text)
        if named is not None:
            self._learnt[pool] = int(named[1]), None
            return
        now = self._clock.monotonic()
        if pool is Pool.TICK_BY_TICK and now < self._hasty_until:
            return
        with self._lock:
            others, refused = len(self._counted[pool]), self._slots.get(token)
            if refused is not None and self._counted[pool][_key(token, refused)] == 1:
                others -= 1
            self._learnt[pool] = others, now + LEARNT_FOR

    # ---- inside --------------------------------------------------------------------------

    def _take(self, token: Hashable, wanted: Slot, displaced: list[Hashable]) -> Slot:
        held = self._slots.get(token)
        if held is not None:
            return held
        pool, key = wanted.pool, _key(token, wanted)
        counted = self._counted[pool]
        while not (key in counted or wanted.own_call or self.free(pool)):
            weakest = self._weakest(pool, wanted.claim)
            if weakest is None:
                raise self._refusal(self.usage(pool), wanted.holder)
            self._give(weakest)
            displaced.append(weakest)
        if pool is Pool.TICK_BY_TICK and wanted.instrument is not None:
            self._note_haste(wanted.instrument)
        self._slots[token] = wanted
        counted[key] += 1
        return wanted

    def _weakest(self, pool: Pool, claim: Claim) -> Hashable:
        """What is to give way to a claim, and would free a place by it; None if nothing would."""
        counted = self._counted[pool]
        weaker = [
            (slot.claim, token)
            for token, slot in self._slots.items()
            if slot.pool is pool and slot.claim < claim and counted[_key(token, slot)] == 1
        ]
        idle = [token for need, token in weaker if need is Claim.IDLE]
        # The oldest of those that are done; of the others the one that has waited least.
        return idle[0] if idle else weaker[-1][1] if weaker else None

    def _give(self, token: Hashable) -> None:
        slot = self._slots.pop(token, None)
        if slot is None:
            return
        counted, key = self._counted[slot.pool], _key(token, slot)
        counted[key] -= 1
        if not counted[key]:
            del counted[key]

    def _limit(self, pool: Pool) -> int:
        configured = self._limits[pool]
        learnt, until = self._learnt.get(pool, (configured, None))
        if until is not None and self._clock.monotonic() >= until:
            return configured
        return min(learnt, configured)

    def _note_haste(self, instrument: Hashable) -> None:
        now = self._clock.monotonic()
        self._asked = {one: at for one, at in self._asked.items() if at > now - HASTE}
        if instrument in self._asked:
            self._hasty_until = now + HASTE
        self._asked[instrument] = now

    def _refusal(self, usage: Usage, holder: str) -> SlotsExhausted:
        pool = usage.pool
        why = (
            f"IB allows this program {usage.limit} of the {self._limits[pool]} configured now"
            if usage.learnt
            else f"[market_data] {pool} = {usage.limit}"
        )
        return SlotsExhausted(
            f"all {usage.limit} {_WORDS[pool]} are taken ({why}); cancel one, or raise the "
            "setting if your account has more",
            code=_CODES[pool],
            request=holder,
            category="market_data",
            holders=tuple(slot.holder for slot in usage.slots),
        )


def _key(token: Hashable, slot: Slot) -> Hashable:
    """What of a slot is counted once."""
    return ("alone", token) if slot.instrument is None else ("shared", slot.instrument)
