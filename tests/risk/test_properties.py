"""What holds for any limits, any orders and any order of reports."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from datetime import timedelta
from decimal import Decimal
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st

from tests.risk.support import ACCOUNT, NOON, Kept, Row, Seen, World, aapl, eurusd
from twsloop.config.options import options_of
from twsloop.config.sections import RiskParams
from twsloop.config.sections.risk import ACCOUNT_LIMITS, SYMBOL_LIMITS
from twsloop.contracts.builders import future, stock
from twsloop.orders.builders import limit_order, market_order, stop_order
from twsloop.risk.breaker import Breaker, Trouble
from twsloop.risk.limits import loosens

# ------------------------------------------------------------------------- monotone verdicts

#: Each limit with values from the tightest to the loosest.
RANGES: dict[str, tuple[Any, ...]] = {
    "accounts": (("DU2",), ("DU2", ACCOUNT), None),
    "symbols": (("MSFT",), ("MSFT", "AAPL"), ("MSFT", "AAPL", "EUR.USD"), None),
    "sec_types": (("STK",), ("STK", "FUT"), None),
    "currencies": (("EUR",), ("EUR", "USD"), None),
    "max_quantity": (0.0, 50.0, 100.0, None),
    "max_notional": (0.0, 5000.0, 10_000.0, 50_000.0, None),
    "max_position": (0.0, 50.0, 150.0, 400.0, None),
    "max_position_value": (0.0, 5000.0, 20_000.0, None),
    "max_gross_exposure": (0.0, 10_000.0, 30_000.0, None),
    "max_concentration": (0.0, 5.0, 20.0, None),
    "max_buying_power": (0.0, 10.0, 100.0, None),
    "max_open_orders": (0, 1, 3, None),
    "orders_per_second": (0, 1, 2, 5, None),
    "orders_per_minute": (0, 3, None),
    "orders_per_day": (0, 3, None),
    "duplicate_window": (60.0, 5.0, 0.0, None),
    "require_quote": (True, False),
    "max_quote_age": (0.0, 5.0, 60.0, None),
    "collar_percent": (0.0, 1.0, 5.0, None),
    "collar_ticks": (0.0, 10.0, 1000.0, None),
    "max_daily_loss": (0.0, 100.0, 1000.0, None),
    "max_drawdown": (0.0, 100.0, 1000.0, None),
    "day_trading": ("broker", "known", "off"),
    "classic_day_trading": ((ACCOUNT,), None),
    "before_restart": (60.0, 5.0, None),
    "trading_hours": ("liquid", "trading", "any"),
    "symbol_limits": (("AAPL:max_quantity=10",), ("AAPL:max_quantity=50",)),
    "account_limits": ((f"{ACCOUNT}:max_notional=100",), (f"{ACCOUNT}:max_notional=9000",), None),
    "breaker_rejects": (1, 2, 4, None),
    "breaker_errors": (1, 3, None),
    "breaker_window": (60.0, 10.0, 0.1),
    "breaker_pause": (0.0, 60.0, 3.0),
}
#: Settings that say what limits are counted in; they are no limits.
MEASURES = {"currency", "day_zone", "day_begins"}
#: Every limit that a symbol or an account may have of its own, likewise. One of a symbol is in
#: place of the general one, so that it cannot be left out for more.
OWN: list[tuple[str, tuple[Any, ...]]] = [
    ("symbol_limits", tuple((f"AAPL:{name}={number}",) for number in (0, 60, 9000)))
    for name in sorted(SYMBOL_LIMITS)
] + [
    (
        "account_limits",
        (*((f"{ACCOUNT}:{name}={number}",) for number in (0, 2, 60, 9000)), None),
    )
    for name in sorted(ACCOUNT_LIMITS)
]


def test_no_limit_is_left_out() -> None:
    assert RANGES.keys() | MEASURES == options_of(RiskParams).keys()
    assert not RANGES.keys() & MEASURES
    for name, values in [*RANGES.items(), *OWN]:
        steps = [RiskParams(**{name: value}) for value in values]
        for tight, loose in itertools.pairwise(steps):
            assert loosens(name, tight, loose), name
            assert not loosens(name, loose, tight), name


def contracts() -> list[Any]:
    known = future("ES", "202612", "CME")
    known.multiplier = "50"
    return [aapl(), stock("AAPL"), eurusd(), known, future("ES", "202703", "CME")]


def orders() -> st.SearchStrategy[Any]:
    size, price = st.sampled_from([1, 50, 100, 200]), st.sampled_from(["90", "99", "101", "110"])
    side = st.sampled_from(["BUY", "SELL"])
    return st.one_of(
        st.builds(limit_order, side, size, price),
        st.builds(market_order, side, size),
        st.builds(stop_order, side, size, price),
    )


worlds = st.builds(
    World,
    quote=st.one_of(
        st.none(),
        st.builds(
            Seen,
            bid=st.sampled_from([None, 99.9, 100.2]),
            age=st.sampled_from([None, 0.1, 20.0]),
            halted=st.sampled_from([None, 1.0]),
        ),
    ),
    held=st.one_of(
        st.none(),
        st.lists(st.sampled_from([-200, -50, 0, 50, 300]), max_size=2).map(
            lambda sizes: [
                Row(contract, Decimal(size))
                for contract, size in zip([aapl(), eurusd()], sizes, strict=False)
            ]
        ),
    ),
    values=st.fixed_dictionaries(
        {},
        optional={
            "NetLiquidation": st.just(Decimal(20_000)),
            "BuyingPower": st.just(Decimal(40_000)),
            "DayTradesRemaining": st.sampled_from([Decimal(-1), Decimal(0)]),
        },
    ),
    base=st.sampled_from(["USD", "EUR", ""]),
    profit=st.sampled_from([None, Decimal(50), Decimal(-500)]),
    day_trades=st.sampled_from([None, 0, 3]),
    open=st.sampled_from([None, True, False]),
    restart=st.sampled_from([None, *(NOON + timedelta(minutes=left) for left in (1, 8, 90))]),
)


#: What went wrong, and how many seconds after the last.
troubles = st.lists(
    st.tuples(st.sampled_from(["reject", "error"]), st.sampled_from([0, 1, 2, 9, 50])), max_size=6
)


@st.composite
def limits(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(sorted(RANGES)), max_size=6, unique=True))
    return {name: draw(st.sampled_from(RANGES[name])) for name in names}


@given(
    world=worlds,
    given_limits=limits(),
    before=st.lists(st.tuples(st.sampled_from(contracts()), orders()), max_size=4),
    proposed=st.tuples(st.sampled_from(contracts()), orders()),
    troubles=troubles,
)
def test_a_tighter_limit_never_admits_more(
    world: World,
    given_limits: dict[str, Any],
    before: list[Any],
    proposed: Any,
    troubles: list[tuple[Trouble, int]],
) -> None:
    gate = world.gate(max_quote_age=None)
    for contract, order in before:
        gate.review(world.propose(contract, order))
    for _, seconds in troubles:
        world.wait(seconds)
    proposal = world.propose(*proposed)

    def refusal(params: RiskParams) -> str:
        """What these limits say to it, if all that happened before happened under them."""
        gate.reload(params, reason="a test", now=world.now)
        gate.memory.breaker = Breaker()
        at = world.at - sum(seconds for _, seconds in troubles)
        for trouble, seconds in troubles:
            at += seconds
            gate.memory.breaker.note(trouble, at, params)
        return gate.preview(proposal).reason

    others = RiskParams(**given_limits)
    for name, values in [*RANGES.items(), *OWN]:
        said = [refusal(attrs.evolve(others, **{name: value})) for value in values]
        for tight, loose in itertools.pairwise(said):
            assert tight or not loose, (name, loose)


# ------------------------------------------------------------- limits hold, whatever comes when


@attrs.define
class Exchange:
    """Trades orders; its reports come in their order, but fills and positions apart."""

    world: World
    gate: Any
    limit: int
    position: Decimal = Decimal(0)
    working: list[Kept] = attrs.Factory(list)
    fills: deque[tuple[Kept, Decimal]] = attrs.Factory(deque)
    positions: deque[Decimal] = attrs.Factory(deque)
    traded: dict[int, Decimal] = attrs.Factory(dict)

    def order(self, side: str, size: int) -> None:
        proposal = self.world.propose(order=limit_order(side, size, "100"))
        if self.gate.review(proposal).allowed:
            self.working.append(Kept(proposal.order_id, proposal.contract, proposal.order))

    def trade(self, which: int, size: int) -> None:
        if not self.working:
            return
        kept = self.working[which % len(self.working)]
        done = self.traded.get(kept.order_id, Decimal(0))
        size_now = min(Decimal(size), kept.order.totalQuantity - done)
        if not size_now:
            return
        self.traded[kept.order_id] = done + size_now
        self.position += size_now if kept.order.action == "BUY" else -size_now
        self.positions.append(self.position)
        self.fills.append((kept, done + size_now))

    def cancel(self, which: int) -> None:
        quiet = [k for k in self.working if k.filled == self.traded.get(k.order_id, 0)]
        if quiet:
            kept = quiet[which % len(quiet)]
            self.working.remove(kept)
            kept.final, kept.status = True, "Cancelled"
            self.gate.note(kept, self.world.at)

    def tell_fill(self) -> None:
        if self.fills:
            kept, filled = self.fills.popleft()
            kept.filled = filled
            if filled == kept.order.totalQuantity:
                kept.final, kept.status = True, "Filled"
                self.working.remove(kept)
            self.gate.note(kept, self.world.at)

    def tell_position(self) -> None:
        if self.positions:
            self.world.held = [Row(aapl(), self.positions.popleft())]

    def settle(self) -> None:
        while self.fills or self.positions:
            self.tell_fill()
            self.tell_position()
        self.world.wait(31)

    def check(self) -> None:
        open_now = {"BUY": Decimal(0), "SELL": Decimal(0)}
        for kept in self.working:
            done = self.traded.get(kept.order_id, Decimal(0))
            open_now[kept.order.action] += kept.order.totalQuantity - done
        assert self.position + open_now["BUY"] <= self.limit
        assert open_now["SELL"] - self.position <= self.limit


steps = st.lists(
    st.one_of(
        st.tuples(st.just("order"), st.sampled_from(["BUY", "SELL"]), st.integers(1, 60)),
        st.tuples(st.just("trade"), st.integers(0, 5), st.sampled_from([1, 10, 60])),
        st.tuples(st.just("cancel"), st.integers(0, 5)),
        st.tuples(st.just("tell_fill")),
        st.tuples(st.just("tell_position")),
        st.tuples(st.just("settle")),
    ),
    max_size=40,
)


@given(steps=steps, opening=st.integers(-100, 100))
def test_a_position_never_gets_over_its_limit(steps: list[Any], opening: int) -> None:
    world = World(held=[Row(aapl(), Decimal(opening))])
    exchange = Exchange(world, world.gate(max_position=100), 100, Decimal(opening))
    for name, *arguments in steps:
        getattr(exchange, name)(*arguments)
        exchange.check()
    # Once all is told, exactly what is free may be ordered: nothing is held back for ever.
    exchange.settle()
    taken = sum(kept.order.totalQuantity for kept in exchange.working if buys(kept))
    taken -= sum(kept.filled for kept in exchange.working if buys(kept))
    free = 100 - exchange.position - taken
    if free > 0:
        assert exchange.gate.preview(world.propose(order=limit_order("BUY", free, "100"))).allowed


def buys(kept: Kept) -> bool:
    return bool(kept.order.action == "BUY")


def test_sixteen_threads_together_stay_within_a_limit() -> None:
    # All orders are judged on the loop thread; a lock stands for it here.
    world = World()
    gate = world.gate(max_position=1000, max_open_orders=70, orders_per_second=80)
    turn, start = threading.Lock(), threading.Barrier(16)
    allowed: list[int] = []

    def place() -> None:
        start.wait()
        for size in (10, 7, 3, 25, 1, 9, 12, 30):
            with turn:
                proposal = world.propose(order=limit_order("BUY", size, "100"))
                if gate.review(proposal).allowed:
                    allowed.append(size)

    threads = [threading.Thread(target=place) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert 0 < sum(allowed) <= 1000
    assert len(allowed) <= 70
    assert gate.memory.working.count(ACCOUNT) == len(allowed)
