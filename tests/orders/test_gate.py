"""The gate: what lets an order leave, and what does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from twsloop.config import Config
from twsloop.orders.gate import Answer, Situation, judge

OPEN: dict[str, Any] = {
    "connected": True,
    "session": "READY",
    "fetching": False,
    "orders_known": True,
    "reason": "",
    "accounts": ("DU1234567", "DU1234568"),
}


def config(**values: Any) -> Config:
    overrides = {name.replace("__", "."): value for name, value in values.items()}
    return Config.load(environ={}, overrides=overrides)


def live(tmp_path: Path, **changes: Any) -> Config:
    """Live trading with every gate open, but for the changes."""
    override = tmp_path / "override"
    override.touch()
    values = {
        "connection__mode": "live",
        "orders__enabled": True,
        "live__override_file": str(override),
        "live__account_prefix": "U12",
        **changes,
    }
    return config(**values)


def test_paper_sends() -> None:
    assert judge(config(), Situation(**OPEN), "").answer is Answer.SEND
    assert judge(config(), Situation(**OPEN), "DU1234568").answer is Answer.SEND


@pytest.mark.parametrize(
    ("changes", "account", "answer", "why"),
    [
        ({"connected": False, "session": "WAITING"}, "", Answer.REFUSE, "WAITING"),
        ({"fetching": True, "orders_known": False}, "", Answer.HOLD, "fetched"),
        ({"orders_known": False, "reason": "read-only"}, "", Answer.REFUSE, "read-only"),
        ({"read_only": "the gateway is read-only"}, "", Answer.REFUSE, "is read-only"),
        ({}, "DU7654321", Answer.REFUSE, "does not have"),
        ({}, "U1234567", Answer.REFUSE, "live account"),
        ({"accounts": ("U1234567",)}, "", Answer.REFUSE, "live account"),
    ],
)
def test_paper_does_not_send(
    changes: dict[str, Any], account: str, answer: Answer, why: str
) -> None:
    verdict = judge(config(), Situation(**{**OPEN, **changes}), account)
    assert verdict.answer is answer
    assert why in verdict.reason


def test_a_queue_that_does_not_move_takes_no_more_orders() -> None:
    settings = config(pacing__queue_limit=100)
    assert judge(settings, Situation(**OPEN, queued=99), "").answer is Answer.SEND
    full = judge(settings, Situation(**OPEN, queued=100), "")
    assert full.answer is Answer.REFUSE
    assert "100 orders wait" in full.reason


def test_who_is_behind_with_reports_about_orders_has_to_catch_up_first() -> None:
    behind = "callback on_fill is behind: 1001 reports about orders wait for it"
    verdict = judge(config(), Situation(**OPEN, behind=behind), "")
    assert (verdict.answer, verdict.reason) == (Answer.REFUSE, behind)


def test_no_account_number_is_told_in_full() -> None:
    for account in ("DU7654321", "U1234567"):
        verdict = judge(config(), Situation(**OPEN), account)
        assert account not in verdict.reason


def test_disabled_orders_are_simulated_even_without_a_session() -> None:
    closed = Situation(**{**OPEN, "connected": False})
    assert judge(config(orders__enabled=False), closed, "").answer is Answer.SIMULATE


def test_live_needs_every_gate(tmp_path: Path) -> None:
    ours = Situation(**{**OPEN, "accounts": ("U1234567",)})
    assert judge(live(tmp_path), ours, "").answer is Answer.SEND
    assert judge(live(tmp_path, orders__enabled=False), ours, "").answer is Answer.SIMULATE
    wrong = judge(live(tmp_path, live__account_prefix="U99"), ours, "")
    assert wrong.answer is Answer.REFUSE
    settings = live(tmp_path)
    (tmp_path / "override").unlink()  # looked at for each order
    gone = judge(settings, ours, "")
    assert gone.answer is Answer.REFUSE
    assert "override_file" in gone.reason


def test_live_is_simulated_unless_enabled_in_so_many_words(tmp_path: Path) -> None:
    silent = config(connection__mode="live")
    assert judge(silent, Situation(**OPEN), "").answer is Answer.SIMULATE
