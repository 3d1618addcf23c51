"""Which stream runs is chosen once a program: what is there, unless the environment says."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.wire.hot.implementations import IMPLEMENTATIONS
from twsloop.config.load import NO_SETTINGS
from twsloop.wire.hot import choice

#: What a program says of it: the name, twice, and where the class comes from.
SAY = """
import twsloop.wire
from twsloop.wire import hot
print(twsloop.wire.IMPLEMENTATION, hot.IMPLEMENTATION, hot.MessageStream.__module__)
"""
#: As where it was installed without a compiler.
WITHOUT = "import sys; sys.modules['twsloop.wire._native'] = None\n"
MODULES = {"python": "twsloop.wire.hot.stream", "native": "twsloop.wire._native"}
built = pytest.mark.skipif("native" not in IMPLEMENTATIONS, reason="there was no compiler")


def run(program: str, wire: str | None) -> subprocess.CompletedProcess[str]:
    """Run a program, which may warn of nothing."""
    env = {name: value for name, value in os.environ.items() if name != "TWSLOOP_WIRE"}
    if wire is not None:
        env["TWSLOOP_WIRE"] = wire
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=env, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def chosen(program: str, wire: str | None) -> str:
    """What it chose; it said nothing else."""
    done = run(program, wire)
    assert (done.returncode, done.stderr) == (0, "")
    name, again, module = done.stdout.split()
    assert name == again
    assert module == MODULES[name]
    return name


def test_what_is_there_is_chosen() -> None:
    assert chosen(SAY, None) == chosen(SAY, "") == list(IMPLEMENTATIONS)[-1]


@pytest.mark.parametrize("wire", [None, "python"])
def test_without_a_compiler_it_is_the_one_in_python_and_nothing_is_said(wire: str | None) -> None:
    assert chosen(WITHOUT + SAY, wire) == "python"


def test_the_one_in_python_may_be_chosen_and_the_other_is_not_loaded() -> None:
    loaded = "import sys; assert 'twsloop.wire._native' not in sys.modules\n"
    assert chosen(SAY + loaded, "python") == "python"


@built
def test_the_compiled_one_may_be_chosen() -> None:
    assert chosen(SAY, "native") == "native"


def test_the_compiled_one_cannot_be_chosen_where_it_is_not() -> None:
    done = run(WITHOUT + SAY, "native")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "DependencyError: TWSLOOP_WIRE=native, but" in last
    assert "C compiler" in last


def test_the_choice_is_no_setting_that_a_configuration_would_refuse() -> None:
    assert choice.VARIABLE in NO_SETTINGS
    load = "from twsloop.config import Config; Config.load()\n"
    taken = """
from twsloop.connection import lifecycle
assert lifecycle.MessageStream is hot.MessageStream
"""
    assert chosen(load + SAY + taken, "python") == "python"


@pytest.mark.parametrize("wire", ["cython", "NATIVE"])
def test_a_name_that_is_none_is_refused(wire: str) -> None:
    done = run(SAY, wire)
    assert done.returncode == 1
    assert f"TWSLOOP_WIRE={wire}: set it to native or python" in done.stderr


def test_to_import_the_wire_chooses_nothing() -> None:
    program = """
import sys, twsloop.wire
assert "twsloop.wire.hot" not in sys.modules
assert not hasattr(twsloop.wire, "NOTHING")
assert "twsloop.wire.hot" not in sys.modules
print(twsloop.wire.IMPLEMENTATION)
"""
    assert run(program, "python").stdout == "python\n"
