"""ErrorHandler: TWS's "errors" are notices; here they are sorted, once, by code and by context.

IB sends everything through one callback, ``error``: that a data farm is fine (2104), that an order
was cancelled as asked (202), that a price is off the tick grid (110), that the server is gone
(1100). The code alone does not say what it means for the order or request that its id names: the
same 110 kills a new order, and on a modification leaves the working order as it was. So two tables
decide here, and both are data:

* ``error_codes.csv`` gives each code its category, severity, scope, whether asking again can help,
  and what happens next, with the source of each line (`codes`);
* ``error_policy.csv`` says what is done about it: a row a code, a text, a range or a kind of code,
  and a context (`rows` reads them, `policy` finds the one that decides). What a program sees
  otherwise, it says in ``[errors]`` of its configuration, or with `ErrorHandler.override`.

A code that nobody has heard of becomes category ``unknown``, severity ``error``. It ends a request
(otherwise its caller would wait for nothing), but never an order: an order that is believed dead
and works is worse than one that is believed alive and is reported dead a moment later.
"""

from __future__ import annotations

from .actions import ACTIONS
from .codes import CALLBACK, CATEGORIES, UNKNOWN, ErrorInfo, load_codes
from .handler import ErrorHandler, ScopeHint
from .policy import Explanation, Policy, Verdict
from .rows import PolicyRow, load_policy

__all__ = [
    "ACTIONS",
    "CALLBACK",
    "CATEGORIES",
    "UNKNOWN",
    "ErrorHandler",
    "ErrorInfo",
    "Explanation",
    "Policy",
    "PolicyRow",
    "ScopeHint",
    "Verdict",
    "load_codes",
    "load_policy",
]
