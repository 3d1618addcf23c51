"""Where user name and password come from, and where they do not show."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Any

import pytest

from twsloop.config import ControlParams
from twsloop.control.login import Login, find_login
from twsloop.errors import LoginError

SECRET = "correct-horse-battery"


def params(**given: Any) -> ControlParams:
    return ControlParams(**given)


def secret_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    file = folder / "login"
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    return file


def test_the_environment_has_it() -> None:
    for names in (("TWS_USERID", "TWS_PASSWORD"), ("TWSUSERID", "TWSPASSWORD")):
        found = find_login(params(), dict(zip(names, ("me", SECRET), strict=True)))
        assert found == Login("me", SECRET, "the environment")
        assert SECRET not in repr(found)
        assert "me'" not in repr(found)


def test_a_file_that_the_environment_names(tmp_path: Path) -> None:
    file = secret_file(tmp_path, f"{SECRET}\n")
    environ = {"TWS_USERID": "me", "TWS_PASSWORD_FILE": str(file)}
    found = find_login(params(login="environment"), environ)
    assert found is not None
    assert (found.user, found.password) == ("me", SECRET)


def test_nobody_has_it() -> None:
    assert find_login(params(), {}) is None
    assert find_login(params(), {"TWS_USERID": "me"}) is None
    assert find_login(params(login="ibc"), {"TWS_USERID": "me", "TWS_PASSWORD": SECRET}) is None
    with pytest.raises(LoginError, match="TWS_USERID and TWS_PASSWORD"):
        find_login(params(login="environment"), {})


def test_a_file_has_it(tmp_path: Path) -> None:
    file = secret_file(tmp_path, f"user = me\nPassword = a={SECRET}\n")
    found = find_login(params(login="file", login_file=file), {})
    assert found == Login("me", f"a={SECRET}", str(file))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes of files")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o606])
def test_a_file_that_others_can_read_is_refused(mode: int, tmp_path: Path) -> None:
    file = secret_file(tmp_path, f"user=me\npassword={SECRET}\n", mode)
    with pytest.raises(LoginError, match="chmod 600"):
        find_login(params(login="file", login_file=file), {})
    with pytest.raises(LoginError, match="chmod 600"):
        find_login(params(), {"TWS_USERID": "me", "TWS_PASSWORD_FILE": str(file)})


@pytest.mark.parametrize(
    ("text", "words"),
    [(f"password={SECRET}\n", "both user and password"), ("", "both user and password")],
)
def test_a_file_without_it(text: str, words: str, tmp_path: Path) -> None:
    file = secret_file(tmp_path, text)
    with pytest.raises(LoginError, match=words) as wrong:
        find_login(params(login="file", login_file=file), {})
    assert SECRET not in "".join(traceback.format_exception(wrong.value))


def test_a_file_that_is_no_text_or_none(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"\xff" + SECRET.encode())
    file.chmod(0o600)
    with pytest.raises(LoginError, match="not UTF-8") as wrong:
        find_login(params(login="file", login_file=file), {})
    assert SECRET not in "".join(traceback.format_exception(wrong.value))
    with pytest.raises(LoginError, match="cannot be read"):
        find_login(params(login="file", login_file=tmp_path / "none"), {})
    with pytest.raises(LoginError, match="login_file is not set"):
        find_login(params(login="file"), {})


KEYRING = """
import os
def get_password(service, user):
    if user == "locked":
        raise RuntimeError("locked: correct-horse-battery")
    return os.environ["STORED"] if (service, user) == ("twsloop", "me") else None
"""


def test_the_keyring_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The package is not one of ours: a module of its name stands in for it.
    monkeypatch.delitem(sys.modules, "keyring", raising=False)
    (tmp_path / "keyring.py").write_text(KEYRING, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("STORED", SECRET)
    found = find_login(params(login="keyring", login_user="me"), {})
    assert found == Login("me", SECRET, "the keyring")
    with pytest.raises(LoginError, match="has no password"):
        find_login(params(login="keyring", login_user="you"), {})
    with pytest.raises(LoginError, match="cannot be read: RuntimeError") as wrong:
        find_login(params(login="keyring", login_user="locked"), {})
    assert SECRET not in str(wrong.value)
    assert wrong.value.__suppress_context__
    monkeypatch.delitem(sys.modules, "keyring")


def test_no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(LoginError, match=r"pip install twsloop\[keyring\]"):
        find_login(params(login="keyring", login_user="me"), {})
    with pytest.raises(LoginError, match="login_user is not set"):
        find_login(params(login="keyring"), {})
