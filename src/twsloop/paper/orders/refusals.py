"""IB's words for what a gateway does not take: code and text, in one place.

The texts are those seen on the wire (reference ``error_texts_observed.csv``), or those of IB's own
list; for the codes whose text nobody has published, the sentence is ours and the code is IB's. The
two-letter mark in 321 is a class name that changes with the build; ours is the one seen most.
"""

from __future__ import annotations

import attrs

__all__ = [
    "AMBIGUOUS",
    "BAD_TIME",
    "NO_DEFINITION",
    "VALIDATING",
    "Refusal",
    "unreadable",
    "validating",
]

VALIDATING = "Error validating request.-'{mark}' : cause - {cause}"
NO_DEFINITION = "No security definition has been found for the request"
AMBIGUOUS = "The contract description specified for {symbol} is ambiguous"
#: What follows the field's name in 337, 343 and 10314.
BAD_TIME = (
    "The date, time, or time-zone entered is invalid.\n"
    "The correct format is yyyymmdd hh:mm:ss xx/xxxx\n"
    "where yyyymmdd and xx/xxxx are optional.\n"
    "E.g.: 20031126 15:59:00 US/Eastern\n\n"
    "Note that there is a space between the date and time,\n"
    "and between the time and time-zone.\n\n"
    "If no date is specified, current date is assumed.\n"
    "If no time-zone is specified, local time-zone is assumed(deprecated).\n\n"
    "You can also provide yyyymmddd-hh:mm:ss time is in UTC.\n"
    "Note that there is a dash between the date and time in UTC notation."
)


@attrs.frozen
class Refusal:
    """Why something is not done, or what is to be said of it.

    Attributes:
        code: IB's error code.
        text: IB's text.
    """

    code: int
    text: str


def validating(cause: str, mark: str = "bH") -> Refusal:
    """A 321: the request cannot be right."""
    return Refusal(321, VALIDATING.format(mark=mark, cause=cause))


def unreadable(field: str, text: str) -> Refusal:
    """A 320: a field of the request cannot be read."""
    cause = f"Unable to parse field: '{field}' for input string: '{text}'"
    return Refusal(320, f"Error reading request. {cause}")
