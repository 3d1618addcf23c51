"""How answers of the flow service are printed."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal

import pytest

from api_client import (
    MarketHours,
    MinuteBar,
    MinuteDataAnswer,
    OptionSymbol,
    StatusAnswer,
    Trade,
)
from twsloop.cli.flow_view import MINUTES, fields_of, flat, plain_value, print_rows, printable
from twsloop.cli.output import Output

AT = dt.datetime(2026, 11, 18, 14, 30, tzinfo=dt.UTC)


def test_fields_as_json_can_hold_them() -> None:
    trade = Trade(
        option_symbol=OptionSymbol.parse("SLV230519C00023000"),
        price=Decimal("1.10"),
        trade_timestamp=AT,
        extra={"venue": {"opened": [Decimal("1.5"), None]}},
    )
    fields = fields_of(trade)
    assert fields["option_symbol"] == "SLV230519C00023000"
    assert fields["price"] == Decimal("1.10")
    assert fields["trade_timestamp"] == AT
    assert fields["venue"] == {"opened": [Decimal("1.5"), None]}
    assert "extra" not in fields
    assert next(iter(fields)) == "id"


def test_records_inside_records() -> None:
    hours = MarketHours(market_open=dt.time(9), extra={"holiday": False})
    status = StatusAnswer(market=hours, tickers=("SLV", "SPY"))
    assert plain_value(status)["market"] == {
        "is_market_hours": None,
        "market_open": "09:00:00",
        "market_close": None,
        "holiday": False,
    }
    assert plain_value(dt.date(2026, 11, 18)) == "2026-11-18"


def test_a_tree_as_lines() -> None:
    tree = {"a": {"b": 1, "c": None, "d": {}}, "e": ["x", "y"], "f": [1, {"g": 2}], "h": []}
    assert dict(flat(tree)) == {"a.b": 1, "a.d": "{}", "e": "x, y", "f": '[1, {"g": 2}]', "h": ""}


@pytest.mark.parametrize("evil", ["\x1b[2J", "\x07", "\r", "\n", "\ud800", "\x9b31m"])
def test_nothing_drives_the_terminal(evil: str) -> None:
    shown = printable(f"a{evil}b")
    assert shown.startswith("a")
    assert shown.endswith("b")
    assert shown.isprintable() or "\N{REPLACEMENT CHARACTER}" in shown
    assert not set(shown) & {"\x1b", "\x07", "\r", "\n", "\ud800", "\x9b"}


@pytest.mark.parametrize(("width", "shown"), [(120, True), (59, False)])
def test_columns_that_fit(width: int, shown: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    stream = io.StringIO()
    bars = [MinuteBar(timestamp=AT + dt.timedelta(days=n), close=Decimal(n)) for n in (0, 1)]
    answer = MinuteDataAnswer(minute_data=tuple(bars))
    print_rows(Output("table", stream), "minute_bar", "slv", answer, MINUTES)
    text = stream.getvalue()
    assert "SLV: 2 minute bars, US Eastern" in text
    assert "2026-11-18 09:30:00" in text.replace("\n", "") or not shown
    assert ("open" in text) is shown
    assert "close" in text


def test_one_row_is_not_many() -> None:
    stream = io.StringIO()
    answer = MinuteDataAnswer(minute_data=(MinuteBar(timestamp=AT),))
    print_rows(Output("table", stream), "minute_bar", "SLV", answer, MINUTES)
    assert "SLV: 1 minute bar, 2026-11-18, US Eastern" in stream.getvalue()


def test_no_row_still_has_its_columns() -> None:
    stream = io.StringIO()
    print_rows(
        Output("csv", stream), "minute_bar", "SLV", MinuteDataAnswer(minute_data=()), MINUTES
    )
    assert stream.getvalue() == (
        "ticker,timestamp,datetime,open,high,low,close,volume,date_added\n"
    )
