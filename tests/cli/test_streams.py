"""``depth`` and ``bars``: books and bars as they come, as lines and on a terminal."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import Ask, asking, check_lines
from tests.support.program import program
from tests.support.screen import on_screen
from twsloop.cli.depth import depth_table
from twsloop.market_data.depth import DepthLevel, DepthRow
from twsloop.paper.server import PaperGateway


@pytest.fixture(scope="module")
def paper() -> Iterator[PaperGateway]:
    with PaperGateway(rate=50.0) as gateway:
        yield gateway


@pytest.fixture(params=[225, 200])
def protocol(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("TWSLOOP_CONNECTION_MAX_VERSION", str(request.param))
    return int(request.param)


@pytest.fixture
def ask(
    paper: PaperGateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Ask:
    for name in ("CONTRACTS_CACHE", "HISTORY_STORE"):
        monkeypatch.setenv(f"TWSLOOP_{name}", "no")
    return asking(monkeypatch, capsys, "--port", str(paper.port))


def events(command: str, out: str, name: str) -> list[dict[str, Any]]:
    return [event for event in check_lines(command, out) if event["event"] == name]


# ---------------------------------------------------------------------------------- depth
@pytest.mark.usefixtures("protocol")
def test_a_book_as_json(ask: Ask) -> None:
    code, out, complaints = ask("--json", "depth", "AAPL", "--rows", "3", "--count", "40")
    assert (code, complaints) == (0, "")
    books = events("depth", out, "depth")
    assert len(books) == 40
    for book in books:
        assert [row["price"] for row in book["bids"]] == sorted(
            (row["price"] for row in book["bids"]), reverse=True
        )
        assert [row["price"] for row in book["asks"]] == sorted(r["price"] for r in book["asks"])
        assert max(len(book["bids"]), len(book["asks"])) <= 3
    assert len({row["market_maker"] for book in books for row in book["asks"]}) > 1, "it is SMART"
    (end,) = events("depth", out, "depth_end")
    assert (end["symbol"], end["changes"]) == ("AAPL", 40)


def test_a_book_as_csv_is_a_line_a_row(ask: Ask) -> None:
    code, out, _ = ask("depth", "EUR.USD", "--rows", "2", "--count", "8", "--output", "csv")
    assert code == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    last = [row for row in rows if row["time"] == rows[-1]["time"]]
    assert {(row["side"], row["position"]) for row in last} <= {
        (side, position) for side in ("bid", "ask") for position in ("0", "1")
    }
    assert all(float(row["price"]) > 0 < float(row["size"]) for row in rows)


def test_a_book_for_people_says_nothing_twice(ask: Ask) -> None:
    code, out, _ = ask("depth", "AAPL", "--rows", "2", "--count", "30")
    assert code == 0
    *lines, last = out.splitlines()
    said = [line.partition("  ")[2] for line in lines]
    assert all(one.startswith("AAPL  ") and " | " in one for one in said)
    assert all(one != other for one, other in pairwise(said))
    assert last.startswith("30 changes of the book of AAPL in ")


def test_levels_add_up_what_stands_at_one_price(ask: Ask) -> None:
    _, out, _ = ask("--json", "depth", "AAPL", "--levels", "--count", "40")
    for book in events("depth", out, "depth"):
        prices = [row["price"] for row in book["bids"]]
        assert len(prices) == len(set(prices))


@pytest.mark.parametrize("command", ["depth", "bars"])
def test_a_symbol_that_does_not_exist_ends_it(ask: Ask, command: str) -> None:
    code, out, complaints = ask(command, "NOSUCH")
    assert code == 11
    assert "No security definition" in complaints
    assert out.splitlines()[-1].startswith("0 ")


@pytest.mark.parametrize("width", [40, 80])
def test_the_table_of_a_book(width: int) -> None:
    bids = (DepthRow(270.7, DepthRow(1.0, 1).size, "[bold]"),)  # type: ignore[arg-type]
    asks = (
        DepthLevel(270.72, bids[0].size * 3, ("ARCA", "BATS")),
        DepthLevel(270.8, bids[0].size * 2),
    )
    table = depth_table("AAPL", bids, asks, width=width)
    cells = [list(column.cells) for column in table.columns]
    if width == 80:
        assert [column.header for column in table.columns] == [
            *("whose", "bid size", "bid", "ask", "ask size", "whose"),
        ]
        assert cells[0] == ["\\[bold]", ""], "a text with brackets is a text"
        assert cells[5] == ["ARCA BATS", ""]
    else:
        assert cells == [["1", ""], ["270.7", ""], ["270.72", "270.8"], ["3", "2"]]


# ---------------------------------------------------------------------------------- bars
@pytest.mark.usefixtures("protocol")
def test_bars_of_history_that_go_on(ask: Ask) -> None:
    asked = ("--json", "bars", "AAPL", "--bar", "1 min", "--count", "20")
    code, out, complaints = ask(*asked)
    assert (code, complaints) == (0, "")
    bars = events("bars", out, "bar")
    assert len(bars) == 20
    times = [datetime.fromisoformat(bar["time"]) for bar in bars]
    assert {later - earlier for earlier, later in pairwise(times)} == {times[1] - times[0]}
    assert times[-1] < datetime.now(UTC)
    for bar in bars:
        assert bar["low"] <= bar["open"] <= bar["high"]
        assert bar["symbol"] == "AAPL"
        assert bar["interrupted"] is False


def test_a_currency_pair_has_no_trades_and_shows_its_midpoint(ask: Ask) -> None:
    code, out, complaints = ask("--json", "bars", "EUR.USD", "--bar", "1 min", "--count", "1")
    assert (code, complaints) == (0, "")
    (bar,) = events("bars", out, "bar")
    assert bar["volume"] is None


def test_people_read_the_day_of_a_bar_of_a_day(ask: Ask) -> None:
    code, out, _ = ask("bars", "AAPL", "--bar", "1 day", "--count", "1")
    assert code == 0
    assert re.match(r"20\d\d-\d\d-\d\d  AAPL  open ", out), out


def test_a_bar_for_so_many_trades(ask: Ask) -> None:
    code, out, _ = ask("--json", "bars", "AAPL", "--ticks", "1", "--count", "2")
    assert code == 0
    one, other = events("bars", out, "bar")
    assert one["count"] == other["count"] == 1
    assert one["open"] == one["close"] == float(one["average"])
    assert len(one["average"]) < 14, "a quotient has no end; what is told of it has"


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("AAPL", "--ticks", "5", "--bar", "1 min"), 2, "only one of them"),
        (("AAPL", "--ticks", "5", "--last", "1 D"), 2, "no --last"),
        (("EUR.USD", "--volume", "5"), 2, "no pairs"),
        (("AAPL", "--last", "1 D"), 2, "--last needs a longer --bar"),
        (("AAPL", "--bar", "7 mins"), 2, "IB has no bars of '7 mins'"),
        (("AAPL", "--bar", "1 min", "--last", "soon"), 2, "soon"),
        (("AAPL", "--what", "HOPES"), 1, "not of 'HOPES'"),
    ],
)
def test_what_bars_cannot_be(ask: Ask, arguments: tuple[str, ...], code: int, text: str) -> None:
    ended, out, complaints = ask("bars", *arguments)
    assert (ended, text in complaints) == (code, True), complaints
    assert "bar" not in out or "0 bars" in out


# ---------------------------------------------------------------------------------- both
def test_a_lost_link_is_a_gap_and_the_book_goes_on(tmp_path: Path) -> None:
    env = {"TWSLOOP_RECONNECT_FIRST_DELAY": "0.05", "TWSLOOP_RECONNECT_CAP": "0.2"}
    with PaperGateway() as gateway:
        asked = ("--port", str(gateway.port), "--json", "depth", "AAPL")
        with program(*asked, home=tmp_path, env=env) as command:
            command.until("depth")
            gateway.stop()
            assert command.until("GapStarted")["stream"] == "depth of AAPL"
            gateway.start()
            assert command.until("GapEnded")["stream"] == "depth of AAPL"
            assert command.until("depth")["symbol"] == "AAPL"


@pytest.mark.parametrize(
    ("command", "headings"),
    [
        (("depth", "AAPL", "--rows", "4"), ("bid size", "ask size", "whose")),
        (("bars", "AAPL", "--bar", "1 min"), ("open", "close", "volume")),
    ],
)
def test_on_a_terminal_until_ctrl_c(
    tmp_path: Path, paper: PaperGateway, command: tuple[str, ...], headings: tuple[str, ...]
) -> None:
    asked = ("--port", str(paper.port), "--client-id", "7", *command)
    with on_screen(*asked, home=tmp_path, columns=100, lines=20) as screen:
        shown = screen.until(
            lambda text: "READY" in text and all(heading in text for heading in headings)
        )
        assert "Ctrl-C ends it" in shown
        assert shown.count("┏") == 1, "it is redrawn in place, not once more below"
        screen.press("\x03")
        code, complaints = screen.end()
        assert (code, complaints) == (0, "")
        assert " in " in screen.text.rstrip().splitlines()[-1]
        assert screen.cursor_shown
