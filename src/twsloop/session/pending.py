"""Requests that wait for their answers.

Two kinds. A request with an id is found by it, and any number may be under way. A request without
one (positions, open orders, ...) is answered by callbacks that name nobody, up to an end marker: so
one may be under way for each end marker, and the next ones queue behind it. A user's raw call takes
its place in that same queue, so that we always know whose answer is coming in. The next one of a
queue takes its turn only when the caller asks for it (`PendingTable.promote`): the end marker that
ended one request must not find the next one there already, and end it, too.

A request whose waiter has left is not forgotten when its answer cannot be cancelled: its parts are
on their way, and would be taken for the next one's. It stays, without a waiter, until they are in.

Pure: the caller brings the time, sends what it is told may be sent, and hands over the outcomes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import attrs

__all__ = ["Gathering", "Pending", "PendingTable"]

#: A request's id, or the name of the end marker that answers a request without one.
Key = int | str


class Gathering(Protocol):
    """What keeps the parts of an answer: a list, or who makes of them what is wanted."""

    def extend(self, items: Sequence[Any], /) -> None:
        """Some have come."""
        ...


@attrs.define(eq=False)
class Pending:
    """One request.

    Attributes:
        key: Its id, or its end marker's name.
        request: What was asked, in words.
        timeout: Seconds within which the answer, and then each further part, has to come.
        raw: Whether a user's own raw call made it; then its answer is everybody's.
        gathers: Whether the parts of its answer are kept. Those of a raw call never are.
        token: The caller's own handle for it.
        parts: What came so far, if it is kept.
        due: When it times out; None before it was sent.
        left_at: When it was handed to the socket; None while it waits for that.
        since: When it was taken in.
        first_at: When the first part of its answer came; None before.
        over: Whether it was answered, failed, or given up.
        repeats: How often it was asked again.
    """

    key: Key
    request: str
    timeout: float
    raw: bool = False
    gathers: bool = True
    token: Any = None
    parts: Gathering = attrs.Factory(list)
    due: float | None = None
    left_at: float | None = None
    since: float = 0.0
    first_at: float | None = None
    over: bool = False
    repeats: int = 0


class PendingTable:
    """All requests under way, and the queues of those that wait for their turn."""

    def __init__(self) -> None:
        self._by_key: dict[Key, Pending] = {}
        self._waiting: dict[str, deque[Pending]] = {}

    def __len__(self) -> int:
        """How many are under way or wait for their turn."""
        return len(self._by_key) + sum(len(queue) for queue in self._waiting.values())

    def __contains__(self, key: Key) -> bool:
        """Whether a request of this key is under way."""
        return key in self._by_key

    def add(self, pending: Pending) -> bool:
        """Take a request in.

        Returns:
            True if it may be sent now, False if it queues behind another of its key.

        Raises:
            ValueError: A request with this id is under way.
        """
        queued = isinstance(pending.key, str) and self._waiting.get(pending.key)
        if pending.key not in self._by_key and not queued:
            self._by_key[pending.key] = pending
            return True
        if isinstance(pending.key, int):
            msg = f"request id {pending.key} is in use"
            raise ValueError(msg)
        self._waiting.setdefault(pending.key, deque()).append(pending)
        return False

    def left(self, pending: Pending, now: float) -> None:
        """It was handed to the socket: the deadline of its answer starts."""
        pending.left_at = now
        pending.due = now + pending.timeout

    def queued(self, pending: Pending, now: float, limit: float) -> None:
        """It waits for its turn to leave: it may do so for ``limit`` seconds."""
        pending.due = now + limit

    def get(self, key: Key) -> Pending | None:
        """The request under way with this key."""
        return self._by_key.get(key)

    def part(self, key: Key, item: Any, now: float) -> bool:
        """A part of an answer came: keep it, if that is wanted, and renew the deadline.

        Returns:
            False if nobody waits for it.
        """
        return self.parts(key, (item,), now)

    def parts(self, key: Key, items: Sequence[Any], now: float) -> bool:
        """Several parts of an answer came; as `part`."""
        pending = self._by_key.get(key)
        if pending is None:
            return False
        if pending.gathers and not pending.raw:
            pending.parts.extend(items)
        if pending.first_at is None:
            pending.first_at = now
        pending.due = now + pending.timeout
        return True

    def end(self, key: Key) -> Pending | None:
        """The request of this key is over; None if none was under way."""
        return self._by_key.pop(key, None)

    def drop(self, pending: Pending) -> bool:
        """Forget a request, wherever it stands.

        Returns:
            True if it was under way, False if it waited for its turn or was over already.
        """
        if self._by_key.get(pending.key) is pending:
            del self._by_key[pending.key]
            return True
        queue = self._waiting.get(pending.key) if isinstance(pending.key, str) else None
        if queue is not None and pending in queue:
            queue.remove(pending)
            self._tidy(pending.key)
        return False

    def promote(self, key: Key) -> Pending | None:
        """The next one of a key whose turn it is now, if nothing of that key is under way."""
        queue = self._waiting.get(key) if isinstance(key, str) else None
        if not queue or key in self._by_key:
            return None
        pending = queue.popleft()
        self._tidy(key)
        self._by_key[key] = pending
        return pending

    def rekey(self, pending: Pending, key: int) -> None:
        """A request under way is asked again, under another id."""
        if self._by_key.get(pending.key) is pending:
            del self._by_key[pending.key]
        pending.key, pending.left_at, pending.due = key, None, None
        self._by_key[key] = pending

    def queues(self) -> dict[str, tuple[Pending, ...]]:
        """Those that wait for their turn, by end marker, in order."""
        return {key: tuple(queue) for key, queue in list(self._waiting.items())}

    def waiting(self, key: Key) -> tuple[Pending, ...]:
        """Those that wait for their turn, in order."""
        return tuple(self._waiting.get(key, ())) if isinstance(key, str) else ()

    def under_way(self) -> list[Pending]:
        """Those that were sent, or are being sent."""
        return list(self._by_key.values())

    def expired(self, now: float) -> list[Pending]:
        """Those under way whose deadline has passed; they stay until `drop` or `end`."""
        return [
            pending
            for pending in self._by_key.values()
            if pending.due is not None and pending.due <= now
        ]

    def next_due(self) -> float | None:
        """When the first deadline passes; None if none runs."""
        return min(
            (pending.due for pending in self._by_key.values() if pending.due is not None),
            default=None,
        )

    def clear(self) -> list[Pending]:
        """Forget all; what was under way or waited."""
        everything = list(self._everything())
        self._by_key.clear()
        self._waiting.clear()
        return everything

    def _everything(self) -> Iterator[Pending]:
        yield from self._by_key.values()
        for queue in self._waiting.values():
            yield from queue

    def _tidy(self, key: Key) -> None:
        if isinstance(key, str) and not self._waiting.get(key):
            self._waiting.pop(key, None)
