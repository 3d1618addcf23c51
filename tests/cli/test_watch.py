"""``watch``: one screen for a session, its sizes, its ends, and the same as lines."""

from __future__ import annotations

import io
import re
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tests.support.commands import check_lines
from tests.support.program import program, run
from tests.support.screen import on_screen
from twsloop.cli import run as run_here
from twsloop.cli.watch import Watch
from twsloop.cli.watch_view import LEAST, Picture, _two, shares
from twsloop.config import Config, ConnectionParams
from twsloop.event_loop import Future
from twsloop.gateway import IBGateway
from twsloop.orders.builders import limit_order, market_order
from twsloop.paper.server import PaperGateway

SYMBOLS = ("AAPL", "MSFT", "EUR.USD", "NOSUCH", "AAPL 20261218 270 C")
QUICK = {"TWSLOOP_RECONNECT_FIRST_DELAY": "0.05", "TWSLOOP_RECONNECT_CAP": "0.2"}


def port_of(gateway: PaperGateway) -> tuple[str, str]:
    return "--port", str(gateway.port)


@pytest.fixture(scope="module")
def paper() -> Iterator[PaperGateway]:
    """With a position in AAPL, and an open order in MSFT, of client 7."""
    with PaperGateway(rate=20.0) as gateway:
        connection = ConnectionParams(port=gateway.port, client_id=7)
        with IBGateway(Config(connection=connection)) as trader:
            trader.place_order("AAPL", market_order("BUY", 100)).settled.result(timeout=10)
            trader.place_order("MSFT", limit_order("BUY", 10, 400))
            yield gateway


@pytest.fixture(scope="module")
def picture(paper: PaperGateway) -> Picture:
    """Of a session in which everything there is has come."""
    whole: Future[None]
    with IBGateway(Config(connection=ConnectionParams(port=paper.port, client_id=8))) as gateway:
        whole = Future(gateway.event_loop)
        with Watch(gateway, SYMBOLS) as watched:

            def look(*_: object) -> None:
                if len(watched.ticks) == 4 and watched.picture().profits:
                    whole.set_result(None)

            gateway.subscribe(SYMBOLS[:3], look)
            gateway.account.watch_portfolio().whole.result(timeout=10)
            whole.result(timeout=20)
            while not watched.picture().orders:
                watched.ask_again()
            return watched.picture()


def drawn(picture: Picture, width: int, height: int) -> list[str]:
    """The screen's lines as they fill a terminal of that size."""
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    console.print(picture, height=height)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


# ------------------------------------------------------------------------------- shares of lines
@given(
    room=st.integers(0, 80),
    needs=st.lists(st.integers(1, 60), max_size=6),
    least=st.integers(1, 6),
)
def test_lines_are_shared_so_that_none_is_wasted_while_one_lacks(
    room: int, needs: list[int], least: int
) -> None:
    lines = shares(room, needs, least)
    assert sum(lines) <= room
    for one, need in zip(lines, needs, strict=True):
        assert one == 0 or least <= one <= max(need, least)
    shown = [(one, need) for one, need in zip(lines, needs, strict=True) if one]
    if any(one < need for one, need in shown):
        assert sum(lines) == room
    for one, _ in shown:
        for other, need in shown:
            assert other >= need or one <= max(other + 1, least), "no other one has more"
    if needs and room >= least:
        assert lines[0], "the first section is served first"


# ---------------------------------------------------------------------------------- any size
@given(width=st.integers(30, 220), height=st.integers(4, 70))
def test_it_fits_a_terminal_of_any_size(picture: Picture, width: int, height: int) -> None:
    lines = drawn(picture, width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert "READY" in lines[0]
    for line in lines:
        assert not re.search(r"\d…", line), "no number is cut"


def test_what_is_on_a_wide_screen(picture: Picture) -> None:
    text = "\n".join(drawn(picture, 140, 40))
    for words in (
        *("quotes (4)", "positions (1)", "orders (1)", "log", "paper", "DU1234567", "client 8"),
        *("AAPL 20261218 270 C", "BUY 10 MSFT LMT 400", "Submitted", "profit of DU1234567"),
        *("No security definition", "2104"),
    ):
        assert words in text, text
    order = next(line for line in text.splitlines() if "BUY 10 MSFT" in line)
    assert " 7 " in order, "it says whose it is: another client's"
    assert "quotes" in text.splitlines()[3]
    assert "positions" in text.splitlines()[3], "beside the quotes"


def test_a_small_screen_says_how_much_it_leaves_out(picture: Picture) -> None:
    many = attrs.evolve(picture, orders=picture.orders * 30)
    text = "\n".join(drawn(many, 80, 24))
    assert re.search(r"orders \(\d of 30\)", text), text
    assert "positions (1)" in text
    least = drawn(picture, 60, 3 + LEAST)
    assert "quotes (1 of 4)" in least[3]
    assert len(least) == 3 + LEAST, "only quotes have room"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"killed": "the feed is wrong"}, "KILL SWITCH: the feed is wrong"),
        ({"mode": "live"}, "   live   "),
        ({"accounts": ("DU1", "DU2")}, "   DU1, DU2   "),
        ({"accounts": ("DU1", "DU2") * 25}, "   50 accounts   "),
        ({"tickers": (), "positions": (), "orders": ()}, "none"),
    ],
)
def test_what_matters_stands_in_the_head(
    picture: Picture, changes: dict[str, object], words: str
) -> None:
    assert words in "\n".join(drawn(attrs.evolve(picture, **changes), 100, 30))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("-0.004", " 0.00 "), ("-0.005001", " -0.01 "), ("1234.5", " 1,234.50 ")],
)
def test_a_loss_of_nothing_is_none(picture: Picture, amount: str, shown: str) -> None:
    profit = attrs.evolve(picture.profits[0], daily=Decimal(amount))
    head = drawn(attrs.evolve(picture, profits=(profit,)), 100, 30)[2]
    assert f"daily{shown}" in head


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("-0.0000001", "0.00"), ("-0.1", "-0.10"), ("1.16265", "1.16265"), ("-1234.5", "-1,234.50")],
)
def test_an_amount_of_nothing_has_no_sign(amount: str, shown: str) -> None:
    assert _two(Decimal(amount)) == shown


# ---------------------------------------------------------------------------------- a terminal
def test_on_a_terminal_it_is_redrawn_resized_and_left_as_it_was(
    tmp_path: Path, paper: PaperGateway
) -> None:
    with on_screen(*port_of(paper), "watch", "SPY", home=tmp_path, columns=140) as screen:
        screen.until(lambda text: "orders (1)" in text and "positions (1)" in text)
        ticks = re.compile(r"(\d+) ticks")
        first = screen.until(lambda text: bool(ticks.search(text)))
        seen = ticks.search(first)
        assert seen is not None
        screen.until(lambda text: int(ticks.findall(text)[0]) > int(seen[1]) + 5)
        screen.resize(80, 24)
        text = screen.until(
            lambda text: "╮╭" not in text and "log" in text and "positions (1)" in text
        )
        assert screen.widest <= 80
        assert text.count("READY") == 1
        assert b"\x1b[?1049h" in screen.written, "a screen of its own"
        screen.press("\x03")
        code, complaints = screen.end()
        assert (code, complaints) == (0, "")
        assert screen.written.count(b"\x1b[?1049l") == 1, "what stood there before is back"
        last = screen.written.rpartition(b"\x1b[?1049l")[2].decode()
        assert re.search(r"watched \d+\.\d s: \d+ ticks, \d+ lines in the log\r\n$", last)
        assert screen.cursor_shown


def test_on_a_terminal_a_lost_link_is_shown_until_it_is_back(tmp_path: Path) -> None:
    with (
        PaperGateway() as paper,
        on_screen(*port_of(paper), "watch", "AAPL", home=tmp_path, env=QUICK) as screen,
    ):
        screen.until(lambda text: "● READY" in text)
        paper.stop()
        screen.until(lambda text: "● WAITING" in text and "attempt" in text)
        paper.start()
        text = screen.until(lambda text: "● READY" in text and "session 2" in text)
        assert "session     " in text, "the log tells of it"
        screen.press("\x03")
        assert screen.end() == (0, "")


def test_on_a_terminal_a_session_lost_for_good_ends_it(tmp_path: Path) -> None:
    env = {"TWSLOOP_RECONNECT_ENABLED": "no"}
    with (
        PaperGateway() as paper,
        on_screen(*port_of(paper), "watch", "AAPL", home=tmp_path, env=env) as screen,
    ):
        screen.until(lambda text: "quotes (1)" in text)
        paper.stop()
        code, complaints = screen.end()
        assert code == 9
        assert complaints.startswith("twsloop: ")
        assert b"\x1b[?1049l" in screen.written


def test_on_a_terminal_that_cannot_redraw_it_is_lines(tmp_path: Path, paper: PaperGateway) -> None:
    asked = (*port_of(paper), "watch", "SPY", "--seconds", "1")
    with on_screen(*asked, home=tmp_path, env={"TERM": "dumb"}) as screen:
        assert screen.end() == (0, "")
        assert "SPY  bid size" in screen.text
        assert b"\x1b" not in screen.written


def test_on_a_terminal_without_letters_for_it(tmp_path: Path, paper: PaperGateway) -> None:
    env = {"PYTHONIOENCODING": "ascii"}
    with on_screen(*port_of(paper), "watch", "SPY", home=tmp_path, env=env) as screen:
        text = screen.until(lambda text: "* READY" in text and "positions (1)" in text)
        assert "+- quotes (1)" in text
        screen.press("\x03")
        assert screen.end() == (0, "")


# ---------------------------------------------------------------------------------- as lines
@pytest.mark.parametrize("version", ["225", "200"])
def test_piped_it_is_lines(tmp_path: Path, paper: PaperGateway, version: str) -> None:
    env = {"TWSLOOP_CONNECTION_MAX_VERSION": version}
    asked = (*port_of(paper), "--json", "watch", "SPY", "NOSUCH")
    with program(*asked, home=tmp_path, env=env) as command:
        seen: dict[str, dict[str, object]] = {}
        wanted = {"watching", "tick", "holding", "line_error", "StreamStarted"}
        while not wanted <= set(seen) or seen["holding"]["market_value"] is None:
            (event,) = check_lines("watch", command.line())
            seen[event["event"]] = event
        command.send(signal.SIGINT)
        code, out, complaints = command.end()
    assert (code, complaints) == (0, "")
    assert seen["watching"]["symbols"] == 2
    assert (seen["tick"]["symbol"], seen["line_error"]["symbol"]) == ("SPY", "NOSUCH")
    assert (seen["holding"]["symbol"], seen["holding"]["quantity"]) == ("AAPL", "100")
    (end,) = check_lines("watch", out.splitlines()[-1])
    assert end["event"] == "watched"
    assert end["ticks"]["SPY"] > 0


def test_without_symbols_it_follows_what_is_held_and_ordered(
    tmp_path: Path, paper: PaperGateway
) -> None:
    asked = (*port_of(paper), "--client-id", "7", "watch")
    code, _, complaints = run(*asked, home=tmp_path)
    assert code == 6, "client 7 is the one that trades"
    assert "--client-id" in complaints
    with program(*port_of(paper), "--json", "watch", home=tmp_path) as command:
        assert command.until("watching")["symbols"] == 1
        assert command.until("tick")["symbol"] == "AAPL"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [(("--output", "csv"), "--json, not CSV"), (("A B C D E F",), "A B C D E F")],
)
def test_what_cannot_be_watched(
    arguments: tuple[str, ...], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_here(["--port", "1", "watch", *arguments]) == 2
    assert text in capsys.readouterr().err
