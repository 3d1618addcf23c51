"""The exception tree: drawn as it is, stable in its names, and one good sentence each."""

from __future__ import annotations

import copy
import pickle

import pytest

from twsloop import errors
from twsloop.errors import (
    AmbiguousContract,
    ConfigError,
    ConnectionFailed,
    ContractError,
    FeedError,
    FramingError,
    ParseError,
    RequestError,
    SlotsExhausted,
    StateError,
    StorageError,
    TcpFailed,
    TwsLoopError,
    UnknownContract,
)


def defined() -> dict[str, type[BaseException]]:
    return {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, BaseException)
    }


def drawn() -> dict[str, str]:
    """Child -> parent, as the docstring draws it."""
    tree: dict[str, str] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        word = line.lstrip(" │├└─")
        if not word or not word.split()[0].isidentifier() or line[:4].strip():
            continue
        name = word.split()[0]
        depth = (len(line) - len(word) - 4) // 4
        if depth == 0 and name != "TwsLoopError":
            continue
        del above[depth:]
        if above:
            tree[name] = above[-1]
        above.append(name)
    return tree


def test_the_drawing_is_the_real_tree() -> None:
    real = {
        name: kind.__bases__[0].__name__
        for name, kind in defined().items()
        if kind is not TwsLoopError
    }
    assert drawn() == real


def test_the_drawing_says_something_about_each() -> None:
    for line in (errors.__doc__ or "").splitlines():
        if "─ " in line:
            assert len(line.split("─ ")[1].split(maxsplit=1)) == 2, line


def test_every_error_is_public_and_has_one_root() -> None:
    assert sorted(defined()) == sorted(errors.__all__)
    assert all(issubclass(kind, TwsLoopError) for kind in defined().values())
    assert all(kind.__doc__ for kind in defined().values())


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ConfigError("is wrong"), "is wrong"),
        (
            ConfigError(
                "is wrong", file="a.ini", section="s", key="k", value="v", allowed="w or x"
            ),
            "a.ini [s] k = v: is wrong (allowed: w or x)",
        ),
        (ConfigError("is wrong", section="s", key="k"), "[s] k: is wrong"),
        (StorageError("cannot open it"), "cannot open it"),
        (
            StorageError("cannot open it", path="a.db", remedy="make room"),
            "a.db: cannot open it; make room",
        ),
        (FramingError(9, 5), "a frame of 9 bytes was announced; at most 5 are allowed"),
        (ParseError("is no number"), "is no number"),
        (
            ParseError("is no number", message="tickPrice", field="price", value="x"),
            "tickPrice.price: is no number (found 'x')",
        ),
        (StateError("session", "READY", "HELLO"), "session: event HELLO is not known in state"),
        (ConnectionFailed("refused"), "refused"),
        (TcpFailed("refused", host="h", port=1, client_id=2), "h:1: refused"),
        (RequestError("No security"), "No security"),
        (
            RequestError("No security", code=200, req_id=3, request="details of X"),
            "details of X: error 200: No security",
        ),
        (
            SlotsExhausted("all 2 are taken", code=101, request="quotes of C", holders="AB"),
            "quotes of C: error 101: all 2 are taken; held by A, B",
        ),
        (SlotsExhausted("all taken", holders="ABCDEFG"), "all taken; held by A, B, C, D, E and 2"),
        (ContractError("nothing fits"), "nothing fits"),
        (ContractError("several fit", candidates=["a", "b"]), "several fit; candidates: a, b"),
        (AmbiguousContract("two fit", candidates=["a"]), "two fit; candidates: a"),
        (
            UnknownContract("none", code=200, request="AAPK", candidates=["AAPL"], hint="expired"),
            "AAPK: error 200: none; expired; did you mean AAPL?",
        ),
        (FeedError("no bid"), "no bid"),
        (FeedError("no bid", file="x.csv", line=4), "x.csv:4: no bid"),
    ],
)
def test_the_sentence_of_an_error(error: TwsLoopError, sentence: str) -> None:
    assert str(error).startswith(sentence)


@pytest.mark.parametrize("name", sorted(defined()))
def test_an_error_can_be_raised_and_caught_by_its_parents(name: str) -> None:
    kind = defined()[name]
    for parent in kind.__mro__:
        if issubclass(parent, TwsLoopError):
            with pytest.raises(parent):
                raise kind.__new__(kind)  # its arguments do not matter here


def test_an_error_keeps_its_facts_when_it_is_copied_or_sent() -> None:
    # An error that crosses a process (multiprocessing, a job queue) or is kept must stay readable.
    error = ParseError("is no number", message="tickPrice", field="price", value="x")
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)
    framing = pickle.loads(pickle.dumps(FramingError(9, 5)))
    assert (framing.length, framing.limit) == (9, 5)
