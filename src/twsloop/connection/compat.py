"""What does not fit is refused at the start, in one clear sentence.

The ``ibapi`` of the package index stopped at 9.81 in 2020; another one may shadow ours. And a
program written for it overrides callbacks whose parameters have changed since: IB's client would
call them with the wrong number of arguments, in the middle of trading.
"""

from __future__ import annotations

import inspect
import logging
from typing import Any

from twsloop.errors import DependencyError, StaleOverrideError
from twsloop.processors import CALLBACKS, overrides

__all__ = ["RENAMED", "check_ibapi", "check_overrides"]

logger = logging.getLogger(__name__)

#: Callbacks of ibapi 9.81 that 10.x calls by another name.
RENAMED = {"commissionReport": "commissionAndFeesReport"}


def check_ibapi(client: Any) -> None:
    """Refuse an ibapi that is not the one we are written for.

    Args:
        client: Its EClient class.

    Raises:
        DependencyError: It is too old; the sentence says what to uninstall.
    """
    if not hasattr(client, "sendMsgProtoBuf"):
        msg = (
            "the installed ibapi is too old (before 10.46): twsloop needs the distribution "
            "nautilus_ibapi. Run: pip uninstall ibapi; pip install --force-reinstall "
            "'nautilus_ibapi>=10.46.1'"
        )
        raise DependencyError(msg)


def check_overrides(app: object, *, warn: bool = False) -> None:
    """Refuse overrides whose parameters do not take what IB's client passes.

    Args:
        app: The object that has them.
        warn: Log those that were renamed since, and are never called.

    Raises:
        StaleOverrideError: Names each such method, what it takes and what it has to take.
    """
    problems = []
    for name, method in overrides(app).items():
        wanted = [
            parameter
            for parameter in CALLBACKS[name].parameters.values()
            if parameter.name != "self"
        ]
        try:
            signature = inspect.signature(method)
        except (TypeError, ValueError):
            continue  # something callable that does not tell: IB's client will see
        try:
            signature.bind(*wanted)
        except TypeError:
            expected = ", ".join(str(parameter) for parameter in wanted)
            problems.append(f"{name}{signature} has to take ({_plain(expected)})")
    for old, new in RENAMED.items():
        if warn and callable(getattr(app, old, None)) and new not in overrides(app):
            logger.warning(
                "%s.%s is never called: ibapi 10 calls %s instead", type(app).__name__, old, new
            )
    if problems:
        raise StaleOverrideError(type(app).__name__, tuple(problems))


def _plain(parameters: str) -> str:
    """Parameters without their annotations' module names."""
    return parameters.replace("ibapi.", "").replace("decimal.", "")
