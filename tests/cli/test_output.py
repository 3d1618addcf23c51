"""What is printed: the same data as a table, as JSON lines, and as CSV."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from twsloop.cli.facts import sentence
from twsloop.cli.output import ROWS_OF_A_TABLE, Output, cell, plain, table_of
from twsloop.cli.tables import fitted
from twsloop.events import (
    CommissionReported,
    Ends,
    Fill,
    HeartbeatMissed,
    OrderFilled,
    OrderRejected,
)

NOON = datetime(2026, 1, 5, 12, 0, 1, 500_000, tzinfo=UTC)
COLUMNS = ("symbol", "quantity", "price")
ROWS: list[dict[str, Any]] = [
    {"symbol": "AAPL", "quantity": Decimal(100), "price": 189.5},
    {"symbol": 'a "b", c', "quantity": Decimal("-0.5"), "price": None},
]


def written(form: str) -> tuple[Output, io.StringIO]:
    stream = io.StringIO()
    return Output(form, stream), stream


@pytest.mark.parametrize(
    ("value", "as_json", "as_cell"),
    [
        (None, None, ""),
        (True, True, "yes"),
        (Decimal("100.00"), "100.00", "100"),
        (Decimal("1E+2"), "100", "100"),
        (Decimal("0.10"), "0.10", "0.10"),
        (0.1 + 0.2, 0.1 + 0.2, "0.3"),
        (NOON, "2026-01-05T12:00:01.500000+00:00", "12:00:01"),
        (Ends.ORDER, "order", "order"),
        (Path("a"), "a", "a"),
        (Decimal("-0.00"), "-0.00", "0"),
        (-0.0, -0.0, "0"),
        (float("nan"), None, ""),
        (float("inf"), None, ""),
        (Decimal("NaN"), None, ""),
        (Decimal("-Infinity"), None, ""),
        ([Decimal(1), None], ["1", None], "['1', None]"),
        ({"a": Decimal(1)}, {"a": "1"}, "{'a': '1'}"),
    ],
)
def test_one_value(value: Any, as_json: Any, as_cell: str) -> None:
    assert plain(value) == as_json
    assert cell(value) == as_cell


def test_rows_as_json_lines() -> None:
    out, stream = written("json")
    out.rows("position", COLUMNS, ROWS)
    assert [json.loads(line) for line in stream.getvalue().splitlines()] == [
        {"event": "position", "symbol": "AAPL", "quantity": "100", "price": 189.5},
        {"event": "position", "symbol": 'a "b", c', "quantity": "-0.5", "price": None},
    ]


def test_rows_as_csv() -> None:
    out, stream = written("csv")
    out.rows("position", COLUMNS, ROWS)
    out.event("summary", "not data")
    assert list(csv.reader(io.StringIO(stream.getvalue()))) == [
        ["symbol", "quantity", "price"],
        ["AAPL", "100", "189.5"],
        ['a "b", c', "-0.5", ""],
    ]


@pytest.mark.parametrize(("form", "text"), [("csv", "symbol,quantity,price\n"), ("json", "")])
def test_nothing_is_written_as_nothing(form: str, text: str) -> None:
    out, stream = written(form)
    out.rows("position", COLUMNS, [])
    assert stream.getvalue() == text


def test_rows_as_a_table() -> None:
    out, stream = written("table")
    out.rows("position", COLUMNS, ROWS, title="held", shown=("symbol", "quantity"))
    text = stream.getvalue()
    assert text.startswith("held")
    assert "AAPL" in text
    assert "price" not in text


def test_a_long_list_is_printed_while_the_rest_is_laid_out() -> None:
    class Written(io.StringIO):
        pieces: int = 0

        def write(self, text: str) -> int:
            self.pieces += 1
            return super().write(text)

    stream = Written()
    rows = [{"number": number} for number in range(2 * ROWS_OF_A_TABLE + 1)]
    Output("table", stream).rows("rows", ("number",), rows, title="numbers")
    printed = stream.getvalue()
    assert [int(found) for found in re.findall(r"│ +(\d+) │", printed)] == [*range(len(rows))]
    assert printed.count("number ") == 3  # above each part
    assert printed.count("numbers") == 1
    assert stream.pieces >= 3


def test_a_stream_for_people_says_only_what_is_new() -> None:
    out, stream = written("table")
    shown = ("time", "symbol", "bid_size")
    row = {"time": NOON, "symbol": "SPY", "bid_size": Decimal(5), "open": 1.0}
    out.record("tick", ("open",), row, shown=shown)
    out.record("tick", ("open",), row | {"open": 2.0, "time": NOON.replace(second=2)}, shown=shown)
    out.record("tick", ("open",), row | {"symbol": "QQQ"}, shown=shown)
    assert stream.getvalue() == "12:00:01  SPY  bid size 5\n12:00:01  QQQ  bid size 5\n"


def drawn(width: int, rows: list[dict[str, Any]], *columns: str, **more: Any) -> str:
    """A table on paper of that width."""
    console = Console(file=io.StringIO(), width=width)
    console.print(table_of(columns, rows, width=width, **more))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    lines = text.splitlines()
    assert all(len(line) <= width for line in lines)
    assert lines[0].endswith("┓")  # nothing is cut off
    return text


WIDE = [{"symbol": "AAPL", "quantity": Decimal(123456789), "price": Decimal("270.700003")}]


def test_a_narrow_table_loses_columns_and_says_so_but_no_digit() -> None:
    text = drawn(30, WIDE, "symbol", "quantity", "price")
    assert "123456789" in text
    assert "270" not in text
    assert "no room for: price" in text
    text = drawn(30, WIDE, "symbol", "quantity", "price", important=("price", "symbol"))
    assert "270.700003" in text
    assert "no room for: quantity" in text
    assert "no room" not in drawn(36, WIDE, "symbol", "quantity", "price")


def test_a_column_that_says_nothing_goes_first() -> None:
    rows = [row | {"note": None} for row in WIDE]
    text = drawn(38, rows, "note", "symbol", "quantity", "price")
    assert "no room for: note" in text
    assert "270.700003" in text


def test_a_table_too_narrow_for_one_column_loses_no_digit() -> None:
    text = drawn(10, WIDE, "quantity", "price")
    assert "".join(filter(str.isdigit, text)) == "123456789"


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["a", "b", "c"]),
            st.text("ab ", max_size=30) | st.integers() | st.none(),
        ),
        max_size=4,
    ),
    st.integers(30, 90),
)
def test_a_table_breaks_no_word_that_has_room(rows: list[dict[str, Any]], width: int) -> None:
    text = drawn(width, rows, "a", "b", "c")
    left_out = re.findall(r"[abc]\b", text.partition("no room for:")[2])
    words = {
        word
        for row in rows
        for column, value in row.items()
        if column not in left_out and value is not None
        for word in str(value).split()
        if len(word) <= width - 4
    }
    assert {word for word in words if not re.search(rf"(?<!\S){re.escape(word)}(?!\S)", text)} == (
        set()
    )


def test_words_for_people_are_broken_between_words() -> None:
    text = "  order 7: BUY 100 AAPL LMT limit 190, 100 filled at 189.50 [Filled]"
    assert fitted(text, 80) == text
    assert fitted(text, 30).splitlines() == [
        "  order 7: BUY 100 AAPL LMT",
        "      limit 190, 100 filled at",
        "      189.50 [Filled]",
    ]
    assert fitted("one\n\ntwo", 5) == "one\n\ntwo"
    assert fitted("https://example.org/abc", 10) == "https://example.org/abc"


def test_a_line_that_would_show_nothing_is_not_shown_to_people() -> None:
    out, stream = written("table")
    row = {"time": NOON, "symbol": "SPY", "bid_size": None, "open": 1.0}
    out.record("tick", ("open",), row, shown=("time", "symbol", "bid_size"))
    assert not stream.getvalue()
    out, stream = written("csv")
    out.record("tick", ("open",), row, shown=("time", "symbol", "bid_size"))
    assert stream.getvalue() == "open\n1.0\n"


def test_events() -> None:
    for form, text in (("json", '{"event": "a", "n": "1"}\n'), ("table", "words\n"), ("csv", "")):
        out, stream = written(form)
        out.event("a", "words", n=Decimal(1))
        assert stream.getvalue() == text


def test_a_pipe_is_not_live() -> None:
    assert not written("table")[0].live


FILLED = OrderFilled(
    time=NOON,
    order_id=7,
    symbol="AAPL",
    action="BUY",
    order_type="LMT",
    quantity=Decimal(100),
    filled=Decimal(100),
    average_price=Decimal("189.50"),
    limit_price=Decimal(190),
    status="Filled",
)


@pytest.mark.parametrize(
    ("fact", "text"),
    [
        (
            FILLED,
            (
                "12:00:01.500  filled      order 7: BUY 100 AAPL LMT limit 190, "
                "100 filled at 189.50 [Filled]"
            ),
        ),
        (
            OrderRejected(
                time=NOON, order_id=7, symbol="AAPL", status="REJECTED", reason="no money"
            ),
            "12:00:01.500  rejected    order 7:  0 AAPL  [REJECTED]: no money",
        ),
        (
            Fill(
                time=NOON,
                exec_id="e",
                order_id=7,
                side="BOT",
                shares=Decimal(100),
                price=Decimal("189.5"),
                exchange="MEMX",
            ),
            "12:00:01.500  fill        BOT 100 at 189.5 on MEMX",
        ),
        (
            CommissionReported(
                time=NOON,
                exec_id="e",
                commission=Decimal("1.0003"),
                currency="USD",
                realized_pnl=Decimal("-3.5"),
            ),
            "12:00:01.500  commission  1.0003 USD, realized -3.5",
        ),
        (
            CommissionReported(time=NOON, exec_id="e", commission=Decimal(1), currency="USD"),
            "12:00:01.500  commission  1 USD",
        ),
    ],
)
def test_a_fact_as_a_sentence(fact: Any, text: str) -> None:
    assert sentence(fact) == text


def test_a_fact_without_a_sentence_of_its_own() -> None:
    assert "HeartbeatMissed" in sentence(HeartbeatMissed(time=NOON, silence=10))
    out, stream = written("json")
    out.fact(FILLED, "words")
    assert json.loads(stream.getvalue())["event"] == "OrderFilled"
