"""The hash chain: what is hashed can be made again by anybody."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.storage.chain import START, canonical, link

texts = st.text()
heads = st.tuples(st.integers(1, 2**40), texts, texts, st.integers(0, 9), texts, st.none() | texts)


@given(head=heads, body=texts)
def test_what_is_hashed_is_the_hash_before_a_json_list_and_the_body(head: Any, body: str) -> None:
    text = START + json.dumps(head, separators=(",", ":")) + body
    assert link(START, head, body) == hashlib.sha256(text.encode()).hexdigest()


@given(
    head=heads, body=texts, other=heads, other_body=texts, before=st.sampled_from([START, "1" * 64])
)
def test_whatever_is_different_has_another_hash(
    head: Any, body: str, other: Any, other_body: str, before: str
) -> None:
    same = (head, body, START) == (other, other_body, before)
    assert (link(START, head, body) == link(before, other, other_body)) is same


def test_one_form_whatever_the_order() -> None:
    assert canonical({"b": 1, "a": [None, True, "é"]}) == '{"a":[null,true,"\\u00e9"],"b":1}'
    assert canonical({"a": 1, "b": 2}) == canonical({"b": 2, "a": 1})
    with pytest.raises(ValueError, match="JSON"):
        canonical(float("nan"))
