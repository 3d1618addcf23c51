"""IB's words: equal to its texts, forgiving in spelling, and none is ever lost."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.order import Order

from twsloop.orders.state import WORDS
from twsloop.orders.words import (
    Action,
    FaMethod,
    OrderType,
    Right,
    SecType,
    StatusWord,
    TimeInForce,
    Word,
)

KINDS = (Action, OrderType, TimeInForce, StatusWord, SecType, Right, FaMethod)


def test_a_word_is_ibs_text() -> None:
    order = Order()
    order.orderType = OrderType.STOP_LIMIT
    assert order.orderType == "STP LMT"
    assert f"{OrderType.STOP_LIMIT}" == "STP LMT"
    assert {"STP LMT": 1}[OrderType.STOP_LIMIT] == 1
    assert str(order).split()[1] == "STP"


@pytest.mark.parametrize(
    ("kind", "written", "meant"),
    [
        (OrderType, "STPLMT", OrderType.STOP_LIMIT),
        (OrderType, "lmt", OrderType.LIMIT),
        (OrderType, "MIDPX", OrderType.MIDPRICE),
        (OrderType, "PEGBENCH", OrderType.PEGGED_TO_BENCHMARK),
        (Action, "buy", Action.BUY),
        (TimeInForce, "minutes", TimeInForce.MINUTES),
        (StatusWord, "filled", StatusWord.FILLED),
        (Right, "CALL", Right.CALL),
        (Right, "?", Right.NONE),
        (Right, "0", Right.NONE),
    ],
)
def test_other_spellings_are_the_same_word(kind: type[Word], written: str, meant: Word) -> None:
    assert kind(written) is meant
    assert meant.known


@given(st.sampled_from(KINDS), st.text(max_size=12))
def test_an_unknown_word_keeps_its_text(kind: type[Word], text: str) -> None:
    word = kind(text)
    assert isinstance(word, kind)
    if word.known:
        assert word in list(kind)
    else:
        assert (word, word.value, f"{word}") == (text, text, text)
        assert word not in list(kind)
    assert hash(word) == hash(str(word))
    assert copy.deepcopy(word) == word
    assert pickle.loads(pickle.dumps(word)) == word


def test_what_is_no_text_is_no_word() -> None:
    with pytest.raises(ValueError, match="7"):
        OrderType(7)  # type: ignore[arg-type]


def test_sides() -> None:
    assert Action.BUY.opposite is Action.SELL
    assert {side.opposite for side in Action if side is not Action.BUY} == {Action.BUY}


def test_every_status_that_twsloop_knows_is_a_word() -> None:
    assert set(WORDS) == {word.value for word in StatusWord} - {"Unknown"}
    ended = ["ApiCancelled", "Cancelled", "Filled", "Expired"]
    assert [word for word in StatusWord if word.ended] == ended


def test_where_a_type_is_listed() -> None:
    assert OrderType.STOP_LIMIT.listed == "STPLMT"
    assert OrderType.SNAP_TO_PRIMARY.listed == "SNAPREL"
    assert OrderType.VOLATILITY.listed is None
    assert OrderType("NEW").listed is None
