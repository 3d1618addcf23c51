"""A stand-in for IBC: a program of its own, with a real command port, whose gateway is a paper one.

`scripts/ibcstart.sh` of the tree that `install` makes runs this module. It reads IBC's arguments
and config.ini as IBC does, writes IBC's lines to its output, answers IBC's commands, and serves a
paper gateway on OverrideTwsApiPort. What shall go otherwise stands in ``stand_in.json`` beside it:

* ``second_factor``: it waits until the file ``answered`` is there.
* ``minute``: it restarts only once the file ``minute`` is there, as a gateway does at the next one.
* ``exit``: it ends with this status in place of a login.
* ``mute``: its command server takes commands, and answers none.
* ``refuse``: the commands that it answers with ERROR.
* ``deaf``: it does not end by SIGTERM.

``WEDGE`` on the command port is its own: the gateway hangs from then on, until it is restarted.
What it was given (arguments, environment, login) it writes to ``given.json``.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import socketserver
import sys
import threading
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["StandIn", "free_port", "install"]

ROOT = Path(__file__).parents[2]
#: How often it looks for the file that answers the second factor, seconds.
LOOK = 0.02


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


class StandIn:
    """An installed stand-in, as a test sees it.

    Args:
        root: Where it is installed.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / "ibc"
        self.jts = root / "Jts"
        self.ini = root / "ibc.ini"
        self.port = free_port()
        self.command_port = free_port()

    def behave(self, **how: Any) -> None:
        """Say what shall go otherwise."""
        (self.folder / "stand_in.json").write_text(json.dumps(how), encoding="utf-8")

    def answer_second_factor(self) -> None:
        """What a person does."""
        (self.folder / "answered").touch()

    def let_a_minute_pass(self) -> None:
        """Let the next full minute come."""
        (self.folder / "minute").touch()

    @property
    def minute_passed(self) -> bool:
        """Whether it has come."""
        return (self.folder / "minute").exists()

    def given(self) -> dict[str, Any]:
        """What it was given when it was started last."""
        read: dict[str, Any] = json.loads((self.folder / "given.json").read_text(encoding="utf-8"))
        return read


def install(root: Path, *, login: bool = True) -> StandIn:
    """Install a stand-in and the tree of a gateway.

    Args:
        root: An empty folder.
        login: Whether user name and password stand in its config.ini.
    """
    stand_in = StandIn(root)
    scripts = stand_in.folder / "scripts"
    scripts.mkdir(parents=True)
    (scripts / "ibcstart.sh").write_text(
        f'cd "{ROOT}" && exec "{sys.executable}" -m tests.support.stand_in_ibc "$@"\n',
        encoding="utf-8",
    )
    (stand_in.folder / "version").write_text("3.24.1\n", encoding="ascii")
    (stand_in.jts / "ibgateway" / "1040" / "jars").mkdir(parents=True)
    lines = [
        f"OverrideTwsApiPort={stand_in.port}",
        f"CommandServerPort={stand_in.command_port}",
        "SuppressInfoMessages=no",
        "CommandPrompt=IBC>",
        *(["IbLoginId=somebody", "IbPassword=in-the-file"] if login else []),
    ]
    stand_in.ini.write_text("\n".join(lines) + "\n", encoding="latin-1")
    stand_in.behave()
    return stand_in


# ------------------------------------------------------------------------------- its own program
def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _say(text: str) -> None:
    _write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}:000 IBC: {text}")


def _properties(path: Path) -> dict[str, str]:
    """IBC's settings; escapes of the login as Java undoes them."""
    values = {}
    for line in path.read_text(encoding="latin-1").splitlines():
        key, _, value = line.partition("=")
        values[key] = value.encode("latin-1").decode("unicode-escape")
    return values


class _Program:
    """The process: lives of a gateway, one after the other."""

    def __init__(self, arguments: list[str]) -> None:
        options = dict(one.split("=", 1) for one in arguments if one.startswith("--"))
        self.folder = Path(options["--ibc-path"])
        self.settings = _properties(Path(options["--ibc-ini"]))
        self.how: dict[str, Any] = json.loads((self.folder / "stand_in.json").read_text())
        self.orders: list[str] = []
        self.ordered = threading.Event()
        self.gateway: Any = None
        given = {
            "argv": arguments,
            "environ": dict(os.environ),
            "login": [self.settings.get("IbLoginId"), self.settings.get("IbPassword")],
        }
        (self.folder / "given.json").write_text(json.dumps(given), encoding="utf-8")

    def order(self, what: str) -> None:
        """End this life of the gateway, and go on as ordered."""
        self.orders.append(what)
        self.ordered.set()

    def run(self) -> int:
        """All lives; the exit status."""
        if self.how.get("deaf"):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        else:
            signal.signal(signal.SIGTERM, lambda *_: self.order("TERM"))
        _write("Starting IBC version 3.24.1 on 2026-09-07 at 07:13:30")
        _write("autorestart file not found: full authentication will be required")
        first = True
        with self._command_server():
            while True:
                _write("Starting Gateway with this command:")
                status = self._live(with_login=first)
                first = False
                _write(f"IBC returned exit status {status}")
                if not self.orders or self.orders.pop(0) != "RESTART":
                    _write("Gateway finished")
                    return status
                _write("autorestart file found: authentication will not be required")
                _write("IBC will restart shortly")

    def _command_server(self) -> ExitStack:
        stack = ExitStack()
        server = socketserver.ThreadingTCPServer(
            ("127.0.0.1", int(self.settings["CommandServerPort"])), _Commands, False
        )
        server.allow_reuse_address = True
        server.daemon_threads = True
        server.server_bind()
        server.server_activate()
        server.program = self  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(LOOK,), daemon=True).start()
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
        return stack

    def _live(self, *, with_login: bool) -> int:
        """One life of the gateway; its exit status."""
        _say("Detected frame entitled: IBKR Gateway; event=Opened")
        if with_login:
            _say("Click button: Paper Log In")
            if self.how.get("second_factor"):
                _say("Second Factor Authentication initiated")
                while not (self.folder / "answered").exists() and not self.ordered.wait(LOOK):
                    pass
                _say("detected dialog entitled: Second Factor Authentication; event=Closed")
        if "exit" in self.how:
            return int(self.how["exit"]) % 256
        if self.ordered.is_set():
            return 143
        from twsloop.paper import PaperGateway  # noqa: PLC0415  (not before it logs in)

        with PaperGateway(port=int(self.settings["OverrideTwsApiPort"])) as self.gateway:
            _say("Login has completed")
            _say("Configuration tasks completed")
            self.ordered.wait()
            self.ordered.clear()
            while self.how.get("minute") and self.orders == ["RESTART"] and not self._minute():
                threading.Event().wait(LOOK)
        self.gateway = None
        return 143 if self.orders[:1] == ["TERM"] else 0

    def _minute(self) -> bool:
        return (self.folder / "minute").exists()


class _Commands(socketserver.StreamRequestHandler):
    """One conversation of IBC's command server."""

    def handle(self) -> None:
        program: _Program = self.server.program  # type: ignore[attr-defined]
        self._say("INFO IBC Command Server\r\nIBC>")
        while True:
            with suppress(OSError):
                line = self.rfile.readline()
                if not line:
                    return
                if not self._answer(program, line.decode().strip().upper()):
                    return
                self._say("IBC>")

    def _answer(self, program: _Program, command: str) -> bool:
        """Whether the conversation goes on."""
        if program.how.get("mute"):
            program.ordered.wait()
            return False
        if command in program.how.get("refuse", ()):
            self._say(f"ERROR {command} already in progress\r\n")
        elif command == "EXIT":
            self._say("OK Goodbye\r\n")
            return False
        elif command == "STOP":
            self._say("INFO Closing IBC\r\nOK Shutting down\r\n")
            program.order("STOP")
            return False
        elif command == "RESTART":
            self._say("INFO Restarting TWS\r\nOK RESTART at 07:15 AM\r\n")
            program.order("RESTART")
            return False
        elif command == "ENABLEAPI":
            self._say("ERROR ENABLEAPI is not valid for the IB Gateway\r\n")
        elif command in {"RECONNECTDATA", "RECONNECTACCOUNT"}:
            self._say("OK \r\n")
        elif command == "WEDGE":
            program.gateway.faults.wedge()
            program.gateway.market.drop_clients()
            self._say("OK it hangs\r\n")
        else:
            self._say("ERROR Command invalid\r\n")
        return True

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode())
        self.wfile.flush()


if __name__ == "__main__":
    sys.exit(_Program(sys.argv[1:]).run())
