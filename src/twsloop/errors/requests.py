"""What goes wrong with a request: the gateway's own errors, silence, and what cannot be asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .basis import TwsLoopError

__all__ = [
    "AmbiguousContract",
    "ContractError",
    "HistoryError",
    "MarketDataError",
    "NoHistory",
    "PacingViolation",
    "RequestCancelled",
    "RequestError",
    "RequestTimeout",
    "SlotsExhausted",
    "SymbolError",
    "UnknownContract",
]

#: How many holders the text of `SlotsExhausted` names; all of them stand in its field.
_NAMED_HOLDERS = 5


class RequestError(TwsLoopError):
    """The gateway answered a request with an error.

    Args:
        text: IB's text.
        code: IB's error code, or None for our own.
        req_id: The request's id; -1 for requests that have none.
        request: What was asked, in words.
        category: The category of the code in ``error_codes.csv``.
    """

    def __init__(
        self,
        text: str,
        *,
        code: int | None = None,
        req_id: int = -1,
        request: str = "",
        category: str = "",
    ) -> None:
        self.text = text
        self.code = code
        self.req_id = req_id
        self.request = request
        self.category = category
        super().__init__(text)

    def __str__(self) -> str:
        """Name the request and IB's code, where known."""
        head = f"{self.request}: " if self.request else ""
        code = f"error {self.code}: " if self.code is not None else ""
        return f"{head}{code}{self.text}"


class RequestTimeout(RequestError):
    """No answer, or no further part of it, within the deadline."""


class NoHistory(RequestError):
    """The history service has no data for a request (IB's code 162); its span is in the text."""


class PacingViolation(RequestError):
    """The history service was asked for more than it allows (IB's code 162), time and again."""


class RequestCancelled(RequestError):
    """The request ended before its answer: its last waiter left, or its subscription ended."""


class SlotsExhausted(RequestError):
    """IB has no place left for a further line, book or stream; refused before IB does.

    Args:
        text: What is taken, how many there are, and what to do.
        holders: What holds the places, in words, the oldest first.
        facts: As of `RequestError`; ``code`` is the one that IB would answer with.
    """

    def __init__(self, text: str, *, holders: Sequence[str] = (), **facts: Any) -> None:
        self.holders = tuple(holders)
        super().__init__(text, **facts)

    def __str__(self) -> str:
        """Name the first holders."""
        text = super().__str__()
        if not self.holders:
            return text
        named = ", ".join(self.holders[:_NAMED_HOLDERS])
        more = len(self.holders) - _NAMED_HOLDERS
        return f"{text}; held by {named}" + (f" and {more} more" if more > 0 else "")


class MarketDataError(TwsLoopError):
    """Live data that cannot be asked for as it stands; the text says what can."""


class HistoryError(TwsLoopError):
    """A question about history that IB cannot answer as it stands; the text says what it can."""


class SymbolError(TwsLoopError):
    """A symbol string that cannot be read."""


class ContractError(TwsLoopError):
    """No contract fits a description, or more than one does.

    Args:
        problem: What is wrong.
        candidates: The contracts that fit, as short texts.
    """

    def __init__(self, problem: str, *, candidates: Sequence[str] = ()) -> None:
        self.problem = problem
        self.candidates = tuple(candidates)
        super().__init__(problem)

    def __str__(self) -> str:
        """List the candidates."""
        if not self.candidates:
            return self.problem
        return f"{self.problem}; candidates: {', '.join(self.candidates)}"


class AmbiguousContract(ContractError):
    """More than one contract fits a description, and exactly one was asked for.

    Args:
        problem: What was asked.
        candidates: The contracts that fit, as short texts.
        contracts: The same as IB's Contracts, each complete.
    """

    def __init__(
        self, problem: str, *, candidates: Sequence[str] = (), contracts: Sequence[Any] = ()
    ) -> None:
        super().__init__(problem, candidates=candidates)
        self.contracts = tuple(contracts)


class UnknownContract(ContractError, RequestError):
    """No contract fits a description: the gateway answered with its error 200.

    Args:
        text: IB's text.
        code: IB's error code.
        req_id: The request's id.
        request: What was asked, in words.
        category: The category of the code in ``error_codes.csv``.
        candidates: Symbols that are like the one asked for, as short texts.
        contracts: The same as IB's Contracts.
        hint: What may be the matter, in words.
    """

    def __init__(
        self,
        text: str,
        *,
        code: int | None = None,
        req_id: int = -1,
        request: str = "",
        category: str = "",
        candidates: Sequence[str] = (),
        contracts: Sequence[Any] = (),
        hint: str = "",
    ) -> None:
        # Not along the chain of both bases: the first passes on no more than a text.
        RequestError.__init__(
            self, text, code=code, req_id=req_id, request=request, category=category
        )
        self.problem = text
        self.candidates = tuple(candidates)
        self.contracts = tuple(contracts)
        self.hint = hint

    def __str__(self) -> str:
        """Name the request, IB's code and what is like it."""
        text = RequestError.__str__(self)
        near = f"did you mean {', '.join(self.candidates)}?" if self.candidates else ""
        return "; ".join(part for part in (text, self.hint, near) if part)
