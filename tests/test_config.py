"""Config: what wins, what is refused and how it is said, and the gates of live trading."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.config import (
    SECTIONS,
    Config,
    ConnectionParams,
    HeartbeatParams,
    LiveParams,
    OrderParams,
    ReconnectParams,
    check_accounts,
    check_live_gates,
    closed_gates,
    options_of,
    render_example,
    render_reference,
)
from twsloop.config.options import Section, option
from twsloop.errors import ConfigError, LiveTradingBlocked

EXAMPLE = Path(__file__).parents[1] / "config.ini.example"


def load(path: Path | None = None, /, **arguments: Any) -> Config:
    return Config.load(path, **({"environ": {}} | arguments))


def write(folder: Path, text: str, name: str = "config.ini") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


# ---------------------------------------------------------------------------------- defaults
def test_without_anything_it_is_all_defaults() -> None:
    assert load() == Config()
    assert Config().connection.mode == "paper"
    assert Config().reconnect.max_attempts == 0
    assert Config().reconnect.cap == 60
    assert (Config().heartbeat.silence, Config().heartbeat.deadline) == (10, 5)


@pytest.mark.parametrize(
    ("mode", "program", "port"),
    [
        ("paper", "gateway", 4002),
        ("live", "gateway", 4001),
        ("paper", "tws", 7497),
        ("live", "tws", 7496),
    ],
)
def test_the_ports_of_ibs_programs(mode: Any, program: Any, port: int, tmp_path: Path) -> None:
    assert ConnectionParams.for_mode(mode, program).port == port
    assert ConnectionParams.for_mode(mode, program, client_id=9).client_id == 9
    file = write(tmp_path, f"[connection]\nmode = {mode}\ngateway = {program}\nport =\n")
    assert load(file).connection.port == port


def test_a_port_that_was_given_stays() -> None:
    assert ConnectionParams.for_mode("paper", "tws", port=5000).port == 5000
    assert ConnectionParams(port=None, mode="live").port == 4001  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mode", "enabled", "expected"),
    [
        ("paper", None, True),
        ("live", None, False),
        ("paper", False, False),
        ("live", True, True),
    ],
)
def test_orders_are_enabled_by_default_in_paper_only(
    mode: Any, enabled: bool | None, expected: bool
) -> None:
    config = Config(connection=ConnectionParams(mode=mode), orders=OrderParams(enabled=enabled))
    assert config.orders_enabled is expected


def test_everything_is_frozen() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Config().connection.port = 1  # type: ignore[misc]


# -------------------------------------------------------------------------------- precedence
def test_each_source_beats_the_ones_below_it(tmp_path: Path) -> None:
    ini = write(tmp_path, "[connection]\nclient_id = 2\n")
    env_file = write(tmp_path, "TWSLOOP_CONNECTION_CLIENT_ID=3\n", ".env")
    sources: dict[str, Any] = {}
    seen = [load(ini, **sources).connection.client_id]
    for name, value in (
        ("env_file", env_file),
        ("environ", {"TWSLOOP_CONNECTION_CLIENT_ID": "4"}),
        ("command_line", {"connection.client_id": "5"}),
        ("overrides", {"connection.client_id": 6}),
    ):
        sources[name] = value
        seen.append(load(ini, **sources).connection.client_id)
    assert seen == [2, 3, 4, 5, 6]


def test_a_programs_own_defaults_come_last() -> None:
    defaults = {"logging.level": "warning"}
    assert load(defaults=defaults).logging.level == "warning"
    environ = {"TWSLOOP_LOGGING_LEVEL": "debug"}
    assert load(defaults=defaults, environ=environ).logging.level == "debug"


def test_the_environment_of_the_process_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "TWSLOOP_MARKET_DATA_SNAPSHOT_TIMEOUT", "7")
    assert Config.load().market_data.snapshot_timeout == 7


def test_a_dotenv_is_read_only_when_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "TWSLOOP_CONNECTION_PORT=1234\n", ".env")
    write(tmp_path, "[connection]\nport = 1235\n", "config.ini")
    monkeypatch.chdir(tmp_path)
    assert load().connection.port == 4002
    assert load(env_file=".env").connection.port == 1234


def test_a_dotenv_as_people_write_it(tmp_path: Path) -> None:
    text = (
        "# a comment\n\nexport TWSLOOP_CONNECTION_HOST='gw.example'\n"
        'TWSLOOP_ORDERS_ACCOUNT="DU1 # no comment"\nTWSLOOP_PAPER_SEED = 5 # five\n'
        "OTHER_API_KEY=not-ours\nEMPTY=\n"
    )
    config = load(env_file=write(tmp_path, text, ".env"))
    assert config.connection.host == "gw.example"
    assert config.orders.account == "DU1 # no comment"
    assert config.paper.seed == 5


# ------------------------------------------------------------------------------------- types
def test_every_kind_of_value(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "[reconnect]\nenabled = Off\nfactor = 1.5\n[paper]\nspeed = MAX\n"
        "accounts = DU1, DF2 ,\ndata = ~/ticks\nstart = on-subscribe=3\n"
        "[orders]\nenabled =\n[connection]\nmode = LIVE\nconnect_options = 100% +PACEAPI\n",
    )
    config = load(file)
    assert config.reconnect.enabled is False
    assert config.reconnect.factor == 1.5
    assert config.paper.speed == "max"
    assert config.paper.accounts == ("DU1", "DF2")
    assert config.paper.data == Path.home() / "ticks"
    assert config.orders.enabled is None
    assert config.connection.mode == "live"
    assert config.connection.connect_options == "100% +PACEAPI"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("connection.port", "four", "is not a whole number"),
        ("connection.port", "0", "is too low"),
        ("connection.port", 65536, "is too high"),
        ("connection.port", 4002.0, "is not a whole number"),
        ("connection.port", True, "is not a whole number"),
        ("connection.mode", "demo", "is not one of the choices"),
        ("connection.client_id", "-1", "is too low"),
        ("connection.client_id", "", "is not a whole number"),
        ("heartbeat.silence", "nan", "is not a finite number"),
        ("heartbeat.silence", "inf", "is not a finite number"),
        ("heartbeat.silence", "soon", "is not a number"),
        ("heartbeat.silence", None, "is missing"),
        ("reconnect.enabled", "perhaps", "is neither yes nor no"),
        ("reconnect.enabled", 1, "is neither True nor False"),
        ("paper.accounts", " , ", "is empty, or has an empty part"),
        ("paper.accounts", [""], "is empty, or has an empty part"),
        ("paper.accounts", [1], "is not a list of texts"),
        ("paper.start", "on-subscribe=0", "does not have the form it needs"),
        ("paper.speed", "slow", "is not a number"),
        ("storage.database", "", "is not a path"),
        ("connection.host", 5, "is not text"),
    ],
)
def test_a_value_that_does_not_fit(name: str, value: object, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(overrides={name: value})
    error = caught.value
    section, key = name.split(".")
    assert (error.file, error.section, error.key) == ("code", section, key)
    assert error.problem == f"the value {words}"
    assert error.value == str(value).strip()
    assert error.allowed == options_of(SECTIONS[section])[key].allowed()


def test_a_section_made_in_code_is_checked_too() -> None:
    with pytest.raises(ConfigError, match=r"\[heartbeat\] silence = -1: the value is too low"):
        HeartbeatParams(silence=-1)
    assert HeartbeatParams(silence=3).silence == 3.0
    assert isinstance(HeartbeatParams(silence=3).silence, float)


@pytest.mark.parametrize(
    ("accounts", "sentence"),
    [
        (["DU1,DU2"], "[paper] accounts = DU1,DU2: that is no account number"),
        (["DU1", "a b"], "[paper] accounts = a b: that is no account number"),
        (["DU1", "DU\n2"], "that is no account number"),
        ("DU1;DU2", "[paper] accounts = DU1;DU2: that is no account number"),
        (["DU1", "DU2", "DU1"], "[paper] accounts = DU1: the account is named twice"),
        ("DU1, DU1", "[paper] accounts = DU1: the account is named twice"),
    ],
)
def test_what_is_no_list_of_accounts(accounts: object, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(overrides={"paper.accounts": accounts})
    assert sentence in str(caught.value)
    assert "letters and digits, each once" in str(caught.value)


def test_the_whole_sentence_of_an_error(tmp_path: Path) -> None:
    file = write(tmp_path, "[connection]\nport = 70000\n")
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert str(caught.value) == (
        f"{file} [connection] port = 70000: the value is too high (allowed: a whole number from 1 "
        "to 65535, or empty: the port of the mode and the program)"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[conection]\nport = 1\n", "no such section; did you mean 'connection'?"),
        ("[connection]\nprot = 1\n", "no such key; did you mean 'port'?"),
        ("[connection]\nclient = 1\n", "no such key; did you mean 'client_id'?"),
        ("[connection]\nqqqq = 1\n", "there is no such key (allowed: host, mode"),
        ("[DEFAULT]\nport = 1\n", "there is no such section"),
        ("port = 1\n", "not an INI file"),
        ("[connection]\nport = 1\nport = 2\n", "not an INI file"),
        ("[connection]\nport\n", "not an INI file"),
    ],
)
def test_an_ini_file_that_cannot_be_used(tmp_path: Path, text: str, problem: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert problem in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the configuration file cannot be read: No such file"):
        load(tmp_path / "config.ini")
    with pytest.raises(ConfigError, match="the environment file cannot be read"):
        load(env_file=tmp_path / ".env")


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    file = tmp_path / "config.ini"
    file.write_bytes(b"[connection]\nhost = \xff\xfe\n")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        load(file)


def test_a_file_that_windows_wrote(tmp_path: Path) -> None:
    file = tmp_path / "config.ini"
    file.write_bytes(b"\xef\xbb\xbf[connection]\r\nport = 5\r\n")
    assert load(file).connection.port == 5


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("TWSLOOP_CONNECTION_PROT", "did you mean 'TWSLOOP_CONNECTION_PORT'"),
        (
            "TWSLOOP_MARKETDATA_SNAPSHOT_TIMEOUT",
            "did you mean 'TWSLOOP_MARKET_DATA_SNAPSHOT_TIMEOUT'",
        ),
        ("TWSLOOP_", "there is no such setting"),
    ],
)
def test_an_environment_variable_that_is_not_ours(name: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        load(environ={name: "1", "PATH": "/bin"})
    assert caught.value.file == "environment"
    assert caught.value.key == name


def test_an_environment_error_names_the_variable() -> None:
    with pytest.raises(ConfigError, match=r"environment TWSLOOP_PAPER_SEED \[paper\] seed = x"):
        load(environ={"TWSLOOP_PAPER_SEED": "x"})


def test_a_dotenv_line_that_says_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="line 2 is not NAME=value"):
        load(env_file=write(tmp_path, "A=1\nwhat\n", ".env"))


def test_values_that_contradict_each_other_name_their_file(tmp_path: Path) -> None:
    file = write(tmp_path, "[reconnect]\nfirst_delay = 10\ncap = 5\n")
    with pytest.raises(ConfigError, match="the longest wait is shorter than the first") as caught:
        load(file)
    assert caught.value.file == str(file)
    with pytest.raises(ConfigError):
        ReconnectParams(first_delay=10, cap=5)


PIECES = [
    "[connection]",
    "[paper]",
    "[",
    "]",
    "port",
    "seed",
    "=",
    ":",
    " ",
    "\n",
    "1",
    "%",
    "#",
    "\0",
]


@given(text=st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_any_file_is_a_config_or_one_error(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    file = write(tmp_path_factory.mktemp("ini"), text)
    with contextlib.suppress(ConfigError):
        assert isinstance(load(file), Config)


@given(
    values=st.dictionaries(
        st.sampled_from(
            [f"{name}.{key}" for name, kind in SECTIONS.items() for key in options_of(kind)]
        ),
        st.text(max_size=12),
        max_size=4,
    )
)
def test_any_values_are_a_config_or_one_error(values: dict[str, str]) -> None:
    with contextlib.suppress(ConfigError):
        assert isinstance(load(overrides=values), Config)


# ----------------------------------------------------------------------------------- secrets
@attrs.frozen
class _Hidden(Section):
    section = "hidden"

    key: str = option("", "str", "A secret.", secret=True)
    number: int = option(0, "int", "A secret number.", secret=True)


def test_a_secret_is_shown_nowhere() -> None:
    assert "hunter2" not in repr(_Hidden(key="hunter2"))
    with pytest.raises(ConfigError) as caught:
        _Hidden(number="hunter2")  # type: ignore[arg-type]
    assert "hunter2" not in str(caught.value)
    assert caught.value.value == "***"


# ----------------------------------------------------------------------------------- example
def test_the_example_file_is_in_step() -> None:
    assert EXAMPLE.read_text(encoding="utf-8") == render_example(), (
        "write it anew: python -c 'from twsloop.config import render_example; "
        'print(render_example(), end="")\' > config.ini.example'
    )


def test_the_example_file_is_the_defaults() -> None:
    assert load(EXAMPLE) == Config()


def test_every_key_is_explained() -> None:
    example, reference = render_example(), render_reference()
    for section, kind in SECTIONS.items():
        assert f"\n[{section}]\n" in example
        assert f"## `[{section}]`" in reference
        for key, chosen in options_of(kind).items():
            assert f"\n{key} =" in example
            assert f"| `{key}` |" in reference
            assert chosen.meaning.endswith((".", ")"))
            if chosen.kind in {"int", "float"}:
                assert chosen.low is not None, f"[{section}] {key} has no lowest value"
                assert chosen.high is not None, f"[{section}] {key} has no highest value"


@pytest.mark.parametrize("section", [*SECTIONS])
def test_every_key_is_used_by_somebody(section: str) -> None:
    # A setting that changes nothing would be a lie in the example file.
    source = Path(__file__).parents[1] / "src" / "twsloop"
    code = "".join(
        file.read_text(encoding="utf-8")
        for file in source.rglob("*.py")
        if source / "config" not in file.parents
    )
    used_by_the_gates = {"live.override_file", "live.account_prefix"}
    unused = [
        f"{section}.{key}"
        for key in options_of(SECTIONS[section])
        if not re.search(rf"\.{key}\b", code)
    ]
    assert set(unused) <= used_by_the_gates


# -------------------------------------------------------------------------------- live gates
def live_config(tmp_path: Path, **changes: Any) -> Config:
    override = tmp_path / "i-mean-it"
    override.touch()
    parts: dict[str, Any] = {
        "mode": "live",
        "enabled": True,
        "override_file": override,
        "account_prefix": "U",
    } | changes
    return Config(
        connection=ConnectionParams(mode=parts["mode"]),
        orders=OrderParams(enabled=parts["enabled"]),
        live=LiveParams(
            override_file=parts["override_file"], account_prefix=parts["account_prefix"]
        ),
    )


def test_live_passes_only_through_every_gate(tmp_path: Path) -> None:
    config = live_config(tmp_path)
    check_live_gates(config)
    assert closed_gates(config) == ()


@pytest.mark.parametrize(
    ("change", "gate"),
    [
        ({"enabled": None}, "[orders] enabled is not set to yes"),
        ({"enabled": False}, "[orders] enabled is not set to yes"),
        ({"override_file": None}, "[live] override_file is not set"),
        ({"override_file": Path("no-such-file")}, "[live] override_file no-such-file does not"),
        ({"override_file": Path("/")}, "[live] override_file / does not exist"),
        ({"account_prefix": ""}, "[live] account_prefix is not set"),
        ({"account_prefix": "DU"}, "[live] account_prefix names paper accounts"),
    ],
)
def test_each_gate_blocks_by_itself(tmp_path: Path, change: dict[str, Any], gate: str) -> None:
    with pytest.raises(LiveTradingBlocked) as caught:
        check_live_gates(live_config(tmp_path, **change))
    assert f"live trading is blocked: {gate}" in str(caught.value)
    assert "; " not in str(caught.value)


def test_all_closed_gates_are_named_at_once() -> None:
    config = Config(connection=ConnectionParams(mode="live"))
    with pytest.raises(LiveTradingBlocked) as caught:
        check_live_gates(config)
    assert str(caught.value).count(";") == 2
    assert caught.value.port == 4001


def test_paper_needs_no_gate() -> None:
    check_live_gates(Config())
    assert closed_gates(Config())[0] == "[connection] mode is not live"


def test_the_override_file_is_looked_at_each_time(tmp_path: Path) -> None:
    config = live_config(tmp_path)
    check_live_gates(config)
    (tmp_path / "i-mean-it").unlink()
    with pytest.raises(LiveTradingBlocked):
        check_live_gates(config)


@pytest.mark.parametrize("accounts", [["DU1234567"], ["DF1", "DU2"], [""], []])
def test_paper_accounts_pass_in_paper(accounts: list[str]) -> None:
    check_accounts(Config(), accounts)


def test_a_live_gateway_behind_a_paper_configuration_is_refused() -> None:
    with pytest.raises(LiveTradingBlocked, match=r"1 live account\(s\) \(U1\*\*\*67\)") as caught:
        check_accounts(Config(), ["DU1234567", "U1234567"])
    assert "U1234567" not in str(caught.value)


@pytest.mark.parametrize(
    ("accounts", "passes"),
    [
        (["U1234567"], True),
        (["U1234567", "U1234568"], True),
        (["U1234567", "U7654321"], False),
        (["DU1234567"], False),
        ([], False),
    ],
)
def test_live_accounts_must_be_the_named_ones(
    tmp_path: Path, accounts: list[str], passes: bool
) -> None:
    config = live_config(tmp_path, account_prefix="U12345")
    if passes:
        check_accounts(config, accounts)
        return
    with pytest.raises(LiveTradingBlocked):
        check_accounts(config, accounts)


# ------------------------------------------------------------------------------- end of day
def test_the_end_of_a_day_does_nothing_by_itself() -> None:
    params = Config().end_of_day
    assert (params.runs_at(), params.cancel, params.flatten) == (None, "none", False)
    assert params.weekdays() == frozenset(range(5))


def test_when_a_day_ends_is_read() -> None:
    given = {"end_of_day.at": "15:55 America/New_York", "end_of_day.days": "Mon, FRI"}
    params = Config.load(environ={}, command_line=given).end_of_day
    runs = params.runs_at()
    assert runs is not None
    assert (runs[0].isoformat(), str(runs[1])) == ("15:55:00", "America/New_York")
    assert params.weekdays() == frozenset({0, 4})


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("at", "late", "no time of a day"),
        ("at", "15:55 Mars/Olympus", "no time zone 'Mars/Olympus'"),
        ("days", "mon, someday", "'someday' is no day of the week"),
    ],
)
def test_an_end_of_a_day_that_does_not_exist(key: str, value: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as raised:
        Config.load(environ={}, command_line={f"end_of_day.{key}": value})
    assert (raised.value.section, raised.value.key) == ("end_of_day", key)
