"""Connect options and optional capabilities go through, from settings and from IB's own setters."""

from __future__ import annotations

import pytest

from tests.support.clients import Background, Recorder, settings
from tests.support.scripted import Peer, ScriptedServer
from twsloop import PaperGateway
from twsloop.connection import IBKRConnection
from twsloop.errors import ConnectionFailed
from twsloop.paper.clients.pacing_judge import PacingRules
from twsloop.wire.messages import message_class

#: How many messages the paper gateway below takes in a second, and how many it gets at once.
LIMIT, BURST = 4, 6


@pytest.mark.parametrize("version", [225, 200])
@pytest.mark.parametrize("way", ["not asked for", "settings", "setter"])
def test_a_gateway_that_refuses_what_is_too_fast_slows_who_asks_for_it(
    version: int, way: str
) -> None:
    rules = PacingRules(lines=2 * LIMIT, excess="reject")
    heard = Recorder()
    with PaperGateway(max_version=version, pacing=rules) as paper:
        options = "+PACEAPI" if way == "settings" else ""
        overrides = {"connection__connect_options": options, "heartbeat__enabled": False}
        client = IBKRConnection(settings(paper.port, **overrides), wrapper=heard)
        if way == "setter":
            client.setConnectOptions("+PACEAPI")
        with client:
            for number in range(BURST):
                client.reqUserInfo(number)
            heard.wait("userInfo", LIMIT if way == "not asked for" else BURST)
            if way == "not asked for":
                heard.wait("error", BURST - LIMIT)
            assert client.isConnected()
    refused = [error for error in heard.of("error") if error[2] == 100]
    assert len(refused) == (BURST - LIMIT if way == "not asked for" else 0)


@pytest.mark.parametrize("start", ["start", "connect"])
@pytest.mark.parametrize("way", ["settings", "setter"])
@pytest.mark.parametrize("version", [225, 178])
def test_both_are_sent_whichever_way_they_are_set(start: str, way: str, version: int) -> None:
    seen: list[bytes] = []

    async def script(peer: Peer) -> None:
        await peer.greet(version)
        seen.extend([peer.hello, await peer.read_frame()])
        peer.close()

    overrides: dict[str, object] = {"reconnect__enabled": False, "connection__client_id": 9}
    if way == "settings":
        overrides["connection__connect_options"] = "+PACEAPI"
        overrides["connection__optional_capabilities"] = "cap"
    heard = Recorder()
    with ScriptedServer(script) as server:
        client = IBKRConnection(settings(server.port, **overrides), wrapper=heard)
        if way == "setter":
            client.setConnectOptions("+PACEAPI")
            client.setOptionalCapabilities("cap")
        if start == "start":
            with pytest.raises(ConnectionFailed, match="closed"):
                client.start()
        else:
            client.connect("127.0.0.1", server.port, 9)
            Background(client.run).result()
    hello, begin = seen
    assert hello == b"v100..225 +PACEAPI"
    if version == 178:
        assert begin.split(b"\0")[:-1] == [b"71", b"2", b"9", b"cap"]
    else:
        request = message_class("StartApiRequest").FromString(begin[4:])
        assert request.optionalCapabilities == "cap"
