"""What goes wrong with the paper gateway."""

from __future__ import annotations

from .basis import TwsLoopError

__all__ = ["FaultError", "FeedError", "ListenError", "PaperError", "TapeError"]


class PaperError(TwsLoopError):
    """The paper gateway cannot do what was asked."""


class FeedError(PaperError):
    """The market data of a replay cannot be read.

    Args:
        problem: What is wrong.
        file: The file, where known.
        line: The line in it, counted from 1, where known.
    """

    def __init__(self, problem: str, *, file: str | None = None, line: int | None = None) -> None:
        self.problem = problem
        self.file = file
        self.line = line
        super().__init__(problem)

    def __str__(self) -> str:
        """Name file and line, where known."""
        where = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        return f"{where}: {self.problem}" if where else self.problem


class TapeError(PaperError):
    """A tape or a transcript cannot be read or written.

    Args:
        problem: What is wrong.
        file: The file, where known.
        line: The line in it, counted from 1, where known.
    """

    def __init__(self, problem: str, *, file: str | None = None, line: int | None = None) -> None:
        self.problem = problem
        self.file = file
        self.line = line
        super().__init__(problem)

    def __str__(self) -> str:
        """Name file and line, where known."""
        where = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        if self.file is None and self.line is not None:
            where = f"line {where}"
        return f"{where}: {self.problem}" if where else self.problem


class FaultError(PaperError):
    """A fault, or an entry of a fault script, that makes no sense.

    Args:
        problem: What is wrong.
        file: The script's file, where there is one.
        entry: Which entry of the script, counted from 1.
        fault: The fault's name.
        key: The parameter, or the key of the entry.
        value: What it was set to.
        allowed: What would be accepted.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str | None = None,
        entry: int | None = None,
        fault: str | None = None,
        key: str | None = None,
        value: object = None,
        allowed: str | None = None,
    ) -> None:
        self.problem = problem
        self.file = file
        self.entry = entry
        self.fault = fault
        self.key = key
        self.value = value
        self.allowed = allowed
        super().__init__(problem)

    def __str__(self) -> str:
        """Name file, entry, fault, key, value and what is allowed, as far as they are known."""
        where = [self.file] if self.file else []
        if self.entry is not None:
            where.append(f"entry {self.entry}")
        if self.fault:
            where.append(f"fault {self.fault}")
        if self.key:
            value = f"{self.value!r:.81}"
            value = value if len(value) < 81 else f"{value[:80]}…"
            where.append(self.key if self.value is None else f"{self.key} = {value}")
        told = f"{', '.join(where)}: {self.problem}" if where else self.problem
        return f"{told} (allowed: {self.allowed})" if self.allowed else told

    def placed(self, *, file: str | None, entry: int) -> FaultError:
        """The same error, with the place in its script."""
        return FaultError(
            self.problem,
            file=file,
            entry=entry,
            fault=self.fault,
            key=self.key,
            value=self.value,
            allowed=self.allowed,
        )


class ListenError(PaperError):
    """The port of the paper gateway cannot be opened."""
