"""What was decided is read behind an entry, claimed once, and counted for one client."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from twsloop.config import JournalParams
from twsloop.errors import StorageError
from twsloop.events import (
    KillSwitchActed,
    KillSwitchChanged,
    KillSwitchClaimed,
    OrderIntent,
    RiskBreached,
    RiskCheck,
)
from twsloop.storage.latches import REACHED, claim, count_intents, decided, write_down

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
ENGAGED = KillSwitchChanged(time=NOON, engaged=True, by="api", reason="why")
ACTED = KillSwitchActed(time=NOON, client_id=1, reason="why")


@pytest.fixture
def params(tmp_path: Path) -> JournalParams:
    return JournalParams(file=tmp_path / "journal.db")


def intent(client_id: int, minutes: int) -> OrderIntent:
    return OrderIntent(
        time=NOON + timedelta(minutes=minutes), order_id=1, client_id=client_id, epoch=1,
        kind="place", contract={}, order={},
    )  # fmt: skip


def test_each_fact_is_read_once(params: JournalParams) -> None:
    check = RiskCheck(name="max_daily_loss", passed=False)
    breach = RiskBreached(time=NOON, check=check, account="DU1", latched=True)
    assert write_down(params, [intent(1, 0), ENGAGED, breach, ACTED]) == 4
    found = decided(params.file)
    assert found.facts == (ENGAGED, ACTED)
    assert decided(params.file, found.seq) == type(found)(found.seq)
    assert decided(params.file, kinds=REACHED).facts == (breach,)


def test_what_every_program_tells_is_written_once(params: JournalParams) -> None:
    assert write_down(params, [ENGAGED]) == 1
    assert write_down(params, [ENGAGED]) == 0


def test_a_file_in_its_place_is_read_from_its_beginning(params: JournalParams) -> None:
    write_down(params, [intent(1, 0), intent(1, 1), ENGAGED])
    seq = decided(params.file).seq
    params.file.unlink()
    released = KillSwitchChanged(time=NOON, engaged=False, by="cli", reason="over")
    write_down(params, [released])
    assert decided(params.file, seq).facts == (released,)


def test_without_a_file_it_says_so(params: JournalParams) -> None:
    with pytest.raises(StorageError, match="no such file"):
        decided(params.file)


def test_one_client_gets_the_claim_and_gets_it_again(params: JournalParams) -> None:
    def claimed(client_id: int, *accounts: str) -> bool:
        fact = KillSwitchClaimed(time=NOON, client_id=client_id, accounts=accounts, engaged=NOON)
        return claim(params, fact)

    assert claimed(7, "DU1", "DU2")
    assert not claimed(8, "DU2", "DU1")
    assert claimed(7, "DU1", "DU2")
    assert claimed(8, "DU3")  # another login


def test_orders_are_counted_for_a_client_from_a_time_on(params: JournalParams) -> None:
    write_down(params, [intent(1, 0), intent(1, 5), intent(2, 6), intent(1, 7)])
    assert count_intents(params.file, 1, NOON + timedelta(minutes=5)) == 2
