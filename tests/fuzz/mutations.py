"""What can go wrong with bytes: one function each, and streams made of many.

Two kinds. Those of a body leave the frames as they are: what is inside them is wrong. Those of the
stream do not: a length lies, a byte is missing, and from there on nothing is where it should be.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from twsloop.wire.framing import LENGTH_SIZE, MAX_FRAME, frame

__all__ = ["Spoiler"]

#: Values that are hard on whoever reads them as a number, a size, a time or a text.
NASTY = (
    *(b"", b"-1", b"0", b"99999999999999999999", b"2147483648", b"-2147483648", b"1e400", b"nan"),
    *(b"Infinity", b"1.7976931348623157E308", b"\xff\xfe", b"A" * 3000, b"\n", b"1,5", b"None"),
    *(
        b"170141183460469231731687303715884105727",
        b"20269999 99:99:99",
        b"N/A",
        b";;==||",
        b"\x1b[",
    ),
)
#: Lengths that a header may claim.
LENGTHS = (0, 1, 3, 4, 255, 4096, 65_536, MAX_FRAME, MAX_FRAME + 1, 2**31, 2**32 - 1)


class Spoiler:
    """Makes spoilt streams out of good ones; the same chance makes the same.

    Args:
        corpus: Bodies of good messages, for what is mixed into others.
        chance: The one source of chance.
        raw_ids: Whether ids are four bytes; text otherwise.

    Attributes:
        count: How many mutations were made so far.
    """

    def __init__(self, corpus: Sequence[bytes], chance: random.Random, *, raw_ids: bool) -> None:
        self.count = 0
        self._corpus = corpus
        self._chance = chance
        self._raw_ids = raw_ids
        self._of_a_body: tuple[Callable[[bytearray], bytearray], ...] = (
            *(self._flip, self._flip, self._insert, self._delete, self._double, self._swap),
            *(self._truncate, self._splice, self._nasty, self._nasty, self._number),
        )
        self._of_the_stream: tuple[Callable[[bytearray], bytearray], ...] = (
            *(self._flip, self._insert, self._delete, self._double, self._swap, self._truncate),
        )

    def bodies(self, stream: Sequence[bytes], mutations: int) -> list[bytes]:
        """The messages of a stream with so many mutations; their frames will be right."""
        spoilt = [bytearray(body) for body in stream]
        for _ in range(mutations):
            self.count += 1
            place = self._chance.randrange(len(spoilt))
            if self._chance.random() < 0.1:
                self._shuffle(spoilt, place)
                continue
            spoilt[place] = self._chance.choice(self._of_a_body)(spoilt[place])
        return [bytes(body[:MAX_FRAME]) for body in spoilt]

    def framing(self, stream: Sequence[bytes], mutations: int) -> bytes:
        """A stream as it leaves the socket, with so many mutations that spare no frame."""
        frames = [bytearray(frame(body)) for body in stream]
        for _ in range(mutations):
            self.count += 1
            if self._chance.random() < 0.5:
                self._lie(frames[self._chance.randrange(len(frames))])
            else:
                joined = bytearray().join(frames)
                frames = [self._chance.choice(self._of_the_stream)(joined) or bytearray(1)]
        return b"".join(frames)

    def pieces(self, data: bytes) -> list[bytes]:
        """The same bytes as a network may deliver them."""
        way = self._chance.random()
        if way < 0.4 or not data:
            return [data]
        most = 7 if way < 0.5 and len(data) < 20_000 else 4096 if way < 0.7 else 30_000
        pieces, at = [], 0
        while at < len(data):
            size = 4096 if most == 4096 else self._chance.randint(1, most)
            pieces.append(data[at : at + size])
            at += size
        return pieces

    # ---- of whole messages -----------------------------------------------------------------

    def _shuffle(self, spoilt: list[bytearray], place: int) -> None:
        other = self._chance.randrange(len(spoilt))
        way = self._chance.randrange(3)
        if way == 0:
            spoilt[place], spoilt[other] = spoilt[other], spoilt[place]
        elif way == 1:
            spoilt.insert(place, bytearray(spoilt[other]))
        elif len(spoilt) > 1:
            del spoilt[place]

    def _lie(self, framed: bytearray) -> None:
        size = int.from_bytes(framed[:LENGTH_SIZE], "big")
        near = ((size + self._chance.randint(-9, 9)) % 2**32,)
        length = self._chance.choice((*LENGTHS, *near * 6))
        framed[:LENGTH_SIZE] = length.to_bytes(LENGTH_SIZE, "big")

    # ---- of bytes --------------------------------------------------------------------------

    def _place(self, data: bytearray) -> int:
        return self._chance.randrange(len(data) + 1)

    def _part(self, data: bytearray, longest: int = 40) -> tuple[int, int]:
        first = self._place(data)
        return first, min(first + self._chance.randint(1, longest), len(data))

    def _flip(self, data: bytearray) -> bytearray:
        if data:
            data[self._chance.randrange(len(data))] ^= 1 << self._chance.randrange(8)
        return data

    def _insert(self, data: bytearray) -> bytearray:
        place = self._place(data)
        data[place:place] = self._chance.randbytes(self._chance.randint(1, 9))
        return data

    def _delete(self, data: bytearray) -> bytearray:
        first, last = self._part(data)
        del data[first:last]
        return data

    def _double(self, data: bytearray) -> bytearray:
        first, last = self._part(data)
        data[last:last] = data[first:last]
        return data

    def _swap(self, data: bytearray) -> bytearray:
        first, last = self._part(data)
        part = data[first:last]
        del data[first:last]
        place = self._place(data)
        data[place:place] = part
        return data

    def _truncate(self, data: bytearray) -> bytearray:
        return data[: self._place(data)]

    def _splice(self, data: bytearray) -> bytearray:
        """Begin as this message, and go on as another one."""
        other = bytearray(self._chance.choice(self._corpus))
        return data[: self._place(data)] + other[self._place(other) :]

    def _nasty(self, data: bytearray) -> bytearray:
        """Put something nasty in the place of a text field, or of a protobuf text."""
        nasty = self._chance.choice(NASTY)
        if not self._raw_ids:
            fields = bytes(data).split(b"\0")
            fields[self._chance.randrange(len(fields))] = nasty
            return bytearray(b"\0".join(fields))
        # As a field of the message: a tag with wire type 2, and a text. A later value counts.
        nasty = nasty[:127]
        return data + bytes([self._chance.randrange(1, 16) << 3 | 2, len(nasty)]) + nasty

    def _number(self, data: bytearray) -> bytearray:
        """Another message's number in front, or one that nobody knows."""
        number = self._chance.choice((*range(1, 112), 0, 199, 999, 2**31 - 1))
        if not self._raw_ids:
            _, _, rest = bytes(data).partition(b"\0")
            return bytearray(b"%d\0" % number + rest)
        data[:4] = (number + self._chance.choice((0, 200, 200, 200))).to_bytes(4, "big")
        return data
