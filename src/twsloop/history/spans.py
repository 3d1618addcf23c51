"""Spans of time, and what is left of a span when others are taken out of it (pure).

A span is half open: its first second belongs to it, its end does not. They count in whole seconds
since 1970 UTC, as the store keeps them; so no zone and no summer time can blur a border.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import attrs

__all__ = ["Span", "Spans", "moment"]


def moment(second: int) -> datetime:
    """A second since 1970 as a time in UTC."""
    return datetime.fromtimestamp(second, UTC)


@attrs.frozen(order=True)
class Span:
    """All seconds from ``start`` to before ``end``.

    Attributes:
        start: Its first second, since 1970 UTC.
        end: The second after its last.

    Raises:
        ValueError: It has no second in it.
    """

    start: int
    end: int

    def __attrs_post_init__(self) -> None:
        if self.end <= self.start:
            msg = f"a span ends after it starts; not {self.start}..{self.end}"
            raise ValueError(msg)

    @property
    def seconds(self) -> int:
        """How long it is."""
        return self.end - self.start

    def __str__(self) -> str:
        return f"{moment(self.start):%Y-%m-%d %H:%M:%S} to {moment(self.end):%Y-%m-%d %H:%M:%S} UTC"


class Spans:
    """A set of seconds, as spans in order; neighbours are joined. Immutable.

    Args:
        spans: In any order; they may touch and overlap.
    """

    __slots__ = ("_spans",)

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        joined: list[Span] = []
        for span in sorted(spans):
            if joined and span.start <= joined[-1].end:
                joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
            else:
                joined.append(span)
        self._spans = tuple(joined)

    def __iter__(self) -> Iterator[Span]:
        return iter(self._spans)

    def __len__(self) -> int:
        return len(self._spans)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spans) and self._spans == other._spans

    def __hash__(self) -> int:
        return hash(self._spans)

    def __repr__(self) -> str:
        return f"Spans({', '.join(map(str, self._spans))})"

    def __contains__(self, second: int) -> bool:
        return any(span.start <= second < span.end for span in self._spans)

    @property
    def seconds(self) -> int:
        """How many seconds are in it."""
        return sum(span.seconds for span in self._spans)

    def add(self, more: Iterable[Span]) -> Spans:
        """What is in either."""
        return Spans([*self._spans, *more])

    def within(self, span: Span) -> Spans:
        """What of it is in a span."""
        return Spans(
            Span(max(one.start, span.start), min(one.end, span.end))
            for one in self._spans
            if one.start < span.end and one.end > span.start
        )

    def without(self, others: Iterable[Span]) -> Spans:
        """What is in it and in none of the others."""
        left = list(self._spans)
        for other in others:
            kept: list[Span] = []
            for span in left:
                if other.end <= span.start or other.start >= span.end:
                    kept.append(span)
                    continue
                if span.start < other.start:
                    kept.append(Span(span.start, other.start))
                if other.end < span.end:
                    kept.append(Span(other.end, span.end))
            left = kept
        return Spans(left)
