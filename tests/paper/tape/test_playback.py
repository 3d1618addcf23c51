"""Playing a scene to one client, without sockets or time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import official
from twsloop.paper.tape.playback import FLAT_OUT, WRITES_A_TURN, Playback
from twsloop.paper.tape.script import Scene, scenes_of_tape
from twsloop.paper.tape.transcript import entries_of, read_transcript
from twsloop.paper.tape.wording import describe
from twsloop.wire import codec
from twsloop.wire.framing import FrameReader
from twsloop.wire.messages import OUTBOUND_BY_NAME, message_class
from twsloop.wire.tape import Header, Tape

START = "client: startApi\n"


class Client:
    """A client of one scene, as bytes."""

    def __init__(self, text: str | Scene, version: int = 200, **options: Any) -> None:
        scene = read_transcript(text).scenes[0] if isinstance(text, str) else text
        self.version = version
        self.playback = Playback(
            scene,
            version,
            where=lambda line: f"x:{line}",
            seconds=lambda: 1_767_623_400,
            **{"speed": FLAT_OUT, **options},
        )
        self.hung_up: str | None = None
        self.wake: float | None = None
        self.writes: list[bytes] = []

    def say(self, name: str, **fields: Any) -> None:
        kind = OUTBOUND_BY_NAME[name]
        assert kind.proto is not None
        contract = fields.pop("contract", None)
        message = message_class(kind.proto)(**fields)
        if contract is not None:
            for field, value in contract.items():
                setattr(message.contract, field, value)
        self.playback.hear(codec.encode(kind, message, self.version))

    def turn(self, now: float = 0.0) -> list[str]:
        """What IB's client would have been told by now."""
        done = self.playback.turn(now)
        self.hung_up, self.wake, self.writes = done.hang_up, done.wake, done.writes
        reader = FrameReader()
        reader.feed(b"".join(done.writes))
        heard = []
        for body in reader.frames():
            calls = official.decode(body, self.version).calls
            heard += [f"{c.name} {c.args[0] if c.args else ''}".strip() for c in calls]
        return heard


@pytest.mark.parametrize("version", [178, 200, 225])
def test_it_waits_for_its_requests(version: int) -> None:
    client = Client(
        START + "server: nextValidId orderId=3\n"
        "client: reqMktData reqId=1 contract.symbol=AAPL\n"
        "server: tickPrice reqId=1 tickType=4 price=1.5 size=100\n",
        version,
    )
    assert client.turn() == []
    client.say("startApi", clientId=1)
    assert client.turn() == ["nextValidId 3"]
    client.say("reqMktData", reqId=1, contract={"symbol": "AAPL", "secType": "STK"})
    assert client.turn() == ["tickPrice 1", "tickSize 1"]
    assert client.playback.finished
    assert client.playback.problems == []


def test_ids_of_the_client_count() -> None:
    client = Client(
        START + "client: reqMktData reqId=1 contract.symbol=AAPL\n"
        "client: reqMktData reqId=2 contract.symbol=MSFT\n"
        "server: tickSize reqId=1 tickType=5 size=1\n"
        "server: tickSize reqId=2 tickType=5 size=2\n"
        "server: errMsg id=2 errorCode=300\n"
        "client: cancelMktData reqId=1\n"
        "server: tickSize reqId=2 tickType=5 size=3\n"
    )
    client.say("startApi", clientId=1)
    # In the other order, too.
    client.say("reqMktData", reqId=900, contract={"symbol": "MSFT"})
    client.say("reqMktData", reqId=901, contract={"symbol": "AAPL"})
    assert client.turn() == ["tickSize 901", "tickSize 900", "error 900"]
    client.say("cancelMktData", reqId=900)
    assert client.turn() == []
    client.say("cancelMktData", reqId=901)
    assert client.turn() == ["tickSize 900"]


def test_a_request_id_may_be_used_again() -> None:
    client = Client(
        START + "client: reqContractDetails reqId=1 contract.symbol=AAPL\n"
        "server: contractDetailsEnd reqId=1\n"
        "client: reqContractDetails reqId=1 contract.symbol=MSFT\n"
        "server: contractDetailsEnd reqId=1\n"
    )
    client.say("startApi", clientId=1)
    client.say("reqContractDetails", reqId=5, contract={"symbol": "AAPL"})
    assert client.turn() == ["contractDetailsEnd 5"]
    client.say("reqContractDetails", reqId=6, contract={"symbol": "MSFT"})
    assert client.turn() == ["contractDetailsEnd 6"]


def test_orders_and_the_client_id() -> None:
    client = Client(
        "client: startApi clientId=7\n"
        "client: placeOrder orderId=1 contract.symbol=AAPL\n"
        "client: placeOrder orderId=2 order.parentId=1\n"
        "server: orderStatus orderId=2 status=Submitted filled=0 remaining=1 parentId=1 "
        "clientId=7\n",
        225,
    )
    client.say("startApi", clientId=9)
    client.say("placeOrder", orderId=31, contract={"symbol": "AAPL"})
    kind = OUTBOUND_BY_NAME["placeOrder"]
    child = message_class("PlaceOrderRequest")(orderId=32)
    child.order.parentId = 31
    client.playback.hear(codec.encode(kind, child, 225))
    done = client.playback.turn(0.0)
    (call,) = official.decode(done.writes[0][4:], 225).calls
    # order id, ..., parentId, ..., clientId
    assert (call.args[0], call.args[6], call.args[8]) == (32, 31, 9)


def test_an_order_id_stays_bound() -> None:
    client = Client(
        START + "client: placeOrder orderId=1\nclient: placeOrder orderId=1\nserver: openOrderEnd\n"
    )
    client.say("startApi", clientId=1)
    client.say("placeOrder", orderId=5)
    client.say("placeOrder", orderId=6)
    assert client.turn() == []
    client.say("placeOrder", orderId=5)
    assert client.turn() == ["openOrderEnd"]


# ---- strict ------------------------------------------------------------------------------------

TAPE = (
    "version 200\nclient: startApi clientId=7\n"
    "client: reqMktData reqId=1 contract.symbol=AAPL contract.secType=STK\n"
    "client: reqPositions\nserver: positionEnd\n"
)


def recorded() -> Scene:
    """The same as if it came from a tape: with bytes."""
    entries = tuple(entries_of(read_transcript(TAPE)))
    return scenes_of_tape(Tape(Header(datetime(2026, 1, 5, tzinfo=UTC)), entries)).scenes[0]


def test_strict_takes_the_very_messages() -> None:
    client = Client(recorded(), strict=True)
    client.say("startApi", clientId=7)
    client.say("reqMktData", reqId=1, contract={"symbol": "AAPL", "secType": "STK"})
    client.say("reqPositions")
    assert client.turn() == ["positionEnd"]
    client.playback.leave()
    assert client.playback.problems == []


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (("reqMktData", {"reqId": 2, "contract": {"symbol": "AAPL", "secType": "STK"}}), "reqId=2"),
        (("reqMktData", {"reqId": 1, "contract": {"symbol": "MSFT", "secType": "STK"}}), "MSFT"),
        (("reqMktData", {"reqId": 1, "contract": {"symbol": "AAPL"}}), "symbol=AAPL"),
        (("reqPositions", {}), "sent reqPositions"),
        (("reqCurrentTime", {}), "sent reqCurrentTime"),
    ],
)
def test_strict_takes_nothing_else(sent: tuple[str, dict[str, Any]], words: str) -> None:
    client = Client(recorded(), strict=True, patience=5.0)
    client.say("startApi", clientId=7)
    client.say(sent[0], **sent[1])
    assert client.turn() == []
    (problem,) = client.playback.problems
    assert "waits for reqMktData reqId=1" in problem
    assert words in problem
    assert (client.hung_up, client.wake) == (None, 5.0)
    client.turn(5.0)
    assert client.hung_up == problem


def test_lenient_looks_at_the_contract_and_not_at_the_rest() -> None:
    client = Client(recorded())
    client.say("startApi", clientId=3)
    client.say("reqPositions")
    client.say("reqMktData", reqId=2, contract={"symbol": "MSFT", "secType": "STK"})
    assert client.turn() == []
    fields = {"genericTickList": "233", "contract": {"symbol": "AAPL", "secType": "STK"}}
    client.say("reqMktData", reqId=3, **fields)
    assert client.turn() == ["positionEnd"]
    assert client.playback.unanswered == ("reqMktData",)


def recorded_request(name: str, **fields: Any) -> Scene:
    """A tape on which a client sent one request, and was told its positions' end."""
    kind = OUTBOUND_BY_NAME[name]
    assert kind.proto is not None
    line = describe(kind, message_class(kind.proto)(**fields), limit=None)
    text = f"version 200\nclient: startApi clientId=7\nclient: {line}\nserver: positionEnd\n"
    entries = tuple(entries_of(read_transcript(text)))
    return scenes_of_tape(Tape(Header(datetime(2026, 1, 5, tzinfo=UTC)), entries)).scenes[0]


BARS = {
    "reqId": 1,
    "contract": {"symbol": "AAPL"},
    "endDateTime": "20260105-20:00:00",
    "duration": "1 D",
    "barSizeSetting": "1 min",
    "whatToShow": "TRADES",
}
ORDER = {"action": "BUY", "orderType": "LMT", "totalQuantity": "100", "lmtPrice": 10.0}


@pytest.mark.parametrize(
    ("name", "recorded", "live", "fits"),
    [
        ("reqHistoricalData", BARS, {"endDateTime": "20260302-20:00:00", "reqId": 9}, True),
        ("reqHistoricalData", BARS, {"duration": "2 D"}, False),
        ("reqHistoricalData", BARS, {"whatToShow": "MIDPOINT"}, False),
        ("reqHistoricalData", BARS, {"contract": {"symbol": "MSFT"}}, False),
        ("placeOrder", {"orderId": 1, "order": ORDER}, {"order": {**ORDER, "lmtPrice": 11}}, True),
        ("placeOrder", {"orderId": 1, "order": ORDER}, {"order": {**ORDER, "tif": "GTC"}}, True),
        (
            "placeOrder",
            {"orderId": 1, "order": ORDER},
            {"order": {**ORDER, "action": "SELL"}},
            False,
        ),
        (
            "placeOrder",
            {"orderId": 1, "order": ORDER},
            {"order": {**ORDER, "totalQuantity": "1"}},
            False,
        ),
        ("reqAccountSummary", {"reqId": 1, "group": "All", "tags": "A"}, {"tags": "B"}, False),
        ("reqAccountUpdates", {"subscribe": True, "acctCode": "DU1"}, {"acctCode": "U9"}, True),
        ("reqAccountUpdates", {"subscribe": True}, {"subscribe": False}, False),
        ("reqMarketDataType", {"marketDataType": 3}, {"marketDataType": 1}, False),
    ],
)
def test_lenient_takes_what_has_the_same_answer(
    name: str, recorded: dict[str, Any], live: dict[str, Any], fits: bool
) -> None:
    client = Client(recorded_request(name, **recorded))
    client.say("startApi", clientId=7)
    kind = OUTBOUND_BY_NAME[name]
    assert kind.proto is not None
    message = message_class(kind.proto)(**{**recorded, **live})
    client.playback.hear(codec.encode(kind, message, 200))
    assert ("positionEnd" in client.turn()) is fits


# ---- deviations ----------------------------------------------------------------------------


def test_who_asks_for_nothing_is_told_why() -> None:
    client = Client(START + "\nclient: reqMktData reqId=1\n", patience=3.0)
    client.say("startApi", clientId=1)
    client.turn(10.0)
    assert client.wake == 13.0
    client.turn(13.0)
    assert client.hung_up == "x:3 waits for reqMktData reqId=1; within 3 s it sent nothing"
    assert client.playback.problems == [client.hung_up]


def test_who_asks_for_something_else_is_told_what() -> None:
    client = Client(START + "client: reqMktData reqId=1\n", patience=3.0)
    client.say("startApi", clientId=1)
    for number in range(12):
        client.say("reqContractDetails", reqId=number)
    client.turn(0.0)
    client.turn(3.0)
    assert client.hung_up is not None
    assert "reqMktData reqId=1; within 3 s it sent reqContractDetails reqId=0" in client.hung_up
    assert client.hung_up.endswith("; and 4 more")


def test_what_is_almost_right_is_told_by_its_difference() -> None:
    scene = recorded_request("placeOrder", orderId=1, contract={"symbol": "AAPL"}, order=ORDER)
    client = Client(scene, patience=1.0)
    client.say("startApi", clientId=7)
    order = {**ORDER, "action": "SELL", "totalQuantity": "6", "lmtPrice": 11.0}
    client.say("placeOrder", orderId=1, contract={"symbol": "AAPL"}, order=order)
    client.turn(0.0)
    client.turn(1.0)
    assert client.hung_up is not None
    assert client.hung_up.endswith(
        "it sent placeOrder with order.action=SELL where the script has BUY, "
        "order.totalQuantity=6 where the script has 100"
    )
    strict = Client(recorded(), strict=True, patience=1.0)
    strict.say("startApi", clientId=7)
    strict.say("reqMktData", reqId=2, contract={"symbol": "AAPL", "secType": "STK"})
    strict.turn()
    assert "with reqId=2 where the script has 1" in strict.playback.problems[0]
    loose = Client(START + "client: reqMktData reqId=1 contract.symbol=AAPL\n", patience=1.0)
    loose.say("startApi", clientId=7)
    loose.say("reqMktData", reqId=2, contract={"symbol": "MSFT", "secType": "STK"})
    loose.turn(0.0)
    loose.turn(1.0)
    words = "it sent reqMktData with contract.symbol=MSFT where the script has AAPL"
    assert str(loose.hung_up).endswith(words)


def test_who_leaves_early_is_named() -> None:
    client = Client(START + "client: reqMktData reqId=1\n")
    client.say("startApi", clientId=1)
    client.turn()
    client.playback.leave()
    client.playback.leave()
    assert client.playback.problems == ["x:2 waits for reqMktData reqId=1; the client left"]


def test_what_comes_after_the_end() -> None:
    client = Client(START, patience=3.0)
    client.say("startApi", clientId=1)
    client.turn()
    assert client.playback.finished
    client.say("reqContractDetails", reqId=1)
    client.turn(1.0)
    assert (client.wake, client.hung_up) == (4.0, None)
    client.turn(4.0)
    assert client.hung_up is not None
    assert "the script has ended, and the client sent reqContractDetails" in client.hung_up
    assert client.playback.problems == []


def test_bytes_that_cannot_be_read_are_no_match() -> None:
    client = Client(START + "client: hex 39 39 39 00\nserver: openOrderEnd\n")
    client.say("startApi", clientId=1)
    client.playback.hear(b"\xff")
    assert client.turn() == []
    client.playback.hear(b"999\0")
    assert client.turn() == ["openOrderEnd"]


# ---- by itself ---------------------------------------------------------------------------------


def test_start_up_questions_are_answered_by_themselves() -> None:
    client = Client(START, 225)
    client.say("startApi", clientId=1)
    client.turn()
    client.say("reqPositions")
    client.say("reqExecutions", reqId=8)
    client.say("reqAccountUpdates", subscribe=True, acctCode="DU1")
    client.say("reqAutoOpenOrders", autoBind=True)
    client.say("reqCurrentTime")
    assert client.turn() == [
        "positionEnd",
        "execDetailsEnd 8",
        "accountDownloadEnd DU1",
        "currentTime 1767623400",
    ]


def test_unless_the_script_has_them() -> None:
    client = Client(START + "client: reqPositions\nserver: positionEnd\n")
    client.say("startApi", clientId=1)
    client.say("reqPositions")
    assert client.turn() == ["positionEnd"]


def test_a_recorded_heartbeat_need_not_come_again() -> None:
    text = START + (
        "client: reqCurrentTime\nserver: currentTime currentTime=1\n"
        "client: reqIds numIds=1\nserver: nextValidId orderId=9\n"
    )
    client = Client(text)
    client.say("startApi", clientId=1)
    client.turn()
    client.say("reqIds", numIds=1)
    assert client.turn() == ["currentTime 1", "nextValidId 9"]
    late = Client(START + "client: reqCurrentTime\nserver: nextValidId orderId=9\n", patience=3.0)
    late.say("startApi", clientId=1)
    assert late.turn(0.0) == []
    assert late.turn(3.0) == ["nextValidId 9"]
    assert late.playback.problems == []


# ---- time --------------------------------------------------------------------------------------

TIMED = START + (
    "sleep 1\nserver: nextValidId orderId=1\nsleep 2\nserver: nextValidId orderId=2\n"
    "client: reqIds\nsleep 1\nserver: nextValidId orderId=3\n"
)


@pytest.mark.parametrize("speed", [1.0, 4.0])
def test_the_pace_is_the_recording_s(speed: float) -> None:
    client = Client(TIMED, speed=speed)
    client.say("startApi", clientId=1)
    assert client.turn(10.0) == []
    assert client.wake == 10 + 1 / speed
    assert client.turn(10 + 1 / speed) == ["nextValidId 1"]
    assert client.wake == 10 + 3 / speed
    # Late by a little: the pace is kept, and does not slip.
    assert client.turn(10 + 3.5 / speed) == ["nextValidId 2"]
    client.say("reqIds")
    assert client.turn(20.0) == []
    assert client.wake == 20 + 1 / speed


def test_flat_out_waits_for_nothing_but_the_client() -> None:
    client = Client(TIMED)
    client.say("startApi", clientId=1)
    assert client.turn() == ["nextValidId 1", "nextValidId 2"]


def test_a_long_scene_leaves_room_for_the_transport() -> None:
    client = Client(START + "server: openOrderEnd\n" * (WRITES_A_TURN + 5))
    client.say("startApi", clientId=1)
    assert len(client.turn(1.0)) == WRITES_A_TURN
    assert client.wake == 1.0
    assert len(client.turn(1.0)) == 5


def test_a_cut_makes_two_writes() -> None:
    client = Client(START + "split 3\nserver: openOrderEnd\nserver: positionEnd\n")
    client.say("startApi", clientId=1)
    client.turn()
    whole = b"".join(client.writes)
    assert client.writes[:3] == [whole[:3], b"", client.writes[2]]


def test_raw_bytes_and_the_end() -> None:
    client = Client(START + "server: bytes 0000\nsleep 1\ndisconnect\nserver: positionEnd\n")
    client.say("startApi", clientId=1)
    client.playback.turn(0.0)
    done = Client(START + "server: bytes 0000\ndisconnect\n")
    done.say("startApi", clientId=1)
    turn = done.playback.turn(0.0)
    assert (turn.writes, turn.hang_up) == ([b"\0\0"], "the script ends the connection here")
    assert done.playback.problems == []


# ---- whatever the client does ------------------------------------------------------------------


@given(
    order=st.permutations(["AAPL", "MSFT", "IBM"]),
    ids=st.lists(st.integers(1, 10**6), min_size=3, max_size=3, unique=True),
    version=st.sampled_from([178, 225]),
)
def test_any_order_and_any_ids_get_their_own_answers(
    order: list[str], ids: list[int], version: int
) -> None:
    symbols = ["AAPL", "MSFT", "IBM"]
    asks = "".join(
        f"client: reqMktData reqId={n} contract.symbol={s}\n" for n, s in enumerate(symbols, 1)
    )
    answers = "".join(f"server: tickSize reqId={n} tickType=5 size={n}\n" for n in (1, 2, 3))
    client = Client(START + asks + answers, version)
    client.say("startApi", clientId=1)
    of = dict(zip(order, ids, strict=True))
    for symbol in order:
        client.say("reqMktData", reqId=of[symbol], contract={"symbol": symbol})
    assert client.turn() == [f"tickSize {of[symbol]}" for symbol in symbols]


@given(st.lists(st.binary(max_size=30), max_size=10), st.sampled_from([178, 225]))
def test_any_bytes_are_survived(bodies: list[bytes], version: int) -> None:
    client = Client(START + "server: openOrderEnd\n", version, patience=1.0)
    for body in bodies:
        client.playback.hear(body)
        client.playback.turn(0.0)
    client.say("startApi", clientId=1)
    assert "openOrderEnd" in client.turn(0.5)
