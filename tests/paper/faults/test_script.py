"""Fault scripts: what they mean, what is wrong with them, and that they happen."""

from __future__ import annotations

import asyncio
import importlib.util
import re
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.manual_feed import ManualFeed
from tests.support.paper_server import AAPL, ORDER, connect
from tests.support.wireclient import WireClient
from twsloop.clock import ManualClock
from twsloop.errors import FaultError
from twsloop.paper import PaperGateway
from twsloop.paper.faults import FAULTS, Plan, Script, Trigger, read_script
from twsloop.paper.faults.fault import params_of
from twsloop.paper.faults.wire_links import CutWrites, HalfOpen, Reset

DOCS = Path(__file__).parents[3] / "docs"
TOML_BLOCK = re.compile(r"```toml[^\n]*\n(.*?)```", re.DOTALL)

FULL = """
seed = 7

[[fault]]
fault = "half_open"
at = 30
lasting = 20
clients = [1, 3]
direction = "write"

[[fault]]
fault = "reset"
after = "placeOrder"
nth = 3
delay = 0.5
times = 2
clients = 4

[[fault]]
fault = "cut"
market = "2026-09-28 09:31"
with = {places = [1, 2]}

[[fault]]
fault = "close"
market = 2026-09-28T13:31:00Z
every = 60
"""


# ---- reading -----------------------------------------------------------------------------------


def test_a_script_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "faults.toml"
    path.write_text(FULL)
    script = read_script(path)
    half_open, reset, cut, close = script.plans
    assert script.seed == 7
    assert half_open == Plan(
        fault=HalfOpen(direction="write"),
        trigger=Trigger(at=30.0),
        clients=frozenset({1, 3}),
        lasting=20.0,
    )
    assert reset == Plan(
        fault=Reset(),
        trigger=Trigger(event="placeOrder", by=frozenset({4}), nth=3, delay=0.5),
        clients=frozenset({4}),
        times=2,
    )
    at = datetime(2026, 9, 28, 13, 31, tzinfo=UTC)
    assert (cut.fault, cut.trigger.market) == (CutWrites(places=(1, 2)), at)
    assert (close.trigger.market, close.every, close.times) == (at, 60.0, 0)


YAML = """
seed: 7
fault:
  - {fault: half_open, at: 30, lasting: 20, clients: [1, 3], direction: write}
  - {fault: reset, after: placeOrder, nth: 3, delay: 0.5, times: 2, clients: 4}
  - fault: cut
    market: 2026-09-28 09:31
    with:
      places: [1, 2]
  - fault: close
    market: 2026-09-28T13:31:00Z
    every: 60
"""


@pytest.mark.parametrize("suffix", ["yaml", "yml", "YAML"])
def test_yaml_says_the_same(tmp_path: Path, suffix: str) -> None:
    toml, yaml = tmp_path / "faults.toml", tmp_path / f"faults.{suffix}"
    toml.write_text(FULL)
    yaml.write_text(YAML)
    assert read_script(yaml) == read_script(toml)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("fault: [", "faults.yaml: is no YAML: "),
        ("7", "faults.yaml: is no script (allowed: seed, and a list called fault)"),
        ("on: 3", "faults.yaml, True: is not known"),
        ("fault: [{fault: reset, market: 2026-13-45}]", "faults.yaml: is no YAML: "),
        ("[" * 5000, "faults.yaml: is no YAML: "),
        ("fault: [{fault: reset, on: 3}]", "faults.yaml, entry 1, fault reset, True: is not known"),
    ],
)
def test_yaml_that_makes_no_sense_is_named(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    with pytest.raises(FaultError) as caught:
        read_script(path)
    assert told in str(caught.value)


def test_empty_yaml_is_an_empty_script(tmp_path: Path) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text("# nothing yet\n")
    assert read_script(path) == Script()


def test_without_pyyaml_it_is_said_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text(YAML)
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(FaultError, match=r"needs PyYAML: pip install 'twsloop\[yaml\]'"):
        read_script(path)


def test_an_empty_script_lets_nothing_happen() -> None:
    assert read_script({}) == Script()


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({}, "fault: is missing (allowed: "),
        ({"fault": 7}, "fault = 7: there is no such fault"),
        ({"fault": "half-open"}, "fault = 'half-open': there is no such fault; did you mean half_"),
        (
            {"fault": "reset", "lasting": 3},
            "fault reset, lasting: happens at once, and cannot last",
        ),
        ({"fault": "half_open", "lastng": 3}, "lastng: is not known; did you mean lasting?"),
        (
            {"fault": "half_open", "direction": "up"},
            "fault half_open, direction = 'up': does not fit (allowed: both | read | write)",
        ),
        ({"fault": "cut", "most": 0}, "most = 0: does not fit (allowed: a whole number from 1 up,"),
        ({"fault": "cut", "most": 2.5}, "most = 2.5: does not fit"),
        ({"fault": "cut", "gap": "1"}, "gap = '1': does not fit (allowed: a number from 0 to 3600"),
        ({"fault": "delay", "seconds": float("nan")}, "seconds = nan: does not fit"),
        ({"fault": "cut", "places": "3"}, "places = '3': does not fit (allowed: a list of whole"),
        ({"fault": "reset", "at": -1}, "at = -1: does not fit (allowed: a number from 0 up"),
        ({"fault": "reset", "at": True}, "at = True: does not fit"),
        ({"fault": "reset", "at": 10**400}, "0000…: does not fit (allowed: a number from 0 up"),
        ({"fault": "reset", "at": 1e300}, "at = 1e+300: does not fit"),
        ({"fault": "delay", "seconds": 10**400}, "does not fit (allowed: a number from 0 to 86400"),
        ({"fault": "lose", "most": 10**400}, "does not fit (allowed: a whole number from 0"),
        ({"fault": "delay", "direction": "u" * 9000}, "uuu…: does not fit (allowed: both | read"),
        ({"fault": "reset", "at": 1, "after": "join"}, "after: stands beside at"),
        ({"fault": "reset", "market": "noon"}, "market = 'noon': does not fit (allowed: a date"),
        ({"fault": "reset", "market": 5}, "market = 5: does not fit"),
        (
            {"fault": "reset", "after": "ordr"},
            "after = 'ordr': nothing of that name happens; did y",
        ),
        ({"fault": "reset", "after": 4}, "after = 4: nothing of that name happens"),
        ({"fault": "reset", "by": 2}, "by: belongs to after"),
        ({"fault": "cut", "with": 3}, "with = 3: does not fit (allowed: a table of parameters)"),
        ({"fault": "cut", "with": {"at": 3}}, "at: is no parameter of it (allowed: places, most,"),
        ({"fault": "reset", "nth": 2}, "nth: belongs to after"),
        ({"fault": "reset", "after": "join", "nth": 0}, "nth = 0: does not fit"),
        ({"fault": "reset", "after": "join", "every": 3}, "every: belongs to at and market"),
        ({"fault": "reset", "times": 3}, "times = 3: needs every"),
        ({"fault": "reset", "every": 0}, "every = 0: does not fit (allowed: a number above 0"),
        ({"fault": "reset", "times": -1, "every": 1}, "times = -1: does not fit"),
        ({"fault": "reset", "clients": []}, "clients = []: does not fit (allowed: a client id, a"),
        ({"fault": "reset", "clients": "me"}, "clients = 'me': does not fit"),
        ({"fault": "lose", "message": "nothing"}, "message = 'nothing': there is no such message"),
        ({"fault": "refuse", "clients": 1}, "clients: it is about the gateway, not about clients"),
    ],
)
def test_what_makes_no_sense_is_told_with_its_place(entry: dict[str, Any], told: str) -> None:
    with pytest.raises(FaultError) as caught:
        read_script({"fault": [{"fault": "reset"}, entry]})
    assert str(caught.value).startswith("entry 2, ")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("fault = [", "faults.toml: is no TOML: "),
        (f"seed = 1{'0' * 5000}", "faults.toml: is no TOML: "),
        ("fault = " + "[" * 5000, "faults.toml: is no TOML: "),
        ("sed = 3", "faults.toml, sed: is not known; did you mean seed?"),
        ('seed = "x"', "faults.toml, seed = 'x': is no seed (allowed: a whole number)"),
        ('fault = "reset"', "faults.toml, fault: is no list of entries (allowed: [[fault]])"),
        ('[[fault]]\nfault = "rest"', "faults.toml, entry 1, fault = 'rest': there is no such"),
    ],
)
def test_a_file_that_makes_no_sense_is_named(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "faults.toml"
    path.write_text(text)
    with pytest.raises(FaultError) as caught:
        PaperGateway(faults=path)
    assert told in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FaultError, match=r"none\.toml: cannot be read: No such file"):
        read_script(tmp_path / "none.toml")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
names = st.sampled_from(
    [
        "at", "market", "after", "by", "nth", "delay", "times", "every", "lasting", "clients",
        *{name for kind in FAULTS.values() for name in params_of(kind)},
    ]
)  # fmt: skip


@given(st.sampled_from(sorted(FAULTS)), st.dictionaries(names, values, max_size=3))
def test_any_entry_is_a_plan_or_one_clear_error(fault: str, rest: dict[str, Any]) -> None:
    entry = {"fault": fault, **rest}
    error = None
    try:
        script = read_script({"fault": [entry]})
    except FaultError as caught:
        error = caught
    else:
        assert script.plans[0].fault.name == fault
    if error is not None:
        assert error.entry == 1
        assert error.key in entry


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    """What writes the page of all faults."""
    spec = importlib.util.spec_from_file_location(
        "fault_reference", DOCS / "_ext" / "fault_reference.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_fault_is_in_the_docs_with_an_example_that_can_be_read(reference: ModuleType) -> None:
    pages = reference.wire_reference() + reference.gateway_reference()
    examples = [read_script(tomllib.loads(one)) for one in re.findall(TOML_BLOCK, pages)]
    assert [one.plans[0].fault for one in examples] == [kind() for kind in FAULTS.values()]


def test_the_scripts_in_the_docs_can_be_read() -> None:
    shown = re.findall(TOML_BLOCK, (DOCS / "faults.md").read_text())
    scripts = [read_script(tomllib.loads(one)) for one in shown]
    assert [plan.fault.name for plan in scripts[0].plans] == [
        "half_open", "reset", "duplicate_reports",
    ]  # fmt: skip


# ---- happening ---------------------------------------------------------------------------------


def begun(gateway: PaperGateway) -> int:
    return sum(one.what != "ends" for one in gateway.faults.record)


async def answered(client: WireClient) -> None:
    client.send("reqCurrentTime")
    await client.until("currentTime")


def entries(*given: dict[str, Any]) -> dict[str, Any]:
    return {"fault": list(given)}


async def test_what_waits_for_nothing_happens_at_once(feed: ManualFeed, clock: ManualClock) -> None:
    async with PaperGateway(feed=feed, clock=clock, faults=entries({"fault": "wedge"})) as gateway:
        assert [one.name for one in gateway.faults.active] == ["wedge"]


async def test_times_and_every(feed: ManualFeed, clock: ManualClock) -> None:
    script = entries({"fault": "clock_jump", "seconds": 1, "at": 2, "every": 10, "times": 3})
    async with PaperGateway(feed=feed, clock=clock, faults=script) as gateway:
        seen = []
        for _ in range(40):
            clock.advance(1)
            seen.append(begun(gateway))
        assert [seen.index(count) + 1 for count in (1, 2, 3)] == [2, 12, 22]
        assert seen[-1] == 3


async def test_an_event_counts_for_the_clients_that_it_is_about(gateway: PaperGateway) -> None:
    engine = gateway._faults
    engine.script = read_script(
        entries(
            {"fault": "strike", "last": 1, "after": "reqCurrentTime", "nth": 2, "clients": 1},
            {"fault": "strike", "last": 1, "after": "message", "nth": 3, "times": 2},
        )
    )
    engine.stop()
    engine.start(gateway.hub)
    async with connect(gateway) as client, connect(gateway, client_id=2) as other:
        await client.ready()
        await other.ready()
        marks = []
        for one in (other, client, other, client, other, other):
            await answered(one)
            marks.append(begun(gateway))
        assert marks == [0, 0, 1, 2, 2, 3]


async def test_an_order_reaches_the_gateway_and_its_answer_never_comes(
    feed: ManualFeed, clock: ManualClock
) -> None:
    script = entries({"fault": "reset", "after": "order"})
    async with PaperGateway(feed=feed, clock=clock, faults=script) as gateway:
        async with connect(gateway) as client:
            await client.ready()
            client.send("placeOrder", orderId=1, contract=AAPL, order=ORDER)
            assert await client.ended()
            assert client.bodies == client.bodies[:6]
        assert len(list(gateway.engine.book)) == 1


async def test_a_fill_is_not_told(feed: ManualFeed, clock: ManualClock) -> None:
    script = entries({"fault": "half_open", "after": "fill", "lasting": 5})
    async with (
        PaperGateway(feed=feed, clock=clock, faults=script) as gateway,
        connect(gateway) as client,
    ):
        await client.ready()
        client.send("placeOrder", orderId=1, contract=AAPL, order=ORDER)
        telling = asyncio.ensure_future(client.until("execDetails"))
        async with asyncio.timeout(10):
            while not gateway.faults.active:
                await asyncio.sleep(0)
        assert gateway.engine.executions
        assert not telling.done()
        clock.advance(5)
        await telling


async def test_a_correction_is_no_fill(feed: ManualFeed, clock: ManualClock) -> None:
    script = {"fault": [{"fault": "execution_corrected", "after": "fill", "times": 3}]}
    async with (
        PaperGateway(feed=feed, clock=clock, faults=script) as gateway,
        connect(gateway) as c,
    ):
        await c.ready()
        for order_id in (1, 2):
            feed.send([feed.quote("AAPL", 270.0, 270.05 + order_id)])
            c.send("placeOrder", orderId=order_id, contract=AAPL, order=ORDER)
            c.send("reqCurrentTime")
            await c.until("currentTime")
            assert len(gateway.faults.record) == order_id


async def test_a_delay_after_an_event(feed: ManualFeed, clock: ManualClock) -> None:
    script = entries({"fault": "close", "after": "join", "delay": 3})
    async with (
        PaperGateway(feed=feed, clock=clock, faults=script) as gateway,
        connect(gateway) as client,
    ):
        await client.ready()
        clock.advance(2.9)
        await answered(client)
        clock.advance(0.1)
        assert await client.ended()


async def test_the_second_connection_meets_what_begins_with_it(
    feed: ManualFeed, clock: ManualClock
) -> None:
    script = entries(
        {"fault": "hello_version", "after": "connect", "nth": 2, "version": 150, "connections": 1},
        {"fault": "duplicate", "after": "connect", "nth": 3, "lasting": 60},
    )
    async with PaperGateway(feed=feed, clock=clock, faults=script) as gateway:
        versions = []
        for _ in range(4):
            async with connect(gateway) as client:
                versions.append(client.version)
        assert versions == [225, 150, 225, 225]
        async with connect(gateway, client_id=9) as client:
            heard = [(await client.next())[0].name for _ in range(4)]
        assert heard == ["managedAccounts"] * 2 + ["nextValidId"] * 2


@pytest.mark.parametrize("speed", [1.0, 60.0])
async def test_a_market_time(clock: ManualClock, speed: float) -> None:
    start = datetime(2026, 9, 28, 13, 30, tzinfo=UTC)
    script = entries({"fault": "strike", "market": "2026-09-28 09:31"})
    async with PaperGateway(
        feed="manual", clock=clock, start=start, speed=speed, faults=script
    ) as gateway:
        gateway.market.advance(59)
        assert begun(gateway) == 0
        await gateway.go_away()
        await gateway.open()
        gateway.market.advance(0.5)
        assert begun(gateway) == 0
        gateway.market.advance(1)
        await asyncio.sleep(0)
        assert begun(gateway) == 1


async def test_a_market_time_comes_when_the_clock_jumps(clock: ManualClock) -> None:
    when = f"{clock.now() + timedelta(hours=1):%Y-%m-%dT%H:%M:%S+00:00}"
    script = entries(
        {"fault": "strike", "market": when}, {"fault": "clock_jump", "at": 5, "seconds": 3600}
    )
    async with PaperGateway(feed="manual", clock=clock, faults=script) as gateway:
        clock.advance(4)
        assert begun(gateway) == 0
        clock.advance(1)
        assert [one.fault.name for one in gateway.faults.record] == ["clock_jump", "strike"]


async def test_a_script_begins_anew_with_the_gateway_and_not_with_its_restart(
    clock: ManualClock,
) -> None:
    gateway = PaperGateway(feed="manual", clock=clock, faults=entries({"fault": "reset", "at": 5}))
    async with gateway:
        clock.advance(5)
        await gateway.go_away()
        await gateway.open()
        clock.advance(9)
        assert begun(gateway) == 1
    async with gateway:
        clock.advance(5)
        assert begun(gateway) == 2


async def test_chance_is_the_same_with_the_same_seed(clock: ManualClock) -> None:
    async def noise(seed: int) -> bytes:
        script = {"seed": seed, "fault": [{"fault": "garbage", "kind": "frame", "at": 1}]}
        async with (
            PaperGateway(feed="manual", clock=clock, faults=script) as gateway,
            connect(gateway) as client,
        ):
            await client.ready()
            clock.advance(1)
            return await client.body()

    assert await noise(3) == await noise(3) != await noise(4)
