"""A stop ends a command wherever it comes."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: The signal comes while Python calls back about an object that is gone: nothing can be raised.
PROGRAM = """
import os, signal, threading, time, weakref
from twsloop.cli import _stop_signals

class Thing:
    def {finalizer}(self):
        pass

def gone(_thing=None):
    os.kill(os.getpid(), signal.{number})
    for _ in range(10_000):
        pass

{prepare}
with _stop_signals():
    thing = Thing()
    {watch}
    until = time.monotonic() + {patience}
    try:
        del thing
        print("over" if threading.Event().wait({patience}) else "waited in vain")
    except KeyboardInterrupt:
        print("stopped in time" if time.monotonic() < until else "stopped too late")
"""


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("where", ["callback", "finalizer"])
def test_a_stop_within_a_finalizer_is_not_lost(where: str, number: str) -> None:
    callback = where == "callback"
    program = PROGRAM.format(
        number=number,
        patience=30,
        finalizer="unused" if callback else "__del__",
        prepare="" if callback else "Thing.__del__ = gone",
        watch="watch = weakref.ref(thing, gone)" if callback else "",
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("stopped in time\n", "", 0)
