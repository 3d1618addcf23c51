"""What an exit status means."""

from __future__ import annotations

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.control.endings import endings_known, explain


@pytest.mark.parametrize("status", [87, 1111])
def test_a_second_factor_that_nobody_answered(status: int) -> None:
    ending = explain(status)
    assert "second factor" in ending.meaning
    assert "1111" in ending.meaning
    assert "phone" in ending.remedy
    assert ending.needs_person
    assert not ending.expected


@pytest.mark.parametrize("status", [88, 1112])
def test_no_login_dialog(status: int) -> None:
    assert "login dialog" in explain(status).meaning
    assert not explain(status).needs_person


@pytest.mark.parametrize("status", [4, 1004])
def test_what_the_script_says_itself_on_each_system(status: int) -> None:
    assert "not installed" in str(explain(status))
    assert "offline" in str(explain(status))


def test_an_ordered_end() -> None:
    assert explain(0).expected
    for status in (-signal.SIGTERM, 128 + signal.SIGTERM):
        assert explain(status).expected
        assert "SIGTERM" in explain(status).meaning
    for status in (-signal.SIGKILL, 137):
        assert not explain(status).expected
        assert "SIGKILL" in explain(status).meaning


def test_a_bare_program_has_no_status_of_ibc() -> None:
    assert "second factor" not in str(explain(87, through_ibc=False))


def test_ibc_and_its_script_never_mean_two_things_by_one_status() -> None:
    shown = [posix for _, posix, _, _ in endings_known()]
    assert len(shown) == len(set(shown))
    for code, posix, meaning, remedy in endings_known():
        assert explain(code).meaning.startswith(meaning)
        assert explain(posix).meaning.startswith(meaning)
        assert remedy


@given(st.integers(-300, 70_000), st.booleans())
def test_every_status_is_explained(status: int, through_ibc: bool) -> None:
    ending = explain(status, through_ibc=through_ibc)
    assert ending.meaning
    assert ending.status == status
    assert ending.expected or ending.remedy
