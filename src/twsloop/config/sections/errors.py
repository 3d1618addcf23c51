"""What IB's codes mean, where the program sees it otherwise: ``[errors]``.

The keys of this section are codes, and a value says for each context what shall happen:

    10349 = order_live: keep, info
    354 = request: end_request; subscription: resubscribe, warning

The words themselves (contexts, actions, severities) stand here, because the file is read long
before anything can happen. What they do is in `twsloop.error_handler.policy`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import attrs

from twsloop.config.options import Option, Section
from twsloop.errors import ConfigError

__all__ = [
    "CONTEXTS",
    "OVERRIDES",
    "SEVERITIES",
    "ErrorParams",
    "ErrorRule",
    "contexts_of",
    "make_rules",
    "parse_rules",
]

#: What the id of a notice can name, and what it is then about.
CONTEXTS: Mapping[str, str] = {
    "order_new": "an order that the gateway has not reported as working",
    "order_live": "an order that is working",
    "request": "a request with one answer",
    "subscription": "a request that goes on until it is cancelled",
    "connection": "the session itself (id -1)",
}
#: The two contexts of an order, by one word.
ORDER = "order"
SEVERITIES = ("info", "warning", "error", "fatal")

_ORDERS = ("keep", "refuse_change", "end_order")
#: Which actions may be chosen for a code, by context.
OVERRIDES: Mapping[str, tuple[str, ...]] = {
    "order_new": _ORDERS,
    "order_live": _ORDERS,
    "request": ("keep", "end_request"),
    "subscription": ("keep", "end_request", "resubscribe"),
    "connection": ("keep", "end_request", "reconnect"),
}


@attrs.frozen
class ErrorRule:
    """One choice of the program's own.

    Attributes:
        code: IB's code.
        context: One of `CONTEXTS`.
        action: One of `OVERRIDES` for that context; None leaves it as it is.
        severity: One of `SEVERITIES`; None leaves it as it is.

    Raises:
        ValueError: A word that does not exist, or an action that the context has not.
    """

    code: int
    context: str
    action: str | None = None
    severity: str | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse what nobody could follow."""
        if isinstance(self.code, bool) or not isinstance(self.code, int):
            raise ValueError(f"a code is a whole number, as in 10349, and not {self.code!r}")
        if self.context not in CONTEXTS:
            contexts_of(self.context)  # says so, or that it means two
            raise ValueError(f"{self.context!r} is two contexts: a rule has one")
        if not self.words:
            raise ValueError(f"{self.context}: choose an action, a severity, or both")
        severity, may = self.severity, OVERRIDES[self.context]
        if severity is not None and severity not in SEVERITIES:
            hint = _close(severity, SEVERITIES)
            raise ValueError(f"there is no severity {severity!r}{hint}: {', '.join(SEVERITIES)}")
        if self.action is not None and self.action not in may:
            raise ValueError(
                f"{self.context} has no action {self.action!r} to choose"
                f"{_close(self.action, may)}: {', '.join(may)}"
            )

    def __str__(self) -> str:
        """The rule, as an INI file writes it."""
        return f"{self.code} = {self.value}"

    @property
    def value(self) -> str:
        """What an INI file writes behind the code."""
        return f"{self.context}: {', '.join(self.words)}"

    def over(self, before: ErrorRule | None) -> ErrorRule:
        """Both choices as one: this one, and of an earlier one what this says nothing of."""
        if before is None:
            return self
        return attrs.evolve(
            self,
            action=before.action if self.action is None else self.action,
            severity=before.severity if self.severity is None else self.severity,
        )

    @property
    def words(self) -> tuple[str, ...]:
        """Action and severity, where they are chosen."""
        return tuple(word for word in (self.action, self.severity) if word is not None)


def contexts_of(word: str) -> tuple[str, ...]:
    """The contexts that a word means: its own name, or both of an order's.

    Raises:
        ValueError: There is no such context.
    """
    if word == ORDER:
        return ("order_new", "order_live")
    if word in CONTEXTS:
        return (word,)
    known = [*CONTEXTS, ORDER]
    raise ValueError(f"there is no context {word!r}{_close(word, known)}: {', '.join(known)}")


def make_rules(
    code: int, context: str, *, action: str | None = None, severity: str | None = None
) -> tuple[ErrorRule, ...]:
    """The rules of one choice; two where the context is both of an order's.

    Raises:
        ValueError: A word that does not exist, or an action that the context has not.
    """
    return tuple(ErrorRule(code, name, action, severity) for name in contexts_of(context))


def parse_rules(code: int, text: str) -> tuple[ErrorRule, ...]:
    """What a value of ``[errors]`` says: ``context: action, severity; context: ...``.

    Raises:
        ValueError: It cannot be read; the message says which part, and what is allowed.
    """
    rules: dict[str, ErrorRule] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        context, colon, rest = part.partition(":")
        words = [word.strip().lower() for word in rest.split(",") if word.strip()]
        if not colon or not words:
            raise ValueError(f"{part!r} is not 'context: action, severity'")
        context = context.strip().lower()
        severities = [word for word in words if word in SEVERITIES]
        actions = [word for word in words if word not in SEVERITIES]
        if len(severities) > 1 or len(actions) > 1:
            raise ValueError(f"{part!r} has two actions, or two severities")
        made = make_rules(
            code,
            context,
            action=actions[0] if actions else None,
            severity=severities[0] if severities else None,
        )
        for rule in made:
            if rule.context in rules:
                raise ValueError(f"{rule.context} is there twice")
            rules[rule.context] = rule
    if not rules:
        raise ValueError("it says nothing")
    return tuple(rules.values())


def _close(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""


#: What the value of a code looks like, for the INI file and its errors.
_RULE = Option(
    kind="str",
    meaning="What shall happen at this code.",
    unset="as twsloop has it",
)


@attrs.frozen
class ErrorParams(Section):
    """What a code of IB's shall do, where twsloop's own policy (docs/error_codes) does not fit.

    The keys are codes; a value says "context: action, severity", several with a semicolon between
    them. Contexts: order_new, order_live (or order for both), request, subscription, connection.
    Actions: keep, refuse_change or end_order for an order; keep or end_request for a request; a
    subscription has resubscribe, too, and the connection reconnect. Severities: info, warning,
    error, fatal. "twsloop errors CODE" explains what is done without it.
    """

    section: ClassVar[str] = "errors"
    example: ClassVar[tuple[str, ...]] = ("10349 = order_live: keep, info",)

    rules: tuple[ErrorRule, ...] = ()

    @classmethod
    def option_for(cls, key: str) -> Option | None:
        """Every code is a key."""
        return _RULE if key.isascii() and key.isdigit() else None

    @classmethod
    def keys_in_words(cls) -> str:
        """What its keys are."""
        return "IB's codes, for example 10349"

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> ErrorParams:
        """The section from its keys and their texts."""
        rules: list[ErrorRule] = []
        for key, text in values.items():
            if text is None:
                continue
            try:
                rules += parse_rules(int(key), text)
            except ValueError as why:
                raise ConfigError(
                    str(why),
                    section=cls.section,
                    key=key,
                    value=text,
                    allowed="context: action, severity; as in 'order_live: keep, info'",
                ) from None
        return cls(rules=tuple(rules))
