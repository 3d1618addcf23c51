"""What tests of the client's core share: settings, threads, and a clock that is moved on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from ibapi.wrapper import EWrapper

from twsloop.clock import ManualClock
from twsloop.config import Config
from twsloop.connection.core import Core
from twsloop.processors import CALLBACKS
from twsloop.session.state import State

__all__ = ["PATIENCE", "Background", "Recorder", "await_condition", "settings", "skip_waits"]

T = TypeVar("T")

#: How long a test waits for what has to come, seconds.
PATIENCE = 15.0


def settings(port: int, **overrides: object) -> Config:
    """Settings for a server on this machine; ``reconnect__enabled=False`` sets that key."""
    values = {name.replace("__", "."): value for name, value in overrides.items()}
    return Config.load(environ={}, overrides={"connection.port": port, **values})


class Background(Generic[T]):
    """A call in a thread of its own."""

    def __init__(self, call: Callable[..., T], *args: Any) -> None:
        self._value: T
        self._error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, args=(call, args), daemon=True)
        self.thread.start()

    def _run(self, call: Callable[..., T], args: tuple[Any, ...]) -> None:
        try:
            self._value = call(*args)
        except BaseException as error:
            self._error = error

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self.thread.is_alive()

    def result(self, timeout: float = PATIENCE) -> T:
        """What it returned; raises what it raised."""
        self.thread.join(timeout)
        assert not self.thread.is_alive(), "the call did not return"
        if self._error is not None:
            raise self._error
        return self._value


def await_condition(condition: Callable[[], bool], what: str = "it never came") -> None:
    """Wait until something is so; for what has no event of its own."""
    pause = threading.Event()
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        pause.wait(0.002)


def skip_waits(clock: ManualClock, core: Core, condition: Callable[[], bool]) -> None:
    """Move the clock on whenever the session waits for its next attempt, until something is so.

    At no other time: an attempt's own deadlines must not pass because this machine is busy.
    """

    attempts, skipped = core.metrics.counter("reconnect_attempts"), 0

    def skip() -> bool:
        nonlocal skipped
        # Once for each: it is still WAITING for a moment after its time has come.
        if core.state is State.WAITING and attempts.value > skipped and clock.pending():
            skipped = attempts.value
            # Exactly: what the attempt sets up meanwhile must not be overtaken, too.
            due = min(due for due, _, timer in clock._timers if not timer.cancelled)
            clock.advance(due - clock.monotonic())
        return condition()

    await_condition(skip)


class Recorder(EWrapper):
    """Hears every callback, and writes down its name and arguments; threads are noted, too."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.threads: set[str] = set()
        self._came = threading.Condition()
        for name in CALLBACKS:
            setattr(self, name, self._listener(name))

    def _listener(self, name: str) -> Callable[..., None]:
        def listen(*args: Any) -> None:
            with self._came:
                self.calls.append((name, *args))
                self.threads.add(threading.current_thread().name)
                self._came.notify_all()

        return listen

    @property
    def names(self) -> list[str]:
        """The callbacks' names, without the protobuf twins."""
        return [call[0] for call in self.calls if not call[0].endswith("ProtoBuf")]

    def of(self, name: str) -> list[tuple[Any, ...]]:
        """The arguments of each call of one callback."""
        return [call[1:] for call in list(self.calls) if call[0] == name]

    def wait(self, name: str, count: int = 1) -> list[tuple[Any, ...]]:
        """Wait until a callback came ``count`` times."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.of(name)) >= count, PATIENCE), (
                f"{name} did not come {count} times: {self.names}"
            )
        return self.of(name)
