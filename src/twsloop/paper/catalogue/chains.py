"""Option chains: what is listed on a day, and one option only when somebody asks for it.

Theory of operation. A gateway's options are tens of thousands, and hardly any is ever looked at.
So a chain is a rule (`Chain`): the expiries follow from the date, the strikes from the reference
price of the underlying, and an `Instrument` is made when a description or a contract id asks for
it. Startup makes none.

A contract id is arithmetic, not a table: it holds the class's number, the day of expiry, the
strike's place on the class's grid and the right. So it is the same in every process and on every
day, a client may come back with the id alone, and two options never share one. The day is counted
modulo `DAYS` (almost 17 years), which is unambiguous among what is listed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

import attrs
from ibapi.protobuf.Contract_pb2 import Contract

from twsloop.paper.clock.hours import Hours

from .calendar_rules import daily_expiries, monthly_expiries, trading_day, trading_day_before
from .instrument import BASE_TYPES, Instrument, right_of, wanted_expiry
from .listings import OptionLine

__all__ = ["FIRST_OPTION_ID", "Chain", "Chains", "option_con_id"]

#: Contract ids of options: above those that IB has given so far, below `GENERATED_IDS`.
FIRST_OPTION_ID = 1_000_000_000
#: Places for strikes and rights within one expiry; days within one class.
PLACES, DAYS = 4096, 6100
EPOCH = date(2000, 1, 1)
#: How far from the money, as a part of it, strikes of each distance are listed.
NEAR, WIDE, FAR = 0.08, 0.25, 0.60
ONE_DAY = timedelta(days=1)
FRIDAY = 4
MONTH = slice(0, 6)
PRICE_LIMIT = 1e9
#: Date, right and strike of an option's local symbol.
OCC_TAIL = re.compile(r"[0-9]{6}[CP][0-9]{8}")
OPTION_HOURS = Hours(
    time_zone="US/Eastern",
    trading=(time(9, 30), time(16)),
    liquid=(time(9, 30), time(16)),
    rollover=time(0),
    us_holidays=True,
)
INDEX_OPTION_HOURS = attrs.evolve(OPTION_HOURS, trading=(time(9, 30), time(16, 15)))
OPTION_TYPES = BASE_TYPES + ",AON,FOK,ICE,MTL,SNAPMID,SNAPMKT,SNAPREL"
EXCHANGES = (
    *("SMART", "AMEX", "CBOE", "PHLX", "PSE", "ISE", "BOX", "BATS", "NASDAQOM", "CBOE2"),
    *("NASDAQBX", "MIAX", "GEMINI", "EDGX", "MERCURY", "PEARL", "EMERALD", "MEMX", "IBUSOPT"),
    *("SAPPHIRE", "MX2"),
)
INDEX_EXCHANGES = ("SMART", "CBOE")
#: Where stock options go in pennies at any price.
PENNY_EXCHANGES = frozenset({"SMART", "NASDAQOM", "NASDAQBX", "IBUSOPT"})


class _Rules(NamedTuple):
    """What a family of options has in common."""

    exchanges: tuple[str, ...]
    market_rules: tuple[int, ...]
    min_tick: Decimal
    quote_rule: int
    american: bool
    hours: Hours


_STOCK = _Rules(
    EXCHANGES,
    tuple(32 if one in PENNY_EXCHANGES else 109 for one in EXCHANGES),
    Decimal("0.01"),
    109,
    american=True,
    hours=OPTION_HOURS,
)
_RULES: Mapping[str, _Rules] = MappingProxyType(
    {
        "stock": _STOCK,
        "penny": _STOCK._replace(market_rules=(32,) * len(EXCHANGES), quote_rule=32),
        "index": _Rules(
            INDEX_EXCHANGES,
            (110,) * len(INDEX_EXCHANGES),
            Decimal("0.05"),
            110,
            american=False,
            hours=INDEX_OPTION_HOURS,
        ),
    }
)


def option_con_id(line: OptionLine, expiry: date, place: int, right: str) -> int:
    """The contract id of one option; ``place`` is its strike in steps of the class's grid."""
    day = (expiry - EPOCH).days % DAYS
    return FIRST_OPTION_ID + ((line.number * DAYS + day) * PLACES) + 2 * place + (right == "P")


@attrs.define(eq=False)
class Chain:
    """The options of one trading class.

    Attributes:
        line: Its rules.
        underlying: What they are on.
        expiries: Last trading days, the next one first.
        places: Strikes, in steps of the grid, in order.
    """

    line: OptionLine
    underlying: Instrument
    expiries: tuple[date, ...]
    places: tuple[int, ...]
    _made: dict[int, Instrument]

    @property
    def rules(self) -> _Rules:
        """What its family has in common."""
        return _RULES[self.line.rules]

    @property
    def exchanges(self) -> tuple[str, ...]:
        """Where they trade."""
        return self.rules.exchanges

    @property
    def multiplier(self) -> str:
        """100 of the underlying."""
        return "100"

    @property
    def strikes(self) -> tuple[float, ...]:
        """The strikes, in order."""
        return tuple(place * self.line.step for place in self.places)

    def option(self, expiry: date, place: int, right: str) -> Instrument:
        """One of its options, listed or not; always the same object."""
        con_id = option_con_id(self.line, expiry, place, right)
        made = self._made.get(con_id)
        if made is None:
            made = self._made[con_id] = self._make(con_id, expiry, place * self.line.step, right)
        return made

    def _make(self, con_id: int, expiry: date, strike: float, right: str) -> Instrument:
        line, under, rules = self.line, self.underlying, self.rules
        settles = _settlement(line, expiry)
        morning = settles != expiry
        thousandths = round(strike * 1000)
        return Instrument(
            con_id=con_id,
            symbol=line.underlying,
            sec_type="OPT",
            currency=under.currency,
            local_symbol=f"{line.trading_class:<6}{settles:%y%m%d}{right}{thousandths:08}",
            trading_class=line.trading_class,
            multiplier=self.multiplier,
            last_trade_date=f"{expiry:%Y%m%d}",
            last_trade_time="16:15:00" if morning else "16:00:00",
            expires=f"{settles:%Y%m%d}" if morning else "",
            strike=strike,
            right=right,
            american=rules.american,
            min_tick=rules.min_tick,
            long_name=under.long_name,
            valid_exchanges=rules.exchanges,
            order_types=OPTION_TYPES,
            market_rule=rules.market_rules[0],
            market_rules=rules.market_rules,
            industry=under.industry,
            category=under.category,
            subcategory=under.subcategory,
            contract_month=f"{settles:%Y%m}",
            under_con_id=under.con_id,
            under_symbol=under.symbol,
            under_sec_type=under.sec_type,
            agg_group=2,
            hours=rules.hours,
            reference_price=0.01,
            lot=1,
            volatility=under.volatility,
            dividend_yield=under.dividend_yield,
        )

    def find(self, wanted: Contract) -> Iterator[Instrument]:
        """The listed options that fit a description."""
        expiry, right = wanted_expiry(wanted), right_of(wanted.right)
        if expiry is None or right is None:
            return
        places = self._places(wanted.strike)
        rights = (right,) if right else ("C", "P")
        for day in self.expiries:
            if expiry and not self._falls(day, expiry):
                continue
            for place in places:
                for one in rights:
                    option = self.option(day, place, one)
                    if option.fits(wanted):
                        yield option

    def _falls(self, day: date, expiry: str) -> bool:
        text = f"{day:%Y%m%d}"
        return expiry == text or (len(expiry) == MONTH.stop and text[MONTH] <= expiry)

    def _places(self, strike: float) -> tuple[int, ...]:
        if not strike:
            return self.places
        place = round(strike / self.line.step) if abs(strike) < PRICE_LIMIT else -1
        return (place,) if place in self.places else ()


class Chains:
    """The chains of a market.

    Args:
        lines: The classes.
        underlying: The instrument of a security type and a symbol, None: the market lacks it, and
            then it has no options on it either.
        today: The chains are those of this day.
    """

    def __init__(
        self,
        lines: Iterable[OptionLine],
        underlying: Callable[[str, str], Instrument | None],
        today: date,
    ) -> None:
        self.lines = tuple(lines)
        self.today = today
        self._underlying = underlying
        self._chains: dict[str, Chain | None] = {}
        # Options live on after their expiry, as positions and in history.
        self._made: dict[int, Instrument] = {}

    def of(self, under_con_id: int) -> list[Chain]:
        """The chains on an underlying."""
        chains = (self._chain(line) for line in self.lines)
        return [one for one in chains if one and one.underlying.con_id == under_con_id]

    def move_to(self, today: date) -> None:
        """It is a later day: what expired before is listed no more, and new expiries are."""
        if today > self.today:
            self.today = today
            self._chains.clear()

    def find(self, wanted: Contract) -> list[Instrument]:
        """The listed options that fit a description, contract id aside."""
        symbol = wanted.symbol.strip().upper()
        local = wanted.localSymbol.upper()
        found: list[Instrument] = []
        for line in self.lines:
            if symbol and symbol != line.underlying:
                continue
            if local and local.split(" ")[0] != line.trading_class:
                continue
            chain = self._chain(line)
            if chain is None or not (symbol or local):
                continue
            if local:
                option = self._by_local_symbol(chain, local)
                found += [option] if option is not None and option.fits(wanted) else []
            else:
                found += chain.find(wanted)
        return found

    def by_con_id(self, con_id: int) -> Instrument | None:
        """The option of a contract id: one that is listed, or was when it was made."""
        made = self._made.get(con_id)
        if made is not None or con_id < FIRST_OPTION_ID:
            return made
        slot, within = divmod(con_id - FIRST_OPTION_ID, PLACES)
        number, day = divmod(slot, DAYS)
        for line in self.lines:
            chain = self._chain(line) if line.number == number else None
            if chain is None:
                continue
            place, is_put = divmod(within, 2)
            for expiry in chain.expiries:
                if (expiry - EPOCH).days % DAYS == day and place in chain.places:
                    return chain.option(expiry, place, "P" if is_put else "C")
        return None

    def _by_local_symbol(self, chain: Chain, local: str) -> Instrument | None:
        """``AAPL  261218C00270000``: class in six places, date, right, strike in thousandths.

        The date is that of expiration, which is not always the last trading day.
        """
        tail = local[6:]
        if not OCC_TAIL.fullmatch(tail) or local[:6].rstrip() != chain.line.trading_class:
            return None
        place, rest = divmod(int(tail[7:]) / 1000, chain.line.step)
        for expiry in chain.expiries:
            settles = _settlement(chain.line, expiry)
            if f"{settles:%y%m%d}" == tail[:6] and not rest and int(place) in chain.places:
                return chain.option(expiry, int(place), tail[6])
        return None

    def _chain(self, line: OptionLine) -> Chain | None:
        if line.trading_class not in self._chains:
            underlying = self._underlying(line.sec_type, line.underlying)
            self._chains[line.trading_class] = None
            if underlying is not None:
                self._chains[line.trading_class] = Chain(
                    line,
                    underlying,
                    _expiries(line, self.today),
                    _places(line, underlying.reference_price),
                    self._made,
                )
        return self._chains[line.trading_class]


def _settlement(line: OptionLine, last_day: date) -> date:
    """The day of expiration: the class of an index itself is settled by the next day's opening."""
    if line.sec_type != "IND" or line.trading_class != line.underlying:
        return last_day
    day = last_day + ONE_DAY
    while not trading_day(day):
        day += ONE_DAY
    return day


def _expiries(line: OptionLine, today: date) -> tuple[date, ...]:
    """The last trading days of a class."""
    monthly = monthly_expiries(today)
    if line.sec_type == "IND" and line.trading_class == line.underlying:
        # Settled by the opening of the third Friday: the last trading day is the one before.
        before = [trading_day_before(day) for day in monthly]
        return tuple(day for day in before if day >= today)
    if line.cycle == "monthly":
        return tuple(monthly)
    days = set(monthly) | set(daily_expiries(today, each_day=line.cycle == "daily"))
    return tuple(sorted(days))


def _places(line: OptionLine, price: float) -> tuple[int, ...]:
    """The strikes around a price, in steps of the class's grid."""
    steps = price / line.step
    found: set[int] = set()
    for distance, width in ((line.near, NEAR), (line.wide, WIDE), (line.far, FAR)):
        first, last = round(steps * (1 - width) / distance), round(steps * (1 + width) / distance)
        found.update(n * distance for n in range(first, last + 1))
    return tuple(sorted(place for place in found if 0 < place < PLACES // 2))
