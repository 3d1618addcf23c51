"""``twsloop journal``: what people and scripts get out of it, and one sentence if nothing."""

from __future__ import annotations

import csv
import gc
import io
import json
import re
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.full_disk import room_for
from tests.support.program import run as run_program
from tests.support.terminal import on_a_terminal
from tests.support.written import write_journal
from twsloop.cli import run as invoke
from twsloop.clock import SystemClock
from twsloop.events import (
    CommissionReported,
    Fact,
    Fill,
    KillSwitchChanged,
    OrderIntent,
    OrderStep,
    RiskCheck,
    RiskVerdict,
)

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
TERMS = {
    "action": "BUY",
    "totalQuantity": "100",
    "orderType": "LMT",
    "lmtPrice": 189.5,
    "tif": "DAY",
}

Run = Callable[..., tuple[int, str, str]]


def order(order_id: int, symbol: str, *, begin: datetime = NOON, tag: str = "") -> list[Fact]:
    """An order that is filled, and paid for."""
    story = f"order-1-{order_id}"
    whose: dict[str, Any] = {"order_id": order_id, "client_id": 1, "correlation_id": story}
    perm, exec_id = 900 + order_id, f"e{order_id}.01"
    stands = {
        "status": "CREATED", "symbol": symbol, "account": "DU123", "tag": tag, "order": TERMS,
        "quantity": "100", "filled": "0", "remaining": "100", "contract": {"symbol": symbol},
    }  # fmt: skip
    done = {"status": "Filled", "filled": "100", "remaining": "0", "average_price": "189.4"}
    return [
        OrderStep(time=begin, source="created", changes=stands, **whose),
        OrderIntent(
            time=begin, epoch=1, kind="place", contract={}, order=TERMS, symbol=symbol, tag=tag,
            token=f"t.{order_id}", **whose,
        ),
        OrderStep(time=begin, source="sent", changes={"status": "PendingSubmit"}, **whose),
        Fill(
            time=begin, exec_id=exec_id, perm_id=perm, account="DU123", symbol=symbol, side="BOT",
            shares=Decimal(100), price=Decimal("189.4"), exchange="ISLAND", tag=tag, **whose,
        ),
        OrderStep(time=begin, perm_id=perm, source="orderStatus", changes=done, **whose),
        CommissionReported(
            time=begin, exec_id=exec_id, commission=Decimal("1.25"), currency="USD",
            realized_pnl=Decimal("-3.5"),
        ),
    ]  # fmt: skip


def lost(order_id: int) -> list[Fact]:
    """An order that was about to leave when the program ended."""
    return order(order_id, "IBM", begin=NOON + timedelta(days=1))[:2]


DECIDED: list[Fact] = [
    RiskVerdict(
        time=NOON, order_id=9, client_id=1, allowed=False,
        checks=(RiskCheck(name="max_quantity", passed=False, text="100 is more than 50"),),
    ),
    KillSwitchChanged(time=NOON, engaged=True, by="cli", reason="drill"),
]  # fmt: skip


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command line in this process: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TWSLOOP_JOURNAL_FILE", str(tmp_path / "journal.db"))
    monkeypatch.setenv("COLUMNS", "160")

    def ended(*arguments: str) -> tuple[int, str, str]:
        code = invoke(arguments)
        out, errors = capfd.readouterr()
        return code, out, errors

    return ended


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_journal(
        tmp_path / "journal.db", order(3, "AAPL", tag="trend"), order(4, "MSFT"), lost(5), DECIDED
    )


def rows_of(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


# ---- lists ---------------------------------------------------------------------------------
def test_orders_for_scripts(run: Run, file: Path) -> None:
    code, out, complaints = run("--json", "journal", "orders", "--file", str(file))
    first, _, last = rows_of(out)
    assert (code, complaints) == (0, "")
    assert first["event"] == "journal_order"
    assert (first["order_id"], first["perm_id"], first["symbol"]) == (3, 903, "AAPL")
    assert (first["action"], first["limit_price"], first["status"]) == ("BUY", "189.5", "Filled")
    assert (first["filled"], first["average_price"], first["commission"]) == (
        *("100", "189.4"),
        "1.25",
    )
    assert (first["realized_pnl"], first["tag"], first["uncertain"]) == ("-3.5", "trend", False)
    assert first["created_at"] == "2026-01-05T12:00:00+00:00"
    assert (last["order_id"], last["status"], last["uncertain"]) == (5, "CREATED", True)
    assert (last["sent_at"], last["ended_at"]) == (None, None)


def test_orders_for_people(run: Run, file: Path) -> None:
    del file
    code, out, _ = run("journal", "orders")
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines()]
    assert code == 0
    assert ["2026-01-05 12:00:00Z", "3", "1", "AAPL", "BUY 100 LMT 189.5 DAY", "Filled", "100",
            "189.4", "trend"] in cells  # fmt: skip
    assert ["2026-01-06 12:00:00Z", "5", "1", "IBM", "BUY 100 LMT 189.5 DAY", "UNCERTAIN", "0", "",
            ""] in cells  # fmt: skip


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (["--open"], [5]),
        (["--open", "--limit", "1", "--symbol", "AAPL"], []),
        (["--tag", "trend"], [3]),
        (["--symbol", "msft"], [4]),
        (["--status", "Filled", "--client", "1"], [3, 4]),
        (["--status", "filled", "--client", "1"], [3, 4]),
        (["--status", "UNCERTAIN"], [5]),
        (["--since", "2026-01-06"], [5]),
        (["--until", "2026-01-05"], [3, 4]),
        (["--since", "2026-01-05T12:00Z", "--until", "2026-01-05T12:00:01Z"], [3, 4]),
        (["--since", "10s"], []),
        (["--perm-id", "904"], [4]),
        (["--order", "4"], [4]),
        (["--limit", "1", "--offset", "1"], [4]),
        (["--limit", "0"], [3, 4, 5]),
    ],
)
def test_orders_that_are_wanted(filters: list[str], found: list[int], run: Run, file: Path) -> None:
    del file
    code, out, complaints = run("--json", "journal", "orders", *filters)
    assert (code, complaints) == (0, "")
    wanted = rows_of(out)[-int(filters[1]) :] if "--offset" in filters else rows_of(out)
    assert [row["order_id"] for row in wanted] == found


def test_a_word_that_is_no_status(run: Run, file: Path) -> None:
    del file
    code, out, complaints = run("journal", "orders", "--status", "fild")
    assert (code, out) == (2, "")
    assert "There is no status 'fild'. Did you mean 'Filled'? There are: CREATED," in " ".join(
        complaints.split()
    )


def test_what_happened_just_now_is_since_a_while_ago(run: Run, tmp_path: Path) -> None:
    now = SystemClock().now()
    write_journal(tmp_path / "journal.db", order(3, "AAPL", begin=now - timedelta(hours=1)))
    for since, count in (("2h", 1), ("1 d", 1), ("30m", 0)):
        assert len(rows_of(run("--json", "journal", "orders", "--since", since)[1])) == count


def test_executions_as_csv(run: Run, file: Path) -> None:
    code, out, complaints = run(
        *("journal", "fills", "--output", "csv", "--symbol", "AAPL", "--file", str(file))
    )
    (row,) = csv.DictReader(io.StringIO(out))
    assert (code, complaints) == (0, "")
    assert (row["order_id"], row["side"], row["shares"], row["price"]) == (
        *("3", "BOT"),
        *("100", "189.4"),
    )
    assert (row["commission"], row["commission_currency"], row["realized_pnl"]) == (
        *("1.25", "USD"),
        "-3.5",
    )
    assert (row["exec_id"], row["order_status"]) == ("e3.01", "Filled")


def test_events_of_one_order(run: Run, file: Path) -> None:
    code, out, _ = run("--json", "journal", "events", "--order", "3", "--file", str(file))
    assert code == 0
    assert {row["event"] for row in rows_of(out)} == {"journal_event"}
    assert [(row["kind"], row["source"], row["status"]) for row in rows_of(out)] == [
        ("OrderStep", "created", "CREATED"),
        ("OrderIntent", "place", None),
        ("OrderStep", "sent", "PendingSubmit"),
        ("Fill", "BOT", None),
        ("OrderStep", "orderStatus", "Filled"),
    ]
    kinds = run("--json", "journal", "events", "--kind", "fill", "--kind", "OrderIntent")[1]
    assert [row["kind"] for row in rows_of(kinds)] == [
        *("OrderIntent", "Fill"),
        *("OrderIntent", "Fill", "OrderIntent"),
    ]


def test_what_was_decided(run: Run, file: Path) -> None:
    code, out, _ = run("--json", "journal", "audit", "--kind", "riskverdict", "--file", str(file))
    (row,) = rows_of(out)
    assert code == 0
    assert (row["event"], row["kind"], row["text"]) == (
        *("journal_entry", "RiskVerdict"),
        "refused, max_quantity: 100 is more than 50",
    )
    assert (row["fact"]["event"], row["fact"]["order_id"]) == ("RiskVerdict", 9)
    code, out, _ = run("journal", "audit", "--since", "2026-01-05")
    assert "engaged by cli, cancel none: drill" in out
    assert "place BUY 100 LMT 189.5 DAY AAPL" in out


def test_a_table_says_that_there_is_more(run: Run, file: Path) -> None:
    del file
    code, out, complaints = run("journal", "orders", "--limit", "2")
    assert (code, complaints) == (0, "(the newest 2; --limit 0 shows all)\n")
    assert "AAPL" not in out
    assert "MSFT" in out
    assert run("journal", "orders", "--limit", "3")[2] == ""


def test_a_table_fits_a_narrow_terminal(file: Path, tmp_path: Path) -> None:
    code, drawn, complaints = on_a_terminal(
        *("journal", "fills", "--file", str(file)), home=tmp_path, columns=80
    )
    assert (code, complaints) == (0, "")
    lines = re.sub(r"\x1b\[[0-9;]*m", "", drawn).splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("no room for: ") for line in lines)


# ---- the whole file ------------------------------------------------------------------------
def test_out_and_in_again(run: Run, file: Path, tmp_path: Path) -> None:
    lines, copy = tmp_path / "out.jsonl", tmp_path / "copy.db"
    code, out, _ = run("journal", "export", str(lines))
    assert (code, out) == (0, f"exported to {lines}\n")
    assert stat.S_IMODE(lines.stat().st_mode) == 0o600
    assert run("journal", "export")[1] == lines.read_text()
    code, out, complaints = run("--json", "journal", "import", str(lines), str(copy))
    assert (code, complaints) == (0, "")
    assert rows_of(out) == [{"event": "imported", "file": str(copy), "entries": 16}]
    orders = run("--json", "journal", "orders", "--file", str(file))
    assert run("--json", "journal", "orders", "--file", str(copy)) == orders


def test_an_export_writes_over_nothing_unless_told_to(run: Run, file: Path, tmp_path: Path) -> None:
    del file
    lines = tmp_path / "out.jsonl"
    lines.write_text("mine")
    code, _, complaints = run("journal", "export", str(lines))
    assert code == 14
    assert complaints == f"twsloop: {lines}: the file is there already; --force writes over it\n"
    assert lines.read_text() == "mine"
    assert run("journal", "export", "--force", str(lines))[0] == 0
    assert len(lines.read_text().splitlines()) == 17
    assert stat.S_IMODE(lines.stat().st_mode) == 0o600
    code, _, complaints = run("journal", "export", str(tmp_path / "none" / "x.jsonl"))
    assert (code, "it cannot be written: No such file" in complaints) == (14, True)


def test_an_export_that_fails_leaves_the_old_one(run: Run, file: Path, tmp_path: Path) -> None:
    lines = tmp_path / "out.jsonl"
    lines.write_text("mine")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP TRIGGER entry_update")
        connection.execute("UPDATE entry SET body = '{' WHERE seq = 9")
        connection.commit()
    code, _, complaints = run("journal", "export", "--force", str(lines))
    assert (code, "entry 9 is no JSON" in complaints) == (14, True)
    assert lines.read_text() == "mine"
    assert list(tmp_path.glob("*.unfinished")) == []


def test_an_export_without_room_is_one_clear_error(run: Run, tmp_path: Path) -> None:
    file, lines = tmp_path / "long.db", tmp_path / "out.jsonl"
    write_journal(file, [fact for number in range(1, 40) for fact in order(number, "AAPL")])
    with room_for(40_000):  # SQLite's own index beside the file takes 32768
        code, _, complaints = run("journal", "export", str(lines), "--file", str(file))
    gc.collect()  # what is only complained of at the end of an iterator is, too
    assert (code, complaints) == (14, f"twsloop: {lines}: it cannot be written: File too large\n")
    assert list(tmp_path.glob("out*")) == []


def test_lines_that_were_changed_are_not_imported(run: Run, file: Path, tmp_path: Path) -> None:
    del file
    lines, copy = tmp_path / "out.jsonl", tmp_path / "copy.db"
    lines.write_text(run("journal", "export")[1].replace("MSFT", "TSLA"))
    code, out, complaints = run("journal", "import", str(lines), str(copy))
    assert (code, out) == (14, "")
    assert complaints.startswith(f"twsloop: {lines}: line 8: the hash of entry 7 is wrong")
    assert not copy.exists()
    lines.write_bytes(b"\xff\xfe")
    assert "it cannot be read" in run("journal", "import", str(lines), str(copy))[2]
    code, _, complaints = run("journal", "import", str(tmp_path / "none"), str(copy))
    assert (code, complaints) == (
        14,
        f"twsloop: {tmp_path / 'none'}: it cannot be read: No such file or directory\n",
    )


def test_a_whole_journal_and_a_broken_one(run: Run, file: Path) -> None:
    code, out, complaints = run("journal", "verify")
    words, noted = out.splitlines()
    assert (code, complaints) == (0, "")
    assert words == f"{file} is whole: 16 entries"
    assert re.fullmatch(r"16:[0-9a-f]{64}", noted)
    assert run("journal", "verify", "--noted", noted)[0] == 0
    wrong = f"16:{'0' * 64}"
    code, out, _ = run("journal", "verify", "--noted", wrong)
    assert (code, out) == (
        1,
        f"{file} is broken after entry 16: entry 16 has another hash than the one noted\n",
    )
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP TRIGGER entry_update")
        connection.execute("UPDATE entry SET time = '2026' WHERE seq = 3")
        connection.execute(
            "CREATE TRIGGER entry_update BEFORE UPDATE ON entry "
            "BEGIN SELECT RAISE(ABORT, 'the journal is append-only: entry'); END"
        )
        connection.commit()
    code, out, complaints = run("--json", "journal", "verify", "--file", str(file))
    (row,) = rows_of(out)
    assert (code, complaints) == (1, "")
    assert (row["event"], row["ok"], row["broken"], row["newest"]) == ("verified", False, 3, 2)


def test_a_noted_hash_that_cannot_be_read(run: Run, file: Path) -> None:
    del file
    code, _, complaints = run("journal", "verify", "--noted", "16:abc")
    assert code == 2
    assert "'16:abc' is no entry with its hash: verify prints SEQ:HASH." in complaints


def test_a_copy(run: Run, file: Path, tmp_path: Path) -> None:
    target = tmp_path / "copies" / "copy.db"
    code, out, complaints = run("journal", "backup", str(target))
    assert (code, out, complaints) == (0, f"copied to {target}\n", "")
    orders = run("--json", "journal", "orders", "--file", str(file))
    assert run("--json", "journal", "orders", "--file", str(target)) == orders
    assert run("journal", "verify", "--file", str(target))[0] == 0
    code, _, complaints = run("journal", "backup", str(target))
    assert code == 14
    assert "the file is there already; --force writes over it" in complaints
    assert run("journal", "backup", str(target), "--force")[0] == 0
    (copied,) = rows_of(run("--json", "journal", "backup")[1])
    assert Path(copied["file"]).parent == tmp_path
    assert run("journal", "verify", "--file", copied["file"])[0] == 0


# ---- what cannot be read -------------------------------------------------------------------
def test_no_journal_yet(run: Run, tmp_path: Path) -> None:
    code, out, complaints = run("journal", "orders")
    assert (code, out) == (14, "")
    assert complaints == (
        f"twsloop: {tmp_path / 'journal.db'}: there is no journal; "
        "the first program that connects makes it\n"
    )
    code, _, complaints = run("--json", "journal", "fills", "--file", "none.db")
    assert code == 14
    assert json.loads(complaints)["exit"] == 14


@pytest.mark.parametrize("command", ["orders", "fills", "events", "audit", "export"])
def test_what_is_no_journal_is_one_sentence(command: str, run: Run, tmp_path: Path) -> None:
    text = tmp_path / "text.db"
    text.write_text("no database at all, but a text that is long enough" * 100)
    foreign = tmp_path / "foreign.db"
    with closing(sqlite3.connect(foreign)) as connection:
        connection.execute("CREATE TABLE entry (x)")
    newer = write_journal(tmp_path / "newer.db")
    with closing(sqlite3.connect(newer)) as connection:
        connection.execute("PRAGMA user_version = 99")
    for file, problem in (
        (text, "cannot read it: file is not a database"),
        (foreign, "it is no journal"),
        (newer, "its schema is version 99; this twsloop knows"),
    ):
        code, _, complaints = run("journal", command, "--file", str(file))
        assert code == 14
        assert len(complaints.splitlines()) == 1
        assert f"twsloop: {file}: {problem}" in complaints


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["events", "--kind", "Fils"], "There is no kind 'Fils'. There are: AcknowledgementLate,"),
        (["orders", "--since", "yesterday"], "'yesterday' is no day and no time"),
        (["orders", "--since", "99999999w"], "'99999999w' is before all times."),
        (["orders", "--limit", "-1"], "-1 is not in the range"),
        (["ordres"], "Did you mean 'orders'?"),
    ],
)
def test_a_command_line_that_cannot_be_read(options: list[str], problem: str, run: Run) -> None:
    code, _, complaints = run("journal", *options)
    assert code == 2
    assert problem in complaints


def test_an_entry_that_is_broken_is_named(run: Run, file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP TRIGGER entry_update")
        connection.execute("""UPDATE entry SET body = '{"event": "Nothing"}' WHERE seq = 3""")
        connection.commit()
    code, _, complaints = run("journal", "orders")
    assert code == 14
    assert complaints == (
        "twsloop: entry 3 cannot be read: 'Nothing' is no kind of fact; "
        "twsloop journal verify says what is wrong\n"
    )


def test_as_a_program_and_through_a_pipe(file: Path, tmp_path: Path) -> None:
    del file
    env = {"TWSLOOP_JOURNAL_FILE": str(tmp_path / "journal.db")}
    code, out, complaints = run_program(
        *("journal", "events", "--output", "csv", "--limit", "1"), home=tmp_path, env=env
    )
    assert (code, complaints) == (0, "")
    header, row = csv.reader(io.StringIO(out))
    assert (header[0], row[0]) == ("seq", "14")
