"""The storm stays alive: a small one in the test suite; ``make fuzz`` sends a million."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import storm


@pytest.mark.parametrize("version", [157, 200, 225])
def test_a_gateway_stands_a_small_storm(version: int) -> None:
    (outcome,) = storm.run(8_000, 7, (version,))
    assert (outcome.version, outcome.frames) == (version, 8_000)
    # Most of these frames cannot be read; each of them is answered so, whatever else is.
    assert outcome.answers > outcome.refused >= outcome.unreadable > 5_000
    assert outcome.ticks > 0


def test_the_same_seed_makes_the_same_frames() -> None:
    one, same, other = (storm.Frames(200, seed) for seed in (3, 3, 4))
    made = [[frames.body() for _ in range(300)] for frames in (one, same, other)]
    assert made[0] == made[1] != made[2]
    assert len(set(made[0])) > 250


def test_what_does_not_hold_is_said(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch()
    fine = storm.Outcome(200, frames=10, first_mib=50, last_mib=60)
    storm.judge(fine, log)
    with pytest.raises(storm.Trouble, match="it grew by 70 MiB"):
        storm.judge(storm.Outcome(200, frames=10, first_mib=50, last_mib=120), log)
    mute = storm.Outcome(200, frames=10, unreadable=7, refused=6)
    with pytest.raises(storm.Trouble, match=r"said of 6 frames .* there were 7"):
        storm.judge(mute, log)
    log.write_text("Traceback (most recent call last)")
    with pytest.raises(storm.Trouble, match="Traceback"):
        storm.judge(fine, log)
