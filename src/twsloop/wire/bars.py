"""The bars of an answer to ``reqHistoricalData``, decoded piece by piece.

IB's decoder parses such a message whole and then makes all of its bars: 100,000 of them hold a
loop for a third of a second. Here the message is cut where one bar ends and the next begins, so
whoever works it through may stop between any two steps. Protobuf bars are parsed by protobuf
itself, some at a time: a message that is cut between two of its fields means what its pieces mean.

What comes out is what IB's decoder makes of the same bytes, in the same order: a protobuf message
that cannot be parsed tells no bar at all, a bar that cannot be read tells those before it. What is
odd is not judged here, but left to IB's decoder (`Declined`, `OddBar`).
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from google.protobuf.message import DecodeError
from ibapi.common import BarData
from ibapi.const import NO_VALID_ID, UNSET_DECIMAL
from ibapi.protobuf.HistoricalData_pb2 import HistoricalData
from ibapi.server_versions import (
    MIN_SERVER_VER_HISTORICAL_DATA_END,
    MIN_SERVER_VER_SYNT_REALTIME_BARS,
)

__all__ = ["NUMBER", "Declined", "OddBar", "ProtobufBars", "TextBars", "bars_of"]

#: HISTORICAL_DATA's message number.
NUMBER = 17
#: About so many bytes are parsed at once, a hundred bars and more.
PIECE = 16_384

_REQ_ID, _BAR = 0x08, 0x12
#: How IB's decoder knows an unset decimal in text.
_UNSET = frozenset(
    {
        b"",
        b"2147483647",
        b"9223372036854775807",
        b"1.7976931348623157E308",
        b"-9223372036854775808",
    }
)
_FIELDS = ["date", "open", "high", "low", "close", "volume", "wap", "barCount"]
#: Each of a bar's attributes is set below, in IB's order: so its own start values are spared.
_new: Any = BarData.__new__ if list(vars(BarData())) == _FIELDS else lambda kind: kind()


class Declined(Exception):
    """IB's decoder shall take the whole message; nothing of it was told."""


class OddBar(Exception):
    """A bar cannot be read; those before it were told.

    Attributes:
        payload: A message of the same kind that has this bar alone, for IB's decoder to judge.
    """

    def __init__(self, payload: bytes) -> None:
        super().__init__()
        self.payload = payload


def bars_of(body: bytes, start: int, version: int, *, protobuf: bool) -> ProtobufBars | TextBars:
    """The bars of a message.

    Args:
        body: A frame's body.
        start: Where its fields begin, behind its id.
        version: The session's protocol version.
        protobuf: Whether it is protobuf.
    """
    return ProtobufBars(body, start) if protobuf else TextBars(body, start, version)


class ProtobufBars:
    """The bars of a protobuf message; see `bars_of`.

    Attributes:
        req_id: Whose answer it is; known after `check`.
        ending: The arguments of ``historicalDataEnd``, where the message says the end, too.
    """

    ending: tuple[str, str] | None = None

    def __init__(self, body: bytes, start: int) -> None:
        self._body = body
        self._start = start
        self._cuts: list[int] = [start]
        self._whole: Any = None
        self.req_id: int = NO_VALID_ID

    def check(self) -> Iterator[None]:
        """See that all of it can be parsed, in steps.

        Raises:
            Declined: It cannot, or has something in it that is not known.
        """
        body, end = self._body, len(self._body)
        try:
            if end - self._start <= PIECE:
                self._whole = self._parse(self._start, end)
                return
            at = self._start
            while at < end:
                cut = self._cuts[-1]
                at = _next_cut(body, at, end)
                self._parse(cut, at)  # parsing it twice costs less than keeping it
                self._cuts.append(at)
                yield
        except (DecodeError, IndexError) as error:
            raise Declined from error

    def _parse(self, start: int, end: int) -> Any:
        piece = HistoricalData.FromString(self._body[start:end])
        if piece.HasField("reqId"):
            self.req_id = piece.reqId
        return piece

    def runs(self) -> Iterator[list[Any]]:
        """The bars as IB's BarData, some at a time, in order; after `check`.

        Raises:
            OddBar: One cannot be read.
        """
        if self._whole is not None:
            yield from self._run(self._whole)
            return
        start = self._cuts[0]
        for end in self._cuts[1:]:
            yield from self._run(HistoricalData.FromString(self._body[start:end]))
            start = end

    def _run(self, piece: Any) -> Iterator[list[Any]]:
        new, kind, decimal, unset = _new, BarData, Decimal, UNSET_DECIMAL
        made: list[Any] = []
        told = None
        try:
            for told in piece.historicalDataBars:
                # A field that is absent reads as the value that IB's bar begins with.
                bar = new(kind)
                bar.date = told.date
                bar.open = told.open
                bar.high = told.high
                bar.low = told.low
                bar.close = told.close
                text = told.volume
                bar.volume = decimal(text) if text or told.HasField("volume") else unset
                text = told.WAP
                bar.wap = decimal(text) if text or told.HasField("WAP") else unset
                bar.barCount = told.barCount
                made.append(bar)
        except ArithmeticError:  # a decimal that is none
            yield made
            odd = HistoricalData(historicalDataBars=[told])
            if self.req_id != NO_VALID_ID:
                odd.reqId = self.req_id
            raise OddBar(odd.SerializeToString()) from None
        if made:
            yield made


def _next_cut(body: bytes, at: int, end: int) -> int:
    """Where a piece that begins at ``at`` ends: behind one of its fields.

    Raises:
        DecodeError: There is something else than bars and the request's id.
        IndexError: It ends in the midst of a length.
    """
    until = min(at + PIECE, end)
    while at < until:
        tag = body[at]
        if tag == _BAR:
            size = body[at + 1]
            if size < 0x80:
                at += size + 2
                continue
            more = body[at + 2]
            if more < 0x80:
                at += (size & 0x7F | more << 7) + 3
                continue
        elif tag == _REQ_ID:
            at += 1
            while body[at] >= 0x80:
                at += 1
            at += 1
            continue
        raise DecodeError
    if at > end:
        raise DecodeError
    return at


class TextBars:
    """The bars of a text message; see `bars_of`.

    Attributes:
        req_id: Whose answer it is; known after `check`.
        ending: The arguments of ``historicalDataEnd``, where the message says the end, too.
    """

    def __init__(self, body: bytes, start: int, version: int) -> None:
        self._body = body
        self._start = self._at = start
        #: Where the last field ends: what has no end mark is no field.
        self._end = body.rfind(b"\0", start)
        self._old = version < MIN_SERVER_VER_SYNT_REALTIME_BARS
        self._ends = version < MIN_SERVER_VER_HISTORICAL_DATA_END
        self._head: list[bytes] = []
        self._count = 0
        self.req_id: int = NO_VALID_ID
        self.ending: tuple[str, str] | None = None

    def check(self) -> Iterator[None]:
        """Read what stands before the bars.

        Raises:
            Declined: It cannot be read.
        """
        if self._old:
            self._integer()
        self.req_id = self._integer()
        if self._ends:
            self.ending = (_text(self._field()), _text(self._field()))
        self._count = self._integer()
        yield from ()

    def _field(self) -> bytes:
        cut = self._body.find(b"\0", self._at)
        if cut < 0:
            raise Declined
        found = self._body[self._at : cut]
        self._at = cut + 1
        self._head.append(found)
        return found

    def _integer(self) -> int:
        try:
            return int(self._field() or 0)
        except ValueError as error:
            raise Declined from error

    def runs(self) -> Iterator[list[Any]]:
        """The bars as IB's BarData, some at a time, in order; after `check`.

        Raises:
            OddBar: One cannot be read, or is not there.
        """
        body, at, left = self._body, self._at, self._count
        width = 9 if self._old else 8
        fields: list[bytes] = []
        while left > 0:
            if at <= self._end:
                cut = body.find(b"\0", at + PIECE, self._end)
                cut = self._end if cut < 0 else cut
                fields += body[at:cut].split(b"\0")
                at = cut + 1
            count = min(len(fields) // width, left)
            if count:
                made: list[Any] = []
                try:
                    self._make(fields, count * width, made)
                except Exception:  # noqa: BLE001  (IB's decoder says what it is)
                    yield made
                    first = len(made) * width
                    raise self._odd(fields[first : first + width]) from None
                yield made
                left -= count
                del fields[: count * width]
            elif at > self._end:
                raise self._odd(fields)

    def _make(self, fields: list[bytes], until: int, made: list[Any]) -> None:
        new, kind, real, whole = _new, BarData, float, int
        rows = fields[:until]
        if self._old:
            del rows[7::9]  # whether the bar has gaps: IB's decoder passes over it
        row = iter(rows)
        for date, first, high, low, last, volume, wap, count in zip(*[row] * 8, strict=True):
            bar = new(kind)
            bar.date = date.decode("utf-8", "backslashreplace")
            bar.open = real(first or 0)
            bar.high = real(high or 0)
            bar.low = real(low or 0)
            bar.close = real(last or 0)
            bar.volume = UNSET_DECIMAL if volume in _UNSET else Decimal(volume.decode())
            bar.wap = UNSET_DECIMAL if wap in _UNSET else Decimal(wap.decode())
            bar.barCount = whole(count or 0)
            made.append(bar)

    def _odd(self, fields: list[bytes]) -> OddBar:
        head = [*self._head[:-1], b"1", *fields]
        return OddBar(b"".join(field + b"\0" for field in head))


def _text(field: bytes) -> str:
    return field.decode("utf-8", "backslashreplace")
