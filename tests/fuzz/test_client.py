"""Spoilt streams: a few in the test suite; ``make fuzz`` feeds a million mutations."""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path

import pytest

from tests.fuzz import client, streams
from tests.fuzz.mutations import Spoiler
from twsloop import IBGateway
from twsloop.session.state import State
from twsloop.testing import GatewayDouble
from twsloop.wire.framing import MAX_FRAME, frame


@pytest.fixture(scope="module")
def tapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tapes")


@pytest.mark.parametrize("version", [200, 225])
def test_a_client_stands_spoilt_streams(version: int, tapes: Path) -> None:
    *_, outcome = client.Run(version, seed=7, tapes=tapes).rounds(3000)
    assert outcome.mutations >= 3000
    assert outcome.recovered > 5
    assert outcome.ended > 5
    assert outcome.messages > 4000


def test_the_same_tape_and_seed_make_the_same_streams(tapes: Path) -> None:
    story = streams.session(225, tapes)
    made = []
    for seed in (3, 3, 4):
        spoiler = Spoiler(story, random.Random(seed), raw_ids=True)
        bodies = spoiler.bodies(story, 500)
        made.append((bodies, spoiler.framing(bodies, 5)))
        assert spoiler.count == 505
    assert made[0] == made[1] != made[2]
    assert made[0][0] != list(story)


def test_pieces_are_the_whole() -> None:
    chance = random.Random(1)
    spoiler = Spoiler([b"a"], chance, raw_ids=True)
    for size in (0, 1, 4096, 40_000):
        data = chance.randbytes(size)
        assert all(b"".join(spoiler.pieces(data)) == data for _ in range(20))


def test_every_kind_of_message_is_among_the_streams(tapes: Path) -> None:
    for version in (200, 225):
        assert len(streams.session(version, tapes)) > 100
        assert len(streams.built(version)) > 200


def test_what_does_not_hold_is_said(tapes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(_self: IBGateway) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(client, "ask_for_everything", raises)
    with pytest.raises(client.Trouble, match=r"round 5: .*\nagain: .* --seed 9 --first 5"):
        client.Run(225, seed=9, tapes=tapes).round(5, client.Outcome(225))


def test_a_lying_length_keeps_no_more_than_one_message() -> None:
    """64 MiB behind lengths of the most there may be: the buffer stays below one of them."""
    double = client.Double(IBGateway, start=False)
    double.start()
    piece = bytes(1 << 20)
    tracemalloc.start()
    try:
        most = 0
        for _ in range(4):
            double.pour([MAX_FRAME.to_bytes(4, "big")])
            for _ in range(15):
                double.pour([piece])
                most = max(most, double.read_ahead)
            double.pour([bytes(MAX_FRAME - 15 * len(piece))])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert double.state is State.READY
    assert most <= MAX_FRAME + 4
    assert peak < 5 * MAX_FRAME
    double.stop()


def test_a_length_that_no_message_may_have_ends_the_session_with_a_reason() -> None:
    with GatewayDouble(IBGateway) as double:
        reasons: list[str] = []
        double.app.on_session(lambda _state, reason: reasons.append(reason))
        link = double._session().transport
        assert link is not None
        double._run(lambda: link.say(frame(b"x")[:0] + (MAX_FRAME + 1).to_bytes(4, "big")))
        assert "a frame of 16777216 bytes was announced" in reasons[0]
