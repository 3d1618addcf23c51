"""What is done about a code: the rows of ``error_policy.csv``, and the program's own choices.

Theory of operation. Each row names what it is about (``match``, and where it needs one, a pattern
in IB's ``text``) and in which contexts, and says one or both of two things: what is done
(``action``), and what the table of codes says otherwise here (category, severity, ...).

Many rows may fit a notice, and the most special one that has an action for its context decides:

1. the program's choice at run time (`Policy.override`), then that of its ``[errors]`` section;
2. a row with a text, where IB's text fits its pattern;
3. a row of this code;
4. a row of the severity (``severity:warning``), of the scope, of the category, or of whether asking
   again can help (``retry:yes``), in this order;
5. the row ``*``, which every context has.

What rows change of the table of codes is gathered the same way, the special after the general; a
range (``2100-2199``) softens the severity ``error`` of codes that have no row of their own.

To add a code is to add a row; no other module keeps a list of codes to decide what ends.
"""

from __future__ import annotations

import csv
import re
import threading
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

import attrs

from twsloop.config.sections.errors import CONTEXTS, SEVERITIES, ErrorRule, make_rules
from twsloop.errors import ConfigError
from twsloop.events import Ends

from .codes import CATEGORIES, ErrorInfo, load_codes, unknown_code

__all__ = [
    "ACTIONS",
    "Action",
    "Explanation",
    "Policy",
    "PolicyRow",
    "Verdict",
    "load_policy",
]


@attrs.frozen
class Action:
    """Something that is done about a code.

    Attributes:
        ends: What it brings to its end.
        words: What twsloop does, for people.
    """

    ends: Ends
    words: str


#: Everything that can be done, by the word of the tables.
ACTIONS: Mapping[str, Action] = MappingProxyType(
    {
        "keep": Action(Ends.NOTHING, "Nothing ends; it is noted, and told to whom it concerns."),
        "end_order": Action(
            Ends.ORDER, "The order is over: rejected, or cancelled where it was working."
        ),
        "refuse_change": Action(
            Ends.CHANGE,
            "The modification or cancel is refused; the order stays as it was.",
        ),
        "query_order": Action(
            Ends.NOTHING,
            "The order's fate is not known: it keeps its state until the gateway's lists tell; it "
            "is never sent again.",
        ),
        "end_request": Action(
            Ends.REQUEST, "The request gets no (further) answer; whoever waits gets the error."
        ),
        "retry": Action(
            Ends.REQUEST,
            "This attempt is over. What twsloop asked by itself is held back and asked again; a "
            "request of the program's own fails.",
        ),
        "ask_again": Action(
            Ends.REQUEST, "A subscription that was answered once is asked for again, after pauses "
            "that grow, and when what it lacks is back; one that never was is over.",
        ),
        "resubscribe": Action(
            Ends.REQUEST, "The gateway has ended the subscription; it is asked for anew."
        ),
        "wait": Action(
            Ends.REQUEST, "The subscription is silent for now; it is tried again until data comes."
        ),
        "farm_lost": Action(
            Ends.NOTHING, "Subscriptions that the farm serves are interrupted; nothing else is."
        ),
        "farm_back": Action(
            Ends.NOTHING, "Subscriptions of the farm are looked at: those that stay silent are "
            "asked for anew.",
        ),
        "degrade": Action(
            Ends.NOTHING, "The session is DEGRADED, and every subscription is interrupted."
        ),
        "renew_all": Action(
            Ends.NOTHING, "The session is READY again; every subscription is asked for anew."
        ),
        "verify_all": Action(
            Ends.NOTHING, "The session is READY again; subscriptions go on, and are looked at."
        ),
        "reconnect": Action(
            Ends.SESSION, "The session ends, and is made again as [reconnect] says."
        ),
    }
)  # fmt: skip

#: What the session and its subscriptions live by: these happen by themselves. Of a code that does
#: one of them in a context, a program may choose the severity there, and nothing else.
FIXED = frozenset(
    {"retry", "wait", "farm_lost", "farm_back", "degrade", "renew_all", "verify_all", "reconnect"}
)

#: The columns that change what the table of codes says.
_FIELDS = ("category", "severity", "retry", "scope", "what_happens_next")
_ANY = "*"
#: Which part of a code's line a general row is about, the most special first.
_KINDS = ("severity", "scope", "category", "retry")


@attrs.frozen
class PolicyRow:
    """One row of the table.

    Attributes:
        match: A code, a range ``low-high``, ``severity:``, ``scope:``, ``category:`` or ``retry:``
            with a word, or ``*``.
        text: The pattern that IB's text has to fit, or None.
        contexts: Where it counts.
        action: What is done there; empty for a row that only changes fields.
        changes: What it changes of the code's line.
        because: Why.
    """

    match: str
    text: re.Pattern[str] | None
    contexts: frozenset[str]
    action: str
    changes: Mapping[str, str]
    because: str

    def fits(self, text: str) -> bool:
        """Whether it is about a notice with that text, if it is about its code."""
        return self.text is None or self.text.search(text) is not None


@attrs.frozen
class _Table:
    """The rows, where they are looked for.

    Attributes:
        by_code: The rows of single codes.
        ranges: ``(codes, row)``.
        general: The rows of severities, scopes, categories, of whether asking again can help, and
            of everything, by ``match``.
    """

    by_code: Mapping[int, tuple[PolicyRow, ...]]
    ranges: tuple[tuple[range, PolicyRow], ...]
    general: Mapping[str, tuple[PolicyRow, ...]]

    @property
    def rows(self) -> tuple[PolicyRow, ...]:
        """All of them."""
        groups = (*self.by_code.values(), tuple(row for _, row in self.ranges))
        return tuple(row for group in (*groups, *self.general.values()) for row in group)


@cache
def load_policy() -> _Table:
    """The table of ``error_policy.csv``.

    Raises:
        ValueError: A row that cannot be read, or two rows that say different things of the same.
    """
    text = resources.files("twsloop").joinpath("error_policy.csv").read_text(encoding="utf-8")
    return read_policy(text)


def read_policy(text: str) -> _Table:
    """Read a table; see `load_policy`."""
    by_code: dict[int, list[PolicyRow]] = {}
    ranges: list[tuple[range, PolicyRow]] = []
    general: dict[str, list[PolicyRow]] = {}
    seen: set[tuple[str, str, str]] = set()
    for number, cells in enumerate(csv.DictReader(text.splitlines()), start=2):
        row = _read_row(cells, f"error_policy.csv, line {number}")
        if row.action:
            keys = {(row.match, cells["text"], context) for context in row.contexts}
            if keys & seen:
                msg = f"error_policy.csv, line {number}: decided by an earlier row already"
                raise ValueError(msg)
            seen |= keys
        low, dash, high = row.match.partition("-")
        if row.match.isdigit():
            by_code.setdefault(int(row.match), []).append(row)
        elif dash:
            ranges.append((range(int(low), int(high) + 1), row))
        else:
            general.setdefault(row.match, []).append(row)
    missing = CONTEXTS.keys() - {c for row in general.get(_ANY, ()) for c in row.contexts}
    if missing:
        msg = f"error_policy.csv: no row '*' for {', '.join(sorted(missing))}"
        raise ValueError(msg)
    return _Table(
        MappingProxyType({code: tuple(rows) for code, rows in by_code.items()}),
        tuple(ranges),
        MappingProxyType({match: tuple(rows) for match, rows in general.items()}),
    )


def _read_row(cells: Mapping[str, str], where: str) -> PolicyRow:
    words = cells["context"].split()
    row = PolicyRow(
        match=cells["match"],
        text=re.compile(cells["text"], re.IGNORECASE) if cells["text"] else None,
        contexts=frozenset(CONTEXTS if words == [_ANY] else words),
        action=cells["action"],
        changes=MappingProxyType({name: cells[name] for name in _FIELDS if cells[name]}),
        because=cells["because"],
    )
    kind, colon, value = row.match.partition(":")
    known = {
        "severity": SEVERITIES, "scope": _SCOPES, "category": CATEGORIES, "retry": _RETRIES
    }.get(kind, ())  # fmt: skip
    if colon and value not in known:
        msg = f"{where}: there is no {kind} {value!r}"
    elif not colon and not re.fullmatch(r"\*|\d+(-\d+)?", row.match):
        msg = f"{where}: {row.match!r} is no code, range or kind"
    elif row.action and row.action not in ACTIONS:
        msg = f"{where}: there is no action {row.action!r}"
    elif not row.contexts <= CONTEXTS.keys() or not row.contexts:
        msg = f"{where}: there is no context {cells['context']!r}"
    elif row.changes.get("severity", "info") not in SEVERITIES:
        msg = f"{where}: there is no severity {row.changes['severity']!r}"
    elif not row.action and not row.changes:
        msg = f"{where}: it says nothing"
    else:
        return row
    raise ValueError(msg)


_SCOPES = ("order", "request", "connection", "system")
_RETRIES = ("no", "yes", "after_reconnect")


@attrs.frozen
class Verdict:
    """What a notice means in its context, and what is done about it.

    Attributes:
        info: The code's line, with what the text and the context change of it; ``ends``,
            ``action`` and ``context`` are set.
        decided_by: Which row, or whose choice, decided about the action, in words.
        because: Why.
    """

    info: ErrorInfo
    decided_by: str
    because: str


@attrs.frozen
class Explanation:
    """All that is known of a code.

    Attributes:
        info: Its line in the table of codes.
        listed: Whether it is in that table.
        verdicts: What is done, by context, with the text that was asked for (or none).
        texts: The rows that count for certain texts only.
    """

    info: ErrorInfo
    listed: bool
    verdicts: Mapping[str, Verdict]
    texts: tuple[PolicyRow, ...]


class Policy:
    """The tables, and a program's choices; any thread.

    Args:
        rules: The choices of the configuration.

    Raises:
        ConfigError: One of them chooses what cannot be chosen.
    """

    def __init__(self, rules: Iterable[ErrorRule] = ()) -> None:
        self._codes = load_codes()
        self._table = load_policy()
        self._lock = threading.Lock()
        self._configured = {(rule.code, rule.context): rule for rule in rules}
        #: Replaced as a whole, so that a reader needs no lock.
        self._chosen: _Choices = {}
        for rule in self._configured.values():
            try:
                self._check(rule)
            except ValueError as why:
                raise ConfigError(
                    str(why), section="errors", key=str(rule.code), value=rule.value
                ) from None

    # ---- what a program chooses ----------------------------------------------------------

    @property
    def overrides(self) -> tuple[ErrorRule, ...]:
        """The choices that count: those made at run time before those of the configuration."""
        both = _joined(self._configured, self._chosen)
        return tuple(both[key] for key in sorted(both))

    def override(
        self, code: int, context: str, *, action: str | None = None, severity: str | None = None
    ) -> None:
        """Choose what a code does in a context; see `ErrorHandler.override`."""
        rules = make_rules(code, context, action=action, severity=severity)
        for rule in rules:
            self._check(rule)
        with self._lock:
            self._chosen = _joined(self._chosen, {(code, rule.context): rule for rule in rules})

    def reset(self, code: int | None = None) -> None:
        """Forget the choices made at run time: those of a code, or all."""
        with self._lock:
            self._chosen = {
                key: rule
                for key, rule in self._chosen.items()
                if code is not None and rule.code != code
            }

    def _check(self, rule: ErrorRule) -> None:
        """Refuse a choice that nothing would follow.

        Raises:
            ValueError: The code's own action in that context cannot be chosen away.
        """
        own = self._from_tables(rule.code, rule.context, "").info.action
        if rule.action is not None and rule.action != own and own in FIXED:
            msg = (
                f"code {rule.code} does {own!r} in the context {rule.context}, which the session "
                "lives by: only its severity may be chosen"
            )
            raise ValueError(msg)

    # ---- what a notice means -------------------------------------------------------------

    def scope_of(self, code: int, text: str = "") -> str:
        """What a code is about where nobody knows what its id names."""
        return self._line(code, text).scope

    def verdict(self, code: int, context: str, text: str = "") -> Verdict:
        """What a notice means, and what is done about it.

        Args:
            code: IB's code.
            context: One of `CONTEXTS`.
            text: IB's text.
        """
        found = self._from_tables(code, context, text)
        key = (code, context)
        for rule, whose in (
            (self._configured.get(key), "[errors] of the configuration"),
            (self._chosen.get(key), "errors.override()"),
        ):
            if rule is not None:
                found = _with_rule(found, rule, whose)
        return found

    def explain(self, code: int, text: str = "") -> Explanation:
        """All that is known of a code."""
        return Explanation(
            info=self._codes.get(code) or unknown_code(code),
            listed=code in self._codes,
            verdicts=MappingProxyType({name: self.verdict(code, name, text) for name in CONTEXTS}),
            texts=tuple(row for row in self._rows(code) if row.text is not None),
        )

    def _rows(self, code: int) -> tuple[PolicyRow, ...]:
        return self._table.by_code.get(code, ())

    def _line(self, code: int, text: str) -> ErrorInfo:
        """The code's line, as ranges and texts change it."""
        info = self._codes.get(code) or unknown_code(code)
        changes: dict[str, Any] = {}
        rows = self._rows(code)
        if info.severity == "error" and not any(row.text is None for row in rows):
            for codes, row in self._table.ranges:
                if code in codes:
                    changes.update(row.changes)
        for row in rows:
            if row.fits(text):
                changes.update(row.changes)
        return attrs.evolve(info, **changes) if changes else info

    def _from_tables(self, code: int, context: str, text: str) -> Verdict:
        info = self._line(code, text)
        row = self._deciding(info, context, text)
        words = f"the row {row.match!r} of the policy"
        if row.text is not None:
            words += f" for the text {row.text.pattern!r}"
        action = ACTIONS[row.action]
        return Verdict(
            attrs.evolve(info, ends=action.ends, action=row.action, context=context),
            words,
            row.because,
        )

    def _deciding(self, info: ErrorInfo, context: str, text: str) -> PolicyRow:
        rows = [r for r in self._rows(info.code) if r.action and context in r.contexts]
        special = [r for r in rows if r.text is not None and r.fits(text)]
        if special:
            return special[-1]  # as with the fields: the later row says more
        for row in rows:
            if row.text is None:
                return row
        kinds = [f"{kind}:{getattr(info, kind)}" for kind in _KINDS]
        for match in (*kinds, _ANY):
            for row in self._table.general.get(match, ()):
                if context in row.contexts:
                    return row
        raise LookupError(context)  # read_policy has made sure that every context has a '*'


_Choices = Mapping[tuple[int, str], ErrorRule]


def _joined(before: _Choices, later: _Choices) -> _Choices:
    """Both; the later ones count, and leave what they say nothing of."""
    return {**before, **{key: rule.over(before.get(key)) for key, rule in later.items()}}


def _with_rule(found: Verdict, rule: ErrorRule, whose: str) -> Verdict:
    """A verdict, as the program chose it; a text may tell of what cannot be chosen away."""
    info = found.info
    if rule.severity is not None:
        info = attrs.evolve(info, severity=rule.severity)
    if rule.action is None or info.action in FIXED:
        return attrs.evolve(found, info=info)
    info = attrs.evolve(info, action=rule.action, ends=ACTIONS[rule.action].ends)
    return Verdict(info, whose, "The program chose it.")
