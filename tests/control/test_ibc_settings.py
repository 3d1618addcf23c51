"""IBC's config.ini, as Java reads it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from twsloop.control.ibc_settings import ENCODING, IbcSettings, read_settings, with_login

MINE = """\
# IBC's own file
IbLoginId=somebody
IbPassword=correct horse
TradingMode=Paper
  CommandServerPort = 7462
CommandPrompt=IBC>
!OverrideTwsApiPort=1
OverrideTwsApiPort=4012
ReadOnlyApi=yes
ReloginAfterSecondFactorAuthenticationTimeout=no
"""


def test_what_matters_is_read() -> None:
    assert read_settings(MINE) == IbcSettings(
        command_port=7462,
        prompt="IBC>",
        api_port=4012,
        has_login=True,
    )


def test_nothing_is_set_in_an_empty_file() -> None:
    assert read_settings("") == IbcSettings()
    assert read_settings("CommandServerPort=0\nIbLoginId=me\nIbPassword=\n") == IbcSettings()
    assert read_settings("CommandServerPort=\u0663\u0663").command_port is None


def test_java_takes_colons_blanks_and_escapes_too() -> None:
    text = "CommandServerPort: 7\\\n462\nOverrideTwsApiPort 4012\nCommandPrompt=a\\u003e\\\\\n"
    found = read_settings(text)
    assert (found.command_port, found.api_port, found.prompt) == (7462, 4012, "a>\\")


def test_the_login_replaces_the_one_that_was_there() -> None:
    text = with_login(MINE, "me", "secret")
    assert "somebody" not in text
    assert "horse" not in text
    assert read_settings(text) == read_settings(MINE)


def test_a_password_over_several_lines_leaves_nothing_behind() -> None:
    text = with_login("IbPassword=half\\\n  other\nOverrideTwsApiPort=4012\\", "me", "secret")
    assert "other" not in text
    assert read_settings(text).api_port == 4012


PRINTED = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(PRINTED, PRINTED, st.text(max_size=200))
def test_any_login_arrives_as_it_is(user: str, password: str, text: str) -> None:
    written = with_login(text, user, password).encode(ENCODING, "replace").decode(ENCODING)
    settings = read_settings(written)
    assert settings.has_login
    values = {}
    for line in written.splitlines():
        key, _, value = line.partition("=")
        values[key] = value
    back = {key: _java(values[key]) for key in ("IbLoginId", "IbPassword")}
    assert back == {"IbLoginId": user, "IbPassword": password}


def _java(value: str) -> str:
    """A value as java.util.Properties decodes it, by code units."""
    units, at = b"", 0
    while at < len(value):
        if value[at] == "\\":
            assert value[at + 1] == "u"
            units += int(value[at + 2 : at + 6], 16).to_bytes(2, "big")
            at += 6
        else:
            units += value[at].encode("utf-16-be")
            at += 1
    return units.decode("utf-16-be")


@given(st.text(max_size=300))
def test_no_text_breaks_it(text: str) -> None:
    read_settings(text)
