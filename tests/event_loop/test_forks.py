"""A process that is forked while a loop runs: it is told so at once, and the owner goes on."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, os, sys, warnings
import uvloop
from twsloop.errors import LoopNotRunning
from twsloop.event_loop import IBKREventLoop

warnings.simplefilter("ignore")  # Python 3.12 on warns of forks with threads

def fork():
    pid = os.fork()
    if pid:
        return pid
    told = []
    for ask in (lambda: loop.call(print), lambda: loop.post(print), loop.start):
        try:
            ask()
        except LoopNotRunning as error:
            told.append(str(error))
    loop.stop()  # returns: there is no thread to wait for
    named = [f"process {{os.getppid()}}" in text for text in told]
    own = IBKREventLoop(name="its own", loop_factory={factory})
    own.start()
    fine = named == [True] * 3 and not loop.running and own.call(lambda: 8, timeout=20) == 8
    own.stop()
    os._exit(0 if fine else 1)

loop = IBKREventLoop(name="a loop", loop_factory={factory})
loop.start()
pid = {how}
_, status = os.waitpid(pid, 0)
assert loop.call(lambda: 7, timeout=20) == 7
loop.stop()
sys.exit(status != 0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.parametrize("factory", ["asyncio.new_event_loop", "uvloop.new_event_loop"])
@pytest.mark.parametrize("how", ["fork()", "loop.call(fork)"], ids=["main thread", "loop thread"])
def test_a_forked_process_is_told_that_the_loop_is_not_its_own(factory: str, how: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(factory=factory, how=how)],
        timeout=50,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
