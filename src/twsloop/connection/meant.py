"""Which request an error without an id is about, where its text says so; pure.

Requests without an id are refused with errors without one. Several of them may be under way (an
advisor's data, the lists of orders), and what refuses one says nothing of the others.
"""

from __future__ import annotations

import re

__all__ = ["keys_meant"]

#: What IB's text speaks of -> the key of the request (`twsloop.connection.singletons.ASKED`).
_WORDS = (
    (r"\bFA\b|advisor", "fa"),
    (r"\bcompleted orders?\b|reqCompletedOrders", "completed_orders"),
    (r"\bopen orders\b|req(All|Auto)?OpenOrders", "open_orders"),
    (r"\bpositions request|reqPositions", "positions"),
    (r"\baccount (data|updates?)\b|subscribe to account", "account_updates"),
    (r"\bnews providers?\b", "news_providers"),
    (r"\bnews bulletins?\b", "news_bulletins"),
    (r"\bscanner parameters\b", "scanner_parameters"),
    (r"\bmarket rules?\b", "market_rule"),
    (r"\bfamily codes?\b", "family_codes"),
    (r"\bdepth exchanges\b", "depth_exchanges"),
)
_TABLE = tuple((re.compile(words, re.IGNORECASE), key) for words, key in _WORDS)


def keys_meant(text: str) -> frozenset[str]:
    """The keys of the requests that a text speaks of; none where it does not say.

    Args:
        text: IB's: ``Error validating request.-'bF' : cause - FA data operations ignored ...``.
    """
    return frozenset(key for words, key in _TABLE if words.search(text))
