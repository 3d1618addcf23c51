"""Pending requests: none is lost, none answered twice, none takes another one's turn."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from twsloop.session.pending import Key, Pending, PendingTable

KEYS: list[Key] = [1, 2, 3, "positions", "open_orders"]


def ask(key: Key, *, timeout: float = 10.0, raw: bool = False) -> Pending:
    return Pending(key=key, request=f"request {key}", timeout=timeout, raw=raw)


def test_requests_with_ids_run_side_by_side() -> None:
    table = PendingTable()
    assert table.add(ask(1))
    assert table.add(ask(2))
    assert len(table) == 2
    assert 1 in table
    assert 3 not in table


def test_an_id_in_use_is_refused() -> None:
    table = PendingTable()
    table.add(ask(1))
    with pytest.raises(ValueError, match="request id 1 is in use"):
        table.add(ask(1))


def test_requests_without_an_id_queue_and_take_their_turn_when_asked() -> None:
    table = PendingTable()
    first, second, third = ask("positions"), ask("positions", raw=True), ask("positions")
    assert table.add(first)
    assert not table.add(second)
    assert not table.add(third)
    assert table.promote("positions") is None, "the first one is still under way"
    assert table.end("positions") is first
    assert table.end("positions") is None, "its end marker must not end the next one, too"
    assert not table.add(late := ask("positions")), "nobody jumps the queue between two turns"
    assert table.promote("positions") is second
    assert table.end("positions") is second
    assert table.promote("positions") is third
    assert table.waiting("positions") == (late,)


def test_parts_that_nobody_gathers_renew_the_deadline_and_are_gone() -> None:
    table = PendingTable()
    for pending in (
        Pending(key=1, request="a list", timeout=10, gathers=False),
        ask("positions", raw=True),
    ):
        table.add(pending)
        assert table.part(pending.key, "a", now=105)
        assert table.part(pending.key, "b", now=106)
        assert (pending.parts, pending.first_at, pending.due) == ([], 105, 116)


def test_parts_are_kept_in_order_and_renew_the_deadline() -> None:
    table = PendingTable()
    table.add(pending := ask(1, timeout=10))
    table.left(pending, now=100)
    assert pending.due == 110
    assert table.part(1, "a", now=105)
    assert table.part(1, "b", now=106)
    assert not table.part(2, "c", now=106)
    assert pending.parts == ["a", "b"]
    assert pending.due == 116
    assert table.next_due() == 116
    assert table.expired(115.9) == []
    assert table.expired(116) == [pending]


def test_waiting_to_leave_has_its_own_limit_and_leaving_starts_the_other() -> None:
    table = PendingTable()
    table.add(pending := ask(1, timeout=10))
    table.queued(pending, now=0, limit=60)
    assert table.next_due() == 60
    table.left(pending, now=50)
    assert (pending.left_at, pending.due) == (50, 60)


def test_the_answer_to_a_raw_call_is_not_gathered() -> None:
    table = PendingTable()
    table.add(pending := ask("positions", raw=True))
    assert table.part("positions", "a", now=0)
    assert pending.parts == []


def test_clear_gives_back_everything() -> None:
    table = PendingTable()
    everything = [ask(1), ask("positions"), ask("positions")]
    for pending in everything:
        table.add(pending)
    assert set(table.clear()) == set(everything)
    assert len(table) == 0
    assert table.add(ask("positions"))


class Book(RuleBasedStateMachine):
    """Every request ends exactly once, and those of one key in the order they came."""

    def __init__(self) -> None:
        super().__init__()
        self.table = PendingTable()
        self.alive: list[Pending] = []
        self.ended: list[Pending] = []
        self.now = 0.0

    def over(self, pending: Pending) -> None:
        assert pending in self.alive
        assert pending not in self.ended
        self.alive.remove(pending)
        self.ended.append(pending)

    @rule(key=st.sampled_from(KEYS), raw=st.booleans())
    def add(self, key: Key, raw: bool) -> None:
        pending = ask(key, raw=raw)
        if isinstance(key, int) and key in self.table:
            with pytest.raises(ValueError, match="in use"):
                self.table.add(pending)
            return
        may_leave = self.table.add(pending)
        assert may_leave is not any(other.key == key for other in self.alive)
        self.alive.append(pending)
        if may_leave:
            self.table.left(pending, self.now)

    @rule(key=st.sampled_from(KEYS))
    def end(self, key: Key) -> None:
        expected = self.table.get(key)
        assert self.table.end(key) is expected
        if expected is not None:
            assert expected is next(p for p in self.alive if p.key == key)
            self.over(expected)

    @rule(key=st.sampled_from(KEYS))
    def promote(self, key: Key) -> None:
        busy = key in self.table
        pending = self.table.promote(key)
        if pending is None:
            assert busy or not any(p.key == key for p in self.alive)
        else:
            assert pending is next(p for p in self.alive if p.key == key)
            self.table.left(pending, self.now)

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        pending = data.draw(st.sampled_from(self.alive))
        under_way = self.table.get(pending.key) is pending
        assert self.table.drop(pending) is under_way
        assert self.table.drop(pending) is False
        self.over(pending)

    @rule(key=st.sampled_from(KEYS))
    def part(self, key: Key) -> None:
        assert self.table.part(key, object(), self.now) is (key in self.table)

    @rule(seconds=st.sampled_from([0.0, 3.0, 10.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        for pending in self.table.expired(self.now):
            assert pending.due is not None
            assert pending.due <= self.now
            self.table.drop(pending)
            self.over(pending)

    @rule()
    def clear(self) -> None:
        for pending in self.table.clear():
            self.over(pending)
        assert not self.alive

    @invariant()
    def none_is_lost_and_none_is_there_twice(self) -> None:
        assert len(self.table) == len(self.alive)
        known = [*self.table.under_way()]
        for key in KEYS:
            known += self.table.waiting(key)
        assert sorted(map(id, known)) == sorted(map(id, self.alive))


TestBook = Book.TestCase
