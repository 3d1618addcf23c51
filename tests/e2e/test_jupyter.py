"""A notebook: a real kernel, whose own event loop runs, and cells with ``.result()`` and ``await``.

Each cell is sent to the kernel as a notebook would, and the gateway is a paper gateway in this
process.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from twsloop import PaperGateway
from twsloop.testing import MakePaperGateway

#: It has no types.
v4: Any = nbformat.v4

#: What a cell may take; a kernel starts within a few seconds, also on a busy machine.
PATIENCE = 30

START = """
    import asyncio, socket, sys, threading
    import twsloop
    from twsloop import Config, IBGateway, limit_order, stock

    gw = IBGateway(Config.load(overrides={"connection.port": PORT}))
    gw.start()
"""


class Kernel:
    """A notebook's kernel: runs cells, and says what they printed."""

    def __init__(self, client: NotebookClient) -> None:
        self._client = client
        self._manager: Any = client.km

    def run(self, code: str) -> str:
        """Run a cell.

        Raises:
            CellExecutionError: It raised.
        """
        cells = self._client.nb.cells
        cells.append(v4.new_code_cell(textwrap.dedent(code)))
        cell = self._client.execute_cell(cells[-1], len(cells) - 1)
        return "".join(out["text"] for out in cell.outputs if out.output_type == "stream")

    def interrupt_when_told(self, code: str) -> str:
        """Run a cell, and press stop once it has connected to ``STOP``: what it raised."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(PATIENCE)

            def stop() -> None:
                server.accept()[0].close()
                asyncio.run(self._manager.interrupt_kernel())

            thread = threading.Thread(target=stop)
            thread.start()
            try:
                self.run(f"STOP = {server.getsockname()}")
                self.run(code)
            except CellExecutionError as error:
                return str(error.ename)
            finally:
                thread.join()
        return ""

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The kernel's process."""
        process: subprocess.Popen[bytes] = self._manager.provisioner.process
        return process


@contextmanager
def new_kernel() -> Iterator[Kernel]:
    """A kernel, gone at the end."""
    client = NotebookClient(v4.new_notebook(), timeout=PATIENCE)
    with client.setup_kernel():
        yield Kernel(client)


@pytest.fixture(scope="module")
def shared() -> Iterator[Kernel]:
    """A kernel with a started gateway ``gw``, for cells that leave it as it was."""
    with PaperGateway() as paper, new_kernel() as kernel:
        kernel.run(f"PORT = {paper.port}" + textwrap.dedent(START))
        yield kernel
        kernel.run("gw.stop()")


def test_cells_that_wait_and_cells_that_await(shared: Kernel) -> None:
    assert shared.run("print(gw.positions().result(10))") == "[]\n"
    assert shared.run("print(await gw.positions())") == "[]\n"
    both = "print(await asyncio.gather(gw.positions(), gw.positions()))"
    assert shared.run(both) == "[[], []]\n"


def test_the_kernels_loop_is_left_as_it_is(shared: Kernel) -> None:
    """Nothing makes it possible to run it from within itself (as nest_asyncio does)."""
    shared.run("assert not hasattr(asyncio.get_running_loop(), '_nest_patched')")
    with pytest.raises(CellExecutionError, match="cannot be called from a running event loop"):
        shared.run("""
            work = asyncio.sleep(0)
            try:
                asyncio.run(work)
            finally:
                work.close()
        """)


def test_quotes_in_each_style(shared: Kernel) -> None:
    shared.run("""
        came = threading.Event()
        with gw.subscribe("AAPL", on_tick=lambda ticker: came.set()):
            assert came.wait(10)  # the tick came while the cell held the kernel's thread
    """)
    shared.run("""
        heard = asyncio.Event()
        threads = set()

        async def on_tick(ticker):
            threads.add(threading.current_thread())
            heard.set()

        with gw.subscribe("AAPL", on_tick=on_tick, where=asyncio.get_running_loop()):
            await asyncio.wait_for(heard.wait(), 10)
        assert threads == {threading.main_thread()}
    """)


def test_an_order_from_one_cell_is_done_in_another(shared: Kernel) -> None:
    shared.run('trade = gw.place_order(stock("AAPL"), limit_order("BUY", 1, 1))')
    assert shared.run("trade.cancel(); print((await trade.done).value)") == "Cancelled\n"
    assert shared.run("print(trade.done.result(10).value)") == "Cancelled\n"


@pytest.mark.parametrize(
    "wait", ["twsloop.Future(gw.event_loop).result()", "await twsloop.Future(gw.event_loop)"]
)
def test_stop_ends_the_cell_and_nothing_else(shared: Kernel, wait: str) -> None:
    shared.run("""
        ticks = []
        # Its callbacks wake the kernel's loop, which sees a signal only when something does.
        watch = gw.subscribe("MSFT", on_tick=ticks.append, where=asyncio.get_running_loop())
    """)
    assert shared.interrupt_when_told(f"""
            socket.create_connection(STOP).close()
            {wait}
        """) in {"KeyboardInterrupt", "CancelledError"}
    shared.run("""
        came = threading.Event()
        watch.on_tick(lambda ticker: came.set())
        assert came.wait(10)
        assert watch.active
        watch.cancel()
    """)
    assert shared.run("print(gw.session_state.name, gw.positions().result(10))") == "READY []\n"
    assert shared.run("print(await gw.positions())") == "[]\n"


def test_with_blocks_in_a_cell(shared: Kernel) -> None:
    printed = shared.run("""
        config = Config.load(overrides={"connection.port": PORT, "connection.client_id": 7})
        async with IBGateway(config) as other:
            print(await other.positions())
        with IBGateway(config) as other:
            print(other.positions().result(10))
    """)
    assert printed == "[]\n[]\n"


def test_a_kernel_that_is_shut_down_ends_by_itself(make_paper_gateway: MakePaperGateway) -> None:
    with new_kernel() as kernel:
        kernel.run(f"PORT = {make_paper_gateway().port}" + textwrap.dedent(START))
        process = kernel.process
    assert process.returncode == 0
