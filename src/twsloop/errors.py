"""Every exception twsloop raises, under one root.

The names are stable: programs may catch them. An error carries its facts as fields, and its text
is written from those fields, in one place, with what to do next::

    TwsLoopError
    ├── ConfigError                 a wrong file, section, key, type or range
    ├── DependencyError             a wrong or missing ibapi
    ├── StaleOverrideError          a callback override with the parameters of an older ibapi
    ├── StorageError                the database file cannot be opened, read or written
    ├── ProtocolError               bytes that are not the TWS protocol
    │   ├── FramingError            a frame longer than the protocol allows
    │   ├── HandshakeError          a hello that cannot be read
    │   ├── ParseError              a message whose fields do not fit its layout
    │   └── EncodeError             a value that has no place in its layout
    ├── StateError                  an event that the state table does not know in this state
    ├── LoopError                   the event loop thread
    │   ├── LoopNotRunning          work was handed to a loop that is not running
    │   └── WrongThread             a blocking call on the loop's own thread
    ├── ConnectionFailed            the session never became READY
    │   ├── TcpFailed               refused, unreachable, unknown host
    │   ├── TcpTimeout              no TCP connection within its deadline
    │   ├── HandshakeTimeout        connected, but no hello within its deadline
    │   ├── HandshakeClosed         the gateway closed the link during the handshake
    │   ├── ReadyTimeout            hello done, but no managedAccounts and nextValidId in time
    │   ├── ClientIdInUse           326: another program holds this client id
    │   ├── ServerVersionError      the server speaks a version outside 100..225
    │   └── LiveTradingBlocked      live mode without every gate open
    ├── SessionError                the session was READY and is not any more
    │   ├── NotConnected            a call that needs a session, without one
    │   ├── ConnectionLost          the link ended while an answer was awaited
    │   └── SendQueueFull           the request lane of the Outbox is full
    ├── RequestError                the gateway answered a request with an error
    │   ├── RequestTimeout          no answer (or no further part of it) within the deadline
    │   ├── NoHistory               162: there is no data in the span that was asked for
    │   ├── PacingViolation         162: more was asked of the history than IB allows
    │   ├── RequestCancelled        the last waiter left, or the subscription ended
    │   └── SlotsExhausted          all market data lines, books or streams are taken
    ├── MarketDataError             live data that cannot be asked for as it stands
    ├── HistoryError                a question about history that IB cannot answer as it stands
    ├── SymbolError                 a symbol string that cannot be read
    ├── ContractError               no contract, or more than one, fits the description
    │   ├── AmbiguousContract       more than one does, and one was asked for
    │   └── UnknownContract         none does: the gateway's 200 (a RequestError, too)
    ├── OrderError                  an order that cannot be placed, changed or cancelled
    │   ├── InvalidOrder            its fields contradict each other
    │   └── OrdersRefused           the session may not place orders now (read-only, not ready)
    └── PaperError                  the paper gateway
        ├── FeedError               its market data cannot be read
        ├── TapeError               a tape or transcript cannot be read or written
        └── ListenError             its port cannot be opened
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = [
    "AmbiguousContract",
    "ClientIdInUse",
    "ConfigError",
    "ConnectionFailed",
    "ConnectionLost",
    "ContractError",
    "DependencyError",
    "EncodeError",
    "FeedError",
    "FramingError",
    "HandshakeClosed",
    "HandshakeError",
    "HandshakeTimeout",
    "HistoryError",
    "InvalidOrder",
    "ListenError",
    "LiveTradingBlocked",
    "LoopError",
    "LoopNotRunning",
    "MarketDataError",
    "NoHistory",
    "NotConnected",
    "OrderError",
    "OrdersRefused",
    "PacingViolation",
    "PaperError",
    "ParseError",
    "ProtocolError",
    "ReadyTimeout",
    "RequestCancelled",
    "RequestError",
    "RequestTimeout",
    "SendQueueFull",
    "ServerVersionError",
    "SessionError",
    "SlotsExhausted",
    "StaleOverrideError",
    "StateError",
    "StorageError",
    "SymbolError",
    "TapeError",
    "TcpFailed",
    "TcpTimeout",
    "TwsLoopError",
    "UnknownContract",
    "WrongThread",
]

#: How many holders the text of `SlotsExhausted` names; all of them stand in its field.
_NAMED_HOLDERS = 5


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


class ConnectionFailed(TwsLoopError):
    """The session never became READY.

    Args:
        problem: What happened, and what to do about it.
        host: The host that was tried.
        port: The port that was tried.
        client_id: The client id that was used.
    """

    def __init__(
        self,
        problem: str,
        *,
        host: str | None = None,
        port: int | None = None,
        client_id: int | None = None,
    ) -> None:
        self.problem = problem
        self.host = host
        self.port = port
        self.client_id = client_id
        super().__init__(problem)

    def __str__(self) -> str:
        """Name the address, where known."""
        where = f"{self.host}:{self.port}: " if self.host is not None else ""
        return f"{where}{self.problem}"


class TcpFailed(ConnectionFailed):
    """The TCP connection was refused, or the host is unknown or unreachable."""


class TcpTimeout(ConnectionFailed):
    """No TCP connection came about within its deadline."""


class HandshakeTimeout(ConnectionFailed):
    """The port accepted the connection, but sent no hello within the deadline."""


class HandshakeClosed(ConnectionFailed):
    """The gateway closed the link during the handshake."""


class ReadyTimeout(ConnectionFailed):
    """The hello was exchanged, but managedAccounts and nextValidId did not come in time."""


class ClientIdInUse(ConnectionFailed):
    """Another program is connected with this client id (error 326)."""


class ServerVersionError(ConnectionFailed):
    """The server speaks a protocol version outside 100..225."""


class LiveTradingBlocked(ConnectionFailed):
    """Live mode was asked for without every one of its gates open."""


class SessionError(TwsLoopError):
    """The session cannot do what was asked, or ended while it was being done."""


class NotConnected(SessionError):
    """A call that needs a session, while there is none (IB's code 504)."""


class ConnectionLost(SessionError):
    """The link ended while an answer was awaited."""


class SendQueueFull(SessionError):
    """The lane for requests is full: the gateway does not read, or we ask faster than it allows."""


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


class OrderError(TwsLoopError):
    """An order that cannot be placed, changed or cancelled."""


class InvalidOrder(OrderError):
    """The order's fields contradict each other, or one that it needs is missing.

    Args:
        problem: What is wrong with which field, and what to do about it.
        code: What IB's gateway would refuse the order with, where that is known.
    """

    def __init__(self, problem: str, *, code: int | None = None) -> None:
        self.problem = problem
        self.code = code
        super().__init__(problem)


class OrdersRefused(OrderError):
    """The session may not place orders now: read-only, not READY, or order state unknown."""


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


class ListenError(PaperError):
    """The port of the paper gateway cannot be opened."""
