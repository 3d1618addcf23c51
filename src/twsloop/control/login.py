"""User name and password: where they come from, and that they stay where nobody reads them.

They come from the environment, from a file that only its owner can read, or from the system's
keyring. They go into a config.ini for IBC that only its owner can read, and that is deleted when
the gateway ends. They are never part of a command line, of an environment that is handed on, or of
a text of ours.
"""

from __future__ import annotations

import stat
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from twsloop.errors import LoginError

if TYPE_CHECKING:
    from twsloop.config import ControlParams

__all__ = ["KEYRING_SERVICE", "Login", "find_login"]

#: Under which service the keyring has the password.
KEYRING_SERVICE = "twsloop"
#: Whether others may read or write a file, by its mode.
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def _hidden(_value: object) -> str:
    return "'***'"


@attrs.frozen
class Login:
    """A user name and a password; neither shows when it is printed.

    Attributes:
        user: The user name.
        password: The password.
        source: Where they come from, in words.
    """

    user: str = attrs.field(repr=_hidden)
    password: str = attrs.field(repr=_hidden)
    source: str = ""


def find_login(params: ControlParams, environ: Mapping[str, str]) -> Login | None:
    """The login that the settings and the environment say.

    Args:
        params: The settings.
        environ: The environment.

    Returns:
        It; None where IBC's own file is to have it, or nobody has.

    Raises:
        LoginError: It is not where it should be, or others could read it.
    """
    if params.login == "ibc":
        return None
    if params.login == "file":
        return _from_file(params.login_file)
    if params.login == "keyring":
        return _from_keyring(params.login_user)
    found = _from_environment(environ)
    if found is None and params.login == "environment":
        raise LoginError(
            "TWS_USERID and TWS_PASSWORD are not both in the environment",
            remedy="set them, or TWS_PASSWORD_FILE, or choose another [control] login",
        )
    return found


def _from_environment(environ: Mapping[str, str]) -> Login | None:
    for user_name, password_name in (("TWS_USERID", "TWS_PASSWORD"), ("TWSUSERID", "TWSPASSWORD")):
        user, password = environ.get(user_name, ""), environ.get(password_name, "")
        file = environ.get("TWS_PASSWORD_FILE", "")
        if user and not password and file:
            password = _read(Path(file), "TWS_PASSWORD_FILE").strip("\r\n")
        if user and password:
            return Login(user, password, "the environment")
    return None


def _from_file(path: Path | None) -> Login:
    if path is None:
        raise LoginError(
            "[control] login is file, and login_file is not set",
            remedy="set it to a file with the lines user = ... and password = ...",
        )
    values: dict[str, str] = {}
    for line in _read(path, "[control] login_file").splitlines():
        name, _, value = line.partition("=")
        values[name.strip().lower()] = value.strip()
    if not values.get("user") or not values.get("password"):
        raise LoginError(
            f"{path} does not hold both user and password",
            remedy="write the lines user = ... and password = ...",
        )
    return Login(values["user"], values["password"], str(path))


def _read(path: Path, setting: str) -> str:
    """What a file holds that nobody but its owner can read."""
    try:
        status = path.stat()
        # A container's secrets are root's, in a file system of their own, which only we see.
        mounted = path.is_relative_to("/run/secrets")
        if sys.platform != "win32" and status.st_mode & _OTHERS and not mounted:
            raise LoginError(
                f"others can read {path}, in which a password is", remedy=f"chmod 600 {path}"
            )
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise LoginError(
            f"{path} cannot be read: {error.strerror or error}", remedy=f"look at {setting}"
        ) from error
    except UnicodeDecodeError:
        # Without the original: it quotes the bytes.
        raise LoginError(f"{path} is not UTF-8 text", remedy=f"look at {setting}") from None


def _from_keyring(user: str | None) -> Login:
    if not user:
        raise LoginError(
            "[control] login is keyring, and login_user is not set",
            remedy=f"set it, and store the password with: keyring set {KEYRING_SERVICE} USER",
        )
    try:
        keyring: Any = import_module("keyring")
    except ImportError:
        raise LoginError(
            "the package keyring is not installed", remedy="pip install twsloop[keyring]"
        ) from None
    try:
        password = keyring.get_password(KEYRING_SERVICE, user)
    except Exception as error:  # noqa: BLE001  (each backend of each system has its own)
        raise LoginError(
            f"the keyring cannot be read: {type(error).__name__}",
            remedy="unlock it, or choose another [control] login",
        ) from None
    if not password:
        raise LoginError(
            "the keyring has no password for [control] login_user",
            remedy=f"store it with: keyring set {KEYRING_SERVICE} USER",
        )
    return Login(user, password, "the keyring")
