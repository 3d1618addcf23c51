"""Starts, runs and ends one connection, in whatever thread its owner asks for it.

Apart from the connection's own class, because a user's subclass may take any name: IB's own samples
have methods ``start`` and ``stop``, and attributes of every kind. So nothing here is looked up on
the user's object but what IB's EClient looks up there, too.
"""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import CancelledError
from typing import Any, Literal

import attrs
from ibapi.client import EClient
from ibapi.const import NO_VALID_ID
from ibapi.errors import ALREADY_CONNECTED, CONNECT_FAIL, INVALID_SYMBOL
from ibapi.utils import isAsciiPrintable

from twsloop.config import check_live_gates
from twsloop.errors import (
    ConnectionFailed,
    LoopError,
    LoopNotRunning,
    StateError,
    WrongThread,
)
from twsloop.processors import CallbackQueue, Entry

from .compat import check_overrides
from .core import Core
from .lifecycle import Lifecycle, Target
from .link import Link

__all__ = ["Callbacks", "Driver"]

#: Where the user's callbacks run: in ``run()``'s thread, or on the loop thread.
Callbacks = Literal["run", "loop"]

#: How long run() waits before it calls msgLoopTmo, seconds; the official client's value.
RUN_IDLE = 0.2
#: So many callbacks run() delivers before it looks again whether it is over.
RUN_LENGTH = 100


@attrs.define(eq=False)
class _Told:
    """What was told of one session."""

    closed: bool = False


class Driver:
    """One connection's start, run and end.

    Args:
        core: The connection's inside.

    Attributes:
        callbacks: Where the user asked its callbacks to run; None for what fits the start.
        reconnect: Whether the user asked for lost sessions to be made again; None likewise.
        app: The object whose overrides are called.
    """

    def __init__(self, core: Core) -> None:
        self.callbacks: Callbacks | None = None
        self.reconnect: bool | None = None
        self.app: Any = None
        self.life = Lifecycle(core, self)
        self._core = core
        self._owner = core.owner
        self._over = threading.Event()
        self._told = _Told()
        self._where: Callbacks = "loop"
        self._running_in: int | None = None
        self._starting = threading.Lock()

    # ---- supervised ----------------------------------------------------------------------

    def start(self) -> None:
        """See `IBKRConnection.start`."""
        self._refuse_loop_thread("start()")
        if not self._starting.acquire(blocking=False):
            raise StateError("session", self._core.state.name, "start")
        try:
            self._start()
        finally:
            self._starting.release()

    def _start(self) -> None:
        core = self._core
        if self.life.wanted:
            if self.life.attempting:
                raise StateError("session", core.state.name, "start")
            return
        check_live_gates(core.config)
        self._prepare("loop")
        core.queue_callbacks(queued=self._where == "run")
        params = core.config.connection
        target = Target(
            params.host, params.port, params.client_id, params.max_version, self._options()
        )
        keep = core.config.reconnect.enabled if self.reconnect is None else self.reconnect
        core.event_loop.start()
        try:
            core.event_loop.submit(self._make, target, keep).result()
        except (LoopNotRunning, CancelledError):  # another thread stopped it meanwhile
            self.stop()
            raise target.given_up("stopped") from None
        except ConnectionFailed as error:
            self.stop()
            # Its text says all; the way through the loop thread would only stand before it, and
            # the system's own error is still its __context__.
            raise error.with_traceback(None) from None
        except BaseException:
            self.stop()
            raise

    async def _make(self, target: Target, keep: bool) -> None:
        await self.life.start(target, keep=keep)

    def stop(self) -> None:
        """See `IBKRConnection.stop`."""
        self._end("stopped", loop_too=True)

    # ---- IB's own start ------------------------------------------------------------------

    def connect(self, host: str, port: int, client_id: int) -> None:
        """See `IBKRConnection.connect`."""
        self._refuse_loop_thread("connect()")
        if not self._may_connect(host):
            return
        core = self._core
        self._prepare("run")
        # Nothing is delivered before run(), wherever it is delivered then.
        core.queue_callbacks(queued=True)
        params = core.config.connection
        target = Target(
            host or "127.0.0.1", int(port), client_id, params.max_version, self._options()
        )
        core.event_loop.start()
        try:
            core.event_loop.submit(self._open, target).result()
        except ConnectionFailed as error:
            core.event_loop.stop(core.config.loop.stop_timeout)
            # There is no session whose run() could deliver this: it comes here and now, as IB's.
            self._deliver_all()
            core.queue_callbacks(queued=False)
            text = f"{CONNECT_FAIL.msg()} ({error})"
            self._error(CONNECT_FAIL.code(), text)
            self.closed()
        except BaseException:
            self.stop()
            raise

    def _options(self) -> str:
        """The connect options; and startApi will find its capabilities where IB's client has them.

        What the program set with IB's setters goes before the settings.
        """
        owner, params = self._owner, self._core.config.connection
        owner.optCapab = owner.optCapab or params.optional_capabilities or None
        options: str = owner.connectOptions or params.connect_options
        return options

    async def _open(self, target: Target) -> None:
        await self.life.connect(target, keep=bool(self.reconnect))

    def _may_connect(self, host: str) -> bool:
        """EClient's own checks, in its order: 579, then 501."""
        for text in (host, self._owner.connectOptions, self._owner.optCapab):
            if text is not None and not isAsciiPrintable(text):
                shown = text.encode("ascii", "replace").decode()
                self._error(INVALID_SYMBOL.code(), INVALID_SYMBOL.msg() + shown)
                return False
        if self.life.wanted:
            self._error(ALREADY_CONNECTED.code(), ALREADY_CONNECTED.msg())
            return False
        return True

    def _error(self, code: int, text: str) -> None:
        self._core.registry.fanout.error(NO_VALID_ID, self._core.millis(), code, text, "")

    # ---- what both have in common --------------------------------------------------------

    def _refuse_loop_thread(self, call: str) -> None:
        if self._core.event_loop.in_loop():
            msg = f"{call} blocks, and this is the loop's own thread: call it from another one"
            raise WrongThread(msg)

    def _prepare(self, callbacks: Callbacks) -> None:
        core = self._core
        self._where = self.callbacks or callbacks
        self._over.clear()
        self._told = _Told()
        check_overrides(self.app)  # those set on the instance since it was made, too
        core.registry.set_app(self.app)
        if core.registry.queue is not None:
            core.registry.queue.clear()  # what an earlier session left belongs to nobody now

    def disconnect(self) -> None:
        """See `IBKRConnection.disconnect`."""
        self._end("disconnected", loop_too=not self._core.supervised)
        if self._running_in == threading.get_ident():
            # As IB's: connectionClosed has been called when disconnect() returns.
            queue = self._core.registry.queue
            entry = None if queue is None else queue.take("connectionClosed")
            if entry is not None:
                self._core.registry.call(entry.name, entry.functions, entry.args)

    def _end(self, reason: str, *, loop_too: bool) -> None:
        """End the session, and the loop thread if it is told to; from any thread."""
        loop, patience = self._core.event_loop, self._core.config.loop.stop_timeout
        if loop.in_loop():
            self.life.disconnect(reason)
            if loop_too:
                loop.stop()
            return
        if loop.running:
            # A loop that does not answer is named by its stop below.
            with contextlib.suppress(LoopError, TimeoutError):
                loop.call(self._core.hooks.ending, timeout=patience)
                loop.call(self.life.disconnect, reason, timeout=patience)
        if loop_too:
            loop.stop(patience)
        self._wake_run()

    # ---- run() ---------------------------------------------------------------------------

    def run(self) -> None:
        """See `IBKRConnection.run`."""
        self._refuse_loop_thread("run()")
        self._running_in = threading.get_ident()
        try:
            with self._core.event_loop.held():
                if self._where == "loop":
                    self._release()
                self._turn_until_over()
        finally:
            try:
                self.disconnect()
                self._deliver_all()
                # Nobody comes for what is queued now: errors of later calls come at once.
                self._core.queue_callbacks(queued=False)
            finally:
                self._running_in = None

    def _turn_until_over(self) -> None:
        owner = self._owner
        while True:
            try:
                if not self._turn():
                    return
            except KeyboardInterrupt:
                owner.keyboardInterrupt()
                owner.keyboardInterruptHard()
                if type(owner).keyboardInterrupt is EClient.keyboardInterrupt:
                    raise

    def _turn(self) -> bool:
        """One turn of run(); False when there is nothing to wait for any more."""
        queue, life = self._core.registry.queue, self.life
        if queue is None:
            if not life.wanted:
                return False
            if not self._over.wait(RUN_IDLE):
                self._owner.msgLoopTmo()
            return True
        entry = queue.get(0.0 if not life.wanted else RUN_IDLE)
        if entry is not None:
            self._take(queue, entry)
            return True
        if not life.wanted:
            return False
        self._owner.msgLoopTmo()
        return True

    def _take(self, queue: CallbackQueue, entry: Entry) -> None:
        """Deliver an entry, and of those that wait behind it as many as may go without a look."""
        call, message_done = self._core.registry.call, self._owner.msgLoopRec
        for _ in range(RUN_LENGTH):
            call(entry.name, entry.functions, entry.args)
            if entry.ends_message:
                message_done()
            following = queue.get()
            if following is None:
                return
            entry = following
        call(entry.name, entry.functions, entry.args)
        if entry.ends_message:
            message_done()

    def _release(self) -> None:
        """Callbacks have waited for run(), and from now on come on the loop thread."""
        core = self._core

        def release() -> None:
            self._deliver_all()
            core.queue_callbacks(queued=False)

        if core.event_loop.running:
            with contextlib.suppress(LoopError):
                core.event_loop.call(release)

    def _deliver_all(self) -> None:
        queue = self._core.registry.queue
        while queue is not None and (entry := queue.get()) is not None:
            self._core.registry.call(entry.name, entry.functions, entry.args)
            if entry.ends_message and self._core.hears_messages:
                self.message_done()

    def _wake_run(self) -> None:
        queue = self._core.registry.queue
        if queue is not None:
            queue.wake()
        self._over.set()

    # ---- lifecycle.Client ----------------------------------------------------------------

    def adopt(self, target: Target, version: int, connection_time: bytes, decoder: Any) -> None:
        """The hello was exchanged: IB's attributes say so."""
        owner, core = self._owner, self._core
        owner.host, owner.port, owner.clientId = target.host, target.port, target.client_id
        owner.serverVersion_ = version
        owner.connTime = connection_time
        owner.decoder = decoder
        link = Link(
            target.host,
            target.port,
            send=core.put_frames,
            close=self.disconnect,
        )
        link.up = True
        owner.conn = link
        owner.setConnState(EClient.CONNECTED)

    def begin_api(self) -> None:
        """Send startApi, by the method that users may override."""
        self._guarded(self._owner.startApi)

    def message_done(self) -> None:
        """Tell a user who overrides msgLoopRec."""
        self._guarded(self._owner.msgLoopRec)

    def closed(self) -> None:
        """The session is over: connectionClosed, once for each, and reset."""
        told, owner, core = self._told, self._owner, self._core
        if told.closed:
            return
        told.closed = True
        owner.setConnState(EClient.DISCONNECTED)
        if owner.conn is not None:
            owner.conn.up = False
        owner.reset()
        core.registry.fanout.connectionClosed()
        self._wake_run()
        if not core.supervised and core.event_loop.in_loop():
            core.event_loop.stop()

    def _guarded(self, function: Any) -> None:
        self._core.registry.call(getattr(function, "__name__", ""), (function,), ())
