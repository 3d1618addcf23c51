"""Which implementation of the stream runs: the compiled one, or the one in Python."""

from __future__ import annotations

import importlib
import logging
import os
from typing import TYPE_CHECKING

from twsloop.errors import DependencyError

from . import stream as _python

__all__ = ["IMPLEMENTATION", "VARIABLE", "MessageStream"]

logger = logging.getLogger(__name__)

#: The environment variable that chooses.
VARIABLE = "TWSLOOP_WIRE"
_COMPILED = "twsloop.wire._native"


def _choose() -> tuple[str, type[_python.MessageStream]]:
    wanted = os.environ.get(VARIABLE, "")
    if wanted not in {"", "native", "python"}:
        msg = f"{VARIABLE}={wanted}: set it to native or python, or not at all"
        raise DependencyError(msg)
    if wanted == "python":
        return "python", _python.MessageStream
    try:
        native = importlib.import_module(_COMPILED)  # it is not there without a compiler
    except Exception as error:  # whatever a stale one raises: Python is always there
        if wanted == "native":
            msg = (
                f"{VARIABLE}=native, but twsloop's compiled part is not there ({error}); install "
                "a C compiler and Python's headers, then install twsloop again, or unset it"
            )
            raise DependencyError(msg) from error
        if not isinstance(error, ImportError):  # it is there, of another version, say
            logger.warning("twsloop's compiled part does not start (%s): Python runs", error)
        return "python", _python.MessageStream
    return "native", native.MessageStream


if TYPE_CHECKING:
    IMPLEMENTATION: str
    MessageStream = _python.MessageStream
else:
    IMPLEMENTATION, MessageStream = _choose()
