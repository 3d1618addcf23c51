"""Looking at settings that are wrong: all of it is told, and what is right is kept."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.config import SECTIONS, Config, options_of, render_example, survey
from twsloop.errors import ConfigError

KEYS = [(section, key) for section, kind in SECTIONS.items() for key in options_of(kind)]
NAMES = st.one_of(
    st.sampled_from(KEYS).map(lambda name: f"{name[0]}.{name[1]}"),
    st.sampled_from(["connection.hots", "nonsense.x", "errors.10349", "errors.x", "live"]),
)
TEXTS = st.sampled_from(
    ["", "1", "7", "yes", "abc", "-5", "0.5", "99999", "paper", "~/x", "order_live: keep, info"]
)
VALUES = st.dictionaries(NAMES, TEXTS, max_size=6)


def ini(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_all_that_is_wrong_is_told_and_what_is_right_is_kept(tmp_path: Path) -> None:
    file = ini(
        tmp_path / "bad.ini",
        "[connection]\nport = 99999\nhots = 3\nclient_id = 7\n[nonsense]\nx = 1\n"
        "[reconnect]\ncap = abc\n",
    )
    env = {"TWSLOOP_CONNECTION_PROT": "5", "TWSLOOP_CONNECTION_HOST": "there", "OTHER": "x"}
    found = survey(file, environ=env, command_line={"connection.client_id": 9})
    told = [(error.section, error.key) for error in found.problems]
    assert told == [
        ("connection", "hots"),
        ("nonsense", None),
        ("connection", "TWSLOOP_CONNECTION_PROT"),
        ("connection", "port"),
        ("reconnect", "cap"),
    ]
    assert found.config.connection.host == "there"
    assert found.config.connection.client_id == 9
    assert found.config.reconnect == Config().reconnect
    assert found.sources == {
        ("connection", "port"): str(file),
        ("connection", "client_id"): "command line",
        ("connection", "host"): "environment TWSLOOP_CONNECTION_HOST",
        ("reconnect", "cap"): str(file),
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("port = 5\n", "line 1 stands before the first [section]"),
        ("[connection]\npassword s3cret\n", "line 2: neither [section] nor key = value"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_problem(tmp_path: Path, text: str, problem: str) -> None:
    env_file = ini(tmp_path / ".env", "TWSLOOP_CONNECTION_PORT=5\nthis is none\n")
    found = survey(ini(tmp_path / "bad.ini", text), env_file=env_file, environ={})
    assert [error.problem for error in found.problems] == [
        f"not an INI file: {problem}",
        "line 2 is not NAME=value",
    ]
    assert found.problems[0].__cause__ is found.problems[0].__context__ is None
    assert found.config.connection.port == 5
    missing = survey(tmp_path / "no.ini", env_file=tmp_path / "no.env", environ={})
    assert len(missing.problems) == 2
    assert missing.config == Config()


@given(command_line=VALUES)
def test_it_finds_something_wrong_exactly_where_loading_does(command_line: dict[str, str]) -> None:
    found = survey(environ={}, command_line=command_line)
    failed: str | None = None
    loaded: Config | None = None
    try:
        loaded = Config.load(environ={}, command_line=command_line)
    except ConfigError as error:
        failed = str(error)
    if failed is not None:
        assert failed == str(found.problems[0])
        return
    assert found.problems == ()
    assert found.config == loaded
    assert set(found.sources) == {tuple(name.split(".")) for name in command_line}


def test_keys_that_no_list_has_keep_their_names() -> None:
    found = survey(environ={}, command_line={"errors.10349": "order_live: keep, info"})
    assert found.named == {("errors", "10349"): "order_live: keep, info"}
    assert survey(environ={}, command_line={"connection.port": 5}).named == {}


# ------------------------------------------------------------------------- a file of one's own
@given(
    values=st.fixed_dictionaries(
        {},
        optional={
            "connection.port": st.integers(1, 65535),
            "connection.client_id": st.integers(0, 99),
            "connection.host": st.sampled_from(["127.0.0.1", "tws.example"]),
            "reconnect.cap": st.floats(1, 600),
            "orders.enabled": st.booleans(),
        },
    )
)
def test_a_file_of_ones_own_says_what_was_given_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, object]
) -> None:
    text = render_example(values)
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    said = {f"{s}.{key}" for s in parser.sections() for key in parser[s]}
    assert said == set(values)
    file = ini(tmp_path_factory.mktemp("own") / "own.ini", text)
    assert Config.load(file, environ={}) == Config.load(environ={}, overrides=values)
    for section, key in KEYS:
        assert f"\n#{key} = " in text or f"\n{key} = " in text or f"\n#{key} =" in text, section
