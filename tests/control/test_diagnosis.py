"""What the doctor makes of what it found."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop import errors
from twsloop.control.diagnosis import (
    STEPS,
    Report,
    StepOutcome,
    Verdict,
    of_accounts,
    of_clock,
    of_failure,
    of_farms,
    of_permissions,
    of_quote,
)
from twsloop.errors import ConnectionFailed, RequestError
from twsloop.market_data.ticks import MarketDataType
from twsloop.session.farms import FarmKind, FarmTable

OK, WARNING, FAILED = StepOutcome.OK, StepOutcome.WARNING, StepOutcome.FAILED


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("TcpRefused", "tcp"),
        ("TcpFailed", "tcp"),
        ("TcpTimeout", "tcp"),
        ("HandshakeTimeout", "handshake"),
        ("HandshakeClosed", "handshake"),
        ("ServerVersionError", "version"),
        ("ReadyTimeout", "session"),
        ("ClientIdInUse", "session"),
        ("ClientIdLeased", "session"),
        ("LiveTradingBlocked", "accounts"),
        ("ConnectionFailed", "session"),
    ],
)
def test_each_failure_belongs_to_its_step(name: str, step: str) -> None:
    found = of_failure(getattr(errors, name)("it broke"), since="the login waits")
    failed = found[step]
    assert failed.outcome is FAILED
    assert failed.remedy
    assert "it broke" in failed.text
    assert "the login waits" in failed.text
    assert failed.facts["error"] == name
    before = STEPS[STEPS.index("tcp") : STEPS.index(step)]
    assert {one for one, verdict in found.items() if verdict.outcome is OK} == set(before)


def test_every_error_of_a_connection_has_a_verdict() -> None:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, ConnectionFailed)
    ]
    assert len(kinds) >= 11
    for kind in kinds:
        report = Report.whole(of_failure(kind("x")))
        assert not report.healthy
        assert len(report.of(FAILED)) == 1


def test_accounts_and_mode() -> None:
    assert of_accounts(("DU1234567",), "paper").outcome is OK
    assert of_accounts(("U1234567",), "live").outcome is OK
    assert of_accounts(("U1234567",), "paper").outcome is FAILED
    assert of_accounts((), "paper").outcome is FAILED
    assert "1234567" not in str(of_accounts(("DU1234567", "DU7654321"), "paper"))


def test_the_clock() -> None:
    assert of_clock(0.4, 0.01, 0.02, 2.0).outcome is OK
    assert of_clock(-2.5, 0.01, 0.02, 2.0).outcome is WARNING
    assert of_clock(2.5, 1.0, 0.02, 2.0).outcome is OK  # it was told in whole seconds
    assert "NTP" in of_clock(60, 0, 0.02, 2.0).remedy


def farm_verdict(*notices: tuple[int, str], window: str = "") -> Verdict:
    table = FarmTable()
    for code, text in notices:
        table.notice(code, text, datetime.now(UTC))
    return of_farms(table.rows(), FarmKind.MARKET_DATA, window)


def test_farms() -> None:
    fine = (2104, "Market data farm connection is OK:usfarm")
    idle = (
        2108,
        "Market data farm connection is inactive but should be available upon demand.usopt",
    )
    lost = (2103, "Market data farm connection is broken:eufarm")
    assert farm_verdict(fine, idle).outcome is OK
    assert farm_verdict(fine, lost).outcome is WARNING
    assert farm_verdict(lost).outcome is FAILED
    assert "reconnectdata" in farm_verdict(lost).remedy
    assert "the nightly reset" in farm_verdict(lost, window="the nightly reset").remedy
    assert farm_verdict().outcome is FAILED
    assert farm_verdict((2119, "Market data farm is connecting:usfarm")).outcome is WARNING


def test_a_quote() -> None:
    live = {"market_data_type": MarketDataType.LIVE, "not_live_because": "", "error": None}
    quote = SimpleNamespace(bid=1.1, ask=1.2, last=None, **live)
    assert of_quote("EUR.USD", quote, None).text == "EUR.USD: bid 1.1, ask 1.2"
    assert of_quote("EUR.USD", quote, None).outcome is OK
    for other in (
        of_quote("X", None, TimeoutError("no answer")),
        of_quote("X", SimpleNamespace(**{**vars(quote), "error": RequestError("no")}), None),
        of_quote("X", SimpleNamespace(**{**vars(quote), "bid": None, "ask": None}), None),
        of_quote("X", SimpleNamespace(**{**vars(quote), "not_live_because": "delayed"}), None),
    ):
        assert other.outcome is WARNING  # the market may be closed: no reason to restart anything
        assert other.remedy


def test_permissions() -> None:
    well = of_permissions(None, 7, wants_orders=True, data="live")
    assert (well.outcome, well.text) == (OK, "the gateway takes orders; its market data is live")
    read_only = RequestError("The API interface is currently in Read-Only mode.", code=321)
    refused = of_permissions(read_only, None, wants_orders=True, data="")
    assert refused.outcome is WARNING
    assert "was not seen" in refused.text
    assert of_permissions(read_only, None, wants_orders=False, data="").outcome is OK
    assert of_permissions(TimeoutError(), None, wants_orders=True, data="").outcome is WARNING


@given(st.dictionaries(st.sampled_from(STEPS), st.sampled_from([*StepOutcome])))
def test_a_report_has_every_step_once_and_fails_with_one(found: dict[str, StepOutcome]) -> None:
    verdicts = {step: Verdict(step=step, outcome=o, text="x") for step, o in found.items()}
    report = Report.whole(verdicts)
    assert [one.step for one in report.verdicts] == list(STEPS)
    assert report.healthy is (FAILED not in found.values())
    assert set(report.of(StepOutcome.SKIPPED)) >= set(STEPS) - set(found)
