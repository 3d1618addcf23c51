"""Masking: no account number and no name stays, and every body decodes as it did."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import official
from twsloop.wire import codec
from twsloop.wire.masking import Masker, is_sensitive
from twsloop.wire.messages import (
    INBOUND_BY_NAME,
    OUTBOUND_BY_NAME,
    Direction,
    message_class,
)

IN, OUT = Direction.INBOUND, Direction.OUTBOUND
VERSIONS = (157, 178, 200, 213, 225)


def body_of(name: str, version: int, **fields: Any) -> bytes:
    kind = INBOUND_BY_NAME.get(name) or OUTBOUND_BY_NAME[name]
    assert kind.proto is not None
    return codec.encode(kind, message_class(kind.proto)(**fields), version)


def read(way: Direction, body: bytes, version: int) -> Any:
    return codec.decode(way, body, version).message


@pytest.mark.parametrize("version", VERSIONS)
def test_accounts_are_learnt_and_masked_everywhere(version: int) -> None:
    masker = Masker()
    body = body_of("managedAccounts", version, accountsList="DU1234567,DF7654321")
    masked = masker.mask(IN, body, version)
    assert read(IN, masked, version).accountsList == "DU0000001,DF0000002"
    assert len(masked) == len(body)
    position = {"account": "DF7654321", "position": "100", "avgCost": 1.5}
    masked = masker.mask(IN, body_of("position", version, **position), version)
    assert read(IN, masked, version).account == "DF0000002"
    text = "Order rejected - account DU1234567 is closed."
    masked = masker.mask(IN, body_of("errMsg", version, errorCode=201, errorMsg=text), version)
    assert "account DU0000001 is closed" in read(IN, masked, version).errorMsg


@pytest.mark.parametrize("version", VERSIONS)
def test_requests_are_masked_too(version: int) -> None:
    masker = Masker()
    body = body_of("reqAccountUpdates", version, subscribe=True, acctCode="U7777777")
    assert b"U7777777" not in masker.mask(OUT, body, version)


@pytest.mark.parametrize("version", [200, 225])
def test_names_are_masked(version: int) -> None:
    masker = Masker()
    body = body_of("openOrder", version, orderId=1, order={"submitter": "jdoe123", "orderId": 1})
    masked = masker.mask(IN, body, version)
    assert b"jdoe123" not in masked
    # Once it is known, it is known in places where nothing says what it is.
    text = "Session of jdoe123 was ended"
    masked = masker.mask(IN, body_of("errMsg", version, errorCode=1, errorMsg=text), version)
    assert "jdoe123" not in read(IN, masked, version).errorMsg
    masked = masker.mask(IN, body_of("userInfo", version, reqId=1, whiteBrandingId="ACME"), version)
    assert read(IN, masked, version).whiteBrandingId == "X002"


def test_aliases_of_an_advisor() -> None:
    xml = "<x><alias>Grandma</alias><account>DU4444444</account></x>"
    masked = Masker().mask(IN, body_of("receiveFA", 200, faDataType=3, xml=xml), 200)
    assert b"Grandma" not in masked
    assert b"DU4444444" not in masked


def test_an_account_that_nobody_named_is_known_by_its_form() -> None:
    masked = Masker().mask_bytes(b"4\x002\x001\x00321\x00no such account: DU9876543.\x00")
    assert masked == b"4\x002\x001\x00321\x00no such account: DU0000001.\x00"


def test_what_is_no_account_stays() -> None:
    for harmless in (b"AAPL  260116C00150000", b"U5", b"FUT 20260101", b"EDU1234567", b"F1234"):
        assert Masker().mask_bytes(harmless) == harmless


def test_words_of_the_protocol_stay() -> None:
    masker = Masker()
    masker.learn("All")
    masker.learn("ib")
    masker.learn("")
    assert masker.mask_bytes(b"All ib") == b"All ib"


def test_one_account_may_begin_with_another() -> None:
    masker = Masker()
    masker.learn("DU123456")
    masker.learn("DU1234567")
    assert masker.mask_text("DU1234567 DU123456") == "DU0000002 DU000001"


def test_what_is_masked_is_masked_once() -> None:
    masker = Masker()
    first = masker.mask_text("DU1234567")
    assert masker.mask_text(first) == first


@given(
    account=st.from_regex(r"D?[UFI][0-9]{5,9}", fullmatch=True),
    version=st.sampled_from(VERSIONS),
)
def test_the_official_client_reads_the_same_shape(account: str, version: int) -> None:
    masker = Masker()
    masker.mask(IN, body_of("managedAccounts", version, accountsList=account), version)
    row = {"account": account, "tag": "NetLiquidation", "value": "1", "currency": "USD"}
    body = body_of("accountSummary", version, reqId=9, **row)
    masked = masker.mask(IN, body, version)
    (call,) = [c for c in official.decode(masked, version).calls if c.name == "accountSummary"]
    number, name, *rest = call.args
    assert (number, rest) == (9, ["NetLiquidation", "1", "USD"])
    assert len(str(name)) == len(account)


@given(
    body=st.binary(max_size=80), version=st.sampled_from(VERSIONS), way=st.sampled_from([IN, OUT])
)
def test_any_bytes_keep_their_length(body: bytes, version: int, way: Direction) -> None:
    assert len(Masker().mask(way, body, version)) == len(body)


def test_fields_that_hold_people() -> None:
    assert is_sensitive("acctNumber")
    assert not is_sensitive("symbol")
