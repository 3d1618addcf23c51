"""Which market data lines are open, and who shares each.

A **line** is what one ``reqMktData`` opens: a contract with its generic ticks. It has one request
id at a time and one `Ticker`. Several subscriptions may hold the same line; the last one to leave
closes it (`LineLedger`). After a reconnect the line gets a new request id and keeps its Ticker.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from twsloop.connection.life import Life
from twsloop.processors.delivery import Delivery
from twsloop.wire.identity import contract_key

from .state import Ticker

__all__ = ["Line", "LineLedger", "line_key"]


def line_key(contract: Any, generic_ticks: str = "") -> Hashable:
    """What makes two requests the same line: the contract as IB would look it up, and the ticks.

    The order and the spacing of the generic ticks do not matter.
    """
    ticks = tuple(sorted({tick.strip() for tick in generic_ticks.split(",") if tick.strip()}))
    return contract_key(contract), ticks


@attrs.define(eq=False)
class Line:
    """One market data line, and who holds it.

    Attributes:
        key: What it is shared by; None for a line that is never shared (a user's snapshot).
        ticker: Its quote.
        generic_ticks: As asked for.
        displaced: It gave its place to another, and may be asked for again.
        routed: What the gateway said to ask for instead (a CFD's underlying), or None.
        snapshot: It ends by itself.
        regulatory: It is a regulatory snapshot, which IB charges for.
        timeout: How long a snapshot may take, seconds; as configured unless given.
        req_id: Its request id in this session; None while it is not requested.
        asked_at: When it was requested, in the clock's monotonic seconds.
        holders: The subscriptions, in the order they came.
        tell: Tells everyone of a tick; None for nobody. Made anew when a holder comes or goes.
        sole: The only one that is told, where that is a program's callback.
        life: Where it is in its life; None for a snapshot, which has none.
    """

    key: Hashable | None
    ticker: Ticker
    generic_ticks: str = ""
    snapshot: bool = False
    regulatory: bool = False
    timeout: float | None = None
    req_id: int | None = None
    asked_at: float = 0.0
    displaced: bool = False
    routed: Any = None
    holders: dict[Any, None] = attrs.field(factory=dict)
    tell: Callable[[Ticker], object] | None = None
    sole: Delivery | None = None
    life: Life | None = None
    #: What IB counts: one instrument is one line, however many requests watch it.
    instrument: Hashable = attrs.field(init=False)

    @instrument.default
    def _instrument(self) -> Hashable:
        return contract_key(self.ticker.contract)

    @property
    def words(self) -> str:
        """What it is, for errors and lists."""
        what = "snapshot" if self.snapshot else "quotes"
        return f"{'regulatory ' if self.regulatory else ''}{what} of {self.ticker.symbol}"

    def tell_all(self, listeners: Sequence[Callable[[Ticker], object]]) -> None:
        """Tell these of each tick, one after the other; loop thread."""
        self.sole = None
        if len(listeners) < 2:
            self.tell = listeners[0] if listeners else None
            owner = getattr(self.tell, "__self__", None)
            self.sole = owner if isinstance(owner, Delivery) else None
            return

        def tell(ticker: Ticker) -> None:
            for listener in listeners:
                listener(ticker)

        self.tell = tell


class LineLedger:
    """Which lines are open, by key and by request id, and who holds each.

    A line lives from its first holder to its last one.
    """

    def __init__(self) -> None:
        self._by_key: dict[Hashable, Line] = {}
        self._by_id: dict[int, Line] = {}
        self._by_instrument: dict[Hashable, dict[Line, None]] = {}
        self._lines: dict[Line, None] = {}

    def __len__(self) -> int:
        return len(self._lines)

    def __contains__(self, line: object) -> bool:
        return line in self._lines

    def __iter__(self) -> Iterator[Line]:
        return iter(tuple(self._lines))

    def find(self, key: Hashable) -> Line | None:
        """The shared line of that key."""
        return self._by_key.get(key)

    def by_id(self, req_id: int) -> Line | None:
        """The line that was requested with that id."""
        return self._by_id.get(req_id)

    @property
    def requested(self) -> Mapping[int, Line]:
        """The lines by their request ids, live; loop thread."""
        return self._by_id

    def words_of(self, req_id: int) -> str | None:
        """What the line that was requested with that id is, in words."""
        line = self._by_id.get(req_id)
        return None if line is None else line.words

    def of(self, instrument: Hashable) -> tuple[Line, ...]:
        """The lines that watch an instrument (`contract_key`), the oldest first."""
        return tuple(self._by_instrument.get(instrument, ()))

    def hold(self, line: Line, holder: Any) -> bool:
        """Let ``holder`` hold a line; True when the line is new and has to be requested."""
        line.holders[holder] = None
        if line in self._lines:
            return False
        self._lines[line] = None
        self._by_instrument.setdefault(line.instrument, {})[line] = None
        if line.key is not None:
            self._by_key[line.key] = line
        return True

    def unshare(self, line: Line) -> None:
        """Let nobody join a line any more; those who hold it keep it."""
        if line.key is not None and self._by_key.get(line.key) is line:
            del self._by_key[line.key]

    def assign(self, line: Line, req_id: int | None) -> int | None:
        """Give a line its request id for this session, or take it; the one it had is returned."""
        before = line.req_id
        if before is not None:
            self._by_id.pop(before, None)
        line.req_id = req_id
        if req_id is not None:
            self._by_id[req_id] = line
        return before

    def release(self, line: Line, holder: Any) -> bool:
        """Let go of a line; True when that was its last holder, and it is closed."""
        if holder not in line.holders:
            return False
        del line.holders[holder]
        if line.holders:
            return False
        self.close(line)
        return True

    def close(self, line: Line) -> None:
        """Forget a line that ended; its holders keep its ticker, but not the line."""
        self._lines.pop(line, None)
        watched = self._by_instrument.get(line.instrument, {})
        watched.pop(line, None)
        if not watched:
            self._by_instrument.pop(line.instrument, None)
        self.unshare(line)
        self.assign(line, None)
