"""What stays raw reaches the program as IB's client has it, in both protocols."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ibapi.contract import DeltaNeutralContract

from tests.support.asking import Wire, opened, session
from tests.support.clients import Recorder, settings
from tests.support.scripted import Peer, ScriptedServer, proto_body, raw_text_body, text_body
from twsloop.connection import IBKRConnection
from twsloop.wire.messages import message_class


@pytest.fixture
def wire() -> Iterator[Wire]:
    with ScriptedServer(session) as server:
        yield from opened(Wire(server))


def test_what_verification_answers_in_text(wire: Wire) -> None:
    wire.reply(
        text_body(65, 1, "data"),
        text_body(66, 1, "true", "fine"),
        text_body(69, 1, "data", "challenge"),
        text_body(70, 1, "true", "fine"),
    )
    wire.heard.wait("verifyAndAuthCompleted")
    assert wire.heard.of("verifyMessageAPI") == [("data",)]
    assert wire.heard.of("verifyAndAuthMessageAPI") == [("data", "challenge")]
    for name in ("verifyCompleted", "verifyAndAuthCompleted"):
        ((successful, text),) = wire.heard.of(name)
        assert (bool(successful), text) == (True, "fine")


def test_the_validation_of_a_delta_neutral_order(wire: Wire) -> None:
    wire.reply(text_body(56, 1, 7, 265598, 0.5, 187.25))
    wire.heard.wait("deltaNeutralValidation")
    ((req_id, validated),) = wire.heard.of("deltaNeutralValidation")
    assert req_id == 7
    assert isinstance(validated, DeltaNeutralContract)
    assert (validated.conId, validated.delta, validated.price) == (265598, 0.5, 187.25)


def test_what_verification_answers_where_most_is_protobuf() -> None:
    async def script(peer: Peer) -> None:
        await peer.open_protobuf_session(225)
        await peer.send(
            proto_body(65, message_class("VerifyMessageApi")(apiData="data")),
            proto_body(66, message_class("VerifyCompleted")(isSuccessful=True, errorText="fine")),
            raw_text_body(69, 1, "data", "challenge"),  # these have no protobuf form
            raw_text_body(70, 1, "true", "fine"),
        )
        await peer.read_to_end()

    heard = Recorder()
    with ScriptedServer(script) as server:
        client = IBKRConnection(settings(server.port, heartbeat__enabled=False), wrapper=heard)
        with client:
            heard.wait("verifyAndAuthCompleted")
    assert heard.of("verifyMessageAPI") == [("data",)]
    assert heard.of("verifyCompleted") == [(True, "fine")]
    assert heard.of("verifyAndAuthMessageAPI") == [("data", "challenge")]
