"""The hash chain over the journal's entries.

Each entry's hash is the SHA-256 of the hash before it and of the entry itself. So a row that is
changed, taken out, put in or moved makes every later hash wrong, and whoever has noted one hash can
prove later that nothing before it was touched. It cannot show that rows are missing at the very end
(nothing comes after them): a noted hash does, or a copy of the file.

What is hashed is text that any program can make again: the hash before, as 64 hexadecimal digits,
then a JSON list without spaces, non-ASCII characters escaped, and right behind it the entry's body
as the file has it::

    [seq, time, kind, epoch, correlation_id, natural_key]body
"""

from __future__ import annotations

import hashlib
import json
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

__all__ = ["START", "canonical", "link"]

#: What the first entry of a file is chained to.
START = "0" * 64


def canonical(value: Any) -> str:
    """Plain JSON types in the one way in which the journal writes them.

    Keys are sorted, so that it does not depend on the order in which a program holds them.

    Raises:
        ValueError: A number that JSON has no form for (infinite, or none).
        TypeError: Something that is no plain type.
    """
    return _ENCODER.encode(value)


_ENCODER = json.JSONEncoder(
    ensure_ascii=True,
    allow_nan=False,
    sort_keys=True,
    separators=(",", ":"),
    check_circular=False,  # a fact is no ring
)


def link(
    before: str,
    head: tuple[int, str, str, int, str, str | None],
    body: str,
) -> str:
    """The hash of an entry.

    Args:
        before: The hash of the entry before it, or `START`.
        head: The entry's ``(seq, time, kind, epoch, correlation_id, natural_key)``.
        body: Its fact, as the file has it.
    """
    seq, time, kind, epoch, story, key = head
    named = "null" if key is None else quoted(key)
    # Put together by hand: this is a good part of what a row costs.
    text = f"{before}[{seq},{quoted(time)},{quoted(kind)},{epoch},{quoted(story)},{named}]{body}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
