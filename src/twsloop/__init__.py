"""Interactive Brokers' TWS API on an event loop of its own.

Importing this package has no effects: the parts below it are loaded when they are first named.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twsloop.errors import TwsLoopError as TwsLoopError

__version__ = "0.1.0"

#: Public name -> module that holds it. This is the public surface; a test pins it.
_EXPORTS: dict[str, str] = {
    "TwsLoopError": "twsloop.errors",
}

__all__ = ["TwsLoopError", "__version__"]


def __getattr__(name: str) -> Any:
    """Load a public name from its module when it is first used."""
    try:
        module = _EXPORTS[name]
    except KeyError:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg) from None
    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted(__all__)
