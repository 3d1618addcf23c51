"""`GatewayDouble`: a gateway for unit tests, without sockets, threads or time.

It makes a program's own class and lets it connect, in memory, to a gateway of which the test says
every word. Nothing of twsloop is replaced but the socket and the thread: what the test says is
encoded as on the wire and comes to the program through the same decoder and fan-out, and what the
program asks leaves through the same gate and encoder, to be read from `GatewayDouble.sent`.

When a call of the double returns, everything that follows from it has happened: callbacks have
been called, and the requests that they made have been sent. Time stands still until
`GatewayDouble.advance`; ``.result(timeout=10)`` moves it by up to 10 seconds instead of waiting.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, NamedTuple, Self, TypeVar

import attrs
from google.protobuf.descriptor import FieldDescriptor

from twsloop.clock import Clock, ManualClock
from twsloop.connection import IBKRConnection
from twsloop.connection.stand_ins import STAND_INS, StandIns
from twsloop.errors import NotConnected, ParseError, TapeError
from twsloop.gateway import IBGateway
from twsloop.paper.tape.playback import Playback
from twsloop.paper.tape.player import load_script
from twsloop.paper.tape.script import Expect, Heard, Say, Scene, Script, Step, new_message
from twsloop.paper.tape.transcript import read_transcript
from twsloop.paper.tape.wording import (
    assign,
    close_to,
    describe,
    kind_named,
    read_value,
    split_words,
)
from twsloop.processors.registry import CALLBACKS
from twsloop.wire import codec, framing, handshake
from twsloop.wire.messages import Direction

from .hand_loop import HandDrivenLoop, HandLoop
from .memory_link import MemoryTransport, Peer

__all__ = ["GatewayDouble", "Sent"]

G = TypeVar("G", bound=IBKRConnection)

#: What a script begins with is over when it is played to a session that stands.
_START = frozenset({"managedAccounts", "nextValidId"})


class Sent(NamedTuple):
    """A request that left the program: ``name, message = double.sent[0]``.

    Attributes:
        name: IB's name of it: ``reqMktData``, ``placeOrder``.
        message: Its protobuf form, whatever the protocol: ``sent.message.contract.symbol``.
    """

    name: str
    message: Any

    def __repr__(self) -> str:
        """The request in words, as a failed assertion shows it."""
        return f"<Sent {self}>"

    def __str__(self) -> str:
        """The request in words."""
        if self.message is None:
            return self.name
        return describe(kind_named(Direction.OUTBOUND, self.name), self.message, limit=None)


class GatewayDouble(Generic[G]):
    """A gateway that says what the test tells it to, to a program of the user's own class.

    ::

        double = GatewayDouble(App)                    # App subclasses IBGateway
        double.app.subscribe("AAPL")
        req_id = double.last("reqMktData").reqId
        double.say("tickPrice", reqId=req_id, tickType=4, price=189.5, size=100)
        assert double.last("placeOrder").order.action == "BUY"

    Args:
        make: The program's class, or a function that makes the object.
        script: What the gateway says: a transcript, or the file of a transcript or tape.
        version: The server version to speak.
        accounts: The accounts of the login.
        next_order_id: The next order id.
        start: Connect, as ``with app:`` does, until the session is READY. Otherwise the program is
            left alone: it connects when told to (``double.app.connect(...)``, IB's own start, whose
            callbacks `deliver` calls).

    Attributes:
        app: The program's object.
        clock: Its time; stands still until `advance`.
        sent: The requests that left it, oldest first; those of the start are in `started_with`.
        started_with: The requests of the start: startApi, open orders and so on.
        failures: What callbacks raised, in words; `check` and the end of ``with`` raise for them.
        refusing: While True, connections are refused.

    Raises:
        TapeError: The script cannot be read.
    """

    def __init__(
        self,
        make: Callable[[], G] = IBGateway,
        *,
        script: Script | Path | str | None = None,
        version: int = handshake.MAX_CLIENT_VERSION,
        accounts: Sequence[str] = ("DU1234567",),
        next_order_id: int = 1,
        start: bool = True,
    ) -> None:
        self.version = version
        self.sent: list[Sent] = []
        self.started_with: list[Sent] = []
        self.failures: list[str] = []
        self.refusing = False
        self._problems: list[str] = []
        text = f"accounts {','.join(accounts)}\nnext-id {next_order_id}\n"
        self._start = read_transcript(text, "start")
        self._script = load_script(script) if script is not None else self._start
        self._scenes = deque(map(_as_messages, self._script.scenes))
        self._peer: Peer | None = None
        token = STAND_INS.set(StandIns(ManualClock(), self._make_loop))
        try:
            self.app: G = make()
        finally:
            STAND_INS.reset(token)
        app: object = self.app
        if not isinstance(app, IBKRConnection):
            msg = f"{self.app!r} is no IBGateway: give the class, or a function that makes one"
            raise TypeError(msg)
        core = app._tws  # noqa: SLF001 - the connection's inside, of which this is a part
        self.clock: Clock = core.clock
        self._core = core
        core.errors.on("callback", lambda notice: self.failures.append(notice.text))
        if start:
            self.start()

    def _make_loop(self, **options: Any) -> HandDrivenLoop:
        return HandDrivenLoop(self._connect, **options)

    def _connect(
        self, loop: HandLoop, protocol: asyncio.Protocol, host: str, port: int
    ) -> asyncio.Transport:
        if self.refusing:
            raise ConnectionRefusedError(111, "Connect call failed", (host, port))
        scene = self._scenes.popleft() if self._scenes else self._start.scenes[0]
        self._peer = peer = Peer(self, scene)
        peer.transport = MemoryTransport(loop, protocol, peer)
        return peer.transport

    # ---- life ------------------------------------------------------------------------------

    def start(self) -> None:
        """Connect, until the session is READY; raises what `IBKRConnection.start` does."""
        self.app._driver.start()  # noqa: SLF001 - a program may call anything else "start"
        self.started_with, self.sent = self.sent, []

    def stop(self) -> None:
        """End the session. Idempotent."""
        self.app._driver.stop()  # noqa: SLF001

    def check(self) -> None:
        """See that the script was followed and no callback raised.

        Raises:
            AssertionError: It was not, or one did; the text says where.
        """
        problems = [*self._problems]
        playback = self._peer.playback if self._peer is not None else None
        if playback is not None and playback.waits_for is not None:
            playback.leave()
            problems += playback.problems
        problems += self.failures
        if problems:
            raise AssertionError("\n".join(dict.fromkeys(problems)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.check()
        self.stop()

    # ---- what the gateway does -------------------------------------------------------------

    def say(self, what: str, /, **fields: Any) -> None:
        """Say one message; the callbacks have been called when this returns.

        Args:
            what: IB's name of it, or a whole line of a transcript
                (``"tickPrice reqId=1 tickType=4 price=1.5"``).
            **fields: Fields of its protobuf form; parts as dicts, lists as lists.

        Raises:
            ValueError: There is no such message or field; the text says what may have been meant.
            NotConnected: There is no session.
        """
        name, _, rest = what.strip().partition(" ")
        kind = kind_named(Direction.INBOUND, name)
        try:
            message = new_message(kind)
        except ParseError as error:
            raise ValueError(str(error)) from error
        for path, value in split_words(rest):
            assign(message, path, read_value(value))
        _fill(message, fields, kind.name)
        peer = self._session()
        if peer.playback is not None:
            peer.playback.ids.complete(message)
        data = framing.frame(codec.encode(kind, message, peer.version))
        transport = peer.transport
        assert transport is not None
        self._run(lambda: transport.say(data))

    def error(self, code: int, text: str, *, id: int = -1) -> None:
        """Say an error or a notice."""
        self.say("errMsg", id=id, errorCode=code, errorMsg=text)

    def callback(self, name: str, /, *args: Any) -> None:
        """Call one of IB's callbacks for everyone who hears it, with IB's own arguments.

        For those who think in callbacks; `say` is closer to the wire, and needs no ibapi objects.

        Raises:
            ValueError: There is no such callback, or it has other parameters.
        """
        signature = CALLBACKS.get(name)
        if signature is None:
            msg = f"there is no callback {name!r}{close_to(name, CALLBACKS)}"
            raise ValueError(msg)
        try:
            signature.bind(None, *args)
        except TypeError as error:
            takes = ", ".join([one for one in signature.parameters if one != "self"])
            msg = f"{name} takes ({takes}): {error}"
            raise ValueError(msg) from error
        self._run(lambda: getattr(self._core.registry.fanout, name)(*args))

    def play(self, script: Script | Path | str) -> None:
        """Play a transcript or tape as far as the program does its part; its times pass at once.

        What it begins a session with is left out: the session stands. Where it waits for a request
        it goes on as soon as the program sends it; `check` tells what did not come.

        Raises:
            TapeError: It cannot be read.
            NotConnected: There is no session.
        """
        self._script = load_script(script)
        scene = _as_messages(self._script.scenes[0])
        steps = scene.steps
        while steps and _is_start(steps[0]):
            steps = steps[1:]
        peer = self._session()
        peer.play(attrs.evolve(scene, steps=steps))
        self._run(peer.turn)
        while peer.wake is not None and self._peer is peer:
            self.advance(max(peer.wake - self.clock.monotonic(), 0.0))

    def drop(self) -> None:
        """Cut the connection, as a network that fails."""
        transport = self._session().transport
        assert transport is not None
        self._run(lambda: transport.end(ConnectionResetError(104, "Connection reset by peer")))

    def advance(self, seconds: float) -> None:
        """Let time pass: timers fire, deadlines end.

        Raises:
            TypeError: The program brought a clock of its own that cannot be moved.
        """
        if not isinstance(self.clock, ManualClock):
            msg = f"the program has a clock of its own, a {type(self.clock).__name__}"
            raise TypeError(msg)
        self.clock.advance(seconds)

    def deliver(self) -> None:
        """Call the callbacks that wait for ``run()``, after IB's own start."""
        self.app._driver._deliver_all()  # noqa: SLF001 - run() without its waiting

    # ---- what the program did --------------------------------------------------------------

    def sent_of(self, name: str) -> list[Any]:
        """The requests of a name that left the program, as their protobuf messages."""
        kind = kind_named(Direction.OUTBOUND, name)
        return [sent.message for sent in self.sent if sent.name == kind.name]

    def last(self, name: str) -> Any:
        """The newest request of a name.

        Raises:
            AssertionError: There is none; the text says what was sent instead.
        """
        found = self.sent_of(name)
        if not found:
            sent = "; ".join(map(str, self.sent)) or "nothing"
            msg = f"no {name} was sent; sent was: {sent}"
            raise AssertionError(msg)
        return found[-1]

    # ---- for the peer ----------------------------------------------------------------------

    def heard(self, heard: Heard) -> None:
        """A request left the program."""
        self.sent.append(Sent(heard.name, heard.message))

    def where(self, line: int) -> str:
        """A line of the script."""
        return self._script.where(line)

    def complain(self, playback: Playback) -> None:
        """The script ended the session; keep what was wrong."""
        self._problems += playback.problems

    def _session(self) -> Peer:
        peer = self._peer
        if peer is None or peer.transport is None or peer.transport.is_closing():
            msg = "the program is not connected to the double"
            raise NotConnected(msg)
        return peer

    def _run(self, work: Callable[[], object]) -> None:
        """Do something on the program's loop, and all that follows from it."""
        loop = self._core.event_loop
        if loop.in_loop():
            work()
        elif loop.running:
            loop.post(work)


def _is_start(step: Step) -> bool:
    if isinstance(step, Expect):
        return step.kind is not None and step.kind.name == "startApi"
    return isinstance(step, Say) and step.kind is not None and step.kind.name in _START


def _as_messages(scene: Scene) -> Scene:
    """A recorded scene for any version: messages in the place of bytes.

    Raises:
        TapeError: A message cannot be read.
    """
    if scene.version is None:
        return scene
    steps: list[Step] = []
    for step in scene.steps:
        if isinstance(step, Say) and step.body is not None and step.message is None:
            try:
                read = codec.decode(Direction.INBOUND, step.body, scene.version)
            except ParseError as error:
                raise TapeError(f"a message cannot be read: {error}", line=step.line) from error
            steps.append(attrs.evolve(step, kind=read.type, message=read.message, body=None))
        elif isinstance(step, Expect) and step.whole:
            steps.append(attrs.evolve(step, body=None))
        else:
            steps.append(step)
    return attrs.evolve(scene, steps=tuple(steps), version=None)


def _fill(message: Any, fields: dict[str, Any], where: str) -> None:
    """Set fields by name; parts from dicts."""
    known = message.DESCRIPTOR.fields_by_name
    for name, value in fields.items():
        field = known.get(name)
        if field is None:
            hint = close_to(name, known) or f"; there are {', '.join(known)}"
            msg = f"{where} has no field {name!r}{hint}"
            raise ValueError(msg)
        _fill_field(message, field, value, where)


def _fill_field(message: Any, field: Any, value: Any, where: str) -> None:
    name = field.name
    if field.type == FieldDescriptor.TYPE_MESSAGE and isinstance(value, dict):
        if field.message_type.GetOptions().map_entry:
            getattr(message, name).update(value)
        else:
            part = getattr(message, name)
            part.SetInParent()
            _fill(part, value, f"{where}.{name}")
    elif field.is_repeated:
        target = getattr(message, name)
        for one in value:
            if isinstance(one, dict):
                _fill(target.add(), one, f"{where}.{name}")
            else:
                target.append(one)
    elif field.type == FieldDescriptor.TYPE_STRING:
        setattr(message, name, str(value))  # sizes are decimals, as texts: 100 is as good
    else:
        setattr(message, name, value)
