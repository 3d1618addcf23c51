"""``twsloop errors``: a code explained, codes found, and what cannot be meant."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.program import run
from twsloop.error_handler import load_codes

Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Run the command; its exit code, output and complaints."""
    return lambda *arguments: run(*arguments, home=tmp_path)


def told(ask: Ask, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ask("--json", "errors", *arguments)[1])
    return found


def test_a_code_in_a_context(tmp_path: Path) -> None:
    code, out, complaints = run("errors", "10349", "--context", "order", home=tmp_path)
    assert (code, complaints) == (0, "")
    assert out.startswith("10349  Order TIF was set to DAY based on order preset.\n")
    for words in ("Order stays live", "order_new: keep (info)", "order_live: keep (info)"):
        assert words in out
    assert "request" not in out
    assert "Nothing ends" in out


def test_several_codes_are_explained_one_after_the_other(ask: Ask) -> None:
    code, out, _ = ask("--json", "errors", "110", "10349")
    assert code == 0
    assert [json.loads(line)["code"] for line in out.splitlines()] == [110, 10349]
    assert "10349  Order TIF" in ask("errors", "110 10349")[1]


def test_every_context_unless_one_is_named(ask: Ask) -> None:
    found = told(ask, "110")
    assert found["listed"] is True
    assert {name: verdict["action"] for name, verdict in found["contexts"].items()} == {
        "order_new": "end_order",
        "order_live": "refuse_change",
        "request": "end_request",
        "subscription": "end_request",
        "connection": "end_request",
    }
    assert found["contexts"]["order_live"]["ends"] == "change"
    assert [*told(ask, "110", "--context", "order")["contexts"]] == ["order_new", "order_live"]


def test_the_text_decides_where_the_code_does_not(ask: Ask) -> None:
    plain, paced = told(ask, "162"), told(ask, "162", "--text", "pacing violation")
    assert plain["contexts"]["request"]["action"] == "end_request"
    assert paced["contexts"]["request"]["action"] == "retry"
    assert {row["text"] for row in plain["texts"]} >= {"pacing violation"}
    assert (
        "/pacing violation/ (request, subscription, connection): retry." in ask("errors", "162")[1]
    )


def test_a_code_that_nobody_knows_is_explained_too(ask: Ask) -> None:
    found = told(ask, "99999")
    assert (found["listed"], found["category"]) == (False, "unknown")
    assert found["contexts"]["order_new"]["action"] == "keep"
    code, out, _ = ask("errors", "99999")
    assert code == 0
    assert "This code is in no list that twsloop knows." in out


def test_what_the_settings_choose_is_explained(tmp_path: Path) -> None:
    (tmp_path / "config.ini").write_text("[errors]\n110 = order_live: end_order, fatal\n")
    code, out, _ = run("--json", "errors", "110", home=tmp_path)
    verdict = json.loads(out)["contexts"]["order_live"]
    assert code == 0
    assert (verdict["action"], verdict["severity"]) == ("end_order", "fatal")
    assert verdict["decided_by"] == "[errors] of the configuration"


def test_a_choice_that_cannot_be_meant_is_a_setting_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "config.ini").write_text("[errors]\n110 = order_live: kepe\n")
    code, out, complaints = run("errors", "110", home=tmp_path)
    assert (code, out) == (3, "")
    assert "config.ini [errors] 110 = order_live: kepe: order_live has no action" in complaints
    assert "did you mean 'keep'?" in complaints


# -------------------------------------------------------------------------------- by words
def test_codes_are_found_by_words(ask: Ask) -> None:
    _, out, _ = ask("--json", "errors", "competing", "session")
    rows = [json.loads(line) for line in out.splitlines()]
    assert 10197 in {row["code"] for row in rows}
    for row in rows:
        words = f"{row['message']} {row['what_happens_next']}".lower()
        assert "competing" in words
        assert "session" in words
    assert "10197" in ask("errors", "competing session")[1]


def test_without_a_word_all_codes_are_listed(ask: Ask) -> None:
    rows = list(csv.DictReader(ask("errors", "--output", "csv")[1].splitlines()))
    assert [int(row["code"]) for row in rows] == sorted(load_codes())


def test_words_that_nobody_uses_end_with_a_suggestion(tmp_path: Path) -> None:
    code, out, complaints = run("errors", "pacng", "violaton", home=tmp_path)
    assert (code, out) == (1, "")
    assert complaints == (
        "twsloop: no code speaks of 'pacng violaton'. Did you mean 'pacing violation'?\n"
    )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("110", "--context", "ordr"), "no context 'ordr' (did you mean 'order'?)"),
        (("pacing", "--context", "order"), "belong to a code"),
        (("--text", "no data"), "belong to a code"),
    ],
)
def test_what_cannot_be_meant(ask: Ask, arguments: tuple[str, ...], complaint: str) -> None:
    code, out, complaints = ask("errors", *arguments)
    assert (code, out) == (2, "")
    assert complaint in complaints


def test_a_code_below_nothing_is_a_code(ask: Ask) -> None:
    code, out, _ = ask("errors", "-1")
    assert code == 0
    assert out.startswith("-1  (no text is documented)\n")
    assert ask("errors", "--", "-1")[1] == out
    assert ask("errors", "-x")[0] == 2


def test_json_may_be_asked_for_behind_the_command(ask: Ask) -> None:
    assert json.loads(ask("errors", "110", "--json")[1]) == told(ask, "110")


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_it_fits_into_the_terminal(tmp_path: Path, columns: int) -> None:
    _, out, _ = run(
        "errors", "162", "--text", "no data", home=tmp_path, env={"COLUMNS": str(columns)}
    )
    assert max(map(len, out.splitlines())) <= min(columns, 96)
