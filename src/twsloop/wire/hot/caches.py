"""Values by the bytes that they are written in: what comes again is looked up, not made again.

Only values that cannot be changed are shared. Each cache is bounded: a full one starts anew.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

__all__ = ["LONGEST", "MOST", "Cache", "Decimals", "Strings", "keep"]

#: How many values a cache holds at most.
MOST = 8192
#: The longest bytes by which a `Cache` keeps a value, so that its size is bounded, too.
LONGEST = 64


def keep(cache: dict[bytes, Any], key: bytes, value: Any) -> Any:
    """Keep a value in a plain dictionary, which is looked up the fastest; it is returned."""
    if len(cache) >= MOST:
        cache.clear()
    cache[key] = value
    return value


class Cache(dict[bytes, Any]):
    """Values by bytes."""

    __slots__ = ()

    def put(self, key: bytes, value: Any) -> Any:
        """Keep a value, unless its key is long; it is returned."""
        return keep(self, key, value) if len(key) <= LONGEST else value


def _letters(key: bytes) -> str:
    """What a string on the wire says: one byte for its length, and so many bytes.

    Raises:
        ValueError: It is no such string, or no UTF-8.
    """
    if not key or not key[0] == len(key) - 1 < 128:
        raise ValueError(key)
    return key[1:].decode()


class Decimals(Cache):
    """Decimals by the string that they are on the wire, made as IB's decoder makes them.

    With the length before it a string needs no other look at whether it ends where it has to.

    Volumes are never the same twice, and would drive the sizes out that come again. So those that a
    full cache held before it started anew are known for one more round.
    """

    __slots__ = ("_before",)

    def __init__(self) -> None:
        super().__init__()
        self._before: dict[bytes, Decimal] = {}

    def __missing__(self, key: bytes) -> Decimal:
        value = self._before.get(key)
        if value is None:
            value = Decimal(_letters(key))
        if len(key) <= LONGEST:
            if len(self) >= MOST:
                self._before = dict(self)
            keep(self, key, value)
        return value


class Strings(Cache):
    """Strings by what they are on the wire; what is none raises."""

    __slots__ = ()

    def __missing__(self, key: bytes) -> str:
        value: str = self.put(key, _letters(key))
        return value
