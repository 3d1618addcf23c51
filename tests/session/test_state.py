"""The session's table: every pair has an answer, and no run of events leaves it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from twsloop.errors import StateError
from twsloop.session.state import (
    CONNECTED,
    IGNORED,
    TRANSITIONS,
    Event,
    SessionMachine,
    State,
    mermaid,
)

PAIRS = list(itertools.product(State, Event))


def machine_in(state: State) -> SessionMachine:
    """A machine that was led to a state by the table alone."""
    paths: dict[State, list[Event]] = {State.DISCONNECTED: []}
    while state not in paths:
        for (before, event), after in TRANSITIONS.items():
            if before in paths and after not in paths:
                paths[after] = [*paths[before], event]
    machine = SessionMachine()
    for event in paths[state]:
        machine.handle(event)
    assert machine.state is state
    return machine


@pytest.mark.parametrize(("state", "event"), PAIRS)
def test_every_pair_moves_is_ignored_or_is_an_error_that_names_both(
    state: State, event: Event
) -> None:
    machine = machine_in(state)
    if (state, event) in TRANSITIONS:
        after = TRANSITIONS[state, event]
        assert machine.handle(event) is (after is not state)
        assert machine.state is after
    elif (state, event) in IGNORED:
        assert machine.handle(event) is False
        assert machine.state is state
    else:
        with pytest.raises(StateError) as caught:
            machine.handle(event)
        assert state.name in str(caught.value)
        assert event.name in str(caught.value)
        assert machine.state is state


def test_no_pair_is_both_in_the_table_and_ignored() -> None:
    assert IGNORED.isdisjoint(TRANSITIONS)


def test_every_state_can_be_reached_and_left_for_disconnected_by_the_user() -> None:
    for state in State:
        machine = machine_in(state)
        machine.handle(Event.DISCONNECT)
        assert machine.state is State.DISCONNECTED


def test_every_connected_state_survives_the_loss_of_the_link() -> None:
    for state in CONNECTED | {State.HANDSHAKE}:
        machine = machine_in(state)
        machine.handle(Event.LINK_LOST)
        assert machine.state is State.DISCONNECTED
        assert not machine.connected


def test_connected_means_that_the_hello_was_exchanged() -> None:
    assert {state for state in State if machine_in(state).connected} == CONNECTED


def test_the_diagram_has_every_arrow_of_the_table() -> None:
    lines = mermaid().splitlines()
    assert lines[0] == "stateDiagram-v2"
    for (before, event), after in TRANSITIONS.items():
        found = [line for line in lines if f"{before.name} --> {after.name}:" in line]
        assert len(found) == 1
        assert event.name in found[0].split(": ")[1].split(" | ")


class AnyEvents(RuleBasedStateMachine):
    """Any events in any order, as threads and sockets may bring them."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = SessionMachine()

    @rule(event=st.sampled_from(Event))
    def something_happens(self, event: Event) -> None:
        before = self.machine.state
        try:
            changed = self.machine.handle(event)
        except StateError:
            assert (before, event) not in TRANSITIONS
            assert self.machine.state is before
        else:
            assert changed is (self.machine.state is not before)

    @invariant()
    def the_state_is_a_state(self) -> None:
        assert isinstance(self.machine.state, State)

    @invariant()
    def it_can_always_be_ended(self) -> None:
        state = self.machine.state
        assert (state, Event.DISCONNECT) in TRANSITIONS or (state, Event.DISCONNECT) in IGNORED


TestAnyEvents = AnyEvents.TestCase
