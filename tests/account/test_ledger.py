"""The ledger by tag: exact, whole, the same however its facts come, and honest about drift."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.account.ledger import TagLedger
from twsloop.account.profit import OwnFill, own_profit
from twsloop.account.tag_rows import Opened, TagPosition
from twsloop.events import (
    CommissionReported,
    Fact,
    Fill,
    OrderCreated,
    OrderIntent,
    OrderStep,
    OrderSubmitted,
)
from twsloop.events.statuses import CLOSERS, ENDED
from twsloop.orders.state import FINAL
from twsloop.risk.end_of_day import ORIGIN

D = Decimal
START = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
AAPL, ES = 265598, 495512563
STOCK = {"conId": AAPL, "secType": "STK", "currency": "USD", "symbol": "AAPL"}
FUTURE = {"conId": ES, "secType": "FUT", "currency": "USD", "multiplier": "50"}


def fill(number: int, quantity: int, price: str, **more: Any) -> Fill:
    values: dict[str, Any] = {
        "time": START + timedelta(minutes=number, seconds=1),
        "executed_at": START + timedelta(minutes=number),
        "exec_id": f"0001.{number:04d}.01.01",
        "order_id": number,
        "client_id": 1,
        "account": "DU1",
        "con_id": AAPL,
        "symbol": "AAPL",
        "side": "BOT" if quantity > 0 else "SLD",
        "shares": D(abs(quantity)),
        "price": D(price),
        "tag": "mean",
    }
    return Fill(**(values | more))


def paid(of: Fill, amount: str = "1", currency: str = "USD") -> CommissionReported:
    return CommissionReported(
        time=of.time + timedelta(seconds=5),
        exec_id=of.exec_id,
        commission=D(amount),
        currency=currency,
    )


def intent(number: int, action: str, kind: str, **order: Any) -> OrderIntent:
    contract = order.pop("contract", STOCK)
    return OrderIntent(
        time=START,
        order_id=number,
        client_id=1,
        epoch=1,
        kind="place",
        account="DU1",
        con_id=contract["conId"],
        contract=contract,
        order={"action": action, "orderType": kind, "totalQuantity": "100", **order},
        tag=order.pop("tag", "mean"),
    )


def step(number: int, **changes: Any) -> OrderStep:
    return OrderStep(time=START, order_id=number, client_id=1, changes=changes)


def ledger_of(*facts: Fact, contract: dict[str, Any] | None = None, **more: Any) -> TagLedger:
    made = TagLedger(**more)
    made.learn(SimpleNamespace(**{"multiplier": "", **(contract or STOCK)}))
    for fact in facts:
        made.take(fact)
    return made


def the(rows: list[TagPosition]) -> TagPosition:
    (row,) = rows
    return row


# ---- a round ------------------------------------------------------------------------------


def test_a_bracket_that_ends_at_its_target() -> None:
    bought, sold = fill(1, 100, "10.00"), fill(2, -100, "12.00")
    ledger = ledger_of(
        intent(1, "BUY", "LMT", lmtPrice=10.0),
        intent(2, "SELL", "LMT", lmtPrice=12.0, parentId=1),
        intent(3, "SELL", "STP", auxPrice=9.0, parentId=1),
        bought,
        paid(bought, "1.05"),
    )
    row = the(ledger.positions())
    assert (row.tag, row.side, row.quantity, row.open) == ("mean", "long", D(100), True)
    assert (row.entry_price, row.stop_price, row.target_price) == (D(10), D("9.0"), D("12.0"))
    assert (row.opened_at, row.closed_at, row.close_reason) == (bought.executed_at, None, None)
    assert (row.gross, row.realized, row.commission) == (D(0), D(0), D("1.05"))
    ledger.take(sold)
    ledger.take(step(3, status="Cancelled"))
    row = the(ledger.positions())
    assert (row.quantity, row.closed_at, row.close_reason) == (D(0), sold.executed_at, "target")
    assert (row.gross, row.realized, row.unreported) == (D(200), D("198.95"), 1)
    assert (row.stop_price, row.target_price) == (D("9.0"), D("12.0"))
    ledger.take(paid(sold, "1.10"))
    row = the(ledger.positions())
    assert (row.realized, row.unreported, row.orders) == (D("197.85"), 0, ((1, 1), (1, 2)))
    assert ledger.positions(open_only=True) == []


def test_a_short_that_is_stopped_in_parts_with_a_multiplier() -> None:
    facts: list[Fact] = [
        intent(1, "SELL", "MKT", contract=FUTURE),
        intent(2, "BUY", "STP", auxPrice=5010.0, parentId=1, contract=FUTURE),
        fill(1, -2, "5000", con_id=ES),
        fill(2, 1, "5010.25", con_id=ES),
        fill(3, 1, "5010.75", con_id=ES, order_id=2),
    ]
    row = the(ledger_of(*facts, contract=FUTURE).positions())
    assert (row.side, row.entered, row.left) == ("short", D(2), D(2))
    assert (row.exit_price, row.close_reason) == (D("5010.5"), "stop")
    assert row.gross == D("-1050")


def test_a_fill_that_turns_the_position_round() -> None:
    first, second = fill(1, 100, "10"), fill(2, -150, "11")
    long, short = ledger_of(first, second, paid(first, "1"), paid(second, "3")).positions()
    assert (long.quantity, long.number, long.gross, long.realized) == (D(0), 1, D(100), D(97))
    assert (short.quantity, short.number, short.side) == (D(-50), 2, "short")
    assert (short.entry_price, short.commission, short.realized) == (D(11), D(1), D(0))
    assert long.closed_at == short.opened_at == second.executed_at


def test_tags_are_kept_apart_in_one_contract() -> None:
    ledger = ledger_of(
        fill(1, 100, "10"), fill(2, -40, "11", tag="trend"), fill(3, -100, "12"), fill(4, 5, "9")
    )
    assert [(row.tag, row.number, row.quantity) for row in ledger.positions()] == [
        ("mean", 1, D(0)),
        ("trend", 1, D(-40)),
        ("mean", 2, D(5)),
    ]
    assert the(ledger.positions(tag="trend")).entry_price == D(11)
    assert ledger.positions(tag="") == ledger.positions(con_id=ES) == []
    assert ledger.positions(account="DU2") == []


def test_what_closed_most_of_it_is_the_reason() -> None:
    exits: list[Fact] = [
        intent(1, "BUY", "MKT"),
        intent(2, "SELL", "STP", auxPrice=9.0),
        fill(1, 100, "10"),
        fill(2, -60, "9"),
        fill(3, -40, "9"),
    ]
    assert the(ledger_of(*exits).positions()).close_reason == "stop"
    exits[3], exits[4] = fill(2, -50, "9"), fill(3, -50, "9")
    assert the(ledger_of(*exits).positions()).close_reason == "other"


# ---- by hand ------------------------------------------------------------------------------


def by_hand(number: int, quantity: int, price: str) -> Fill:
    return fill(number, quantity, price, order_id=0, client_id=0, tag="")


def test_what_is_closed_by_hand_closes_the_oldest_tag() -> None:
    rows = ledger_of(
        fill(1, 100, "10"), fill(2, 50, "11", tag="trend"), by_hand(3, -120, "12")
    ).positions()
    assert [(row.tag, row.quantity, row.close_reason) for row in rows] == [
        ("mean", D(0), "manual"),
        ("trend", D(30), "manual"),
    ]
    assert [row.gross for row in rows] == [D(200), D(20)]


def test_what_is_opened_by_hand_is_closed_by_hand_first() -> None:
    ledger = ledger_of(fill(1, 100, "10"), by_hand(2, 30, "10"), by_hand(3, -30, "12"))
    assert [(row.tag, row.quantity) for row in ledger.positions()] == [("mean", D(100)), ("", D(0))]
    ledger.take(by_hand(4, -130, "12"))
    assert [(row.tag, row.side, row.quantity) for row in ledger.positions()] == [
        ("mean", "long", D(0)),
        ("", "long", D(0)),
        ("", "short", D(-30)),
    ]


def test_what_closes_the_brokers_position_closes_any_tag() -> None:
    for made in (
        OrderCreated(time=START, order_id=3, client_id=1, origin="close_position"),
        step(3, origin="end_of_day"),
        attrs.evolve(intent(3, "SELL", "MKT"), tag="", origin="kill_switch"),
    ):
        rows = ledger_of(
            fill(1, 100, "10"), fill(2, 50, "11", tag="trend"), made, fill(3, -150, "12", tag="")
        ).positions()
        assert [(row.tag, row.quantity, row.close_reason) for row in rows] == [
            ("mean", D(0), "other"),
            ("trend", D(0), "other"),
        ]
    # Any other order without a tag has a position of its own.
    rows = ledger_of(fill(1, 100, "10"), fill(3, -100, "12", tag="")).positions()
    assert [(row.tag, row.quantity) for row in rows] == [("mean", D(100)), ("", D(-100))]


def test_what_everybody_is_told_of_an_order_says_its_stop() -> None:
    stop = OrderSubmitted(
        time=START,
        order_id=2,
        client_id=1,
        account="DU1",
        con_id=AAPL,
        action="SELL",
        order_type="TRAIL",
        stop_price=D(9),
        status="PreSubmitted",
        tag="mean",
    )
    ledger = ledger_of(fill(1, 100, "10"), stop)
    assert the(ledger.positions()).stop_price == D(9)
    ledger.take(fill(2, -100, "9"))
    assert the(ledger.positions()).close_reason == "stop"


# ---- what comes late, twice or corrected --------------------------------------------------


def test_a_correction_replaces_what_it_corrects() -> None:
    wrong = fill(1, 100, "10")
    right = attrs.evolve(
        wrong, exec_id="0001.0001.01.02", corrects=wrong.exec_id, price=D(11), shares=D(90)
    )
    for facts in ([wrong, paid(wrong), right], [right, wrong, paid(wrong)]):
        row = the(ledger_of(*facts).positions())
        assert (row.quantity, row.entry_price, row.unreported) == (D(90), D(11), 1)
        assert the(ledger_of(*facts, paid(right, "2")).positions()).commission == D(2)


def test_an_execution_without_its_time_has_that_of_its_first_telling() -> None:
    first = fill(1, 100, "10", executed_at=None)
    again = attrs.evolve(first, time=first.time + timedelta(hours=1))
    for facts in ([first, again], [again, first]):
        row = the(ledger_of(*facts).positions())
        assert (row.quantity, row.opened_at) == (D(100), first.time)


def test_an_id_that_a_new_gateway_gives_again_is_another_execution() -> None:
    first = fill(1, 100, "10")
    again = fill(9, 100, "20", exec_id=first.exec_id, order_id=9)
    rows = ledger_of(again, first, paid(again, "3"), paid(first, "1")).positions()
    assert (the(rows).quantity, the(rows).entry_price, the(rows).commission) == (
        D(200),
        D(15),
        D(4),
    )


def test_a_multiplier_that_nobody_knows_gives_no_amounts() -> None:
    bought, sold = fill(1, 2, "5000", con_id=ES), fill(2, -1, "5001", con_id=ES)
    ledger = ledger_of(bought, sold)
    row = the(ledger.positions())
    assert (row.quantity, row.entry_price, row.exit_price) == (D(1), D(5000), D(5001))
    assert (row.gross, row.realized, row.currency) == (None, None, "")
    ledger.take(step(1, contract=FUTURE))
    row = the(ledger.positions())
    assert (row.gross, row.currency) == (D(50), "USD")


def test_a_commission_in_another_currency() -> None:
    bought = fill(1, 20000, "1.1")
    pair = {**STOCK, "secType": "CASH", "currency": "USD"}
    row = the(ledger_of(bought, paid(bought, "2", "CHF"), contract=pair).positions())
    assert (row.commission, row.other_commission) == (D(0), {"CHF": D(2)})


def test_a_combo_counts_by_its_legs() -> None:
    bag = {"conId": 28812380, "secType": "BAG", "currency": "USD"}
    ledger = ledger_of(
        intent(7, "BUY", "LMT", contract=bag),
        fill(7, 1, "2", con_id=28812380, exec_id="0001.0007.01.01"),
        fill(7, 1, "5", exec_id="0001.0007.02.01.01"),
        fill(7, -1, "3", con_id=ES, exec_id="0001.0007.03.01.01"),
    )
    assert [(row.con_id, row.quantity) for row in ledger.positions()] == [
        (AAPL, D(1)),
        (ES, D(-1)),
    ]


# ---- what was there before, and what the broker says --------------------------------------


def test_what_was_held_before() -> None:
    before = Opened(account="DU1", con_id=AAPL, quantity=D(100), cost=D(9), time=START, tag="mean")
    row = the(ledger_of(fill(1, -100, "10"), opening=[before]).positions())
    assert (row.quantity, row.gross, row.entry_price) == (D(0), D(100), D(9))
    nobody_knows = attrs.evolve(before, cost=None)
    row = the(ledger_of(fill(1, -100, "10"), opening=[nobody_knows]).positions())
    assert (row.quantity, row.gross, row.entry_price) == (D(0), None, None)


def held(account: str, con_id: int, quantity: int) -> Any:
    contract = SimpleNamespace(conId=con_id)
    return SimpleNamespace(account=account, contract=contract, symbol="AAPL", quantity=D(quantity))


def test_drift_is_what_the_broker_has_more() -> None:
    ledger = ledger_of(fill(1, 100, "10"), fill(2, -30, "11", tag="trend"))
    assert ledger.drift([held("DU1", AAPL, 70)]) == []
    (drift,) = ledger.drift([held("DU1", AAPL, 60)])
    assert (drift.ledger, drift.broker, drift.difference) == (D(70), D(60), D(-10))
    assert drift.tags == {"mean": D(100), "trend": D(-30)}
    (gone,) = ledger.drift([])
    assert (gone.broker, gone.symbol) == (D(0), "AAPL")
    _, more = ledger.drift([held("DU1", AAPL, 60), held("DU2", AAPL, 5)])
    assert (more.account, more.ledger, more.tags) == ("DU2", D(0), {})


def test_the_words_for_orders_that_are_over_are_those_of_the_orders_slice() -> None:
    assert {str(status) for status in FINAL} == ENDED
    assert ORIGIN in CLOSERS


# ---- properties ---------------------------------------------------------------------------


@st.composite
def trades(draw: st.DrawFn) -> list[Fact]:
    """Executions of three tags and by hand, with corrections and commissions."""
    facts: list[Fact] = []
    for number in range(1, draw(st.integers(1, 12)) + 1):
        manual = draw(st.integers(0, 5)) == 0
        quantity = draw(st.integers(-5, 5).filter(bool))
        price = D(draw(st.integers(1, 2000))).scaleb(-2)
        own = {"order_id": 0, "client_id": 0, "tag": ""} if manual else {}
        made = fill(number, quantity, str(price), **own)
        if not manual:
            made = attrs.evolve(made, tag=draw(st.sampled_from(["mean", "trend", ""])))
        made = attrs.evolve(
            made,
            account=draw(st.sampled_from(["DU1", "DU2"])),
            con_id=draw(st.sampled_from([AAPL, ES])),
        )
        versions = [made]
        if draw(st.integers(0, 4)) == 0:
            size = D(draw(st.integers(1, 9)))
            new_id = made.exec_id[:-2] + "02"
            versions.append(attrs.evolve(made, exec_id=new_id, corrects=made.exec_id, shares=size))
        facts += versions
        for version in versions:
            if draw(st.booleans()):
                cost = D(draw(st.integers(-100, 700))).scaleb(-3)
                facts.append(paid(version, str(cost), draw(st.sampled_from(["USD", "EUR"]))))
    return facts


def told(facts: list[Fact]) -> TagLedger:
    ledger = ledger_of(*facts)
    ledger.learn(SimpleNamespace(**FUTURE))
    return ledger


def newest(facts: list[Fact]) -> list[Fill]:
    found: dict[str, Fill] = {}
    for fact in facts:
        if isinstance(fact, Fill):
            base = fact.exec_id[:-3]
            found[base] = max(found.get(base, fact), fact, key=lambda one: one.exec_id)
    return sorted(found.values(), key=lambda one: (one.executed_at or one.time, one.exec_id))


def multiplier(con_id: int | None) -> Decimal:
    return D(50) if con_id == ES else D(1)


def signed(one: Fill) -> Decimal:
    return one.shares if one.side == "BOT" else -one.shares


@pytest.mark.timeout(600)
@given(trades())
def test_quantity_cash_and_commissions_are_conserved(facts: list[Fact]) -> None:
    rows = told(facts).positions()
    fills = newest(facts)
    for account in ("DU1", "DU2"):
        for con_id in (AAPL, ES):
            mine = [one for one in fills if (one.account, one.con_id) == (account, con_id)]
            its = [row for row in rows if (row.account, row.con_id) == (account, con_id)]
            assert sum(row.quantity for row in its) == sum(map(signed, mine))
            cash = -sum((signed(one) * one.price for one in mine), D(0)) * multiplier(con_id)
            # What closed rounds and parts earned, less what is still in the open ones.
            earned = sum((row.gross or D(0) for row in its), D(0))
            assert earned - sum((row.cost or D(0) for row in its), D(0)) == cash
            assert all(row.entered - row.left == abs(row.quantity) for row in its)
    reports = {f.exec_id: f for f in facts if isinstance(f, CommissionReported)}
    charged = {"USD": D(0), "EUR": D(0)}
    for one in fills:
        report = reports.get(one.exec_id)
        if report is not None:
            charged[report.currency] += report.commission
    assert sum((row.commission for row in rows), D(0)) == charged["USD"]
    euros = sum((row.other_commission.get("EUR", D(0)) for row in rows), D(0))
    assert euros == charged["EUR"]


@pytest.mark.timeout(600)
@given(trades(), st.data())
def test_any_order_and_any_repeats_give_the_same(facts: list[Fact], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(facts + data.draw(st.lists(st.sampled_from(facts)))))
    assert told(shuffled).positions() == told(facts).positions()


@pytest.mark.timeout(600)
@given(trades())
def test_a_round_goes_from_flat_to_flat(facts: list[Fact]) -> None:
    rounds: dict[tuple[str, str, int], list[TagPosition]] = {}
    for row in told(facts).positions():
        rounds.setdefault((row.tag, row.account, row.con_id), []).append(row)
    for rows in rounds.values():
        assert [row.number for row in rows] == list(range(1, len(rows) + 1))
        for row, after in itertools.pairwise(rows):
            assert row.closed_at is not None
            assert row.closed_at <= after.opened_at
        for row in rows:
            assert row.entered > 0
            assert row.open == (row.closed_at is None) == (row.entered != row.left)
            assert (row.quantity > 0) == (row.side == "long") or not row.open
            assert (row.close_reason is None) == (row.left == 0)


@pytest.mark.timeout(600)
@given(trades())
def test_one_tag_earns_what_the_count_by_executions_says(facts: list[Fact]) -> None:
    """An oracle: with one tag and nothing by hand it is the slice's own count."""
    facts = [
        attrs.evolve(one, tag="only", order_id=1, client_id=1) if isinstance(one, Fill) else one
        for one in facts
    ]
    reports = {f.exec_id: f for f in facts if isinstance(f, CommissionReported)}
    counted = [
        OwnFill(
            exec_id=one.exec_id,
            time=one.executed_at or one.time,
            account=one.account,
            con_id=one.con_id or 0,
            symbol="x",
            currency="USD",
            quantity=signed(one),
            price=one.price,
            multiplier=multiplier(one.con_id),
            commission=report.commission if (report := reports.get(one.exec_id)) else None,
            commission_currency=report.currency if report else "",
        )
        for one in newest(facts)
    ]
    theirs = {"USD": D(0), "EUR": D(0)}
    gross = D(0)
    for profit in own_profit(counted, by=()):
        theirs[profit.currency] += profit.realized
        gross += profit.gross
    rows = told(facts).positions()
    assert sum((row.gross or D(0) for row in rows), D(0)) == gross
    # A commission that is divided where a position turns round has no last digit.
    realized = sum((row.realized or D(0) for row in rows), D(0))
    assert abs(realized - theirs["USD"]) < D("1e-9")
