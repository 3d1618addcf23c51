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
    │   ├── TcpFailed               unreachable, unknown host
    │   │   └── TcpRefused          nobody listens on the port
    │   ├── TcpTimeout              no TCP connection within its deadline
    │   ├── HandshakeTimeout        connected, but no hello within its deadline
    │   ├── HandshakeClosed         the gateway closed the link during the handshake
    │   ├── ReadyTimeout            hello done, but no managedAccounts and nextValidId in time
    │   ├── ClientIdInUse           326: another program holds this client id
    │   ├── ClientIdLeased          another program of this machine holds this client id
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
    ├── RiskError                   a limit, or a latch, that cannot be changed like that
    ├── ControlError                the gateway's process
    │   ├── GatewayNotInstalled     IB Gateway, TWS or IBC is not where it was looked for
    │   ├── LoginError              no user name and password, or anybody could read them
    │   ├── GatewayEnded            the process ended where it should have gone on
    │   ├── GatewayNotReady         it runs, and was not proven ready in time
    │   └── CommandRefused          IBC's command server cannot be reached, or says ERROR
    └── PaperError                  the paper gateway
        ├── FaultError              a fault, or a script of them, makes no sense
        ├── FeedError               its market data cannot be read
        ├── TapeError               a tape or transcript cannot be read or written
        └── ListenError             its port cannot be opened
"""

from __future__ import annotations

from .basis import (
    ConfigError,
    DependencyError,
    LoopError,
    LoopNotRunning,
    StaleOverrideError,
    StateError,
    StorageError,
    TwsLoopError,
    WrongThread,
)
from .control import (
    CommandRefused,
    ControlError,
    GatewayEnded,
    GatewayNotInstalled,
    GatewayNotReady,
    LoginError,
)
from .orders import InvalidOrder, OrderError, OrdersRefused, RiskError
from .paper import FaultError, FeedError, ListenError, PaperError, TapeError
from .protocol import EncodeError, FramingError, HandshakeError, ParseError, ProtocolError
from .requests import (
    AmbiguousContract,
    ContractError,
    HistoryError,
    MarketDataError,
    NoHistory,
    PacingViolation,
    RequestCancelled,
    RequestError,
    RequestTimeout,
    SlotsExhausted,
    SymbolError,
    UnknownContract,
)
from .session import (
    ClientIdInUse,
    ClientIdLeased,
    ConnectionFailed,
    ConnectionLost,
    HandshakeClosed,
    HandshakeTimeout,
    LiveTradingBlocked,
    NotConnected,
    ReadyTimeout,
    SendQueueFull,
    ServerVersionError,
    SessionError,
    TcpFailed,
    TcpRefused,
    TcpTimeout,
)

__all__ = [
    "AmbiguousContract",
    "ClientIdInUse",
    "ClientIdLeased",
    "CommandRefused",
    "ConfigError",
    "ConnectionFailed",
    "ConnectionLost",
    "ContractError",
    "ControlError",
    "DependencyError",
    "EncodeError",
    "FaultError",
    "FeedError",
    "FramingError",
    "GatewayEnded",
    "GatewayNotInstalled",
    "GatewayNotReady",
    "HandshakeClosed",
    "HandshakeError",
    "HandshakeTimeout",
    "HistoryError",
    "InvalidOrder",
    "ListenError",
    "LiveTradingBlocked",
    "LoginError",
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
    "RiskError",
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
    "TcpRefused",
    "TcpTimeout",
    "TwsLoopError",
    "UnknownContract",
    "WrongThread",
]
