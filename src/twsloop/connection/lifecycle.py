"""Makes, ends and remakes the session; a deadline for each stage, an error of its own for each.

TCP connects; our hello goes out and the gateway's comes back; startApi goes out and
managedAccounts and nextValidId come back; the slices fetch what they need; READY. Each stage that
fails says which one it was (`stages` has the words). A session that was READY and is lost is made
again, with growing waits, under the same client id: another one would not see this one's orders.

Theory of operation. An attempt is a coroutine that waits, one stage after the other (`Waits`). What
ends it early (the link goes, the gateway refuses, the user stops) comes from elsewhere on the same
thread, in the midst of any stage: `Waits.fail` keeps the first such reason and interrupts the wait,
which raises it. Between two waits nothing else runs, so the state is looked at after each
(`_require`). When a lost session is made again is the `Supervisor`'s. A link is told apart from the
one before it by its Transport: what a link that was given up still has to say concerns nobody.
"""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
from ibapi.const import NO_VALID_ID
from ibapi.errors import BAD_LENGTH

from twsloop.config import check_accounts
from twsloop.errors import ConnectionFailed, FramingError
from twsloop.processors.registry import ONCE
from twsloop.session.state import Event, State
from twsloop.transport import Transport
from twsloop.wire.handshake import client_hello
from twsloop.wire.hot import MessageStream

from .core import Core
from .dispatch import Decoder
from .hooks import run_hook
from .identity import Identity
from .leases import ClientIdLease
from .links import Client, Closing, make_link
from .remarks import Remarks
from .stages import Target, why
from .supervisor import Supervisor
from .waits import Waits
from .watching import LinkWatch

__all__ = ["Lifecycle", "Target"]


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
        #: The newest link's, whether it stands already or not; None when none is wanted.
        self._transport: Transport | None = None
        self._closing = Closing()
        #: The port before the gateway said that it changes it; None when one of them answered.
        self._other_port: int | None = None
        self._hooked = False
        self._hello: asyncio.Future[None] | None = None
        self._decoder: Any = None
        self._wanted = False
        self._keep = False
        self._announced = False
        self._sessions = 0
        self._remaking: asyncio.Future[Any] | None = None
        self._batch_start = 0.0
        #: The newest message was none: empty, or without a readable id.
        self._nothing = False
        self.waits = Waits(core.clock)
        self._watch = LinkWatch(core, self.link_useless)
        core.dispatcher.long.worked = self._slice_done
        self._supervisor = Supervisor(core, self._establish, lambda: self._wanted)
        self._lease = ClientIdLease(core)
        self._remarks = Remarks(core, self)
        self._identity = Identity(core, self._maybe_identified)

    @property
    def wanted(self) -> bool:
        """Whether a session stands, is being made, or is to be made again (any thread)."""
        return self._wanted

    @property
    def attempting(self) -> bool:
        """Whether a session is being made just now (any thread)."""
        return self.waits.attempting

    # ---- making a session ----------------------------------------------------------------

    async def start(self, target: Target, *, keep: bool) -> None:
        """Make the first session up to READY (supervised).

        Args:
            target: Where to, as whom.
            keep: Whether to make it again when it is lost.

        Raises:
            ConnectionFailed: The stage that failed, by its type.
        """
        self._begin(target, keep=keep, supervised=True)
        try:
            await self._take_lease(target)
            await self._establish()
        except asyncio.CancelledError:  # the loop was ending already: its clean-up has been
            self._finish("stopped")
            raise target.given_up("stopped") from None
        except ConnectionFailed as error:
            if not (keep and self._wanted and self._supervisor.retries_first(error)):
                self._finish(str(error))
                raise
            first = error
        else:
            return
        self._remaking = asyncio.ensure_future(self._remake(str(first), first))
        try:
            last = await self._remaking
        except asyncio.CancelledError:
            if self._wanted:
                raise
            raise target.given_up("stopped") from first
        if last is not None:
            raise last

    async def connect(self, target: Target, *, keep: bool) -> None:
        """Make a session up to the hello, as IB's ``connect`` does.

        Raises:
            ConnectionFailed: The stage that failed, by its type. connectionClosed is then left to
                the caller.
        """
        self._begin(target, keep=keep, supervised=False)
        self.waits.attempting = True
        try:
            await self._open(target)
            self._require(State.STARTING)
        except ConnectionFailed as error:
            self._wanted = self._announced = False
            self._give_up(str(error))
            raise
        finally:
            self.waits.attempting = False
        self._maybe_identified()

    def _begin(self, target: Target, *, keep: bool, supervised: bool) -> None:
        if not self._hooked:  # here, as a loop may just end when it is asked for from elsewhere
            self._hooked = True
            self._core.event_loop.at_stop(self.finish)
        self._target, self._keep, self._wanted = target, keep, True
        self._other_port = None
        self._core.supervised = supervised
        self._sessions = 0
        self._announced = False
        self._supervisor.begin()

    async def _take_lease(self, target: Target) -> None:
        """See that no other program of this machine has the client id."""
        self.waits.attempting, self.waits.failure = True, None
        try:
            await self.waits.until_done(self._lease.take(target))
        finally:
            self.waits.attempting = False

    async def _establish(self) -> None:
        """One whole attempt: TCP, hello, startApi, sync, READY."""
        core, timeout = self._core, self._core.config.connection.ready_timeout
        assert self._target is not None
        target = self._target
        self.waits.attempting = True
        try:
            await self._open(target)
            self._require(State.STARTING)
            assert self._identity.whole is not None
            await self.waits.within(timeout, self._identity.whole, self._not_ready)
            self._require(State.STARTING)
            if core.supervised:
                check_accounts(core.config, core.accounts)
            core.session_changed(Event.IDENTIFIED, "the accounts and the next order id are known")
            await self.waits.within(timeout, self._sync(), self._not_ready)
            self._require(State.SYNCING)
        except Exception as error:
            self._give_up(str(error))
            raise
        finally:
            self.waits.attempting = False
        self._ready()

    def _ready(self) -> None:
        core = self._core
        core.registry.muted.clear()
        core.retrying = self._other_port = None
        self._supervisor.ready()
        core.session_changed(Event.SYNCED, "everything may be asked")
        self._remarks.ready()

    async def _open(self, target: Target) -> None:
        """TCP and the hello, after what has to be known before."""
        core, params = self._core, self._core.config.connection
        self._hello = asyncio.get_running_loop().create_future()
        self._identity.begin()
        self._remarks.forget()
        self.waits.failure = None
        core.client_id, core.address = target.client_id, (target.host, target.port)
        await self.waits.until_done(core.hooks.connecting())
        attempt = f", attempt {core.retrying.number}" if core.retrying is not None else ""
        core.session_changed(Event.CONNECT, f"connecting to {target.host}:{target.port}{attempt}")
        await self._tcp(target, params.connect_timeout)
        await self.waits.within(
            params.handshake_timeout,
            self._hello,
            lambda: target.hello_late(params.handshake_timeout),
        )

    async def _tcp(self, target: Target, seconds: float) -> None:
        self._transport = transport = Transport(self, self._core.outbox)
        try:
            await make_link(transport, target, self.waits, seconds)
        except OSError as error:
            if self._other_port is not None:  # it may have stayed, or have gone back
                self._target = attrs.evolve(target, port=self._other_port)
                self._other_port = target.port
            raise target.tcp_failed(error) from error

    async def _sync(self) -> None:
        """Let the slices fetch and renew; one that fails is reported, and does not stop READY."""
        for hook in tuple(self._core.hooks.ready):
            try:
                await run_hook(hook)
            except Exception as error:  # noqa: BLE001  (reported; the session serves the others)
                if self._core.state is not State.SYNCING:
                    return  # the link went meanwhile: that is why it failed
                self._core.errors.report_exception(getattr(hook, "__qualname__", "sync"), error)

    def _require(self, state: State) -> None:
        """What ended the attempt may have come between two waits."""
        assert self._target is not None
        if self.waits.failure is not None:
            raise self.waits.failure
        if self._core.state is not state:
            raise self._target.closed("the link ended")

    def _not_ready(self) -> ConnectionFailed:
        assert self._target is not None
        timeout = self._core.config.connection.ready_timeout
        return self._target.not_ready(self._identity.missing, timeout)

    def _give_up(self, reason: str) -> None:
        """An attempt failed: nothing of it stays."""
        self._core.session_changed(Event.FAILED, reason)
        self._leave_link(reason)

    # ---- transport.Listener --------------------------------------------------------------

    def link_up(self, transport: Transport) -> None:
        """TCP stands: say hello."""
        target, core = self._target, self._core
        if transport is not self._transport or core.state is not State.CONNECTING:
            transport.abort()  # it was given up before it stood
            return
        assert target is not None
        core.session_changed(Event.TCP_UP, "connected; saying hello")
        transport.tune(core.config.connection)
        transport.write(client_hello(max_version=target.max_version, options=target.options))

    def bytes_came(self) -> None:
        """Any byte is life."""
        core = self._core
        self._batch_start = core.heard_at = core.arrival.at = core.clock.monotonic()
        self._watch.heard()
        heard = core.hears_messages
        core.registry.straight.message_done = self._message_done if heard else None

    def frame_came(self, body: bytes) -> None:
        """The hello."""
        self._watch.message_came(self._batch_start)
        if self._core.state is State.HANDSHAKE:
            self._take_hello(body)

    def messages_came(self) -> None:
        """Messages came, of those after the hello."""
        self._watch.message_came(self._batch_start)

    def _message(self, body: bytes) -> None:
        """A message that its stream does not decode itself."""
        self._nothing = self._core.dispatcher.frame(body) is None

    def _message_done(self) -> None:
        """A message is over: the queue of run() has to know, and who overrides msgLoopRec."""
        core, queue = self._core, self._core.registry.queue
        if self._nothing:
            self._nothing = False  # it was empty, or had no id
        elif queue is not None:
            queue.end_message(always=core.hears_messages)
        elif core.hears_messages:
            self._client.message_done()

    def batch_done(self) -> None:
        """All of one read was handed over."""
        self._core.arrival.at = None
        took = self._core.clock.monotonic() - self._batch_start
        self._core.registry.batch_took(took)
        pending = 0 if self._transport is None else self._transport.pending
        self._watch.batch_done(self._batch_start, took, pending)

    def _slice_done(self, took: float) -> None:
        """A part of a long message was handed over; nothing is read before its end."""
        self._core.registry.batch_took(took)
        self._watch.worked(took)

    def link_down(self, transport: Transport, error: BaseException | None) -> None:
        """The link has ended, wanted or not."""
        core, target = self._core, self._target
        core.arrival.at = None
        self._closing.ended(transport)
        if transport is not self._transport or core.state in {State.DISCONNECTED, State.WAITING}:
            return
        assert target is not None
        reason = why(error)
        if error is None or isinstance(error, ConnectionResetError):
            reason = self._remarks.explained(reason)
        if isinstance(error, FramingError) and core.machine.connected:
            # IB's own client says so, too, and ends the session.
            text = f"{BAD_LENGTH.msg()}: {error}"
            core.registry.fanout.error(NO_VALID_ID, core.millis(), BAD_LENGTH.code(), text, "")
        self.waits.fail(target.closed(reason))
        if self.waits.failure is not None:
            reason = str(self.waits.failure)
        core.session_changed(Event.LINK_LOST, reason)
        self._leave_link(reason)
        if self.waits.attempting:
            return  # the attempt has been told, and says what happens next
        self._supervisor.lost()
        if self._wanted and self._keep:
            self._remaking = core.event_loop.spawn(self._remake(reason), name="reconnect")
        else:
            self._finish(reason)

    # ---- the hello and the start ---------------------------------------------------------

    def _take_hello(self, body: bytes) -> None:
        core, target, transport = self._core, self._target, self._transport
        assert target is not None
        assert transport is not None
        try:
            hello = target.read_hello(body)
        except ConnectionFailed as error:
            self.waits.fail(error)
            transport.close()
            return
        version = hello.server_version
        if self._decoder is None:
            self._decoder = Decoder(core.registry.fanout, version)
        self._decoder.serverVersion = version
        core.server_version = version
        core.dispatcher.start(self._decoder, version, transport)
        stream = MessageStream(version, core.registry.straight, self._message)
        core.registry.straight.attach(stream)
        transport.listen_with(stream)
        core.session_began(transport.write, transport.write_at_once)
        core.registry.muted.clear()
        if self._sessions and core.supervised:
            core.registry.muted |= ONCE
        self._sessions += 1
        core.session_changed(Event.HELLO, f"server version {version}")
        if transport is not self._transport:
            return  # an observer has ended it
        self._announced = True
        self._client.adopt(target, version, hello.connection_time, self._decoder)
        self._client.begin_api()
        if transport is not self._transport:
            return  # so has the user's startApi
        self._watch.start()
        core.registry.fanout.connectAck()
        if self._hello is not None and not self._hello.done():
            self._hello.set_result(None)

    def _maybe_identified(self) -> None:
        core = self._core
        if core.state is not State.STARTING or self._identity.missing:
            return
        self._identity.complete()
        if not core.supervised and not self.waits.attempting:
            # IB's own start asks for nothing by itself: there is nothing to wait for.
            core.session_changed(Event.IDENTIFIED, "the accounts and the next order id are known")
            self._ready()

    def id_in_use(self) -> None:
        """The gateway said 326: the attempt under way has failed."""
        assert self._target is not None
        self.waits.fail(self._target.id_in_use())

    def port_changed(self, port: int) -> None:
        """The gateway said 1300: it drops this link, and listens on another port."""
        assert self._target is not None
        if port != self._target.port:
            self._other_port = self._target.port
            self._target = attrs.evolve(self._target, port=port)

    # ---- ending and making again ---------------------------------------------------------

    def disconnect(self, reason: str = "disconnected") -> None:
        """End the session, or the attempt at one; connectionClosed is called if there was one."""
        if self._target is None or not self._wanted:
            return
        remaking, self._remaking = self._remaking, None
        self.waits.fail(self._target.given_up(reason))
        if remaking is not None:
            remaking.cancel()
        self._finish(reason)

    async def finish(self) -> None:
        """The loop ends: end the session, and let what was written leave."""
        self._hooked = False
        self.disconnect("stopped")
        await self._lease.released()
        await self._closing.all_ended()

    def _finish(self, reason: str) -> None:
        """No session is wanted any more."""
        self._wanted = False
        self._core.retrying = None
        self._lease.release()
        self._core.session_changed(Event.DISCONNECT, reason)
        self._leave_link(reason)
        if self._announced:
            self._announced = False
            self._client.closed()

    def _leave_link(self, reason: str) -> None:
        """Everything that belonged to the link ends with it."""
        transport, self._transport = self._transport, None
        self._watch.stop()
        self._core.dispatcher.long.drop()
        self._core.session_ended(reason)
        if transport is not None:
            self._closing.close(transport)

    def link_useless(self, why_so: BaseException) -> None:
        """The link is dead, as far as we can tell, or its session is of no use."""
        if self._transport is not None:
            self._transport.abort_with(why_so)

    async def _remake(
        self, reason: str, error: ConnectionFailed | None = None
    ) -> ConnectionFailed | None:
        """Make the session again, for as long as one is wanted; what ended it if it is given up."""
        last, reason = await self._supervisor.remake(reason, error)
        if reason and self._wanted:
            # The failed attempt has been told of already; that there will be no other one has not.
            self._core.retrying = None
            self._core.moves.tell(self._core.state, reason)
            self._finish(reason)
        return last
