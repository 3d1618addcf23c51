"""Work under way that answers all who want the same."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Protocol, TypeVar
from weakref import WeakValueDictionary

from .future import Future

__all__ = ["SharedWork"]

T = TypeVar("T")


class Loop(Protocol):
    """What shared work needs of the loop it runs on."""

    def submit(self, work: Callable[..., Any], *args: Any) -> Future[Any]:
        """Run ``work(*args)``; its result."""
        ...


class SharedWork:
    """Does the same work once for all who want it at the same time; loop thread only.

    Each waiter may leave; the work is cancelled when the last one has left. What comes after its
    end begins anew.

    Args:
        loop: Where the work runs.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        #: A Future lives as long as its work, which holds it.
        self._under_way: WeakValueDictionary[Hashable, Future[Any]] = WeakValueDictionary()

    async def of(self, key: Hashable, work: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        """The result of ``work(*args)``, or of the same work that is under way.

        Args:
            key: Equal for the same work.
            work: Does it.
            args: Its arguments; those of whoever came first count.
        """
        under_way = self._under_way.get(key)
        view: Future[T] | None = under_way.join() if under_way is not None else None
        if view is None:
            view = self._loop.submit(work, *args)
            self._under_way[key] = view
        return await view
