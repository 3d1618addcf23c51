"""Where settings come from, and which are refused; no refusal shows a key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_client.errors import ApiConfigError
from api_client.settings import RateLimits, RetryPolicy, Secret, Settings, Timeouts, read_env_file

URL = "https://flow.example.com/api/v1"


def load(*arguments: Any, **others: Any) -> Settings:
    return Settings.load(*arguments, **{"environ": {}, "env_file": None, **others})


def test_arguments_before_environment_before_file(tmp_path: Path) -> None:
    file = tmp_path / "flow.env"
    file.write_text("API_BASE_URL=https://file/api/v1\nAPI_KEY=file-key\n")
    environ = {"API_KEY": "environ-key"}
    both = load("https://argument/api/v1", "argument-key", env_file=file, environ=environ)
    assert (both.base_url, both.api_key) == ("https://argument/api/v1", Secret("argument-key"))
    middle = load(env_file=file, environ=environ)
    assert (middle.base_url, middle.api_key) == ("https://file/api/v1", Secret("environ-key"))
    assert load(env_file=file).api_key == Secret("file-key")


def test_the_env_file_of_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("API_KEY", raising=False)
    monkeypatch.setenv("API_BASE_URL", URL)
    with pytest.raises(ApiConfigError, match=re.escape("no api_key: pass it, set API_KEY")):
        Settings.load()
    (tmp_path / ".env").write_text("export API_KEY='from file'  # the key\n")
    with pytest.raises(ApiConfigError, match="character"):
        Settings.load()
    (tmp_path / ".env").write_text("export API_KEY='from-file'  # the key\n")
    assert Settings.load().api_key == Secret("from-file")
    with pytest.raises(ApiConfigError, match="no api_key"):
        Settings.load(env_file=None)


def test_a_named_env_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ApiConfigError, match="cannot read"):
        load(URL, env_file=tmp_path / "absent.env")
    (tmp_path / "binary.env").write_bytes(b"\xff\xfe\x80KEY")
    with pytest.raises(ApiConfigError, match="cannot read"):
        load(URL, env_file=tmp_path / "binary.env")


def test_the_forms_of_an_env_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "\ufeff# a comment\n\nA=1\n B = two words # note\nexport C=\"x # y\"\nD='q'uux\n"
        "E=\nF\n=G\nH=a=b#c\nI='open\n#J=1\n",
        encoding="utf-8",
    )
    assert read_env_file(file) == {
        "A": "1",
        "B": "two words",
        "C": "x # y",
        "D": "q",
        "E": "",
        "H": "a=b#c",
        "I": "'open",
    }


@pytest.mark.parametrize(
    ("given_url", "clean"),
    [
        (f"{URL}/", URL),
        (f"  {URL}  ", URL),
        ("http://127.0.0.1:8600/api/v1", "http://127.0.0.1:8600/api/v1"),
        ("https://[::1]:8600", "https://[::1]:8600"),
    ],
)
def test_base_urls(given_url: str, clean: str) -> None:
    assert load(given_url, "k").base_url == clean


@pytest.mark.parametrize(
    "url",
    [
        "flow.example.com/api/v1",
        "ftp://flow.example.com",
        "https://",
        "https://user:hidden@flow.example.com",
        "https://flow.example.com/api/v1?api_key=hidden",
        "https://flow.example.com/#hidden",
        "https://flow.example.com:hidden/",
        "https://[hidden",
    ],
)
def test_base_urls_refused_without_an_echo(url: str) -> None:
    with pytest.raises(ApiConfigError, match="base URL") as raised:
        load(url, "k")
    assert "hidden" not in str(raised.value)
    assert raised.value.__cause__ is None


@given(st.text())
def test_a_key_is_taken_or_refused_without_an_echo(key: str) -> None:
    try:
        settings = load(URL, key)
    except ApiConfigError as error:
        said = str(error)
    else:
        said = repr(settings)
        assert re.fullmatch(r"[!-~]+", settings.api_key.reveal())
    # A key that is also a word of ours, such as "http", would be found without having leaked.
    without = repr(load(URL, "another"))
    if len(key.strip()) > 3 and key.strip() not in without:
        assert key.strip() not in said


def test_a_secret_may_be_given() -> None:
    assert load(URL, Secret("abc")).api_key == Secret("abc")


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Timeouts(read=0), "read"),
        (lambda: Timeouts(total=-1), "total"),
        (lambda: RateLimits(margin=-1), "margin"),
        (lambda: RateLimits(max_wait=-1), "max_wait"),
        (lambda: RetryPolicy(attempts=0), "attempts"),
        (lambda: RetryPolicy(base=-1), "base"),
        (lambda: load(URL, "k", max_body=0), "max_body"),
        (lambda: load("", "k"), "base_url"),
        (lambda: load(URL, "  "), "empty"),
    ],
)
def test_refused(make: Any, match: str) -> None:
    with pytest.raises(ApiConfigError, match=match):
        make()


def test_an_unknown_place_for_the_key() -> None:
    with pytest.raises(ValueError, match="key_place"):
        load(URL, "k", key_place="cookie")


@given(st.integers(1, 2000), st.floats(0, 1))
def test_the_back_off(failures: int, chance: float) -> None:
    policy = RetryPolicy()
    whole = min(policy.cap, policy.base * 2.0 ** min(failures - 1, 60))
    assert whole / 2 <= policy.delay(failures, chance) <= whole


@pytest.mark.parametrize(
    "url",
    ["http://a b/api", "http://.../", "http://a..b/api", f"http://{'a' * 64}.com", "http://a\0b/"],
)
def test_hosts_that_no_lookup_takes(url: str) -> None:
    with pytest.raises(ApiConfigError, match="not a URL"):
        load(url, "key")


def test_what_is_missing_is_named() -> None:
    for arguments, setting in (((URL,), "api_key"), ((), "base_url")):
        with pytest.raises(ApiConfigError) as raised:
            load(*arguments)
        assert raised.value.setting == setting


def test_exports_with_tabs_and_windows_line_ends(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"export\tA=1\r\n  export  B = '2'\r\nexported=3\r\n")
    assert read_env_file(file) == {"A": "1", "B": "2", "exported": "3"}
