"""The process of TWS or IB Gateway: found, started, proven ready, looked at, restarted, stopped.

Theory of operation. What is known is kept apart from what is done. Pure are: where the programs are
(`locate`), what IBC's settings say (`ibc_settings`), the command lines (`launch`), the words of
IBC's command server (`commands`), what its log tells of the login (`login_log`), what an exit
status means (`endings`), what has to be seen before a gateway is ready (`readiness`), what the
doctor makes of what it found (`diagnosis`), and when supervision restarts (`supervision`). Around
them: files and processes (`machine`, `record`), the command port (`command_client`), a session of
our own that looks at the gateway (`watching`), and on top `GatewayProcess`, `Keeper` and `examine`.

A gateway is ready when a session of the API stands on it, it has said its nextValidId, and it has
its data farms. An open port says nothing: containers accept connections while the gateway is still
at its login. A second factor is shown, and waited for; nothing here answers it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .diagnosis import Report, StepOutcome, Verdict
    from .doctor import examine
    from .gateway_process import GatewayProcess
    from .keeper import Keeper
    from .status import Status
    from .steps import Step

__all__ = [
    "GatewayProcess",
    "Keeper",
    "Report",
    "Status",
    "Step",
    "StepOutcome",
    "Verdict",
    "examine",
]

#: Loaded when it is asked for: what is pure in here needs none of it.
_LAZY = {
    "GatewayProcess": "gateway_process",
    "Keeper": "keeper",
    "StepOutcome": "diagnosis",
    "Report": "diagnosis",
    "Status": "status",
    "Step": "steps",
    "Verdict": "diagnosis",
    "examine": "doctor",
}


def __getattr__(name: str) -> Any:
    """Load what is asked for, and nothing before."""
    module = _LAZY.get(name)
    if module is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{module}"), name)
