"""Attributes that a user's own attribute of the same name may hide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

__all__ = ["Shown"]

T = TypeVar("T")


class Shown(Generic[T]):
    """A read-only attribute that a user's own attribute of the same name may hide.

    A property would make ``self.event_loop = ...`` in a user's program an error.
    """

    def __init__(self, read: Callable[[Any], T]) -> None:
        self._read = read
        self.__doc__ = read.__doc__

    def __get__(self, owner: Any, kind: type | None = None) -> T:
        """Read it; of the class, the descriptor itself."""
        return self if owner is None else self._read(owner)  # type: ignore[return-value]
