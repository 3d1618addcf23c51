"""A bar and its pieces agree to the last share."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.paper.history.split import MINUTE_TRADES, Piece, split, trades


def minutes(whole: Piece, weights: list[float], chance: Random) -> list[Piece]:
    """A bar's minutes."""
    starts = range(whole.start, whole.start + 60 * len(weights), 60)
    return split(whole, starts, weights, chance)


@st.composite
def bars(draw: st.DrawFn) -> Piece:
    """A bar whose prices, volume, count and turnover can be true together."""
    low = draw(st.integers(1, 30_000))
    high = low + draw(st.integers(0, 300))
    first, last = draw(st.integers(low, high)), draw(st.integers(low, high))
    count = draw(st.integers(MINUTE_TRADES, 4_000))
    volume = count + draw(st.integers(1, 2_000_000))
    fixed, units = first + high + low + last, volume - 4
    turnover = draw(st.integers(fixed + low * units, fixed + high * units))
    return Piece(1_700_000_000, first, high, low, last, volume, turnover, count)


def check(whole: Piece, pieces: list[Piece]) -> None:
    trading = [piece for piece in pieces if piece.count]
    assert trading[0].open == whole.open
    assert trading[-1].close == whole.close
    assert max(piece.high for piece in trading) == whole.high
    assert min(piece.low for piece in trading) == whole.low
    assert sum(piece.volume for piece in pieces) == whole.volume
    assert sum(piece.turnover for piece in pieces) == whole.turnover
    assert sum(piece.count for piece in pieces) == whole.count
    for piece in pieces:
        assert whole.low <= piece.low <= min(piece.open, piece.close)
        assert max(piece.open, piece.close) <= piece.high <= whole.high
        assert (piece.count == 0) == (piece.volume == 0)
        assert piece.volume >= piece.count
        if piece.count:
            assert piece.count >= MINUTE_TRADES
        else:
            assert piece.open == piece.high == piece.low == piece.close


@given(bars(), st.integers(1, 400), st.integers(0, 1 << 30))
def test_minutes_add_up_to_their_bar(whole: Piece, count: int, seed: int) -> None:
    chance = Random(seed)
    pieces = minutes(whole, [0.5 + chance.random() for _ in range(count)], chance)
    assert len(pieces) == count
    assert [piece.start for piece in pieces] == [whole.start + 60 * n for n in range(count)]
    check(whole, pieces)


@given(bars(), st.integers(1, 60), st.integers(0, 1 << 30))
def test_trades_add_up_to_their_bar(whole: Piece, span: int, seed: int) -> None:
    found = trades(whole, span, Random(seed))
    assert len(found) == whole.count
    assert found[0].price == whole.open
    assert found[-1].price == whole.close
    assert max(trade.price for trade in found) == whole.high
    assert min(trade.price for trade in found) == whole.low
    assert sum(trade.size for trade in found) == whole.volume
    assert sum(trade.size * trade.price for trade in found) == whole.turnover
    assert all(trade.size >= 1 for trade in found)
    times = [trade.millis for trade in found]
    assert times == sorted(times)
    assert whole.start * 1000 <= times[0]
    assert times[-1] < (whole.start + span) * 1000


@given(bars(), st.integers(2, 30), st.integers(0, 1 << 30))
def test_a_minute_of_a_split_bar_splits_too(whole: Piece, count: int, seed: int) -> None:
    chance = Random(seed)
    for piece in minutes(whole, [1.0] * count, chance):
        found = trades(piece, 60, chance)
        assert sum(trade.size * trade.price for trade in found) == piece.turnover
        if found:
            assert max(trade.price for trade in found) == piece.high
            assert min(trade.price for trade in found) == piece.low


def test_a_bar_without_trades_has_pieces_without_trades() -> None:
    quiet = Piece(0, 5, 5, 5, 5, 0, 0, 0)
    pieces = minutes(quiet, [1.0, 1.0, 1.0], Random(1))
    assert [piece[1:] for piece in pieces] == [(5, 5, 5, 5, 0, 0, 0)] * 3
    assert trades(quiet, 60, Random(1)) == []


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_chance_gives_the_same_pieces(seed: int) -> None:
    whole = Piece(0, 100, 120, 90, 110, 10_000, 1_050_000, 500)
    weights = [1.0] * 390
    assert minutes(whole, weights, Random(seed)) == minutes(whole, weights, Random(seed))
    assert minutes(whole, weights, Random(1)) != minutes(whole, weights, Random(2))
