"""One request that goes on, shared by those who hold it (see `streams`)."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Generic, Protocol, TypeVar

import attrs

from twsloop.clock import Arrival, Clock, Timer
from twsloop.events import Notice
from twsloop.session.farms import Dependence, FarmKind

from .life import Life, LifeFact, StreamStatus
from .stream import Stream

__all__ = ["Feed", "StreamPlan"]

T = TypeVar("T")
#: Looked up once: a member of an enumeration costs each item 50 ns more (Python 3.11).
_LIVE = StreamStatus.LIVE


class Desk(Protocol):
    """What a feed needs of those who keep it; loop thread."""

    clock: Clock
    arrival: Arrival

    def live(self, feed: Feed[Any]) -> None:
        """Something has come, for the first time or after a gap."""
        ...

    def expect(self, feed: Feed[Any]) -> None:
        """A part of what is awaited has come, or all of it."""
        ...

    def interrupt(self, feed: Feed[Any], reason: str) -> None:
        """Something may be missing from here on."""
        ...

    def restart(self, feed: Feed[Any], reason: str) -> None:
        """It is to be asked for anew."""
        ...

    def again(self, feed: Feed[Any], reason: str, *, at_once: bool) -> None:
        """The gateway has ended its request: it is to be asked for anew, in time."""
        ...

    def sent(self, feed: Feed[Any]) -> None:
        """Its request has left."""
        ...

    def redo(self, feed: Feed[Any], reason: str) -> None:
        """It is silent: it is to be asked for anew now."""
        ...

    def resumed(self, feed: Feed[Any]) -> None:
        """It goes on where it was."""
        ...

    def refused(self, feed: Feed[Any], error: Exception) -> None:
        """Its request failed."""
        ...

    def over(self, feed: Feed[Any], error: Exception | None) -> None:
        """It ended."""
        ...


@attrs.frozen(kw_only=True)
class StreamPlan:
    """How a slice opens a stream.

    Attributes:
        request: What is asked, in words (``depth of AAPL``), for errors and facts.
        send: Sends the request, given its id; loop thread.
        cancel: Cancels it, given its id; None where IB has no cancel.
        listener: The slice's processor; heard only while a feed of it is open.
        callbacks: The callbacks it hears.
        key: Equal keys share one feed; None is never shared.
        state: Makes the state that the handles share; once for each feed.
        admit: May refuse a new feed, by raising, before anything is sent.
        release: Gives back what ``admit`` took, when the feed is over; called in any thread.
        on_notice: Deals with a notice about the feed; True if nothing else is to be done.
        keep_latest: Items are states, of which only the newest matters.
        has_image: The gateway first sends all there is, and then says so (`Feed.imaged`).
        reset: Clears the state, before the feed is requested anew in a later session.
        deadline: Seconds within which the first item has to come; of an image, each further one.
            A feed that was answered once may wait for longer, in a later session.
        contract: What it is about, where it depends on a data farm.
        farms: The kinds of farms that serve it: all of them are needed.
        quiet: Silence says nothing of it: it tells only what happens seldom.
        rhythm: How often it tells something while its market is open, seconds; 0 where that
            depends on the market.
        answers: Asked for anew, it tells at once how things stand, though nothing happens.
        apart: How far apart two requests for it have to be, seconds, by IB's rule.
    """

    request: str
    send: Callable[[int], object]
    cancel: Callable[[int], object] | None
    listener: object
    callbacks: tuple[str, ...]
    key: Hashable = None
    state: Callable[[], Any] | None = None
    admit: Callable[[Feed[Any]], object] | None = None
    release: Callable[[Feed[Any]], object] | None = None
    on_notice: Callable[[Feed[Any], Notice], bool] | None = None
    keep_latest: bool = False
    has_image: bool = False
    reset: Callable[[Any], object] | None = None
    deadline: float | None = None
    contract: Any = attrs.field(default=None, repr=False)
    farms: tuple[FarmKind, ...] = (FarmKind.MARKET_DATA,)
    quiet: bool = False
    rhythm: float = 0.0
    answers: bool = False
    apart: float = 0.0

    @property
    def depends(self) -> tuple[Dependence, ...]:
        """Which farms may serve it; empty where none does."""
        if self.contract is None:
            return ()
        return tuple(Dependence.of(self.contract, kind) for kind in self.farms)


@attrs.define(eq=False)
class Feed(Generic[T]):
    """One request at the gateway that goes on, and who holds it; loop thread only.

    Attributes:
        plan: How it is asked for.
        state: The slice's own, shared by all handles.
        req_id: Its id in this session; None while it is not requested.
        handles: The streams that hold it, in the order they came.
        sole: The only one of them; None where there are more, or none.
        latest: The newest item.
        received: When that came, in the clock's monotonic seconds.
        error: What ended it.
        notice: The newest notice about it that did not end it.
        waits: Whether its request waits for its turn before it leaves.
        turn: Since when it does, until when, and why (monotonic seconds).
        life: Where it is in its life.
        whole: Whether its image is there (without one: whether anything has come).
        known: Whether it was whole once, in this session or in an earlier one.
    """

    plan: StreamPlan
    _desk: Desk
    state: Any = None
    req_id: int | None = None
    handles: dict[Stream[T], None] = attrs.field(factory=dict)
    sole: Stream[T] | None = None
    latest: T | None = None
    received: float | None = None
    error: Exception | None = None
    notice: Notice | None = None
    waits: bool = False
    turn: tuple[float, float, str] | None = None
    whole: bool = False
    known: bool = False
    timer: Timer | None = None
    life: Life = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        plan = self.plan
        self.life = Life(
            plan.request,
            self,
            depends=plan.depends,
            contract=plan.contract,
            quiet=plan.quiet,
            rhythm=plan.rhythm,
            answers=plan.answers,
            apart=plan.apart,
        )

    @property
    def request(self) -> str:
        """What is asked, in words."""
        return self.plan.request

    def put(self, item: T, key: Hashable = None) -> None:
        """An item came: tell the handles.

        Args:
            item: What they are given.
            key: Where only the newest item waits for a slow callback: the newest of this key.
        """
        desk = self._desk
        self.latest = item
        at = desk.arrival.at
        self.received = desk.clock.monotonic() if at is None else at
        if self.life.status is not _LIVE:
            desk.live(self)
        if self.sole is not None:
            self.sole.deliver(item, key)
        else:
            for handle in tuple(self.handles):
                handle.deliver(item, key)
        if not self.whole:
            self.came()

    def came(self) -> None:
        """An item of the first image was told."""
        if self.plan.has_image:
            self._desk.expect(self)
        else:
            self.imaged()

    def held(self) -> None:
        """Who holds it has changed."""
        handles = tuple(self.handles)
        self.sole = handles[0] if len(handles) == 1 else None

    def imaged(self) -> None:
        """The image is whole, be it empty; what comes from here on are changes."""
        if self.life.status is not StreamStatus.LIVE:
            self._desk.live(self)
        self.whole = self.known = True
        self._desk.expect(self)
        for handle in tuple(self.handles):
            handle.imaged()

    def interrupt(self, reason: str) -> None:
        """Something may be missing from here on, until the next item comes."""
        self._desk.interrupt(self, reason)

    def restart(self, reason: str) -> None:
        """Ask for it anew, under a new id; the handles stay."""
        self._desk.restart(self, reason)

    def again(self, reason: str, *, at_once: bool = True) -> None:
        """The gateway has ended it: ask again, after pauses that double until data comes.

        Args:
            reason: What the gateway said.
            at_once: The first time without a pause.
        """
        self._desk.again(self, reason, at_once=at_once)

    def wait(self, seconds: float, reason: str) -> None:
        """Its request waits for its turn: see `left`.

        Args:
            seconds: How long, as far as is known.
            reason: Why, in words.
        """
        now = self._desk.clock.monotonic()
        since = now if self.turn is None else self.turn[0]
        self.waits, self.turn = True, (since, now + seconds, reason)

    def left(self) -> None:
        """Its request, which had waited for its turn, has left."""
        self.waits, self.turn = False, None
        self._desk.sent(self)

    def refused(self, error: Exception) -> None:
        """Its request failed: it is over, unless it was answered once, and may be again."""
        self._desk.refused(self, error)

    def fail(self, error: Exception) -> None:
        """It is over, because of an error."""
        self._desk.over(self, error)

    def finish(self) -> None:
        """It is over: everything has come."""
        self._desk.over(self, None)

    # ---- its life (see `life.Vital`) -------------------------------------------------------

    @property
    def asked(self) -> bool:
        """Whether its request is at the gateway."""
        return self.req_id is not None and not self.waits

    @property
    def max_silence(self) -> float | None:
        """For how long it may be silent, seconds: the shortest limit of its holders."""
        limits = [handle.max_silence for handle in tuple(self.handles)]
        return min((limit for limit in limits if limit is not None), default=None)

    def redo(self, reason: str) -> None:
        """Ask for it anew."""
        self._desk.redo(self, reason)

    def changed(self) -> None:
        """Tell the handles of its status."""
        for handle in tuple(self.handles):
            handle.tell_status(self.life.status, self.life.reason)

    def resumed(self) -> None:
        """It goes on where it was."""
        self._desk.resumed(self)

    def tell(self, fact: LifeFact) -> None:
        """Tell the handles what happened in its life."""
        for handle in tuple(self.handles):
            handle.tell_life(fact)
