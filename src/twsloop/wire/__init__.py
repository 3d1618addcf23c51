"""The wire, without any I/O: frames, hello, the message table, and both encodings.

- `framing`: bytes to frames, frames to bytes.
- `handshake`: the hello of both sides.
- `messages`: number, name, protobuf class and version gates of every message.
- `text`: runs the layouts of the text protocol, one line a message: `layouts_in`, `layouts_out`
  (pieces they share: `fragments`), in the language of `grammar`, with the types of `kinds` and the
  named `conditions`.
- `codec`: a body from a protobuf message at a server version, and back.
- `tape`: recorded sessions, one JSON object a line; `masking`: without account numbers and names.
- `hot`: frames, and the messages that come by the thousand, decoded at once; in Python, or
  compiled. `IMPLEMENTATION` says which of the two runs: ``"native"`` or ``"python"``.
"""

from __future__ import annotations

__all__ = ["IMPLEMENTATION"]

IMPLEMENTATION: str


def __getattr__(name: str) -> str:
    """Choose when asked: to import this package has no effects."""
    if name != "IMPLEMENTATION":
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from .hot import choice  # noqa: PLC0415  (see above)

    return choice.IMPLEMENTATION
