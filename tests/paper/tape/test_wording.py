"""Messages in words: every message of the protocol reads back, and slips are explained."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.protos import build
from twsloop.paper.tape.wording import (
    NAMES,
    BadWord,
    assign,
    describe,
    kind_named,
    quote,
    read_value,
    split_words,
)
from twsloop.wire.messages import INBOUND, OUTBOUND, Direction, MessageType, message_class
from twsloop.wire.text import has_layout

KINDS = [kind for table in (INBOUND, OUTBOUND) for kind in table.values() if has_layout(kind)]
IN, OUT = Direction.INBOUND, Direction.OUTBOUND


def read(kind: MessageType, words: str) -> Any:
    assert kind.proto is not None
    name, _, rest = words.partition(" ")
    assert kind_named(kind.direction, name) is kind
    message = message_class(kind.proto)()
    for path, value in split_words(rest):
        assign(message, path, read_value(value))
    return message


@given(kind=st.sampled_from(KINDS), seed=st.integers(0, 10**6))
def test_every_message_reads_back(kind: MessageType, seed: int) -> None:
    message = build(kind, 225, seed)
    words = describe(kind, message, limit=None)
    assert "\n" not in words
    assert read(kind, words) == message


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_text_reads_back(text: str) -> None:
    written = quote(text)
    ((path, value),) = split_words(f"a={written} # a comment")
    assert (path, read_value(value)) == ("a", text)


def test_how_it_looks() -> None:
    message = message_class("MarketDataRequest")(reqId=1)
    message.contract.symbol = "AAPL"
    message.contract.comboLegs.add(conId=5)
    message.contract.comboLegs.add()
    message.marketDataOptions["a key"] = "two words"
    message.contract.strike = 100.0
    kind = NAMES[OUT]["reqMktData"]
    assert describe(kind, message) == (
        "reqMktData reqId=1 contract.symbol=AAPL contract.strike=100 contract.comboLegs[0].conId=5 "
        'contract.comboLegs[1]={} marketDataOptions{a key}="two words"'
    )
    assert read(kind, describe(kind, message)) == message
    long = describe(kind, message, limit=40)
    assert len(long) == 40
    assert long.endswith(" ...")
    assert describe(None, None) == "a message that cannot be read"


def test_brief_leaves_out_what_says_nothing() -> None:
    message = message_class("PlaceOrderRequest")(orderId=0)
    message.contract.symbol = "AAPL"
    message.contract.strike = 0.0
    message.order.permId = 0
    message.order.transmit = False
    message.order.action = "BUY"
    message.attachedOrders.SetInParent()
    kind = NAMES[OUT]["placeOrder"]
    words = "placeOrder orderId=0 contract.symbol=AAPL order.action=BUY"
    assert describe(kind, message, brief=True) == words


def test_callbacks_are_names_too() -> None:
    assert kind_named(IN, "error").name == "errMsg"
    assert kind_named(IN, "contractDetails").name == "contractData"
    assert kind_named(IN, "tickSize").name == "tickSize"


@pytest.mark.parametrize(
    ("way", "name", "words"),
    [
        (IN, "tickPrize", "there is no message 'tickPrize'; did you mean tickPrice"),
        (OUT, "reqmktdata", "did you mean reqMktData"),
        (OUT, "tickPrice", "tickPrice is a message of the server"),
        (IN, "reqMktData", "reqMktData is a message of the client"),
        (IN, "zzz", "there is no message 'zzz'$"),
    ],
)
def test_a_name_that_is_none(way: Direction, name: str, words: str) -> None:
    with pytest.raises(BadWord, match=words):
        kind_named(way, name)


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("reqID=1", "there is no field 'reqID'; did you mean reqId"),
        ("contract.symbl=A", "there is no field 'symbl' of contract; did you mean symbol"),
        ("zzz=1", "there is no field 'zzz'; there are contract, "),
        ("reqId=one", "reqId has to be a whole number, not 'one'"),
        ("reqId=99999999999", "reqId has to be a whole number"),
        ("snapshot=maybe", "snapshot has to be true or false, not 'maybe'"),
        ("contract.strike=x", "contract.strike has to be a number"),
        ("contract=1", "contract has parts: name one, such as contract.conId"),
        ("reqId.x=1", "reqId has no parts"),
        ("reqId[0]=1", "reqId is no list"),
        ("reqId{a}=1", "reqId is no map"),
        ("contract.comboLegs.conId=1", r"comboLegs is a list: write comboLegs\[0\]"),
        ("contract.comboLegs[5].conId=1", r"comboLegs is a list: write comboLegs\[0\]"),
        ("marketDataOptions=1", r"marketDataOptions is a map: write marketDataOptions\{key\}"),
        ("con-tract=1", "cannot read the field 'con-tract'"),
    ],
)
def test_an_assignment_that_is_none(assignment: str, words: str) -> None:
    message = message_class("MarketDataRequest")()
    ((path, value),) = split_words(assignment)
    with pytest.raises(BadWord, match=words):
        assign(message, path, read_value(value))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a=1 b", "cannot read 'b': it has to be name=value"),
        ('a="open', "a quote is not closed"),
        ("=1", "it has to be name=value"),
        ('a="x"y', "a quote is not closed"),
    ],
)
def test_words_that_are_none(text: str, words: str) -> None:
    with pytest.raises(BadWord, match=words):
        split_words(text)
    with pytest.raises(BadWord, match="cannot read the text"):
        read_value('"\\x"')


@given(st.text(max_size=60))
def test_any_line_reads_or_is_refused(text: str) -> None:
    message = message_class("PlaceOrderRequest")()
    try:
        for path, value in split_words(text):
            assign(message, path, read_value(value))
    except BadWord:
        return


def test_random_words_reach_every_refusal() -> None:
    """Slips in good lines, many of them, end in a reading or in a refusal."""
    chance = random.Random(7)
    kind = NAMES[OUT]["placeOrder"]
    for seed in range(200):
        line = list(describe(kind, build(kind, 225, seed), limit=None))
        for _ in range(3):
            line[chance.randrange(len(line))] = chance.choice('"={}[]. #\\0a')
        message = message_class("PlaceOrderRequest")()
        try:
            for path, value in split_words("".join(line).partition(" ")[2]):
                assign(message, path, read_value(value))
        except BadWord:
            continue
