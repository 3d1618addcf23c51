"""What the gateway tells of its farms, and whom each serves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.contracts import forex, future, index, option, stock
from twsloop.session.farms import (
    FARM_CODES,
    KEPT,
    MOST_FARMS,
    Dependence,
    FarmKind,
    FarmState,
    FarmTable,
    Learned,
    kind_of,
)

NOW = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
LATER = NOW + timedelta(seconds=1)
QUOTES, HISTORY = FarmKind.MARKET_DATA, FarmKind.HISTORICAL
LISTS = (
    "Connectivity between IB and Trader Workstation has been restored - data maintained. "
    "The following farms are connected: usfarm; secdefnj. "
    "The following farms are not connected: ushmds."
)


def table(*names: str, broken: tuple[str, ...] = ()) -> FarmTable:
    made = FarmTable()
    for name in names:
        code = {QUOTES: 2104, HISTORY: 2106}.get(kind_of(name), 2158)
        made.notice(code, f"... farm connection is OK:{name}", NOW)
    for name in broken:
        code = 2103 if kind_of(name) is QUOTES else 2105
        made.notice(code, f"... farm connection is broken:{name}", NOW)
    return made


# ---- what is told ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "text", "name", "kind", "state"),
    [
        (2103, "Market data farm connection is broken:usfarm", "usfarm", QUOTES, "broken"),
        (2104, "Market data farm connection is OK:usfarm.nj", "usfarm.nj", QUOTES, "ok"),
        (2105, "HMDS data farm connection is broken:ushmds", "ushmds", HISTORY, "broken"),
        (2106, "HMDS data farm connection is OK: euhmds", "euhmds", HISTORY, "ok"),
        (
            2107,
            "HMDS data farm connection is inactive but should be available upon demand.ushmds",
            "ushmds",
            HISTORY,
            "inactive",
        ),
        (
            2108,
            "Market data farm connection is inactive but should be available upon demand.jfarm",
            "jfarm",
            QUOTES,
            "inactive",
        ),
        (2119, "Market data farm is connecting:jfarm", "jfarm", QUOTES, "connecting"),
        (2120, "HMDS data farm is connecting:ushmds", "ushmds", HISTORY, "connecting"),
        (
            2157,
            "Sec-def data farm connection is broken:secdefnj",
            "secdefnj",
            FarmKind.SECURITY_DEFINITION,
            "broken",
        ),
    ],
)
def test_each_code_names_its_farm(
    code: int, text: str, name: str, kind: FarmKind, state: str
) -> None:
    farms = FarmTable()
    assert farms.state(name) is FarmState.UNKNOWN
    (change,) = farms.notice(code, text, NOW)
    assert (change.farm.name, change.farm.kind, change.farm.state) == (name, kind, state)
    assert (change.old, change.farm.since, change.farm.text) == (FarmState.UNKNOWN, NOW, text)
    assert farms[name] is change.farm
    assert farms.notice(code, text, LATER) == ()  # nothing new
    assert farms[name].since == NOW


def test_the_lists_of_1102_say_what_is_connected_and_what_is_not() -> None:
    farms = table("usfarm", "ushmds")
    changes = farms.notice(1102, LISTS, NOW)
    assert [(one.farm.name, one.old, one.farm.state) for one in changes] == [
        ("secdefnj", "unknown", "ok"),
        ("ushmds", "ok", "broken"),
    ]
    assert farms.state("usfarm") is FarmState.OK
    back = farms.notice(1102, "restored. All data farms are connected: usfarm; ushmds.", NOW)
    assert [(one.farm.name, one.farm.state) for one in back] == [("ushmds", "ok")]


def test_a_text_without_lists_says_nothing() -> None:
    farms = table("usfarm")
    for text in ("restored - data maintained.", "", "farms are connected:", "a: b; c"):
        assert farms.notice(1102, text, NOW) == ()
    assert list(farms.rows()) == ["usfarm"]


def test_what_is_not_about_farms_changes_nothing() -> None:
    farms = table("usfarm")
    for code, text in ((2103, ""), (2103, "broken"), (2110, "x:usfarm"), (399, "x:usfarm")):
        assert farms.notice(code, text, NOW) == ()
    assert farms.state("usfarm") is FarmState.OK


def test_a_new_session_knows_nothing() -> None:
    farms = table("usfarm", broken=("usfarm",))
    farms.clear()
    assert (len(farms), farms.state("usfarm")) == (0, FarmState.UNKNOWN)


@given(st.integers(min_value=0, max_value=3000), st.text())
def test_no_text_is_too_strange(code: int, text: str) -> None:
    farms = FarmTable()
    for change in farms.notice(code, text, NOW):
        assert change.farm.name.strip() == change.farm.name != ""
        assert code in FARM_CODES or code in {1101, 1102}


def test_invented_names_do_not_fill_the_memory() -> None:
    farms = table(*(f"farm{number}" for number in range(2 * MOST_FARMS)))
    assert len(farms) == MOST_FARMS


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(FARM_CODES)), st.sampled_from(["usfarm", "ushmds", "secdefnj"])
        ),
        max_size=30,
    )
)
def test_the_last_word_counts_and_changes_join_up(said: list[tuple[int, str]]) -> None:
    farms, shown = FarmTable(), dict[str, FarmState]()
    for code, name in said:
        for change in farms.notice(code, f"said:{name}", NOW):
            assert change.old is shown.get(name, FarmState.UNKNOWN)
            assert change.old is not change.farm.state
            shown[name] = change.farm.state
        assert farms.state(name) is FARM_CODES[code][1]


# ---- whom they serve ---------------------------------------------------------------------------

ALL = (
    "usfarm",
    "usfarm.nj",
    "usfuture",
    "cashfarm",
    "usopt",
    "eufarm",
    "eufarmnj",
    "hfarm",
    "jfarm",
    "ushmds",
    "euhmds",
    "secdefnj",
)


def on(exchange: str, currency: str = "USD") -> Any:
    contract = stock("VOD")
    contract.exchange, contract.currency = exchange, currency
    return contract


@pytest.mark.parametrize(
    ("contract", "kind", "names"),
    [
        (stock("AAPL"), QUOTES, {"usfarm", "usfarm.nj"}),
        (index("SPX", "CBOE"), QUOTES, {"usfarm", "usfarm.nj"}),
        (option("SPY", "20261218", 600, "C"), QUOTES, {"usopt"}),
        (future("ES", "202612", "CME"), QUOTES, {"usfuture"}),
        (forex("EURUSD"), QUOTES, {"cashfarm"}),
        (stock("SAP", currency="EUR"), QUOTES, {"eufarm", "eufarmnj"}),
        (on("LSEETF"), QUOTES, {"eufarm", "eufarmnj"}),
        (on("SEHK", "HKD"), QUOTES, {"hfarm"}),
        (on("SMART", "JPY"), QUOTES, {"jfarm"}),
        (on("SMART", "CAD"), QUOTES, {"usfarm", "usfarm.nj"}),
        (stock("AAPL"), HISTORY, {"ushmds"}),
        (stock("SAP", currency="EUR"), HISTORY, {"euhmds"}),
        (forex("EURUSD"), HISTORY, {"ushmds"}),
        (on("SMART", "XXX"), HISTORY, {"ushmds", "euhmds"}),
    ],
)
def test_names_say_whom_a_farm_serves(contract: Any, kind: FarmKind, names: set[str]) -> None:
    assert Dependence.of(contract, kind).candidates(table(*ALL)) == names


def test_without_a_farm_of_its_name_one_may_serve_it_whose_name_says_nothing() -> None:
    spy = Dependence.of(option("SPY", "20261218", 600, "C"))
    assert spy.candidates(table("usfarm", "eufarm")) == {"usfarm"}
    assert spy.candidates(table("eufarm", "cashfarm", "ushmds")) == frozenset()
    assert spy.candidates(table("eufarm", "cashfarm", "mcgw1")) == {"mcgw1"}
    assert spy.candidates(FarmTable()) == frozenset()
    unknown = Dependence.of(on("SMART", "XXX"))
    assert unknown.candidates(table("usfarm", "mcgw1", "ushmds")) == {"usfarm", "mcgw1"}


def test_a_broken_farm_concerns_only_its_own() -> None:
    farms, learned = table(*ALL, broken=("eufarm", "ushmds")), Learned()
    assert learned.broken(Dependence.of(stock("AAPL")), farms) is None
    broken = learned.broken(Dependence.of(stock("SAP", currency="EUR")), farms)
    assert broken is not None
    assert broken.name == "eufarm"
    history = learned.broken(Dependence.of(stock("AAPL"), HISTORY), farms)
    assert history is not None
    assert history.name == "ushmds"


def test_what_was_seen_counts_more_than_names() -> None:
    farms, learned = table("usfarm", "usfarm.nj", "usopt", broken=("usfarm.nj", "usopt")), Learned()
    apple, other = Dependence.of(stock("AAPL")), Dependence.of(stock("MSFT"))
    learned.note(apple, "usfarm.nj", serves=False)
    assert learned.broken(apple, farms) is None
    assert learned.broken(other, farms) is farms["usfarm.nj"]
    learned.note(apple, "usopt", serves=True)
    assert learned.broken(apple, farms) is farms["usopt"]


def test_what_is_learned_is_bounded() -> None:
    learned = Learned()
    for number in range(KEPT + 5):
        learned.note(Dependence(QUOTES, number), "usfarm", serves=False)
    assert len(learned) == KEPT
    farms = table("usfarm", broken=("usfarm",))
    assert learned.broken(Dependence(QUOTES, KEPT), farms) is None
    assert learned.broken(Dependence(QUOTES, 0), farms) is not None  # forgotten: the rule counts
