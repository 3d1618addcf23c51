"""Account numbers and names out of a recording, with texts of the same length in their place.

Theory of operation. Both encodings frame a text by its length or by a NUL, so a text that is
replaced by one of the same number of bytes changes nothing else: the body needs no decoding to be
masked, and whatever stands in a part that we cannot decode is masked as well.

What is to be masked is learnt first:

- the accounts of ``managedAccounts``, and whatever stands in a field that holds an account number
  (`ACCOUNT_FIELDS`), in either direction;
- the names in `NAME_FIELDS` (who submitted an order, the login's white branding), and the aliases
  in an advisor's configuration;
- anything that has the form of IB's account numbers, wherever it stands.

From then on every occurrence of a learnt text is replaced, in any message, error texts included. An
account keeps the letters it begins with, so that a paper account can still be told from a live one
(``DU1234567`` becomes ``DU0000001``); the same account is the same mask in the whole recording. A
text that is so short that it might be a word of the protocol is left alone (`SHORTEST`).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from twsloop.errors import ParseError

from . import codec
from .messages import INBOUND, OUTBOUND, PROTOBUF_OFFSET, RAW_ID_SINCE, Direction, message_class

__all__ = ["ACCOUNT_FIELDS", "NAME_FIELDS", "SHORTEST", "Masker", "is_sensitive"]

#: Fields of IB's protobuf messages that hold account numbers.
ACCOUNT_FIELDS = frozenset(
    {
        *("account", "accountId", "accountName", "accountsList", "acctCode", "acctNumber"),
        *("clearingAccount", "customerAccount", "deltaNeutralClearingAccount", "familyCode"),
    }
)
#: Fields that name a person, a login or a firm.
NAME_FIELDS = frozenset({"submitter", "whiteBrandingId"})

#: Shorter texts are not masked, in bytes: they might be anything.
SHORTEST = 4

#: What stands in such fields and is nobody's: "All" accounts, the groups of an advisor's queries.
_NOBODY = frozenset({"All", "ALL", "all", "Core", "None", "N/A"})
#: The form of IB's account numbers: U, F, I, with D in front on paper, and a model's letter behind.
_ACCOUNT = re.compile(rb"(?<![A-Za-z0-9])D?[UFI]\d{5,9}(?![A-Za-z0-9]{2})")
_ALIAS = re.compile(r"<alias>([^<]+)</alias>")
_PREFIX = re.compile(r"[A-Za-z]{0,2}")


def is_sensitive(name: str) -> bool:
    """Whether a protobuf field of that name holds what a recording masks."""
    return name in ACCOUNT_FIELDS or name in NAME_FIELDS


class Masker:
    """Masks one recording; the same text is the same mask in all of its sessions."""

    def __init__(self) -> None:
        self._masks: dict[bytes, bytes] = {}
        self._used: set[bytes] = set()
        self._pattern: re.Pattern[bytes] | None = None
        self._count = 0

    def mask(self, direction: Direction, body: bytes, server_version: int) -> bytes:
        """Learn from a message's body, and give it back masked, as long as it was."""
        for text in _secrets(direction, body, server_version):
            self.learn(text)
        return self.mask_bytes(body)

    def mask_bytes(self, data: bytes) -> bytes:
        """Mask what is known, and what has the form of an account number."""
        for match in _ACCOUNT.findall(data):
            if match not in self._used:
                self.learn(match.decode("ascii"))
        if self._pattern is None:
            return data
        return self._pattern.sub(lambda match: self._masks[match[0]], data)

    def mask_text(self, text: str) -> str:
        """The same, of a text."""
        return self.mask_bytes(text.encode()).decode("utf-8", "replace")

    def learn(self, text: str) -> None:
        """From now on this text is masked; one that is too short, or nobody's, is not."""
        secret = text.strip().encode()
        # What we made ourselves is no secret: a client of a replay says it back to us.
        if (
            len(secret) < SHORTEST
            or text.strip() in _NOBODY
            or secret in self._masks
            or secret in self._used
        ):
            return
        self._masks[secret] = mask = self._mask_of(secret)
        self._used.add(mask)
        # The longest first: one account number may begin with another.
        known = sorted(self._masks, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(re.escape(one) for one in known))

    def _mask_of(self, secret: bytes) -> bytes:
        ascii_text = secret.decode("ascii", "replace")
        numbered = any(char.isdigit() for char in ascii_text)
        found = _PREFIX.match(ascii_text)
        prefix = found[0] if numbered and found is not None else "X"
        while True:
            self._count += 1
            digits = str(self._count)
            mask = f"{prefix}{digits.zfill(len(secret) - len(prefix))}"[: len(secret)].encode()
            if (mask not in self._masks and mask not in self._used) or len(digits) > len(secret):
                return mask


# ---- what a message says of people ---------------------------------------------------------


def _secrets(direction: Direction, body: bytes, server_version: int) -> Iterator[str]:
    """The account numbers and names in a body; none of one that cannot be read."""
    table = INBOUND if direction is Direction.INBOUND else OUTBOUND
    kind = table.get(_number(body, server_version))
    if kind is None or kind.proto is None:
        return
    if kind.name == "receiveFA":
        yield from _ALIAS.findall(body.decode("utf-8", "replace"))
    if not _has_secrets(kind.proto):
        return
    try:
        message = codec.decode(direction, body, server_version).message
    except ParseError as error:
        message = error.partial
    if message is not None:
        for name, text in _texts(message):
            yield from text.split(",") if name == "accountsList" else (text,)


def _number(body: bytes, server_version: int) -> int:
    if server_version >= RAW_ID_SINCE:
        number = int.from_bytes(body[:4], "big")
        return number - PROTOBUF_OFFSET if number > PROTOBUF_OFFSET else number
    head = body.partition(b"\0")[0]
    return int(head) if head.isdigit() and len(head) < 10 else -1


def _texts(message: Any) -> Iterator[tuple[str, str]]:
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            if not field.message_type.GetOptions().map_entry:
                for part in value if _is_repeated(field) else (value,):
                    yield from _texts(part)
        elif is_sensitive(field.name):
            for text in value if _is_repeated(field) else (value,):
                yield field.name, text


def _is_repeated(field: Any) -> bool:
    return bool(field.is_repeated)


@functools.cache
def _has_secrets(proto: str) -> bool:
    """Whether a message of this class can hold such a field: ticks, by far the most, cannot."""

    def look(descriptor: Any, above: tuple[str, ...]) -> bool:
        if descriptor.full_name in above:
            return False
        return any(
            is_sensitive(field.name)
            or (
                field.message_type is not None
                and look(field.message_type, (*above, descriptor.full_name))
            )
            for field in descriptor.fields
        )

    return look(message_class(proto).DESCRIPTOR, ())
