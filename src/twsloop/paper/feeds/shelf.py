"""The books of a market, and an empty one for everything that it does not list.

After a restart on another day an account may hold what is no longer listed (an expired future), and
orders for it may still be in the book. They have no market; but they can be looked at, valued at
their cost, and cancelled.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from twsloop.paper.market.vocabulary import TopOfBook

__all__ = ["Shelf"]


@attrs.define(eq=False)
class Shelf:
    """Gives the top of book of an instrument; called like ``Feed.book``.

    Attributes:
        listed: The market's own; raises KeyError for what it does not have.
    """

    listed: Callable[[int], TopOfBook]
    _empty: dict[int, TopOfBook] = attrs.Factory(dict)

    def __call__(self, con_id: int) -> TopOfBook:
        """The book of one instrument, an empty one if the market does not have it."""
        try:
            return self.listed(con_id)
        except KeyError:
            return self._empty.setdefault(con_id, TopOfBook(con_id))
