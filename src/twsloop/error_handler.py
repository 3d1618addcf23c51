"""ErrorHandler: TWS's "errors" are notices; here they are sorted, once, by code and by context.

IB sends everything through one callback, ``error``: that a data farm is fine (2104), that an order
was cancelled as asked (202), that a price is off the tick grid (110), that the server is gone
(1100). The code alone does not say what it means for the order or request that its id names: the
same 110 kills a new order, and on a modification leaves the working order as it was. So two things
decide here:

* ``error_codes.csv`` (package data) gives each code its category, severity, scope, whether asking
  again can help, and what happens next, with the source of each line;
* the tables below give what a notice *ends* (`twsloop.events.Ends`): by code, by whether the
  order was already working, and for a few codes by their text.

A code that nobody has heard of becomes category ``unknown``, severity ``error``. It ends a request
(otherwise its caller would wait for nothing), but never an order: an order that is believed dead
and works is worse than one that is believed alive and is reported dead a moment later.

Threads: `ErrorHandler.handle` and `ErrorHandler.report_exception` are called on the loop thread.
`recent`, `counts` and `summary` may be read from any thread.
"""

from __future__ import annotations

import csv
import logging
import re
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal

import attrs

from twsloop.clock import Clock
from twsloop.events import Ends, Notice, request_story
from twsloop.ids import FIRST_REQUEST_ID

__all__ = ["CALLBACK", "CATEGORIES", "UNKNOWN", "ErrorHandler", "ErrorInfo", "load_codes"]

log = logging.getLogger(__name__)

#: The category of a code that is not in the table.
UNKNOWN = "unknown"
#: The category of a user's callback that raised.
CALLBACK = "callback"
#: Every category a notice can have.
CATEGORIES = frozenset(
    {
        "account",
        CALLBACK,
        "client",
        "connectivity",
        "contract",
        "historical",
        "info",
        "market_data",
        "market_data_farm",
        "order_cancelled",
        "order_rejected",
        "order_warning",
        "pacing",
        "permissions",
        UNKNOWN,
    }
)
#: How many notices are kept.
KEPT = 100
#: A callback that goes on raising the same is logged again after this, seconds; counted always.
SHOWN_AGAIN = 60.0

#: What the id of a notice names, where the caller knows.
ScopeHint = Literal["order", "request"]

#: Never ERROR: a notice is told to whom it concerns (an exception, a callback), who decides how
#: bad it is. The log speaks of errors where something of ours, or a user's callback, went wrong.
_LEVELS = {
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.WARNING,
    "fatal": logging.WARNING,
}


@attrs.frozen
class ErrorInfo:
    """What a code means.

    Attributes:
        code: IB's code.
        category: One of `CATEGORIES`.
        severity: ``info``, ``warning``, ``error`` or ``fatal``.
        scope: ``order``, ``request``, ``connection`` or ``system``.
        retry: ``no``, ``yes`` or ``after_reconnect``.
        what_happens_next: What to expect, and what to do.
        message: IB's documented text, where there is one.
        ends: What it brings to its end, in the context that was asked for.
    """

    code: int
    category: str
    severity: str
    scope: str
    retry: str = "no"
    what_happens_next: str = ""
    message: str = ""
    ends: Ends = Ends.NOTHING


# ------------------------------------------------------------------------------------------
# What a notice ends. Sources: the texts of error_codes.csv (their column "source" names IB's
# documentation and the captures of Gateway 10.40), and where clients disagree (Lean, ib_async
# and nautilus all keep different lists) the rule is: decide by the code AND by whether the order
# was already working.

#: These end the connection, or say that there is none. 326 closes the socket right after.
ENDS_SESSION = frozenset({326, 357, 502, 506, 507, 509, 520, 1300})

#: These refuse a modification or a cancel and nothing else; the order keeps its state even when
#: we have not heard of it yet. 10147/10148/161 answer cancels; 104 answers a modification of an
#: order that is filled or cancelled, and must not turn that into a rejection (Lean PR 1053).
ENDS_CHANGE = frozenset(
    {
        *(104, 105, 134, 135, 136, 137, 161, 329, 422, 440, 462, 479, 480),
        *(2102, 10044, 10059, 10067, 10086, 10109, 10147, 10148, 10196, 10220, 10221),
        *(10241, 10242, 10308, 10326, 10327, 10341),
    }
)

#: These end an order that is working already. 201 is the server's reject, 202 says that it is
#: cancelled. Every other error for a working order refuses a change of it.
ENDS_WORKING_ORDER = frozenset({201, 202})

#: These never end an order although their severity is "error": its fate is not known, and only
#: open orders, completed orders and executions can tell. 512, 515 and 538 say that a placeOrder, a
#: cancelOrder or a reqGlobalCancel could not be written whole; whether it arrived, nobody knows.
FATE_UNKNOWN = frozenset({10328, 512, 515, 538})

#: These never speak of an order, whatever the id says: TWS lets a data request use the number of
#: an order, and a pacing violation of the one must not end the other.
NEVER_ABOUT_ORDERS = frozenset({"historical", "market_data", "market_data_farm"})

#: Errors that answer the cancel of something that is over already, and an id that is still live:
#: what runs under that id goes on (300: "can't find EId"; 102/385/386: the old stream stays).
HARMLESS = frozenset({102, 300, 310, 365, 366, 385, 386, 10185, 10280, 10284})

#: The answer to the cancel of a market data line that is over already.
CANCEL_CROSSED = 300

#: IB's own range of warnings. 2101 is the exception: it refuses reqAccountUpdates.
WARNINGS = range(2100, 2200)
NOT_WARNINGS = frozenset({2101})

#: What the text changes: codes, a pattern in the text, and the fields that are different then.
#: The two-letter mark of 321 ('bN') is an obfuscated class name that changes with each build, so
#: no pattern may contain it.
TEXT_RULES: tuple[tuple[frozenset[int], re.Pattern[str], Mapping[str, Any]], ...] = (
    (
        frozenset({321}),
        re.compile(r"read-?only", re.IGNORECASE),
        {
            "category": "permissions",
            "what_happens_next": "The gateway's API is in Read-Only mode: data requests work, "
            "orders and reqIds do not. Untick 'Read-Only API' in its API settings.",
        },
    ),
    (
        frozenset({322}),
        re.compile(r"duplicate ticker id", re.IGNORECASE),
        {"category": "market_data", "ends": Ends.NOTHING},
    ),
    (
        frozenset({322}),
        re.compile(r"No (historical data query|scanner subscription) found", re.IGNORECASE),
        {"severity": "warning", "ends": Ends.NOTHING},
    ),
    (frozenset({162}), re.compile("pacing violation"), {"category": "pacing", "retry": "yes"}),
    (
        frozenset({162}),
        re.compile("no data|No market data permissions", re.IGNORECASE),
        {"retry": "no"},
    ),
    (
        frozenset({162}),
        re.compile("(query|subscription) cancelled", re.IGNORECASE),
        {"severity": "info", "retry": "no"},
    ),
    # A cancel that nobody asked for has a reason: the broker's own (price band, expiry, margin).
    (frozenset({202}), re.compile(r"reason:\s*\S", re.IGNORECASE), {"severity": "warning"}),
    (
        frozenset({10186}),
        re.compile("cancel", re.IGNORECASE),
        {"severity": "warning", "ends": Ends.NOTHING},
    ),
    # Two meanings for one number: an error of Windows' sockets, or a rule about an order.
    (frozenset({10038, 10053}), re.compile("WinError"), {"ends": Ends.SESSION}),
    (
        frozenset({10038, 10053}),
        re.compile("display size|combo order", re.IGNORECASE),
        {"category": "order_rejected", "severity": "error", "scope": "order", "retry": "no"},
    ),
)


@cache
def load_codes() -> Mapping[int, ErrorInfo]:
    """The table of ``error_codes.csv``, by code."""
    text = resources.files("twsloop").joinpath("error_codes.csv").read_text(encoding="utf-8")
    table: dict[int, ErrorInfo] = {}
    for row in csv.DictReader(text.splitlines()):
        code = int(row["code"])
        table[code] = ErrorInfo(
            code=code,
            category=row["category"],
            severity=row["severity"],
            scope=row["scope"],
            retry=row["retry"],
            what_happens_next=row["what_happens_next"],
            message=row["message"],
        )
    return MappingProxyType(table)


def _unknown(code: int) -> ErrorInfo:
    """What we say of a code that is not in the table."""
    return ErrorInfo(
        code=code,
        category=UNKNOWN,
        severity="error",
        scope="request",
        what_happens_next="This code is in no list we know. A request of that id is taken to be "
        "over; an order of that id keeps its state until the gateway reports another.",
    )


def _ends(info: ErrorInfo, hint: ScopeHint | None, *, order_known: bool) -> Ends:
    """What a notice ends, by the tables above."""
    code = info.code
    if code in ENDS_SESSION:
        return Ends.SESSION
    about_order = hint == "order" or (hint is None and info.scope == "order")
    listed = load_codes().get(code)
    if code in HARMLESS or (listed is not None and listed.category in NEVER_ABOUT_ORDERS):
        about_order = False
    if code == 202 and about_order:
        return Ends.ORDER
    if code in ENDS_CHANGE and about_order:
        return Ends.CHANGE
    if info.severity in {"info", "warning"}:
        return Ends.NOTHING
    if info.scope == "system" and code not in NOT_WARNINGS:
        return Ends.NOTHING
    if about_order:
        if info.category == UNKNOWN or code in FATE_UNKNOWN:
            return Ends.NOTHING
        return Ends.CHANGE if order_known and code not in ENDS_WORKING_ORDER else Ends.ORDER
    return Ends.NOTHING if code in HARMLESS else Ends.REQUEST


def _story(req_id: int, hint: ScopeHint | None) -> str:
    """The correlation id of a request's notice; an order's story is its caller's to tell."""
    return request_story(req_id) if req_id >= 0 and hint != "order" else ""


class ErrorHandler:
    """Sorts notices, keeps the last ones, counts them, and tells who wants to know.

    Args:
        clock: Gives a notice its time where the caller has none.
        keep: How many notices `recent` holds.
    """

    def __init__(self, clock: Clock, *, keep: int = KEPT) -> None:
        self._clock = clock
        self._codes = load_codes()
        self._lock = threading.Lock()
        self._recent: deque[Notice] = deque(maxlen=keep)
        self._by_category: Counter[str] = Counter()
        self._by_severity: Counter[str] = Counter()
        self._by_code: Counter[int] = Counter()
        self._failed_callbacks: Counter[str] = Counter()
        self._shown: dict[tuple[str, type[BaseException]], float] = {}
        self._listeners: tuple[tuple[str | None, Callable[[Notice], object]], ...] = ()

    # ------------------------------------------------------------------------ what it means
    def classify(
        self,
        code: int,
        *,
        order_known: bool = False,
        context: ScopeHint | None = None,
        text: str = "",
    ) -> ErrorInfo:
        """What a code means in its context.

        Args:
            code: IB's code.
            order_known: The order has been reported as working (an openOrder or orderStatus came).
            context: Whether the id names an order or a request; None: as the table has it.
            text: IB's text; it decides for a few codes (162, 321, 322...).
        """
        info = self._codes.get(code) or _unknown(code)
        if code in WARNINGS and code not in NOT_WARNINGS and info.severity in {"error", UNKNOWN}:
            info = attrs.evolve(info, severity="warning")
        changes: dict[str, Any] = {}
        for codes, pattern, fields in TEXT_RULES:
            if code in codes and pattern.search(text):
                changes.update(fields)
        ends = changes.pop("ends", None)
        info = attrs.evolve(info, **changes)
        if ends is None:
            # A text may soften the severity of what still ends the request (162, cancelled).
            base = info if "severity" not in changes else attrs.evolve(info, severity="error")
            ends = _ends(base, context, order_known=order_known)
        return attrs.evolve(info, ends=ends)

    def is_fatal_for_request(self, code: int, text: str = "") -> bool:
        """Whether a request that gets this code gets no further answer."""
        return self.classify(code, context="request", text=text).ends in {
            Ends.REQUEST,
            Ends.SESSION,
        }

    def is_fatal_for_order(self, code: int, *, order_known: bool, text: str = "") -> bool:
        """Whether an order that gets this code is not working any more."""
        info = self.classify(code, context="order", order_known=order_known, text=text)
        return info.ends is Ends.ORDER

    # ---------------------------------------------------------------------- what came
    def handle(  # noqa: PLR0913  (a notice has as many facts)
        self,
        req_id: int,
        code: int,
        text: str,
        *,
        time: datetime | None = None,
        advanced_reject: str = "",
        local: bool = False,
        scope_hint: ScopeHint | None = None,
        order_known: bool = False,
        correlation_id: str = "",
        raised: bool = False,
    ) -> Notice:
        """Sort one call of IB's ``error``, keep it, count it, and tell the listeners.

        Args:
            req_id: The id it came with; -1 for none.
            code: IB's code.
            text: IB's text.
            time: When it came; now, unless given.
            advanced_reject: IB's JSON about a rejected order.
            local: It was raised on our side and never crossed the wire.
            scope_hint: Whether the id names an order or a request, where the caller knows.
            order_known: The order has been reported as working.
            correlation_id: The story it belongs to.
            raised: Whoever asked gets it as an exception, so that the log need not shout.
        """
        if scope_hint is None and req_id >= FIRST_REQUEST_ID:
            scope_hint = "request"
        if req_id < 0:
            # Nothing to name: what it ends can only be a request without an id (positions...).
            scope_hint = "request"
        info = self.classify(code, order_known=order_known, context=scope_hint, text=text)
        notice = Notice(
            time=time or self._clock.now(),
            correlation_id=correlation_id or _story(req_id, scope_hint),
            req_id=req_id,
            code=code,
            text=text,
            category=info.category,
            severity=info.severity,
            scope=info.scope,
            retry=info.retry,
            what_happens_next=info.what_happens_next,
            ends=info.ends,
            advanced_reject=advanced_reject,
            local=local,
        )
        about = {"orderId": req_id} if scope_hint == "order" else {}
        # Our own cancel crossed the end of what it cancels: that happens, and nobody can act on it.
        crossed = code == CANCEL_CROSSED and req_id >= FIRST_REQUEST_ID
        level = logging.INFO if crossed or raised else _LEVELS[notice.severity]
        log.log(level, "%s", notice, extra=about)
        self._keep(notice)
        self._tell(notice)
        return notice

    def report_exception(self, where: str, error: BaseException) -> Notice:
        """Take note that somebody's callback raised; the session goes on.

        Args:
            where: Which callback, as its owner would call it.
            error: What it raised.
        """
        notice = self._note_failure(where, error)
        self._tell(notice)
        return notice

    def _note_failure(self, where: str, error: BaseException) -> Notice:
        """Log, count and keep a failed callback, without telling anyone."""
        notice = Notice(
            time=self._clock.now(),
            code=None,
            text=f"{where} raised {type(error).__name__}: {error}",
            category=CALLBACK,
            scope="system",
            what_happens_next="Nothing else was skipped; the callback stays registered.",
            local=True,
        )
        now = self._clock.monotonic()
        kind = (where, type(error))
        with self._lock:
            self._failed_callbacks[where] += 1
            times = self._failed_callbacks[where]
            shown = self._shown.get(kind)
            due = shown is None or now - shown >= SHOWN_AGAIN
            if due:
                self._shown[kind] = now
        if due:  # one that raises at every tick would bury the log under its tracebacks
            log.error("%s (%d so far)", notice.text, times, exc_info=error)
        self._keep(notice)
        return notice

    def _keep(self, notice: Notice) -> None:
        """Remember and count one notice."""
        with self._lock:
            self._recent.append(notice)
            self._by_category[notice.category] += 1
            self._by_severity[notice.severity] += 1
            if notice.code is not None:
                self._by_code[notice.code] += 1

    # --------------------------------------------------------------------- who wants to know
    def on(self, category: str | None, callback: Callable[[Notice], object]) -> None:
        """Call ``callback(notice)`` for every notice of a category; None means all of them.

        Raises:
            ValueError: There is no such category.
        """
        if category is not None and category not in CATEGORIES:
            msg = f"no category {category!r}; there are: {', '.join(sorted(CATEGORIES))}"
            raise ValueError(msg)
        with self._lock:
            self._listeners = (*self._listeners, (category, callback))

    def off(self, category: str | None, callback: Callable[[Notice], object]) -> None:
        """Undo one `on`; nothing happens if there was none."""
        with self._lock:
            kept = list(self._listeners)
            if (category, callback) in kept:
                kept.remove((category, callback))
            self._listeners = tuple(kept)

    def _tell(self, notice: Notice) -> None:
        """Call the listeners; one that raises is noted, and never stops the others."""
        for category, callback in self._listeners:
            if category is not None and category != notice.category:
                continue
            try:
                callback(notice)
            except Exception as error:  # noqa: BLE001  (a user's callback may raise anything)
                name = getattr(callback, "__qualname__", repr(callback))
                failure = self._note_failure(f"error callback {name}", error)
                # The failure itself is told to the others, but never about a failure: two
                # callbacks that both raise would go on for ever.
                if notice.category != CALLBACK:
                    self._tell(failure)

    # ----------------------------------------------------------------------------- what was
    @property
    def recent(self) -> tuple[Notice, ...]:
        """The last notices, oldest first."""
        with self._lock:
            return tuple(self._recent)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many notices of each category came."""
        with self._lock:
            return MappingProxyType(dict(self._by_category))

    def summary(self) -> dict[str, Any]:
        """Everything counted, in plain types that JSON can hold.

        Returns:
            ``total``; ``by_severity``, ``by_category`` and ``by_code``, the most frequent first;
            ``failed_callbacks`` by name; ``last_error``, the newest error's text or None.
        """
        with self._lock:
            last = next(
                (str(n) for n in reversed(self._recent) if n.severity in {"error", "fatal"}), None
            )
            return {
                "total": self._by_category.total(),
                "by_severity": dict(self._by_severity.most_common()),
                "by_category": dict(self._by_category.most_common()),
                "by_code": {str(code): n for code, n in self._by_code.most_common()},
                "failed_callbacks": dict(self._failed_callbacks.most_common()),
                "last_error": last,
            }
