"""Our own count of profit: exact, conserved, and unknown where a cost is unknown."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.account.profit import (
    Carried,
    Dimension,
    Opening,
    OwnFill,
    compare,
    incomplete,
    own_profit,
)
from twsloop.account.rows import AccountProfit

D = Decimal
START = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)


def fill(number: int, quantity: int, price: str, fee: str | None = "1", **more: Any) -> OwnFill:
    values: dict[str, Any] = {
        "exec_id": f"0001.{number}.01.01",
        "time": START + timedelta(minutes=number),
        "account": "DU1",
        "con_id": 265598,
        "symbol": "AAPL",
        "currency": "USD",
        "quantity": Decimal(quantity),
        "price": Decimal(price),
        "commission": None if fee is None else Decimal(fee),
    }
    return OwnFill(**(values | more))


def test_first_in_first_out_and_at_the_average() -> None:
    fills = [fill(1, 100, "10"), fill(2, 100, "20"), fill(3, -100, "30")]
    [first] = own_profit(fills)
    assert (first.gross, first.realized, first.commission) == (D(2000), D(1998), D(3))
    [average] = own_profit(fills, method="average")
    assert (average.gross, average.realized) == (D(1500), D(1498))
    assert (first.symbol, first.currency, first.bought, first.sold) == (
        "AAPL",
        "USD",
        D(200),
        D(100),
    )


def test_short_through_flat_and_long_with_a_multiplier() -> None:
    fills = [
        fill(1, -2, "10", multiplier=Decimal(50)),
        fill(2, 5, "8", multiplier=Decimal(50)),
        fill(3, -3, "9", multiplier=Decimal(50)),
    ]
    [row] = own_profit(fills)
    assert row.gross == 2 * 2 * 50 + 3 * 1 * 50
    assert row.realized == row.gross - 3


def test_groups_by_tag_day_account_and_currency() -> None:
    day = timedelta(days=1)
    fills = [
        fill(1, 10, "10", tag="open"),
        fill(2, -4, "11", tag="scalp"),
        fill(3, -6, "12", tag="swing", time=START + day),
        fill(4, 10, "5", account="DU2", currency="EUR", con_id=2, symbol="SAP"),
    ]
    by_tag = {row.tag: row.gross for row in own_profit(fills, by=("tag",)) if row.currency == "USD"}
    assert by_tag == {"open": 0, "scalp": 4, "swing": 12}
    days = own_profit(fills, by=("account", "day"), zone=ZoneInfo("America/New_York"))
    assert [(row.account, row.day, row.currency, row.gross) for row in days] == [
        ("DU1", date(2026, 1, 5), "USD", D(4)),
        ("DU2", date(2026, 1, 5), "EUR", D(0)),
        ("DU1", date(2026, 1, 6), "USD", D(12)),
    ]
    assert [row.symbol for row in own_profit(fills, by=())] == [None, None], "by currency alone"


def test_what_was_held_before_and_nobody_knows_at_what_cost() -> None:
    fills = [fill(1, -150, "30")]
    held = Opening(account="DU1", con_id=265598, quantity=Decimal(100), cost=Decimal(20))
    [row] = own_profit(fills, opening=[held])
    fee = D("0.666666666667")
    assert (row.gross, row.realized, row.unknown) == (D(1000), 1000 - fee, D(0))
    unknown = Opening(account="DU1", con_id=265598, quantity=Decimal(100))
    [row] = own_profit(fills, opening=[unknown])
    assert (row.gross, row.realized, row.unknown) == (D(0), D(0), D(100))


def test_what_cannot_be_asked() -> None:
    with pytest.raises(ValueError, match="known are"):
        own_profit([], by=("strategy",))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="lifo"):
        own_profit([], method="lifo")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="has no time zone"):
        own_profit([], since=datetime(2026, 1, 5))  # noqa: DTZ001


def test_parts_of_a_commission_add_up_to_it() -> None:
    """A third of it three times is all of it, to the last digit."""
    fills = [fill(1, 3, "10"), fill(2, -1, "10"), fill(3, -1, "10"), fill(4, -1, "10")]
    [row] = own_profit(fills)
    assert (row.realized, row.commission) == (D(-4), D(4))


def test_a_commission_in_another_currency_has_a_row_of_its_own() -> None:
    """EUR.JPY of an account in USD: two dollars are not two yen."""
    pair = {"symbol": "EUR.JPY", "currency": "JPY", "commission_currency": "USD"}
    fills = [fill(1, 1000, "160", "2", **pair), fill(2, -1000, "161", "3", **pair)]
    yen, dollars = own_profit(fills)
    assert (yen.currency, yen.gross, yen.realized, yen.commission) == (
        "JPY",
        *map(D, (1000, 1000, 0)),
    )
    assert (dollars.currency, dollars.gross, dollars.realized) == ("USD", D(0), D(-5))
    assert (dollars.commission, dollars.symbol, dollars.bought) == (D(5), "EUR.JPY", D(0))


def test_what_was_executed_before_only_says_what_is_held() -> None:
    fills = [fill(1, 10, "10"), fill(2, -4, "11"), fill(3, -6, "12")]
    [row] = own_profit(fills, since=START + timedelta(minutes=3))
    assert (row.gross, row.sold, row.bought, row.commission) == (D(12), D(6), D(0), D(1))
    assert row.realized == 12 - 1 - D(6) / 10


trades = st.lists(
    st.tuples(
        st.integers(-50, 50).filter(bool),
        st.decimals(1, 200, places=2),
        st.decimals(0, 5, places=2),
    ),
    max_size=30,
)


@given(trades, st.sampled_from(["fifo", "average"]), st.randoms())
def test_money_is_conserved(made: list[Any], method: Any, chance: Any) -> None:
    """What came in less what went out is what was earned less what is still held."""
    fills = [
        fill(number, quantity, str(price), str(fee))
        for number, (quantity, price, fee) in enumerate(made)
    ]
    held = sum(one.quantity for one in fills)
    last = Decimal(77)
    flat = [*fills, fill(len(fills), -int(held), str(last), "0")] if held else fills
    shuffled = flat * 2
    chance.shuffle(shuffled)
    rows = own_profit(shuffled, method=method)
    cash = sum((-one.quantity * one.price for one in flat), Decimal(0))
    fees = sum((one.commission or Decimal(0) for one in flat), Decimal(0))
    gross = sum((row.gross for row in rows), Decimal(0))
    realized = sum((row.realized for row in rows), Decimal(0))
    assert gross == cash
    assert realized == cash - fees
    assert sum((row.commission for row in rows), Decimal(0)) == fees


@given(trades, st.integers(0, 30), st.sampled_from(["fifo", "average"]))
def test_what_is_forgotten_counts_as_what_was_before(
    made: list[Any], forgotten: int, method: Any
) -> None:
    fills = [
        fill(number, quantity, str(price), str(fee), account=f"DU{number % 2}")
        for number, (quantity, price, fee) in enumerate(made)
    ]
    carried = Carried()
    for one in fills[:forgotten]:
        carried.take([one])
    since = START + timedelta(minutes=forgotten)
    for _ in range(2):  # asking changes nothing
        rows = own_profit(fills[forgotten:], by=("account",), method=method, carried=carried)
        assert rows == own_profit(fills, by=("account",), method=method, since=since)
    latest = max((one.time for one in fills[:forgotten] if one.account == "DU1"), default=None)
    assert carried.latest("DU1") == latest


def test_a_day_of_which_executions_are_forgotten_is_not_compared() -> None:
    counted = compare([], theirs("5"), {}, "USD")
    assert counted.difference == -5
    told = incomplete(counted, START)
    assert (told.ours, told.difference, told.theirs) == (None, None, D(5))
    assert "14:30:00 UTC" in told.reasons[0]
    assert "keep_settled" in told.reasons[0]


@given(trades)
def test_the_rows_of_any_grouping_add_up_to_the_same(made: list[Any]) -> None:
    fills = [
        fill(
            number,
            quantity,
            str(price),
            tag=f"t{number % 3}",
            time=START + timedelta(hours=9 * number),
        )
        for number, (quantity, price, _) in enumerate(made)
    ]
    groupings: list[tuple[Dimension, ...]] = [
        (), ("symbol",), ("tag",), ("day",), ("account", "tag", "day")
    ]  # fmt: skip
    totals = {sum((row.gross for row in own_profit(fills, by=by)), Decimal(0)) for by in groupings}
    assert len(totals) == 1


def theirs(realized: str | None) -> AccountProfit:
    amount = None if realized is None else Decimal(realized)
    return AccountProfit("DU1", "", daily=None, unrealized=None, realized=amount, time=START)


def test_the_comparison_says_by_how_much_and_why() -> None:
    rows = own_profit([fill(1, 10, "10"), fill(2, -10, "12")], by=("account",))
    same = compare(rows, theirs("18"), {"USD": Decimal(1)}, "USD")
    assert (same.ours, same.difference, same.reasons) == (D(18), D(0), ())
    foreign = compare(rows, theirs("16.2"), {"USD": Decimal("0.9")}, "EUR")
    assert foreign.difference == 0
    assert foreign.reasons == ("USD at the rate of now, not of each execution",)
    assert compare(rows, theirs(None), {"USD": Decimal(1)}, "USD").difference is None
    lost = compare(rows, theirs("18"), {}, "EUR")
    assert (lost.ours, lost.difference) == (None, None)
    assert lost.reasons[0] == "no exchange rate of USD"
