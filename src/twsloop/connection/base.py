"""`IBKRConnection`: IB's EWrapper and EClient as IB's users know them, on our loop thread."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any, Literal, Self

from ibapi.client import EClient
from ibapi.const import NO_VALID_ID
from ibapi.errors import ALREADY_CONNECTED, CONNECT_FAIL
from ibapi.utils import isAsciiPrintable
from ibapi.wrapper import EWrapper

from twsloop.clock import Clock
from twsloop.config import Config, check_live_gates
from twsloop.errors import ConnectionFailed, LoopError, WrongThread
from twsloop.event_loop import IBKREventLoop, LoopFactory, TaskHandle
from twsloop.processors import Where
from twsloop.session.state import State
from twsloop.transport import Lane, lane_of
from twsloop.wire.framing import MAX_FRAME, frame

from .compat import check_ibapi, check_overrides
from .core import Core, Shown
from .dispatch import PROTOBUF_OFFSET, RAW_ID_VERSION
from .lifecycle import Lifecycle, Target
from .link import Link

__all__ = ["Callbacks", "IBKRConnection"]

logger = logging.getLogger(__name__)

check_ibapi(EClient)

#: Where the user's callbacks run: in ``run()``'s thread, or on the loop thread.
Callbacks = Literal["run", "loop"]

#: How long run() waits before it calls msgLoopTmo, seconds; the official client's value.
RUN_IDLE = 0.2


class IBKRConnection(EWrapper, EClient):
    """IB's wrapper and client in one object, with our own transport below them.

    Two ways to use it. Supervised: ``start()`` (or ``with``, ``async with``) returns when the
    session is READY, or raises what stopped it; a lost link is made again. IB's own:
    ``connect(host, port, clientId)`` and ``run()``, as in IB's samples, one session.

    Args:
        config: The settings; all defaults (a paper gateway on this machine) unless given.
        wrapper: A separate EWrapper object that receives the callbacks instead of this one.
        callbacks: Where the user's callbacks run: ``"loop"`` on the loop thread, ``"run"`` in the
            thread that calls ``run()``. Unless told otherwise, "loop" after ``start()``, and "run"
            after ``connect()``.
        reconnect: Whether a lost session is made again. Unless told otherwise, as configured after
            ``start()``, and not after ``connect()``.
        clock: Where time comes from.
        loop_factory: Makes the event loop; uvloop where it exists unless told otherwise.

    Raises:
        StaleOverrideError: A callback override has the parameters of an older ibapi.
    """

    _tws: Core
    _life: Lifecycle
    _callbacks: Callbacks | None
    _reconnect: bool | None

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self:
        """Make our state before any __init__ runs: IB-style ones may never call ours."""
        self: Self = super().__new__(cls)
        self._assemble(Core(self, Config()))
        EClient.__init__(self, self)
        check_overrides(self)
        return self

    def __init__(
        self,
        config: Config | None = None,
        *,
        wrapper: Any = None,
        callbacks: Callbacks | None = None,
        reconnect: bool | None = None,
        clock: Clock | None = None,
        loop_factory: LoopFactory | None = None,
    ) -> None:
        if config is not None or clock is not None or loop_factory is not None:
            core = Core(self, config or Config(), clock=clock, loop_factory=loop_factory)
            self._assemble(core)
        self._callbacks = callbacks
        self._reconnect = reconnect
        EClient.__init__(self, wrapper if wrapper is not None else self)
        if wrapper is not None:
            check_overrides(wrapper)

    def _assemble(self, core: Core) -> None:
        """Build everything on a core; subclasses hang their slices on it here."""
        self._tws = core
        self._life = Lifecycle(core, _Client(self, core, lambda: self._life, self._tell_closed))
        self._callbacks = None
        self._reconnect = None
        self._over = threading.Event()
        core.hears_messages = type(self).msgLoopRec is not EClient.msgLoopRec

    # ---- what users see ------------------------------------------------------------------

    @property
    def wrapper(self) -> Any:
        """What IB's client and decoder call: the fan-out to everyone who listens."""
        return self._tws.registry.fanout

    @wrapper.setter
    def wrapper(self, app: Any) -> None:
        self._app = app
        self._tws.registry.set_app(app)

    @Shown
    def event_loop(self) -> IBKREventLoop:
        """The loop thread."""
        return self._tws.event_loop

    @Shown
    def session_state(self) -> State:
        """Where the session is in its life."""
        return self._tws.state

    def add_message_processor(self, processor: object, *, where: Where = None) -> None:
        """Let an object hear the EWrapper callbacks it has methods for.

        Args:
            processor: Any object with methods named after EWrapper callbacks.
            where: None: where the user's callbacks run; an executor or a running asyncio loop to
                be called there instead, in order.

        Raises:
            TypeError: It has no such method.
        """
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

        Raises:
            ConnectionFailed: What stopped it: TcpFailed, TcpTimeout, HandshakeTimeout,
                HandshakeClosed, ServerVersionError, ClientIdInUse, ReadyTimeout, or
                LiveTradingBlocked.
            WrongThread: Called on the loop thread.
        """
        self._start("loop", "start()")
        params = self._tws.config.connection
        check_live_gates(self._tws.config)
        target = Target(
            params.host, params.port, params.client_id, params.max_version, params.connect_options
        )
        self.optCapab = params.optional_capabilities or None
        keep = self._tws.config.reconnect.enabled if self._reconnect is None else self._reconnect
        loop = self._tws.event_loop
        loop.start()
        try:
            loop.submit(self._supervise, target, keep).result()
        except BaseException:
            self.stop()
            raise

    async def _supervise(self, target: Target, keep: bool) -> None:
        await self._life.start(target, keep=keep)

    def stop(self) -> None:
        """End the session and the loop thread; twice does nothing more."""
        loop = self._tws.event_loop
        if loop.running:
            if loop.in_loop():
                self._life.disconnect("stopped")
            else:
                with contextlib.suppress(LoopError):
                    loop.call(self._life.disconnect, "stopped")
        loop.stop(self._tws.config.loop.stop_timeout)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        """Stop."""
        self.stop()

    async def __aenter__(self) -> Self:
        """Start, without blocking the loop that awaits it."""
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """Stop, without blocking the loop that awaits it."""
        await asyncio.to_thread(self.stop)

    # ---- IB's own start ------------------------------------------------------------------

    def connect(self, host: str, port: int, clientId: int) -> None:
        """Connect as IB's EClient does: blocks up to the hello, reports failure by ``error``.

        The callbacks wait for ``run()``. A refused connection is error 502 and connectionClosed, as
        are a gateway that says no hello in time and one that closes the link.

        Raises:
            WrongThread: Called on the loop thread.
        """
        if not self._may_connect(host):
            return
        self._start("run", "connect()")
        params = self._tws.config.connection
        options = self.connectOptions or params.connect_options
        target = Target(host or "127.0.0.1", int(port), clientId, params.max_version, options)
        loop = self._tws.event_loop
        loop.start()
        failure: BaseException | None = None
        try:
            loop.submit(self._connect, target).result()
        except ConnectionFailed as error:
            failure = error
        except BaseException:
            self.stop()
            raise
        if failure is not None:
            loop.stop()
            detail = f"{CONNECT_FAIL.msg()} ({failure})"
            self._tws.registry.fanout.error(
                NO_VALID_ID, self._tws.millis(), CONNECT_FAIL.code(), detail, ""
            )
            self._tell_closed()

    async def _connect(self, target: Target) -> None:
        await self._life.connect(target, keep=bool(self._reconnect))

    def _may_connect(self, host: str) -> bool:
        """EClient's own checks, in its order: 579, then 501."""
        for text in (host, self.connectOptions, self.optCapab):
            if text is not None and not isAsciiPrintable(text):
                # IB's own words and code, by IB's own check
                with contextlib.suppress(Exception):
                    self.validateInvalidSymbols(host)
                self._tws.registry.fanout.error(
                    NO_VALID_ID, self._tws.millis(), 579,
                    f"Invalid symbol in string - {text.encode('ascii', 'replace').decode()}", "",
                )  # fmt: skip
                return False
        if self.isConnected():
            self._tws.registry.fanout.error(
                NO_VALID_ID, self._tws.millis(), ALREADY_CONNECTED.code(),
                ALREADY_CONNECTED.msg(), "",
            )  # fmt: skip
            return False
        return True

    def _start(self, callbacks: Callbacks, call: str) -> None:
        """What both ways of starting have in common."""
        core = self._tws
        if core.event_loop.in_loop():
            msg = f"{call} blocks, and this is the loop's own thread: call it from another one"
            raise WrongThread(msg)
        self._over.clear()
        core.registry.set_app(self._app)  # overrides set on the instance since it was made
        check_overrides(self._app)
        if core.registry.queue is not None:
            core.registry.queue.clear()  # what an earlier session left belongs to nobody now
        core.queue_callbacks(queued=(self._callbacks or callbacks) == "run")

    def disconnect(self) -> None:
        """End the session; connectionClosed is called once. From any thread and any callback."""
        loop = self._tws.event_loop
        if loop.in_loop():
            self._life.disconnect()
            if not self._tws.supervised:
                loop.stop()
            return
        if loop.running:
            with contextlib.suppress(LoopError):
                loop.call(self._life.disconnect)
        if not self._tws.supervised:
            loop.stop(self._tws.config.loop.stop_timeout)
        self._wake_run()

    def run(self) -> None:
        """Deliver callbacks until the session is over, as IB's message loop does.

        With ``callbacks="loop"`` it only waits for that. An exception of a callback is reported and
        ends nothing. Ctrl-C calls ``keyboardInterrupt()``; if that is not overridden, it
        disconnects and raises KeyboardInterrupt.

        Raises:
            WrongThread: Called on the loop thread.
        """
        if self._tws.event_loop.in_loop():
            msg = "run() blocks, and this is the loop's own thread: call it from another one"
            raise WrongThread(msg)
        try:
            while True:
                try:
                    if not self._run_once():
                        break
                except KeyboardInterrupt:
                    self.keyboardInterrupt()
                    self.keyboardInterruptHard()
                    if type(self).keyboardInterrupt is EClient.keyboardInterrupt:
                        raise
        finally:
            self.disconnect()
            self._drain_queue()

    def _run_once(self) -> bool:
        """One turn of run(); False when there is nothing to wait for any more."""
        queue = self._tws.registry.queue
        if queue is None:
            if not self._life.wanted:
                return False
            self._over.wait(RUN_IDLE)
            self.msgLoopTmo()
            return True
        entry = queue.get(0.0 if not self._life.wanted else RUN_IDLE)
        if entry is not None:
            self._tws.registry.call(entry.name, entry.functions, entry.args)
            if entry.ends_message:
                self.msgLoopRec()
            return True
        if not self._life.wanted:
            return False
        self.msgLoopTmo()
        return True

    def _drain_queue(self) -> None:
        queue = self._tws.registry.queue
        while queue is not None and (entry := queue.get()) is not None:
            self._tws.registry.call(entry.name, entry.functions, entry.args)

    def _wake_run(self) -> None:
        queue = self._tws.registry.queue
        if queue is not None:
            queue.wake()
        self._over.set()

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
        self._put(body, lane_of(msgId))

    def sendMsgProtoBuf(self, msgId: int, msg: bytes) -> None:
        """Queue a protobuf message; ``msgId`` includes the offset of 200. From any thread."""
        self._put(msgId.to_bytes(4, "big") + msg, lane_of(msgId - PROTOBUF_OFFSET))

    def _put(self, body: bytes, lane: Lane) -> None:
        if len(body) > MAX_FRAME:
            msg = f"a message of {len(body)} bytes: the protocol allows {MAX_FRAME}"
            raise ValueError(msg)
        self._tws.put(frame(body), lane)

    def _tell_closed(self) -> None:
        """ConnectionClosed, once for each session, and reset."""
        self.setConnState(EClient.DISCONNECTED)
        if self.conn is not None:
            self.conn.up = False
        self.reset()
        self._tws.registry.fanout.connectionClosed()
        self._wake_run()


class _Client:
    """What the lifecycle tells the client object; apart from it, so that no name is taken."""

    def __init__(
        self, owner: IBKRConnection, core: Core, life: Callable[[], Lifecycle],
        tell_closed: Callable[[], None],
    ) -> None:  # fmt: skip
        self._owner = owner
        self._core = core
        self._life = life
        self._tell_closed = tell_closed

    def adopt(self, server_version: int, connection_time: bytes, decoder: Any) -> None:
        """The hello was exchanged: IB's attributes say so."""
        owner, core, target = self._owner, self._core, self._life().target
        owner.host, owner.port, owner.clientId = target.host, target.port, target.client_id
        owner.serverVersion_ = server_version
        owner.connTime = connection_time
        owner.decoder = decoder
        link = Link(
            target.host,
            target.port,
            send=lambda data: core.put(data, Lane.REQUEST),
            close=owner.disconnect,
        )
        link.up = True
        owner.conn = link
        owner.setConnState(EClient.CONNECTED)

    def begin_api(self) -> None:
        """Send startApi, by the method that users may override."""
        self._owner.startApi()

    def closed(self) -> None:
        """The session is over."""
        self._tell_closed()
        if not self._core.supervised:
            self._core.event_loop.stop()
