"""Ids: each is handed out once, never goes back, and the two kinds never meet."""

from __future__ import annotations

import threading
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from twsloop.ids import FIRST_REQUEST_ID, LAST_ID, OrderIds, RequestIds


def test_request_ids_count_up_from_far_above_order_ids() -> None:
    ids = RequestIds()
    assert [ids.take() for _ in range(3)] == [2**30, 2**30 + 1, 2**30 + 2]


def test_request_ids_stay_within_the_wires_integers() -> None:
    ids = RequestIds(LAST_ID - 1)
    assert [ids.take() for _ in range(3)] == [LAST_ID - 1, LAST_ID, LAST_ID - 1]


def test_order_ids_start_at_one_and_go_on_from_what_was_remembered() -> None:
    assert OrderIds().take() == 1
    assert OrderIds(0).take() == 1
    assert OrderIds(500).take() == 500


def test_next_valid_id_lifts_and_never_lowers() -> None:
    ids = OrderIds()
    ids.raise_to(10)
    assert ids.take() == 10
    ids.raise_to(5)
    assert ids.take() == 11
    assert ids.floor == 12


def test_an_id_that_was_seen_is_not_handed_out() -> None:
    ids = OrderIds()
    ids.seen(7)
    assert ids.take() == 8


def test_foreign_ids_do_not_lift_the_counter() -> None:
    ids = OrderIds()
    for strange in (0, -5, FIRST_REQUEST_ID, LAST_ID):  # bound manual orders are negative
        ids.seen(strange)
    assert ids.take() == 1


def test_a_bracket_gets_neighbours() -> None:
    ids = OrderIds(3)
    assert ids.take(3) == 3
    assert ids.take() == 6


steps = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.integers(1, 5)),
        st.tuples(st.just("raise_to"), st.integers(-10, 200)),
        st.tuples(st.just("seen"), st.integers(-10, 200)),
    )
)


@given(steps)
def test_no_order_id_comes_twice_or_after_being_seen(history: list[tuple[str, int]]) -> None:
    ids = OrderIds()
    used: set[int] = set()
    for step, number in history:
        if step == "take":
            first = ids.take(number)
            fresh = set(range(first, first + number))
            assert not fresh & used
            assert not used or first > max(used)
            used |= fresh
        else:
            getattr(ids, step)(number)
            if step == "seen" and number > 0:
                used.add(number)


def _from_threads(take: Callable[[], int]) -> list[int]:
    taken: list[int] = []
    threads = [
        threading.Thread(target=lambda: taken.extend([take() for _ in range(2000)]))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken


def test_no_id_comes_twice_from_several_threads() -> None:
    requests = _from_threads(RequestIds().take)
    orders = _from_threads(OrderIds().take)
    assert len(set(requests)) == 8000
    assert sorted(orders) == list(range(1, 8001))


def test_an_id_that_was_given_back_is_claimed_again() -> None:
    ids = OrderIds()
    assert ids.claim(7)
    assert ids.claim(8)
    ids.give_back(7)
    assert ids.floor == 9, "8 is in use"
    assert ids.claim(7)
    assert not ids.claim(7)
    ids.give_back(7)
    ids.give_back(8)
    assert ids.floor == 7
    assert ids.take() == 7
    assert not ids.claim(7)


def test_reserved_ids_are_claimed_once_and_unused_ones_lift_the_floor() -> None:
    ids = OrderIds(5)
    reserved = ids.reserve()
    assert (reserved, ids.take()) == (5, 6)
    assert ids.claim(reserved)
    assert not ids.claim(reserved)
    assert not ids.claim(6), "it was handed out"
    assert ids.claim(9)
    assert ids.take() == 10
    assert not ids.claim(FIRST_REQUEST_ID)
