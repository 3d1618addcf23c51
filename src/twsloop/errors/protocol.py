"""Bytes that are not the TWS protocol, or that cannot be put on the wire."""

from __future__ import annotations

from typing import Any

from .basis import TwsLoopError

__all__ = ["EncodeError", "FramingError", "HandshakeError", "ParseError", "ProtocolError"]


class ProtocolError(TwsLoopError):
    """Bytes that are not the TWS protocol, or that we cannot put on the wire."""


class FramingError(ProtocolError):
    """A frame longer than the protocol allows.

    Args:
        length: The announced length, in bytes.
        limit: The longest allowed length, in bytes.
    """

    def __init__(self, length: int, limit: int) -> None:
        self.length = length
        self.limit = limit
        super().__init__(length, limit)

    def __str__(self) -> str:
        """Name both lengths."""
        return f"a frame of {self.length} bytes was announced; at most {self.limit} are allowed"


class HandshakeError(ProtocolError):
    """A hello that cannot be read, or that asks for what cannot be given."""


class ParseError(ProtocolError):
    """A message whose fields do not fit its layout.

    Args:
        problem: What does not fit.
        message: The message's name, where known.
        field: The field's path, where known.
        value: The text that was found there.

    Attributes:
        partial: The protobuf form as far as it had been read, where there is one: a server can
            answer under the request's id although the rest makes no sense.
    """

    def __init__(
        self,
        problem: str,
        *,
        message: str | None = None,
        field: str | None = None,
        value: str | None = None,
    ) -> None:
        self.problem = problem
        self.message = message
        self.field = field
        self.value = value
        self.partial: Any = None
        super().__init__(problem)

    def __str__(self) -> str:
        """Name message, field and value, as far as they are known."""
        where = ".".join(part for part in (self.message, self.field) if part)
        text = f"{where}: {self.problem}" if where else self.problem
        return f"{text} (found {self.value!r})" if self.value is not None else text


class EncodeError(ProtocolError):
    """A value that has no place in the layout of its message."""
