"""The order table is total, and reads as a lattice: no live order shown dead, FILLED is the top."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.orders.state import (
    FINAL,
    REVOCABLE,
    TRANSITIONS,
    WORDS,
    WORKING,
    OrderInput,
    OrderStatus,
    next_status,
    word_of,
)

S, E = OrderStatus, OrderInput
WORDS_OF_IB = [*WORDS.values(), S.OTHER]
EVENTS = [*WORDS_OF_IB, *OrderInput]
CANCELS = {S.CANCELLED, S.API_CANCELLED, S.EXPIRED}


def test_every_state_knows_every_event() -> None:
    assert set(TRANSITIONS) == {(state, event) for state in OrderStatus for event in EVENTS}


def test_the_words_are_those_of_ibs_manual_and_expired() -> None:
    assert set(WORDS) == {
        "ApiPending",
        "PendingSubmit",
        "PreSubmitted",
        "Submitted",
        "PendingCancel",
        "PreCancelled",
        "WarnState",
        "Inactive",
        "Filled",
        "Cancelled",
        "ApiCancelled",
        "Expired",
    }


@pytest.mark.parametrize(
    ("state", "event", "new"),
    [
        (S.CREATED, E.SENT, S.PENDING_SUBMIT),
        (S.CREATED, S.FILLED, S.FILLED),  # the fill before any acknowledgement
        (S.CREATED, E.DROPPED, S.NOT_SENT),
        (S.CREATED, E.LINK_LOST, S.NOT_SENT),
        (S.CREATED, E.REFUSED, S.REFUSED),
        (S.CREATED, E.SIMULATED, S.SIMULATED),
        (S.PENDING_SUBMIT, S.SUBMITTED, S.SUBMITTED),
        (S.PENDING_SUBMIT, E.KILLED, S.REJECTED),  # refused with an error alone
        (S.PENDING_SUBMIT, E.LINK_LOST, S.UNCERTAIN),
        (S.PENDING_SUBMIT, E.DROPPED, S.PENDING_SUBMIT),  # a dropped modification
        (S.PRE_SUBMITTED, S.FILLED, S.FILLED),
        (S.SUBMITTED, E.LINK_LOST, S.SUBMITTED),
        (S.SUBMITTED, E.MISSING, S.UNCERTAIN),
        (S.SUBMITTED, S.PENDING_CANCEL, S.PENDING_CANCEL),
        (S.PENDING_CANCEL, S.FILLED, S.FILLED),
        (S.PENDING_CANCEL, S.SUBMITTED, S.SUBMITTED),  # the cancel was refused
        (S.SUBMITTED, E.CANCEL_NOTICE, S.CANCELLED),
        (S.CANCELLED, S.FILLED, S.FILLED),  # the fill that overtook the cancel
        (S.CANCELLED, S.SUBMITTED, S.CANCELLED),
        (S.CANCELLED, E.KILLED, S.CANCELLED),  # 10329: Cancelled, then 201
        (S.SUBMITTED, S.INACTIVE, S.INACTIVE),
        (S.INACTIVE, S.SUBMITTED, S.SUBMITTED),  # shares were located
        (S.INACTIVE, E.KILLED, S.REJECTED),
        (S.REJECTED, S.INACTIVE, S.REJECTED),  # the second pair of a broker's reject
        (S.REJECTED, S.SUBMITTED, S.SUBMITTED),  # we had misjudged the error
        (S.REJECTED, S.CANCELLED, S.REJECTED),
        (S.UNCERTAIN, S.SUBMITTED, S.SUBMITTED),
        (S.UNCERTAIN, S.FILLED, S.FILLED),
        (S.UNCERTAIN, E.MISSING, S.UNCERTAIN),
        (S.NOT_SENT, S.SUBMITTED, S.SUBMITTED),
        (S.REFUSED, S.SUBMITTED, S.REFUSED),
        (S.SIMULATED, S.FILLED, S.SIMULATED),
        (S.FILLED, S.CANCELLED, S.FILLED),
        (S.FILLED, E.KILLED, S.FILLED),
        (S.SUBMITTED, E.ALL_FILLED, S.FILLED),
        (S.SUBMITTED, S.EXPIRED, S.EXPIRED),
        (S.EXPIRED, S.SUBMITTED, S.EXPIRED),
        (S.EXPIRED, S.FILLED, S.FILLED),
        (S.CANCELLED, E.LISTED, S.UNCERTAIN),  # and then the listed word
        (S.REJECTED, E.LISTED, S.UNCERTAIN),
        (S.FILLED, E.LISTED, S.FILLED),
        (S.REFUSED, E.LISTED, S.REFUSED),
    ],
)
def test_known_cases(state: OrderStatus, event: OrderStatus | OrderInput, new: OrderStatus) -> None:
    assert next_status(state, event) is new


def test_nothing_leaves_filled() -> None:
    assert {TRANSITIONS[S.FILLED, event] for event in EVENTS} == {S.FILLED}


def test_a_working_word_is_never_shown_dead() -> None:
    """Whatever we believed, unless the gateway itself has said that it is over."""
    for state in OrderStatus:
        if state in {S.FILLED, *CANCELS, S.REFUSED, S.SIMULATED}:
            continue
        for word in WORKING - {S.INACTIVE, S.PENDING_SUBMIT}:
            assert TRANSITIONS[state, word] is word


def test_a_link_loss_never_ends_what_may_be_working() -> None:
    for state in (*WORKING, S.UNCERTAIN):
        assert TRANSITIONS[state, E.LINK_LOST] not in FINAL


@given(st.lists(st.sampled_from(EVENTS), max_size=30))
def test_after_a_fill_or_a_cancel_the_end_is_fixed(events: list[OrderStatus | OrderInput]) -> None:
    state = S.CREATED
    for event in events:
        before, state = state, next_status(state, event)
        if before is S.FILLED:
            assert state is S.FILLED
        if event is E.LISTED and before in REVOCABLE:
            assert state is S.UNCERTAIN
        elif before in CANCELS:
            assert state in {before, S.FILLED}
        assert next_status(state, event) is state  # a repeat changes nothing


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Submitted", S.SUBMITTED),
        ("EXPIRED", S.EXPIRED),
        ("Expired", S.EXPIRED),
        ("UNKNOWN", S.OTHER),
        ("Unknown", S.OTHER),
        ("Parked", S.OTHER),
        ("", S.OTHER),
    ],
)
def test_a_word_is_read_however_it_is_spelt(text: str, status: OrderStatus) -> None:
    assert word_of(text) is status


@given(st.sampled_from(OrderStatus), st.sampled_from(WORDS_OF_IB))
def test_a_repeated_word_changes_nothing(state: OrderStatus, word: OrderStatus) -> None:
    once = next_status(state, word)
    assert next_status(once, word) is once
