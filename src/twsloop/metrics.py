"""Counters, gauges and histograms: small numbers about what runs.

A counter only grows; a gauge is what it is now, either set by its owner or asked for when somebody
looks. Counting is safe from any thread: each number has a lock of its own, which costs about 0.1
microseconds. Where even that is too much (per tick), the owner keeps a plain integer and hands a
function to `Metrics.watch`, which is called only by `snapshot`.

A histogram keeps how long something took, without keeping each: it counts in buckets whose width
grows with the value (`bucket_of`), so that one of a microsecond and one of an hour are both known
to an eighth of themselves, in a few hundred integers at most. What was gathered is read as a
`Distribution`, which is immutable, can be added to another one, and estimates percentiles.
"""

from __future__ import annotations

import math
import threading
from collections import Counter as Tally
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

import attrs

__all__ = [
    "Counter",
    "Distribution",
    "Gauge",
    "Histogram",
    "Metrics",
    "Traffic",
    "bounds_of",
    "bucket_of",
]

Number = int | float

#: Buckets within one doubling of the value: each is at most an eighth of its lower end wide.
STEPS = 8
#: Below 2 ** LOWEST seconds (a microsecond) everything is in bucket 0; from 2 ** HIGHEST (36 hours)
#: on in the last one.
LOWEST, HIGHEST = -20, 17
LAST_BUCKET = (HIGHEST - LOWEST) * STEPS + 1
#: What `Distribution.as_dict` tells of a distribution, in percent.
PERCENTILES = (50, 90, 99)


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


def bucket_of(value: float) -> int:
    """The bucket that a value is counted in; one below nothing counts as nothing."""
    if value < 2.0**LOWEST:
        return 0
    if value >= 2.0**HIGHEST:
        return LAST_BUCKET
    fraction, exponent = math.frexp(value)  # value = fraction * 2 ** exponent, 0.5 <= fraction < 1
    return (exponent - 1 - LOWEST) * STEPS + int((fraction * 2 - 1) * STEPS) + 1


def bounds_of(bucket: int) -> tuple[float, float]:
    """What a bucket holds: from the first value on, below the second."""
    if bucket <= 0:
        return 0.0, 2.0**LOWEST
    if bucket >= LAST_BUCKET:
        return 2.0**HIGHEST, math.inf
    doubling, step = divmod(bucket - 1, STEPS)
    base = 2.0 ** (doubling + LOWEST)
    return base * (1 + step / STEPS), base * (1 + (step + 1) / STEPS)


@attrs.frozen
class Distribution:
    """What a histogram has gathered.

    Attributes:
        count: How many values.
        total: Their sum.
        low: The lowest; None of none.
        high: The highest; None of none.
        buckets: How many values each bucket (`bucket_of`) has; those with none are left out.
    """

    count: int = 0
    total: float = 0.0
    low: float | None = None
    high: float | None = None
    buckets: Mapping[int, int] = attrs.field(factory=dict, repr=False)

    @property
    def mean(self) -> float | None:
        """The average; None of none."""
        return self.total / self.count if self.count else None

    def percentile(self, percent: float) -> float | None:
        """The value that so many percent do not exceed; None of none.

        It is never below the true one, and at most an eighth above it (or a microsecond, or what
        the highest value is: that, and the lowest, are exact).

        Raises:
            ValueError: Not between 0 and 100.
        """
        if not 0 <= percent <= 100:
            msg = f"a percentile is between 0 and 100, and not {percent}"
            raise ValueError(msg)
        if self.low is None or self.high is None:
            return None
        if percent == 0:
            return self.low
        rank, seen = math.ceil(self.count * percent / 100), 0
        for bucket, count in sorted(self.buckets.items()):
            seen += count
            if seen >= rank:
                return max(self.low, min(bounds_of(bucket)[1], self.high))
        return self.high

    def __add__(self, other: Distribution) -> Distribution:
        """Both together."""
        if not isinstance(other, Distribution):
            return NotImplemented
        return Distribution(
            self.count + other.count,
            self.total + other.total,
            min((one for one in (self.low, other.low) if one is not None), default=None),
            max((one for one in (self.high, other.high) if one is not None), default=None),
            MappingProxyType(dict(Tally(self.buckets) + Tally(other.buckets))),
        )

    def as_dict(self) -> dict[str, Any]:
        """Count, mean, lowest, highest and the usual percentiles, in the unit of the values."""
        found: dict[str, Any] = {"count": self.count, "mean": self.mean, "min": self.low}
        found |= {f"p{percent}": self.percentile(percent) for percent in PERCENTILES}
        return {**found, "max": self.high}


class Histogram:
    """Gathers values; from any thread."""

    __slots__ = ("_buckets", "_high", "_lock", "_low", "_total", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._buckets: dict[int, int] = {}
        self._total = 0.0
        self._low = math.inf
        self._high = 0.0
        self._lock = threading.Lock()

    def record(self, value: float) -> None:
        """Count one; what is below nothing counts as nothing.

        Raises:
            ValueError: It is no number.
        """
        if math.isnan(value):
            msg = f"{self.name} cannot count what is no number"
            raise ValueError(msg)
        value = max(value, 0.0)
        bucket = bucket_of(value)
        with self._lock:
            self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
            self._total += value
            self._low = min(self._low, value)
            self._high = max(self._high, value)

    def read(self) -> Distribution:
        """What was gathered so far."""
        with self._lock:
            buckets = dict(self._buckets)
            total, low, high = self._total, self._low, self._high
        count = sum(buckets.values())
        if not count:
            return Distribution()
        return Distribution(count, total, low, high, MappingProxyType(buckets))


@attrs.define
class Traffic:
    """What passed over the links of a connection: plain integers of the loop thread.

    Attributes:
        bytes_in: Bytes read.
        bytes_out: Bytes handed to the socket.
        messages_in: Messages read.
        messages_out: Messages handed to the socket.
    """

    bytes_in: int = 0
    bytes_out: int = 0
    messages_in: int = 0
    messages_out: int = 0


_Kind = TypeVar("_Kind", Counter, Gauge, Histogram)


_METRICS = (Counter, Gauge, Histogram)
_Metric = Counter | Gauge | Histogram


class Metrics:
    """The numbers of one connection, by name (``ticks.received``)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, _Metric | Callable[[], Number]] = {}

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

    def histogram(self, name: str) -> Histogram:
        """The histogram of that name; made when it is first asked for.

        Raises:
            ValueError: The name belongs to another kind of number.
        """
        return self._get(name, Histogram)

    def watch(self, name: str, read: Callable[[], Number]) -> None:
        """Ask ``read`` for the number whenever somebody looks; a later one replaces it.

        Raises:
            ValueError: The name belongs to a counter, a gauge or a histogram.
        """
        with self._lock:
            known = self._known.get(name)
            if isinstance(known, _METRICS):
                raise ValueError(_taken(name, known))
            self._known[name] = read

    def snapshot(self) -> dict[str, Number]:
        """All numbers, sorted by name; a watched one that cannot be read is left out.

        What histograms have gathered is read by `distributions`.
        """
        with self._lock:
            known = sorted(self._known.items())
        numbers: dict[str, Number] = {}
        for name, metric in known:
            if isinstance(metric, Histogram):
                continue
            if isinstance(metric, (Counter, Gauge)):
                numbers[name] = metric.value
                continue
            try:
                numbers[name] = metric()
            except Exception:  # noqa: BLE001, S112  (its owner is being torn down; others count on)
                continue
        return numbers

    def distributions(self) -> dict[str, Distribution]:
        """What each histogram has gathered, sorted by name."""
        with self._lock:
            known = sorted(self._known.items())
        return {name: metric.read() for name, metric in known if isinstance(metric, Histogram)}

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
    kind = type(known).__name__.lower() if isinstance(known, _METRICS) else "watched number"
    return f"{name} is a {kind} already"
