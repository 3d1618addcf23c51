"""Makes, ends and remakes the session; a deadline for each stage, an error of its own for each.

TCP connects; our hello goes out and the gateway's comes back; startApi goes out and
managedAccounts and nextValidId come back; the slices fetch what they need; READY. Each stage that
fails says which one it was. A session that was READY and is lost is made again, with growing
waits, under the same client id: another one would not see this one's orders.

The first failure of each kind has its own exception; see `twsloop.errors`.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import attrs
from ibapi.decoder import Decoder

from twsloop.config import check_accounts
from twsloop.errors import (
    ClientIdInUse,
    ConnectionFailed,
    FramingError,
    HandshakeClosed,
    HandshakeError,
    HandshakeTimeout,
    LiveTradingBlocked,
    ReadyTimeout,
    ServerVersionError,
    TcpFailed,
    TcpTimeout,
)
from twsloop.events import Notice
from twsloop.heartbeat import HeartbeatMonitor
from twsloop.processors.registry import ONCE
from twsloop.session.backoff import Backoff
from twsloop.session.state import Event, State
from twsloop.transport import Transport
from twsloop.wire.handshake import client_hello, parse_server_hello

from .core import CLIENT_ID_IN_USE, SERVER_BACK, SERVER_LOST, Core

__all__ = ["Lifecycle", "Target"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: The server versions whose messages we can read and write (design 4.3).
VERSIONS = range(100, 226)


@attrs.frozen
class Target:
    """Where to connect, as whom, and offering which versions."""

    host: str
    port: int
    client_id: int
    max_version: int = 225
    options: str = ""


class Client(Protocol):
    """What the lifecycle tells IB's client object."""

    def adopt(self, server_version: int, connection_time: bytes, decoder: Any) -> None:
        """The hello was exchanged: the client is connected."""
        ...

    def begin_api(self) -> None:
        """Send startApi."""
        ...

    def closed(self) -> None:
        """The session is over for good: call connectionClosed."""
        ...


class Lifecycle:
    """One connection's sessions, one after the other; loop thread only.

    Args:
        core: The connection's inside.
        client: IB's client object.
    """

    def __init__(self, core: Core, client: Client) -> None:
        self._core = core
        self._client = client
        self._target: Target | None = None
        self._transport: Transport | None = None
        self._hello: asyncio.Future[None] | None = None
        self._identified: asyncio.Future[None] | None = None
        self._decoder: Any = None
        self._got_accounts = False
        self._got_id = False
        self._refusal: ConnectionFailed | None = None
        self._wanted = False
        self._keep = False
        self._remaking: asyncio.Task[Any] | None = None
        self._heartbeat: HeartbeatMonitor | None = None
        self._attempting = False
        self._sessions = 0
        self._batch_start = 0.0
        core.add_slice(self, ("managedAccounts", "nextValidId", "currentTime"))
        core.on_notice(self._notice)

    @property
    def wanted(self) -> bool:
        """Whether a session stands, is being made, or is to be made again."""
        return self._wanted

    @property
    def target(self) -> Target:
        """Where the session is, and as whom."""
        assert self._target is not None
        return self._target

    # ---- making a session ----------------------------------------------------------------

    async def start(self, target: Target, *, keep: bool) -> None:
        """Make the first session up to READY (supervised).

        Args:
            target: Where to, as whom.
            keep: Whether to make it again when it is lost.

        Raises:
            ConnectionFailed: The stage that failed, by its type.
        """
        self._target, self._keep, self._wanted = target, keep, True
        self._core.supervised = True
        retry = self._core.config.reconnect.first_connect
        try:
            await self._establish(target)
        except ConnectionFailed as error:
            if retry and keep:
                await self._remake(str(error))
                return
            self._wanted = False
            raise

    async def connect(self, target: Target, *, keep: bool) -> None:
        """Make a session up to the hello, as IB's ``connect`` does.

        Raises:
            ConnectionFailed: The stage that failed, by its type.
        """
        self._target, self._keep, self._wanted = target, keep, True
        self._core.supervised = False
        self._attempting = True
        try:
            await self._open(target)
        except ConnectionFailed:
            self._wanted = False
            raise
        finally:
            self._attempting = False
        self._maybe_identified()

    async def _establish(self, target: Target) -> None:
        """One whole attempt: TCP, hello, startApi, sync, READY."""
        timeout = self._core.config.connection.ready_timeout
        self._attempting = True
        try:
            await self._open(target)
            assert self._identified is not None
            await self._within(timeout, self._identified, lambda: self._not_ready(target, timeout))
            if self._core.supervised:
                check_accounts(self._core.config, self._core.accounts)
            self._core.session_changed(Event.IDENTIFIED, "")
            await self._within(timeout, self._sync(), lambda: self._not_ready(target, timeout))
            self._require_link(target)
        except ConnectionFailed as error:
            self._give_up(str(error))
            raise
        finally:
            self._attempting = False
        self._core.registry.muted.clear()
        self._core.session_changed(Event.SYNCED, "")

    async def _open(self, target: Target) -> None:
        """TCP and the hello."""
        core, params = self._core, self._core.config.connection
        loop = asyncio.get_running_loop()
        self._hello = loop.create_future()
        self._identified = loop.create_future()
        for future in (self._hello, self._identified):
            future.add_done_callback(_retrieved)
        self._got_accounts = self._got_id = False
        self._refusal = None
        core.client_id = target.client_id
        core.session_changed(Event.CONNECT, f"connecting to {target.host}:{target.port}")
        try:
            await self._tcp(target, params.connect_timeout)
            await self._within(
                params.handshake_timeout,
                self._hello,
                lambda: HandshakeTimeout(
                    f"it accepted the connection but said no hello within "
                    f"{params.handshake_timeout:g} s: is it still at its login, or is this another "
                    "program's port?",
                    host=target.host, port=target.port, client_id=target.client_id,
                ),
            )  # fmt: skip
        except ConnectionFailed as error:
            self._give_up(str(error))
            raise

    async def _tcp(self, target: Target, seconds: float) -> None:
        where = {"host": target.host, "port": target.port, "client_id": target.client_id}
        loop = asyncio.get_running_loop()
        made = loop.create_connection(
            lambda: Transport(self, self._core.outbox), target.host, target.port
        )
        try:
            await self._within(
                seconds,
                made,
                lambda: TcpTimeout(
                    f"no TCP connection within {seconds:g} s: is the host up, and not behind a "
                    "firewall?",
                    **where,  # type: ignore[arg-type]
                ),
            )
        except ConnectionRefusedError as error:
            msg = (
                "connection refused: nothing listens there. Start TWS or IB Gateway, enable its "
                "API ('ActiveX and Socket Clients'), and check the port"
            )
            raise TcpFailed(msg, **where) from error  # type: ignore[arg-type]
        except socket.gaierror as error:
            msg = f"unknown host: {error.strerror or error}"
            raise TcpFailed(msg, **where) from error  # type: ignore[arg-type]
        except OSError as error:
            msg = f"cannot connect: {error.strerror or error}"
            raise TcpFailed(msg, **where) from error  # type: ignore[arg-type]

    async def _sync(self) -> None:
        """Let the slices fetch and renew; one that fails is reported, and does not stop READY."""
        for hook in self._core.ready_hooks:
            try:
                result = hook()
                if inspect.isawaitable(result):
                    await result
            except Exception as error:  # noqa: BLE001  (reported; the session serves the others)
                if self._core.state is not State.SYNCING:
                    return  # the link went meanwhile: that is why it failed
                self._core.errors.report_exception(getattr(hook, "__qualname__", "sync"), error)

    def _require_link(self, target: Target) -> None:
        """The link may have gone while the slices were at work."""
        if self._core.state is not State.SYNCING:
            raise HandshakeClosed(
                "the gateway closed the link before the session was ready",
                host=target.host, port=target.port, client_id=target.client_id,
            )  # fmt: skip

    def _not_ready(self, target: Target, timeout: float) -> ConnectionFailed:
        missing = [
            name
            for name, got in (
                ("managedAccounts", self._got_accounts),
                ("nextValidId", self._got_id),
                ("the open orders", self._core.state is State.READY),
            )
            if not got
        ]
        return ReadyTimeout(
            f"connected, but {' and '.join(missing[:2])} did not come within {timeout:g} s: does "
            "the gateway wait for a login, or for its dialog to be answered?",
            host=target.host, port=target.port, client_id=target.client_id,
        )  # fmt: skip

    def _give_up(self, reason: str) -> None:
        """An attempt failed: nothing of it stays."""
        transport, self._transport = self._transport, None
        self._core.session_changed(Event.FAILED, reason)
        self._stop_heartbeat()
        self._core.session_ended(reason)
        if transport is not None:
            transport.close()

    async def _within(self, seconds: float, work: Awaitable[T], late: Callable[[], Exception]) -> T:
        """Await ``work`` for at most ``seconds`` of the clock, then raise ``late()``."""
        task = asyncio.ensure_future(work)
        expired = False

        def expire() -> None:
            nonlocal expired
            expired = True
            task.cancel()

        timer = self._core.clock.call_later(seconds, expire)
        try:
            return await task
        except asyncio.CancelledError:
            if expired:
                raise late() from None
            raise
        finally:
            timer.cancel()

    # ---- transport.Listener --------------------------------------------------------------

    def link_up(self, transport: Transport) -> None:
        """TCP stands: say hello."""
        target = self._target
        assert target is not None
        self._transport = transport
        self._core.session_changed(Event.TCP_UP, "connected; saying hello")
        transport.write(client_hello(max_version=target.max_version, options=target.options))

    def bytes_came(self) -> None:
        """Any byte is life."""
        self._batch_start = self._core.clock.monotonic()
        if self._heartbeat is not None:
            self._heartbeat.heartbeat_received()

    def frame_came(self, body: bytes) -> None:
        """The hello first; then messages."""
        core = self._core
        if core.state is State.HANDSHAKE:
            self._take_hello(body)
            return
        number = core.dispatcher.frame(body)
        queue = core.registry.queue
        if queue is not None and number is not None:
            queue.end_message(always=core.hears_messages)

    def batch_done(self) -> None:
        """All of one read was handed over."""
        self._core.registry.batch_took(self._core.clock.monotonic() - self._batch_start)

    def link_down(self, error: BaseException | None) -> None:
        """The link has ended, wanted or not."""
        core, target = self._core, self._target
        assert target is not None
        if core.state in {State.DISCONNECTED, State.WAITING}:
            return
        reason = _why(error)
        self._fail_attempt(
            self._refusal
            or HandshakeClosed(
                f"{reason} before the session was ready",
                host=target.host, port=target.port, client_id=target.client_id,
            )
        )  # fmt: skip
        self._transport = None
        self._stop_heartbeat()
        reason = str(self._refusal or reason)
        core.session_changed(Event.LINK_LOST, reason)
        core.session_ended(reason)
        if self._attempting:
            return  # the attempt learns of it from its futures, and says what happens next
        if self._wanted and self._keep:
            self._remaking = core.event_loop.spawn(self._remake(reason), name="reconnect")
        else:
            self._wanted = False
            self._client.closed()

    # ---- the hello and the start ---------------------------------------------------------

    def _take_hello(self, body: bytes) -> None:
        core, target, transport = self._core, self._target, self._transport
        assert target is not None
        assert transport is not None
        where = {"host": target.host, "port": target.port, "client_id": target.client_id}
        try:
            hello = parse_server_hello(body)
        except HandshakeError as error:
            problem = f"what listens there does not speak the TWS protocol: {error}"
            self._fail_attempt(HandshakeClosed(problem, **where))  # type: ignore[arg-type]
            return
        version = hello.server_version
        if version not in VERSIONS:
            problem = (
                f"the gateway answers with server version {version}; twsloop speaks "
                f"{VERSIONS[0]} to {VERSIONS[-1]}"
            )
            self._fail_attempt(ServerVersionError(problem, **where))  # type: ignore[arg-type]
            return
        if self._decoder is None:
            self._decoder = Decoder(core.registry.fanout, version)
        self._decoder.serverVersion = version
        core.server_version = version
        core.dispatcher.start(self._decoder, version)
        core.epoch = core.outbox.open(transport.write)
        core.registry.muted.clear()
        if self._sessions and core.supervised:
            core.registry.muted |= ONCE
        self._sessions += 1
        core.session_changed(Event.HELLO, f"server version {version}")
        self._client.adopt(version, hello.connection_time, self._decoder)
        self._client.begin_api()
        self._start_heartbeat()
        core.registry.fanout.connectAck()
        if self._hello is not None and not self._hello.done():
            self._hello.set_result(None)

    def managedAccounts(self, accountsList: str) -> None:
        """EWrapper's: the accounts of this login."""
        self._core.accounts = tuple(a for a in accountsList.split(",") if a)
        self._got_accounts = True
        self._maybe_identified()

    def nextValidId(self, orderId: int) -> None:
        """EWrapper's: the lowest order id that may be used."""
        self._core.order_ids.raise_to(orderId)
        self._got_id = True
        self._maybe_identified()

    def _maybe_identified(self) -> None:
        core = self._core
        if core.state is not State.STARTING or not (self._got_accounts and self._got_id):
            return
        if self._identified is not None and not self._identified.done():
            self._identified.set_result(None)
        if not core.supervised and not self._attempting:
            # IB's own start asks for nothing by itself: there is nothing to wait for.
            core.session_changed(Event.IDENTIFIED, "")
            core.session_changed(Event.SYNCED, "")

    def _notice(self, notice: Notice) -> None:
        """What the gateway says about itself."""
        core, target = self._core, self._target
        if notice.code in SERVER_LOST and core.machine.connected:
            core.session_changed(Event.SERVER_LOST, notice.text)
        elif notice.code in SERVER_BACK and core.machine.connected:
            core.session_changed(Event.SERVER_BACK, notice.text)
        elif notice.code == CLIENT_ID_IN_USE and core.state is State.STARTING:
            assert target is not None
            self._refusal = ClientIdInUse(
                f"client id {target.client_id} is in use (326): another program is connected with "
                "it. Choose another client id, or end that program; a session that died may hold "
                "it until the gateway notices",
                host=target.host, port=target.port, client_id=target.client_id,
            )  # fmt: skip
            self._fail_attempt(self._refusal)

    def _fail_attempt(self, error: ConnectionFailed) -> None:
        for future in (self._hello, self._identified):
            if future is not None and not future.done():
                future.set_exception(error)

    # ---- life ----------------------------------------------------------------------------

    def _start_heartbeat(self) -> None:
        core, params = self._core, self._core.config.heartbeat
        if not params.enabled:
            return
        self._heartbeat = HeartbeatMonitor(
            core.clock,
            silence=params.silence,
            deadline=params.deadline,
            probe=self._probe,
            on_dead=self._dead,
            on_fact=core.tell,
        )
        self._heartbeat.start_monitoring()

    def _stop_heartbeat(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.stop_monitoring()
            self._heartbeat = None

    def _probe(self) -> None:
        """Ask for the time; whatever comes back is life, and the answer is ours alone."""
        core = self._core
        if "current_time" not in core.asks:
            answer = core.ask(
                lambda _id: core.reqCurrentTime(), request="heartbeat", key="current_time"
            )
            answer.add_done_callback(lambda _: None)

    def _dead(self, silent: float) -> None:
        transport = self._transport
        if transport is not None:
            logger.warning("no sign of life for %.1f s: the link is given up", silent)
            transport.abort_with(
                ConnectionAbortedError(f"no sign of life for {silent:.1f} s, asked for the time")
            )

    def currentTime(self, time: int) -> None:
        """EWrapper's: the answer to our probe."""
        self._core.answer_part("current_time", time)
        self._core.answer_end("current_time")

    # ---- ending and making again ---------------------------------------------------------

    def disconnect(self, reason: str = "disconnected") -> None:
        """End the session, or the attempt at one; connectionClosed is called if there was one."""
        core, target = self._core, self._target
        had = self._wanted
        self._wanted = False
        if self._remaking is not None:
            self._remaking.cancel()
            self._remaking = None
        if target is not None:
            self._fail_attempt(
                ConnectionFailed(
                    f"{reason} while connecting",
                    host=target.host, port=target.port, client_id=target.client_id,
                )
            )  # fmt: skip
        self._stop_heartbeat()
        transport, self._transport = self._transport, None
        core.session_changed(Event.DISCONNECT, reason)
        core.session_ended(reason)
        if transport is not None:
            transport.close()
        if had and not self._attempting:
            self._client.closed()

    async def _remake(self, reason: str) -> None:
        """Make the session again, for as long as one is wanted."""
        core, target, params = self._core, self._target, self._core.config.reconnect
        assert target is not None
        backoff = Backoff(params.first_delay, params.factor, params.cap, params.jitter)
        attempt = 0
        while self._wanted:
            attempt += 1
            if params.max_attempts and attempt > params.max_attempts:
                reason = f"given up after {params.max_attempts} attempts: {reason}"
                break
            wait = backoff.delay(attempt, random.random())  # noqa: S311  (no secret: a jitter)
            core.metrics.counter("reconnect_attempts").add()
            core.session_changed(Event.RETRY, f"{reason}; next attempt in {wait:.1f} s")
            await core.clock.sleep(wait)
            try:
                await self._establish(target)
            except LiveTradingBlocked as error:
                reason = str(error)
                break
            except ConnectionFailed as error:
                reason = str(error)
            else:
                return
        if self._wanted:
            self._wanted = False
            core.session_changed(Event.DISCONNECT, reason)
            self._client.closed()


def _why(error: BaseException | None) -> str:
    """Why a link ended, in words."""
    if error is None:
        return "the gateway closed the link"
    if isinstance(error, ConnectionResetError):
        return "the gateway reset the link"
    if isinstance(error, FramingError):
        return f"what came is not the TWS protocol ({error}); is this another program's port?"
    return f"the link was lost ({error})"


def _retrieved(future: asyncio.Future[None]) -> None:
    """Look at the outcome, so that asyncio does not complain when nobody waits any more."""
    if not future.cancelled():
        future.exception()
