"""IB's own start, unchanged: connect(); run(), as in IB's samples, with our base class."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest
from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.wrapper import EWrapper

from tests.support.clients import PATIENCE, Background, Recorder
from tests.support.processes import PATIENT
from tests.support.scripted import Peer, ScriptedServer, proto_body, text_body
from twsloop.connection import IBKRConnection
from twsloop.errors import WrongThread
from twsloop.session.state import State
from twsloop.wire.messages import message_class

ROOT = Path(__file__).parents[2]


class SampleApp(IBKRConnection):
    """In the style of IB's samples: their __init__, their method names, their attributes."""

    def __init__(self) -> None:
        EWrapper.__init__(self)
        EClient.__init__(self, self)
        self.started = False
        self.log: list[tuple[Any, ...]] = []
        self.threads: set[threading.Thread] = set()
        # Names that ours have, too; a program may take any.
        self.accounts: dict[str, str] = {}
        self.errors: list[str] = []
        self.state = self.orders = self.clock = self.metrics = None
        self.event_loop = "mine"  # type: ignore[assignment]
        self._callbacks = self._app = self._life = self._over = self._core = "mine"

    def note(self, *what: Any) -> None:
        self.log.append(what)
        self.threads.add(threading.current_thread())

    def start(self) -> None:  # IB's sample has these two
        self.started = True
        self.reqCurrentTime()

    def stop(self) -> None:
        raise AssertionError("nobody of ours may call the user's own stop()")

    def connectAck(self) -> None:
        self.note("connectAck")

    def managedAccounts(self, accountsList: str) -> None:
        self.note("managedAccounts", accountsList)

    def nextValidId(self, orderId: int) -> None:
        self.note("nextValidId", orderId)
        self.start()

    def currentTime(self, time: int) -> None:
        self.note("currentTime", time)
        self.disconnect()

    def error(
        self, reqId: int, errorTime: int, errorCode: int, errorString: str, advanced: str = ""
    ) -> None:
        self.note("error", reqId, errorCode)

    def connectionClosed(self) -> None:
        self.note("connectionClosed")

    @property
    def names(self) -> list[str]:
        return [entry[0] for entry in self.log]


async def one_session(peer: Peer) -> None:
    """Text 178: the start, then the answer to reqCurrentTime."""
    await peer.open_session(178)
    assert await peer.read_frame() == text_body(49, 1)
    await peer.send(text_body(49, 1, 1767623400))
    assert await peer.read_to_end() == b""


async def one_protobuf_session(peer: Peer) -> None:
    await peer.open_protobuf_session()
    assert int.from_bytes((await peer.read_frame())[:4], "big") == 249
    await peer.send(proto_body(49, message_class("CurrentTime")(currentTime=1767623400)))
    assert await peer.read_to_end() == b""


async def stay(peer: Peer) -> None:
    """A session in which nothing happens."""
    await peer.open_session(178)
    await peer.read_to_end()


WHOLE = [
    ("connectAck",),
    ("managedAccounts", "DU1234567"),
    ("nextValidId", 1),
    ("currentTime", 1767623400),
    ("connectionClosed",),
]


@pytest.mark.parametrize("script", [one_session, one_protobuf_session])
def test_ib_s_own_sample_style_runs_unchanged(script: Any) -> None:
    with ScriptedServer(script) as server:
        app = SampleApp()
        app.connect("127.0.0.1", server.port, clientId=7)
        assert app.isConnected()
        assert app.log == [], "no callback before run()"
        assert (app.clientId, app.host, app.port) == (7, "127.0.0.1", server.port)
        assert app.twsConnectionTime() == b"20260105 14:30:00 UTC"
        assert app.conn is not None
        app.run()
        server.wait_done()
    assert app.log == WHOLE
    assert app.threads == {threading.main_thread()}
    assert app.started
    assert not app.isConnected()
    assert app.conn is None
    assert "mine" in (app._callbacks, app._life)


def test_callbacks_loop_come_on_the_loop_thread_and_not_before_run() -> None:
    class LoopApp(SampleApp):
        def __init__(self) -> None:
            IBKRConnection.__init__(self, callbacks="loop")
            self.log, self.threads = [], set()
            self.records = 0

        def msgLoopRec(self) -> None:
            self.records += 1

    with ScriptedServer(one_session) as server:
        app = LoopApp()
        app.connect("127.0.0.1", server.port, 7)
        app._tws.event_loop.call(lambda: None)  # whatever came has been handled
        assert app.log == []
        app.run()
        server.wait_done()
    assert app.log == WHOLE
    assert [thread.name for thread in app.threads] == ["twsloop-1"]
    assert app.records == 3


def test_a_separate_wrapper_object_gets_the_callbacks() -> None:
    wrapper = Recorder()
    client = IBKRConnection(wrapper=wrapper)

    async def script(peer: Peer) -> None:
        await peer.open_session(178)
        await peer.send(text_body(49, 1, 5))
        peer.close()

    with ScriptedServer(script) as server:
        client.connect("127.0.0.1", server.port, 1)
        client.run()
    assert wrapper.names == [
        "connectAck", "managedAccounts", "nextValidId", "currentTime", "connectionClosed",
    ]  # fmt: skip


def test_ib_style_with_a_separate_wrapper_works_too() -> None:
    class Client(IBKRConnection):
        def __init__(self, wrapper: EWrapper) -> None:
            EClient.__init__(self, wrapper)

    wrapper = Recorder()
    with ScriptedServer(stay) as server:
        client = Client(wrapper)
        client.connect("127.0.0.1", server.port, 1)
        running = Background(client.run)
        wrapper.wait("nextValidId")
        client.disconnect()
        running.result()
    assert wrapper.names.count("connectionClosed") == 1


def test_run_in_a_thread_of_its_own_and_disconnect_from_another() -> None:
    with ScriptedServer(stay) as server:
        wrapper = Recorder()
        client = IBKRConnection(wrapper=wrapper)
        client.connect("127.0.0.1", server.port, 1)
        running = Background(client.run)
        wrapper.wait("nextValidId")
        assert wrapper.threads == {running.thread.name}
        client.disconnect()
        client.disconnect()
        running.result()
    assert wrapper.names.count("connectionClosed") == 1
    assert client.session_state is State.DISCONNECTED


def test_disconnect_inside_a_callback_has_called_connection_closed_when_it_returns() -> None:
    class App(SampleApp):
        def nextValidId(self, orderId: int) -> None:
            self.disconnect()
            self.note("after disconnect")
            self.disconnect()

    with ScriptedServer(stay) as server:
        app = App()
        app.connect("127.0.0.1", server.port, 1)
        app.run()
    assert app.names == ["connectAck", "managedAccounts", "connectionClosed", "after disconnect"]


def test_the_gateway_s_end_lets_run_return_after_everything_was_delivered() -> None:
    async def script(peer: Peer) -> None:
        await peer.open_session(178)
        await peer.send(*(text_body(49, 1, number) for number in range(200)))
        peer.close()

    with ScriptedServer(script) as server:
        wrapper = Recorder()
        client = IBKRConnection(wrapper=wrapper)
        client.connect("127.0.0.1", server.port, 1)
        server.wait_done()
        client.run()
    assert wrapper.of("currentTime") == [(number,) for number in range(200)]
    assert wrapper.names[-1] == "connectionClosed"
    assert wrapper.names.count("connectionClosed") == 1


def test_one_object_connects_again_and_hears_nothing_of_before() -> None:
    with ScriptedServer(one_session) as server:
        app = SampleApp()
        for _ in range(3):
            app.connect("127.0.0.1", server.port, 7)
            app.run()
        server.wait_done(3)
    assert app.log == WHOLE * 3


def test_connecting_again_inside_connection_closed() -> None:
    class Again(SampleApp):
        rounds = 0

        def connectionClosed(self) -> None:
            super().connectionClosed()
            self.rounds += 1
            if self.rounds < 3:
                self.connect("127.0.0.1", server.port, 7)

    with ScriptedServer(one_session) as server:
        app = Again()
        app.connect("127.0.0.1", server.port, 7)
        app.run()
        server.wait_done(3)
    assert app.log == WHOLE * 3


def test_connecting_twice_is_501_and_harms_nothing() -> None:
    with ScriptedServer(stay) as server:
        wrapper = Recorder()
        client = IBKRConnection(wrapper=wrapper)
        client.connect("127.0.0.1", server.port, 1)
        client.connect("127.0.0.1", server.port, 1)
        assert client.isConnected()
        running = Background(client.run)
        (error,) = wrapper.wait("error")
        assert error[0] == -1
        assert error[2:4] == (501, "Already connected.")
        client.disconnect()
        running.result()
    assert server.connections == 1


def test_a_refused_port_is_502_and_closed_before_connect_returns() -> None:
    with ScriptedServer(stay) as server:
        port = server.port
    wrapper = Recorder()
    client = IBKRConnection(wrapper=wrapper)
    assert client.connect("127.0.0.1", port, 1) is None  # type: ignore[func-returns-value]
    assert wrapper.names == ["error", "connectionClosed"]
    assert wrapper.of("error")[0][2] == 502
    assert "nothing listens there" in wrapper.of("error")[0][3]
    assert wrapper.threads == {"MainThread"}
    client.run()  # as IB's: returns at once
    assert wrapper.names.count("connectionClosed") == 1


def test_a_name_that_is_not_ascii_is_579() -> None:
    wrapper = Recorder()
    client = IBKRConnection(wrapper=wrapper)
    client.connect("gatewäy", 4002, 1)
    assert [error[2] for error in wrapper.of("error")] == [579]
    assert "gatew?y" in wrapper.of("error")[0][3]


def test_requests_before_after_and_without_a_session_are_504_at_once() -> None:
    wrapper = Recorder()
    client = IBKRConnection(wrapper=wrapper)
    client.reqMktData(3, Contract(), "", False, False, [])
    assert wrapper.of("error")[0][0] == 3
    with ScriptedServer(stay) as server:
        client.connect("127.0.0.1", server.port, 1)
        running = Background(client.run)
        wrapper.wait("nextValidId")
        client.disconnect()
        running.result()
    client.reqMktData(4, Contract(), "", False, False, [])
    client.reqPositions()
    assert [(error[0], error[2]) for error in wrapper.of("error")] == [
        (3, 504),
        (4, 504),
        (-1, 504),
    ]


def test_requests_from_callbacks_and_from_many_threads_all_leave_whole() -> None:
    got: list[list[str]] = []

    async def script(peer: Peer) -> None:
        await peer.open_session(178)
        got.extend(await peer.read_requests())

    class App(SampleApp):
        def nextValidId(self, orderId: int) -> None:
            for number in range(50):
                self.reqPnL(number, "DU1", "")
            go.set()

    go = threading.Event()
    with ScriptedServer(script) as server:
        app = App()
        app._tws.outbox.pacer.rates.ceiling = 0
        app.connect("127.0.0.1", server.port, 1)
        running = Background(app.run)
        assert go.wait(PATIENCE)
        threads = [
            Background(lambda n=n: [app.reqPnL(1000 * n + i, "DU1", "") for i in range(50)])
            for n in range(1, 4)
        ]
        for thread in threads:
            thread.result()
        app.disconnect()
        running.result()
        server.wait_done()
    asked = [int(fields[1]) for fields in got if fields[0] == "92"]
    assert sorted(asked) == sorted(1000 * n + i for n in range(4) for i in range(50))
    for n in range(4):
        mine = [number for number in asked if number // 1000 == n]
        assert mine == sorted(mine)


def test_the_loop_s_hooks_of_run_are_called() -> None:
    class App(SampleApp):
        idle = 0
        records = 0

        def nextValidId(self, orderId: int) -> None:
            """Nothing: the idle hook ends it."""

        def msgLoopTmo(self) -> None:
            self.idle += 1
            self.disconnect()

        def msgLoopRec(self) -> None:
            self.records += 1

    async def script(peer: Peer) -> None:
        await peer.open_session(178)
        await peer.send(text_body(49, 1, 1), text_body(77, 1, "x"))
        await peer.read_to_end()

    with ScriptedServer(script) as server:
        app = App()
        app.currentTime = lambda time: None  # type: ignore[method-assign]
        app.connect("127.0.0.1", server.port, 1)
        app.run()
    assert app.idle == 1
    assert app.records == 4, "once a message, heard or not: accounts, id, time, and message 77"


def test_run_and_connect_on_the_loop_thread_raise_instead_of_hanging() -> None:
    raised: list[BaseException] = []

    class App(SampleApp):
        def __init__(self) -> None:
            IBKRConnection.__init__(self, callbacks="loop")
            self.log, self.threads = [], set()

        def nextValidId(self, orderId: int) -> None:
            for call in (self.run, lambda: self.connect("127.0.0.1", 1, 1)):
                try:
                    call()
                except WrongThread as error:
                    raised.append(error)
            self.disconnect()

    with ScriptedServer(stay) as server:
        app = App()
        app.connect("127.0.0.1", server.port, 1)
        app.run()
    assert len(raised) == 2


# ---- Ctrl-C, and programs that end ---------------------------------------------------------------


def run_program(port: int, body: str, *, interrupt_at: str = "") -> tuple[int, str, str]:
    """Run a program in a process of its own; a real SIGINT when it has said ``interrupt_at``."""
    program = f"{PATIENT}port = {port}\n" + textwrap.dedent(body)
    process = subprocess.Popen(
        [sys.executable, "-X", "dev", "-c", program], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    said = ""
    try:
        if interrupt_at:
            assert process.stdout is not None
            for line in process.stdout:
                said += line
                if interrupt_at in line:
                    process.send_signal(signal.SIGINT)
                    break
        out, err = process.communicate(timeout=PATIENCE * 2)
    except BaseException:
        process.kill()
        raise
    return process.returncode, said + out, err


PRELUDE = """
    from twsloop.connection import IBKRConnection
    class App(IBKRConnection):
        def nextValidId(self, orderId):
            print("ready", flush=True)
        def connectionClosed(self):
            print("closed", flush=True)
"""


def test_ctrl_c_in_run_disconnects_and_raises() -> None:
    with ScriptedServer(stay) as server:
        code, out, err = run_program(
            server.port,
            PRELUDE
            + """
    app = App()
    app.connect("127.0.0.1", port, 1)
    try:
        app.run()
    except KeyboardInterrupt:
        print("interrupted", app.isConnected())
    """,
            interrupt_at="ready",
        )
        server.wait_done()
    assert (code, out.split("\n")[:3]) == (0, ["ready", "closed", "interrupted False"]), err
    assert "Warning" not in err


def test_ctrl_c_in_run_calls_an_overridden_keyboard_interrupt_and_goes_on_as_ib_s() -> None:
    with ScriptedServer(stay) as server:
        code, out, err = run_program(
            server.port,
            PRELUDE
            + """
    class Mine(App):
        def keyboardInterrupt(self):
            print("mine", flush=True)
            self.disconnect()
    app = Mine()
    app.connect("127.0.0.1", port, 1)
    app.run()
    print("returned")
    """,
            interrupt_at="ready",
        )
    assert (code, out.split()) == (0, ["ready", "mine", "closed", "returned"]), err


def test_ctrl_c_in_result() -> None:
    with ScriptedServer(stay) as server:
        code, out, err = run_program(
            server.port,
            PRELUDE
            + """
    from twsloop.config import Config
    app = App(Config.load(overrides={"connection.port": port}))
    with app:
        try:
            print("waiting", flush=True)
            app._tws.ask(lambda _: None, request="nothing", timeout=100).result()
        except KeyboardInterrupt:
            print("interrupted")
    """,
            interrupt_at="waiting",
        )
        server.wait_done()
    assert (code, out.split()) == (0, ["ready", "waiting", "interrupted", "closed"]), err


@pytest.mark.parametrize("supervised", [True, False])
def test_a_forgotten_stop_ends_by_itself(supervised: bool) -> None:
    start = "app.start()" if supervised else 'app.connect("127.0.0.1", port, 1)'
    with ScriptedServer(stay) as server:
        code, out, err = run_program(
            server.port,
            PRELUDE
            + f"""
    from twsloop.config import Config
    app = App(Config.load(overrides={{"connection.port": port}}))
    {start}
    print("end of program")
    """,
        )
        server.wait_done()
    assert code == 0, err
    said = out.split("\n")
    assert "end of program" in said
    # With IB's own start no callback comes without a run().
    assert ("closed" in said) is supervised
    assert err == ""


def test_a_forgotten_stop_lets_go_of_threads_that_wait_for_an_answer() -> None:
    with ScriptedServer(stay) as server:
        code, out, err = run_program(
            server.port,
            PRELUDE
            + """
    import threading
    from twsloop.config import Config
    app = App(Config.load(overrides={"connection.port": port}))
    app.start()
    answer = app._tws.ask(lambda _: None, request="nothing", timeout=100)
    def wait():
        try:
            answer.result()
        except Exception as error:
            print(type(error).__name__, flush=True)
    threading.Thread(target=wait).start()
    """,
        )
    # Two threads print at once: in any order, on one line or on two.
    assert (code, err) == (0, "")
    assert sorted(out.replace("closed", " closed ").split()) == [
        "ConnectionLost",
        "closed",
        "ready",
    ]


def test_a_program_whose_main_thread_ends_goes_on_in_its_run_thread_as_ib_s() -> None:
    async def script(peer: Peer) -> None:
        await peer.open_session(178)
        await peer.read_frame()
        await peer.send(text_body(49, 1, 5))
        await peer.read_to_end()

    with ScriptedServer(script) as server:
        code, out, err = run_program(
            server.port,
            PRELUDE
            + """
    import threading
    class Late(App):
        def currentTime(self, time):
            print("time", threading.main_thread().is_alive(), flush=True)
            self.disconnect()
        def msgLoopTmo(self):
            self.turns = getattr(self, "turns", 0) + 1
            if self.turns == 8:  # more than the watcher's interval after the main thread's end
                self.reqCurrentTime()
    app = Late()
    app.connect("127.0.0.1", port, 1)
    threading.Thread(target=app.run).start()
    print("main ends", flush=True)
    """,
        )
        server.wait_done()
    assert code == 0, err
    assert "time False" in out, (out, err)
    assert out.split()[-1] == "closed"
