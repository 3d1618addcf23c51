"""XML inside of messages: read, or refused in words."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.wire.documents import read_document


def test_a_document_is_read() -> None:
    text = '<?xml version="1.0" encoding="UTF-8"?><a><b>ü</b></a>'
    assert read_document(text, "it").findtext("b") == "ü"


@pytest.mark.parametrize("xml", ["", "words", "<a>", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'])
def test_what_is_no_document_is_named(xml: str) -> None:
    with pytest.raises(ValueError, match=r"^the thing: "):
        read_document(xml, "the thing")


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert read_document(text, "it").tag
