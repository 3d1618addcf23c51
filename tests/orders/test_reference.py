"""The user's reference stays in front of our token, and both come back."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from twsloop.orders.reference import LONGEST, make_token, split_reference, with_token


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ("", "")),
        ("meanrev", ("meanrev", "")),
        ("tw:thq2hs.1a", ("", "thq2hs.1a")),  # of an earlier version: without the client id
        ("meanrev|tw:mp0rkz3c.1.1a", ("meanrev", "mp0rkz3c.1.1a")),
        ("meanrev|tw:thq2hs.1a", ("meanrev", "thq2hs.1a")),
        ("a|b|tw:1.2", ("a|b", "1.2")),
        ("tw:1.1|tw:2.2", ("tw:1.1", "2.2")),
        ("meanrev|tw:", ("meanrev|tw:", "")),
        ("meanrev|tw:1.2 ", ("meanrev|tw:1.2 ", "")),  # not as we write it
        ("meanrev|tw:A.1", ("meanrev|tw:A.1", "")),
    ],
)
def test_known_cases(text: str, parts: tuple[str, str]) -> None:
    assert split_reference(text) == parts


IDS = st.integers(0, 2**31 - 1)
PARTS = st.tuples(st.integers(0, 2**42), IDS, IDS)
TOKENS = PARTS.map(lambda parts: make_token(*parts))


@given(st.text(max_size=LONGEST), TOKENS)
def test_both_come_back(reference: str, token: str) -> None:
    sent = with_token(reference, token)
    assert len(sent) <= LONGEST
    assert sent.startswith(reference)
    if sent == reference:
        assert len(f"{reference}|tw:{token}") > LONGEST
    else:
        assert split_reference(sent) == (reference, token)


@given(st.text(min_size=LONGEST + 1, max_size=300))
def test_a_long_reference_of_the_user_is_left_alone(reference: str) -> None:
    assert with_token(reference, "thq2hs.1a") == reference


@given(PARTS, PARTS)
def test_no_two_orders_have_one_token(
    first: tuple[int, int, int], second: tuple[int, int, int]
) -> None:
    assume(first != second)
    assert make_token(*first) != make_token(*second)
