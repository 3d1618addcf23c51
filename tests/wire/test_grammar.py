from __future__ import annotations

import pytest

from twsloop.wire.grammar import (
    Bits,
    Call,
    Constant,
    Each,
    Field,
    Gate,
    Options,
    Pairs,
    Present,
    When,
    read_line,
)
from twsloop.wire.layouts_in import LAYOUTS_IN
from twsloop.wire.layouts_out import LAYOUTS_OUT

ALWAYS = Gate()


def test_a_field_has_a_path_a_type_a_spelling_of_unset_and_versions() -> None:
    assert read_line(
        "reqId order.lmtPrice? displaySize?max price?-1 multiplier:whole?@176..189"
    ) == (
        Field(("reqId",), None, None, ALWAYS),
        Field(("order", "lmtPrice"), None, "", ALWAYS),
        Field(("displaySize",), None, "max", ALWAYS),
        Field(("price",), None, "-1", ALWAYS),
        Field(("multiplier",), "whole", "", Gate(176, 189)),
    )


def test_constants_may_be_empty_and_comments_are_no_part_of_a_line() -> None:
    assert read_line("=6 = =0@..163  // legacy (all of them)\n =x") == (
        Constant("6", ALWAYS),
        Constant("", ALWAYS),
        Constant("0", Gate(0, 163)),
        Constant("x", ALWAYS),
    )


def test_paths_and_versions_of_a_group_reach_its_items() -> None:
    assert read_line("order.(tif @170..(a b@..180 softDollarTier.(name)))") == (
        Field(("order", "tif"), None, None, ALWAYS),
        Field(("order", "a"), None, None, Gate(170, 9999)),
        Field(("order", "b"), None, None, Gate(170, 180)),
        Field(("order", "softDollarTier", "name"), None, None, Gate(170, 9999)),
    )


def test_groups() -> None:
    line = """each(order.conditions: type each(values: .)) pairs(a.b) options(c)
        order.(present(x: y) when(bag: z)) bits(p.q r) call(dates)"""
    conditions, pairs, options, present, when, bits, call = read_line(line)
    assert isinstance(conditions, Each)
    assert conditions.path == ("order", "conditions")
    inner = conditions.items[1]
    assert isinstance(inner, Each)
    assert inner.items == (Field((), None, None, ALWAYS),)
    assert pairs == Pairs(("a", "b"), ALWAYS)
    assert options == Options(("c",), ALWAYS)
    assert present == Present(
        ("order", "x"), (Field(("order", "x", "y"), None, None, ALWAYS),), ALWAYS
    )
    assert when == When("bag", (Field(("order", "z"), None, None, ALWAYS),), ALWAYS)
    assert bits == Bits((("p", "q"), ("r",)), ALWAYS)
    assert call == Call("dates", ALWAYS)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a)", "too many"),
        ("order.(a", "lacks"),
        ("each(path a)", "colon"),
        ("group(x: a)", "no group"),
        ("pairs(a b)", "one name"),
        ("a:b:c", "no field"),
        ("a@170", "no versions"),
        ("a..b", "no field"),
    ],
)
def test_what_is_no_layout_says_so(line: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_line(line)


@pytest.mark.parametrize("line", [*LAYOUTS_IN.values(), *LAYOUTS_OUT.values()])
def test_every_layout_is_a_line_of_the_language(line: str) -> None:
    read_line(line)
