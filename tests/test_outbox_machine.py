"""The Outbox over many sessions, as a state machine: fates, epochs, order, and nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from twsloop.errors import NotConnected, SendQueueFull
from twsloop.session.pacing import Wait
from twsloop.transport import Fate, Lane, Outbox, Outgoing

LIMIT = 6
REQUESTS = {Lane.REQUEST: (1, 2), Lane.HISTORY: (20, 25)}
req_ids = st.integers(1, 4)
order_ids = st.integers(1, 3)


@attrs.define(eq=False)
class Note:
    """What the test knows of a message."""

    message: Outgoing
    epoch: int
    label: str
    fates: list[Fate] = attrs.Factory(list)


@attrs.define
class Gate:
    """A turn that comes at a time."""

    opens: float

    def wait(self, now: float) -> Wait | None:
        return Wait(self.opens - now, "shut") if now < self.opens else None

    def leave(self, now: float) -> None:
        assert now >= self.opens - 1e-6


class Alarm:
    """A timer of `Hands`."""

    def __init__(self, due: float, callback: Callable[[], object]) -> None:
        self.due, self.callback = due, callback
        self.over = False

    def cancel(self) -> None:
        self.over = True


class Hands:
    """A clock that is moved by hand, and needs no loop."""

    def __init__(self) -> None:
        self.time = 0.0
        self.alarms: list[Alarm] = []

    def monotonic(self) -> float:
        return self.time

    def call_later(self, delay: float, callback: Callable[[], object]) -> Alarm:
        self.alarms.append(Alarm(self.time + delay, callback))
        return self.alarms[-1]

    def advance(self, seconds: float) -> None:
        end = self.time + seconds
        while True:
            self.alarms = [one for one in self.alarms if not one.over]
            first = min(self.alarms, key=lambda one: one.due, default=None)
            if first is None or first.due > end:
                break
            self.time, first.over = max(first.due, self.time), True
            first.callback()
        self.time = end


class Sessions(RuleBasedStateMachine):
    """Messages of all kinds, drained when the loop thread comes to it, while sessions end."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = cast("Any", Hands())
        self.notes: list[Note] = []
        #: What the socket took, by epoch.
        self.streams: dict[int, bytes] = {}
        #: How many bytes it takes from another thread.
        self.room = 0
        self.outbox = Outbox(
            self.clock, rate=8, reserve=2, limit=LIMIT, wake=lambda: None,
            identify=lambda body: int(body.split(b":")[1]),
        )  # fmt: skip

    # ---- what happens ----------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        self.open()

    @precondition(lambda self: not self.outbox.is_open)
    @rule()
    def open(self) -> None:
        epoch = self.outbox.epoch + 1
        self.streams[epoch] = b""

        def write(data: bytes) -> None:
            self.streams[epoch] += data

        def at_once(data: bytes) -> int:
            taken = data[: self.room]
            self.streams[epoch] += taken
            return len(taken)

        assert self.outbox.open(write, at_once) == epoch

    @property
    def written(self) -> list[tuple[int, str]]:
        """What left, whole or begun: what is begun is ended before anything else leaves."""
        found = []
        for epoch, stream in self.streams.items():
            rest = self.outbox._rest if epoch == self.outbox.epoch else b""
            whole = (stream + rest).decode()
            assert not whole or whole.startswith("LEN:")
            found += [(epoch, part) for part in whole.split("LEN:")[1:]]
        return found

    @precondition(lambda self: self.outbox.is_open)
    @rule(seldom=st.integers(0, 3))
    def close(self, seldom: int) -> None:
        if not seldom:
            self.outbox.close()

    @precondition(lambda self: self.outbox.is_open)
    @rule(
        lane=st.sampled_from(sorted(REQUESTS)), req_id=req_ids,
        later=st.sampled_from([None, None, 0.0, 0.7, 3.0]),
    )  # fmt: skip
    def ask(self, lane: Lane, req_id: int, later: float | None) -> None:
        gate = None if later is None else Gate(self.clock.monotonic() + later)
        self._put(REQUESTS[lane][0], lane, req_id, gate)

    @precondition(lambda self: self.outbox.is_open)
    @rule(lane=st.sampled_from(sorted(REQUESTS)), req_id=req_ids)
    def cancel(self, lane: Lane, req_id: int) -> None:
        self._put(REQUESTS[lane][1], lane, req_id, None, cancels=True)

    @precondition(lambda self: self.outbox.is_open)
    @rule(
        lane=st.sampled_from(sorted(REQUESTS)), req_id=req_ids, cancels=st.booleans(),
        room=st.sampled_from([0, 2, 7, 100]),
    )  # fmt: skip
    def ask_from_another_thread(self, lane: Lane, req_id: int, cancels: bool, room: int) -> None:
        self.room = room
        self._put(REQUESTS[lane][cancels], lane, req_id, None, cancels=cancels, at_once=True)

    @precondition(lambda self: self.outbox.is_open)
    @rule(order_id=order_ids, room=st.sampled_from([0, 2, 7, 100]))
    def place_from_another_thread(self, order_id: int, room: int) -> None:
        self.room = room
        self._put(3, Lane.ORDER, order_id, None, at_once=True)

    @precondition(lambda self: self.outbox.is_open)
    @rule(order_id=order_ids)
    def place(self, order_id: int) -> None:
        self._put(3, Lane.ORDER, order_id, None)

    @precondition(lambda self: self.outbox.is_open)
    @rule(order_id=order_ids)
    def cancel_order(self, order_id: int) -> None:
        """As `orders.requests` does it: what is still queued is withdrawn first."""
        self.outbox.withdraw(order_id)
        self._put(4, Lane.CANCEL, order_id, None, cancels=True)

    @rule()
    def cancel_all(self) -> None:
        self.outbox.withdraw_orders()
        assert self.outbox.waiting(Lane.ORDER) == 0

    @rule(which=st.integers(0, 30))
    def drop(self, which: int) -> None:
        if which < len(self.notes):
            note = self.notes[-1 - which]
            # A cancel that took its request out is over, too, and is told so by the next drain.
            waits = note.message.fate is Fate.QUEUED and note.message.serial > 0
            assert self.outbox.drop(note.message) == waits

    @rule()
    def drain(self) -> None:
        self.outbox.drain()

    @rule(paused=st.booleans())
    def press(self, paused: bool) -> None:
        if paused:
            self.outbox.pause()
        else:
            self.outbox.resume()

    @rule()
    def refuse(self) -> None:
        self.outbox.complained("max=50 rec=51 (1)", refused=True)

    @rule(seconds=st.sampled_from([0.05, 0.4, 1.2]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def _put(
        self,
        number: int,
        lane: Lane,
        number_id: int,
        gate: Gate | None,
        *,
        cancels: bool = False,
        at_once: bool = False,
    ) -> None:
        label = f"{number}:{number_id}:{len(self.notes)}"
        order_id = number_id if lane in {Lane.ORDER, Lane.CANCEL} else None
        message = Outgoing(
            f"LEN:{label}".encode(), lane, order_id=order_id, number=number, turn=gate,
            cancels=cancels,
        )  # fmt: skip
        note = Note(message, self.outbox.epoch, label)
        if not at_once:
            message.on_fate = note.fates.append
        before = self.outbox.waiting(lane)
        try:
            self.outbox.put(message, at_once=at_once)
        except SendQueueFull:
            assert before >= LIMIT
            assert lane >= Lane.REQUEST
            assert not cancels
        except NotConnected:
            assert not self.outbox.is_open
        else:
            self.notes.append(note)
            if message.fate is Fate.SENT:  # in the thread that sent it, which nobody tells
                assert at_once
                assert not before
                note.fates.append(Fate.SENT)
            message.on_fate = note.fates.append

    # ---- what always holds -----------------------------------------------------------------

    @invariant()
    def each_fate_is_told_once(self) -> None:
        for note in self.notes:
            assert len(note.fates) <= 1
            if note.fates:
                assert note.fates[0] is note.message.fate

    @invariant()
    def nothing_leaves_twice_nor_in_another_session(self) -> None:
        sent = [(note.epoch, note.label) for note in self.notes if Fate.SENT in note.fates]
        assert sorted(self.written) == sorted(sent)

    @invariant()
    def messages_of_one_id_keep_their_order(self) -> None:
        last: dict[tuple[int, str, str], int] = {}
        kinds = {"2": "1", "25": "20"}
        for epoch, label in self.written:
            number, number_id, place = label.split(":")
            key = epoch, kinds.get(number, number), number_id
            assert last.get(key, -1) < int(place)
            last[key] = int(place)

    @invariant()
    def an_order_never_leaves_after_its_cancel(self) -> None:
        """Unless it was placed after it."""
        left = {}
        for at, (epoch, label) in enumerate(self.written):
            left[label] = epoch, at
        cancels = [one for one in left if one.startswith("4:")]
        for cancel in cancels:
            _, order_id, place = cancel.split(":")
            for label, (epoch, at) in left.items():
                number, other, before = label.split(":")
                same = number == "3" and other == order_id and epoch == left[cancel][0]
                if same and int(before) < int(place):
                    assert at < left[cancel][1]

    @invariant()
    def what_waits_is_counted_and_listed(self) -> None:
        queued = self.outbox.queued()
        assert len(queued) == self.outbox.waiting()
        assert len({id(row.message) for row in queued}) == len(queued)
        if not self.outbox.is_open:
            assert not queued

    def teardown(self) -> None:
        """In the end everything leaves, or its fate was told."""
        if self.outbox.is_open:
            self.outbox.resume()
            self.clock.advance(200)
            assert self.outbox.waiting() == 0
            assert not self.outbox._lanes._by_key
        assert all(len(note.fates) == 1 for note in self.notes)


def test_whatever_happens_in_whatever_order() -> None:
    run_state_machine_as_test(
        Sessions, settings=settings(max_examples=40, stateful_step_count=50, deadline=None)
    )
