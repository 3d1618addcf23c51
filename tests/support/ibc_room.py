"""A stand-in for IBC in a folder, and the `GatewayProcess` that runs it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.stand_in_ibc import StandIn, install
from twsloop.config import Config
from twsloop.control.gateway_process import GatewayProcess
from twsloop.control.locate import Surroundings, System
from twsloop.control.machine import end
from twsloop.control.steps import Step

__all__ = ["PATIENCE", "Ibc"]

#: How long a program may take to say something before the test fails, seconds.
PATIENCE = 40.0
#: How often it is looked whether it has, seconds.
LOOK = 0.01


class Ibc:
    """A stand-in, and what runs it."""

    def __init__(self, root: Path, *, login: bool = True) -> None:
        self.root = root
        self.stand_in: StandIn = install(root, login=login)
        self.told: list[Step] = []
        self.config = Config()

    def process(self, environ: dict[str, str] | None = None, **more: Any) -> GatewayProcess:
        overrides = {
            "connection.port": self.stand_in.port,
            "control.ibc_path": self.stand_in.folder,
            "control.ibc_ini": self.stand_in.ini,
            "control.folder": self.root / "state",
            "control.display": ":99",
            "control.start_timeout": 50,
            "session.lease_file": self.root / "leases.db",
        }
        named = {name.replace("__", "."): value for name, value in more.items()}
        self.config = Config.load(environ={}, overrides={**overrides, **named})
        kept = {k: v for k, v in os.environ.items() if not k.startswith("TWS")}
        return GatewayProcess(
            self.config,
            machine=Surroundings(system=System.LINUX, home=self.root, root=self.root),
            environ={**kept, **(environ or {})},
        )

    def tell(self, step: Step) -> None:
        self.told.append(step)

    def names(self) -> list[str]:
        return [step.name for step in self.told]

    def until_said(self, words: str) -> None:
        """Wait until its log holds these words."""
        log = self.process().plan.room.log
        self._until(lambda: words in log.read_text())

    def until_gone(self) -> None:
        """Wait until its process has ended."""
        room = self.process().plan.room
        self._until(lambda: room.running() is None)

    @staticmethod
    def _until(happened: Callable[[], bool]) -> None:
        ends = time.monotonic() + PATIENCE
        while not happened():
            assert time.monotonic() < ends
            time.sleep(LOOK)

    def close(self) -> None:
        record = self.process().plan.room.running()
        if record is not None:
            end(record.process, by_force=True)
