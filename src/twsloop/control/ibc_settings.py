r"""IBC's config.ini: what we have to know of it, and a copy with the login in it (pure).

IBC reads it as Java reads properties: ``Key=value`` lines without sections, ``#`` and ``!`` begin a
comment, a ``\`` at the end continues a line and elsewhere escapes what follows, and the bytes are
Latin-1 (`ENCODING`); what else there is stands as ``\uXXXX``. (Source: IBC's DefaultSettings, and
the documentation of java.util.Properties.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

__all__ = ["ENCODING", "IbcSettings", "read_settings", "with_login"]

#: How the file's bytes are read and written.
ENCODING = "latin-1"

_LOGIN_KEYS = ("IbLoginId", "IbPassword")
#: A key ends with =, with : or with a blank.
_PAIR = re.compile(r"\s*((?:\\.|[^\s=:\\])*)\s*[=:]?\s*(.*)", re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_NAMED = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


@attrs.frozen(kw_only=True)
class IbcSettings:
    """What matters to us of IBC's settings.

    Attributes:
        command_port: Where its command server listens; None for nowhere.
        prompt: What its command server writes before it waits for a line.
        api_port: The port it sets in the program; None where it leaves that alone.
        has_login: Whether both user name and password stand in it.
    """

    command_port: int | None = None
    prompt: str = ""
    api_port: int | None = None
    has_login: bool = False


def read_settings(text: str) -> IbcSettings:
    """Read IBC's config.ini; what cannot be read counts as not set, as with IBC."""
    values = dict(_pair(line) for line in _lines(text))
    return IbcSettings(
        command_port=_port(values.get("CommandServerPort", "")),
        prompt=values.get("CommandPrompt", ""),
        api_port=_port(values.get("OverrideTwsApiPort", "")),
        has_login=all(values.get(key) for key in _LOGIN_KEYS),
    )


def with_login(text: str, user: str, password: str) -> str:
    """The same settings with this login in them, and none beside it.

    Args:
        text: IBC's config.ini.
        user: The user name.
        password: The password.
    """
    kept = [line for line in _lines(text) if _pair(line)[0] not in _LOGIN_KEYS]
    login = zip(_LOGIN_KEYS, (user, password), strict=True)
    return "\n".join([*kept, *(f"{key}={_escaped(value)}" for key, value in login), ""])


def _lines(text: str) -> Iterator[str]:
    """The lines that say something, each as one."""
    held = ""
    for raw in re.split(r"\r\n|\r|\n", text):
        line = raw.lstrip(" \t\f")
        if not held and (not line or line[0] in "#!"):
            continue
        held += line
        if (len(held) - len(held.rstrip("\\"))) % 2:
            held = held[:-1]
            continue
        yield held
        held = ""
    if held:
        yield held


def _pair(line: str) -> tuple[str, str]:
    found = _PAIR.match(line)
    assert found is not None, line  # it fits everything; a key may be empty, too
    return _plain(found[1]), _plain(found[2])


def _plain(text: str) -> str:
    """A text without its escapes."""

    def plain(found: re.Match[str]) -> str:
        what = found[1]
        return chr(int(what[1:], 16)) if len(what) == 5 else _NAMED.get(what, what)

    return _ESCAPE.sub(plain, text)


def _escaped(value: str) -> str:
    """A value as Java reads it back, whatever is in it."""
    units = value.encode("utf-16-be")
    codes = [int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2)]
    return "".join(
        chr(code) if chr(code).isascii() and chr(code).isalnum() else f"\\u{code:04x}"
        for code in codes
    )


def _port(text: str) -> int | None:
    return int(text) if text.isdecimal() and text.isascii() and 0 < int(text) < 65536 else None
