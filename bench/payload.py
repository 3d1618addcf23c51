"""What the blaster sends: made beforehand, fresh values in each message, in both encodings.

Of 1000 messages 350 are prices, 350 sizes (one in ten a volume that runs, and is never the same),
100 texts, 50 generic ticks and 150 tick-by-tick (half trades, half quotes); about 27 bytes each in
protobuf, 25 in text. Sizes are log-normal, prices walk. The numbers are drawn from a seed, so that
each client is told the same.

The last message of each block is a mark: a generic tick 54 (the number of trades) of the first
line, which counts the blocks. Every client hears it as it hears any tick, so that it knows how far
it is without counting what else it is told.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from twsloop.wire.messages import INBOUND_BY_NAME, message_class

__all__ = ["BLOCK", "MARK", "MIX", "Stamped", "blocks", "message"]

#: Messages in a block, the mark among them.
BLOCK = 500
#: The tick type of the mark.
MARK = 54
#: So many of each kind in 1000 messages.
MIX = {"price": 350, "size": 350, "string": 100, "generic": 50, "last": 75, "bid_ask": 75}
#: Price tick -> size tick; they come together.
PRICES = {1: 0, 2: 3, 4: 5}
VOLUME, LAST_TIME, RAW_SINCE, OFFSET = 8, 45, 201, 200
EXCHANGES = ("NYSE", "NASDAQ", "ARCA", "BATS", "IEX", "EDGX")
_length = struct.Struct(">I").pack

Draw = Callable[[random.Random, "Market", int], tuple[Any, ...]]


class Market:
    """Where the lines stand."""

    def __init__(self, lines: int, chance: random.Random) -> None:
        self.cents = [chance.randrange(1_000, 50_000) for _ in range(lines)]
        self.volume = [chance.randrange(10_000, 1_000_000) for _ in range(lines)]
        self.time = 1_790_600_000

    def step(self, line: int, chance: random.Random) -> int:
        """The price of a line, a little further on."""
        cents = self.cents[line] = max(200, self.cents[line] + chance.randrange(-3, 4))
        return cents


def _shares(chance: random.Random) -> str:
    return str(max(1, int(chance.lognormvariate(5.0, 1.2))))


def _price(chance: random.Random, market: Market, line: int) -> tuple[Any, ...]:
    tick = chance.choice((1, 2, 4))
    cents = market.step(line, chance) + {1: -1, 2: 1, 4: 0}[tick]
    return "price", tick, cents, _shares(chance), chance.choice((0, 0, 0, 1, 1, 3))


def _size(chance: random.Random, market: Market, line: int) -> tuple[Any, ...]:
    if chance.random() < 0.1:
        market.volume[line] += chance.randrange(1, 500)
        return "size", VOLUME, str(market.volume[line])
    return "size", chance.choice((0, 3, 5)), _shares(chance)


def _string(_chance: random.Random, market: Market, _line: int) -> tuple[Any, ...]:
    return "string", LAST_TIME, str(market.time)


def _generic(chance: random.Random, _market: Market, _line: int) -> tuple[Any, ...]:
    return "generic", chance.choice((24, 55, 56)), round(chance.uniform(0.1, 90.0), 4)


def _last(chance: random.Random, market: Market, line: int) -> tuple[Any, ...]:
    mask = chance.choice((0, 0, 0, 0, 1, 2))
    exchange, remark = chance.choice(EXCHANGES), chance.choice(("", "", "", "I", "F"))
    cents = market.step(line, chance)
    return "last", 2, market.time, cents, _shares(chance), mask, exchange, remark


def _bid_ask(chance: random.Random, market: Market, line: int) -> tuple[Any, ...]:
    cents = market.step(line, chance)
    mask = chance.choice((0, 0, 0, 0, 1, 2))
    return "bid_ask", 3, market.time, cents, _shares(chance), _shares(chance), mask


DRAWS: dict[str, Draw] = {
    "price": _price,
    "size": _size,
    "string": _string,
    "generic": _generic,
    "last": _last,
    "bid_ask": _bid_ask,
}


def drawn(lines: int, streams: int, seed: int = 1) -> Iterator[list[tuple[int, tuple[Any, ...]]]]:
    """Blocks of messages as (line, values); a line from ``lines`` on is a tick-by-tick stream."""
    chance = random.Random(seed)
    market = Market(lines + streams, chance)
    plan = [kind for kind, share in MIX.items() for _ in range(share * BLOCK // 1000)]
    plan += ["last", "bid_ask"] * ((BLOCK - len(plan) + 1) // 2)  # 75 halves to 37
    plan.remove("generic")  # the mark's place
    del plan[BLOCK - 1 :]
    trades = streams // 2
    while True:
        market.time += 1
        chance.shuffle(plan)
        block = []
        for kind in plan:
            if kind == "last":
                line = lines + chance.randrange(trades)
            elif kind == "bid_ask":
                line = lines + chance.randrange(trades, streams)
            else:
                line = chance.randrange(lines)
            block.append((line, DRAWS[kind](chance, market, line)))
        yield block


# ---- bytes -----------------------------------------------------------------------------------


def _framed(number: int, body: bytes) -> bytes:
    return _length(len(body) + 4) + _length(number + OFFSET) + body


def _protobuf() -> dict[str, Callable[..., bytes]]:
    """Each kind's bytes from 201 on, written by IB's own classes."""

    def maker(name: str) -> tuple[int, Any]:
        row = INBOUND_BY_NAME[name]
        assert row.proto is not None
        return row.number, message_class(row.proto)

    prices, sizes, strings = map(maker, ("tickPrice", "tickSize", "tickString"))
    generics, streams = map(maker, ("tickGeneric", "tickByTick"))

    def price(req: int, tick: int, cents: int, size: str, mask: int) -> bytes:
        made = prices[1](reqId=req, tickType=tick, price=cents / 100, size=size, attrMask=mask)
        return _framed(prices[0], made.SerializeToString())

    def size(req: int, tick: int, value: str) -> bytes:
        return _framed(sizes[0], sizes[1](reqId=req, tickType=tick, size=value).SerializeToString())

    def string(req: int, tick: int, value: str) -> bytes:
        made = strings[1](reqId=req, tickType=tick, value=value)
        return _framed(strings[0], made.SerializeToString())

    def generic(req: int, tick: int, value: float) -> bytes:
        made = generics[1](reqId=req, tickType=tick, value=value)
        return _framed(generics[0], made.SerializeToString())

    def last(
        req: int, tick: int, time: int, cents: int, shares: str, mask: int, where: str, remark: str
    ) -> bytes:
        made = streams[1](reqId=req, tickType=tick)
        inner = made.historicalTickLast
        inner.time, inner.price, inner.size = time, cents / 100, shares
        inner.tickAttribLast.pastLimit = bool(mask & 1)
        inner.tickAttribLast.unreported = bool(mask & 2)
        inner.exchange, inner.specialConditions = where, remark
        return _framed(streams[0], made.SerializeToString())

    def bid_ask(req: int, tick: int, time: int, cents: int, bid: str, ask: str, mask: int) -> bytes:
        made = streams[1](reqId=req, tickType=tick)
        inner = made.historicalTickBidAsk
        inner.time, inner.priceBid, inner.priceAsk = time, cents / 100, (cents + 1) / 100
        inner.sizeBid, inner.sizeAsk = bid, ask
        inner.tickAttribBidAsk.bidPastLow = bool(mask & 1)
        inner.tickAttribBidAsk.askPastHigh = bool(mask & 2)
        return _framed(streams[0], made.SerializeToString())

    return {
        "price": price,
        "size": size,
        "string": string,
        "generic": generic,
        "last": last,
        "bid_ask": bid_ask,
    }


def _text() -> dict[str, Callable[..., bytes]]:
    """Each kind's bytes below 201."""

    def fields(*values: Any) -> bytes:
        body = "".join(f"{value}\0" for value in values).encode("ascii")
        return _length(len(body)) + body

    def dollars(cents: int) -> str:
        return f"{cents / 100:.2f}"

    def last(
        req: int, tick: int, time: int, cents: int, shares: str, mask: int, where: str, remark: str
    ) -> bytes:
        return fields(99, req, tick, time, dollars(cents), shares, mask, where, remark)

    def bid_ask(req: int, tick: int, time: int, cents: int, bid: str, ask: str, mask: int) -> bytes:
        both = dollars(cents), dollars(cents + 1)
        return fields(99, req, tick, time, *both, bid, ask, mask)

    return {
        "price": lambda req, tick, cents, size, mask: fields(
            1, 6, req, tick, dollars(cents), size, mask
        ),
        "size": lambda req, tick, value: fields(2, 6, req, tick, value),
        "string": lambda req, tick, value: fields(46, 6, req, tick, value),
        "generic": lambda req, tick, value: fields(45, 6, req, tick, value),
        "last": last,
        "bid_ask": bid_ask,
    }


def writers(version: int) -> dict[str, Callable[..., bytes]]:
    """How each kind is written at a server version."""
    return _protobuf() if version >= RAW_SINCE else _text()


def blocks(
    version: int, ids: Sequence[int], streams: Sequence[int], count: int, *, seed: int = 1
) -> list[bytes]:
    """So many blocks for a client.

    Args:
        version: The session's server version.
        ids: The request ids of its quotes.
        streams: Those of its tick-by-tick streams: the first half trades, the second quotes.
        count: How many blocks.
        seed: What the values are drawn from.
    """
    write = writers(version)
    req_ids = [*ids, *streams]
    found = []
    for number, block in zip(
        range(1, count + 1), drawn(len(ids), len(streams), seed), strict=False
    ):
        parts = [write[values[0]](req_ids[line], *values[1:]) for line, values in block]
        parts.append(write["generic"](ids[0], MARK, float(number)))
        found.append(b"".join(parts))
    return found


class Stamped:
    """Bids whose price is the time at which they leave, for what is measured of latency.

    Args:
        version: The session's server version.
        ids: The request ids.
    """

    def __init__(self, version: int, ids: Sequence[int]) -> None:
        self._text = version < RAW_SINCE
        write = writers(version)["price"]
        # 12345.67 as a double, or as text, stands once in the bytes; the time takes its place.
        model = b"%.9f" % 0.0 if self._text else struct.pack("<d", 12345.67)
        cut = b"12345.67" if self._text else model
        self._parts = [tuple(write(one, 1, 1234567, "100", 0).split(cut)) for one in ids]
        self._next = 0

    def __call__(self, now: float) -> bytes:
        """The next one's bytes."""
        before, after = self._parts[self._next]
        self._next = (self._next + 1) % len(self._parts)
        if self._text:
            body = b"%s%.9f%s" % (before[4:], now, after)
            return _length(len(body)) + body
        return before + struct.pack("<d", now) + after


def message(name: str, version: int, **fields: Any) -> bytes:
    """Any other message of a gateway, framed."""
    from twsloop.wire import codec  # noqa: PLC0415 - the payload itself does not need it
    from twsloop.wire.framing import frame  # noqa: PLC0415

    row = INBOUND_BY_NAME[name]
    assert row.proto is not None
    return frame(codec.encode(row, message_class(row.proto)(**fields), version))
