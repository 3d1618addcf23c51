"""The table of the hot messages says what IB's descriptors say, and leaves nothing out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.wire.hot import smoke
from twsloop.wire.hot import IMPLEMENTATION
from twsloop.wire.hot.calls import HOT
from twsloop.wire.hot.fields import MESSAGES, Kind, Made, Message
from twsloop.wire.messages import INBOUND, message_class

every_message = pytest.mark.parametrize(
    "message", MESSAGES.values(), ids=[INBOUND[number].name for number in MESSAGES]
)
#: What a field of protobuf may be here.
TYPES = {
    Kind.INT: {"TYPE_INT32"},
    Kind.LONG: {"TYPE_INT64"},
    Kind.DOUBLE: {"TYPE_DOUBLE"},
    Kind.DECIMAL: {"TYPE_STRING"},
    Kind.STRING: {"TYPE_STRING"},
    Kind.BOOL: {"TYPE_BOOL"},
    Kind.FLAGS: {"TYPE_INT32", "TYPE_BOOL"},
}


def leaves(descriptor: Any, before: str = "") -> Iterator[tuple[str, str]]:
    """Every field that is not a message, by its path, and its type."""
    kinds = vars(type(descriptor.fields[0])).items()
    names = {value: name for name, value in kinds if name.startswith("TYPE_")}
    for field in descriptor.fields:
        if field.message_type is not None:
            yield from leaves(field.message_type, f"{before}{field.name}.")
        else:
            yield before + field.name, names[field.type]


@every_message
def test_each_field_of_protobuf_has_its_value(message: Message) -> None:
    expected = dict(leaves(message_class(message.proto).DESCRIPTOR))
    found = {path: value.kind for value in message.values for path in value.path}
    assert set(found) == set(expected)
    assert all(expected[path] in TYPES[kind] for path, kind in found.items())


@every_message
def test_the_callbacks_are_those_of_the_message(message: Message) -> None:
    assert (
        tuple(form.callback for form in message.forms) == HOT[message.number][: len(message.forms)]
    )
    names = {value.name for value in message.values}
    for form in message.forms:
        for argument in form.arguments:
            if isinstance(argument, Made):
                fresh = vars(argument.of())
                assert [name for name, _, _ in argument.attributes] == list(fresh)
                assert {value for _, value, _ in argument.attributes} <= names
            else:
                assert argument in names


@every_message
@pytest.mark.parametrize("version", [100, 145, 146, 155, 156, 200])
def test_text_has_each_value_once(message: Message, version: int) -> None:
    for form in message.forms:
        names = [field.value for field in form.text_fields(version) if field.value]
        assert len(names) == len(set(names))
        asked: set[str] = set()
        for argument in form.arguments:
            asked |= (
                {argument}
                if isinstance(argument, str)
                else {name for _, name, _ in argument.attributes}
            )
        missing = asked - set(names)
        assert missing <= {"isSmartDepth", "tickAttrib"}
        assert not missing or version < 156


@pytest.mark.skipif(IMPLEMENTATION != "native", reason="it runs in Python")
def test_a_wheel_that_works_is_seen_to_work() -> None:
    smoke.main()
