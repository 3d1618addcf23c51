"""Splitting a bar into finer ones, exactly.

Theory of operation
-------------------
The generated past is made from the top down: a session's bar first, half hours from it, minutes
from them, a minute's trades from the minute. So twenty years of days cost nothing but days, and
still every bar is the exact aggregate of the finer ones, because each split keeps the sums:

- the first piece opens where the whole opens, the last closes where it closes;
- the highest high and the lowest low of the pieces are those of the whole;
- volumes, trade counts and turnovers add up. All are whole numbers: prices count in ticks, and the
  **turnover** is the sum of price times size, so a volume-weighted average price is exact, too.

A turnover cannot be split freely: a bar's must lie between what its low and its high allow. So the
path of the pieces is bent until its weighted mean is near the whole's, and the rest is spread over
the room that each piece has. `MINUTE_TRADES` is what makes a bar splittable whatever its turnover:
the four trades that fix open, high, low and close, and one that takes up the remainder.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

__all__ = ["MINUTE_TRADES", "Piece", "TradePiece", "split", "trades"]

#: So many trades has every piece that trades at all (see the module).
MINUTE_TRADES = 5
MINUTE_S = 60
#: So few pieces need not be bent twice towards the average price.
FEW = 8


class Piece(NamedTuple):
    """A bar whose prices count in ticks.

    Attributes:
        start: Seconds since 1970 UTC.
        open: First price.
        high: Highest price.
        low: Lowest price.
        close: Last price.
        volume: What was traded; 0 in a piece without trades, whose prices are the close before.
        turnover: Sum of price times size.
        count: How many trades.
    """

    start: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    turnover: int
    count: int  # type: ignore[assignment]  # a trade count, not tuple.count


class TradePiece(NamedTuple):
    """One trade of the generated past.

    Attributes:
        millis: When, milliseconds since 1970 UTC.
        price: In ticks.
        size: In shares or contracts.
    """

    millis: int
    price: int
    size: int


def _shares(total: int, weights: Sequence[float]) -> list[int]:
    """Whole numbers in proportion to weights; they add up to the total exactly."""
    scale = total / sum(weights)
    before, running = 0, 0.0
    found = []
    for weight in weights:
        running += weight
        now = int(running * scale + 0.5)
        found.append(now - before)
        before = now
    found[-1] += total - before
    if found[-1] < 0:  # rounding took one too many: give it back where there is one
        place = max(range(len(found)), key=found.__getitem__)
        found[place] += found[-1]
        found[-1] = 0
    return found


def split(
    whole: Piece, starts: Sequence[int], weights: Sequence[float], chance: Random
) -> list[Piece]:
    """Split a bar.

    Args:
        whole: What to split; at least `MINUTE_TRADES` trades, and as much volume, or none.
        starts: When the pieces begin, the first with the whole.
        weights: How the volume spreads over the pieces, one number each.
        chance: Where chance comes from.
    """
    pieces = len(weights)
    if pieces == 1:
        return [whole]
    active = min(pieces, whole.volume // (MINUTE_TRADES + 1), whole.count // MINUTE_TRADES)
    while active > 1:
        flags = b"\1" * pieces if active == pieces else _chosen(pieces, active, chance)
        used = [weight for weight, flag in zip(weights, flags, strict=True) if flag]
        counts = _shares(whole.count - MINUTE_TRADES * active, used)
        sizes = _shares(whole.volume - whole.count, used)
        counts = [count + MINUTE_TRADES for count in counts]
        volumes = [count + size for count, size in zip(counts, sizes, strict=True)]
        found = _candles(whole, _path(whole, volumes, chance), volumes, counts, chance)
        if _fit_turnover(whole, found):
            return _spread(whole, found, flags, starts)
        # An average price at the very edge of the range: fewer pieces have more room.
        active //= 2
    return _in_one(whole, starts, chance)


def _chosen(pieces: int, active: int, chance: Random) -> bytes:
    """Which pieces trade."""
    flags = bytearray(pieces)
    for place in chance.sample(range(pieces), active):
        flags[place] = 1
    return bytes(flags)


def _in_one(whole: Piece, starts: Sequence[int], chance: Random) -> list[Piece]:
    """Too few trades to split: one piece has them all."""
    place = chance.randrange(len(starts))
    found = []
    for number, start in enumerate(starts):
        price = whole.open if number < place else whole.close
        found.append(Piece(start, price, price, price, price, 0, 0, 0))
    found[place] = whole._replace(start=starts[place])
    return found


def _spread(
    whole: Piece, rows: list[list[int]], flags: bytes, starts: Sequence[int]
) -> list[Piece]:
    """Put flat pieces between those that trade."""
    if len(rows) == len(starts):
        return [Piece(start, *row) for start, row in zip(starts, rows, strict=True)]
    found = []
    price = whole.open
    following = iter(rows)
    for start, flag in zip(starts, flags, strict=True):
        if flag:
            row = next(following)
            found.append(Piece(start, *row))
            price = row[3]
        else:
            found.append(Piece(start, price, price, price, price, 0, 0, 0))
    return found


def _path(whole: Piece, volumes: list[int], chance: Random) -> list[int]:
    """A way from open to close, within low and high, whose weighted mean is the average price."""
    count = len(volumes)
    low, high = whole.low, whole.high
    spread = high - low
    gauss = chance.gauss
    walk, at = [0.0], 0.0
    for _ in range(count):
        at += gauss(0.0, 1.0)
        walk.append(at)
    size = 0.6 * spread / math.sqrt(count)
    first, slope, back = float(whole.open), (whole.close - whole.open) / count, at / count
    points = [
        first + slope * place + (value - back * place) * size for place, value in enumerate(walk)
    ]
    wanted = whole.turnover / whole.volume
    bump = [place * (count - place) for place in range(count + 1)]
    top = bump[count // 2] or 1
    for _ in range(2 if count > FEW else 1):
        weighed = sum(
            volume * (a + b) for volume, a, b in zip(volumes, points, points[1:], strict=False)
        )
        mean = weighed / (2 * whole.volume)
        lift = (wanted - mean) * 1.5 / top
        points = [
            low if point < low else min(point, high)
            for point in (value + lift * share for value, share in zip(points, bump, strict=True))
        ]
    path = [int(point + 0.5) for point in points]
    path[0], path[-1] = whole.open, whole.close
    return path


def _candles(
    whole: Piece, path: list[int], volumes: list[int], counts: list[int], chance: Random
) -> list[list[int]]:
    """The pieces along a path: open, high, low, close, volume, turnover (a guess), count."""
    low, high = whole.low, whole.high
    reach = 0.35 * (high - low) / math.sqrt(len(volumes))
    random = chance.random
    found = []
    highest, lowest = low - 1, high + 1
    at_high = at_low = 0
    for place, (volume, count) in enumerate(zip(volumes, counts, strict=True)):
        opened, closed = path[place], path[place + 1]
        up, down = (closed, opened) if closed > opened else (opened, closed)
        draw = random()
        up += int(reach * draw * draw * 4.0 + 0.5)
        draw = random()
        down -= int(reach * draw * draw * 4.0 + 0.5)
        up = min(up, high)
        down = max(down, low)
        if up > highest:
            highest, at_high = up, place
        if down < lowest:
            lowest, at_low = down, place
        found.append([opened, up, down, closed, volume, 0, count])
    found[at_high][1] = high
    found[at_low][2] = low
    return found


def _fit_turnover(whole: Piece, rows: list[list[int]]) -> bool:
    """Give each piece a turnover that it can have, so that they add up; False: there is no way."""
    total = 0
    for row in rows:
        opened, up, down, closed, volume, _, _ = row
        guess = (opened + up + down + closed) * volume // 4
        row[5] = guess
        total += guess
    missing = whole.turnover - total
    widen = max(1, (whole.high - whole.low) // (8 * len(rows)))
    while missing:
        missing = _use_room(rows, missing)
        if not missing:
            break
        if widen > 4 * (whole.high - whole.low + 1):
            return False
        # The pieces have not enough room: their highs (or lows) reach farther, and are traded.
        upwards = missing > 0
        for row in rows:
            if upwards:
                row[1] = min(whole.high, row[1] + widen)
            else:
                row[2] = max(whole.low, row[2] - widen)
            opened, up, down, closed, volume, turnover, _ = row
            fixed, units = opened + up + down + closed, volume - 4
            row[5] = min(max(turnover, fixed + down * units), fixed + up * units)
            missing -= row[5] - turnover
        widen *= 2
    return True


def _use_room(rows: list[list[int]], missing: int) -> int:
    """Spread what is missing over the room between what pieces have and can have; what is left."""
    rooms = []
    for opened, up, down, closed, volume, turnover, _ in rows:
        fixed = opened + up + down + closed
        if missing > 0:
            rooms.append(fixed + up * (volume - 4) - turnover)
        else:
            rooms.append(turnover - fixed - down * (volume - 4))
    room = sum(rooms)
    if not room:
        return missing
    sign = 1 if missing > 0 else -1
    left = min(abs(missing), room)
    rest = abs(missing) - left
    for row, own in zip(rows, rooms, strict=True):
        part = min(own, left * own // room)
        row[5] += sign * part
        left -= part
        room -= own
        if room <= 0:
            break
    # The shares were rounded down one after the other, so the last room takes the remainder.
    return sign * (left + rest)


def trades(whole: Piece, span: int, chance: Random) -> list[TradePiece]:
    """The trades of a bar, in their order.

    Args:
        whole: A piece of `split`, or one with its bounds: `MINUTE_TRADES` trades or none.
        span: How long the bar is, seconds.
        chance: Where chance comes from.
    """
    count = whole.count
    if not count:
        return []
    low, high = whole.low, whole.high
    prices = _trade_prices(whole, chance)
    fixer = chance.randrange(1, count - 1)
    others = [place for place in range(1, count - 1) if place != fixer]
    up, down = chance.sample(others, 2)
    prices[up], prices[down] = high, low
    prices[fixer] = low
    random = chance.random
    weights = [0.2 + random() ** 3 for _ in range(count)]
    weights[fixer] = 0.0
    sizes = [1 + extra for extra in _shares(whole.volume - count, weights)]
    if sizes[fixer] > 1:
        sizes[up] += sizes[fixer] - 1
        sizes[fixer] = 1
    total = sum(map(int.__mul__, prices, sizes))
    prices[fixer] += _shift_sizes(prices, sizes, (up, down, fixer), whole.turnover - total)
    first = whole.start * 1000
    times = sorted([int(random() * span * 1000) for _ in range(count)])
    return [
        TradePiece(first + time, price, size)
        for time, price, size in zip(times, prices, sizes, strict=True)
    ]


def _trade_prices(whole: Piece, chance: Random) -> list[int]:
    count, low, high = whole.count, whole.low, whole.high
    if high == low:
        return [low] * count
    gauss = chance.gauss
    size = 0.5 * (high - low) / math.sqrt(count)
    walk, at = [0.0], 0.0
    for _ in range(count - 1):
        at += gauss(0.0, size)
        walk.append(at)
    slope = (whole.close - whole.open - at) / (count - 1)
    found = []
    for place, value in enumerate(walk):
        price = int(whole.open + value + slope * place + 0.5)
        if price > high:
            price = max(low, 2 * high - price)
        elif price < low:
            price = min(high, 2 * low - price)
        found.append(price)
    found[0], found[-1] = whole.open, whole.close
    return found


def _shift_sizes(
    prices: list[int], sizes: list[int], special: tuple[int, int, int], missing: int
) -> int:
    """Move units between trades until what is missing fits into the fixer's price; that rest."""
    up, down, fixer = special
    high, low = prices[up], prices[down]
    if high == low:
        return 0
    last = len(prices) - 1
    order = sorted(range(len(prices)), key=prices.__getitem__, reverse=missing < 0)
    for place in order:
        if 0 <= missing <= high - low:
            break
        if place == fixer:
            continue
        spare = sizes[place] - 1
        if missing > 0:
            gain = high - prices[place]
            units = min(spare, missing // gain) if gain else 0
            sizes[up] += units
            missing -= units * gain
        else:
            gain = prices[place] - low
            units = min(spare, -(missing // gain)) if gain else 0
            sizes[down] += units
            missing += units * gain
        sizes[place] -= units
        if 0 < place < last and place not in special and not 0 <= missing <= high - low:
            # Still not enough, and this trade fixes nothing: it happened at another price.
            step = min(missing, gain) if missing > 0 else max(missing, -gain)
            prices[place] += step
            missing -= step * sizes[place]
    return missing
