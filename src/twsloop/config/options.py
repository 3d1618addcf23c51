"""One configuration value: its kind, its range, its meaning; from text and from code.

Every field of a section is made by `option`. What it says about itself (meaning, unit, range,
default) stands in the field's attrs metadata under ``"option"``, and everything else is made from
that: the parser, the error texts, ``config.ini.example``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import attrs

from twsloop.errors import ConfigError

__all__ = ["Option", "Section", "option", "options_of", "parse_text", "refusal_of"]

_TRUE = frozenset({"1", "yes", "true", "on"})
_FALSE = frozenset({"0", "no", "false", "off"})

#: What each kind of value is called in an error text.
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "yes or no",
    "str": "text",
    "path": "a path",
    "list": "a list, separated by commas",
}


class _Refused(ValueError):
    """The value does not fit; the caller knows where it stood and words the error."""


@attrs.frozen(kw_only=True)
class Option:
    """What one key accepts.

    Attributes:
        kind: ``int``, ``float``, ``bool``, ``str``, ``path`` or ``list``.
        meaning: One or two sentences for the reader of the INI file.
        unit: What the number counts (``seconds``), or empty.
        low: The lowest allowed number.
        high: The highest allowed number.
        choices: The only allowed texts, where there are such.
        words: Texts that are allowed beside the kind's own (``max`` for a speed).
        pattern: A regular expression that the whole text must match; ``meaning`` explains it.
        unset: What an empty value means, in words; None where a value is needed.
        secret: It must never be shown.
    """

    kind: str
    meaning: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    pattern: str = ""
    unset: str | None = None
    secret: bool = False

    def allowed(self) -> str:
        """What would be accepted, in words."""
        if self.choices:
            text = " | ".join(self.choices)
        elif self.pattern:
            text = f"text of the form {self.pattern}"
        else:
            text = _KINDS[self.kind]
            if self.low is not None and self.high is not None:
                text += f" from {_number(self.low)} to {_number(self.high)}"
            elif self.low is not None:
                text += f" from {_number(self.low)} up"
            if self.unit:
                text += f", in {self.unit}"
        if self.words:
            text += f", or {' | '.join(self.words)}"
        if self.unset is not None:
            text += f", or empty: {self.unset}"
        return text

    def parse(self, text: str) -> Any:
        """The value that a text in a file, an environment or a command line stands for."""
        text = text.strip()
        if text == "" and self.unset is not None:
            return None
        if self.words and text.lower() in self.words:
            return text.lower()
        if self.kind == "bool":
            lowered = text.lower()
            if lowered not in _TRUE | _FALSE:
                raise _Refused("is neither yes nor no")
            return lowered in _TRUE
        if self.kind == "list":
            return self.check([part.strip() for part in text.split(",") if part.strip()])
        if self.kind in {"int", "float"}:
            try:
                number: float = int(text) if self.kind == "int" else float(text)
            except ValueError:
                raise _Refused(f"is not {_KINDS[self.kind]}") from None
            return self.check(number)
        return self.check(text)

    def check(self, value: Any) -> Any:  # noqa: PLR0912  (one branch a kind)
        """A value that came from code, in its own type."""
        if value is None:
            if self.unset is None:
                raise _Refused("is missing")
            return None
        if isinstance(value, str) and value in self.words:
            return value
        if self.kind == "bool":
            if not isinstance(value, bool):
                raise _Refused("is neither True nor False")
        elif self.kind == "int":
            if isinstance(value, bool) or not isinstance(value, int):
                raise _Refused("is not a whole number")
        elif self.kind == "float":
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise _Refused("is not a number")
            value = float(value)
            if not math.isfinite(value):
                raise _Refused("is not a finite number")
        elif self.kind == "list":
            if isinstance(value, str) or not all(isinstance(part, str) for part in value):
                raise _Refused("is not a list of texts")
            value = tuple(value)
            if not all(part.strip() for part in value) or not value:
                raise _Refused("is empty, or has an empty part")
        elif self.kind == "path":
            if not isinstance(value, (str, Path)) or not str(value):
                raise _Refused("is not a path")
            value = Path(value).expanduser()
        elif not isinstance(value, str):
            raise _Refused("is not text")
        if self.pattern and not re.fullmatch(self.pattern, str(value)):
            raise _Refused("does not have the form it needs")
        if self.choices:
            value = str(value).lower()
            if value not in self.choices:
                raise _Refused("is not one of the choices")
        if self.kind in {"int", "float"}:
            if self.low is not None and value < self.low:
                raise _Refused("is too low")
            if self.high is not None and value > self.high:
                raise _Refused("is too high")
        return value

    def show(self, value: Any) -> str:
        """The value as an INI file writes it."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, float):
            return _number(value)
        if isinstance(value, tuple):
            return ", ".join(value)
        if isinstance(value, Path):
            home = Path.home()
            inside = value.is_relative_to(home)
            return (Path("~") / value.relative_to(home) if inside else value).as_posix()
        return str(value)


def _number(value: float) -> str:
    """A number without a needless fraction."""
    return str(int(value)) if float(value).is_integer() else str(value)


def refusal_of(
    chosen: Option, why: ValueError, *, file: str | None, section: str, key: str, value: object
) -> ConfigError:
    """The one error of a value that does not fit."""
    return ConfigError(
        f"the value {why}",
        file=file,
        section=section,
        key=key,
        value="***" if chosen.secret else str(value),
        allowed=chosen.allowed(),
    )


def parse_text(chosen: Option, text: str, *, file: str | None, section: str, key: str) -> Any:
    """Parse a text, or raise the ConfigError that names all of it."""
    try:
        return chosen.parse(text)
    except _Refused as why:
        raise refusal_of(
            chosen, why, file=file, section=section, key=key, value=text.strip()
        ) from None


def _convert(value: Any, instance: Any, field: attrs.Attribute[Any]) -> Any:
    """Check a value where a section is made in code."""
    chosen: Option = field.metadata["option"]
    default: Any = field.default
    if value is None and getattr(default, "takes_self", False):
        return default.factory(instance)  # unset: it follows from the fields before it
    try:
        return chosen.check(value)
    except _Refused as why:
        raise refusal_of(
            chosen, why, file=None, section=instance.section, key=field.name, value=value
        ) from None


def option(default: Any, chosen_kind: str, meaning: str, /, **facts: Any) -> Any:
    """A field of a section.

    Args:
        default: Its default, or an `attrs.Factory`.
        chosen_kind: `Option.kind`.
        meaning: `Option.meaning`.
        **facts: The other attributes of `Option`.
    """
    chosen = Option(kind=chosen_kind, meaning=meaning, **facts)
    return attrs.field(
        default=default,
        kw_only=True,
        converter=attrs.Converter(_convert, takes_self=True, takes_field=True),
        repr=(lambda _: "'***'") if chosen.secret else True,
        metadata={"option": chosen},
    )


class Section:
    """The base of all sections: they know what their INI section is called."""

    __slots__ = ()

    section: ClassVar[str] = ""
    #: Lines that show how keys are written which have no names of their own.
    example: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def option_for(cls, key: str) -> Option | None:
        """What a key accepts; None if there is no such key."""
        return options_of(cls).get(key)

    @classmethod
    def keys_in_words(cls) -> str:
        """What its keys are, for whoever used another one."""
        return ", ".join(options_of(cls))

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Section:
        """The section with these values, by key."""
        return cls(**values)


def options_of(section: type[Section]) -> Mapping[str, Option]:
    """The keys of a section, in their order."""
    fields = attrs.fields(section)  # type: ignore[arg-type]
    return {f.name: f.metadata["option"] for f in fields if "option" in f.metadata}
