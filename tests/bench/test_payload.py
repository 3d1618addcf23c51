"""What the blaster sends is what a gateway sends, and says the same in both encodings."""

from __future__ import annotations

import struct
from collections import Counter
from typing import Any

import pytest

from bench.payload import BLOCK, MARK, MIX, Stamped, blocks, drawn, writers
from twsloop.wire import codec
from twsloop.wire.framing import FrameReader
from twsloop.wire.messages import Direction

IDS, STREAMS = [7, 2**30 + 5], [1001, 1002, 1003, 1004]
#: How many blocks are looked at.
SOME = 4


def messages(data: bytes, version: int) -> list[Any]:
    """What is in some bytes; reading them back gives the same bytes."""
    reader = FrameReader()
    reader.feed(data)
    found = []
    for body in reader.frames():
        read = codec.decode(Direction.INBOUND, body, version)
        assert read.leftover == 0
        found.append(read)
    assert reader.pending == 0
    return found


@pytest.mark.parametrize("version", [225, 200, 178])
def test_every_message_is_one_of_the_gateways(version: int) -> None:
    for block in blocks(version, IDS, STREAMS, SOME):
        read = messages(block, version)
        assert len(read) == BLOCK
        assert {one.message.reqId for one in read} == {*IDS, *STREAMS}
        if version == 225:
            # The text of a price has two digits, where the codec writes as few as there are.
            again = [codec.encode(one.type, one.message, version) for one in read]
            assert b"".join(struct.pack(">I", len(one)) + one for one in again) == block


def test_both_encodings_say_the_same() -> None:
    for raw, text in zip(
        blocks(225, IDS, STREAMS, SOME), blocks(200, IDS, STREAMS, SOME), strict=True
    ):
        for first, second in zip(messages(raw, 225), messages(text, 200), strict=True):
            assert first.type == second.type
            # An absent field and a default one are the same to who reads them.
            assert _told(first.message) == _told(second.message)


def _told(message: Any) -> dict[str, Any]:
    found = {}
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            inner = _told(value)
            if inner:
                found[field.name] = inner
        elif value != field.default_value:
            found[field.name] = value
    return found


def test_the_mix_is_what_it_says() -> None:
    kinds: Counter[str] = Counter()
    for _, block in zip(range(20), drawn(40, 40), strict=False):
        assert len(block) == BLOCK - 1  # and the mark
        kinds.update(values[0] for _, values in block)
        kinds["generic"] += 1
    for kind, share in MIX.items():
        assert kinds[kind] == pytest.approx(share * 10, rel=0.05), kind


def test_the_last_message_of_a_block_counts_the_blocks() -> None:
    for number, block in enumerate(blocks(225, IDS, STREAMS, SOME), start=1):
        marks = [one.message for one in messages(block, 225) if one.message.tickType == MARK]
        assert [(one.reqId, one.value) for one in marks] == [(IDS[0], number)]


def test_the_same_seed_gives_the_same_values_under_other_ids() -> None:
    ours, theirs = (messages(blocks(225, ids, STREAMS, 1)[0], 225) for ids in (IDS, [8, 9]))
    for one, other in zip(ours, theirs, strict=True):
        one.message.reqId = other.message.reqId = 1
        assert one.message == other.message
    assert blocks(225, IDS, STREAMS, 1, seed=2) != blocks(225, IDS, STREAMS, 1)


@pytest.mark.parametrize("version", [225, 200])
def test_a_stamped_bid_carries_its_time_and_goes_round_the_lines(version: int) -> None:
    stamped = Stamped(version, IDS)
    read = messages(b"".join(stamped(now) for now in (12345.678901, 12345.75, 99999.5)), version)
    assert [one.message.price for one in read] == pytest.approx([12345.678901, 12345.75, 99999.5])
    assert [one.message.reqId for one in read] == [IDS[0], IDS[1], IDS[0]]
    assert {one.message.tickType for one in read} == {1}


def test_there_is_a_writer_for_each_kind_that_is_drawn() -> None:
    assert set(writers(225)) == set(writers(200)) == set(MIX)
