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

import threading
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import attrs

from twsloop.config.sections.errors import CONTEXTS, ErrorRule, make_rules
from twsloop.errors import ConfigError

from .actions import ACTIONS, FIXED
from .codes import ErrorInfo, load_codes, unknown_code
from .rows import ANY, PolicyRow, load_policy

__all__ = ["Explanation", "Policy", "Verdict"]


#: Which part of a code's line a general row is about, the most special first.
_KINDS = ("severity", "scope", "category", "retry")


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
        for match in (*kinds, ANY):
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
