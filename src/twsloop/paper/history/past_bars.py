"""Bars of what was before the gateway began: pieces of the past, joined and cut as a bar needs.

Bars are made of the largest pieces that fit them (half hours, five minutes, minutes), and of single
trades where a bar is shorter than a minute or ends within one.
"""

from __future__ import annotations

from collections.abc import Iterator

from twsloop.paper.catalogue.instruments import Instrument

from .bars import Bar, Show
from .calendar import Session
from .following import FollowingPast, OptionTrades
from .past import Past
from .split import Piece

__all__ = ["PastBars"]

HALF_S, FIVE_S, HALF_MINUTE_S = 1800, 300, 30


class PastBars:
    """One instrument's past as bars.

    Args:
        instrument: Whose past it is.
        past: What was before; None: nothing.
        trades_past: The trades before, of an option: its quotes move without them.
        began: Where the past ends, seconds since 1970 UTC.
    """

    def __init__(
        self,
        instrument: Instrument,
        past: Past | FollowingPast | None,
        trades_past: OptionTrades | None,
        began: int,
    ) -> None:
        self._shows_volume = instrument.sec_type != "IND"
        self._past = past
        self._trades_past = trades_past
        self._began = began

    def of(self, show: Show) -> Past | FollowingPast | None:
        """What was before, as far as it matters to what is shown."""
        return (
            self._trades_past if show.has_volume and self._trades_past is not None else self._past
        )

    def piece_s(self, size: int) -> int:
        """How long the pieces are that bars of a size are made of, seconds."""
        if not isinstance(self._past, Past):
            return min(size, 60)
        return min(size, HALF_S if size % HALF_S == 0 else FIVE_S if size % FIVE_S == 0 else 60)

    def whole(self, show: Show, session: Session, run: tuple[int, int]) -> list[Bar]:
        """All of a run, one bar a piece."""
        return [self._bar(show, piece, piece.start) for piece in self._pieces(show, session, run)]

    def _pieces(self, show: Show, session: Session, run: tuple[int, int]) -> list[Piece]:
        past = self.of(show)
        if past is None:
            return []
        return [
            piece
            for piece in past.session(session)
            if run[0] <= piece.start < run[1] and piece.count
        ]

    def price_before(
        self, show: Show, session: Session, run: tuple[int, int], second: int
    ) -> float | None:
        """The price that stood in a run before a second, None for none of the past."""
        past = self._past
        if past is None:
            return None
        for place, whole in reversed(list(enumerate(past.session(session)))):
            if not run[0] <= whole.start < second:
                continue
            minutes = past.minutes(session, place)
            minute = minutes[min((second - 1 - whole.start) // 60, len(minutes) - 1)]
            close = minute.open
            for trade in past.trades(minute):
                if trade.millis >= second * 1000:
                    break
                close = trade.price
            return self._bar(show, minute._replace(open=close, close=close), second).close
        return None

    def bars(
        self, show: Show, size: int, session: Session, cut: tuple[int, int, int, int]
    ) -> list[Bar]:
        """Bars of one run.

        Args:
            show: What they show.
            size: Their length, seconds.
            session: The session that the run is of.
            cut: Where the run begins, the first second, the one after the last, and the local
                clock's offset.
        """
        run_start, first, last, offset = cut
        past = self.of(show)
        if past is None or first >= self._began:
            return []
        found: list[Bar] = []
        group: list[Piece] = []
        key = -1
        for place, whole in enumerate(past.session(session)):
            if whole.start >= last or whole.start < run_start:
                continue
            for piece in self._parts(past, session, place, (size, first, last, offset)):
                own = piece.start - (piece.start + offset) % size
                if own != key:
                    if group:
                        found.append(self._group(show, group, max(key, run_start)))
                    key, group = own, []
                group.append(piece)
        if group:
            found.append(self._group(show, group, max(key, run_start)))
        return found

    def _parts(
        self,
        past: Past | FollowingPast,
        session: Session,
        place: int,
        cut: tuple[int, int, int, int],
    ) -> Iterator[Piece]:
        """What bars are made of: pieces of the past no longer than a bar, in order."""
        size, first, last, offset = cut
        if size % FIVE_S or not isinstance(past, Past):
            yield from self._cut(past, past.minutes(session, place), cut)
            return
        whole = size % HALF_S == 0 and offset % HALF_S == 0
        for half in past.halves(session, place):
            end = half.start - half.start % HALF_S + HALF_S
            if end <= first or half.start >= last:
                continue
            if whole and end <= last:
                yield half
                continue
            for five in past.fives(session, half):
                end = five.start - five.start % FIVE_S + FIVE_S
                if first < end <= last:
                    yield five
                elif end > first and five.start < last:
                    later = [
                        one for one in past.minutes_in(session, half) if one.start >= five.start
                    ]
                    yield from self._cut(past, later, cut)

    def _cut(
        self,
        past: Past | FollowingPast,
        minutes: list[Piece],
        cut: tuple[int, int, int, int],
    ) -> Iterator[Piece]:
        """Minutes from a second to another, in seconds where bars are shorter or one is cut."""
        size, first, last, offset = cut
        for minute in minutes:
            at = minute.start
            if at + 60 <= first:
                continue
            if at >= last:
                return
            if size == HALF_MINUTE_S and first <= at and at + 60 <= last and isinstance(past, Past):
                yield from past.half_minutes(minute)
            elif size < 60 or at + 60 > last:
                yield from self._seconds(past, minute, size, (first, last, offset))
            else:
                yield minute

    def _seconds(
        self, past: Past | FollowingPast, minute: Piece, size: int, cut: tuple[int, int, int]
    ) -> list[Piece]:
        """A minute's trades as bars of seconds, quiet ones too."""
        size, offset = min(size, 60), cut[2]
        trades = past.trades(minute)
        price, place, found = minute.open, 0, []
        end = min(minute.start + 60, self._began, cut[1])
        start = minute.start - (minute.start + offset) % size
        for begin in range(start, end, size):
            until = min(begin + size, end) * 1000
            prices: list[int] = []
            volume = turnover = 0
            while place < len(trades) and trades[place].millis < until:
                trade = trades[place]
                prices.append(trade.price)
                volume += trade.size
                turnover += trade.price * trade.size
                place += 1
            if begin + size <= cut[0] or begin + size <= minute.start:
                price = prices[-1] if prices else price
                continue
            shape = (prices[0], max(prices), min(prices), prices[-1]) if prices else (price,) * 4
            price = shape[3]
            found.append(Piece(max(begin, minute.start), *shape, volume, turnover, len(prices)))
        return found

    def _group(self, show: Show, pieces: list[Piece], start: int) -> Bar:
        if len(pieces) == 1:
            return self._bar(show, pieces[0], start)
        trading = [piece for piece in pieces if piece.count] or pieces
        joined = Piece(
            start,
            trading[0].open,
            max(piece.high for piece in trading),
            min(piece.low for piece in trading),
            trading[-1].close,
            sum(piece.volume for piece in pieces),
            sum(piece.turnover for piece in pieces),
            sum(piece.count for piece in pieces),
        )
        return self._bar(show, joined, start)

    def _bar(self, show: Show, piece: Piece, start: int) -> Bar:
        """A bar of the past: bid and offer stand at a fixed distance from the price."""
        past = self._past
        assert past is not None
        tick, digits = past.tick, past.digits
        if show is Show.TRADES or show is Show.ADJUSTED_LAST:
            return Bar(
                start,
                round(piece.open * tick, digits),
                round(piece.high * tick, digits),
                round(piece.low * tick, digits),
                round(piece.close * tick, digits),
                piece.volume if self._shows_volume else 0,
                piece.turnover * tick if self._shows_volume else 0.0,
                piece.count,
            )
        below, above = past.below, past.above
        if show is Show.BID_ASK:
            mean = piece.turnover / piece.volume if piece.volume else float(piece.close)
            return Bar(
                start,
                (mean - below) * tick,
                round((piece.high + above) * tick, digits),
                round((piece.low - below) * tick, digits),
                (mean + above) * tick,
                weight=piece.count or 1,
            )
        away = {Show.BID: -below, Show.ASK: above, Show.MIDPOINT: (above - below) / 2}[show]
        digits += show is Show.MIDPOINT
        return Bar(
            start,
            round((piece.open + away) * tick, digits),
            round((piece.high + away) * tick, digits),
            round((piece.low + away) * tick, digits),
            round((piece.close + away) * tick, digits),
        )
