"""`ErrorHandler`: notices as they come: sorted, kept, counted, and told.

Threads: `ErrorHandler.handle` and `ErrorHandler.report_exception` are called on the loop thread.
Everything else may be called from any thread.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from twsloop.clock import Clock
from twsloop.config.sections.errors import ErrorRule
from twsloop.events import Ends, Notice, request_story
from twsloop.events.gateway import in_short
from twsloop.ids import FIRST_REQUEST_ID
from twsloop.log import mask

from .codes import CALLBACK, CATEGORIES, ErrorInfo
from .policy import Explanation, Policy

__all__ = ["ErrorHandler", "ScopeHint"]

log = logging.getLogger(__name__)

#: How many notices are kept.
KEPT = 100
#: So many codes, and so many callbacks that raised, are counted each by itself.
KINDS = 1000
#: What the others are counted as.
OTHERS = "(others)"
#: A callback that goes on raising the same is logged again after this, seconds; counted always.
SHOWN_AGAIN = 60.0
#: The answer to the cancel of a market data line that is over already.
CANCEL_CROSSED = 300

_Kind = TypeVar("_Kind", int | str, str)

#: What the id of a notice names, where the caller knows.
ScopeHint = Literal["order", "request", "subscription", "connection"]

#: Never ERROR: a notice is told to whom it concerns (an exception, a callback), who decides how
#: bad it is. The log speaks of errors where something of ours, or a user's callback, went wrong.
_LEVELS = {
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.WARNING,
    "fatal": logging.WARNING,
}


def _story(req_id: int, hint: ScopeHint | None) -> str:
    """The correlation id of a request's notice; an order's story is its caller's to tell."""
    return request_story(req_id) if req_id >= 0 and hint != "order" else ""


def _kept(kind: _Kind, known: Counter[_Kind]) -> _Kind:
    """As what something is counted: as itself, unless there are too many kinds already."""
    return kind if kind in known or len(known) < KINDS else OTHERS


def _said(error: BaseException) -> str:
    """What an exception says; a user's own may not even be able to."""
    try:
        return str(error)
    except Exception as another:  # noqa: BLE001  (whatever it is: the report matters more)
        return f"(its text cannot be had: {type(another).__name__})"


class ErrorHandler:
    """Sorts notices, keeps the last ones, counts them, and tells who wants to know.

    Args:
        clock: Gives a notice its time where the caller has none.
        keep: How many notices `recent` holds.
        rules: What the configuration's ``[errors]`` chooses.

    Raises:
        ConfigError: One of the rules chooses what cannot be chosen.
    """

    def __init__(self, clock: Clock, *, keep: int = KEPT, rules: Iterable[ErrorRule] = ()) -> None:
        self._clock = clock
        self._policy = Policy(rules)
        self._lock = threading.Lock()
        self._recent: deque[Notice] = deque(maxlen=keep)
        self._by_category: Counter[str] = Counter()
        self._by_severity: Counter[str] = Counter()
        self._by_code: Counter[int | str] = Counter()
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
            context: What the id names; None: as the table has it.
            text: IB's text; it decides for a few codes (162, 321, 322...).
        """
        if context is None:
            context = "order" if self._policy.scope_of(code, text) == "order" else "request"
        name: str = context
        if context == "order":
            name = "order_live" if order_known else "order_new"
        return self._policy.verdict(code, name, text).info

    def explain(self, code: int, text: str = "") -> Explanation:
        """All that is known of a code: what it means, and what is done in each context."""
        return self._policy.explain(code, text)

    def override(
        self, code: int, context: str, *, action: str | None = None, severity: str | None = None
    ) -> None:
        """Choose what a code does from now on; it wins over the configuration and the tables.

        Args:
            code: IB's code.
            context: ``order_new``, ``order_live`` (or ``order`` for both), ``request``,
                ``subscription`` or ``connection``.
            action: For orders ``keep``, ``refuse_change`` or ``end_order``; for a request ``keep``
                or ``end_request``; for a subscription ``resubscribe``, too; for the connection
                ``keep``, ``end_request`` or ``reconnect``. None leaves it as it is.
            severity: ``info``, ``warning``, ``error`` or ``fatal``: how it is told, and nothing
                else. None leaves it as it is.

        Raises:
            ValueError: A word that does not exist, or an action that cannot be chosen there.
        """
        self._policy.override(code, context, action=action, severity=severity)

    def reset(self, code: int | None = None) -> None:
        """Undo `override` for a code, or for all; what the configuration chose stays."""
        self._policy.reset(code)

    @property
    def overrides(self) -> tuple[ErrorRule, ...]:
        """What the program chose, at run time and in its configuration."""
        return self._policy.overrides

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
        logged: bool = False,
        named: str = "",
    ) -> Notice:
        """Sort one call of IB's ``error``, keep it, count it, and tell the listeners.

        Args:
            req_id: The id it came with; -1 for none.
            code: IB's code.
            text: IB's text.
            time: When it came; now, unless given.
            advanced_reject: IB's JSON about a rejected order.
            local: It was raised on our side and never crossed the wire.
            scope_hint: What the id names, where the caller knows.
            order_known: The order has been reported as working.
            correlation_id: The story it belongs to.
            raised: Whoever asked gets it as an exception, so that the log need not shout.
            logged: Whoever it concerns logs what it means; here it is a matter of level debug.
            named: What the id stands for, in words; the log has it, for nobody knows our ids.
        """
        if scope_hint is None and req_id >= FIRST_REQUEST_ID:
            scope_hint = "request"
        if req_id < 0:
            # Nothing to name: what it ends can only be a request without an id (positions...).
            scope_hint = "connection"
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
            action=info.action,
            context=info.context,
            advanced_reject=advanced_reject,
            local=local,
        )
        about = {"orderId": req_id} if scope_hint == "order" else {}
        # Our own cancel crossed the end of what it cancels: that happens, and nobody can act on it.
        crossed = code == CANCEL_CROSSED and req_id >= FIRST_REQUEST_ID
        level = logging.INFO if crossed or raised else _LEVELS[notice.severity]
        level = logging.DEBUG if logged else level
        if log.isEnabledFor(level):
            # Masked here, too: the program's own handlers write what comes as it comes.
            log.log(level, "%s", mask(f"{named}: {notice}" if named else str(notice)), extra=about)
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
            text=f"{where} raised {type(error).__name__}: {_said(error)}",
            category=CALLBACK,
            scope="system",
            what_happens_next="Nothing else was skipped; the callback stays registered.",
            local=True,
        )
        now = self._clock.monotonic()
        with self._lock:
            name = _kept(where, self._failed_callbacks)
            self._failed_callbacks[name] += 1
            times = self._failed_callbacks[name]
            kind = (name, type(error))
            shown = self._shown.get(kind)
            due = shown is None or now - shown >= SHOWN_AGAIN
            if due:
                self._shown[kind] = now
        if due:  # one that raises at every tick would bury the log under its tracebacks
            log.error("%s (%d so far)", in_short(notice.text), times, exc_info=error)
        self._keep(notice)
        return notice

    def _keep(self, notice: Notice) -> None:
        """Remember and count one notice."""
        with self._lock:
            self._recent.append(notice)
            self._by_category[notice.category] += 1
            self._by_severity[notice.severity] += 1
            if notice.code is not None:
                self._by_code[_kept(notice.code, self._by_code)] += 1

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
