"""The live quote of one line.

A Ticker is live: the loop thread changes it, everybody may read it. Each field is replaced as a
whole, so that a reader sees the old or the new value; two fields read one after the other may come
from two ticks. Around an interruption nothing of before is mixed with what comes after it: a line
that was asked for anew shows its last values, stale, until the first tick of its new image, which
takes the place of all of them (`Ticker.renew`).

Prices are floats and sizes are Decimal, as IB hands them over. What is not known is None: IB's
unset sentinels, and its "no quote" (price -1 or 0 together with size 0), never get here as numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs
from ibapi.const import UNSET_DECIMAL, UNSET_DOUBLE

from twsloop.clock import Clock
from twsloop.events import Notice

from .ticks import (
    DELAYED,
    HALTED,
    PAIRED,
    PRICE_OF,
    TICKS,
    UNNAMED,
    EfpTick,
    Greeks,
    Kind,
    MarketDataType,
    RtVolume,
    convert,
)

__all__ = ["NOT_LIVE", "Ticker"]

#: Of these the line goes on, without a part of what was asked for.
_PARTLY = frozenset({2187, 10090, 10091})
#: What IB says of data that does not come, or not live (domain.md d).
NOT_LIVE = _PARTLY | {354, 10089, 10167, 10168, 10186, 10197}
#: Whose prices may be below 0: futures (oil, April 2020), options on them, combos, spreads.
_BELOW_NOTHING = frozenset({"BAG", "CONTFUT", "FOP", "FUT"})
#: What IB sends as a price where there is none, with size 0.
_PERHAPS_NONE = frozenset({0.0, -1.0})
_SAID_OF_TYPE = {
    MarketDataType.FROZEN: "frozen: the last values before the market closed",
    MarketDataType.DELAYED: "delayed by 15 to 20 minutes",
    MarketDataType.DELAYED_FROZEN: "delayed, and frozen: the last values before the market closed",
}


@attrs.define(eq=False, repr=False)
class Ticker:
    """The live quote of one line; see the module's docstring on reading it.

    Every field below ``age`` is None until its tick has come. Equality is identity.

    Attributes:
        contract: What is quoted, as it was asked for.
        symbol: The contract as one would type it.
        market_data_type: Live, frozen or delayed; None until the gateway said so.
        received: When the last tick came, in the clock's monotonic seconds; None before the first.
        stale: The stream is interrupted (link lost, or the gateway lost its servers), or the line
            ended: the values are the last known ones.
        stale_because: What interrupted it last, or ended it.
        error: IB's error that ended the line, or None.
        notice: The latest notice about the line that did not end it (10167: delayed data), or None.
        reason: The latest notice that said why live data does not come (`NOT_LIVE`), or None.
        changed: The fields that the latest tick set.
        min_tick: The increment of displayed prices (``tickReqParams``).
        bbo_exchange: A key for ``reqSmartComponents``.
        snapshot_permissions: As ``tickReqParams`` gave them.
        halted: 0 trades, 1 halted, 2 volatility pause; None unknown.
        shortable: Above 2.5 at least 1000 shares, above 1.5 to be located, else none.
        other: Ticks of types that nobody has named yet.
    """

    contract: Any
    symbol: str
    _clock: Clock = attrs.field(repr=False)
    market_data_type: MarketDataType | None = None
    received: float | None = None
    stale: bool = False
    stale_because: str = attrs.field(default="", repr=False)
    error: Exception | None = None
    notice: Notice | None = None
    reason: Notice | None = None
    changed: tuple[str, ...] = ()
    min_tick: float | None = None
    bbo_exchange: str | None = None
    snapshot_permissions: int | None = None

    bid: float | None = None
    bid_size: Decimal | None = None
    ask: float | None = None
    ask_size: Decimal | None = None
    last: float | None = None
    last_size: Decimal | None = None
    last_time: datetime | None = None
    volume: Decimal | None = None
    open: float | None = None
    high: float | None = None
    low: float | None = None
    close: float | None = None
    bid_exchange: str | None = None
    ask_exchange: str | None = None
    last_exchange: str | None = None
    halted: float | None = None
    mark_price: float | None = None
    last_rth_trade: float | None = None
    last_regulatory_time: datetime | None = None
    rt_volume: RtVolume | None = None
    rt_trade_volume: RtVolume | None = None
    trade_count: float | None = None
    trade_rate: float | None = None
    volume_rate: float | None = None
    average_volume: Decimal | None = None
    volume_3_min: Decimal | None = None
    volume_5_min: Decimal | None = None
    volume_10_min: Decimal | None = None
    low_13_week: float | None = None
    high_13_week: float | None = None
    low_26_week: float | None = None
    high_26_week: float | None = None
    low_52_week: float | None = None
    high_52_week: float | None = None
    shortable: float | None = None
    shortable_shares: Decimal | None = None
    dividends: str | None = None
    news: str | None = None
    fundamental_ratios: str | None = None
    auction_volume: Decimal | None = None
    auction_price: float | None = None
    auction_imbalance: Decimal | None = None
    regulatory_imbalance: Decimal | None = None
    bid_greeks: Greeks | None = None
    ask_greeks: Greeks | None = None
    last_greeks: Greeks | None = None
    model_greeks: Greeks | None = None
    custom_greeks: Greeks | None = None
    open_interest: Decimal | None = None
    call_open_interest: Decimal | None = None
    put_open_interest: Decimal | None = None
    call_volume: Decimal | None = None
    put_volume: Decimal | None = None
    average_option_volume: Decimal | None = None
    futures_open_interest: Decimal | None = None
    option_historical_volatility: float | None = None
    option_implied_volatility: float | None = None
    rt_historical_volatility: float | None = None
    option_bid_exchange: str | None = None
    option_ask_exchange: str | None = None
    index_future_premium: float | None = None
    bid_yield: float | None = None
    ask_yield: float | None = None
    last_yield: float | None = None
    bond_factor_multiplier: float | None = None
    creditman_mark_price: float | None = None
    slow_mark_price: float | None = None
    bid_efp: EfpTick | None = None
    ask_efp: EfpTick | None = None
    last_efp: EfpTick | None = None
    open_efp: EfpTick | None = None
    high_efp: EfpTick | None = None
    low_efp: EfpTick | None = None
    close_efp: EfpTick | None = None
    etf_nav_close: float | None = None
    etf_nav_prior_close: float | None = None
    etf_nav_bid: float | None = None
    etf_nav_ask: float | None = None
    etf_nav_last: float | None = None
    etf_frozen_nav_last: float | None = None
    etf_nav_high: float | None = None
    etf_nav_low: float | None = None
    estimated_ipo_midpoint: float | None = None
    final_ipo_last: float | None = None
    reuters_mutual_funds: str | None = None
    social_market_analytics: str | None = None
    odd_lot_bid: float | None = None
    odd_lot_bid_size: Decimal | None = None
    odd_lot_bid_exchange: str | None = None
    odd_lot_ask: float | None = None
    odd_lot_ask_size: Decimal | None = None
    odd_lot_ask_exchange: str | None = None
    other: dict[int, Any] = attrs.field(factory=dict, repr=False)
    #: Fields of which was told that there is nothing: no bid, say.
    _nothing: set[str] = attrs.field(factory=set, init=False)
    #: Fields whose value is from before an interruption; None in quiet times.
    _old: set[str] | None = attrs.field(default=None, init=False)
    #: The next tick begins a new image.
    _renewed: bool = attrs.field(default=False, init=False)
    #: The field of a price that the size after it makes one, or none; and that price.
    _unsure: tuple[str, float] | None = attrs.field(default=None, init=False)

    # ---- what is derived -----------------------------------------------------------------

    def __repr__(self) -> str:
        # The ninety others are None most of the time, and would bury these.
        said = f"<Ticker {self.symbol}: bid {self.bid}, ask {self.ask}, last {self.last}"
        said += ", stale" if self.stale else ""
        return said + (f", {self.error}>" if self.error is not None else ">")

    @property
    def age(self) -> float | None:
        """Seconds since the last tick; None before the first."""
        received = self.received
        return None if received is None else max(self._clock.monotonic() - received, 0.0)

    @property
    def received_time(self) -> datetime | None:
        """When the last tick came, UTC; None before the first."""
        age = self.age
        return None if age is None else self._clock.now() - timedelta(seconds=age)

    @property
    def delayed(self) -> bool:
        """Whether what is sent is 15 to 20 minutes old."""
        kind = self.market_data_type
        return kind is not None and kind >= MarketDataType.DELAYED

    @property
    def not_live_because(self) -> str:
        """Why what is shown is not, or not all, live; empty where it is, or nothing is known."""
        error, reason, kind = self.error, self.reason, self.market_data_type
        if getattr(error, "code", None) is not None:  # IB's word; not a deadline of ours
            return str(error)
        if reason is not None and (kind is not MarketDataType.LIVE or reason.code in _PARTLY):
            return f"{reason.code}: {reason.text}"
        return _SAID_OF_TYPE.get(kind, "") if kind is not None else ""

    @property
    def midpoint(self) -> float | None:
        """Between bid and ask; None while one of them is missing."""
        bid, ask = self.bid, self.ask
        return None if bid is None or ask is None else (bid + ask) / 2

    @property
    def spread(self) -> float | None:
        """Ask less bid; None while one of them is missing."""
        bid, ask = self.bid, self.ask
        return None if bid is None or ask is None else ask - bid

    @property
    def is_halted(self) -> bool:
        """Whether a halt was reported and not lifted."""
        return bool(self.halted)

    def is_from_before(self, names: Iterable[str]) -> bool:
        """Whether one of these fields was not told anew since an interruption."""
        old = self._old
        return old is not None and not old.isdisjoint(names)

    def has_none(self, name: str) -> bool:
        """Whether it was told that there is no such value, which is more than not to know it."""
        return name in self._nothing

    # ---- what the loop thread applies ----------------------------------------------------

    def apply_price(self, tick_type: int, price: float, now: float) -> None:
        """Take a tickPrice; -1 is no price, but for what may cost less than nothing.

        Of bid, ask and last the size tells whether a 0, or such a -1, is a price: the one that
        comes with it in the same message. Until then it is shown nowhere.
        """
        name, kind = TICKS.get(tick_type, UNNAMED)
        value: Any = None if price == UNSET_DOUBLE else price
        if kind is not Kind.PRICE:
            value = convert(kind, value)
        elif price == -1 and self.contract.secType not in _BELOW_NOTHING:
            value = None
        elif price in _PERHAPS_NONE and tick_type in PAIRED:
            self._unsure = name, price
            self.changed = (name,)
            return
        self._set(tick_type, name, value, now)

    def apply_size(self, tick_type: int, size: Decimal, now: float) -> None:
        """Take a tickSize; a size of 0 withdraws a price that was no quote."""
        name, kind = TICKS.get(tick_type, UNNAMED)
        value: Any = None if size == UNSET_DECIMAL else size
        if kind is not Kind.SIZE:
            value = convert(kind, value)
        judged = self._judge(name, size)
        if judged is not None:
            self._set(tick_type, *judged, now)
        self._set(tick_type, name, value, now)
        if judged is not None:
            self.changed = (name, judged[0])

    def apply_number(self, tick_type: int, number: float, now: float) -> None:
        """Take a tickGeneric."""
        name, kind = TICKS.get(tick_type, UNNAMED)
        value: Any = None if number == UNSET_DOUBLE else number
        if kind is not Kind.NUMBER:
            value = convert(kind, value)
        elif tick_type in HALTED and number == -1:
            value = None
        self._set(tick_type, name, value, now)

    def apply_text(self, tick_type: int, text: str, now: float) -> None:
        """Take a tickString: a text, a time in epoch seconds, a trade, or a number in letters."""
        name, kind = TICKS.get(tick_type, UNNAMED)
        self._set(tick_type, name, convert(kind, text), now)

    def apply_greeks(self, tick_type: int, greeks: Greeks, now: float) -> None:
        """Take a tickOptionComputation."""
        self._set(tick_type, TICKS.get(tick_type, UNNAMED)[0], greeks, now)

    def apply_efp(self, tick_type: int, efp: EfpTick, now: float) -> None:
        """Take a tickEFP."""
        self._set(tick_type, TICKS.get(tick_type, UNNAMED)[0], efp, now)

    def apply_news(self, text: str, now: float) -> None:
        """Take a headline (``tickNews``)."""
        self._set(62, "news", text, now)

    def renew(self) -> None:
        """A whole new image will come: its first tick takes the place of all that is shown."""
        self.doubt()
        self._renewed = self._old is not None

    def doubt(self) -> None:
        """Ticks may have been missed: what is shown may be old, until it is told again."""
        names = {name for name, _ in TICKS.values()}
        self._old = {name for name in names if getattr(self, name) is not None} or None

    def resume(self) -> None:
        """The stream goes on where it was; what was missed meanwhile is told in time."""
        if not self._renewed:
            self.stale = False
            self.doubt()

    def interrupt(self, reason: str) -> None:
        """Nothing comes for now: what is shown may be old."""
        self.stale, self.stale_because = True, reason
        self.doubt()

    def forget(self) -> None:
        """Know nothing any more, as at the beginning: data of another kind will follow."""
        self._clear()
        self.market_data_type = self.reason = self.notice = self.received = None
        self.changed = ()
        self.stale = True

    def apply_notice(self, notice: Notice) -> None:
        """Take a notice about the line that did not end it."""
        self.notice = notice
        if notice.code in NOT_LIVE:
            self.reason = notice

    def withhold(self, notice: Notice) -> None:
        """Take a notice that no data comes for now."""
        self.apply_notice(notice)
        self.market_data_type = None
        self.stale, self.stale_because = True, notice.text

    def apply_type(self, market_data_type: int) -> None:
        """Take a marketDataType: it says what follows, and is no tick itself."""
        before = self.market_data_type
        try:
            self.market_data_type = MarketDataType(market_data_type)
        except ValueError:
            self.market_data_type = None
        if before is None or before is self.market_data_type:
            return
        if (before >= MarketDataType.DELAYED) is self.delayed:
            self.doubt()  # frozen or not: the same ticks go on
        else:
            self.renew()  # live beside delayed values would pass for each other

    def apply_params(self, min_tick: float, bbo_exchange: str, permissions: int) -> None:
        """Take a tickReqParams, which is no tick either."""
        self.min_tick = None if min_tick in {UNSET_DOUBLE, 0.0} else min_tick
        self.bbo_exchange = bbo_exchange or None
        self.snapshot_permissions = permissions

    def _judge(self, name: str, size: Decimal) -> tuple[str, float | None] | None:
        """What a size says of the price it belongs to: its field and value; None if nothing."""
        beside, unsure = PRICE_OF.get(name), self._unsure
        self._unsure = None
        if beside is None:
            return None
        if unsure is not None and unsure[0] == beside:
            return beside, unsure[1] if size else None
        if not size and getattr(self, beside) in _PERHAPS_NONE:
            return beside, None
        return None

    def _clear(self) -> None:
        for name, _ in TICKS.values():
            setattr(self, name, None)
        self.other.clear()
        self._nothing.clear()
        self._old, self._renewed = None, False

    def _set(self, tick_type: int, name: str, value: Any, now: float) -> None:
        if self._old is not None:
            if self._renewed:
                self._clear()
            else:
                self._old.discard(name)
        if name:
            setattr(self, name, value)
            if value is None:
                self._nothing.add(name)
            elif self._nothing:
                self._nothing.discard(name)
        else:
            self.other[tick_type] = value
            name = str(tick_type)
        if tick_type in DELAYED and not self.delayed:
            # Whatever was said before: nobody may take this for live.
            self.market_data_type = MarketDataType.DELAYED
        self.changed = (name,)
        self.received = now
        self.stale = False
