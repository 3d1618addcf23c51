"""The root, and what goes wrong before or beside a session: settings, packages, files, threads."""

from __future__ import annotations

__all__ = [
    "ConfigError",
    "DependencyError",
    "LoopError",
    "LoopNotRunning",
    "StaleOverrideError",
    "StateError",
    "StorageError",
    "TwsLoopError",
    "WrongThread",
]


class TwsLoopError(Exception):
    """The root: ``except TwsLoopError`` catches everything this package raises on purpose."""


class ConfigError(TwsLoopError):
    """A configuration value that cannot be used.

    Args:
        problem: What is wrong, in words.
        file: The file (or ``environment``, ``command line``) that held the value.
        section: The INI section.
        key: The key in that section.
        value: The value as it was written.
        allowed: What would be accepted.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str | None = None,
        section: str | None = None,
        key: str | None = None,
        value: str | None = None,
        allowed: str | None = None,
    ) -> None:
        self.problem = problem
        self.file = file
        self.section = section
        self.key = key
        self.value = value
        self.allowed = allowed
        super().__init__(problem)

    def __str__(self) -> str:
        """Name file, section, key, value and what is allowed, as far as they are known."""
        where = [str(self.file)] if self.file else []
        if self.section:
            where.append(f"[{self.section}]")
        if self.key:
            where.append(f"{self.key} = {self.value}" if self.value is not None else self.key)
        text = f"{' '.join(where)}: {self.problem}" if where else self.problem
        return f"{text} (allowed: {self.allowed})" if self.allowed else text


class DependencyError(TwsLoopError):
    """A package that twsloop needs is missing, or is the wrong one of that name."""


class StaleOverrideError(TwsLoopError, TypeError):
    """Overrides of EWrapper callbacks that cannot take what IB's client passes.

    Args:
        owner: The class that holds them.
        problems: One line each: the method, and the parameters it has to take.
    """

    def __init__(self, owner: str, problems: tuple[str, ...]) -> None:
        self.owner = owner
        self.problems = problems
        super().__init__(owner, problems)

    def __str__(self) -> str:
        """List the methods."""
        return f"{self.owner} overrides callbacks with stale parameters: {'; '.join(self.problems)}"


class StorageError(TwsLoopError):
    """The database file cannot be opened, read or written.

    Args:
        problem: What went wrong.
        path: The file.
        remedy: What to do about it.
    """

    def __init__(self, problem: str, *, path: str | None = None, remedy: str = "") -> None:
        self.problem = problem
        self.path = path
        self.remedy = remedy
        super().__init__(problem)

    def __str__(self) -> str:
        """Name the file and the remedy, where known."""
        text = f"{self.path}: {self.problem}" if self.path else self.problem
        return f"{text}; {self.remedy}" if self.remedy else text


class StateError(TwsLoopError):
    """An event that the state table does not know in this state.

    Args:
        machine: Which table.
        state: The state it was in.
        event: The event that came.
    """

    def __init__(self, machine: str, state: str, event: str) -> None:
        self.machine = machine
        self.state = state
        self.event = event
        super().__init__(machine, state, event)

    def __str__(self) -> str:
        """Name state and event."""
        return f"{self.machine}: event {self.event} is not known in state {self.state}"


class LoopError(TwsLoopError):
    """The event loop thread cannot do what was asked."""


class LoopNotRunning(LoopError):
    """Work was handed to a loop that is not running (not started yet, or stopped)."""


class WrongThread(LoopError):
    """A blocking call on the loop's own thread, which could only wait for itself."""
