"""Makes the pictures of the docs from real runs: programs on a terminal, and the pages themselves.

    python docs/screenshots.py              all of them
    python docs/screenshots.py demo watch   some of them

The pictures of programs go to ``docs/images`` and belong to the project: they are made anew when
what they show looks different. Those of the pages are for looking at only: ``docs/_build/pages``
(needs `make docs` first, and Chromium).
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs
import pyte

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

from terminal_svg import Cell, Frame, Line, draw  # noqa: E402  (beside this file, in _ext)

ROOT = HERE.parent
IMAGES = HERE / "images"
PAGES = HERE / "_build" / "pages"
#: How far apart two pictures of a recording are at least, seconds.
STEP = 0.5
#: What was drawn is whole when so long nothing more has come, seconds.
SETTLED = 0.03
#: How many lines stand on the first picture of a recording.
BEGINS = 8
#: What a program writes when it gives the whole screen back.
ALTERNATE_SCREEN_LEFT = b"\x1b[?1049l"
#: The exit code of an order that rests.
STILL_OPEN = 13
#: The pages that are looked at, as wide as a screen and as a telephone, pixels.
LOOKED_AT = ("index", "tutorial", "explain/comparison", "cli", "howto/index", "guide/orders")
WIDTHS = (1280, 420)


@attrs.frozen
class Shot:
    """A program whose picture is taken.

    Attributes:
        arguments: The command line of ``twsloop``.
        before: Command lines that are run first, with the same gateway.
        columns: How wide the terminal is, characters.
        lines: How high it is.
        plays: Whether the picture plays, or is the last one.
        own_gateway: Whether the command brings its gateway.
    """

    arguments: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()
    columns: int = 100
    lines: int = 24
    plays: bool = False
    own_gateway: bool = False


SHOTS = {
    "demo": Shot(("--paper", "demo"), columns=94, lines=32, plays=True, own_gateway=True),
    "watch": Shot(
        ("watch", "AAPL", "MSFT", "NVDA", "SPY", "EUR.USD", "--seconds", "9"),
        before=(("buy", "AAPL", "100"), ("buy", "MSFT", "50", "--limit", "480", "--timeout", "0")),
        columns=110,
        lines=28,
    ),
    "trace": Shot(("trace", "1"), before=(("buy", "AAPL", "100"),), columns=100, lines=21),
}


def record(shot: Shot, home: Path) -> list[Frame]:
    """Run a program on a terminal; what stood on its screen, and when."""
    screen = pyte.Screen(shot.columns, shot.lines)
    stream = pyte.ByteStream(screen)
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", shot.lines, shot.columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "gateway_cli.py"), *shot.arguments],
        stdin=slave, stdout=slave, stderr=slave, cwd=home, env=environment(home),
    )  # fmt: skip
    os.close(slave)
    began, frames, whole = time.monotonic(), [], False
    try:
        while select.select([master], [], [], 60)[0]:
            try:
                piece = os.read(master, 65_536)
            except OSError:  # Linux: the program has ended
                break
            # A program that leaves the screen it was given takes its last picture away.
            whole = whole or ALTERNATE_SCREEN_LEFT in piece
            if not whole:
                stream.feed(piece)
            # Half of what is being drawn is no picture: the rest of it comes at once.
            if select.select([master], [], [], SETTLED)[0]:
                continue
            now = time.monotonic() - began
            if not frames or now - frames[-1].at >= STEP:
                frames.append(Frame(now, lines_of(screen)))
        else:
            raise SystemExit(f"nothing came of twsloop {' '.join(shot.arguments)}")
    finally:
        os.close(master)
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        if process.wait(30):
            raise SystemExit(f"twsloop {' '.join(shot.arguments)} ended with {process.returncode}")
    frames.append(Frame(time.monotonic() - began, lines_of(screen)))
    return frames


def lines_of(screen: pyte.Screen) -> tuple[Line, ...]:
    """What stands on the screen now, without the blank lines below it."""
    lines = []
    for row in range(screen.lines):
        cells = [screen.buffer[row][column] for column in range(screen.columns)]
        lines.append(
            tuple(
                Cell(cell.data, cell.fg, cell.bold, ground=cell.bg)
                if not cell.reverse
                else Cell(cell.data, "black", cell.bold, ground="white")
                for cell in cells
            )
        )
    while lines and not any(cell.text.strip() for cell in lines[-1]):
        lines.pop()
    return tuple(lines)


def environment(home: Path, **more: str) -> dict[str, str]:
    """Nobody's settings, and a home of its own."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TWSLOOP_", "COLUMNS"))}
    return {**kept, "HOME": str(home), "TERM": "xterm-256color", "COLORTERM": "", **more}


@contextmanager
def gateway(home: Path) -> Iterator[int]:
    """A paper gateway in a process of its own; its port."""
    serving = subprocess.Popen(
        [sys.executable, str(ROOT / "gateway_cli.py"), "--json", "paper", "--port", "0"],
        stdout=subprocess.PIPE, text=True, cwd=home, env=environment(home),
    )  # fmt: skip
    with serving:
        try:
            assert serving.stdout is not None
            yield int(json.loads(serving.stdout.readline())["port"])
        finally:
            serving.send_signal(signal.SIGINT)


def take(name: str, shot: Shot) -> Path:
    """Make the picture of a program."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        if shot.own_gateway:
            frames = record(shot, home)
        else:
            with gateway(home) as port:
                (home / "config.ini").write_text(f"[connection]\nport = {port}\n")
                for arguments in shot.before:
                    done = subprocess.run(
                        [sys.executable, str(ROOT / "gateway_cli.py"), *arguments],
                        cwd=home, env=environment(home), check=False,
                    )  # fmt: skip
                    if done.returncode not in {0, STILL_OPEN}:
                        raise SystemExit(f"twsloop {' '.join(arguments)}: {done.returncode}")
                frames = record(shot, home)
    IMAGES.mkdir(exist_ok=True)
    path = IMAGES / f"{name}.svg"
    # It begins with something to see: where SVGs are drawn once, the beginning is what is seen.
    frames = [frame for frame in frames if len(frame.lines) >= BEGINS] or frames
    title = f"twsloop {' '.join(shot.arguments)}"
    path.write_text(draw(frames if shot.plays else frames[-1:], title=title), encoding="utf-8")
    return path


def look_at_pages(pages: Sequence[str]) -> Iterator[Path]:
    """Let Chromium take pictures of the built pages."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("the pictures of the pages need chromium")
    PAGES.mkdir(parents=True, exist_ok=True)
    for page in pages:
        for width in WIDTHS:
            source = HERE / "_build" / "html" / f"{page}.html"
            if not source.exists():
                raise SystemExit(f"{source} is not there: make docs builds it")
            target = PAGES / f"{page.replace('/', '-')}-{width}.png"
            subprocess.run(
                [
                    chromium, "--headless", "--no-sandbox", "--hide-scrollbars", "--disable-gpu",
                    f"--window-size={width},1600", f"--screenshot={target}", source.as_uri(),
                ],
                check=True, capture_output=True, timeout=120,
            )  # fmt: skip
            yield target


def main() -> None:
    """Make what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", choices=[*SHOTS, "pages", []], help="all unless given")
    wanted = parser.parse_args().what or [*SHOTS, "pages"]
    for name in wanted:
        if name != "pages":
            print(take(name, SHOTS[name]))  # noqa: T201
            continue
        for path in look_at_pages(LOOKED_AT):
            print(path)  # noqa: T201


if __name__ == "__main__":
    main()
