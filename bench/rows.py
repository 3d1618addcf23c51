"""The rows of the benchmarks: which client, in which environment, told what."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.conformance.venvs import (  # noqa: E402
    IB_ASYNC,
    IB_INSYNC,
    OFFICIAL_10,
    ForeignClient,
    runtime_of,
)

__all__ = ["ROWS", "Blaster", "Row", "chosen", "medians", "native_runs", "once", "rounds"]

CLIENTS = Path(__file__).with_name("clients")
TIMEOUT = 180


@attrs.frozen
class Row:
    """One client, in one way.

    Attributes:
        name: What it is called on the command line.
        title: What it is called in a table.
        file: Its runner.
        plan: What the runner is told of it.
        foreign: Whose environment it runs in; ours if None.
        wire: The implementation of the hot path that it has to run.
    """

    name: str
    title: str
    file: str
    plan: Mapping[str, Any] = attrs.Factory(dict)
    foreign: ForeignClient | None = None
    wire: str | None = None

    def python(self) -> str:
        """The interpreter."""
        return sys.executable if self.foreign is None else str(runtime_of(self.foreign))


def _ours(name: str, title: str, way: str, **plan: Any) -> tuple[Row, Row]:
    """A row of ours in pure Python, and with the native core."""
    return (
        Row(name, f"twsloop, {title}, pure", "run_twsloop.py", {"way": way, **plan},
            wire="python"),
        Row(f"{name}-native", f"twsloop, {title}, native", "run_twsloop.py",
            {"way": way, **plan}, wire="native"),
    )  # fmt: skip


TEXT = {"max_version": 200}
ROWS: dict[str, Row] = {
    row.name: row
    for row in (
        Row("recv", "limit: recv, nothing else", "run_raw.py", {"way": "recv", "split": False}),
        Row("uvloop", "limit: uvloop, nothing else", "run_raw.py",
            {"way": "uvloop", "split": False}),
        Row("split", "limit: recv, cut into frames in Python", "run_raw.py",
            {"way": "recv", "split": True}),
        Row("split-text", "limit: the same in text", "run_raw.py",
            {"way": "recv", "split": True, **TEXT}),
        Row("official", "IB's own client 10.46.1, protobuf (225)", "run_official.py",
            foreign=OFFICIAL_10),
        Row("official-text", "IB's own client 10.46.1, text (200)", "run_official.py", TEXT,
            foreign=OFFICIAL_10),
        Row("ib_async", "ib_async 2.1.0 (178)", "run_ib.py", {"package": "ib_async"},
            foreign=IB_ASYNC),
        Row("ib_insync", "ib_insync 0.9.86 (176)", "run_ib.py", {"package": "ib_insync"},
            foreign=IB_INSYNC),
        *_ours("bare", "IB's callbacks", "bare"),
        *_ours("run", "IB's callbacks in run()'s thread", "run"),
        *_ours("live", "live tickers and a callback", "live"),
        *_ours("bare-text", "IB's callbacks, text (200)", "bare", **TEXT),
        *_ours("live-text", "live tickers and a callback, text (200)", "live", **TEXT),
    )
}  # fmt: skip


def native_runs() -> bool:
    """Whether the native core is there."""
    try:
        from twsloop.wire import _native  # noqa: F401, PLC0415
    except ImportError:
        return False
    return True


def chosen(names: str | None, default: Iterable[str]) -> list[Row]:
    """The rows of a command line; without the native ones where there is no native core."""
    wanted = names.split(",") if names else list(default)
    unknown = [name for name in wanted if name not in ROWS]
    if unknown:
        raise SystemExit(f"no such row: {unknown}; there are {', '.join(ROWS)}")
    rows = [ROWS[name] for name in wanted]
    return [row for row in rows if row.wire != "native" or native_runs()]


class Blaster:
    """The blaster's process."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="bench")
        self.control = str(Path(self._folder.name) / "blaster")
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("blaster.py")), self.control],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def end(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._folder.cleanup()

    @classmethod
    @contextlib.contextmanager
    def running(cls) -> Iterator[Blaster]:
        """One that runs for a while."""
        one = cls()
        try:
            yield one
        finally:
            one.end()


def once(blaster: Blaster, row: Row, plan: Mapping[str, Any]) -> dict[str, Any]:
    """Run a row once; what it printed."""
    whole = {
        "port": blaster.port,
        "control": blaster.control,
        "max_version": 225,
        "wire": row.wire,
        **plan,
        **row.plan,
        "settings": {**row.plan.get("settings", {}), **plan.get("settings", {})},
    }
    environ = {**os.environ, "PYTHONWARNINGS": "ignore"}
    if row.wire is not None:
        environ["TWSLOOP_WIRE"] = row.wire
    done = subprocess.run(
        [row.python(), str(CLIENTS / row.file), json.dumps(whole)],
        capture_output=True, text=True, timeout=TIMEOUT, check=False, env=environ,
    )  # fmt: skip
    if done.returncode or not done.stdout.strip():
        raise SystemExit(f"{row.name} failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def rounds(
    rows: Sequence[Row], plan: Mapping[str, Any], count: int, *, talk: bool = False
) -> dict[str, list[dict[str, Any]]]:
    """So many rounds, in each of which every row has its turn."""
    found: dict[str, list[dict[str, Any]]] = {row.name: [] for row in rows}
    with Blaster.running() as blaster:
        for number in range(count):
            for row in rows:
                found[row.name].append(once(blaster, row, plan))
            if talk:
                print(f"round {number + 1} of {count}", file=sys.stderr, flush=True)
    return found


def medians(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The median of each number."""
    return {
        name: statistics.median(one[name] for one in runs)
        for name, value in runs[0].items()
        if isinstance(value, int | float)
    }
