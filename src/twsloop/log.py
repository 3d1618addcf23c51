"""Logging: text or JSON lines with the fields that matter, and never an account number in clear.

Nothing happens at import. `configure` hangs one handler on the loggers ``twsloop`` and ``ibapi``
and gives back a `LogSetup`, whose `LogSetup.close` puts everything back as it was.

Fields (`FIELDS`) come from three places, the nearest wins: ``extra=`` of a call, an adapter made
by `bind`, and `context`, which holds for all that is logged inside it, also in other tasks that
are started there.

What leaves is masked as a whole, after formatting: message, arguments, fields and tracebacks. An
account number keeps its prefix and its last three digits (``DU***567``), which is enough to tell
two accounts apart; what follows words like ``password=`` or ``token:`` is dropped.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Protocol, Self, TextIO

from twsloop.errors import ConfigError

__all__ = [
    "FIELDS",
    "JsonFormatter",
    "LogSetup",
    "TextFormatter",
    "bind",
    "configure",
    "context",
    "mask",
    "mask_account",
]

#: The fields that a line can carry beside its message; IB's spelling where IB has a name.
FIELDS = ("symbol", "orderId", "permId", "account", "correlation_id")

#: The loggers that `configure` takes over, and the lowest level each may speak at.
LOGGERS: Mapping[str, int] = {"twsloop": logging.DEBUG, "ibapi": logging.WARNING}

_context: ContextVar[Mapping[str, object]] = ContextVar(
    "twsloop_log_fields",
    default=MappingProxyType({}),
)

#: IB's account numbers: U, F (advisor), I; with a D in front on paper; five digits or more, and
#: for advisors' models a letter behind.
_ACCOUNT = re.compile(r"(?<![A-Za-z0-9])(D?[UFI])(\d{2,})(\d{3})(?=[A-Z]?(?![A-Za-z0-9]))")

#: What a secret is called where somebody writes it down.
_NAMES_OF_SECRETS = (
    r"password|passwd|passphrase|(?<![A-Za-z])pass|pwd|secret|token|api[_-]?key|authorization"
)
_SECRETS = (
    # password=x, "apiKey": "x", token: 'x'
    re.compile(
        rf"(?P<keep>(?:{_NAMES_OF_SECRETS})[\"']?\s*[=:]\s*)"
        r"(?P<hide>\"[^\"]*\"|'[^']*'|(?:Bearer\s+|Basic\s+)?[^\s,;&\"')\]}]+)",
        re.IGNORECASE,
    ),
    # Authorization headers that are written without a colon.
    re.compile(r"(?P<keep>\b(?:Bearer|Basic)\s+)(?P<hide>[A-Za-z0-9._~+/=-]{8,})"),
    # http://user:password@host
    re.compile(r"(?P<keep>://[^/\s:@]+:)(?P<hide>[^/\s@]+)(?=@)"),
)


def mask_account(account: str) -> str:
    """An account number as logs may show it: prefix, stars, the last three digits."""
    masked = _ACCOUNT.sub(r"\1***\3", account)
    if masked == account and len(account) > 3 and any(c.isdigit() for c in account):
        return f"***{account[-3:]}"  # not IB's usual form; an account field hides it all the same
    return masked


def mask(text: str) -> str:
    """A text without account numbers and secrets."""
    for pattern in _SECRETS:
        text = pattern.sub(r"\g<keep>***", text)
    return _ACCOUNT.sub(r"\1***\3", text)


def _fields_of(record: logging.LogRecord) -> dict[str, object]:
    """The fields of a line, in the order of FIELDS, accounts masked."""
    around = _context.get()
    found: dict[str, object] = {}
    for name in FIELDS:
        value = getattr(record, name, around.get(name))
        if value is None or value == "":
            continue
        if name == "account":
            value = mask_account(str(value))
        found[name] = value if isinstance(value, (int, float, str)) else str(value)
    return found


def _time(record: logging.LogRecord) -> str:
    """When it was logged: UTC, milliseconds."""
    stamp = datetime.fromtimestamp(record.created, UTC)
    return stamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class TextFormatter(logging.Formatter):
    """``2026-01-05T14:30:00.000Z INFO twsloop.orders: submitted [symbol=AAPL orderId=7]``."""

    def format(self, record: logging.LogRecord) -> str:
        """The whole line, masked."""
        line = f"{_time(record)} {record.levelname} {record.name}: {record.getMessage()}"
        fields = _fields_of(record)
        if fields:
            line += f" [{' '.join(f'{name}={value}' for name, value in fields.items())}]"
        if record.exc_info:
            line += f"\n{self.formatException(record.exc_info)}"
        if record.stack_info:
            line += f"\n{self.formatStack(record.stack_info)}"
        return mask(line)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time``, ``level``, ``logger``, ``message``, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The whole line; each text is masked before it is quoted."""
        entry: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields_of(record),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            entry["stack"] = self.formatStack(record.stack_info)
        plain = {k: mask(v) if isinstance(v, str) else v for k, v in entry.items()}
        return json.dumps(plain, ensure_ascii=False)


# --------------------------------------------------------------------------------- fields
class _Bound(logging.LoggerAdapter[logging.Logger]):
    """An adapter whose fields a call's own ``extra`` completes instead of being replaced."""

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        """Join both."""
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


def bind(logger: logging.Logger, **fields: object) -> logging.LoggerAdapter[logging.Logger]:
    """A logger that adds ``fields`` to each line.

    Raises:
        TypeError: A field that is not in `FIELDS`.
    """
    _require_known(fields)
    return _Bound(logger, fields)


@contextlib.contextmanager
def context(**fields: object) -> Iterator[None]:
    """Add ``fields`` to every line that is logged inside the ``with`` block.

    Raises:
        TypeError: A field that is not in `FIELDS`.
    """
    _require_known(fields)
    token = _context.set({**_context.get(), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def _require_known(fields: Mapping[str, object]) -> None:
    """Refuse a field that no line would show."""
    unknown = sorted(set(fields) - set(FIELDS))
    if unknown:
        msg = f"no log field {unknown[0]!r}; there are: {', '.join(FIELDS)}"
        raise TypeError(msg)


# ---------------------------------------------------------------------------------- set-up
class Settings(Protocol):
    """What `configure` needs; ``twsloop.config.LogSettings`` has it."""

    @property
    def level(self) -> str:
        """From which level on."""

    @property
    def format(self) -> str:
        """``text`` or ``json``."""

    @property
    def file(self) -> Path | None:
        """Where to; None: the standard error output."""

    @property
    def max_bytes(self) -> int:
        """When a new file is begun; 0 never."""

    @property
    def backups(self) -> int:
        """How many old files are kept."""


class LogSetup:
    """What `configure` changed; `close` puts it back. Also a context manager."""

    def __init__(self, handler: logging.Handler) -> None:
        self.handler = handler
        self._before: list[tuple[logging.Logger, int, bool]] = []

    def take(self, name: str, level: int) -> None:
        """Hang the handler on a logger, and remember how it was."""
        logger = logging.getLogger(name)
        self._before.append((logger, logger.level, logger.propagate))
        logger.addHandler(self.handler)
        logger.setLevel(level)
        # Handlers above would write the same line again, and not masked.
        logger.propagate = False

    def close(self) -> None:
        """Put the loggers back as they were, and close the file; a second call does nothing."""
        while self._before:
            logger, level, propagate = self._before.pop()
            logger.removeHandler(self.handler)
            logger.setLevel(level)
            logger.propagate = propagate
        self.handler.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def configure(settings: Settings, *, stream: TextIO | None = None) -> LogSetup:
    """Write the logs of twsloop and ibapi as the settings say.

    Args:
        settings: Level, format, file and rotation.
        stream: Where to, if the settings name no file; the standard error output unless given.

    Raises:
        ConfigError: The file cannot be opened.
    """
    handler: logging.Handler
    if settings.file is None:
        handler = logging.StreamHandler(stream or sys.stderr)
    else:
        try:
            handler = RotatingFileHandler(
                settings.file,
                maxBytes=settings.max_bytes,
                backupCount=settings.backups,
                encoding="utf-8",
            )
        except OSError as error:
            msg = f"the log file cannot be opened: {error.strerror or error}"
            raise ConfigError(
                msg,
                section="logging",
                key="file",
                value=str(settings.file),
                allowed="a file in an existing folder that may be written",
            ) from error
    handler.setFormatter(JsonFormatter() if settings.format == "json" else TextFormatter())
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    setup = LogSetup(handler)
    for name, lowest in LOGGERS.items():
        setup.take(name, max(level, lowest))
    return setup
