"""News as rows: what IB's texts say, and how headlines are paged (pure)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Hashable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any, Self

import attrs

from twsloop.wire.showing import short_row
from twsloop.wire.times import read_time
from twsloop.wire.values import text_or_none

__all__ = [
    "MOST_HEADLINES",
    "SEEN_KEPT",
    "Article",
    "Bulletin",
    "BulletinBoard",
    "BulletinKind",
    "Headline",
    "MoreHeadlines",
    "NewsPages",
    "Provider",
    "Seen",
    "read_bulletin",
    "read_headline",
    "read_providers",
    "split_headline",
]

#: IB gives at most so many headlines an answer.
MOST_HEADLINES = 300
#: So many headlines of a stream are remembered, to know them again.
SEEN_KEPT = 1000

#: What stands before many headlines: letters and values in turn, ``{A:800015:L:en}``; a ``!``
#: behind it marks what the provider holds for important.
_MARKS = re.compile(r"\{(?P<marks>[A-Za-z]:[^{}]*)\}(?P<important>!?)\s*(?P<text>.*)", re.DOTALL)
#: The kind of an article whose text is a file (a PDF) in base64; all others are text or HTML.
_BINARY = 1


@attrs.frozen
class Provider:
    """Who writes news that this login may read.

    Attributes:
        code: What requests call it (``BRFG``).
        name: What people call it.
    """

    code: str
    name: str


@attrs.frozen
class Headline:
    """A headline.

    Attributes:
        time: When it came, UTC; None if IB's text cannot be placed.
        provider: The provider's code.
        article_id: What to ask the article by; some headlines have none.
        text: The headline as people read it.
        important: Whether the provider marked it so.
        marks: What stood before the text, letter and value (``("L", "en")`` is the language).
        raw: The headline as IB sent it.
        extra: What IB sends beside a live headline.
    """

    time: datetime | None
    provider: str
    article_id: str
    text: str
    important: bool = False
    marks: tuple[tuple[str, str], ...] = ()
    raw: str = ""
    extra: str = ""

    __repr__ = short_row

    def mark(self, letter: str) -> str | None:
        """The value of a mark; None if there is none, or the provider says ``n/a``."""
        value = dict(self.marks).get(letter)
        return None if value in {None, "", "n/a"} else value


@attrs.frozen
class MoreHeadlines:
    """The end of one answer about headlines.

    Attributes:
        more: Whether the span holds more than IB gave.
    """

    more: bool


@attrs.frozen
class Article:
    """An article.

    Attributes:
        provider: The provider's code.
        article_id: Its id.
        text: The article, plain or as HTML; of a `binary` one, base64.
        binary: Whether it is a file (IB sends PDFs so).
    """

    provider: str
    article_id: str
    text: str
    binary: bool = False

    __repr__ = short_row

    @classmethod
    def read(cls, provider: str, article_id: str, answer: tuple[int, str]) -> Self:
        """An article of IB's kind and text."""
        kind, text = answer
        return cls(provider, article_id, text, kind == _BINARY)

    @property
    def content(self) -> bytes:
        """The article as bytes: the file of a binary one, else its text in UTF-8.

        Raises:
            ValueError: It should be a file, and is no base64.
        """
        if not self.binary:
            return self.text.encode()
        try:
            return base64.b64decode(self.text, validate=True)
        except binascii.Error as error:
            msg = f"article {self.article_id} of {self.provider} is no base64: {error}"
            raise ValueError(msg) from error


class BulletinKind(IntEnum):
    """What a bulletin is about; numbers that IB adds are kept."""

    GENERAL = 1
    VENUE_CLOSED = 2
    """An exchange cannot be traded at."""
    VENUE_OPEN = 3
    """It can be traded at again."""

    @classmethod
    def _missing_(cls, value: object) -> BulletinKind | None:
        if not isinstance(value, int):
            return None
        kind = int.__new__(cls, value)
        kind._name_ = f"KIND_{value}"
        kind._value_ = value
        return kind


@attrs.frozen
class Bulletin:
    """A bulletin of the broker or an exchange.

    Attributes:
        number: IB's number of it.
        kind: What it is about.
        text: What it says.
        exchange: Where it comes from; empty for the broker.
    """

    number: int
    kind: BulletinKind
    text: str
    exchange: str

    __repr__ = short_row


class BulletinBoard:
    """The bulletins that came while somebody listened, each once."""

    def __init__(self) -> None:
        self._by_number: dict[int, Bulletin] = {}

    def post(self, bulletin: Bulletin) -> bool:
        """Take note of one; False if it is known (IB repeats them to a new subscription)."""
        known = self._by_number.get(bulletin.number) == bulletin
        self._by_number[bulletin.number] = bulletin
        return not known

    def __len__(self) -> int:
        return len(self._by_number)

    def all(self) -> list[Bulletin]:
        """All of them, in the order they came first."""
        return list(self._by_number.values())


class Seen:
    """Which headlines a stream has told; those that IB repeats to a new request are left out."""

    def __init__(self) -> None:
        self._keys: dict[Hashable, None] = {}

    def is_new(self, headline: Headline) -> bool:
        """Take note of one; False if it was told before, among the last `SEEN_KEPT`."""
        key = headline.article_id or (headline.time, headline.raw)
        known = (headline.provider, key) in self._keys
        self._keys[headline.provider, key] = None
        if len(self._keys) > SEEN_KEPT:
            del self._keys[next(iter(self._keys))]
        return not known


def split_headline(raw: str) -> tuple[str, bool, tuple[tuple[str, str], ...]]:
    """A headline's text, whether it is marked as important, and its marks.

    What does not look like marks in all its parts is left in the text.
    """
    found = _MARKS.fullmatch(raw)
    if found is None:
        return raw.strip(), False, ()
    parts = found["marks"].split(":")
    letters, values = parts[::2], parts[1::2]
    if len(letters) != len(values) or not all(len(letter) == 1 for letter in letters):
        return raw.strip(), False, ()
    text = found["text"].strip()
    return text, bool(found["important"]), tuple(zip(letters, values, strict=True))


def read_headline(
    time: str | int, provider: str, article_id: str, raw: str, *, extra: str = ""
) -> Headline:
    """A headline as IB sends it.

    Args:
        time: As text (``2026-01-05 14:30:00.0``, UTC) of headlines before now; as seconds or
            milliseconds since 1970 of live ones.
        provider: The provider's code.
        article_id: The article's id.
        raw: The headline with its marks.
        extra: What comes with a live one.
    """
    text, important, marks = split_headline(raw)
    return Headline(
        time=read_time(time, UTC),
        provider=provider,
        article_id=article_id,
        text=text,
        important=important,
        marks=marks,
        raw=raw,
        extra=text_or_none(extra) or "",
    )


def read_bulletin(number: int, kind: int, text: str, exchange: str) -> Bulletin:
    """A bulletin as IB sends it."""
    return Bulletin(number, BulletinKind(kind), text, exchange)


@attrs.define
class NewsPages:
    """Gathers the headlines of a span, the latest first, from answers that hold a part each.

    IB answers with the latest ones of the span that was asked for. The next part is asked for up to
    the oldest headline there, and one second more: whether IB counts the end in or not, none of
    that second is lost, and those that are known already are left out.

    Attributes:
        limit: How many are wanted; None for all.
        since: The beginning of the span; None for as far back as IB goes.
        until: The end of the span that is to be asked for next; None for now.
        headlines: What there is so far.
        complete: Whether nothing is left to ask for.
        most: How many an answer can hold.
    """

    limit: int | None
    since: datetime | None = None
    until: datetime | None = None
    most: int = MOST_HEADLINES
    headlines: list[Headline] = attrs.Factory(list)
    complete: bool = False
    _seen: set[tuple[str, str, datetime | None, str]] = attrs.Factory(set)

    @property
    def wanted(self) -> int:
        """How many to ask for next; what is known of the last seconds comes once more."""
        if self.limit is None:
            return self.most
        until = self.until
        again = [h for h in self.headlines if until and h.time is not None and h.time <= until]
        return min(self.limit - len(self.headlines) + len(again), self.most)

    def take(self, parts: Sequence[Headline | MoreHeadlines]) -> None:
        """Take one answer: its headlines, and whether there are more."""
        told = [part for part in parts if isinstance(part, Headline)]
        more = any(part.more for part in parts if isinstance(part, MoreHeadlines))
        fresh = [one for one in told if self._is_new(one)]
        self.headlines += fresh
        if self.limit is not None and len(self.headlines) >= self.limit:
            del self.headlines[self.limit :]
            self.complete = True
        oldest = min((one.time for one in told if one.time is not None), default=None)
        if not more or oldest is None:
            self.complete = True
            return
        # Nothing new: a whole answer in one second. The rest of that second cannot be had.
        following = oldest + timedelta(seconds=1 if fresh else 0)
        if self.until is not None and following >= self.until:
            following = self.until - timedelta(seconds=1)
        self.until = following

    def _is_new(self, one: Headline) -> bool:
        key = (one.provider, one.article_id, one.time, one.raw)
        if key in self._seen:
            return False
        self._seen.add(key)
        return True


def read_providers(rows: Iterable[Any]) -> list[Provider]:
    """The providers of IB's list."""
    return [Provider(row.code, row.name) for row in rows]
