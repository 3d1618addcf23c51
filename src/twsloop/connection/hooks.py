"""Who wants to know what happens to a connection, and is called when it does."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from typing import Any

from twsloop.events import Fact, Notice
from twsloop.processors import Registry
from twsloop.session.state import State

__all__ = ["Hook", "Hooks", "SessionObserver", "run_hook"]

SessionObserver = Callable[[State, str], object]
Hook = Callable[[], Any]


async def run_hook(hook: Hook) -> None:
    """Run a hook that may be a coroutine function."""
    result = hook()
    if inspect.isawaitable(result):
        await result


class Hooks:
    """The observers of one connection; loop thread.

    One that raises is reported, and keeps nobody else from being told. Those that come or go while
    the others are told count from the next time on.

    Args:
        registry: Calls them.

    Attributes:
        connect: What runs before each attempt to connect.
        ready: What runs before each READY.
        end: What runs before a session is ended on demand, from another thread.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._session: list[SessionObserver] = []
        self._notice: list[Callable[[Notice], object]] = []
        self._fact: list[Callable[[Fact], object]] = []
        self._down: list[Hook] = []
        self.connect: list[Hook] = []
        self.ready: list[Hook] = []
        self.end: list[Hook] = []

    def on_session(self, observer: SessionObserver) -> None:
        """Call ``observer(state, reason)`` at each change of state."""
        self._session.append(observer)

    def on_down(self, hook: Hook) -> None:
        """Run ``hook`` (sync) when a session has ended."""
        self._down.append(hook)

    def on_notice(self, hook: Callable[[Notice], object]) -> None:
        """Call ``hook(notice)`` for each notice."""
        self._notice.append(hook)

    def on_fact(self, hook: Callable[[Fact], object]) -> Callable[[], None]:
        """Call ``hook(fact)`` for each fact; returns what ends that."""
        self._fact.append(hook)

        def end() -> None:
            with contextlib.suppress(ValueError):  # twice does nothing more
                self._fact.remove(hook)

        return end

    async def connecting(self) -> None:
        """An attempt to connect begins."""
        for hook in tuple(self.connect):
            await run_hook(hook)

    async def ending(self) -> None:
        """A session is about to be ended, because the program says so."""
        for hook in tuple(self.end):
            await run_hook(hook)

    def session(self, state: State, reason: str) -> None:
        """The session changed."""
        self._call(self._session, state, reason)

    def down(self) -> None:
        """The session has ended."""
        self._call(self._down)

    def notice(self, notice: Notice) -> None:
        """The gateway, or IB's client, said something."""
        self._call(self._notice, notice)

    def fact(self, fact: Fact) -> None:
        """A fact happened."""
        self._call(self._fact, fact)

    def _call(self, hooks: list[Callable[..., object]], *args: Any) -> None:
        for hook in tuple(hooks):
            self._registry.call(getattr(hook, "__name__", ""), (hook,), args)
