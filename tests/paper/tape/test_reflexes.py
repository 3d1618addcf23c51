"""What a scripted gateway answers by itself: IB's own client understands it, at every version."""

from __future__ import annotations

import pytest

from tests.support import official
from tests.support.protos import build
from twsloop.paper.tape.reflexes import REFLEXES, reflex
from twsloop.wire import codec
from twsloop.wire.messages import OUTBOUND_BY_NAME

NOW = 1_767_623_400


@pytest.mark.parametrize("name", REFLEXES)
@pytest.mark.parametrize("version", [157, 178, 200, 225])
def test_every_answer_can_be_read(name: str, version: int) -> None:
    request = build(OUTBOUND_BY_NAME[name], 225, 3)
    answers = reflex(name, request, NOW)
    assert answers is not None
    for kind, message in answers:
        if version < kind.since:
            continue
        heard = official.decode(codec.encode(kind, message, version), version)
        assert heard.calls, kind.name
        assert not heard.leftover


def test_an_answer_bears_the_request_s_id() -> None:
    request = build(OUTBOUND_BY_NAME["reqExecutions"], 225, 1)
    request.reqId = 77
    assert [m.reqId for _, m in reflex("reqExecutions", request, NOW) or []] == [77]


def test_what_is_for_the_script_to_say() -> None:
    assert reflex("placeOrder", None, NOW) is None
    assert reflex("reqMktData", None, NOW) is None


def test_the_end_of_account_updates_is_no_question() -> None:
    request = build(OUTBOUND_BY_NAME["reqAccountUpdates"], 225, 1)
    request.subscribe = False
    assert reflex("reqAccountUpdates", request, NOW) == []
