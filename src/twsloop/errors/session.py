"""What goes wrong with a session: it never began, or it ended."""

from __future__ import annotations

from .basis import TwsLoopError

__all__ = [
    "ClientIdInUse",
    "ClientIdLeased",
    "ConnectionFailed",
    "ConnectionLost",
    "HandshakeClosed",
    "HandshakeTimeout",
    "LiveTradingBlocked",
    "NotConnected",
    "ReadyTimeout",
    "SendQueueFull",
    "ServerVersionError",
    "SessionError",
    "TcpFailed",
    "TcpRefused",
    "TcpTimeout",
]


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


class TcpRefused(TcpFailed):
    """Nobody listens on the port."""


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


class ClientIdLeased(ConnectionFailed):
    """Another program of this machine is connected, or connecting, with this client id.

    Args:
        problem: What happened, and what to do about it.
        host: The gateway's host.
        port: The gateway's port.
        client_id: The client id.
        pid: The process that has it.
    """

    def __init__(
        self,
        problem: str,
        *,
        host: str | None = None,
        port: int | None = None,
        client_id: int | None = None,
        pid: int | None = None,
    ) -> None:
        super().__init__(problem, host=host, port=port, client_id=client_id)
        self.pid = pid


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
