"""Limits that change while the program runs: with a reason where they are loosened."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.risk.support import NOON, World
from tests.risk.test_properties import RANGES
from twsloop.config.options import options_of
from twsloop.config.sections import RiskParams
from twsloop.errors import ConfigError, RiskError
from twsloop.events import RiskLimitChanged
from twsloop.risk.limits import LimitBook, loosens, tighter


def test_a_tighter_limit_needs_no_reason_and_counts_at_once() -> None:
    world = World()
    gate = world.gate(max_quantity=100)
    assert gate.preview(world.propose()).allowed
    fact = gate.change("max_quantity", 99.0, now=NOON)
    assert fact is not None
    assert (fact.limit, fact.old, fact.new, fact.loosened, fact.by) == (
        "max_quantity",
        "100",
        "99",
        False,
        "api",
    )
    assert not gate.preview(world.propose()).allowed
    assert gate.change("max_quantity", 99.0, now=NOON) is None


def test_a_looser_limit_needs_a_reason() -> None:
    world = World()
    gate = world.gate(max_quantity=99)
    with pytest.raises(RiskError, match="max_quantity: a limit is loosened only with a reason"):
        gate.change("max_quantity", None, now=NOON)
    assert not gate.preview(world.propose()).allowed
    fact = gate.change("max_quantity", None, reason="a big day", by="cli", now=NOON)
    assert fact is not None
    assert (fact.loosened, fact.new, fact.reason, fact.by) == (True, "", "a big day", "cli")
    assert gate.preview(world.propose()).allowed


def test_what_is_no_limit_or_no_value_is_refused() -> None:
    book = LimitBook(RiskParams())
    with pytest.raises(RiskError, match="there is no limit 'max_size'"):
        book.change("max_size", 1, now=NOON)
    with pytest.raises(ConfigError, match="max_quantity"):
        book.change("max_quantity", "many", now=NOON)


def test_a_reload_takes_all_or_nothing() -> None:
    book = LimitBook(RiskParams(max_quantity=100, max_notional=5000))
    mixed = RiskParams(max_quantity=50, max_notional=6000)
    with pytest.raises(RiskError, match="max_notional"):
        book.reload(mixed, now=NOON)
    assert book.params.max_quantity == 100
    facts = book.reload(mixed, reason="a new plan", now=NOON)
    assert [(fact.limit, fact.loosened, fact.by) for fact in facts] == [
        ("max_quantity", False, "reload"),
        ("max_notional", True, "reload"),
    ]
    assert book.reload(mixed, now=NOON) == []


@pytest.mark.parametrize(
    ("name", "tight", "loose"),
    [
        ("max_position", 1.0, 2.0),
        ("max_position", 0.0, None),
        ("duplicate_window", 2.0, 1.0),
        ("duplicate_window", 2.0, None),
        ("before_restart", 2.0, 1.0),
        ("accounts", ("DU1",), ("DU1", "DU2")),
        ("accounts", ("DU1",), None),
        ("sec_types", ("STK",), ("OPT",)),
        ("require_quote", True, False),
        ("trading_hours", "liquid", "trading"),
        ("trading_hours", "trading", "any"),
        ("day_trading", "broker", "known"),
        ("day_trading", "known", "off"),
        ("classic_day_trading", ("DU1",), None),
        ("breaker_pause", 0.0, 60.0),
        ("breaker_pause", 60.0, 30.0),
        ("breaker_rejects", 3, 4),
        ("symbol_limits", ("AAPL:max_quantity=5",), ("AAPL:max_quantity=6",)),
        ("symbol_limits", ("AAPL:max_quantity=5",), None),
        ("account_limits", ("DU1:max_daily_loss=5",), ("DU1:max_drawdown=5",)),
    ],
)
def test_which_way_a_limit_is_loosened(name: str, tight: Any, loose: Any) -> None:
    one, other = RiskParams(**{name: tight}), RiskParams(**{name: loose})
    assert loosens(name, one, other)
    if name not in {"sec_types", "account_limits"}:  # these two go both ways
        assert not loosens(name, other, one)
    assert not loosens(name, one, one)


# --------------------------------------------------------------- what holds after a restart


def changed(name: str, new: str, **more: Any) -> RiskLimitChanged:
    return RiskLimitChanged(time=NOON, limit=name, old="", new=new, loosened=False, **more)


def restored(facts: list[RiskLimitChanged], **settings: Any) -> RiskParams:
    book = LimitBook(RiskParams(**settings))
    told = book.restore(facts, NOON)
    assert {fact.by for fact in told} <= {"restart"}
    assert len(told) == sum(
        getattr(book.params, name) != getattr(RiskParams(**settings), name)
        for name in options_of(RiskParams)
    )
    assert LimitBook(book.params).restore(facts, NOON) == []
    return book.params


def test_the_tighter_of_the_settings_and_of_what_was_changed_holds() -> None:
    facts = [changed("max_quantity", "200"), changed("max_quantity", "100")]
    assert restored(facts, max_quantity=500).max_quantity == 100
    assert restored(facts, max_quantity=50).max_quantity == 50
    assert restored(facts).max_quantity == 100
    # It was loosened again, with a reason, before the restart.
    assert restored([*facts, changed("max_quantity", "")], max_quantity=500).max_quantity == 500


def test_lists_that_differ_hold_by_what_they_share() -> None:
    assert restored([changed("symbols", "AAPL, MSFT")], symbols=("MSFT", "SPY")).symbols == (
        "MSFT",
    )
    assert restored([changed("symbols", "AAPL")], symbols=("SPY",)).symbols == ("AAPL",)
    told = [changed("symbol_limits", "AAPL:max_quantity=5, SPY:max_quantity=50")]
    mine = restored(told, max_quantity=20, symbol_limits=("AAPL:max_quantity=9",))
    assert mine.own_limits("symbol_limits") == {
        ("AAPL", "max_quantity"): "5",
        ("SPY", "max_quantity"): "20",
    }


def test_what_cannot_be_read_any_more_is_passed_over() -> None:
    told = {"max_size": "3", "max_quantity": "many", "max_position": "-1", "max_notional": ""}
    facts = [changed(name, text) for name, text in told.items()]
    assert restored(facts, max_notional=5) == RiskParams(max_notional=5)


def test_what_was_changed_since_the_program_began_stays() -> None:
    book = LimitBook(RiskParams(max_quantity=10))
    book.change("max_quantity", 20.0, reason="asked for", now=NOON)
    assert book.restore([changed("max_quantity", "5")], NOON) == []
    assert book.params.max_quantity == 20


@given(data=st.data(), name=st.sampled_from(sorted(RANGES)))
def test_what_holds_lets_nothing_pass_that_either_refuses(data: st.DataObject, name: str) -> None:
    one, other = (RiskParams(**{name: data.draw(st.sampled_from(RANGES[name]))}) for _ in range(2))
    value = tighter(name, one, other)
    holds = attrs.evolve(one, **{name: value})
    assert not loosens(name, other, holds)
    lists = (getattr(one, name), getattr(other, name))
    disjoint = isinstance(value, tuple) and not set(value) & set(lists[0] or value)
    assert disjoint or not loosens(name, one, holds)


def test_a_symbols_own_limit_above_the_general_one_is_looser() -> None:
    general = RiskParams(max_quantity=10)
    own = RiskParams(max_quantity=10, symbol_limits=("AAPL:max_quantity=11",))
    assert loosens("symbol_limits", general, own)
    assert not loosens("symbol_limits", own, general)


def test_every_setting_is_compared_or_counts_as_looser() -> None:
    changed: dict[str, Any] = {"currency": "EUR", "day_zone": "UTC", "day_begins": "17:00"}
    for name, value in changed.items():
        assert loosens(name, RiskParams(), RiskParams(**{name: value}))
    for name in options_of(RiskParams):
        assert not loosens(name, RiskParams(), RiskParams())


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("symbol_limits", "AAPL"),
        ("symbol_limits", "AAPL:max_size=1"),
        ("symbol_limits", "AAPL:max_daily_loss=1"),
        ("symbol_limits", "AAPL:max_quantity=-1"),
        ("account_limits", "DU1:max_concentration=1"),
        ("account_limits", ":max_quantity=1"),
    ],
)
def test_a_limit_of_its_own_that_does_not_exist(key: str, text: str) -> None:
    with pytest.raises(ConfigError, match=key):
        RiskParams(**{key: (text,)})  # type: ignore[arg-type]


def test_a_limit_of_its_own_stands_there_once() -> None:
    with pytest.raises(ConfigError, match="there twice"):
        RiskParams(symbol_limits=("AAPL:max_quantity=1", "aapl:max_quantity=2"))


def test_a_day_in_a_zone_that_does_not_exist() -> None:
    with pytest.raises(ConfigError, match="there is no such time zone"):
        RiskParams(day_zone="Nowhere/Town")
    with pytest.raises(ConfigError, match="day_begins"):
        RiskParams(day_begins="25:00")
