"""ErrorHandler: what a code means in its context, what is kept, and who is told."""

from __future__ import annotations

import csv
import json
import threading
from importlib import resources
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.clock import ManualClock
from twsloop.error_handler import CATEGORIES, ErrorHandler, load_codes, load_policy
from twsloop.events import Ends, Notice
from twsloop.ids import FIRST_REQUEST_ID


@pytest.fixture
def handler() -> ErrorHandler:
    return ErrorHandler(ManualClock())


# ---------------------------------------------------------------------------------- the table
def test_every_line_of_the_table_is_loaded() -> None:
    text = resources.files("twsloop").joinpath("error_codes.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == len(load_codes()) == 773
    for row in rows:
        info = load_codes()[int(row["code"])]
        assert info.category in CATEGORIES
        assert info.severity in {"info", "warning", "error", "fatal"}
        assert info.scope in {"order", "request", "connection", "system"}
        assert info.retry in {"no", "yes", "after_reconnect"}
        assert info.what_happens_next == row["what_happens_next"]
        assert info.what_happens_next, f"{info.code} does not say what happens next"


# -------------------------------------------------------------------------- code and context
@pytest.mark.parametrize("code", [110, 321, 387, 460, 200, 103, 107, 10149, 412, 504])
def test_a_new_order_is_dead_after_a_refusal_and_a_working_one_stays(
    handler: ErrorHandler, code: int
) -> None:
    new = handler.classify(code, context="order", order_known=False)
    working = handler.classify(code, context="order", order_known=True)
    assert new.ends is Ends.ORDER
    assert working.ends is Ends.CHANGE


@pytest.mark.parametrize("code", [104, 105, 135, 136, 161, 329, 462, 10147, 10148, 2102])
@pytest.mark.parametrize("known", [True, False])
def test_a_refused_change_never_ends_the_order(
    handler: ErrorHandler, code: int, known: bool
) -> None:
    assert handler.classify(code, context="order", order_known=known).ends is Ends.CHANGE
    assert not handler.is_fatal_for_order(code, order_known=known)


@pytest.mark.parametrize("code", [399, 404, 2109, 10349, 10153, 2161, 10329, 2137])
@pytest.mark.parametrize("known", [True, False])
def test_a_warning_leaves_the_order_alive(handler: ErrorHandler, code: int, known: bool) -> None:
    assert handler.classify(code, context="order", order_known=known).ends is Ends.NOTHING


@pytest.mark.parametrize("known", [True, False])
def test_the_servers_reject_ends_even_a_working_order(handler: ErrorHandler, known: bool) -> None:
    assert handler.classify(201, context="order", order_known=known).ends is Ends.ORDER


def test_202_is_the_confirmation_of_a_cancel(handler: ErrorHandler) -> None:
    asked = handler.handle(7, 202, "Order Canceled - reason:", scope_hint="order")
    assert (asked.category, asked.severity, asked.ends) == ("order_cancelled", "info", Ends.ORDER)
    by_broker = handler.handle(
        7, 202, "Order Canceled - reason:We cannot accept an order at a limit price at or more"
    )
    assert (by_broker.severity, by_broker.ends) == ("warning", Ends.ORDER)


@pytest.mark.parametrize("code", [10328, 512, 515, 538])
@pytest.mark.parametrize("known", [True, False])
def test_an_unknown_fate_is_not_an_end(handler: ErrorHandler, code: int, known: bool) -> None:
    assert handler.classify(code, context="order", order_known=known).ends is Ends.NOTHING


@given(code=st.integers(-(2**31), 2**31 - 1).filter(lambda code: code not in load_codes()))
def test_an_unknown_code_ends_a_request_and_never_an_order(code: int) -> None:
    handler = ErrorHandler(ManualClock())
    if code in range(2100, 2200):
        assert handler.classify(code, context="order").ends is Ends.NOTHING
        return
    info = handler.classify(code, context="order", order_known=False)
    assert (info.category, info.severity, info.ends) == ("unknown", "error", Ends.NOTHING)
    assert handler.classify(code, context="order", order_known=True).ends is Ends.NOTHING
    assert handler.is_fatal_for_request(code)


@given(
    code=st.sampled_from(sorted(load_codes())),
    context=st.sampled_from([None, "order", "request"]),
    known=st.booleans(),
    text=st.sampled_from(
        ["", "Read-Only", "pacing violation", "query cancelled", "WinError 10053"]
    ),
)
def test_every_code_has_a_meaning_in_every_context(
    code: int, context: str | None, known: bool, text: str
) -> None:
    handler = ErrorHandler(ManualClock())
    info = handler.classify(code, context=context, order_known=known, text=text)  # type: ignore[arg-type]
    assert info.category in CATEGORIES
    if context == "request":
        assert info.ends in {Ends.NOTHING, Ends.REQUEST, Ends.SESSION}
    if context == "order" and known and info.ends is Ends.ORDER:
        assert code in {201, 202}


@pytest.mark.parametrize("code", sorted(set(range(2100, 2200)) & set(load_codes()) - {2101}))
def test_2100_to_2199_are_warnings(handler: ErrorHandler, code: int) -> None:
    assert not handler.is_fatal_for_request(code)
    assert not handler.is_fatal_for_order(code, order_known=False)


def test_2101_refuses_the_account_subscription(handler: ErrorHandler) -> None:
    assert handler.handle(-1, 2101, "Unable to subscribe to account").ends is Ends.REQUEST


@pytest.mark.parametrize(
    "code",
    sorted(
        code
        for code, rows in load_policy().by_code.items()
        if any(row.action == "keep" and row.text is None for row in rows)
    ),
)
@pytest.mark.parametrize("context", ["request", "order"])
def test_cancelling_what_is_over_ends_nothing(
    handler: ErrorHandler, code: int, context: Literal["request", "order"]
) -> None:
    """Nor does it end the order that has the number of that stream."""
    assert handler.classify(code, context=context).ends is Ends.NOTHING


def test_a_data_pacing_violation_never_ends_the_order_of_that_number(handler: ErrorHandler) -> None:
    info = handler.classify(162, context="order", text="Historical data request pacing violation")
    assert (info.category, info.retry, info.ends) == ("pacing", "yes", Ends.REQUEST)


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (
            321,
            (
                "Error validating request.-'bN' : cause - The API interface is currently in "
                "Read-Only mode."
            ),
            {"category": "permissions", "ends": Ends.ORDER},
        ),
        (
            322,
            "Error processing request.-'bQ' : cause - Duplicate ticker id",
            {"category": "market_data", "ends": Ends.NOTHING},
        ),
        (
            322,
            (
                "Error processing request.-'b1' : cause - Maximum number of account summary "
                "requests exceeded; desubscribe to previous request first"
            ),
            {"category": "client", "ends": Ends.REQUEST},
        ),
        (
            162,
            (
                "Historical Market Data Service error message:HMDS query returned no data: "
                "AAPL@SMART Trades"
            ),
            {"category": "historical", "retry": "no", "ends": Ends.REQUEST},
        ),
        (
            162,
            "Historical Market Data Service error message:API historical data query cancelled: 1",
            {"severity": "info", "ends": Ends.REQUEST},
        ),
        (
            162,
            "Historical Market Data Service error message:API scanner subscription cancelled: 1",
            {"severity": "info", "ends": Ends.REQUEST},
        ),
        (10186, "Failed to cancel PNL single (not subscribed)", {"ends": Ends.NOTHING}),
        (10186, "Requested market data is not subscribed.", {"ends": Ends.REQUEST}),
        (10053, "WinError 10053", {"ends": Ends.SESSION}),
        (
            10053,
            "One-to-one combo order can only be REL+LMT or LMT+MKT",
            {"category": "order_rejected", "scope": "order", "ends": Ends.ORDER},
        ),
    ],
)
def test_the_text_decides_where_the_code_does_not(
    handler: ErrorHandler, code: int, text: str, expected: dict[str, object]
) -> None:
    context = "order" if expected["ends"] is Ends.ORDER else "request"
    info = handler.classify(code, text=text, context=context)  # type: ignore[arg-type]
    assert {name: getattr(info, name) for name in expected} == expected


# ------------------------------------------------------------------------------------- id -1
def test_id_minus_one_with_a_refusal_ends_the_request_without_an_id(handler: ErrorHandler) -> None:
    text = "Error validating request.-'bN' : cause - The API interface is currently in Read-Only"
    assert handler.handle(-1, 321, text).ends is Ends.REQUEST


@pytest.mark.parametrize("code", [2104, 2106, 2158, 1100, 1101, 1102, 2110, 2103, 0])
def test_news_about_the_system_ends_nothing(handler: ErrorHandler, code: int) -> None:
    assert handler.handle(-1, code, "news").ends is Ends.NOTHING


@pytest.mark.parametrize("code", [326, 507, 1300])
def test_what_closes_the_socket_ends_the_session(handler: ErrorHandler, code: int) -> None:
    assert handler.handle(-1, code, "closed").ends is Ends.SESSION


def test_our_own_request_ids_name_requests(handler: ErrorHandler) -> None:
    # 110 is a code about orders; under a request id it can only be about the request.
    assert handler.handle(FIRST_REQUEST_ID, 110, "off the grid").ends is Ends.REQUEST
    assert handler.handle(41, 110, "off the grid").ends is Ends.ORDER


# ----------------------------------------------------------------------------- what is kept
def test_a_notice_carries_what_the_table_says(handler: ErrorHandler) -> None:
    notice = handler.handle(5, 201, "Order rejected - reason:margin", advanced_reject="{}")
    assert notice.what_happens_next == load_codes()[201].what_happens_next
    assert notice.advanced_reject == "{}"
    assert notice.time == ManualClock().now()
    assert notice.correlation_id == "request-5"
    assert str(notice) == "error 201 (id 5): Order rejected - reason:margin"
    assert not notice.local


def test_a_notice_belongs_to_its_story(
    handler: ErrorHandler, caplog: pytest.LogCaptureFixture
) -> None:
    assert handler.handle(-1, 2104, "OK").correlation_id == ""
    assert handler.handle(5, 200, "x", scope_hint="request").correlation_id == "request-5"
    # An order's story has its client id, which only the caller knows.
    assert handler.handle(5, 201, "x", scope_hint="order").correlation_id == ""
    told = handler.handle(5, 201, "x", scope_hint="order", correlation_id="order-1-5")
    assert told.correlation_id == "order-1-5"
    assert [getattr(record, "orderId", None) for record in caplog.records] == [None, 5, 5]


def test_notices_are_never_logged_as_errors_and_failed_callbacks_are(
    handler: ErrorHandler, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    handler.handle(-1, 2104, "OK")
    handler.handle(-1, 1100, "lost")
    handler.handle(7, 201, "Order rejected")
    handler.report_exception("App.tickPrice", ValueError("x"))
    assert [record.levelname for record in caplog.records] == [
        "INFO",
        "WARNING",
        "WARNING",
        "ERROR",
    ]


def test_the_last_hundred_are_kept_and_all_are_counted(handler: ErrorHandler) -> None:
    for number in range(150):
        handler.handle(number, 2104, "OK")
    assert [notice.req_id for notice in handler.recent] == list(range(50, 150))
    assert handler.counts == {"market_data_farm": 150}


class Mute(Exception):
    """Cannot even say what is wrong."""

    def __str__(self) -> str:
        raise LookupError


def test_an_exception_without_a_text_is_reported_all_the_same(handler: ErrorHandler) -> None:
    notice = handler.report_exception("App.tickPrice", Mute())
    assert notice.text == "App.tickPrice raised Mute: (its text cannot be had: LookupError)"
    assert handler.summary()["failed_callbacks"] == {"App.tickPrice": 1}


def test_the_summary_is_plain_and_complete(handler: ErrorHandler) -> None:
    handler.handle(-1, 2104, "OK")
    handler.handle(-1, 2104, "OK")
    handler.handle(3, 200, "No security definition has been found for the request")
    handler.report_exception("App.tickPrice", KeyError("AAPL"))
    summary = handler.summary()
    assert summary["total"] == 4
    assert list(summary["by_code"].items()) == [("2104", 2), ("200", 1)]
    assert summary["by_category"] == {"market_data_farm": 2, "contract": 1, "callback": 1}
    assert summary["failed_callbacks"] == {"App.tickPrice": 1}
    assert summary["last_error"] == "error: App.tickPrice raised KeyError: 'AAPL'"
    assert json.loads(json.dumps(summary)) == summary


# ------------------------------------------------------------------------------ who is told
def test_listeners_hear_their_category_and_all(handler: ErrorHandler) -> None:
    farms: list[Notice] = []
    everything: list[Notice] = []
    handler.on("market_data_farm", farms.append)
    handler.on(None, everything.append)
    first = handler.handle(-1, 2104, "OK")
    second = handler.handle(9, 200, "no such contract")
    assert farms == [first]
    assert everything == [first, second]
    handler.off("market_data_farm", farms.append)
    handler.off("market_data_farm", farms.append)
    handler.handle(-1, 2104, "OK")
    assert farms == [first]


def test_a_category_that_does_not_exist_is_named(handler: ErrorHandler) -> None:
    with pytest.raises(ValueError, match="no category 'farms'; there are: account, callback"):
        handler.on("farms", print)


def test_a_raising_listener_is_reported_and_the_others_still_hear(handler: ErrorHandler) -> None:
    heard: list[Notice] = []
    about_callbacks: list[Notice] = []

    def broken(notice: Notice) -> None:
        raise ZeroDivisionError(notice.code)

    handler.on(None, broken)
    handler.on("info", heard.append)
    handler.on("contract", heard.append)
    handler.on("callback", about_callbacks.append)
    notice = handler.handle(1, 200, "no such contract")
    assert heard == [notice]
    # It raised on the notice, and once more on the report of that.
    assert handler.summary()["failed_callbacks"] == {f"error callback {broken.__qualname__}": 2}
    assert "raised ZeroDivisionError: 200" in about_callbacks[0].text


def test_reports_do_not_go_round_in_circles(handler: ErrorHandler) -> None:
    def broken(_: Notice) -> None:
        raise RuntimeError("again")

    handler.on("callback", broken)
    handler.on("callback", broken)
    handler.report_exception("App.tickPrice", ValueError("x"))
    assert handler.counts == {"callback": 3}


def test_readers_on_other_threads_see_whole_states(handler: ErrorHandler) -> None:
    failures: list[BaseException] = []
    enough = threading.Event()

    def read() -> None:
        try:
            while not enough.is_set():
                assert all(notice.code == 2104 for notice in handler.recent)
                handler.summary()
        except BaseException as error:
            failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(2000):
        handler.handle(-1, 2104, "OK")
    enough.set()
    reader.join(10)
    assert not failures


def test_the_texts_seen_on_the_wire_are_sorted_sensibly(handler: ErrorHandler) -> None:
    observed = Path(__file__).parents[3] / "shared" / "reference" / "error_texts_observed.csv"
    if not observed.exists():
        pytest.skip("needs ../shared/reference/error_texts_observed.csv: not here")
    with observed.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            notice = handler.handle(-1, int(row["code"]), row["exact_text"])
            assert notice.category != "unknown", row


def test_a_callback_that_always_raises_does_not_bury_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = ManualClock()
    handler = ErrorHandler(clock)
    for _ in range(1000):
        handler.report_exception("App.tickPrice", ValueError("x"))
    handler.report_exception("App.tickSize", ValueError("x"))
    handler.report_exception("App.tickPrice", KeyError("y"))
    clock.advance(60)
    handler.report_exception("App.tickPrice", ValueError("x"))
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        "App.tickPrice raised ValueError: x (1 so far)",
        "App.tickSize raised ValueError: x (1 so far)",
        "App.tickPrice raised KeyError: 'y' (1001 so far)",
        "App.tickPrice raised ValueError: x (1002 so far)",
    ]
    assert all(record.exc_info for record in caplog.records)
    assert handler.summary()["failed_callbacks"]["App.tickPrice"] == 1002


def test_a_cancel_of_ours_that_came_late_is_no_line_in_the_log(
    handler: ErrorHandler, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    text = "Can't find EId with tickerId:1"
    assert handler.handle(FIRST_REQUEST_ID, 300, text).severity == "error"
    assert handler.handle(1, 300, text).severity == "error"
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING"]


def test_a_long_text_is_cut_in_the_log_and_kept_in_the_fact(
    handler: ErrorHandler, caplog: pytest.LogCaptureFixture
) -> None:
    text = "so it goes,\n" * 400
    notice = handler.handle(7, 321, text)
    (line,) = (record.getMessage() for record in caplog.records)
    assert notice.text == text
    assert "\n" not in line
    assert line.startswith("error 321 (id 7): so it goes, so it goes,")
    assert line.endswith("… (4800 characters)")
    assert len(line) < 600
    assert len(handler.summary()["last_error"]) < 600


def test_what_is_counted_by_code_and_by_name_is_bounded(handler: ErrorHandler) -> None:
    for number in range(3000):
        handler.handle(-1, number, "")
        handler.report_exception(f"callback {number}", ValueError())
    summary = handler.summary()
    for counted in ("by_code", "failed_callbacks"):
        assert len(summary[counted]) == 1001
        assert summary[counted]["(others)"] == 2000
        assert sum(summary[counted].values()) == 3000
