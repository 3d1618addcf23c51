"""What the reference server serves: a made-up market, the same for the same seed.

Each weekday has minute bars from 9:30 to 16:14 US Eastern and option trades at random moments
between them; divergence is computed from those trades, predictions from the divergence. Nothing of
it is real, and nothing is stored: a day is generated when it is first asked for, from the seed, the
ticker and the date alone.
"""

from __future__ import annotations

import datetime as dt
import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from api_client.fields import EASTERN
from api_client.occ import OptionSymbol

__all__ = ["Filters", "Market", "Row"]

Row = dict[str, Any]
_OPEN = dt.time(9, 30)
_MINUTES = 405  # 9:30 to 16:14
_HOUR_MS = 3_600_000
_PREDICT_EVERY = 15  # minutes


@attrs.frozen(kw_only=True)
class Filters:
    """Which trades a range request works on, and how it forgets them."""

    lookback_hours: float = 8.0
    lambda_short: float = 0.45
    lambda_long: float = 0.9
    least: Mapping[str, float] = attrs.field(factory=dict)
    most: Mapping[str, float] = attrs.field(factory=dict)

    def passes(self, trade: Row) -> bool:
        """Whether a trade is inside every bound (``trade_value``, ``size``, ``delta``)."""
        return all(trade[name] >= bound for name, bound in self.least.items()) and all(
            trade[name] <= bound for name, bound in self.most.items()
        )


@attrs.frozen
class _Day:
    bars: Sequence[Row]
    trades: Sequence[Row]


def _iso(epoch_ms: int) -> str:
    moment = dt.datetime.fromtimestamp(epoch_ms // 1000, EASTERN)
    return (moment + dt.timedelta(milliseconds=epoch_ms % 1000)).isoformat()


class Market:
    """The made-up market up to now.

    Args:
        seed: The same seed, the same market.
        tickers: What it knows.
        trades_per_day: Option trades of one ticker on one day.
        now: The present, aware; nothing later is ever shown.
    """

    def __init__(
        self,
        *,
        seed: int,
        tickers: Sequence[str],
        trades_per_day: int,
        now: Callable[[], dt.datetime],
    ) -> None:
        self.tickers = tuple(tickers)
        self._seed = seed
        self._trades_per_day = trades_per_day
        self._now = now
        self._days: dict[tuple[str, dt.date], _Day] = {}

    @property
    def now_ms(self) -> int:
        """The present in epoch milliseconds."""
        return int(self._now().timestamp() * 1000)

    def last_day(self) -> dt.date:
        """The latest weekday on which the market has opened."""
        now = self._now().astimezone(EASTERN)
        day = now.date() if now.time() > _OPEN else now.date() - dt.timedelta(days=1)
        while day.weekday() >= 5:
            day -= dt.timedelta(days=1)
        return day

    def back(self, days: int) -> dt.date:
        """The first of the last so many days on which the market opened."""
        day = self.last_day()
        for _ in range(days - 1):
            day -= dt.timedelta(days=3 if day.weekday() == 0 else 1)
        return day

    def trades(self, ticker: str, first: dt.date, last: dt.date) -> list[Row]:
        """All trades of these days so far, oldest first."""
        return self._past(ticker, first, last, "trade_timestamp", lambda day: day.trades)

    def bars(self, ticker: str, first: dt.date, last: dt.date) -> list[Row]:
        """All minute bars of these days so far, oldest first."""
        return self._past(ticker, first, last, "timestamp", lambda day: day.bars)

    def _past(
        self,
        ticker: str,
        first: dt.date,
        last: dt.date,
        stamp: str,
        part: Callable[[_Day], Sequence[Row]],
    ) -> list[Row]:
        now = self.now_ms
        return [
            row
            for day in self._weekdays(first, last)
            for row in part(self._day(ticker, day))
            if row[stamp] <= now
        ]

    def _weekdays(self, first: dt.date, last: dt.date) -> Iterable[dt.date]:
        day, last = first, min(last, self.last_day())
        while day <= last:
            if day.weekday() < 5:
                yield day
            day += dt.timedelta(days=1)

    # ------------------------------------------------------------------------- generation

    def _day(self, ticker: str, day: dt.date) -> _Day:
        found = self._days.get((ticker, day))
        if found is None:
            chance = random.Random(f"{self._seed}/{ticker}/{day}")  # noqa: S311 - made-up data
            bars = self._make_bars(ticker, day, chance)
            trades = self._make_trades(ticker, day, bars, chance)
            found = self._days[ticker, day] = _Day(bars, trades)
        return found

    def _make_bars(self, ticker: str, day: dt.date, chance: random.Random) -> list[Row]:
        opening = dt.datetime.combine(day, _OPEN, tzinfo=EASTERN)
        start = int(opening.timestamp()) * 1000
        # A slow wave over the days keeps neighbouring days near each other without a memory.
        base = 20.0 + (sum(map(ord, ticker)) * 37 % 400)
        price = base * (1 + 0.05 * math.sin(day.toordinal() / 9))
        bars = []
        for minute in range(_MINUTES):
            walk = [price := price * (1 + chance.gauss(0, 0.0004)) for _ in range(4)]
            stamp = start + minute * 60_000
            bars.append(
                {
                    "ticker": ticker,
                    "timestamp": stamp,
                    "datetime": _iso(stamp),
                    "open": round(walk[0], 2),
                    "high": round(max(walk), 2),
                    "low": round(min(walk), 2),
                    "close": round(walk[-1], 2),
                    "volume": chance.randrange(100, 50_000),
                    "date_added": _iso(stamp + 60_000),
                }
            )
        return bars

    def _make_trades(
        self, ticker: str, day: dt.date, bars: Sequence[Row], chance: random.Random
    ) -> list[Row]:
        start = bars[0]["timestamp"]
        moments = sorted(chance.randrange(_MINUTES * 60_000) for _ in range(self._trades_per_day))
        serial = self.tickers.index(ticker) if ticker in self.tickers else len(self.tickers)
        first_id = (day.toordinal() * 100 + serial) * 10_000
        return [
            self._make_trade(first_id + number, start + moment, bars[moment // 60_000], chance)
            for number, moment in enumerate(moments)
        ]

    def _make_trade(self, number: int, stamp: int, bar: Row, chance: random.Random) -> Row:
        spot: float = bar["close"]
        day = dt.datetime.fromtimestamp(stamp / 1000, EASTERN).date()
        expiry = day + dt.timedelta(days=(4 - day.weekday()) % 7 + 7 * chance.randrange(0, 6))
        right = chance.choice(("C", "P"))
        strike = round(spot * (1 + chance.gauss(0, 0.04)) * 2) / 2
        moneyness = (spot - strike) / spot * (1 if right == "C" else -1)
        delta = round((1 if right == "C" else -1) / (1 + math.exp(-25 * moneyness)), 4)
        bid = round(max(0.01, spot * 0.02 * abs(delta) + chance.random() * 0.2), 2)
        ask = round(bid + 0.01 * chance.randrange(1, 12), 2)
        price = chance.choice((bid, ask, round((bid + ask) / 2, 2)))
        size = chance.randrange(1, 400)
        symbol = OptionSymbol.parse(
            f"{bar['ticker']}{expiry:%y%m%d}{right}{round(strike * 1000):08d}"
        )
        return {
            "id": number,
            "ticker": bar["ticker"],
            "option_symbol": str(symbol),
            "trade_timestamp": stamp,
            "trade_datetime": _iso(stamp),
            "price": price,
            "size": size,
            "trade_value": round(price * size * 100, 2),
            "bid": bid,
            "ask": ask,
            "price_threshold": round((bid + ask) / 2, 3),
            "delta": delta,
            "updated_delta": round(delta * (1 + chance.gauss(0, 0.01)), 4),
            "underlying_price": spot,
            "underlying_bid": round(spot - 0.01, 2),
            "underlying_ask": round(spot + 0.01, 2),
            "date_added": _iso(stamp + 1500),
        }

    # ------------------------------------------------------------------------- derived data

    def divergence(
        self, ticker: str, first: dt.date, last: dt.date, filters: Filters | None = None
    ) -> list[Row]:
        """One point for each minute of these days so far, oldest first."""
        chosen = filters if filters is not None else Filters()
        points: list[Row] = []
        for day in self._weekdays(first, last):
            trades = [row for row in self.trades(ticker, day, day) if chosen.passes(row)]
            before = {"short": 0.0, "long": 0.0}
            bars = self.bars(ticker, day, day)
            points.extend(_point(bar, trades, chosen, before) for bar in bars)
        return points

    def predictions(self, ticker: str, first: dt.date, last: dt.date) -> list[Row]:
        """One prediction each quarter of an hour so far, oldest first."""
        now = self.now_ms
        rows = [
            _prediction(point)
            for number, point in enumerate(self.divergence(ticker, first, last))
            if number % _PREDICT_EVERY == 0
        ]
        return [row for row in rows if row["timestamp"] <= now]  # made when its minute was over


def _point(bar: Row, trades: Sequence[Row], filters: Filters, before: dict[str, float]) -> Row:
    until = bar["timestamp"] + 60_000
    since = until - filters.lookback_hours * _HOUR_MS
    seen = [row for row in trades if since <= row["trade_timestamp"] < until]
    point: Row = {name: bar[name] for name in ("ticker", "timestamp", "datetime")}
    for memory, decay in (("short", filters.lambda_short), ("long", filters.lambda_long)):
        sums = {"pos": 0.0, "neg": 0.0}
        for row in seen:
            weight = math.exp(-decay * (until - row["trade_timestamp"]) / _HOUR_MS)
            side = "pos" if row["delta"] > 0 else "neg"
            sums[side] += weight * abs(row["delta"]) * row["trade_value"]
        whole = sums["pos"] + sums["neg"]
        shares = {side: amount / whole if whole else 0.0 for side, amount in sums.items()}
        difference = shares["pos"] - shares["neg"]
        point[f"d_pos_{memory}"] = round(shares["pos"], 6)
        point[f"d_neg_{memory}"] = round(shares["neg"], 6)
        point[f"d_diff_{memory}"] = round(difference, 6)
        point[f"d_diff_derivative_{memory}"] = round(difference - before[memory], 6)
        before[memory] = difference
    values = {sign: [row for row in seen if (row["delta"] > 0) is sign] for sign in (True, False)}
    point["stock_price"] = bar["close"]
    point["sum_pos"] = round(sum(row["trade_value"] for row in values[True]), 2)
    point["sum_neg"] = round(sum(row["trade_value"] for row in values[False]), 2)
    point["number_of_trades"] = len(seen)
    point["lambda_short"] = filters.lambda_short
    point["lambda_long"] = filters.lambda_long
    point["date_added"] = bar["date_added"]
    return point


def _prediction(point: Row) -> Row:
    lean: float = point["d_diff_short"]
    strengths = [math.exp(3 * lean), 1.0, math.exp(-3 * lean)]
    probabilities = [round(strength / sum(strengths), 6) for strength in strengths]
    best = max(range(3), key=probabilities.__getitem__)
    return {
        "ticker": point["ticker"],
        "signal": ("BUY", "HOLD", "SELL")[best],
        "numeric": (1, 0, -1)[best],
        "confidence": probabilities[best],
        "probabilities": probabilities,
        "timestamp": point["timestamp"] + 60_000,
        "datetime": _iso(point["timestamp"] + 60_000),
        "datetime_of_data": point["datetime"],
        "stock_price": point["stock_price"],
        "feature_values": {
            "d_diff_short": lean,
            "d_diff_long": point["d_diff_long"],
            "number_of_trades": point["number_of_trades"],
        },
        "prediction_time": _iso(point["timestamp"] + 61_000),
    }
