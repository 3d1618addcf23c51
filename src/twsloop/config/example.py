"""``config.ini.example`` and the table of the documentation, made from what the options say."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping
from typing import Any

import attrs

from .load import ENVIRONMENT_PREFIX, SECTIONS
from .options import Option, Section, options_of

__all__ = ["render_example", "render_reference"]

_COPY = """\
Every setting of twsloop, with its default. Copy this file to config.ini and keep the lines that
you want to change; a key that is missing or commented out has its default.
"""
_OWN = """\
Every setting of twsloop, with its default. Take the # away from the lines that you want to change;
a key that is missing or commented out has its default.
"""
_HEAD = f"""\

What wins: code > command line > environment ({ENVIRONMENT_PREFIX}SECTION_KEY, for example
{ENVIRONMENT_PREFIX}CONNECTION_PORT) > the file named by --env-file > this file > the default.
Yes and no may be written yes/no, true/false, on/off, 1/0. A comment has a line of its own.
"""
_MADE = "\nMade from the source by twsloop.config.render_example(); a test keeps it in step."

#: Width of a comment line.
WIDTH = 96


def _default(section: type[Section], key: str, chosen: Option) -> str:
    """The default of a key as an INI file writes it; empty where it follows from others."""
    default = next(f.default for f in attrs.fields(section) if f.name == key)  # type: ignore[arg-type]
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        return ""
    return chosen.show(default)


def _comment(text: str) -> list[str]:
    """A text as comment lines."""
    return [f"# {line}" if line else "#" for line in textwrap.wrap(text, WIDTH)] or ["#"]


def render_example(values: Mapping[str, Any] | None = None) -> str:
    """The text of ``config.ini.example``: every key with its meaning, range and default.

    Args:
        values: Makes it somebody's own file: these values, ``{"section.key": value}``, stand in
            force in it, and all the others are commented out, so that their defaults hold.
    """
    head = f"{_COPY}{_HEAD}{_MADE}" if values is None else f"{_OWN}{_HEAD}"
    lines = [f"# {line}".rstrip() for line in head.splitlines()]
    for name, section in SECTIONS.items():
        lines += ["", "", f"[{name}]"]
        lines += _comment(inspect.getdoc(section) or "")
        if section.example:
            lines += ["", *_comment("For example:"), *(f"# {line}" for line in section.example)]
        for key, chosen in options_of(section).items():
            default = _default(section, key, chosen)
            lines.append("")
            lines += _comment(chosen.meaning)
            lines += _comment(f"Allowed: {chosen.allowed()}. Default: {default or '(empty)'}.")
            given = (values or {}).get(f"{name}.{key}")
            shown = f"{key} = {default if given is None else chosen.show(given)}".rstrip()
            lines.append(shown if values is None or given is not None else f"#{shown}")
    return "\n".join(lines) + "\n"


def render_reference() -> str:
    """The same as a Markdown page: a heading a section, a table row a key."""
    lines: list[str] = []
    for name, section in SECTIONS.items():
        lines += [f"## `[{name}]`", "", inspect.getdoc(section) or "", ""]
        if section.example:
            lines += ["```ini", f"[{name}]", *section.example, "```", ""]
        if not options_of(section):
            continue
        lines += ["| key | default | meaning | allowed |", "| --- | --- | --- | --- |"]
        for key, chosen in options_of(section).items():
            default = _default(section, key, chosen)
            shown = f"`{default}`" if default else "(empty)"
            allowed = chosen.allowed().replace("|", r"\|")
            lines.append(f"| `{key}` | {shown} | {chosen.meaning} | {allowed} |")
        lines.append("")
    return "\n".join(lines)
