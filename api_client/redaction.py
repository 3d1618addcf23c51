"""The key's way out is closed here: in texts that we make, and in logs that others make.

httpx logs each URL, and httpcore logs answer headers; a key in the query string, or a ``Location``
that echoes it, would stand there. While a client is open, a filter on those loggers blanks its key
out.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from .settings import Secret

__all__ = ["LogGuard", "Redactor"]

_BLANK = "***"
_LOGGERS = (
    "api_client",
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)


class Redactor:
    """Blanks one key out, in each form in which it may stand in an answer."""

    def __init__(self, key: Secret) -> None:
        value = key.reveal()
        forms = {
            value,
            quote(value, safe=""),
            quote(value),
            quote_plus(value),
            json.dumps(value)[1:-1],
        }
        # The longest first: a shorter form may be part of it.
        self._forms = sorted(forms, key=len, reverse=True)

    def __repr__(self) -> str:
        return "Redactor(***)"

    def text(self, value: str) -> str:
        """The text without the key."""
        for form in self._forms:
            value = value.replace(form, _BLANK)
        return value

    def bytes(self, value: bytes) -> bytes:
        """The bytes without the key."""
        for form in self._forms:
            value = value.replace(form.encode(), _BLANK.encode())
        return value

    def clean(self, value: Any) -> Any:
        """Anything a log record may hold as an argument, without the key; strangers become text."""
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, bytes):
            return self.bytes(value)
        if isinstance(value, tuple | list):
            return tuple(self.clean(item) for item in value)
        if isinstance(value, Mapping):
            return {self.clean(name): self.clean(item) for name, item in value.items()}
        shown = str(value)
        cleaned = self.text(shown)
        return value if cleaned == shown else cleaned


class LogGuard(logging.Filter):
    """Keeps a key out of what the HTTP libraries log, from `install` to `remove`.

    A filter of a logger sees only what is logged through that very logger, so each is named.
    """

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        """Clean the record; every record passes."""
        record.msg = self._redactor.clean(record.msg)
        if record.args:
            record.args = self._redactor.clean(record.args)
        return True

    def install(self) -> None:
        """Begin."""
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(self)

    def remove(self) -> None:
        """End. Harmless twice."""
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(self)
