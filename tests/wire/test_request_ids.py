"""The id of a request, read without decoding it: the same as the whole message says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.errors import EncodeError
from twsloop.wire.codec import encode
from twsloop.wire.messages import OUTBOUND, OUTBOUND_BY_NAME, message_class
from twsloop.wire.request_ids import CANCELS, request_id

WITH_ID = [
    kind.name
    for kind in OUTBOUND.values()
    if kind.proto is not None
    and {"reqId", "orderId"} & set(message_class(kind.proto).DESCRIPTOR.fields_by_name)
    and kind.name != "replaceFA"  # its id stands last in the text form; nothing cancels it
]
VERSIONS = [100, 123, 124, 176, 200, 201, 213, 225]


@pytest.mark.parametrize("version", VERSIONS)
@given(name=st.sampled_from(WITH_ID), req_id=st.integers(-1, 2**31 - 1))
def test_it_is_what_the_message_says(version: int, name: str, req_id: int) -> None:
    kind = OUTBOUND_BY_NAME[name]
    if version < kind.since or not (kind.text or kind.is_protobuf(version)):
        return
    message = message_class(str(kind.proto))()
    field = "orderId" if any(f.name == "orderId" for f in message.DESCRIPTOR.fields) else "reqId"
    setattr(message, field, req_id)
    try:
        body = encode(kind, message, version)
    except EncodeError:  # it has no text form that an empty message fits in
        return
    assert request_id(body, version) == req_id


def test_most_requests_have_an_id_in_both_protocols() -> None:
    read = [
        name
        for name in WITH_ID
        if all(
            request_id(encode(OUTBOUND_BY_NAME[name], _empty(name), version), version) == 7
            for version in (200, 225)
            if OUTBOUND_BY_NAME[name].text
        )
    ]
    assert len(read) > 45


def _empty(name: str) -> Any:
    message = message_class(str(OUTBOUND_BY_NAME[name].proto))()
    setattr(message, "orderId" if "orderId" in message.DESCRIPTOR.fields_by_name else "reqId", 7)
    return message


@given(st.binary(max_size=40), st.sampled_from(VERSIONS))
def test_bytes_of_any_kind_are_read_without_an_error(body: bytes, version: int) -> None:
    found = request_id(body, version)
    assert found is None or isinstance(found, int)


def test_what_has_no_id_says_so() -> None:
    kind = OUTBOUND_BY_NAME["reqPositions"]
    message = message_class(str(kind.proto))()
    assert request_id(encode(kind, message, 200), 200) is None
    assert request_id(encode(kind, message, 225), 225) is None


def test_every_cancel_with_an_id_knows_its_request() -> None:
    names = {OUTBOUND[one].name: OUTBOUND[other].name for one, other in CANCELS.items()}
    assert names["cancelMktData"] == "reqMktData"
    assert names["cancelHistoricalData"] == "reqHistoricalData"
    assert names["cancelPnLSingle"] == "reqPnLSingle"
    assert names["cancelCalculateOptionPrice"] == "calculateOptionPrice"
    assert names["unsubscribeFromGroupEvents"] == "subscribeToGroupEvents"
    assert names["cancelContractData"] == "reqContractDetails"
    assert "cancelOrder" not in names
    with_id = [name for name in WITH_ID if name.startswith(("cancel", "unsubscribe"))]
    assert set(with_id) - {"cancelOrder"} == set(names)
