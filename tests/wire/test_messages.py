from __future__ import annotations

import inspect

import pytest
from ibapi.client import EClient
from ibapi.common import PROTOBUF_MSG_IDS
from ibapi.decoder import Decoder
from ibapi.message import IN, OUT
from ibapi.wrapper import EWrapper

from twsloop.errors import DependencyError
from twsloop.wire.messages import (
    INBOUND,
    INBOUND_BY_NAME,
    OUTBOUND,
    OUTBOUND_BY_NAME,
    Direction,
    message_class,
)


def numbers(enum: type) -> set[int]:
    return {value for name, value in vars(enum).items() if not name.startswith("_")}


def test_the_table_has_every_message_of_ibapi() -> None:
    assert set(INBOUND) == numbers(IN)
    assert set(OUTBOUND) == numbers(OUT)


def test_names_find_the_same_rows() -> None:
    assert set(INBOUND_BY_NAME.values()) == set(INBOUND.values())
    assert set(OUTBOUND_BY_NAME.values()) == set(OUTBOUND.values())
    assert {row.direction for row in INBOUND.values()} == {Direction.INBOUND}
    assert {row.direction for row in OUTBOUND.values()} == {Direction.OUTBOUND}


def test_every_class_exists_in_the_installed_ibapi() -> None:
    for row in [*INBOUND.values(), *OUTBOUND.values()]:
        if row.proto is not None:
            assert message_class(row.proto).DESCRIPTOR.name == row.proto


def test_a_class_that_ibapi_lacks_is_a_plain_error() -> None:
    with pytest.raises(DependencyError, match="nautilus_ibapi"):
        message_class("Nonsense")


def test_the_gates_of_requests_are_ibs_own() -> None:
    protobuf_only = {106: 215, 107: 215, 108: 219, 109: 221}
    gates = {row.number: row.protobuf_since for row in OUTBOUND.values() if row.protobuf_since}
    assert gates == {**PROTOBUF_MSG_IDS, **protobuf_only}
    assert {row.number for row in OUTBOUND.values() if not row.text} == set(protobuf_only)


def test_answers_have_the_encodings_that_ibs_decoder_has() -> None:
    decoder = Decoder(EWrapper(), 225)
    assert {row.number for row in INBOUND.values() if row.text} == set(decoder.msgId2handleInfo)
    with_protobuf = {row.number for row in INBOUND.values() if row.protobuf_since}
    assert {number % 200 for number in decoder.msgId2handleInfoProtoBuf} == with_protobuf


def test_callbacks_are_ewrappers_and_requests_are_eclients() -> None:
    for row in INBOUND.values():
        for callback in row.callbacks:
            assert inspect.isfunction(getattr(EWrapper, callback)), callback
        twins = [name for name in row.callbacks if name.endswith("ProtoBuf")]
        assert twins == ([row.callbacks[0]] if row.protobuf_since else [])
    for row in OUTBOUND.values():
        assert hasattr(EClient, row.name) or hasattr(EClient, f"{row.name}ProtoBuf"), row.name


def test_the_mixed_versions_change_message_by_message() -> None:
    place = OUTBOUND_BY_NAME["placeOrder"]
    assert not place.is_protobuf(200)
    assert not place.is_protobuf(202)
    assert place.is_protobuf(203)
    assert not INBOUND_BY_NAME["tickEFP"].is_protobuf(225)
