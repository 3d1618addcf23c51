"""The words of IBC's command server, in any pieces."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from twsloop.control.commands import LONGEST, Answer, Answers


def read(data: bytes, prompt: str = "", cuts: tuple[int, ...] = ()) -> tuple[list[Answer], Answers]:
    """What is read of these bytes, cut anywhere."""
    answers, found = Answers(prompt=prompt), []
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        answers.feed(data[start:end])
        answer = answers.next_answer()
        if answer is not None:
            found.append(answer)
    return found, answers


CUTS = st.lists(st.integers(0, 500), max_size=8).map(tuple)


@given(CUTS)
def test_a_stop_with_all_its_words(cuts: tuple[int, ...]) -> None:
    said = b"INFO IBC Command Server\r\nIBC> INFO Closing IBC\r\nOK Shutting down\r\n"
    (answer,), answers = read(said, "IBC> ", cuts)
    assert answer == Answer(
        ok=True, text="Shutting down", told=("IBC Command Server", "Closing IBC")
    )
    assert answers.strange == ""


@given(CUTS)
def test_an_error(cuts: tuple[int, ...]) -> None:
    (answer,), _ = read(b"ERROR ENABLEAPI is not valid for the IB Gateway\n", cuts=cuts)
    assert answer == Answer(ok=False, text="ENABLEAPI is not valid for the IB Gateway")


def test_an_answer_without_words_is_one() -> None:
    (answer,), _ = read(b"OK \n")  # RECONNECTDATA has nothing to say
    assert answer == Answer(ok=True, text="")
    assert read(b"OK")[0] == []  # its line has not ended: more may come


def test_who_speaks_otherwise_is_another_server() -> None:
    assert read(b"SSH-2.0-OpenSSH_9.6\r\n")[1].strange == "SSH-2.0-OpenSSH_9.6"
    assert read(b"x" * (LONGEST + 1))[1].strange.startswith("xxx")
    assert read(b"\r\n\r\n")[1].strange == ""


@given(st.binary(max_size=300), CUTS)
def test_no_bytes_break_it(data: bytes, cuts: tuple[int, ...]) -> None:
    whole, one = read(data)
    pieces, other = read(data, cuts=cuts)
    assert one.strange == other.strange
    assert whole[:1] == pieces[:1]
