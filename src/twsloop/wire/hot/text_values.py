"""What the fields of hot messages in text say, kept by their bytes; `text` says by which rules."""

from __future__ import annotations

from decimal import Decimal

from ibapi.const import UNSET_DECIMAL

from twsloop.ids import FIRST_REQUEST_ID
from twsloop.wire.kinds import ASCII_ESCAPES_SINCE

from .caches import LONGEST, MOST, Cache
from .calls import Calls, Sink

__all__ = ["Escaped", "Head", "Heads", "Ints", "Masks", "Names", "Sizes"]

#: From this server version on the mask of a price is a mask; before, a number: 1 is automatic.
PAST_LIMIT_SINCE = 109
#: From this one on it has a third bit.
PRE_OPEN_SINCE = 132

#: What IB's decoder takes for no size.
_NO_SIZE = frozenset(
    {"", "2147483647", "9223372036854775807", "1.7976931348623157E308", "-9223372036854775808"}
)

#: A request id, a tick type, and whom they concern.
Head = tuple[int, int, Calls]


class Ints(Cache):
    """Whole numbers; an empty field is zero."""

    __slots__ = ()

    def __missing__(self, key: bytes) -> int:
        value: int = self.put(key, int(key or 0))
        return value


class Sizes(Cache):
    """Decimals, or the mark for none."""

    __slots__ = ()

    def __missing__(self, key: bytes) -> Decimal:
        # Volumes run, and come once each: this is `put` and `keep`, in place.
        letters = key.decode()
        value = UNSET_DECIMAL if letters in _NO_SIZE else Decimal(letters)
        if len(key) <= LONGEST:
            if len(self) >= MOST:
                self.clear()
            self[key] = value
        return value


class Names(Cache):
    """Short texts: exchanges, market makers, conditions."""

    __slots__ = ()

    def __missing__(self, key: bytes) -> str:
        value = key.decode("utf-8", "backslashreplace")
        self.put(key, value)
        return value


class Escaped(Cache):
    """Texts of callbacks that are read by their parameters, without escapes.

    Args:
        version: Before version 153 they are UTF-8 where they can be.
    """

    __slots__ = ("_ascii",)

    def __init__(self, version: int) -> None:
        super().__init__()
        self._ascii = version >= ASCII_ESCAPES_SINCE

    def __missing__(self, key: bytes) -> str:
        if self._ascii:
            if b"\\" in key:
                raise ValueError(key)
            value = key.decode("latin-1")
        else:
            try:
                value = key.decode()
            except UnicodeDecodeError:
                value = key.decode("latin-1")
        self.put(key, value)
        return value


class Masks(Cache):
    """The attributes of a price: a value for each, or None where none is set.

    Args:
        version: Says how a mask is read.
    """

    __slots__ = ("_bits",)

    def __init__(self, version: int) -> None:
        super().__init__()
        self._bits = 0 if version < PAST_LIMIT_SINCE else 3 if version < PRE_OPEN_SINCE else 7

    def __missing__(self, key: bytes) -> tuple[bool, bool, bool] | None:
        mask = int(key or 0)
        mask = mask & self._bits if self._bits else int(mask == 1)
        value = (mask & 1 != 0, mask & 2 != 0, mask & 4 != 0) if mask else None
        self.put(key, value)
        return value


class Heads(Cache):
    """The first three fields of a tick: its id, its type, and whom it concerns.

    Args:
        sink: Who is told.
        exact: The callback's parameters say how it is read: nothing empty, nothing odd.
    """

    __slots__ = ("_exact", "_sink")

    def __init__(self, sink: Sink, *, exact: bool) -> None:
        super().__init__()
        self._sink = sink
        self._exact = exact

    def __missing__(self, key: bytes) -> Head:
        version, req_id, tick_type = key.split(b"\0")
        if len(key) > LONGEST:
            raise ValueError(key)
        if self._exact:
            if not (_plain(req_id) and _plain(tick_type)):
                raise ValueError(key)
        else:
            int(version or 0)
        told = int(req_id or 0)
        calls = self._sink.low if told < FIRST_REQUEST_ID else self._sink.high
        head: Head = self.put(key, (told, int(tick_type or 0), calls))
        return head


def _plain(number: bytes) -> bool:
    """Whether these are ASCII digits, with a minus sign or none."""
    return number.removeprefix(b"-").isdigit()
