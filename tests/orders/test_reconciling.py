"""What the journal says, and what the gateway shows: the differences, and what follows of them."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.contract import ComboLeg, Contract

from tests.orders.test_gaps import Gateway, gaps
from tests.orders.test_sessions import config, working
from tests.support.desk import PATIENCE, Heard
from tests.support.journal_room import Room, resting
from twsloop.config import Config
from twsloop.config.sections.reconcile import ReconcileParams
from twsloop.contracts import stock
from twsloop.events import (
    Difference,
    DifferenceKind,
    DifferencesAccepted,
    DifferencesAsked,
    Fill,
    GapReport,
    GapVerdict,
    KillSwitchActed,
    OrderInGap,
    PositionHeld,
    PositionInGap,
    PositionsHeld,
)
from twsloop.gateway import IBGateway
from twsloop.orders.builders import limit_order, market_order
from twsloop.orders.gaps import Listed
from twsloop.orders.holdings import Holding
from twsloop.orders.reconciling import (
    Questions,
    compare_with_held,
    differences_of,
    missing_executions,
)
from twsloop.orders.state import OrderStatus

NOON = datetime(2026, 1, 5, 17, tzinfo=UTC)
Key = tuple[str, int]


def fill(key: Key = ("DU1", 1), signed: int = 1, at: int = 0, number: int = 1, **more: Any) -> Fill:
    told = NOON + timedelta(seconds=at)
    fields = {
        "time": told,
        "exec_id": f"a.{number}.01.01",
        "order_id": 1,
        "account": key[0],
        "con_id": key[1],
        "side": "BOT" if signed > 0 else "SLD",
        "shares": Decimal(abs(signed)),
        "price": Decimal(5),
        "executed_at": told,
        **more,
    }
    return Fill(**fields)


def order(verdict: GapVerdict, **more: Any) -> OrderInGap:
    fields = {"before": "Submitted", "after": "Submitted", **more}
    return OrderInGap(order_id=7, client_id=3, verdict=verdict, **fields)


# ---- the kinds ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (order(GapVerdict.FILLED, after="Filled"), "changed"),
        (order(GapVerdict.MOVED), "changed"),
        (order(GapVerdict.CANCELLED, after="Cancelled"), "changed"),
        (order(GapVerdict.REJECTED, after="REJECTED"), "changed"),
        (order(GapVerdict.REVIVED), "changed"),
        (order(GapVerdict.VANISHED, after="UNCERTAIN"), "missing"),
        (order(GapVerdict.UNCERTAIN, after="UNCERTAIN"), "uncertain"),
        (order(GapVerdict.APPEARED, before=None), "extra"),
        (order(GapVerdict.APPEARED, before=None, own=False), "foreign"),
    ],
)
def test_each_order_has_its_kind_and_its_policy(row: OrderInGap, kind: str) -> None:
    policies = Config.load(environ={}, overrides={f"reconcile.{kind}": "ask"}).reconcile
    (one,) = differences_of(3, policies, orders=[row])
    assert (one.kind, one.about, one.policy) == (kind, "order", "ask")
    assert bool(one.known) == (row.before is not None)
    assert bool(one.found) == (kind not in {"missing", "uncertain"})
    assert differences_of(3, policies, orders=[order(GapVerdict.UNCHANGED)]) == ()


def test_executions_have_kinds() -> None:
    news = [
        fill(client_id=3),
        fill(client_id=4),
        fill(client_id=3, order_id=0),
        fill(client_id=3, corrects="a.1.01.00"),
    ]
    found = differences_of(3, ReconcileParams(), executions=news, missing=[fill(client_id=3)])
    assert [one.kind.value for one in found] == [
        "extra",
        "foreign",
        "foreign",
        "changed",
        "missing",
    ]
    assert (found[0].found, found[-1].known) == ("BOT 1 at 5", "BOT 1 at 5")


@pytest.mark.parametrize(
    ("before", "by_fills", "after", "kind"),
    [(5, 0, 0, "missing"), (5, -5, 3, "extra"), (0, 0, -3, "extra"), (5, 1, 9, "changed")],
)
def test_positions_have_kinds(before: int, by_fills: int, after: int, kind: str) -> None:
    row = PositionInGap(
        account="DU1",
        con_id=1,
        before=Decimal(before),
        by_fills=Decimal(by_fills),
        after=Decimal(after),
        explained=False,
    )
    (one,) = differences_of(3, ReconcileParams(), positions=[row])
    assert one.kind.value == kind
    assert "DU1" not in str(one)
    # Executions are news themselves.
    explained = attrs.evolve(row, explained=True)
    assert differences_of(3, ReconcileParams(), positions=[explained]) == ()


def test_an_execution_is_missing_only_where_the_list_goes_back_so_far() -> None:
    known = [fill(number=number, at=number) for number in range(5)]
    assert missing_executions(known, Listed(), NOON + timedelta(hours=1)) == []
    listed = Listed()
    listed.take("a.1.01.02", NOON + timedelta(seconds=1))  # a correction of the same execution
    listed.take("a.3.01.01", NOON + timedelta(seconds=3))
    missing = missing_executions(known, listed, NOON + timedelta(seconds=3))
    assert [one.exec_id for one in missing] == ["a.2.01.01"]


# ---- positions ---------------------------------------------------------------------------
keys = st.tuples(st.sampled_from(["DU1", "DU2"]), st.integers(1, 3))
sizes = st.integers(-5, 5).filter(bool)


@given(
    st.dictionaries(keys, sizes),
    st.lists(st.tuples(keys, sizes)),
    st.lists(st.tuples(keys, sizes)),
    st.dictionaries(keys, sizes),
    st.lists(st.tuples(keys, sizes)),
)
def test_what_neither_journal_nor_gateway_explain_is_found_and_nothing_else(
    start: dict[Key, int],
    written: list[tuple[Key, int]],
    missed: list[tuple[Key, int]],
    moved: dict[Key, int],
    long_ago: list[tuple[Key, int]],
) -> None:
    """What was held, what the journal has of later trades, what was missed, what is beyond that.

    The gateway lists trades of other clients that the journal has, as if they were new, and such as
    were traded long before the positions were told.
    """
    expected, held, news = (defaultdict[Key, int](int) for _ in range(3))
    expected.update(start)
    fills = []
    for number, (key, size) in enumerate([*written, *missed]):
        # Those that were missed were traded before they became known.
        at = number if number < len(written) else 1000
        fills.append(fill(key, size, at, number, executed_at=NOON + timedelta(seconds=number)))
        (expected if number < len(written) else news)[key] += size
    for source in (expected, news, moved):
        for key, size in source.items():
            held[key] += size
    told = PositionsHeld(
        time=NOON,
        client_id=0,
        positions=tuple(
            PositionHeld(account=account, con_id=con_id, quantity=Decimal(size))
            for (account, con_id), size in start.items()
        ),
    )
    rows = compare_with_held(
        told,
        fills[: len(written)],
        {key: Holding("", Decimal(size)) for key, size in held.items() if size},
        [
            *(attrs.evolve(one, time=NOON + timedelta(seconds=2000)) for one in fills),
            *(
                fill(key, size, 2000, 900 + number, executed_at=NOON - timedelta(hours=1))
                for number, (key, size) in enumerate(long_ago)
            ),
        ],
        sees_all=True,
    )
    assert {(row.account, row.con_id) for row in rows if not row.explained} == set(moved)
    for row in rows:
        key = row.account, row.con_id
        assert (row.before, row.by_fills) == (Decimal(expected[key]), Decimal(news[key]))
        assert row.after == held[key]
        assert key in moved or key in {traded for traded, _ in missed}


def test_an_execution_and_its_correction_count_once() -> None:
    told = PositionsHeld(time=NOON, client_id=0, positions=())
    first = fill(signed=5, at=10)
    second = attrs.evolve(first, exec_id="a.1.01.02", corrects="a.1.01.01", shares=Decimal(4))
    held = {("DU1", 1): Holding("", Decimal(4))}
    assert compare_with_held(told, [first, second], held, [], sees_all=True) == ()
    (row,) = compare_with_held(told, [], held, [first, second], sees_all=True)
    assert (row.before, row.by_fills, row.explained) == (Decimal(0), Decimal(4), True)
    (row,) = compare_with_held(told, [first, second], {}, [], sees_all=True)
    assert (row.before, row.after, row.explained) == (Decimal(4), Decimal(0), False)


# ---- what has to be looked at ------------------------------------------------------------
def asked(con_id: int | None = 5, symbol: str = "AAPL", **more: Any) -> Difference:
    fields = {"order_id": 1, "about": "order", "policy": "ask", **more}
    return Difference(kind=DifferenceKind.MISSING, con_id=con_id, symbol=symbol, **fields)


def contract_of(con_id: int, symbol: str) -> Contract:
    contract = stock(symbol)
    contract.conId = con_id
    return contract


def combo_of(*con_ids: int) -> Contract:
    contract = stock("SPY")
    contract.secType, contract.comboLegs = "BAG", []
    for con_id in con_ids:
        leg = ComboLeg()
        leg.conId = con_id
        contract.comboLegs.append(leg)
    return contract


@pytest.mark.parametrize(
    ("one", "contract", "symbol", "refused"),
    [
        (asked(), contract_of(5, "AAPL"), "AAPL", True),
        (asked(), contract_of(6, "AAPL"), "AAPL 20260116 C 200", False),
        (asked(), contract_of(0, "AAPL"), "AAPL", True),  # it may be the same
        (asked(), contract_of(0, "MSFT"), "MSFT", False),
        (asked(None), contract_of(5, "AAPL"), "AAPL 20260116 C 200", True),
        (asked(), combo_of(4, 5), "SPY", True),
        (asked(), combo_of(4, 6), "SPY", False),
        (asked(None, ""), contract_of(6, "MSFT"), "MSFT", True),  # nobody knows what it is about
        (asked(policy="report"), contract_of(5, "AAPL"), "AAPL", False),
    ],
)
def test_what_is_asked_keeps_its_contract_back(
    one: Difference, contract: Contract, symbol: str, refused: bool
) -> None:
    questions = Questions()
    questions.ask([one])
    reason = questions.refuses(contract, symbol)
    assert bool(reason) == refused
    if refused:
        assert "accept()" in reason
        assert questions.accept([one]) == (one,)
        assert questions.refuses(contract, symbol) == ""


def test_an_order_that_stays_as_it_is_is_asked_about_once_and_a_position_each_time() -> None:
    questions = Questions()
    position = asked(about="position", found="3")
    for one in (asked(), position):
        assert questions.ask([one]) == (one,)
        assert questions.ask([one]) == ()  # it is open
        questions.accept([one])
    assert questions.ask([asked()]) == ()
    assert questions.ask([asked(found="Submitted")]) != ()  # another word of the gateway's
    assert questions.ask([position]) == (position,)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 4), st.sampled_from(["", "Submitted"]))))
def test_the_next_process_asks_what_this_one_would(calls: list[tuple[bool, int, str]]) -> None:
    here, facts = Questions(), list[DifferencesAsked | DifferencesAccepted]()
    for is_asked, number, found in calls:
        one = asked(order_id=number, found=found)
        changed = here.ask([one]) if is_asked else here.accept([one])
        kind = DifferencesAsked if is_asked else DifferencesAccepted
        if changed:
            facts.append(kind(time=NOON, client_id=0, differences=changed))
    there = Questions()
    there.restore(facts)
    assert list(there) == list(here)
    for number in range(1, 5):
        for found in ("", "Submitted"):
            one = asked(order_id=number, found=found)
            assert there.ask([one]) == here.ask([one])


# ---- with a gateway ----------------------------------------------------------------------
def rows_of(report: GapReport) -> set[tuple[str, str]]:
    return {(one.about, one.kind.value) for one in report.differences}


def test_what_was_missed_is_known_at_ready(room: Room) -> None:
    with room.process() as gateway:
        resting(gateway, "188")
    room.quote("AAPL", 187.5, 187.6)
    with room.process() as gateway:
        (report,) = gateway.orders.gap_reports
        assert rows_of(report) == {("order", "changed"), ("execution", "extra")}
        assert [(row.explained, row.by_fills) for row in report.positions] == [(True, Decimal(10))]
        assert not report.agrees
        assert gateway.orders.questions == ()
    with room.process() as gateway:
        (report,) = gateway.orders.gap_reports
        assert (report.differences, report.agrees) == ((), True)


@pytest.mark.parametrize("dry_run", [False, True], ids=["written", "dry"])
def test_what_is_told_before_it_is_asked_for_is_a_difference(room: Room, dry_run: bool) -> None:
    with room.process() as gateway:
        order_id = resting(gateway, "188").order_id
    room.quote("AAPL", 187.5, 187.6, size=3)
    with room.process(reconcile__dry_run=dry_run) as gateway:
        (report,) = gateway.orders.gap_reports
        (one,) = (row for row in report.differences if row.about == "order")
        assert (one.order_id, one.kind) == (order_id, DifferenceKind.CHANGED)
        assert (one.known, one.found) == ("Submitted", "Submitted, 3 filled")


def test_what_a_journal_that_was_lost_does_not_know_is_extra(room: Room) -> None:
    with room.process(journal__enabled=False) as gateway:
        bought = gateway.place_order("AAPL", market_order("BUY", 10))
        assert bought.settled.result(PATIENCE) is OrderStatus.FILLED
        resting(gateway)
    with room.process() as gateway:
        (report,) = gateway.orders.gap_reports
        assert rows_of(report) == {("order", "extra"), ("execution", "extra")}
        assert not report.agrees
    with room.process() as gateway:  # they were written down
        assert gateway.orders.gap_reports[0].agrees


def test_a_position_that_no_execution_explains(room: Room) -> None:
    with room.process(connection__client_id=5) as gateway:
        bought = gateway.place_order("AAPL", market_order("BUY", 10))
        assert bought.settled.result(PATIENCE) is OrderStatus.FILLED
        assert gateway.orders.reconcile().result(PATIENCE).agrees
    with room.process(connection__client_id=9, journal__enabled=False) as other:
        for symbol in ("AAPL", "MSFT"):
            sold = other.place_order(symbol, market_order("SELL", 4))
            assert sold.settled.result(PATIENCE) is OrderStatus.FILLED
    room.paper.faults.nightly_restart(away=0.0, executions="cut")
    with room.process(connection__client_id=5) as gateway:
        (report,) = gateway.orders.gap_reports
        found = {one.symbol: one for one in report.differences if one.about == "position"}
        assert report.executions == ()  # it lists those since its restart alone
        assert (found["AAPL"].kind, found["AAPL"].known, found["AAPL"].found) == (
            DifferenceKind.CHANGED,
            "10",
            "6",
        )
        assert (found["MSFT"].kind, found["MSFT"].found) == (DifferenceKind.EXTRA, "-4")
        assert not report.agrees
    with room.process(connection__client_id=5) as gateway:  # it was taken over, and written down
        assert gateway.orders.gap_reports[0].agrees


def test_what_another_program_wrote_explains_a_position(room: Room) -> None:
    with room.process(connection__client_id=5) as gateway:
        assert gateway.orders.reconcile().result(PATIENCE).agrees
    with room.process(connection__client_id=9) as other:
        sold = other.place_order("AAPL", market_order("SELL", 4))
        assert sold.settled.result(PATIENCE) is OrderStatus.FILLED
    room.paper.faults.nightly_restart(away=0.0, executions="cut")
    with room.process(connection__client_id=5) as gateway:
        (report,) = gateway.orders.gap_reports
        assert (report.differences, report.executions, report.agrees) == ((), (), True)


def place(gateway: IBGateway, symbol: str) -> tuple[OrderStatus, str]:
    trade = gateway.place_order(symbol, limit_order("BUY", 1, "100"))
    heard = Heard()
    trade.on_update(heard)
    if trade.status is OrderStatus.CREATED:
        heard.until(lambda shown: shown.status is not OrderStatus.CREATED)
    return trade.status, trade.reason


def test_new_orders_wait_until_it_is_accepted(room: Room) -> None:
    with room.process() as gateway:
        lost = resting(gateway).order_id
    room.paper.faults.nightly_restart(away=0.0, orders="lost")
    told = Heard()
    gateway = room.process(reconcile__missing="ask")
    gateway.observe(DifferencesAsked, told)
    with gateway:
        (one,) = gateway.orders.questions
        assert (one.order_id, one.kind) == (lost, DifferenceKind.MISSING)
        assert told.next().differences == (one,)
        status, reason = place(gateway, "AAPL")
        assert (status, "accept()" in reason) == (OrderStatus.REFUSED, True)
        assert place(gateway, "MSFT")[0] is not OrderStatus.REFUSED
    # The next process asks on, whatever its own settings are.
    with room.process() as gateway:
        assert [one.order_id for one in gateway.orders.questions] == [lost]
        assert place(gateway, "AAPL")[0] is OrderStatus.REFUSED
        accepted = gateway.orders.accept(reason="looked at in TWS").result(PATIENCE)
        assert [one.order_id for one in accepted] == [lost]
        assert place(gateway, "AAPL")[0] is not OrderStatus.REFUSED
    with room.process(reconcile__missing="ask") as gateway:
        assert gateway.orders.questions == ()


def test_the_kill_switch_closes_what_is_asked_about(room: Room) -> None:
    with room.process() as gateway:
        bought = gateway.place_order("AAPL", market_order("BUY", 10))
        assert bought.settled.result(PATIENCE) is OrderStatus.FILLED
        resting(gateway)
    room.paper.faults.nightly_restart(away=0.0, orders="lost")
    acted = Heard()
    gateway = room.process(reconcile__missing="ask", kill_switch__flatten=True)
    gateway.observe(KillSwitchActed, acted)
    with gateway:
        assert len(gateway.orders.questions) == 1
        assert gateway.kill_switch.engage("out")
        (closed,) = acted.next().closed
        assert (closed.symbol, closed.filled) == ("AAPL", Decimal(10))


def test_a_dry_run_compares_and_changes_nothing(room: Room) -> None:
    with room.process() as gateway:
        first = resting(gateway, "188")
        second = resting(gateway, "100")
    room.quote("AAPL", 187.5, 187.6)
    before = room.file.read_bytes()
    with room.process(reconcile__dry_run=True, reconcile__extra="ask") as gateway:
        (report,) = gateway.orders.gap_reports
        assert rows_of(report) == {("order", "changed"), ("execution", "extra")}
        status, reason = place(gateway, "MSFT")
        assert (status, "dry run" in reason) == (OrderStatus.REFUSED, True)
        (open_trade,) = gateway.orders.open()
        assert open_trade.order_id == second.order_id
        open_trade.cancel()
        assert [one.order_id for one in gateway.open_orders().result(PATIENCE)] == [second.order_id]
    assert room.file.read_bytes() == before
    with room.process() as gateway:
        (report,) = gateway.orders.gap_reports
        assert rows_of(report) == {("order", "changed"), ("execution", "extra")}
        assert first.order_id in {row.order_id for row in report.orders}


def test_positions_that_do_not_come_hold_nothing_up(tmp_path: Path) -> None:
    journal = {"journal__enabled": True, "journal__file": tmp_path / "journal.db"}
    with Gateway() as tws, IBGateway(config(tws, **journal)) as gateway:
        gateway.orders.reconcile().result(PATIENCE)
    silent = {"connection__ready_timeout": 1.0, "reconcile__extra": "ask", **journal}
    with (
        Gateway(silent=("reqPositions",)) as tws,
        IBGateway(config(tws, **silent)) as gateway,
    ):
        (report,) = gateway.orders.gap_reports
        assert (report.cause, report.agrees) == ("start", False)
        (unknown,) = report.unknown
        assert "positions" in unknown


def test_a_link_that_is_lost_while_positions_are_awaited_is_one_gap() -> None:
    with gaps(reconcile__missing="ask") as case:
        case.settle()
        trade = working(case.tws, case.gateway)
        case.tws.silent = ("reqPositions",)
        case.lose()
        case.tws.next("reqPositions")  # ... and no answer
        case.tws.silent = ()
        case.lose()
        report = case.reports.next()
        assert (report.epoch_before, report.epoch, report.unknown) == (1, 3, ())
        (row,) = report.orders
        assert (row.order_id, row.before) == (trade.order_id, "Submitted")
        assert [one.order_id for one in case.gateway.orders.questions] == [trade.order_id]
