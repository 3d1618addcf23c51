"""How it stands with a gateway, at one moment (pure)."""

from __future__ import annotations

import attrs

from .endings import Ending
from .login_log import LoginState
from .readiness import Seen
from .record import Record

__all__ = ["Status"]


@attrs.frozen(kw_only=True)
class Status:
    """How it stands with a gateway.

    Attributes:
        record: The process that we started and that lives; None where there is none.
        login: Where its login stands, by IBC's log.
        ending: How the process that we started last ended; None where it lives, or none was.
        command_server: Whether IBC's command server answers; None where it has none.
        port_open: Whether the port of the API accepts connections.
        seen: What a look at the API saw.
        missing: What is not proven; empty for a gateway that is ready.
    """

    record: Record | None
    login: LoginState
    ending: Ending | None
    command_server: bool | None
    port_open: bool
    seen: Seen
    missing: tuple[str, ...]

    @property
    def ready(self) -> bool:
        """Whether the gateway is proven ready."""
        return not self.missing
