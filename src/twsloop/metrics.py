"""Counters and gauges: small numbers about what runs, read all at once by `Metrics.snapshot`.

A counter only grows; a gauge is what it is now, either set by its owner or asked for when somebody
looks. Counting is safe from any thread: each number has a lock of its own, which costs about 0.1
microseconds. Where even that is too much (per tick), the owner keeps a plain integer and hands a
function to `Metrics.watch`, which is called only by `snapshot`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

__all__ = ["Counter", "Gauge", "Metrics"]

Number = int | float


class Counter:
    """A number that only grows."""

    __slots__ = ("_lock", "_value", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._value = 0
        self._lock = threading.Lock()

    @property
    def value(self) -> int:
        """How much was counted."""
        return self._value

    def add(self, count: int = 1) -> None:
        """Count ``count`` more.

        Raises:
            ValueError: ``count`` is negative.
        """
        if count < 0:
            msg = f"{self.name} is a counter; it does not go back (by {count})"
            raise ValueError(msg)
        with self._lock:
            self._value += count


class Gauge:
    """A number that goes up and down."""

    __slots__ = ("_lock", "_value", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._value: Number = 0
        self._lock = threading.Lock()

    @property
    def value(self) -> Number:
        """What it is now."""
        return self._value

    def set(self, value: Number) -> None:
        """It is ``value`` now."""
        with self._lock:
            self._value = value

    def add(self, change: Number) -> None:
        """It changes by ``change``."""
        with self._lock:
            self._value += change

    def peak(self, value: Number) -> None:
        """It is ``value`` now if that is more than it was."""
        with self._lock:
            self._value = max(self._value, value)


_Kind = TypeVar("_Kind", Counter, Gauge)


class Metrics:
    """The numbers of one connection, by name (``ticks.received``)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Counter | Gauge | Callable[[], Number]] = {}

    def counter(self, name: str) -> Counter:
        """The counter of that name; made when it is first asked for.

        Raises:
            ValueError: The name belongs to another kind of number.
        """
        return self._get(name, Counter)

    def gauge(self, name: str) -> Gauge:
        """The gauge of that name; made when it is first asked for.

        Raises:
            ValueError: The name belongs to another kind of number.
        """
        return self._get(name, Gauge)

    def watch(self, name: str, read: Callable[[], Number]) -> None:
        """Ask ``read`` for the number whenever somebody looks; a later one replaces it.

        Raises:
            ValueError: The name belongs to a counter or a gauge.
        """
        with self._lock:
            known = self._known.get(name)
            if isinstance(known, (Counter, Gauge)):
                raise ValueError(_taken(name, known))
            self._known[name] = read

    def snapshot(self) -> dict[str, Number]:
        """All numbers, sorted by name; a watched one that cannot be read is left out."""
        with self._lock:
            known = sorted(self._known.items())
        numbers: dict[str, Number] = {}
        for name, metric in known:
            if isinstance(metric, (Counter, Gauge)):
                numbers[name] = metric.value
                continue
            try:
                numbers[name] = metric()
            except Exception:  # noqa: BLE001, S112  (its owner is being torn down; others count on)
                continue
        return numbers

    def _get(self, name: str, kind: type[_Kind]) -> _Kind:
        """The metric of that name and kind."""
        with self._lock:
            known = self._known.get(name)
            if known is None:
                known = self._known[name] = kind(name)
            if not isinstance(known, kind):
                raise ValueError(_taken(name, known))
            return known


def _taken(name: str, known: object) -> str:
    """What to say when a name is used for two kinds of number."""
    kind = type(known).__name__.lower() if isinstance(known, (Counter, Gauge)) else "watched number"
    return f"{name} is a {kind} already"
