"""IB's ``orderRef``: the user's own reference, with a token of ours behind it. Pure.

``orderRef`` is the one text that the gateway keeps with an order and gives back with every report,
every execution and on the statement. The user's reference stays in front, whole; behind it stands a
token that is never used again, by which an order is known after a restart, even where the order ids
were reset: ``meanrev|tw:mp0rkz3c.1.1a``. Its parts, in base 36, are the millisecond at which the
gateway object was made, its client id, and the order id: order ids are counted for each client, so
that two clients of one program, made in the same moment, give the same ones.
"""

from __future__ import annotations

import re

__all__ = [
    "BY_HAND",
    "EARLIER",
    "LONGEST",
    "RAW",
    "make_token",
    "origin_of",
    "split_reference",
    "with_token",
]

#: What made an order that no method of ours did.
RAW = "placeOrder"
BY_HAND = "by hand"
EARLIER = "an earlier session"

#: How long what we send may be. IB documents no length; 64 is what it takes for the name of an OCA
#: group (error 401). Where the user's own reference leaves no room, it is sent alone.
LONGEST = 64

_MARK = "tw:"
_TOKEN = re.compile(r"(?:(?P<own>.*)\|)?tw:(?P<token>[0-9a-z]+(?:\.[0-9a-z]+){1,2})", re.DOTALL)
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def make_token(began: int, client_id: int, number: int) -> str:
    """The token of an order, or of a group of orders.

    Args:
        began: When the gateway object was made, milliseconds since 1970.
        client_id: Its client id.
        number: The order's id, or the group's number.
    """
    return ".".join(map(_base36, (began, client_id, number)))


def with_token(reference: str, token: str) -> str:
    """The user's reference with a token behind it; alone where both would be too long."""
    whole = f"{reference}|{_MARK}{token}" if reference else f"{_MARK}{token}"
    return whole if len(whole) <= LONGEST else reference


def split_reference(text: str) -> tuple[str, str]:
    """The user's reference, and the token; empty where there is none."""
    found = _TOKEN.fullmatch(text)
    if found is None:
        return text, ""
    return found["own"] or "", found["token"]


def origin_of(order_id: int, client_id: int, *, own: bool) -> str:
    """What made an order that the gateway told us of.

    Args:
        order_id: Its id; 0 for one that somebody placed by hand, below 0 once that was bound.
        client_id: Whose it is.
        own: Whether that is us.
    """
    if order_id <= 0:
        return BY_HAND
    return EARLIER if own else f"client {client_id}"


def _base36(number: int) -> str:
    digits = ""
    while number or not digits:
        number, last = divmod(number, 36)
        digits = _DIGITS[last] + digits
    return digits
