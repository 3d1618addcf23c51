"""`IBKRConnection`: IB's EWrapper and EClient as IB's users know them, on our loop thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Self

import attrs
from ibapi.client import EClient
from ibapi.wrapper import EWrapper

from twsloop.clock import Clock
from twsloop.config import Config
from twsloop.event_loop import IBKREventLoop, LoopFactory, TaskHandle
from twsloop.processors import Where
from twsloop.session.roles import Role
from twsloop.session.state import State
from twsloop.session.status import SessionStatus
from twsloop.transport import is_cancel, lane_of
from twsloop.wire.framing import MAX_FRAME, frame

from .compat import check_ibapi, check_overrides
from .core import Core
from .dispatch import PROTOBUF_OFFSET, RAW_ID_VERSION
from .driver import Callbacks, Driver
from .shown import Shown
from .singletons import EndMarkers, Executions, Singletons

__all__ = ["Callbacks", "IBKRConnection"]

check_ibapi(EClient)


class IBKRConnection(EWrapper, Singletons):
    """IB's wrapper and client in one object, with our own transport below them.

    Two ways to use it. Supervised: ``start()`` (or ``with``, ``async with``) returns when the
    session is READY, or raises what stopped it; a lost link is made again. IB's own:
    ``connect(host, port, clientId)`` and ``run()``, as in IB's samples, one session.

    A subclass may use any name for its own attributes and methods but ``_tws``, ``_driver`` and
    ``_assemble``; what it hides of ours it only hides from itself.

    Args:
        config: The settings; all defaults (a paper gateway on this machine) unless given.
        wrapper: A separate EWrapper object that receives the callbacks instead of this one.
        callbacks: Where the user's callbacks run: ``"loop"`` on the loop thread, ``"run"`` in the
            thread that calls ``run()``. Unless told otherwise, "loop" after ``start()``, and "run"
            after ``connect()``, when none comes before ``run()`` in either case.
        reconnect: Whether a lost session is made again. Unless told otherwise, as configured after
            ``start()``, and not after ``connect()``.
        role: What the session is for: ``"trade"``, ``"data"`` or ``"observer"``; as configured
            unless given.
        clock: Where time comes from.
        loop_factory: Makes the event loop; uvloop where it exists unless told otherwise.

    Raises:
        ConfigError: There is no such role.
        StaleOverrideError: A callback override has the parameters of an older ibapi.
    """

    _tws: Core
    _driver: Driver

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self:
        """Make our state before any __init__ runs: IB-style ones may never call ours."""
        self: Self = super().__new__(cls)
        if cls.__init__ is not IBKRConnection.__init__:  # ours would only make it all again
            self._assemble(Core(self, Config()))
            EClient.__init__(self, self)
        return self

    def __init__(
        self,
        config: Config | None = None,
        *,
        wrapper: Any = None,
        callbacks: Callbacks | None = None,
        reconnect: bool | None = None,
        role: Role | str | None = None,
        clock: Clock | None = None,
        loop_factory: LoopFactory | None = None,
    ) -> None:
        given = (config, role, clock, loop_factory)
        if "_tws" not in vars(self) or any(argument is not None for argument in given):
            settings = config or Config()
            if role is not None:
                name: Any = role.value if isinstance(role, Role) else role
                wanted = attrs.evolve(settings.session, role=name)
                settings = attrs.evolve(settings, session=wanted)
            core = Core(self, settings, clock=clock, loop_factory=loop_factory)
            self._assemble(core)
        self._driver.callbacks = callbacks
        self._driver.reconnect = reconnect
        EClient.__init__(self, wrapper if wrapper is not None else self)

    def _assemble(self, core: Core) -> None:
        """Build everything on a core; subclasses hang their slices on it here."""
        self._tws = core
        self._driver = Driver(core)
        core.add_slice(EndMarkers(core.asks))
        core.add_slice(Executions(core))
        core.hears_messages = type(self).msgLoopRec is not EClient.msgLoopRec

    # ---- what users see ------------------------------------------------------------------

    def __repr__(self) -> str:
        params = self._tws.config.connection
        host, port = self.host or params.host, self.port or params.port
        client = self.clientId if self.host else params.client_id
        return f"<{type(self).__name__} {host}:{port}, client {client}, {self._tws.state.name}>"

    @property
    def wrapper(self) -> Any:
        """What IB's client and decoder call: the fan-out to everyone who listens."""
        return self._tws.registry.fanout

    @wrapper.setter
    def wrapper(self, app: Any) -> None:
        check_overrides(app, warn=app is not self._driver.app)
        self._driver.app = app
        self._tws.registry.set_app(app)

    @Shown
    def event_loop(self) -> IBKREventLoop:
        """The loop thread."""
        return self._tws.event_loop

    @Shown
    def session_state(self) -> State:
        """Where the session is in its life."""
        return self._tws.state

    @Shown
    def session(self) -> SessionStatus:
        """How it stands with the session: its state and why, what comes next; from any thread."""
        return self._tws.status()

    def add_message_processor(self, processor: object, *, where: Where = None) -> None:
        """Let an object hear the EWrapper callbacks it has methods for.

        Args:
            processor: Any object with methods named after EWrapper callbacks.
            where: None: where the user's callbacks run; an executor or a running asyncio loop to
                be called there instead, in order.

        Raises:
            TypeError: It has no such method.
            StaleOverrideError: A method has the parameters of an older ibapi.
        """
        check_overrides(processor)
        self._tws.registry.add(processor, where, self._tws.config.loop.callback_queue)

    def remove_message_processor(self, processor: object) -> None:
        """Let it hear no more; nothing happens if it did not."""
        self._tws.registry.remove(processor)

    def schedule_task(self, work: Callable[[], Any], **when: Any) -> TaskHandle:
        """Run ``work`` on the loop thread later, at a time or repeatedly.

        See `twsloop.event_loop.IBKREventLoop.schedule_task` for ``delay``, ``every``, ``at`` and
        ``name``.
        """
        return self._tws.event_loop.schedule_task(work, **when)

    def on_session(self, observer: Callable[[State, str], object]) -> None:
        """Call ``observer(state, reason)`` on the loop thread at each change of the session."""
        self._tws.on_session(observer)

    # ---- supervised ----------------------------------------------------------------------

    def start(self) -> None:
        """Start the loop thread and connect; returns when the session is READY.

        Nothing happens if it is started already.

        Raises:
            ConnectionFailed: What stopped it: TcpFailed, TcpTimeout, HandshakeTimeout,
                HandshakeClosed, ServerVersionError, ClientIdInUse, ClientIdLeased, ReadyTimeout, or
                LiveTradingBlocked; ConnectionFailed itself if it was stopped meanwhile.
            StateError: Another thread is starting it just now.
            WrongThread: Called on the loop thread.
        """
        self._driver.start()

    def stop(self) -> None:
        """End the session and the loop thread; twice does nothing more.

        Raises:
            LoopError: The loop thread does not end (a callback that does not return).
        """
        self._driver.stop()

    def __enter__(self) -> Self:
        """Start."""
        self._driver.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        """Stop."""
        self._driver.stop()

    async def __aenter__(self) -> Self:
        """Start, without blocking the loop that awaits it."""
        try:
            await asyncio.to_thread(self._driver.start)
        except asyncio.CancelledError:
            await asyncio.to_thread(self._driver.stop)
            raise
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """Stop, without blocking the loop that awaits it."""
        await asyncio.to_thread(self._driver.stop)

    # ---- IB's own start ------------------------------------------------------------------

    def connect(self, host: str, port: int, clientId: int) -> None:
        """Connect as IB's EClient does: blocks up to the hello, reports failure by ``error``.

        The callbacks wait for ``run()``. A refused connection is error 502 and connectionClosed, as
        are a gateway that says no hello in time and one that closes the link; those two come in
        this thread, before it returns, as there is nothing to run.

        Raises:
            WrongThread: Called on the loop thread.
        """
        self._driver.connect(host, port, clientId)

    def disconnect(self) -> None:
        """End the session; connectionClosed is called once. From any thread and any callback."""
        self._driver.disconnect()

    def run(self) -> None:
        """Deliver callbacks until the session is over, as IB's message loop does.

        With ``callbacks="loop"`` it lets them come on the loop thread, and waits for the end. An
        exception of a callback is reported and ends nothing. Ctrl-C calls ``keyboardInterrupt()``;
        if that is not overridden, it disconnects and raises KeyboardInterrupt.

        Raises:
            WrongThread: Called on the loop thread.
        """
        self._driver.run()

    # ---- EClient's members ---------------------------------------------------------------

    def reset(self) -> None:
        """Clear the connection's attributes, as EClient does.

        Unlike EClient's, the server version stays readable: a request that races with a disconnect
        then gets IB's 504, not a TypeError.
        """
        version = getattr(self, "serverVersion_", None)
        EClient.reset(self)
        self.serverVersion_ = version

    def isConnected(self) -> bool:
        """Whether the hello has been exchanged and the link stands."""
        return self._tws.connected and self.connState == EClient.CONNECTED

    def serverVersion(self) -> int | None:
        """The session's protocol version; of the last one, after it."""
        version: int | None = self.serverVersion_
        return version

    def sendMsg(self, msgId: int, msg: str) -> None:
        """Queue a text message; from any thread."""
        if self._tws.server_version >= RAW_ID_VERSION:
            body = msgId.to_bytes(4, "big") + msg.encode()
        else:
            body = f"{msgId}\0{msg}".encode()
        self._tws.put(_framed(body), lane_of(msgId), cancels=is_cancel(msgId))

    def sendMsgProtoBuf(self, msgId: int, msg: bytes) -> None:
        """Queue a protobuf message; ``msgId`` includes the offset of 200. From any thread."""
        body = msgId.to_bytes(4, "big") + msg
        number = msgId - PROTOBUF_OFFSET
        self._tws.put(_framed(body), lane_of(number), cancels=is_cancel(number))


def _framed(body: bytes) -> bytes:
    if len(body) > MAX_FRAME:
        msg = f"a message of {len(body)} bytes: the protocol allows {MAX_FRAME}"
        raise ValueError(msg)
    return frame(body)
